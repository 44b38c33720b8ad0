"""Maps in two dimensions: PCA against numpy, UMAP in its process, coordinates from files."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled, MapError, MetadataError
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.maps.projection.coordinates import read_coordinates
from napari_rxrx3.maps.projection.pca import pca
from napari_rxrx3.maps.projection.umap import UmapSettings, has_umap, how_long, umap
from napari_rxrx3.maps.projection.umap_worker import run_umap
from samples import soak

GENES = tuple(f"GENE{i}" for i in range(30))
DIM = 12
GROUPS = 3
"""Genes of one group have nearly one direction: every third gene is of the same group."""

needs_umap = pytest.mark.skipif(not has_umap(), reason="umap-learn is not installed")


# --- a screen with groups of genes ---------------------------------------------------------------


def addresses() -> Iterator[str]:
    return (f"{row}{column:02d}" for row in b.ROWS[1:31] for column in range(2, 48))


def rows() -> list[b.Row]:
    place = addresses()
    guides = [
        b.guide_row("gene-001", 1, next(place), gene, guide) for gene in GENES for guide in (1, 2)
    ]
    return guides + [b.control_row("gene-001", 1, next(place)) for _ in range(16)]


def vector_of(row: b.Row, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(scale=0.2, size=DIM)
    if row["gene"] in GENES:
        noise[int(row["gene"][4:]) % GROUPS] += 6
    return (5 + noise).astype("float32")


def open_screen(folder: Path, change: Callable[[dict[str, np.ndarray]], None] | None = None) -> Any:
    listed = rows()
    rng = np.random.default_rng(3)
    vectors = {row["well_id"]: vector_of(row, rng) for row in listed}
    if change is not None:
        change(vectors)
    (folder / "data").mkdir(parents=True)
    b.write(folder / "data" / "metadata.csv", b.csv_bytes(listed))
    b.write(folder / "data" / "embeddings.parquet", b.embedding_bytes(vectors))
    return rx.open_dataset(folder / "data", cache_dir=folder / "cache")


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_screen(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="module")
def genes(screen: Any) -> Any:
    return screen.phenomap(align="centerscale")


@pytest.fixture(scope="module")
def wells(screen: Any) -> Any:
    return screen.phenomap(level="well", align="none")


def group_of(key: str) -> int:
    return int(key[4:].split("_")[0]) % GROUPS


def assert_groups_lie_apart(positions: np.ndarray, keys: list[str]) -> None:
    """The nearest entry in the picture is of the same group, for all but a few."""
    places = np.array([i for i, key in enumerate(keys) if key.startswith("GENE")])
    shown = positions[places].astype(float)
    distance = np.linalg.norm(shown[:, None] - shown[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    groups = np.array([group_of(keys[i]) for i in places])
    assert (groups[distance.argmin(axis=1)] == groups).mean() > 0.95


# --- PCA -----------------------------------------------------------------------------------------


def reference_pca(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions, whose signs are open, and shares of the variance, by an SVD."""
    centered = vectors.astype(float) - vectors.astype(float).mean(axis=0)
    left, values, _ = np.linalg.svd(centered, full_matrices=False)
    return left[:, :2] * values[:2], values[:2] ** 2 / (values**2).sum()


def assert_same_but_for_signs(found: np.ndarray, expected: np.ndarray) -> None:
    for axis in range(2):
        sign = np.sign((found[:, axis] * expected[:, axis]).sum())
        np.testing.assert_allclose(found[:, axis], sign * expected[:, axis], atol=2e-3)


@pytest.mark.parametrize(("level", "align"), [("perturbation", "centerscale"), ("well", "none")])
def test_pca_is_what_a_singular_value_decomposition_gives(
    screen: Any, level: str, align: str
) -> None:
    phenomap = screen.phenomap(level=level, align=align)
    expected, shares = reference_pca(phenomap.vectors)
    made = phenomap.project("pca")
    assert made.positions.dtype == np.float32
    assert made.method == "PCA"
    assert made.n_missing == 0
    assert_same_but_for_signs(made.positions, expected)
    first, second = (f"{100 * share:.0f} %" for share in shares)
    assert made.axes == (f"PC1, {first}", f"PC2, {second}")
    assert made.words.endswith(f": {first} + {second} of the variance")
    assert f"{len(phenomap.labels)} {level}s" in made.words
    assert ("not aligned" if align == "none" else align) in made.words


