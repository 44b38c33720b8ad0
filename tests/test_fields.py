"""Wells of several fields: any of them is read, shown, checked and exported."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import napari_rxrx3 as rx
import zarr_plates as z
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import silent
from napari_rxrx3.data.images.controls import control_means
from napari_rxrx3.figures.figure import save_figure
from napari_rxrx3.figures.record import read_record, record_of
from napari_rxrx3.figures.restore import restore
from napari_rxrx3.session import Session

WELL = "p_1_A01"


def fields_of(address: str, n: int = 3) -> list[np.ndarray]:
    return [z.planes_of(f"{address}{'x' * field}") for field in range(n)]


@pytest.fixture(params=["0.5", "0.4"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    wells = {"A1": fields_of("A1"), "B2": fields_of("B2"), "C3": fields_of("C3", 2)}
    z.write_plate(tmp_path / "data" / "p.zarr", wells, version=request.param)
    (tmp_path / "data" / "wells.csv").write_text("Well,Drug\nA1,DMSO\nB2,DMSO\nC3,taxol\n")
    return tmp_path / "data"


@pytest.fixture
def dataset(root: Path, tmp_path: Path) -> rx.Dataset:
    return rx.open_dataset(root, tmp_path / "cache")


def test_any_field_is_read_and_the_first_one_unless_asked(dataset: rx.Dataset) -> None:
    assert (list(dataset.fields), dataset.field) == ([1, 2, 3], 1)
    for field, planes in enumerate(fields_of("A1"), start=1):
        np.testing.assert_array_equal(dataset.read(WELL, field=field), planes)
        np.testing.assert_array_equal(dataset.image(WELL, field).compute(), planes)
        np.testing.assert_array_equal(dataset.plane(WELL, 2, field=field), planes[1])
    np.testing.assert_array_equal(dataset.read(WELL), fields_of("A1")[0])


def test_what_is_shown_is_that_field_in_every_view(dataset: rx.Dataset) -> None:
    lazy, first = dataset.image(WELL), dataset.preview(WELL, 1).copy()
    thumbnails = dataset.thumbnails_of(PlateId("p", 1))
    means = control_means(dataset, PlateId("p", 1), silent).stains[0]
    dataset.show_field(2)
    second = fields_of("A1")[1]
    np.testing.assert_array_equal(dataset.read(WELL), second)
    np.testing.assert_array_equal(dataset.preview(WELL, 1), second[0])
    np.testing.assert_array_equal(dataset.piece(WELL, 1, 64, whole=True), second[0])
    assert dataset.levels(WELL, 1).means[0] == pytest.approx(second[0].mean())
    assert dataset.thumbnails_of(PlateId("p", 1)) is not thumbnails
    controls = control_means(dataset, PlateId("p", 1), silent).stains[0]
    difference = controls.difference("p_1_C03", dataset.plane("p_1_C03", 1))
    mean = (second[0] + fields_of("B2")[1][0].astype(float)) / 2
    np.testing.assert_allclose(difference, fields_of("C3", 2)[1][0] - mean)
    assert controls is not means
    np.testing.assert_array_equal(lazy.compute(), fields_of("A1")[0], "as it was asked for")
    dataset.show_field(1)
    np.testing.assert_array_equal(dataset.preview(WELL, 1), first)


def test_another_field_is_read_beside_the_one_that_is_shown(dataset: rx.Dataset) -> None:
    other = dataset.at_field(2)
    np.testing.assert_array_equal(other.read(WELL), fields_of("A1")[1])
    np.testing.assert_array_equal(other.thumbnail(WELL, 64), fields_of("A1")[1])
    np.testing.assert_array_equal(dataset.read(WELL), fields_of("A1")[0])
    assert (other.field, dataset.field, dataset.at_field(1)) == (2, 1, dataset)


@pytest.mark.soak
def test_a_figure_is_of_the_field_on_record(
    dataset: rx.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    session = Session()
    session.open(dataset)
    session.select_well(WELL)
    records = {}
    for field in (1, 2):
        session.set_field(field)
        records[field] = record_of(session)
        save_figure(tmp_path / f"shown{field}.png", dataset, records[field])
    session.set_field(1)
    save_figure(tmp_path / "again.png", dataset, records[2])
    again = (tmp_path / "again.png").read_bytes()
    assert again == (tmp_path / "shown2.png").read_bytes()
    assert again != (tmp_path / "shown1.png").read_bytes()
    assert read_record(tmp_path / "again.png.json").field == 2
    assert restore(records[2], session) == ()
    assert (session.field, dataset.field) == (2, 2)


def test_previews_that_are_kept_are_those_of_their_field(root: Path, tmp_path: Path) -> None:
    for field in (1, 2, 1):
        dataset = rx.open_dataset(root, tmp_path / "cache")
        dataset.show_field(field)
        thumbnails = dataset.thumbnails_of(PlateId("p", 1))
        thumbnails.fill(thumbnails.todo([0], [1]))
        thumbnails.save()
        np.testing.assert_array_equal(thumbnails.preview(0, 1), fields_of("A1")[field - 1][0])


def test_a_field_that_is_not_there_is_said(dataset: rx.Dataset) -> None:
    with pytest.raises(rx.RxRx3Error, match=r"There is no field 4; there are 1 to 3\."):
        dataset.show_field(4)
    with pytest.raises(rx.RxRx3Error, match="no field 0"):
        dataset.read(WELL, field=0)
    with pytest.raises(rx.ImageUnavailable, match=r"p_1_C03, channel 1: .*it has no field 3"):
        dataset.read("p_1_C03", field=3)
    assert dataset.field == 1


def test_a_damaged_field_is_found_whichever_is_shown(root: Path, tmp_path: Path) -> None:
    array = root / "p.zarr" / "B" / "2" / "1" / "0"
    channel = array / "c" / "2" if (array / "c").exists() else array / "2"
    shutil.rmtree(channel)
    problems = rx.open_dataset(root, tmp_path / "cache").check().problems
    found = problems[problems["kind"] == "unreadable_plane"]
    assert found[["well_id", "channel"]].values.tolist() == [["p_1_B02", 3]]
    assert found["detail"].str.contains("field 2, channel 3").all()
    uneven = problems[problems["detail"].str.contains("fewer fields")]["detail"].tolist()
    assert len(uneven) == 1
    assert "1 well has fewer fields than the 3 of others: well C/3 has 2" in uneven[0]


def test_another_process_reads_the_field_that_was_shown(dataset: rx.Dataset) -> None:
    dataset.show_field(3)
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    np.testing.assert_array_equal(again.read(WELL), fields_of("A1")[2])


def test_crops_are_of_the_field_that_is_shown_and_say_so(
    dataset: rx.Dataset, tmp_path: Path
) -> None:
    dataset.show_field(2)
    rx.export_crops(dataset, tmp_path / "crops", size=64, per_well=1)
    assert "field 2 of 3" in (tmp_path / "crops" / "README.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "crops" / "crops.json").read_text())["field"] == 2
    rows = pq.read_table(next((tmp_path / "crops" / "data").glob("*.parquet"))).to_pylist()
    import imagecodecs

    crop = next(row for row in rows if row["well_id"] == WELL)
    plane = imagecodecs.png_decode(crop["w1"]["bytes"])
    np.testing.assert_array_equal(plane, fields_of("A1")[1][0])
    dataset.show_field(1)
    with pytest.raises(rx.RxRx3Error, match="made in another way"):
        rx.export_crops(dataset, tmp_path / "crops", size=64, per_well=1)


def test_what_has_one_image_a_well_has_one_field(tmp_path: Path) -> None:
    z.write_plate(tmp_path / "p.zarr", {"A1": z.planes_of("A1")})
    dataset = rx.open_dataset(tmp_path / "p.zarr", tmp_path / "cache")
    assert list(dataset.fields) == [1]
    with pytest.raises(rx.RxRx3Error, match=r"There is no field 2; there is 1 alone\."):
        dataset.show_field(2)


def test_steps_go_around_the_fields(dataset: rx.Dataset) -> None:
    session = Session()
    session.step_field(1)  # without a data set there is none to go to
    session.open(dataset)
    seen = []
    for step in (1, 1, 1, -1):
        session.step_field(step)
        seen.append(session.field)
    assert seen == [2, 3, 1, 3]


def test_what_describes_a_plane_is_a_file_that_is_there(dataset: rx.Dataset) -> None:
    """Its stamp tells that the plane was written anew."""
    dataset.read(WELL)
    (source,) = dataset.images.sources
    assert all(Path(source.file(row)).is_file() for row in range(len(source.index.code)))
