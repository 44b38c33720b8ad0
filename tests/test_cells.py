"""Cell counts and image quality: nuclei, focus, saturation, and what they say of a likeness."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from zlib import crc32

import imagecodecs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.plate_quality import facts_of, out_of_focus
from napari_rxrx3.core.stains import STAINS, dna_stain, stains_called
from napari_rxrx3.data.cells.measuring import asked_of, measure_plane, measure_plates
from napari_rxrx3.data.cells.nuclei import find_nuclei, otsu
from napari_rxrx3.data.cells.quality import focus_of, saturation_of
from napari_rxrx3.data.demo.demo_images import WellPainter
from napari_rxrx3.data.demo.demo_screen import VECTOR_PLATES, DemoWell, lay_out, stain_gain
from napari_rxrx3.data.passes import Share
from napari_rxrx3.exports.crops import export_crops
from napari_rxrx3.hits.hit import Hit
from napari_rxrx3.hits.queue import queue_by_measure
from napari_rxrx3.hits.table import hits_table
from napari_rxrx3.maps.evidence.cell_count import (
    CountSlopes,
    count_slopes,
    partial_cosine,
    with_cell_count,
)
from napari_rxrx3.maps.neighbors import Neighbor, list_neighbors
from napari_rxrx3.maps.spec import Query

UM = 0.65
REAL = Path(__file__).parents[2] / "shared" / "data" / "real-well" / "AA41_s1_1.jp2"
PLATE = PlateId("gene-001", 1)


# --- nuclei of the demo and of a real well -------------------------------------------------------


@pytest.fixture(scope="module")
def painter() -> WellPainter:
    return WellPainter()


def dna_of(painter: WellPainter, well: DemoWell) -> np.ndarray:
    """The DNA plane of a well of the demo, as its files hold it."""
    seed, gain = crc32(str(well.well).encode()), stain_gain(well.well.plate_id)
    plane = painter.paint(seed, well.group, well.strength, gain, grain=well.is_crispr)[0]
    if well.is_crispr:
        return np.clip(plane * 257, 0, 65535).astype(np.uint16)
    return np.clip(plane, 0, 255).astype(np.uint8)


def middles_in(painter: WellPainter, well: DemoWell) -> np.ndarray:
    return painter.middles(crc32(str(well.well).encode()), well.group, well.strength)


@pytest.fixture(scope="module")
def sample(painter: WellPainter) -> list[tuple[DemoWell, np.ndarray, int]]:
    """Wells of the demo: each with its DNA plane and the number of cells that were drawn."""
    wells = [w for w in lay_out() if w.well.plate_id not in VECTOR_PLATES]
    chosen = np.random.default_rng(0).choice(len(wells), 120, replace=False)
    return [
        (wells[i], dna_of(painter, wells[i]), len(middles_in(painter, wells[i]))) for i in chosen
    ]


def test_the_cells_of_the_demo_are_counted(
    sample: list[tuple[DemoWell, np.ndarray, int]],
) -> None:
    true = np.array([n for _, _, n in sample])
    found = np.array([len(find_nuclei(plane, UM)) for _, plane, _ in sample])
    assert abs(found.sum() / true.sum() - 1) < 0.03
    assert np.mean(abs(found / true - 1) <= 0.1) > 0.9
    assert np.corrcoef(np.log(found), np.log(true))[0, 1] > 0.95


def test_nuclei_are_found_where_cells_were_drawn(painter: WellPainter) -> None:
    well = next(w for w in lay_out() if w.treatment == "EMPTY_control")
    drawn, found = middles_in(painter, well), find_nuclei(dna_of(painter, well), UM)
    nearest = np.linalg.norm(drawn[:, None] - found, axis=2).min(axis=0)
    assert np.median(nearest) < 6  # pixels; a nucleus is about 20 wide


@pytest.mark.skipif(not REAL.exists(), reason="the real well is not beside the repository")
def test_the_nuclei_of_a_real_well_are_counted_within_a_tenth() -> None:
    plane = imagecodecs.jpeg2k_decode(REAL.read_bytes())
    assert abs(len(find_nuclei(plane, UM)) - 117) <= 11.7
    blurred = ndimage.gaussian_filter(plane.astype(np.float32) * 100, 3).astype(np.uint16)
    assert focus_of(blurred, UM) < focus_of(plane, UM) - 1


# --- nuclei that are drawn here ------------------------------------------------------------------


def discs(
    places: Any, shape: tuple[int, int] = (512, 512), radius: float = 9, light: float = 2000
) -> np.ndarray:
    """Soft discs on a dark background, float."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    plane = np.full(shape, 300.0)
    for top, left in places:
        plane = np.maximum(plane, light / (1 + np.exp(np.hypot(y - top, x - left) - radius)))
    return plane


