"""The demo data: real formats, known answers, pictures that agree with the vectors."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import napari_rxrx3 as rx
from demo_data import Call, written_demo
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.data.demo.demo_images import PHENOTYPES, WellPainter
from napari_rxrx3.data.demo.demo_screen import DOSES, FALSE_PAIR, DemoWell, lay_out
from napari_rxrx3.data.demo.screen_files import DEMO_VERSION, write_demo
from napari_rxrx3.maps.phenomap import PhenoMap

COLUMNS = [
    "well_id",
    "experiment_name",
    "plate",
    "address",
    "gene",
    "treatment",
    "SMILES",
    "concentration",
    "perturbation_type",
    "cell_type",
]
KEPT = Path(__file__).with_name("demo_of_version.json")
TARS = ("gene-001/Plate1", "gene-143/Plate1")
FOLDER = "gene-001/Plate2"
MEMBER = re.compile(r"([A-Z]{1,2}\d\d)_s1_w([1-6])\.png\Z")
KEY = re.compile(r"compound-001/Plate([12])/([A-Z]{1,2}\d\d)_s1_([1-6])\Z")


class Stop(Exception):
    """What a user's cancel raises in these tests."""


@pytest.fixture(scope="module")
def made() -> tuple[Path, list[Call]]:
    return written_demo()


@pytest.fixture(scope="module")
def demo(made: tuple[Path, list[Call]]) -> Path:
    return made[0]


@pytest.fixture(scope="module")
def calls(made: tuple[Path, list[Call]]) -> list[Call]:
    return made[1]


@pytest.fixture(scope="module")
def metadata(demo: Path) -> pd.DataFrame:
    table = pd.read_csv(demo / "metadata_rxrx3.csv", dtype={"SMILES": str, "gene": str})
    return table.set_index("well_id", drop=False)


@pytest.fixture(scope="module")
def vectors(demo: Path) -> pd.DataFrame:
    paths = sorted((demo / "embeddings").glob("*/*/embeddings.parquet"))
    return pd.concat(pd.read_parquet(path) for path in paths).set_index("well_id")


@pytest.fixture(scope="module")
def shards(demo: Path) -> list[pa.Table]:
    return [pq.read_table(path) for path in sorted((demo / "data").iterdir())]


@pytest.fixture(scope="module")
def files(demo: Path, shards: list[pa.Table]) -> dict[tuple[str, int], bytes]:
    """The bytes of every plane in the demo, by well_id and channel."""
    found = {}
    for plate in TARS:
        with tarfile.open(demo / "images" / f"{plate}.tar") as tar:
            for member in tar:
                found[_plane_of(plate, member.name)] = tar.extractfile(member).read()
    for path in (demo / "images" / FOLDER).iterdir():
        found[_plane_of(FOLDER, path.name)] = path.read_bytes()
    for table in shards:
        for key, image in zip(table["__key__"].to_pylist(), table["jp2"].to_pylist(), strict=True):
            plate, address, channel = KEY.match(key).groups()
            found[f"compound-001_{plate}_{address}", int(channel)] = image["bytes"]
    return found


@pytest.fixture(scope="module")
def truth() -> dict[str, DemoWell]:
    return {str(w.well): w for w in lay_out()}


def _plane_of(plate: str, name: str) -> tuple[str, int]:
    address, channel = MEMBER.match(name).groups()
    return f"{plate.replace('/Plate', '_')}_{address}", int(channel)


def _decode(data: bytes) -> np.ndarray:
    if data.startswith(b"\x89PNG"):
        return imagecodecs.png_decode(data)
    return imagecodecs.jpeg2k_decode(data)


# --- what a version is -----------------------------------------------------------------------
# Demo data are not written anew where those of the same version are. Who changes what is drawn or
# planted raises the version, and writes the file of these numbers anew with `of_version`.


def of_version() -> dict[str, Any]:
    return {"version": DEMO_VERSION, "light": light_of_phenotypes(), "effects": effects_planted()}


