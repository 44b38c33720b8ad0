"""The small pictures of the neighbor list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.contrast import composite
from napari_rxrx3.core.errors import ImageUnavailable
from napari_rxrx3.core.plate import N_CHANNELS, PlateId
from napari_rxrx3.data.thumbnails.preview_file import PreviewFile
from napari_rxrx3.diagnostics.log import recent
from napari_rxrx3.gui.neighbors import thumbnails as module
from napari_rxrx3.gui.neighbors.neighbor_table import NeighborModel
from napari_rxrx3.gui.neighbors.thumbnails import Thumbnails
from napari_rxrx3.maps.neighbors import Neighbor

LIMITS = ((0.0, 60_000.0),) * N_CHANNELS
TIP, SPOKEN = Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole
PICTURE = 1


@pytest.fixture
def thumbnails(qapp: Any) -> Any:
    made = Thumbnails()
    yield made
    made.close(wait=True)


def a_screen(root: Path, size: int, n_wells: int = 3) -> b.Screen:
    rows = [b.guide_row("gene-001", 1, f"C{c:02d}", "PLK1") for c in range(2, 2 + n_wells)]
    screen = b.Screen(rows)
    screen.planes = {i: b.noise(i, size) for i in screen.ids}
    screen.write_metadata(root / "metadata.csv")
    screen.write_tars(root)
    return screen


def pixels(image: Any) -> np.ndarray:
    """Return the colors of a QImage, (Y, X, 3)."""
    return np.array(
        [
            [image.pixelColor(x, y).getRgb()[:3] for x in range(image.width())]
            for y in range(image.height())
        ]
    )


def read(thumbnails: Thumbnails, dataset: Any, wells: list[str], qtbot: Any) -> None:
    thumbnails.request(dataset, wells)
    qtbot.waitUntil(lambda: thumbnails.is_idle, timeout=20_000)


def test_a_picture_is_the_preview_in_the_contrast_of_the_window(
    root: Path, cache: Path, thumbnails: Thumbnails, qtbot: Any
) -> None:
    screen = a_screen(root, 800)
    dataset = rx.open_dataset(root, cache)
    assert thumbnails.image(screen.ids[0], LIMITS) is None
    read(thumbnails, dataset, screen.ids, qtbot)
    for well_id in screen.ids:
        image = thumbnails.image(well_id, LIMITS)
        assert image is not None
        previews = [dataset.preview(well_id, channel) for channel in range(1, 7)]
        assert np.array_equal(pixels(image), composite(previews, LIMITS))


def test_a_list_says_where_a_picture_shows_a_piece(
    root: Path, cache: Path, thumbnails: Thumbnails, qtbot: Any
) -> None:
    screen = a_screen(root, 800)
    model = NeighborModel(thumbnails)
    rows = [
        Neighbor(1, "PLK1", "PLK1", "CRISPR", np.nan, 0.9, 1, screen.ids[0]),
        Neighbor(2, "MTOR", "MTOR", "CRISPR", np.nan, 0.8, 1, None),
    ]
    model.set_neighbors(rows, "cos")
    read(thumbnails, rx.open_dataset(root, cache), [screen.ids[0]], qtbot)
    shown = f"shown: well {screen.ids[0]}, a piece of 125 µm at the top of the well"
    assert model.data(model.index(0, PICTURE), SPOKEN) == shown
    assert "a piece of 125 µm at the top of the well" in model.data(model.index(0, PICTURE), TIP)
    assert model.data(model.index(1, PICTURE), SPOKEN) is None


def test_a_whole_well_needs_no_words(
    root: Path, cache: Path, thumbnails: Thumbnails, qtbot: Any
) -> None:
    screen = a_screen(root, 100)
    read(thumbnails, rx.open_dataset(root, cache), screen.ids, qtbot)
    assert thumbnails.note(screen.ids[0]) == ""
    assert thumbnails.image(screen.ids[0], LIMITS) is not None
    assert thumbnails.note(None) == ""


def test_few_pictures_stay_but_those_of_the_list_do(
    root: Path,
    cache: Path,
    thumbnails: Thumbnails,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_KEPT_BYTES", 4 * N_CHANNELS * 64 * 64 * 2)
    screen = a_screen(root, 32, n_wells=8)
    dataset = rx.open_dataset(root, cache)
    ids = screen.ids
    read(thumbnails, dataset, ids[:3], qtbot)
    read(thumbnails, dataset, [ids[0], *ids[3:6]], qtbot)
    assert [i for i in ids if thumbnails.image(i, LIMITS) is not None] == [ids[0], *ids[3:6]]
    read(thumbnails, dataset, ids, qtbot)
    assert all(thumbnails.image(i, LIMITS) is not None for i in ids)


def test_a_plate_that_is_loaded_gives_the_pictures(
    root: Path, cache: Path, thumbnails: Thumbnails, qtbot: Any
) -> None:
    screen = a_screen(root, 800)
    dataset = rx.open_dataset(root, cache)
    plate = dataset.thumbnails_of(PlateId("gene-001", 1))
    for job in plate.todo(range(1536), range(1, 7)):
        plate.fill([job])
    (root / "images" / "gene-001" / "Plate1.tar").unlink()
    read(thumbnails, dataset, screen.ids, qtbot)
    assert all(thumbnails.image(i, LIMITS) is not None for i in screen.ids)


def test_an_image_that_is_not_there_leaves_no_picture(
    root: Path, cache: Path, thumbnails: Thumbnails, qtbot: Any
) -> None:
    screen = a_screen(root, 32)
    read(thumbnails, rx.open_dataset(root, cache), ["gene-001_1_AF48", screen.ids[0]], qtbot)
    assert thumbnails.image("gene-001_1_AF48", LIMITS) is None
    assert thumbnails.image(screen.ids[0], LIMITS) is not None


def test_what_is_asked_for_after_the_end_is_not_read(
    root: Path, cache: Path, thumbnails: Thumbnails, qtbot: Any
) -> None:
    screen = a_screen(root, 32)
    dataset = rx.open_dataset(root, cache)
    thumbnails.close(wait=True)
    read(thumbnails, dataset, screen.ids, qtbot)
    assert thumbnails.image(screen.ids[0], LIMITS) is None


class Broken:
    """Fails as a mistake in the program would; a data set that is sound beside it."""

    def __init__(self, dataset: Any, error: Exception) -> None:
        self._dataset, self._error = dataset, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def preview(self, well_id: str, channel: int) -> np.ndarray:
        raise self._error


def test_a_cause_that_nobody_thought_of_is_logged_once(
    thumbnails: Thumbnails, root: Path, cache: Path, qtbot: Any, caplog: pytest.LogCaptureFixture
) -> None:
    a_screen(root, 32)
    dataset = rx.open_dataset(root, cache_dir=cache)
    wells = dataset.wells.index.tolist()
    read(thumbnails, Broken(dataset, KeyError("a mistake")), wells, qtbot)
    (record,) = [r for r in caplog.records if r.name == module.__name__]
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)
    assert thumbnails.image(wells[0], LIMITS) is None


def test_why_images_cannot_be_read_is_noted_once(
    thumbnails: Thumbnails, root: Path, cache: Path, qtbot: Any, caplog: pytest.LogCaptureFixture
) -> None:
    a_screen(root, 32)
    dataset = rx.open_dataset(root, cache_dir=cache)
    wells = dataset.wells.index.tolist()
    for path in root.rglob("*"):
        if path.suffix in (".tar", ".png"):
            path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ImageUnavailable) as caught:
        dataset.preview(wells[0], 1)
    before = recent()
    read(thumbnails, dataset, wells, qtbot)
    assert [thumbnails.image(well, LIMITS) for well in wells] == [None] * len(wells)
    new = [event.text for event in recent() if event not in before]
    (said,) = [text for text in new if "no picture" in text]
    assert said.startswith("There is no picture: gene-001_1_")
    assert caught.value.cause in said
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


def test_several_programs_add_to_one_file_of_previews(tmp_path: Path) -> None:
    planes = np.arange(6 * 4, dtype="u1").reshape(6, 2, 2)
    one, other = (PreviewFile(tmp_path / "p", 6, 2, planes.dtype) for _ in range(2))
    filled = np.array([0, 3])
    assert one.add(planes, filled, filled) == []
    (theirs,) = other.add(planes, np.array([3, 5]), np.array([3, 5]))
    assert theirs.slots.tolist() == [0, 3]
    found = list(PreviewFile(tmp_path / "p", 6, 2, planes.dtype).load())
    slots = np.concatenate([part.slots for part in found])
    assert slots.tolist() == [0, 3, 5], "each once"
    assert (np.concatenate([part.pixels for part in found]) == planes[slots]).all()
