"""Saves what is on screen as a figure: PNG, TIFF, SVG or PDF, with a record beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.contrast import default_limits
from napari_rxrx3.core.mosaic import Tile, arranged
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.stains import STAINS, colors_in
from napari_rxrx3.figures.caption import caption_of, title_of
from napari_rxrx3.figures.curve import curve_in_words, curve_of
from napari_rxrx3.figures.drawing import POINTS, draw_page, file_of, measure, own_style
from napari_rxrx3.figures.files import FigureError, Paper, Target, save
from napari_rxrx3.figures.fonts import what_is_spelled
from napari_rxrx3.figures.layout import ASPECT, Content, Page, lay_out
from napari_rxrx3.figures.look import StainLook, stain_looks
from napari_rxrx3.figures.tiles import DifferenceTiles, WellTiles, fitted

if TYPE_CHECKING:
    import os

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord

__all__ = ["looks_of", "record_path", "save_figure"]

Array = np.ndarray[Any, Any]

_VECTOR = ("svg", "pdf")
_MM = 25.4
_MOST_PIXELS = 300_000_000


def save_figure(
    path: str | os.PathLike[str],
    dataset: Dataset,
    record: ViewRecord,
    looks: Sequence[StainLook] | None = None,
    paper: Paper | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Draw the tiles of a view, whole and at full resolution, and save them with their record.

    The same view gives the same bytes, but for the time at which it was recorded, if its record
    says so; they hold nothing else of when they were made. The ending of the path, one of
    `FORMATS`, says what it becomes; the record is at `record_path`.

    Parameters
    ----------
    looks : sequence of StainLook, optional
        The stains as they are drawn; as the record has them if None.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Returns
    -------
    list of str
        The wells that are hatched, wholly or in some stains, because they could not be read.

    Raises
    ------
    FigureError
        If it cannot be drawn or written; `FigureExists` if a file is there. Nothing is left.
    RxRx3Error
        If no well has the field of the record.
    """
    paper, record_file = paper or Paper(), record_path(path)
    dataset = dataset.at_field(record.field)
    looks = list(looks or looks_of(record))
    record = replace(record, limits=tuple(k.limits for k in looks), tiles=_placed(record))
    target = Target(Path(path), overwrite, progress or silent, _date(record), beside=(record_file,))
    _ = target.form  # an ending that is none is said first
    _require_something_to_show(record, looks)
    hatched: list[str] = []

    def draw() -> dict[Path, bytes]:
        made = _TilesOnPage(dataset, record, looks, paper, target)
        hatched.extend(made.failures)
        return {target.path: made.file(), record_file: record.to_json().encode("utf-8")}

    save(target, paper, draw)
    return hatched


def record_path(path: str | os.PathLike[str]) -> Path:
    """Where the record of a figure is: ``figure.png.json`` beside ``figure.png``."""
    path = Path(path)
    return path.with_name(f"{path.name}.json")


def looks_of(record: ViewRecord) -> list[StainLook]:
    """The stains as a record says that they were drawn."""
    stains = record.stains
    return stain_looks(
        record.limits or default_limits(len(stains.visible)),
        colors_in(stains.palette, stains.table),
        shown=stains.visible,
        gamma=stains.gamma,
        in_gray=stains.alone,
        stains=stains.table,
    )


def _require_something_to_show(record: ViewRecord, looks: Sequence[StainLook]) -> None:
    if record.view == "plate":
        raise FigureError("A figure shows wells side by side, not the overview of a plate.")
    if not record.tiles:
        raise FigureError("There is no well on screen to make a figure of.")
    if not any(look.is_shown for look in looks):
        hidden = "All six stains are" if len(looks) == len(STAINS) else "All stains are"
        raise FigureError(f"{hidden} hidden: choose at least one for the figure.")


def _placed(record: ViewRecord) -> tuple[Tile, ...]:
    """Tiles as they suit a page; rows and columns that mean something stay."""
    keep = record.strip is not None and record.strip.is_arranged
    return arranged(record.tiles, ASPECT, keep=keep)


def _date(record: ViewRecord) -> datetime | None:
    """When the view was recorded, None if its record does not say."""
    try:
        return datetime.fromisoformat(record.saved).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class _TilesOnPage:
    """The tiles of a view, read and laid out on a page.

    Attributes
    ----------
    page : Page
    pictures : list of uint8 (Y, X, 3)
        Of its boxes.
    title, caption : str
        In full, whether they are on the page or not.
    failures : mapping of well_id to mapping of channel (1..6) to cause
        What is hatched.
    """

    def __init__(
        self,
        dataset: Dataset,
        record: ViewRecord,
        looks: list[StainLook],
        paper: Paper,
        target: Target,
    ) -> None:
        self._dataset, self._record = dataset, record
        self._looks, self._paper, self._target = looks, paper, target
        make = DifferenceTiles if record.difference else WellTiles
        self._tiles: DifferenceTiles | WellTiles = make(dataset, record, looks, target.progress)
        self.title, self.caption = title_of(record, dataset), ""
        self.failures: dict[str, dict[int, str]] = {}
        self.pictures: list[Array] = []
        self._draw_tiles()
        self.page = self._lay_out()  # with what is known now of missing images

    def file(self) -> bytes:
        """The whole figure as it stands in a file."""
        with own_style():
            figure = draw_page(self.page, self.pictures, self._paper.dpi, curve_of(self._record))
            return file_of(figure, self._target, self.title, self.caption)

    def _draw_tiles(self) -> None:
        tiles, boxes = self._tiles.tiles, self._lay_out().boxes
        for i, (tile, box) in enumerate(zip(tiles, boxes, strict=True)):
            self._target.progress(i, len(tiles), "drawing the figure")
            picture, failures = self._tiles.draw(i)
            if failures and tile.well_id is not None:
                self.failures.setdefault(tile.well_id, {}).update(failures)
            self.pictures.append(self._printed(picture, box.width, box.height))

    def _lay_out(self) -> Page:
        record, paper = self._record, self._paper
        curve = curve_of(record)
        content = Content(
            self._tiles.tiles,
            self._tiles.shape,
            record.stains.pixel_size_um,
            self.title if paper.has_labels else "",
            paper.has_labels or record.difference,  # else nobody knows which stain it is
            self._tiles.legend,
            curve_in_words(curve) if curve is not None else "",
        )
        paragraphs = caption_of(
            record, self._dataset, self._looks, content, self.failures, self._tiles.words
        )
        labels = (tile.label for tile in content.tiles) if paper.has_labels else ()
        paragraphs += what_is_spelled((content.title, *labels, *paragraphs), self._target.form)
        self.caption = " ".join(paragraphs)
        if paper.has_caption:
            content = replace(content, caption=paragraphs)
        width, pixel = paper.width_mm / _MM * POINTS, POINTS / paper.dpi
        page = lay_out(content, width, measure, pixel)
        if page.width * page.height / pixel**2 > _MOST_PIXELS:
            raise FigureError(f"At {paper.dpi} dpi the figure is too large; choose fewer.")
        return page

    def _printed(self, picture: Array, width: float, height: float) -> Array:
        """With the pixels that it has on paper; SVG and PDF get no more than there are."""
        shape = tuple(round(extent / POINTS * self._paper.dpi) for extent in (height, width))
        if self._target.form in _VECTOR and shape[0] >= picture.shape[0]:
            return picture
        return fitted(picture, (shape[0], shape[1]))