def light_of_phenotypes() -> dict[str, list[list[float]]]:
    """Mean, spread and sharpness of each stain, by phenotype and strength."""
    painter, found = WellPainter(), {}
    for phenotype in ("", *PHENOTYPES):
        for strength in (0.5, 1.0):
            planes = painter.paint(7, phenotype, strength, np.ones(6), grain=strength == 1)
            sharpness = np.abs(np.diff(planes)).mean((1, 2))
            numbers = np.stack([planes.mean((1, 2)), planes.std((1, 2)), sharpness], axis=1)
            found[f"{phenotype} {strength}"] = np.round(numbers, 4).tolist()
    return found


def effects_planted() -> dict[str, float]:
    """Mean strength in the wells of each gene and compound that does something."""
    strengths = defaultdict(list)
    for well in lay_out():
        if well.group:
            strengths[well.perturbation].append(well.strength)
    return {name: round(float(np.mean(found)), 4) for name, found in strengths.items()}


def test_pictures_are_those_of_their_version() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert kept["version"] == DEMO_VERSION
    light = light_of_phenotypes()
    assert light.keys() == kept["light"].keys()
    for name, numbers in light.items():
        np.testing.assert_allclose(numbers, kept["light"][name], rtol=2e-3, err_msg=name)


def test_effects_are_those_of_their_version() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert effects_planted() == pytest.approx(kept["effects"], abs=2e-4)


# --- writing ---------------------------------------------------------------------------------


def test_complete_data_are_marked_and_small(demo: Path) -> None:
    assert json.loads((demo / "demo.json").read_text())["demo_version"] == DEMO_VERSION
    assert sorted(p.name for p in demo.parent.iterdir()) == ["demo"]
    assert sum(p.stat().st_size for p in demo.rglob("*") if p.is_file()) < 200e6


def test_progress_counts_every_well(demo: Path, calls: list[tuple[int, int, str]]) -> None:
    done, totals, texts = zip(*calls, strict=True)
    assert list(done) == list(range(totals[0] + 1))
    assert len(set(totals)) == 1
    assert "compound-001 plate 2" in texts[-1]


def test_second_call_does_nothing(demo: Path) -> None:
    before = (demo / "demo.json").stat().st_mtime_ns
    calls: list[tuple[int, int, str]] = []
    start = time.perf_counter()
    assert write_demo(demo, progress=lambda *call: calls.append(call)) == demo
    assert time.perf_counter() - start < 1
    assert calls == []
    assert (demo / "demo.json").stat().st_mtime_ns == before


@pytest.mark.soak
def test_stopped_work_leaves_nothing_and_was_the_same(demo: Path, tmp_path: Path) -> None:
    seen: dict[str, bytes] = {}

    def stop_in_the_second_plate(done: int, total: int, text: str) -> None:
        if done == 215:
            (work,) = tmp_path.glob(".again-*/new")
            for path in work.rglob("*"):
                if path.is_file():
                    seen[path.relative_to(work).as_posix()] = path.read_bytes()
            raise Stop

    with pytest.raises(Stop):
        write_demo(tmp_path / "again", progress=stop_in_the_second_plate)
    assert list(tmp_path.iterdir()) == []
    assert {"metadata_rxrx3.csv", "images/gene-001/Plate1.tar"} < seen.keys()
    assert sum(name.startswith(f"images/{FOLDER}/") for name in seen) > 30
    assert [name for name, data in seen.items() if data != (demo / name).read_bytes()] == []


def test_half_of_the_data_is_never_taken_for_all(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "data").mkdir(parents=True)
    (folder / "metadata_rxrx3.csv").write_text("well_id\n")
    for marker in (None, "", "[]", '{"demo_version": "x"}', '{"note": ""}'):
        if marker is not None:
            (folder / "demo.json").write_text(marker)
        with pytest.raises(RxRx3Error, match="no complete demo data"):
            write_demo(folder)
    assert (folder / "metadata_rxrx3.csv").read_text() == "well_id\n"