GRID = [(y, x) for y in range(40, 500, 60) for x in range(40, 500, 60)]


def noisy(plane: np.ndarray, sd: float = 20, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sd, plane.shape)
    return np.clip(plane + noise, 0, 65535).astype(np.uint16)


def test_nuclei_lie_in_the_middle_of_what_is_bright() -> None:
    found = find_nuclei(noisy(discs(GRID)), UM)
    assert len(found) == len(GRID)
    nearest = np.linalg.norm(np.array(GRID)[:, None] - found, axis=2).min(axis=1)
    assert nearest.max() < 2


def test_touching_nuclei_are_split_and_shreds_are_none() -> None:
    pairs = [(y, x + dx) for y in range(60, 480, 80) for x in range(60, 460, 80) for dx in (0, 17)]
    assert len(find_nuclei(noisy(discs(pairs)), UM)) == len(pairs)
    shreds = [(y, x) for y in range(60, 480, 80) for x in range(100, 460, 80)]
    both = np.maximum(discs(pairs), discs(shreds, radius=0.5))
    assert len(find_nuclei(noisy(both), UM)) == len(pairs)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: (p / 257).clip(0, 255).astype(np.uint8), id="8 bit"),
        pytest.param(lambda p: (p // 8).astype(np.uint16), id="dark"),
        pytest.param(lambda p: np.minimum(p, 1500).astype(np.uint16), id="saturated"),
        pytest.param(
            lambda p: (p + np.linspace(0, 1500, 512)).astype(np.uint16), id="uneven light"
        ),
        pytest.param(lambda p: ndimage.gaussian_filter(p, 4), id="out of focus"),
        pytest.param(lambda p: np.where(GIANT, 20_000, p).astype(np.uint16), id="debris"),
    ],
)
def test_what_a_camera_does_changes_no_count(change: Any) -> None:
    plane = noisy(discs(GRID, light=2000) * 4)
    assert abs(len(find_nuclei(change(plane), UM)) - len(GRID)) <= 3


GIANT = np.hypot(*np.ogrid[-256:256, -256:256]) < 6


@pytest.mark.parametrize("times", [1, 2, 4])
def test_the_size_of_a_pixel_changes_no_count(times: int) -> None:
    plane = noisy(np.kron(discs(GRID), np.ones((times, times))))
    assert len(find_nuclei(plane, UM / times)) == len(GRID)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_empty_well_has_no_nuclei(dtype: Any) -> None:
    shape, random = (300, 200), np.random.default_rng(3)
    y, x = np.indices(shape)
    for plane in (
        np.zeros(shape),
        np.full(shape, np.iinfo(dtype).max),
        random.poisson(3, shape),
        random.normal(120, 9, shape),
        80 + y / 8 + random.normal(0, 4, shape) + x / 10,
    ):
        assert len(find_nuclei(plane.clip(0, 255).astype(dtype), UM)) == 0


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**16 - 1), st.floats(0.05, 20))
def test_any_plane_can_be_measured(height: int, width: int, seed: int, um: float) -> None:
    random = np.random.default_rng(seed)
    plane = random.integers(0, seed + 1, (height, width)).astype(np.uint16)
    found = measure_plane(plane, True, um)
    assert 0 <= found.saturation <= 1
    assert np.isnan(found.nuclei) == bool(found.why)
    if found.middles is not None:
        assert ((found.middles >= -0.5) & (found.middles < [height, width])).all()