def test_pca_shows_the_groups_and_is_the_same_every_time(genes: Any) -> None:
    made = pca(genes)
    assert_groups_lie_apart(made.positions, list(genes.labels.index))
    np.testing.assert_array_equal(pca(genes).positions, made.positions)


class Vectors:
    """As much of a map as PCA looks at: vectors that no data set would come with."""

    level, align = "well", "none"

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors


def test_pca_in_many_blocks_of_a_mapped_file_keeps_what_little_varies(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    spread = np.geomspace(1, 0.1, 40)
    vectors = (rng.normal(size=(30_000, 40)) * spread + 1000).astype("float32")
    np.save(tmp_path / "vectors.npy", vectors)
    steps: list[tuple[int, int]] = []
    mapped = Vectors(np.load(tmp_path / "vectors.npy", mmap_mode="r"))
    made = pca(mapped, lambda done, total, text: steps.append((done, total)))
    assert_same_but_for_signs(made.positions, reference_pca(vectors)[0])
    assert len(steps) > 4
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {60_000}


def test_pca_leaves_out_zeros_and_what_is_not_finite() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 6)).astype("float32")
    usable = np.ones(50, dtype=bool)
    vectors[3], vectors[7, 2], vectors[20, 0] = 0, np.nan, np.inf
    usable[[3, 7, 20]] = False
    made = pca(Vectors(vectors))
    assert made.n_missing == 3
    assert np.isnan(made.positions[~usable]).all()
    assert_same_but_for_signs(made.positions[usable], reference_pca(vectors[usable])[0])
    assert "47 wells" in made.words


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (5, 1), (1, 1)])
def test_pca_of_almost_nothing_still_gives_places(shape: tuple[int, int]) -> None:
    vectors = np.arange(1, 1 + np.prod(shape), dtype="float32").reshape(shape)
    made = pca(Vectors(vectors))
    assert np.isfinite(made.positions).all()
    assert made.n_missing == 0
    if shape[1] == 1:
        assert not made.positions[:, 1].any()


def test_pca_of_no_usable_vector_is_refused() -> None:
    with pytest.raises(MapError, match="no vectors that can be projected"):
        pca(Vectors(np.zeros((4, 3), dtype="float32")))


def test_pca_stops_when_it_is_cancelled(genes: Any) -> None:
    with pytest.raises(Cancelled):
        pca(genes, stop_at(""))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(1, 9), st.integers(0, 10_000), st.integers(-6, 6))
def test_pca_of_anything_keeps_the_order_of_its_variances(
    n: int, dimension: int, seed: int, scale: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(n, dimension)) * 10.0**scale).astype("float32")
    made = pca(Vectors(vectors))
    spread = made.positions.astype(float).var(axis=0)
    assert np.isfinite(made.positions).all()
    assert spread[0] >= spread[1] * (1 - 1e-5)
    assert spread.sum() <= vectors.astype(float).var(axis=0).sum() * (1 + 1e-5)


# --- UMAP ----------------------------------------------------------------------------------------


def stop_at(words: str) -> Callable[[int, int, str], None]:
    """Return a progress that is cancelled once it says these words."""

    def progress(done: int, total: int, text: str) -> None:
        if words in text:
            raise Cancelled("stopped by the test")

    return progress


