"""Crops to learn from: what is cut, what is said of it, what is held out."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.data.files import remote
from napari_rxrx3.data.passes import PassSummary, Share
from napari_rxrx3.exports.splits import leakage, split_experiments, splits_table

SIZE = 64
GENES = ("PLK2", "AURKB", "TP53", "MYC")


def rows_of(experiment: str, plate: int, genes: tuple[str, ...] = GENES) -> list[b.Row]:
    controls = [b.control_row(experiment, plate, f"B{column:02d}") for column in (2, 3)]
    guides = [
        b.guide_row(experiment, plate, f"C{column:02d}", gene)
        for column, gene in enumerate(genes, 2)
    ]
    return controls + guides


@pytest.fixture(scope="module")
def screen() -> b.Screen:
    rows = [
        *rows_of("gene-001", 1),
        *rows_of("gene-001", 2),
        *rows_of("gene-143", 1),
        *rows_of("gene-002", 1, ("KRAS", "EGFR", "BRAF")),
        *rows_of("gene-003", 1, ("GFAP", "INS", "ALB")),
    ]
    return b.Screen.of(rows, SIZE)


@pytest.fixture(scope="module")
def dataset(screen: b.Screen, tmp_path_factory: pytest.TempPathFactory) -> rx.Dataset:
    folder = tmp_path_factory.mktemp("crops")
    return rx.open_dataset(screen.write_rxrx3(folder / "data"), cache_dir=folder / "cache")


def crops_in(folder: Path) -> pd.DataFrame:
    files = sorted((folder / "data").glob("*.parquet"))
    return pd.concat([pq.read_table(file).to_pandas() for file in files]).set_index("__key__")


def pixels(crop: pd.Series) -> np.ndarray:
    return np.stack([imagecodecs.png_decode(crop[f"w{c}"]["bytes"]) for c in range(1, 7)])


@pytest.mark.parametrize("places", ["grid", "random"])
def test_crops_are_pieces_of_their_wells(
    dataset: rx.Dataset, screen: b.Screen, tmp_path: Path, places: str
) -> None:
    summary = rx.export_crops(dataset, tmp_path, size=24, per_well=3, places=places)
    crops = crops_in(tmp_path)
    assert summary.n_written == len(crops) == 3 * len(screen.rows)
    assert not summary.failures
    wells = dataset.wells
    for _, crop in crops.iterrows():
        image = np.stack(screen.planes[crop["well_id"]])
        top, left = crop["top"], crop["left"]
        np.testing.assert_array_equal(pixels(crop), image[:, top : top + 24, left : left + 24])
        well = wells.loc[crop["well_id"]]
        assert (crop["treatment"], crop["experiment_name"]) == (
            well["treatment"],
            well["experiment_name"],
        )
        assert crop["is_control"] == (well["well_type"] == "EMPTY_control")
    places_of = crops.groupby("well_id")[["top", "left"]].agg(lambda s: len(set(s)))
    assert (places_of.max(axis=1) > 1).all(), "crops of a well lie at several places"


def test_a_seed_gives_the_same_crops_whatever_else_is_cut(
    dataset: rx.Dataset, screen: b.Screen, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"size": 16, "places": "random", "per_well": 2}
    rx.export_crops(dataset, tmp_path / "all", seed=3, **how)
    rx.export_crops(dataset, tmp_path / "few", seed=3, wells=screen.ids[:5], **how)
    rx.export_crops(dataset, tmp_path / "other", seed=4, **how)
    everything, few, other = (crops_in(tmp_path / name) for name in ("all", "few", "other"))
    where = ["top", "left"]
    pd.testing.assert_frame_equal(everything.loc[few.index, where], few[where])
    assert set(few["well_id"]) == set(screen.ids[:5])
    assert not everything[where].equals(other.loc[everything.index, where])


def test_crops_lie_where_a_table_says(
    dataset: rx.Dataset, screen: b.Screen, tmp_path: Path
) -> None:
    well = screen.ids[3]
    centers = pd.DataFrame(
        {"well_id": [well, well, screen.ids[4]], "y": [20, 2, 40], "x": [30, 30, 30]}
    )
    file = tmp_path / "nuclei.csv"
    centers.to_csv(file, index=False)
    rx.export_crops(dataset, tmp_path / "crops", size=16, centers=file)
    crops = crops_in(tmp_path / "crops")
    assert sorted(zip(crops["well_id"], crops["top"], crops["left"], strict=True)) == sorted(
        [(well, 12, 22), (screen.ids[4], 32, 22)]
    ), "one lay too close to an edge"
    with pytest.raises(rx.RxRx3Error, match="no column x, y"):
        rx.export_crops(dataset, tmp_path / "none", centers=centers[["well_id"]])


def test_a_well_that_lacks_a_plane_is_named_and_left_out(screen: b.Screen, tmp_path: Path) -> None:
    broken, small = screen.ids[0], screen.ids[1]
    planes = dict(screen.planes)
    planes[small] = [plane[:20, :20] for plane in planes[small]]
    other = b.Screen(screen.rows, planes, screen.vectors)
    root = other.write_rxrx3(tmp_path / "data")
    (root / "images" / "gene-001" / "Plate1.tar").unlink()
    files = b.image_files(
        {b_.rsplit("_", 1)[1]: p for b_, p in planes.items() if "gene-001_1" in b_}
    )
    files.pop(next(name for name in files if name.startswith("B02") and "w4" in name))
    b.write_tar(root / "images" / "gene-001" / "Plate1.tar", files)
    dataset = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    summary = rx.export_crops(dataset, tmp_path / "crops", size=24, per_well=1)
    said = "\n".join(summary.failures)
    assert len(summary.failures) == 2
    for word in (broken, "channel 4", small, "20 x 20"):
        assert word in said
    assert set(crops_in(tmp_path / "crops")["well_id"]) == set(screen.ids) - {broken, small}


def test_tars_are_as_webdataset_reads_them(
    dataset: rx.Dataset, screen: b.Screen, tmp_path: Path
) -> None:
    rx.export_crops(dataset, tmp_path, size=16, per_well=1, form="webdataset")
    samples: dict[str, dict[str, bytes]] = {}
    for file in sorted((tmp_path / "data").glob("*.tar")):
        with tarfile.open(file) as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                key, _, ending = name.partition(".")  # as webdataset groups members
                samples.setdefault(f"{folder}/{key}", {})[ending] = tar.extractfile(member).read()  # type: ignore[union-attr]
    assert len(samples) == len(screen.rows)
    for sample in samples.values():
        assert set(sample) == {"json", *(f"w{c}.png" for c in range(1, 7))}
        said = json.loads(sample["json"])
        image = np.stack(screen.planes[said["well_id"]])[:, said["top"] :, said["left"] :]
        plane = imagecodecs.png_decode(sample["w5.png"])
        np.testing.assert_array_equal(plane, image[4, :16, :16])


def test_what_was_stopped_goes_on_and_another_way_is_refused(
    dataset: rx.Dataset, tmp_path: Path
) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done > total / 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        rx.export_crops(dataset, tmp_path, size=16, progress=stop)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "data").iterdir()}
    assert before
    assert all(file.suffix == ".parquet" for file in before)
    summary = rx.export_crops(dataset, tmp_path, size=16)
    assert summary.n_before == len(before) < summary.n_tasks
    assert all(file.stat().st_mtime_ns == at for file, at in before.items())
    with pytest.raises(rx.RxRx3Error, match="made in another way"):
        rx.export_crops(dataset, tmp_path, size=20)


@pytest.mark.each(5)
@pytest.mark.parametrize("trouble", ["503", "429", "drop", "half"])
@pytest.mark.parametrize(
    ("export", "n_each"), [(partial(rx.export_crops, size=16), 4), (rx.export_zarr, 1)]
)
def test_what_a_server_gives_not_now_is_written_another_time(
    screen: b.Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    export: Callable[..., PassSummary],
    n_each: int,
    trouble: str,
) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0.0, 0.0, 0.0))
    screen.write_rxrx3(tmp_path / "data")
    store = b.Store()
    with b.served(tmp_path, True, store) as url:
        dataset = rx.open_dataset(f"{url}/data", tmp_path / "cache")
        store.trouble = {"gene-001/Plate2.tar": trouble}
        summary = export(dataset, tmp_path / "out")
        assert (summary.n_tasks, summary.n_open, len(summary.failures)) == (5, 1, 1)
        assert "Plate2.tar" in summary.failures[0]
        store.trouble = {}
        again = export(rx.open_dataset(f"{url}/data", tmp_path / "new"), tmp_path / "out")
    assert (again.n_before, again.n_open, again.failures) == (4, 0, [])
    assert summary.n_written + again.n_written == n_each * len(screen.rows)


def test_parts_are_the_whole(dataset: rx.Dataset, screen: b.Screen, tmp_path: Path) -> None:
    how: dict[str, Any] = {"size": 16, "per_well": 1}
    n = [rx.export_crops(dataset, tmp_path, share=Share(i, 3), **how).n_written for i in (1, 2, 3)]
    assert all(n)
    assert sum(n) == len(screen.rows)
    assert rx.export_crops(dataset, tmp_path, **how).n_before == 5


# --- what is held out -----------------------------------------------------------------------------


def wells_of(experiments: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    rows = [row for name, genes in experiments.items() for row in rows_of(name, 1, genes)]
    table = pd.DataFrame(rows).set_index("well_id")
    is_control = table["treatment"] == "EMPTY_control"
    return table.assign(well_type=is_control.map({True: "EMPTY_control", False: "guide"}))


def gene_experiments(n: int) -> dict[str, tuple[str, ...]]:
    """Each with a twin, as in RxRx3."""
    genes = {i: tuple(f"G{i}{letter}" for letter in "ABCD") for i in range(n)}
    return {f"gene-{i:03d}": genes[i % n] for i in range(2 * n)}


@pytest.mark.parametrize("seed", range(3))
def test_twins_are_kept_together_and_nothing_leaks(seed: int) -> None:
    wells = wells_of(gene_experiments(20))
    split = split_experiments(wells, seed=seed)
    assert all(split[f"gene-{i:03d}"] == split[f"gene-{i + 20:03d}"] for i in range(20))
    assert not leakage(wells, split)["n_shared"].any()
    table = splits_table(wells, split)
    assert (table.groupby("split")["n_controls"].sum() > 0).all()
    shares = table.groupby("split")["n_wells"].sum() / len(wells)
    assert shares["train"] == pytest.approx(0.8, abs=0.06)
    assert shares["test"] == pytest.approx(0.1, abs=0.06)
    assert split == split_experiments(wells, seed=seed)


def test_twins_that_are_set_apart_are_said_to_leak() -> None:
    wells = wells_of(gene_experiments(20))
    split = split_experiments(wells, apart=True)
    shared = leakage(wells, split).set_index(["what", "split", "other"])["n_shared"]
    assert shared["gene"].sum() > 0
    assert not shared["experiment_name"].any()
    assert split != split_experiments(wells, apart=True, seed=1)


def test_a_split_without_experiments_is_said(dataset: rx.Dataset, tmp_path: Path) -> None:
    one = [well for well in dataset.wells.index if well.startswith("gene-001")]
    rx.export_crops(dataset, tmp_path, size=16, per_well=1, wells=one)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "too few experiments for test" in card
    assert "split: train" in card
    assert "split: test" not in card
    with pytest.raises(rx.RxRx3Error, match="three numbers"):
        rx.export_crops(dataset, tmp_path / "other", shares=(1, 2))


def test_the_card_names_source_terms_and_leaks(dataset: rx.Dataset, tmp_path: Path) -> None:
    rx.export_crops(dataset, tmp_path, size=16, per_well=1, shares=(1, 1, 1), apart=True)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    for word in (str(dataset.root), rx.__version__, "16 pixels", "license", "Leakage", "µM"):
        assert word in card
    splits = pd.read_csv(tmp_path / "splits.csv").set_index("experiment_name")["split"]
    is_apart = splits["gene-001"] != splits["gene-143"]
    assert ("share 4 of gene" in card) == is_apart
    crops = crops_in(tmp_path)
    assert (crops["split"] == crops["experiment_name"].map(splits)).all()


# --- by command -----------------------------------------------------------------------------------


def test_crops_by_command(
    dataset: rx.Dataset, screen: b.Screen, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["export", "crops", dataset.address, str(tmp_path), "--size", "16", "--per-well", "1"]
    assert main([*where, "--plates", "gene-001/2"]) == 0
    assert "1 plate: 6 crops written." in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*where, "--part", "4/3"])
    assert "no part such as 3/100" in capsys.readouterr().err


@pytest.mark.soak
def test_a_scheduler_that_is_not_there_is_named(
    dataset: rx.Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["export", "crops", dataset.address, str(tmp_path), "--scheduler", "tcp://127.0.0.1:9"]
    assert main(asked) == 1
    assert "tcp://127.0.0.1:9 does not answer" in capsys.readouterr().err
