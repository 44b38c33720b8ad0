"""What goes on the page of a figure: pictures, words and where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.figures.caption import caption_of, title_of
from napari_rxrx3.figures.curve import curve_in_words, curve_of
from napari_rxrx3.figures.difference import DifferenceTiles
from napari_rxrx3.figures.drawing import POINTS, measure
from napari_rxrx3.figures.layout import Content, Page, lay_out
from napari_rxrx3.figures.look import StainLook
from napari_rxrx3.figures.paper import FigureError, Paper
from napari_rxrx3.figures.tiles import WellTiles, fitted

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord

__all__ = ["Plan"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

_VECTOR = ("svg", "pdf")
_MM = 25.4
_MOST_PIXELS = 300_000_000


class Plan:
    """Everything that is on the page, read and set.

    Attributes
    ----------
    page : Page
    pictures : list of uint8 (Y, X, 3)
        Of its boxes.
    title, words : str
        The title, and the whole caption, whether they are on the page or not.
    failures : mapping of well_id to mapping of channel (1..6) to cause
        What is hatched.
    """

    def __init__(
        self,
        dataset: Dataset,
        record: ViewRecord,
        looks: list[StainLook],
        paper: Paper,
        form: str,
        progress: Progress,
    ) -> None:
        self._dataset, self._record = dataset, record
        self._looks, self._paper, self._form = looks, paper, form
        make = DifferenceTiles if record.difference else WellTiles
        self._tiles: DifferenceTiles | WellTiles = make(dataset, record, looks, progress)
        self.title, self.words = title_of(record, dataset), ""
        self.failures: dict[str, dict[int, str]] = {}
        self.pictures: list[Array] = []
        self._draw(progress)
        self.page = self._set()  # with what is known now of missing images

    def _draw(self, progress: Progress) -> None:
        tiles, boxes = self._tiles.tiles, self._set().boxes
        for i, (tile, box) in enumerate(zip(tiles, boxes, strict=True)):
            progress(i, len(tiles), "drawing the figure")
            picture, failures = self._tiles.draw(i)
            if failures and tile.well_id is not None:
                self.failures.setdefault(tile.well_id, {}).update(failures)
            self.pictures.append(self._printed(picture, box.width, box.height))
        progress(len(tiles), len(tiles), "writing the figure")

    def _set(self) -> Page:
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
        self.words = " ".join(paragraphs)
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
        if self._form in _VECTOR and shape[0] >= picture.shape[0]:
            return picture
        return fitted(picture, (shape[0], shape[1]))