def unit_vectors(n: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(5).normal(size=(n, dimension)).astype("float32")
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def made_directly(vectors: np.ndarray, progress: Any = None, **changed: float) -> np.ndarray:
    asked = {"n_neighbors": 15, "min_dist": 0.1, "seed": 0} | changed
    return run_umap([vectors], vectors.shape, asked, progress)


def umap_processes(parent: int | None = None) -> list[psutil.Process]:
    """All processes below this one (or another) that make a UMAP."""
    found = []
    for process in psutil.Process(parent).children(recursive=True):
        try:
            if any("umap_process" in part for part in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.soak
@needs_umap
def test_umap_shows_the_groups_says_how_and_is_kept(tmp_path: Path) -> None:
    dataset = open_screen(tmp_path)
    genes = dataset.phenomap(align="centerscale")
    said: list[tuple[int, int, str]] = []
    chosen = UmapSettings(n_neighbors=5, min_dist=0.2, seed=4)
    made = umap(genes, chosen, lambda *step: said.append(step))
    assert made.positions.shape == (31, 2)
    assert_groups_lie_apart(made.positions, list(genes.labels.index))
    assert made.method == "UMAP"
    assert made.axes == ("UMAP 1", "UMAP 2")
    # centered on themselves, the controls have no direction
    assert np.isnan(made.positions[list(genes.labels.index).index("EMPTY_control")]).all()
    assert made.n_missing == 1
    assert made.words == (
        "UMAP of 30 perturbations, centerscale, cosine, 5 neighbors, min. distance 0.2, seed 4"
    )
    texts = [text for _, _, text in said]
    assert any("loading umap-learn" in text for text in texts)
    assert any("layout" in text and total == 500 for _, total, text in said)
    assert not umap_processes()

    again = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    kept = umap(again.phenomap(align="centerscale"), chosen, stop_at(""))
    np.testing.assert_array_equal(kept.positions, made.positions)
    assert (kept.words, kept.n_missing) == (made.words, 1)
    for align, other in (("centerscale", UmapSettings(seed=5)), ("tvn", chosen)):
        phenomap = again.phenomap(align=align)
        with pytest.raises(Cancelled):  # that is another picture
            umap(phenomap, other, stop_at("starting"))


@pytest.mark.soak
@needs_umap
def test_umap_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    vectors = unit_vectors(300)
    seeds = (0, 0, 1)  # at the same time: they do not know each other
    first, second, other = in_threads(lambda seed: made_directly(vectors, seed=seed), seeds)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.soak
@needs_umap
def test_umap_of_almost_nothing_still_gives_places() -> None:
    few = [np.abs(unit_vectors(n, dimension)) for n, dimension in ((3, 4), (16, 1))]
    for vectors, made in zip(few, in_threads(made_directly, few), strict=True):
        assert made.shape == (len(vectors), 2)
        assert np.isfinite(made).all()


@pytest.fixture
def taken(tmp_path: Path) -> Callable[[str], list[str]]:
    """Have a UMAP cancelled at these words; return the names of the files that it left."""

    def take(words: str) -> list[str]:
        dataset = open_screen(tmp_path)
        wells = dataset.phenomap(level="well", align="none")
        before = files_in(tmp_path)
        with pytest.raises(Cancelled):
            umap(wells, None, stop_at(words))
        return sorted(path.name for path in files_in(tmp_path) - before)

    return take


@needs_umap
@pytest.mark.parametrize(
    "words",
    [
        "starting",
        soak("handing over"),
        "loading umap-learn",
        *map(soak, ("nearest neighbors", "layout")),
    ],
)
def test_a_cancelled_umap_leaves_no_process_no_thread_and_no_file(
    taken: Callable[[str], list[str]], words: str
) -> None:
    assert taken(words) == []
    assert not umap_processes()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rxrx3-umap")]


OTHER_PROGRAM = """
import sys
import numpy as np
from napari_rxrx3.maps.projection.umap_worker import run_umap

def progress(done, total, text):
    if sys.argv[1] in text:
        print("there", flush=True)

vectors = np.random.default_rng(0).normal(size=(40_000, 32)).astype("float32")
run_umap([vectors], vectors.shape, {"n_neighbors": 15, "min_dist": 0.1, "seed": 0}, progress)
"""


@needs_umap
@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
@pytest.mark.parametrize("words", ["loading umap-learn", soak("descent")])
def test_a_umap_ends_with_the_program_that_wanted_it(words: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROGRAM, words], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"there\n"
        (process,) = umap_processes(other.pid)
        other.send_signal(signal.SIGKILL)
        other.wait()
        _, alive = psutil.wait_procs([process], timeout=20)
        assert not alive


def pretend(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install another umap-learn before the real one."""
    b.write(folder / "umap" / "__init__.py", textwrap.dedent(code).encode())
    information = b"Metadata-Version: 2.1\nName: umap-learn\nVersion: 99.0\n"
    b.write(folder / "umap_learn-99.0.dist-info" / "METADATA", information)
    monkeypatch.syspath_prepend(str(folder))


def test_what_umap_cannot_do_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
    class UMAP:
        def __init__(self, **settings): pass
        def fit_transform(self, vectors):
            raise ValueError("these vectors\\nare odd.")
    """
    pretend(tmp_path, code, monkeypatch)
    with pytest.raises(MapError) as caught:
        made_directly(unit_vectors(20))
    assert str(caught.value) == ("UMAP failed in umap-learn (ValueError: these vectors are odd).")
    assert not umap_processes()


def test_a_umap_learn_that_cannot_be_loaded_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, "import no_such_numba", monkeypatch)
    with pytest.raises(MapError, match=r"umap-learn \(ModuleNotFoundError: No module named 'no_s"):
        made_directly(unit_vectors(20))


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_umap_that_crashes_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_screen(tmp_path / "screen")
    wells = dataset.phenomap(level="well", align="none")
    before = files_in(tmp_path)
    ends = {
        "os.kill(os.getpid(), signal.SIGSEGV)": "made the UMAP of 76 entries ended by SIGSEGV",
        "os.kill(os.getpid(), signal.SIGKILL)": "ended by SIGKILL; the memory may be too small",
        "os._exit(3)": "ended with code 3",
    }
    for i, (end, said) in enumerate(ends.items()):
        # in folders of their own: Python may take what it compiled a moment ago for the new text
        pretend(tmp_path / f"other {i}", f"import os, signal; {end}", monkeypatch)
        with pytest.raises(MapError, match=said):
            umap(wells)
    left = {p for p in files_in(tmp_path / "screen") - before if "__pycache__" not in p.parts}
    assert not left


def test_what_umap_prints_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = r"""
    import os, sys
    print("loaded 1/2")
    class UMAP:
        def __init__(self, **settings): pass
        def fit_transform(self, vectors):
            os.write(1, b"no answer\n")
            os.write(2, b"x" * 1_000_000)
            print("Construct embedding")
            for part in ("comp", "leted ", "3", " / ", "40", "\n"):
                print(part, end="", flush=True)
            return vectors[:, :2] * 7.0
    """
    pretend(tmp_path, code, monkeypatch)
    said: list[tuple[int, int, str]] = []
    vectors = unit_vectors(20)
    made = made_directly(vectors, lambda *step: said.append(step))
    np.testing.assert_allclose(made, vectors[:, :2] * 7)
    assert [step for step in said if "layout" in step[2]][::-1][0][:2] == (3, 40)
    assert not [step for step in said if step[1] == 2]


def test_a_damaged_kept_umap_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
    class UMAP:
        def __init__(self, **settings): pass
        def fit_transform(self, vectors): return vectors[:, :2]
    """
    pretend(tmp_path / "other", code, monkeypatch)
    dataset = open_screen(tmp_path / "screen")
    wells = dataset.phenomap(level="well", align="none")
    made = wells.project("umap")
    (kept,) = (tmp_path / "screen" / "cache" / "projections").iterdir()
    for damage in (b"", b"no array", kept.read_bytes()[:200]):
        kept.write_bytes(damage)
        np.testing.assert_array_equal(umap(wells).positions, made.positions)
        assert len(kept.read_bytes()) > 200


@pytest.fixture(scope="module")
def without_umap(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose packages are those of this one, but for umap-learn."""
    folder = tmp_path_factory.mktemp("packages")
    for place in map(Path, sys.path):
        entries = place.iterdir() if place.is_dir() and place.name == "site-packages" else ()
        for entry in entries:
            if not entry.name.startswith(("umap", "__pycache__")):
                (folder / entry.name).symlink_to(entry)
    source = Path(rx.__file__).parents[1]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(source), str(folder)])}