def test_a_file_in_the_way_is_kept(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(RxRx3Error, match="new or empty folder"):
        write_demo(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"


def test_older_data_are_replaced_only_by_complete_ones(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "demo.json").write_text(json.dumps({"demo_version": DEMO_VERSION - 1}))

    def stop(done: int, total: int, text: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        write_demo(folder, progress=stop)
    assert [p.name for p in tmp_path.rglob("*")] == ["demo", "demo.json"]


def test_what_a_killed_process_left_is_removed_when_old(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".demo-a.unfinished-demo", tmp_path / ".demo-b.unfinished-demo"
    other = tmp_path / ".demo-notes"
    for path in (old, fresh, other):
        path.mkdir()
        (path / "file").write_text("")
    for path in (old, other):
        os.utime(path, (0, 0))

    def stop(done: int, total: int, text: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        write_demo(tmp_path / "demo", progress=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == [fresh.name, other.name]


# --- metadata --------------------------------------------------------------------------------


def test_metadata_have_the_ten_columns(metadata: pd.DataFrame) -> None:
    assert list(metadata.columns) == COLUMNS
    assert metadata.index.is_unique
    parts = metadata.experiment_name + "_" + metadata.plate.astype(str) + "_" + metadata.address
    assert (parts == metadata.index).all()
    assert set(metadata.cell_type) == {"HUVEC"}
    compounds = metadata[metadata.perturbation_type == "COMPOUND"]
    assert compounds.gene.isna().all()
    assert set(compounds.experiment_name) == {"compound-001"}
    guides = metadata[metadata.perturbation_type == "CRISPR"]
    assert guides.concentration.isna().all()
    assert (guides.gene == guides.treatment.str.replace(r"_guide_\d$", "", regex=True)).all()


def test_names_and_doses_have_the_quirks_of_the_real_ones(
    demo: Path, metadata: pd.DataFrame
) -> None:
    drugs = metadata.dropna(subset=["concentration"])
    assert set(drugs.concentration) == set(DOSES)
    smiles = drugs.groupby("treatment").SMILES.unique()
    assert smiles.map(len).eq(1).all()
    assert smiles["Voglibose"][0] != smiles["voglibose"][0]
    assert "atenolol-(+/-)" in smiles
    assert metadata.gene.str.match(r"RXRX3-\d{5}$", na=False).any()
    text = (demo / "metadata_rxrx3.csv").read_text()
    assert re.search(r',"[^"]+ \|c:\d+,\d[^"]*\|",', text)


def test_plates_hold_what_real_ones_hold(metadata: pd.DataFrame) -> None:
    treatments = {
        plate: Counter(rows.treatment)
        for plate, rows in metadata.groupby(["experiment_name", "plate"])
    }
    full, part = treatments["compound-001", 1], treatments["compound-001", 2]
    genes = [treatments[plate] for plate in (("gene-001", 1), ("gene-001", 2), ("gene-143", 1))]
    assert full.total() == 1380
    assert (full["EMPTY_control"], full["CRISPR_control"]) == (64, 132)
    assert 150 <= part.total() <= 300
    assert genes[0] == genes[1] == genes[2]
    for gene in ("PLK1", "MTOR", "PSMB5", "RXRX3-10234"):
        assert [genes[0][f"{gene}_guide_{i}"] for i in range(1, 8)] == [1] * 6 + [0]
    for gene in ("EIF3H", "SRC", "HCK", "CYP11B1"):
        assert [genes[0][f"{gene}_guide_{i}"] for i in (1, 2)] == [1, 0]


def test_the_outer_ring_is_empty(metadata: pd.DataFrame) -> None:
    row = metadata.address.str.extract(r"([A-Z]+)")[0]
    column = metadata.address.str.extract(r"(\d+)$")[0].astype(int)
    assert not row.isin(["A", "AF"]).any()
    assert row.isin(["B", "AE"]).any()
    assert (column.min(), column.max()) == (2, 47)


# --- images ----------------------------------------------------------------------------------


def test_only_the_planned_planes_are_missing(
    metadata: pd.DataFrame, files: dict[tuple[str, int], bytes]
) -> None:
    absent = {(w, c) for w in metadata.index for c in range(1, 7)} - files.keys()
    assert {w for w, _ in files} <= set(metadata.index)
    per_well = Counter(w for w, _ in absent)
    vectors_only = {"gene-002_1", "gene-002_2", "gene-159_1"}
    per_well = {w: n for w, n in per_well.items() if w.rsplit("_", 1)[0] not in vectors_only}
    assert sorted(per_well.values()) == [1, 6, 6, 6, 6]
    homes = {w.rsplit("_", 1)[0] for w, n in per_well.items() if n == 6}
    assert homes == {"gene-001_1", "gene-001_2", "compound-001_1", "compound-001_2"}


def test_some_plates_have_vectors_only(
    metadata: pd.DataFrame, files: dict[tuple[str, int], bytes]
) -> None:
    wells = metadata.index[metadata["experiment_name"].isin(["gene-002", "gene-159"])]
    assert len(wells) > 3000
    assert not {w for w, _ in files} & set(wells)


def test_exactly_one_png_is_cut_short(files: dict[tuple[str, int], bytes]) -> None:
    pngs = {k: data for k, data in files.items() if data.startswith(b"\x89PNG")}
    cut = [k for k, data in pngs.items() if b"IEND" not in data[-12:]]
    assert len(cut) == 1
    assert cut[0][0].startswith("gene-001_2_")
    with pytest.raises(imagecodecs.PngError):
        _decode(pngs[cut[0]])


def test_gene_plates_are_16_bit_png(files: dict[tuple[str, int], bytes]) -> None:
    planes = [k for k in files if k[0].startswith("gene")]
    assert len({k[0].rsplit("_", 1)[0] for k in planes}) == 3
    for key in planes[5::200]:
        plane = _decode(files[key])
        assert (plane.shape, plane.dtype) == ((256, 256), np.uint16)
        assert plane.min() < np.median(plane) < plane.max()


def test_one_contrast_fits_gene_and_compound_plates(files: dict[tuple[str, int], bytes]) -> None:
    for channel in range(1, 7):
        tops = []
        for kind in ("gene-001_1", "compound-001_1"):
            keys = [k for k in files if k[0].startswith(kind) and k[1] == channel][::40]
            tops.append(np.percentile(np.stack([_decode(files[k]) for k in keys]), 99))
        assert 0.5 < tops[0] / tops[1] < 2, channel


def test_shards_look_like_those_of_rxrx3_core(demo: Path, shards: list[pa.Table]) -> None:
    names = [p.name for p in sorted((demo / "data").iterdir())]
    assert names == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for name, table in zip(names, shards, strict=True):
        assert table.schema.names == ["__key__", "jp2"]
        assert (table.schema.field(0).type, table.schema.field(1).type) == (pa.string(), kind)
        file = pq.ParquetFile(demo / "data" / name)
        rows = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert set(rows[:-1]) == {100}
        assert 0 < rows[-1] <= 100


def test_shard_keys_are_sorted_and_one_well_straddles(shards: list[pa.Table]) -> None:
    first, second = (table["__key__"].to_pylist() for table in shards)
    keys = first + second
    assert keys == sorted(keys)
    assert all(KEY.match(key) for key in keys)
    wells = Counter(key.rsplit("_", 1)[0] for key in keys)
    assert set(wells.values()) == {6}
    assert first[-1].rsplit("_", 1)[0] == second[0].rsplit("_", 1)[0]


def test_jpeg2000_is_lossy_and_can_be_read_at_half_size(shards: list[pa.Table]) -> None:
    for row in (0, 1001, 2002, 4003):
        data = shards[0]["jp2"][row].as_py()["bytes"]
        plane = _decode(data)
        assert (plane.shape, plane.dtype) == ((256, 256), np.uint8)
        assert len(data) < 5000
        style = data[data.index(b"\xff\x52") + 4 :]
        layers, levels, irreversible = int.from_bytes(style[2:4], "big"), style[5], style[9] == 0
        assert (layers, levels, irreversible) == (1, 5, True)
        small = Image.open(io.BytesIO(data))
        small.reduce = 1
        means = plane.reshape(128, 2, 128, 2).mean(axis=(1, 3))
        assert np.asarray(small).shape == (128, 128)
        assert np.corrcoef(np.asarray(small).ravel(), means.ravel())[0, 1] > 0.9


def test_controls_are_as_dark_as_the_real_well(
    truth: dict[str, DemoWell], files: dict[tuple[str, int], bytes]
) -> None:
    controls = [k for k, w in truth.items() if w.treatment == "EMPTY_control"]
    controls = [k for k in controls if k.startswith("compound-001_1")]
    real = {1: (6, 70), 2: (17, 179), 3: (9, 37), 4: (11, 99), 5: (2, 13), 6: (19, 116)}
    for channel, (middle, top) in real.items():
        pixels = np.stack([_decode(files[well, channel]) for well in controls])
        got = np.percentile(pixels, [50, 99.8])
        assert 0.5 * middle <= got[0] <= 1.6 * middle, channel
        assert 0.6 * top <= got[1] <= 1.6 * top, channel


# --- embeddings ------------------------------------------------------------------------------


def test_embeddings_are_128_floats_a_well(demo: Path) -> None:
    paths = sorted((demo / "embeddings").rglob("*.parquet"))
    assert len(paths) == 8
    for path in paths:
        schema = pq.read_schema(path)
        assert schema.names == ["well_id", *(f"feature_{i}" for i in range(128))]
        assert {schema.field(i).type for i in range(1, 129)} == {pa.float32()}


def test_embeddings_and_metadata_disagree_a_little(
    vectors: pd.DataFrame, metadata: pd.DataFrame
) -> None:
    assert vectors.index.is_unique
    assert 5 <= (~vectors.index.isin(metadata.index)).sum() <= 20
    assert (~metadata.index.isin(vectors.index)).sum() == 3
    rows = vectors.isna()
    assert rows.all(axis=1).sum() == rows.any(axis=1).sum() == 4
    plate = metadata[(metadata.experiment_name == "compound-001") & (metadata.plate == 1)].index
    same = vectors.index.intersection(plate, sort=False)
    assert list(same) != [w for w in plate if w in vectors.index]


def _aligned(vectors: pd.DataFrame, truth: dict[str, DemoWell]) -> pd.DataFrame:
    """PCA fitted on the controls, then center and scale by each experiment's controls."""
    experiment = np.array([truth[w].well.experiment for w in vectors.index])
    control = np.array([truth[w].treatment == "EMPTY_control" for w in vectors.index])
    x = vectors.to_numpy(float)
    mean = x[control].mean(axis=0)
    x = (x - mean) @ np.linalg.svd(x[control] - mean, full_matrices=False)[2].T
    for name in np.unique(experiment):
        mine = experiment == name
        x[mine] = (x[mine] - x[mine & control].mean(axis=0)) / x[mine & control].std(axis=0)
    return pd.DataFrame(x, vectors.index)


@pytest.fixture(scope="module")
def usable(vectors: pd.DataFrame, metadata: pd.DataFrame) -> pd.DataFrame:
    return vectors[vectors.index.isin(metadata.index)].dropna()


@pytest.fixture(scope="module")
def aligned(usable: pd.DataFrame, truth: dict[str, DemoWell]) -> pd.DataFrame:
    return _aligned(usable, truth)


def _key(w: DemoWell) -> str:
    return w.gene or (f"{w.treatment}@{w.concentration:g}" if w.concentration else w.treatment)


def _neighbors(
    x: pd.DataFrame, truth: dict[str, DemoWell]
) -> list[tuple[DemoWell, list[DemoWell]]]:
    """For each strong perturbation, one well of it and of each of its five nearest."""
    kept = [w for w in x.index if "control" not in truth[w].treatment]
    keys = [_key(truth[w]) for w in kept]
    strongest: dict[str, DemoWell] = {}
    for key, well in zip(keys, kept, strict=True):
        best = strongest.get(key)
        off_target = truth[well].treatment == "RPTOR_guide_4"
        if not off_target and (best is None or truth[well].strength > best.strength):
            strongest[key] = truth[well]
    means = x.loc[kept].groupby(keys).mean()
    unit = means.to_numpy() / np.linalg.norm(means, axis=1)[:, None]
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    wells = [strongest[key] for key in means.index]
    nearest = np.argsort(-cosine, axis=1)[:, :5]
    pairs = zip(wells, nearest, strict=True)
    return [(w, [wells[i] for i in row]) for w, row in pairs if w.strength > 0.6]


def test_alignment_finds_the_groups(aligned: pd.DataFrame, truth: dict[str, DemoWell]) -> None:
    found = _neighbors(aligned, truth)
    assert len(found) > 100
    share = [np.mean([n.group == w.group for n in near]) for w, near in found]
    assert np.mean(share) > 0.9
    assert min(share) >= 0.4
    has_compound = [any(not n.is_crispr for n in near) for w, near in found if w.is_crispr]
    assert np.mean(has_compound) > 0.8


def test_raw_neighbors_are_of_the_own_experiment(
    usable: pd.DataFrame, truth: dict[str, DemoWell]
) -> None:
    found = _neighbors(usable, truth)
    same = [n.is_crispr == w.is_crispr for w, near in found for n in near]
    assert np.mean(same) > 0.99


def test_replicate_experiments_agree_after_alignment_only(
    usable: pd.DataFrame, aligned: pd.DataFrame, truth: dict[str, DemoWell]
) -> None:
    strong = [w for w in usable.index if truth[w].strength > 0.8 and truth[w].is_crispr]

    def share_of_own_experiment(x: pd.DataFrame) -> float:
        unit = x.to_numpy() / np.linalg.norm(x, axis=1)[:, None]
        experiment = np.array([truth[w].well.experiment for w in x.index])
        rows = x.index.get_indexer(strong)
        cosine = unit[rows] @ unit.T
        cosine[np.arange(len(rows)), rows] = -2
        nearest = np.argsort(-cosine, axis=1)[:, :5]
        return float(np.mean(experiment[nearest] == experiment[rows][:, None]))

    assert share_of_own_experiment(usable) > 0.98
    assert share_of_own_experiment(aligned) < 0.9


def test_guides_of_a_gene_are_unequal(aligned: pd.DataFrame, truth: dict[str, DemoWell]) -> None:
    size = np.linalg.norm(aligned, axis=1)
    treatment = np.array([truth[w].treatment for w in aligned.index])
    of_guide = {g: size[treatment == f"PLK1_guide_{g}"].mean() for g in range(1, 7)}
    quiet = size[treatment == "INS_guide_1"].mean()
    assert max(of_guide.values()) > 2 * quiet
    assert min(of_guide.values()) < 1.3 * quiet


def test_one_guide_hits_something_else(aligned: pd.DataFrame, truth: dict[str, DemoWell]) -> None:
    by = aligned.groupby([truth[w].treatment for w in aligned.index]).mean()

    def cosine(a: pd.Series, b: pd.Series) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    stray, colchicine, rapamycin = (
        by.loc[name] for name in ("RPTOR_guide_4", "Colchicine", "Rapamycin")
    )
    assert cosine(stray, colchicine) > 0.5 > cosine(stray, rapamycin)


def test_effects_grow_with_the_dose(aligned: pd.DataFrame, truth: dict[str, DemoWell]) -> None:
    size = pd.Series(np.linalg.norm(aligned, axis=1), aligned.index)
    for name in ("Bortezomib", "Nocodazole", "Doxorubicin", "Brefeldin A"):
        mine = [w for w in aligned.index if truth[w].treatment == name]
        dose = [truth[w].concentration for w in mine]
        curve = size[mine].groupby(dose).mean()
        assert curve[10.0] > 2 * curve[0.0025], name
        assert curve.corr(pd.Series(np.arange(len(curve)), curve.index)) > 0.8, name


# --- pictures follow the effect --------------------------------------------------------------


def _traits(well: str, files: dict[tuple[str, int], bytes]) -> np.ndarray:
    """A few plain numbers of a picture: brightness, contrast and texture of each stain."""
    planes = np.stack([_decode(files[well, c]) for c in range(1, 7)]).astype(float)
    planes -= planes.min(axis=(1, 2), keepdims=True) - 1
    flat = planes.reshape(6, -1)
    detail = np.abs(np.diff(planes, axis=2)).mean(axis=(1, 2))
    return np.log(np.concatenate([flat.mean(1), flat.std(1), np.percentile(flat, 99, 1), detail]))


@pytest.mark.soak
def test_pictures_of_a_group_look_alike(
    truth: dict[str, DemoWell], files: dict[tuple[str, int], bytes]
) -> None:
    whole = Counter(w for w, _ in files)
    shown = [k for k, w in truth.items() if w.strength > 0.85 and whole[k] == 6]
    shown = [k for i, k in enumerate(shown) if truth[k].is_crispr or i % 3 == 0]
    empty = [k for k, w in truth.items() if w.treatment == "EMPTY_control" and whole[k] == 6][::3]
    wells = [k for k in shown + empty if not k.startswith("gene-001_2")]  # one is cut short
    x = np.array([_traits(k, files) for k in wells])
    is_gene = np.array([truth[k].is_crispr for k in wells])
    is_empty = np.array([not truth[k].group for k in wells])
    for side in (is_gene, ~is_gene):
        x[side] = (x[side] - x[side & is_empty].mean(0)) / x[side & is_empty].std(0)
    group = np.array([truth[k].group for k in wells])
    names = sorted(set(group))
    centers = np.array([x[is_gene & (group == name)].mean(0) for name in names])
    compounds = x[~is_gene & ~is_empty]
    away = np.linalg.norm(compounds[:, None] - centers, axis=2)
    guessed = np.array(names)[away.argmin(axis=1)]
    assert len(names) == 9
    assert len(guessed) > 50
    assert np.mean(guessed == group[~is_gene & ~is_empty]) > 0.85


# --- what the map says of it -------------------------------------------------------------------


@pytest.fixture(scope="module")
def phenomap(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> PhenoMap:
    cache = tmp_path_factory.mktemp("cache")
    return rx.open_dataset(demo, cache_dir=cache).phenomap(align="pca-centerscale")


@pytest.mark.first_example
@pytest.mark.parametrize(("query", "other"), [FALSE_PAIR, FALSE_PAIR[::-1]])
def test_the_list_doubts_the_pair_that_is_alike_for_no_reason(
    query: str, other: str, phenomap: PhenoMap
) -> None:
    first = phenomap.nearest(query).iloc[0]
    assert (first["key"], first["rank"]) == (other, 1)
    assert first["similarity"] > 0.6
    assert first["percentile"] < 0.005  # of all pairs hardly one is as close
    assert "same experiments" in first["flags"]
    assert abs(first["across"]) < 0.1
    assert first["across_rank"] > 0.05
    assert first["p_value"] > 0.05
    assert first["q_value"] > 0.5


def test_the_list_believes_a_pair_that_is_alike_for_a_reason(phenomap: PhenoMap) -> None:
    first = phenomap.nearest("PSMB5", kind="CRISPR").head(3)
    assert set(first["key"]) == {"PSMA1", "PSMD1", "RXRX3-10234"}
    assert (first["across"] > 0.6).all()
    assert (first["across_rank"] < 0.02).all()
    assert (first["q_value"] < 0.001).all()
    assert not any("same experiments" in flags for flags in first["flags"])


def test_active_is_what_does_something(phenomap: PhenoMap, truth: dict[str, DemoWell]) -> None:
    scores, labels = phenomap.scores, phenomap.labels
    strongest: dict[tuple[str, float | None], float] = defaultdict(float)
    for well in truth.values():
        named = well.perturbation, well.concentration
        strongest[named] = max(strongest[named], well.strength)
    doses = labels["concentration"].astype(object).where(labels["concentration"].notna(), None)
    strength = pd.Series(map(strongest.get, zip(labels["treatment"], doses, strict=True)))
    is_active = scores["is_active"].to_numpy() & ~labels["treatment"].isin(FALSE_PAIR).to_numpy()
    does_nothing, acts = (strength == 0).to_numpy(), (strength > 0.1).to_numpy()
    assert acts.sum() < does_nothing.sum()
    assert is_active[acts].mean() > 0.85
    assert (is_active & does_nothing).sum() <= 0.08 * is_active.sum()