def test_an_edge_counts_what_lies_with_its_middle_inside() -> None:
    inside = [(y, 4) for y in range(40, 500, 60)] + [(4, x) for x in range(100, 500, 60)]
    outside = [(y, -5) for y in range(40, 500, 60)] + [(-5, x) for x in range(100, 500, 60)]
    middle = [(y, x) for y, x in GRID if 60 < y < 460 and 60 < x < 460]
    assert len(find_nuclei(noisy(discs(middle + inside)), UM)) == len(middle + inside)
    assert len(find_nuclei(noisy(discs(middle + outside)), UM)) == len(middle)


def test_otsu_is_that_of_scikit_image() -> None:
    from skimage.filters import threshold_otsu  # comes with napari

    for seed in range(5):
        random = np.random.default_rng(seed)
        parts = [random.normal(0, 1, 900), random.normal(4 + seed, 1.5, 100 * (seed + 1))]
        values = np.concatenate(parts)
        assert otsu(values) == pytest.approx(threshold_otsu(values))


# --- focus and saturation ------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_focus_is_the_slope_of_power_in_rings(power: float) -> None:
    """Amplitudes that fall as f^-a have a power of f^-2a; a ring has as many as its radius."""
    random, n = np.random.default_rng(0), 1024
    radius = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n))
    radius[0, 0] = 1
    spectrum = np.fft.rfft2(random.normal(size=(n, n))) * radius**-power
    field = np.fft.irfft2(spectrum, (n, n))
    assert focus_of(field, UM) == pytest.approx(1 - 2 * power, abs=0.15)
    assert focus_of(1000 + 50 * field, UM) == pytest.approx(focus_of(field, UM), abs=1e-3)


def test_blur_lowers_focus_step_by_step() -> None:
    plane = discs(GRID)
    found = [focus_of(noisy(ndimage.gaussian_filter(plane, sd)), UM) for sd in (0, 1, 2, 3, 4)]
    assert (np.diff(found) < 0).all()
    assert np.isnan(focus_of(np.full((64, 64), 7, np.uint8), UM))


def test_wells_out_of_focus_stand_out_of_their_plate() -> None:
    random = np.random.default_rng(1)
    focus = random.normal(-2.3, 0.13, 300)
    assert not out_of_focus(focus).any()
    focus[[4, 9]] = -3.4, np.nan
    assert np.flatnonzero(out_of_focus(focus)).tolist() == [4]
    assert not out_of_focus([-2.0] * 10 + [-9.0]).any()  # too few to know what is usual
    assert out_of_focus([-2.0] * 20 + [-2.3, -2.5]).tolist() == [False] * 21 + [True]


def test_saturation_is_the_share_at_the_top_of_a_depth() -> None:
    plane = np.arange(100, dtype=np.uint16).reshape(10, 10)
    assert saturation_of(plane) == 0
    for top in (255, 1023, 4095, 65535):
        assert saturation_of(np.where(plane < 7, top, plane).astype(np.uint16)) == 0.07
    assert saturation_of(np.where(plane < 7, 5000, plane).astype(np.uint16)) == 0


def test_what_is_all_saturated_is_not_counted() -> None:
    plane = np.full((64, 64), 255, np.uint8)
    found = measure_plane(plane, True, UM)
    assert np.isnan(found.nuclei)
    assert found.why == "100% of the DNA plane is saturated"


def test_a_well_in_words() -> None:
    assert facts_of(117.0, False, 0.0) == ["117 nuclei"]
    assert facts_of(1.0, True, 0.034) == ["1 nucleus", "out of focus", "3.4 % saturated"]
    assert facts_of(float("nan"), None, float("nan")) == []


@pytest.mark.parametrize(
    ("stains", "number"),
    [
        (STAINS, 1),
        (stains_called(["GFP", "Hoechst 33342"]), 2),
        (stains_called(["actin", "DAPI", "x"]), 2),
        (stains_called(["GFP", "RNAse", "channel 3"]), None),
    ],
)
def test_the_stain_of_nuclei_is_found_by_its_name(stains: Any, number: int | None) -> None:
    found = dna_stain(stains)
    assert (found.number if found is not None else None) == number


# --- the pass over plates ------------------------------------------------------------------------