WITHOUT = """
import sys
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import MapError
from napari_rxrx3.maps.projection import umap as projection

assert not projection.has_umap()
dataset = rx.open_dataset(sys.argv[1], cache_dir=sys.argv[2])
phenomap = dataset.phenomap(align="centerscale")
assert phenomap.project("pca").method == "PCA"
try:
    phenomap.project("umap")
except MapError as error:
    assert str(error) == projection.HOW_TO_GET_UMAP
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_without_umap_learn_the_rest_works_and_it_says_how_to_get_it(
    screen: Any, tmp_path: Path, without_umap: dict[str, str]
) -> None:
    run = subprocess.run(
        [sys.executable, "-S", "-c", WITHOUT, screen.root, str(tmp_path)],
        env=without_umap,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not run.stderr
    assert f'{sys.executable} -m pip install "napari-rxrx3[umap]"' in run.stdout


def test_umap_is_loaded_by_its_own_process_only() -> None:
    code = "from napari_rxrx3.maps import phenomap; import sys"
    code += "; from napari_rxrx3.maps.projection.umap import has_umap; has_umap()"
    code += "; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"umap", "numba", "sklearn", "pynndescent"}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"n_neighbors": 1}, "2 to 1000 neighbors, not 1"),
        ({"n_neighbors": 100_000}, "2 to 1000 neighbors, not 100000"),
        ({"min_dist": -0.1}, "0 to 1, not -0.1"),
        ({"min_dist": float("nan")}, "0 to 1, not nan"),
        ({"seed": -1}, "from 0 to 4294967295, not -1"),
    ],
)
def test_parameters_that_umap_cannot_use_are_refused(
    genes: Any, chosen: dict[str, Any], words: str
) -> None:
    with pytest.raises(MapError, match=words):
        genes.project("umap", settings=UmapSettings(**chosen))


@needs_umap
def test_umap_of_two_entries_is_refused(tmp_path: Path) -> None:
    def two(vectors: dict[str, np.ndarray]) -> None:
        for well_id in list(vectors)[2:]:
            del vectors[well_id]

    wells = open_screen(tmp_path, two).phenomap(level="well", align="none")
    with pytest.raises(MapError, match="at least 3 entries with a vector, and this map has 2"):
        wells.project("umap")


def test_a_long_umap_is_announced() -> None:
    assert how_long(102_705) == how_long(200_000) == ""
    for n in (222_601, 2_222_103):
        assert f"{n:,}" in how_long(n)
        assert "can be stopped" in how_long(n)
    assert "hours" in how_long(10_000_000)


def test_a_projection_that_there_is_not_is_refused(genes: Any) -> None:
    with pytest.raises(MapError, match="no projection 'tsne'; choose one of pca, umap, file"):
        genes.project("tsne")
    with pytest.raises(MapError, match="needs its path"):
        genes.project("file")


# --- coordinates from a file ---------------------------------------------------------------------


def places(phenomap: Any) -> pd.DataFrame:
    n = len(phenomap.labels)
    return pd.DataFrame({"x": np.arange(n) / 8, "y": -np.arange(n) / 4}, phenomap.labels.index)


def expected_of(table: pd.DataFrame) -> np.ndarray:
    return table.to_numpy(np.float32)


def write_table(path: Path, table: pd.DataFrame, **options: Any) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path, **options)
    else:
        table.to_csv(path, **options)
    return path


@pytest.mark.parametrize("name", ["own.csv", "own.parquet"])
@pytest.mark.parametrize("index", ["key", "well_id", "index", None])
def test_entries_are_named_by_a_column_or_the_index(
    genes: Any, tmp_path: Path, name: str, index: str | None
) -> None:
    table = places(genes)
    path = write_table(tmp_path / name, table.rename_axis(index).sample(frac=1, random_state=1))
    made = genes.project("file", path=path)
    np.testing.assert_array_equal(made.positions, expected_of(table))
    assert (made.method, made.axes, made.n_missing) == ("file", ("x", "y"), 0)
    assert made.words == f"{name}: x, y of 31 of 31 perturbations"


def test_wells_are_found_by_their_ids(wells: Any, tmp_path: Path) -> None:
    table = places(wells)
    path = write_table(tmp_path / "wells.parquet", table.rename_axis("well_id").reset_index())
    np.testing.assert_array_equal(read_coordinates(path, wells).positions, expected_of(table))


@pytest.mark.parametrize(
    "names",
    [
        *[("x", "y"), ("X", "Y"), ("umap1", "umap2"), ("UMAP_1", "UMAP_2"), ("UMAP 1", "UMAP 2")],
        *[("umap_x", "umap_y"), ("X_umap-0", "X_umap-1"), ("PC1", "PC2"), ("tSNE1", "tSNE2")],
        *[("left", "up"), ("0", "1"), ("dim_01", "dim_02")],
    ],
)
def test_coordinates_are_found_by_their_names(
    genes: Any, tmp_path: Path, names: tuple[str, str]
) -> None:
    table = places(genes).set_axis(list(names), axis=1)
    table.insert(0, "n_wells", 2)
    table.insert(1, "concentration", 0.5)
    table.insert(2, "gene", "PLK1")
    made = read_coordinates(write_table(tmp_path / "own.csv", table), genes)
    assert made.axes == names
    np.testing.assert_array_equal(made.positions, expected_of(table[list(names)]))


def test_of_several_pairs_x_and_y_come_first_then_umap(genes: Any, tmp_path: Path) -> None:
    table = places(genes)
    pairs = {"PC1": 1.0, "PC2": 2.0, "UMAP_1": 3.0, "UMAP_2": 4.0, "UMAP_3": 5.0}
    path = write_table(tmp_path / "a.csv", table[[]].assign(**pairs))
    assert read_coordinates(path, genes).axes == ("UMAP_1", "UMAP_2")
    path = write_table(tmp_path / "b.csv", table[[]].assign(**pairs, y=1.0, x=2.0))
    made = read_coordinates(path, genes)
    assert made.axes == ("x", "y")
    assert (made.positions == [2, 1]).all()


def test_the_first_column_of_text_names_entries_where_none_is_called_so(
    genes: Any, tmp_path: Path
) -> None:
    table = places(genes).rename_axis("perturbation").reset_index()[["x", "y", "perturbation"]]
    path = write_table(tmp_path / "own.csv", table)  # its index is the number of the row
    np.testing.assert_array_equal(
        read_coordinates(path, genes).positions, expected_of(table[["x", "y"]])
    )


def test_what_is_missing_and_what_is_strange_is_counted(genes: Any, tmp_path: Path) -> None:
    table = places(genes)
    table.iloc[2] = np.nan
    table.iloc[5, 1] = np.nan
    strangers = pd.DataFrame({"x": [1.0, np.inf], "y": 1.0}, ["NO_SUCH", "OTHER"])
    path = write_table(tmp_path / "own.csv", pd.concat([table.iloc[:-1], strangers]))
    made = read_coordinates(path, genes)
    assert made.n_missing == 3
    assert np.isnan(made.positions[[2, 5, 30]]).all()
    assert np.isfinite(np.delete(made.positions, [2, 5, 30], axis=0)).all()
    assert made.words == ("own.csv: x, y of 28 of 31 perturbations; 2 rows name none of them")


def test_a_table_may_be_packed_and_written_with_commas_in_numbers(
    genes: Any, tmp_path: Path
) -> None:
    table = places(genes)
    text = table.to_csv(sep=";", decimal=",").encode("utf-16")
    path = b.write(tmp_path / "own.csv.gz", gzip.compress(text))
    np.testing.assert_array_equal(read_coordinates(path, genes).positions, expected_of(table))


def test_the_same_row_twice_is_no_contradiction(genes: Any, tmp_path: Path) -> None:
    table = places(genes)
    table.iloc[4] = np.nan
    path = write_table(tmp_path / "own.csv", pd.concat([table, table]))
    made = read_coordinates(path, genes)
    np.testing.assert_array_equal(made.positions, expected_of(table))


def with_cell(table: pd.DataFrame, value: object) -> pd.DataFrame:
    changed = table.astype(object)
    changed.iloc[3, 1] = value
    return changed


BAD_TABLES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "text": (lambda t: with_cell(t, "far"), r"'GENE10': y is 'far', not a number\.$"),
    "huge": (lambda t: with_cell(t, 1e300), r"'GENE10': y is '1e\+300', too large to draw\.$"),
    "infinite": (lambda t: with_cell(t, "inf"), r"'GENE10': y is 'inf', too large to draw\.$"),
    "twice": (
        lambda t: pd.concat([t, t.iloc[[3]] + 1]),
        r"has 'GENE10' twice, at different places\.$",
    ),
    "strangers": (
        lambda t: t.set_axis([f"S{i}" for i in range(len(t))]).rename_axis("key"),
        r"names no perturbation of this map; its column 'key' begins with 'S0'\.$",
    ),
    "empty": (lambda t: t.iloc[:0], r"names no perturbation of this map; no names\.$"),
    "all missing": (lambda t: t * np.nan, r"has no coordinates of any perturbation"),
    "one column": (lambda t: t[["x"]], r"has no two columns of coordinates; its columns are: "),
    "no names": (
        lambda t: t.reset_index(drop=True).rename_axis("place"),
        r"has no column that names entries, such as key or well_id\.$",
    ),
}


@pytest.mark.parametrize("fault", BAD_TABLES)
@pytest.mark.parametrize("name", ["own table.csv", "own table.parquet"])
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(
    genes: Any, tmp_path: Path, fault: str, name: str
) -> None:
    change, words = BAD_TABLES[fault]
    table = change(places(genes))
    if name.endswith(".parquet") and table.dtypes.eq(object).any():
        table = table.astype("str")  # a parquet column is of one kind
    path = write_table(tmp_path / name, table)
    with pytest.raises(MetadataError, match=words) as caught:
        read_coordinates(path, genes)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02" * 50, b"PAR1 and no more", b"PK\x03\x04 no zip", b"key,x,x\n"]
)
def test_a_file_that_is_no_table_is_refused(genes: Any, tmp_path: Path, content: bytes) -> None:
    path = b.write(tmp_path / "own.csv", content)
    with pytest.raises(MetadataError, match=r"own\.csv"):
        read_coordinates(path, genes)


def test_a_file_that_is_not_there_is_said(genes: Any, tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"none\.csv cannot be read \(it is not there\)"):
        read_coordinates(tmp_path / "none.csv", genes)


def test_reading_coordinates_stops_when_it_is_cancelled(genes: Any, tmp_path: Path) -> None:
    path = write_table(tmp_path / "own.csv", places(genes))
    with pytest.raises(Cancelled):
        read_coordinates(path, genes, stop_at("reading own.csv"))


CELLS = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=True).map(repr),
    st.text(max_size=6),
    st.sampled_from(["", "NA", "GENE1", "GENE2", "1e999", "-", '"', "x", "key"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, max_size=4), max_size=8), st.sampled_from([",", ";", "\t"]))
def test_any_table_is_read_or_refused(
    genes: Any, tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], separator: str
) -> None:
    text = "\n".join(["key,x,y".replace(",", separator), *map(separator.join, cells)])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode("utf-8", errors="replace"))
    try:
        made = read_coordinates(path, genes)
    except MetadataError as error:
        words = str(error)
    else:
        words = made.words
        assert made.positions.shape == (31, 2)
        assert np.isnan(made.positions[:, 0]).sum() == made.n_missing < 31
    assert "any.csv" in words


# --- rows of keys --------------------------------------------------------------------------------


def test_rows_of_keys_are_those_of_the_labels(genes: Any, wells: Any) -> None:
    for phenomap in (genes, wells):
        keys = [*phenomap.labels.index[::-3], "no such key", ""]
        expected = [phenomap.find(key) for key in keys]
        assert phenomap.rows_of(keys).tolist() == [-1 if r is None else r for r in expected]
        assert phenomap.rows_of([]).tolist() == []