ADDRESSES = [f"{row}{column:02d}" for row in "CDEF" for column in range(3, 9)]
N_OF = {address: 3 + n for n, address in enumerate(ADDRESSES)}
"""Nuclei that are drawn in each well."""
SIZE = 128


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two plates of 24 wells, a third of which are controls, with three faults on the first."""
    root = tmp_path_factory.mktemp("cells")
    rows = []
    for plate in (1, 2):
        for n, address in enumerate(ADDRESSES):
            if n % 3 == 0:
                rows.append(b.control_row("gene-001", plate, address))
            else:
                rows.append(b.guide_row("gene-001", plate, address, f"GENE{n % 4}", n))
    screen = b.Screen.of(rows)
    places = [(y, x) for y in range(14, SIZE, 25) for x in range(14, SIZE, 20)]
    dim = np.full((SIZE, SIZE), 100, np.uint16)
    for well in screen.ids:
        drawn = discs(places[: N_OF[well[-3:]]], (SIZE, SIZE), 6)
        screen.planes[well] = [noisy(drawn, seed=crc32(well.encode())), *[dim] * 5]
    half = dim.copy()
    half[: SIZE // 2] = 65535
    screen.planes["gene-001_1_C03"] = [screen.planes["gene-001_1_C03"][0], dim, half, *[dim] * 3]
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "embeddings.parquet")
    screen.write_folders(root)
    images = root / "images" / "gene-001" / "Plate1"
    (images / "C04_s1_w1.png").unlink()
    broken = images / "C05_s1_w1.png"
    broken.write_bytes(broken.read_bytes()[:200])
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Any:
    return rx.open_dataset(made, cache_dir=tmp_path / "cache")


def test_wells_are_measured_and_what_is_missing_is_said(dataset: Any) -> None:
    table = dataset.measures(["gene-001/1"])
    assert table.index.tolist() == [f"gene-001_1_{address}" for address in ADDRESSES]
    sound = table.drop(["gene-001_1_C04", "gene-001_1_C05"])
    expected = [N_OF[well[-3:]] for well in sound.index]
    assert sound["n_nuclei"].tolist() == expected
    assert (sound["why"] == "").all()
    missing, broken = table.loc["gene-001_1_C04"], table.loc["gene-001_1_C05"]
    assert np.isnan([missing["n_nuclei"], broken["focus"]]).all()
    assert missing["why"] == "no image of the DNA stain"
    assert broken["why"] not in ("", "not measured yet")
    assert broken["out_of_focus"] is None
    assert table.loc["gene-001_1_C03", ["saturation", "saturation_Actin"]].tolist() == [0.5, 0.5]
    assert table.loc["gene-001_1_D03", ["saturation", "saturation_DNA"]].tolist() == [0, 0]


def test_what_is_measured_is_kept_and_nothing_is_read_again(
    dataset: Any, root: Path, tmp_path: Path
) -> None:
    here = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    first = here.measures()
    seen: list[int] = []
    again = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    second = again.measures(progress=lambda done, total, text: seen.append(done))
    pd.testing.assert_frame_equal(first, second)
    summary = measure_plates(again, [PLATE], asked_of(again))
    assert (summary.n_written, summary.counts["there before"]) == (0, 143)
    other = root / "images" / "gene-001" / "Plate1" / "D03_s1_w1.png"
    other.write_bytes(b.png(noisy(discs([(40, 40)], (SIZE, SIZE), 6))))
    changed = rx.open_dataset(root, cache_dir=tmp_path / "cache").measures(["gene-001/1"])
    assert changed.loc["gene-001_1_D03", "n_nuclei"] == 1


def test_what_is_not_measured_is_not_zero(dataset: Any) -> None:
    table = dataset.measures(compute=False)
    assert len(table) == 48
    assert table[["n_nuclei", "focus", "saturation"]].isna().all(axis=None)
    assert set(table["why"]) == {"not measured yet", "no image of the DNA stain"}
    counts = dataset.cell_counts(["gene-001/2"])
    assert counts.tolist() == [N_OF[address] for address in ADDRESSES]
    known = dataset.measures(compute=False)
    assert known["n_nuclei"].notna().sum() == 24
    assert known["saturation"].isna().all()  # five of six stains were not read
    assert known.loc["gene-001_2_C03", "saturation_DNA"] == 0


def test_a_stop_keeps_what_was_measured(dataset: Any) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done >= 30:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        dataset.measures(["gene-001/2"], progress=stop)
    kept = measure_plates(dataset, [PlateId("gene-001", 2)], asked_of(dataset))
    assert 25 <= kept.counts["there before"] < 144
    assert kept.n_written + kept.counts["there before"] == 144


def test_parts_of_a_pass_make_the_whole(dataset: Any, tmp_path: Path) -> None:
    plates, asked = sorted(dataset.images.plates), asked_of(dataset, ["DNA"])
    for number in (1, 2):
        done = measure_plates(dataset, plates, asked, share=Share(number, 2))
        assert done.n_tasks == 1
    assert measure_plates(dataset, plates, asked).n_written == 0


def test_a_damaged_file_of_measures_is_made_anew(dataset: Any, made: Path, tmp_path: Path) -> None:
    before = dataset.measures(["gene-001/2"], ["DNA"])
    for kept in (tmp_path / "cache" / "measures").iterdir():
        kept.write_bytes(kept.read_bytes()[:100])
    again = rx.open_dataset(made, cache_dir=tmp_path / "cache")
    assert again.measures(["gene-001/2"], ["DNA"], compute=False)["n_nuclei"].isna().all()
    pd.testing.assert_frame_equal(again.measures(["gene-001/2"], ["DNA"]), before)


def test_a_stain_that_is_not_there_is_said(dataset: Any) -> None:
    with pytest.raises(RxRx3Error, match="no stain 'DAPI'; there is DNA, ER"):
        dataset.measures(stains=["DAPI"])
    with pytest.raises(RxRx3Error, match="gene-001/9"):
        dataset.measures(["gene-001/9"])


def test_another_stain_can_be_that_of_the_nuclei(dataset: Any) -> None:
    table = dataset.measures(["gene-001/2"], ["RNA"], dna="rna")
    assert (table["n_nuclei"] == 0).all()  # it is dark


def test_the_command_tells_the_summary_or_all_wells(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cells", str(made), "--plates", "gene-001/1"]) == 0
    said = capsys.readouterr()
    assert "1 plate: 142 images measured, 0 were there, 1 could not be read." in said.out
    assert "nuclei: 16 in the median of 22 wells" in said.out
    assert "saturation: 1 well with" in said.out
    assert "C05" in said.err
    assert main(["cells", str(made), "--plates", "gene-001/1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["n_nuclei"] == 3
    assert rows[1]["n_nuclei"] is None
    assert rows[1]["why"] == "no image of the DNA stain"
    assert main(["cells", str(made), "--stains", "DNA", "--part", "2/2", "--csv"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("well_id,n_nuclei,focus,saturation,saturation_DNA,out_of_focus,why")
    assert len(lines) == 24
    assert main(["cells", str(made), "--dna", "mCherry"]) == 1
    assert "no stain 'mCherry'" in capsys.readouterr().err


def test_crops_lie_around_nuclei(dataset: Any, tmp_path: Path) -> None:
    wells = [f"gene-001_2_{address}" for address in ADDRESSES[:6]]
    done = export_crops(
        dataset, tmp_path / "crops", size=32, per_well=3, centers="nuclei", wells=wells
    )
    table = pd.concat(map(pd.read_parquet, sorted((tmp_path / "crops" / "data").iterdir())))
    assert done.n_written == len(table)
    places = [(y, x) for y in range(14, SIZE, 25) for x in range(14, SIZE, 20)]
    middles = table[["top", "left"]].to_numpy() + 16
    nearest = np.linalg.norm(middles[:, None] - np.array(places), axis=2).min(axis=1)
    assert nearest.max() <= 2
    again = tmp_path / "again"
    export_crops(dataset, again, size=32, per_well=3, centers="nuclei", wells=wells)
    same = pd.concat(map(pd.read_parquet, sorted((again / "data").iterdir())))
    assert same["left"].tolist() == table["left"].tolist()
    with pytest.raises(RxRx3Error, match="another way"):
        export_crops(dataset, again, size=32, per_well=3, wells=wells)


def test_the_places_of_nuclei_are_kept(dataset: Any) -> None:
    table = dataset.nuclei("gene-001/1")
    n_found = table.groupby("well_id").size()
    counts = dataset.cell_counts(["gene-001/1"], compute=False).dropna()
    assert n_found.to_dict() == counts.astype(int).to_dict()
    assert table[["y", "x"]].to_numpy().max() < SIZE


def test_a_queue_begins_with_the_fewest_nuclei(dataset: Any) -> None:
    queue = queue_by_measure(dataset, PLATE, "fewest nuclei")
    counts = [N_OF[item.well_id[-3:]] for item in queue.items]
    assert counts == sorted(counts)
    assert len(queue) == 22
    assert queue.title == "fewest nuclei of gene-001 plate 1"
    assert "2 wells without a number are left out" in queue.note


def test_hits_have_what_is_known_of_their_wells(dataset: Any) -> None:
    dataset.measures(["gene-001/1"])
    wells = ["gene-001_1_C03", "gene-001_1_C04", "gene-001_2_C03", "gene-009_1_C03"]
    table = hits_table([Hit(well, "X", 1) for well in wells], dataset, "me")
    assert table["n_nuclei"].fillna(-1).tolist() == [3, -1, -1, -1]
    assert table["saturation"].fillna(-1).tolist() == [0.5, 0, -1, -1]
    assert table["out_of_focus"].tolist() == [False, None, None, None]


# --- how much of a likeness is cell count --------------------------------------------------------


N_GENES = 24


def a_map(tmp_path: Path, seed: int) -> tuple[Any, np.ndarray]:
    """Four plates in RxRx3's design, and the nuclei of each well.

    A1 and A2 share an effect that leaves cells alone; KILL1 and KILL2 share nothing but that they
    kill; BOTH1 and BOTH2 share an effect and kill. Of the others each has an effect of its own, and
    some kill. What more cells do to vectors is one direction.
    """
    random, dim = np.random.default_rng(seed), 48
    axes = np.linalg.qr(random.normal(size=(dim, dim)))[0]
    shared = {"A1": (1, 0), "A2": (1, 0), "KILL1": (0, 0.9), "KILL2": (0, 0.9)}
    shared |= {"BOTH1": (2, 0.9), "BOTH2": (2, 0.9)}
    others = {f"G{n}": (0, random.choice([0, 0, 0.4, 0.8])) for n in range(N_GENES)}
    own = {gene: random.normal(size=dim) * 2 / dim**0.5 for gene in (*shared, *others)}
    rows, vectors, counts = [], {}, {}
    for plate in range(1, 5):
        places = iter([f"{row}{column:02d}" for row in "CDEFGHIJK" for column in range(2, 22)])
        rows += [b.control_row("gene-001", plate, next(places)) for _ in range(36)]
        for gene in own:
            rows += [b.guide_row("gene-001", plate, next(places), gene, n) for n in (1, 2, 3, 4)]
    for row in rows:
        axis, lost = (shared | others).get(row["gene"], (0, 0))
        log = np.log(100) - lost + 0.15 * random.normal()
        vector = 5 * axes[axis] * (axis > 0) + 7 * (log - np.log(100)) * axes[0]
        vector = vector + own.get(row["gene"], 0) + 0.5 * random.normal(size=dim)
        vectors[row["well_id"]] = vector.astype(np.float32)
        counts[row["well_id"]] = round(float(np.exp(log)))
    screen = b.Screen(rows, {}, vectors)
    root = tmp_path / f"map{seed}"
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "embeddings.parquet")
    dataset = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    return dataset, np.array([float(counts[well]) for well in dataset.wells.index])


def neighbor_of(phenomap: Any, query: str, key: str, counts: np.ndarray) -> Neighbor:
    listed = list_neighbors(phenomap, Query(key=query, k=100), lambda positions: None)
    told = with_cell_count(phenomap, query, listed, counts)
    return next(neighbor for neighbor in told if neighbor.key == key)


@pytest.mark.parametrize("seed", range(3))
def test_a_likeness_that_is_cell_count_is_told_from_one_that_is_not(
    tmp_path: Path, seed: int
) -> None:
    dataset, counts = a_map(tmp_path, seed)
    phenomap = dataset.phenomap(align="centerscale")
    killed = neighbor_of(phenomap, "KILL1", "KILL2", counts)
    assert killed.value > 0.7
    assert killed.of_count > 0.8 * killed.value
    assert abs(killed.without_count) < 0.5
    alike = neighbor_of(phenomap, "A1", "A2", counts)
    assert alike.value > 0.7
    assert abs(alike.of_count) < 0.05
    assert alike.without_count > 0.9 * alike.value
    both = neighbor_of(phenomap, "BOTH1", "BOTH2", counts)
    assert 0.25 < both.of_count < both.value - 0.2
    assert both.without_count > 0.5  # what else they share stays
    mixed = neighbor_of(phenomap, "KILL1", "BOTH1", counts)
    assert mixed.value > 0.4
    assert abs(mixed.without_count) < 0.4


def test_counts_that_go_with_nothing_take_nothing_away(tmp_path: Path) -> None:
    dataset, counts = a_map(tmp_path, 7)
    phenomap = dataset.phenomap(align="centerscale")
    shuffled = np.random.default_rng(0).permutation(counts)
    told = neighbor_of(phenomap, "KILL1", "KILL2", shuffled)
    assert np.isnan(told.of_count)
    assert told.count_note.startswith("vectors do not change with cell count")
    chance = count_slopes(phenomap.space, shuffled)
    planted = count_slopes(phenomap.space, counts)
    assert chance is not None
    assert planted is not None
    assert chance.explained < 0.02 < 0.2 < planted.explained


def test_what_is_not_counted_is_named(tmp_path: Path) -> None:
    dataset, counts = a_map(tmp_path, 1)
    phenomap = dataset.phenomap(align="centerscale")
    none = neighbor_of(phenomap, "A1", "A2", np.full(len(counts), np.nan))
    assert np.isnan([none.of_count, none.without_count]).all()
    assert none.count_note == "no nuclei are counted"
    without = np.where(dataset.wells["gene"] == "A2", np.nan, counts)
    for query, key in (("A1", "A2"), ("A2", "A1")):
        note = neighbor_of(phenomap, query, key, without).count_note
        assert note == "the nuclei of A2 are not counted"
    few = np.where(dataset.wells["gene"].isin(["A1", "A2"]), counts, np.nan)
    assert "it takes 48 counted wells" in neighbor_of(phenomap, "A1", "A2", few).count_note


def test_one_plate_that_is_counted_tells_of_the_others(tmp_path: Path) -> None:
    dataset, counts = a_map(tmp_path, 2)
    phenomap = dataset.phenomap(align="centerscale")
    one = np.where(dataset.wells["plate"] == 1, counts, np.nan)
    killed = neighbor_of(phenomap, "KILL1", "KILL2", one)
    assert killed.of_count > 0.8 * killed.value


@given(st.integers(0, 10_000))
def test_the_partial_cosine_is_the_partial_correlation_without_centering(seed: int) -> None:
    one, other, third = np.random.default_rng(seed).normal(size=(3, 12))
    direction = third / np.linalg.norm(third)
    unit = [vector / np.linalg.norm(vector) for vector in (one, other)]
    r12, r1, r2 = unit[0] @ unit[1], unit[0] @ direction, unit[1] @ direction
    expected = (r12 - r1 * r2) / np.sqrt((1 - r1**2) * (1 - r2**2))
    assert partial_cosine(one, other, direction) == pytest.approx(expected)
    centered = [vector - vector.mean() for vector in (one, other, third)]
    inverse = np.linalg.inv(np.cov(centered))
    of_centered = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
    along = centered[2] / np.linalg.norm(centered[2])
    assert partial_cosine(centered[0], centered[1], along) == pytest.approx(of_centered)
    assert np.isnan(partial_cosine(direction, other, direction))


def test_counts_that_are_all_alike_explain_nothing(tmp_path: Path) -> None:
    dataset, counts = a_map(tmp_path, 7)
    space = dataset.phenomap(align="centerscale").space
    assert count_slopes(space, np.full(len(counts), 90.0)) is None
    nothing = CountSlopes(np.zeros(3), np.zeros(60), 4.0, 0.0, {})  # vectors that are all alike
    assert nothing.explained == 0
    assert nothing.is_chance
