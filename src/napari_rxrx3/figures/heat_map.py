"""Saves a heat map as a figure: PNG, TIFF, SVG or PDF, with a caption that says what it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.diverging import BLANK, color_index, diverging
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.words import count, key_in_words, some
from napari_rxrx3.figures.chart import INK, LEADING, MARGIN, MM, TEXT, TITLE, Chart, save_chart
from napari_rxrx3.figures.drawing import creator, measure
from napari_rxrx3.figures.files import Paper, Target
from napari_rxrx3.figures.fonts import font_of, printable, written

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from napari_rxrx3.maps.heat_map import HeatMap

__all__ = ["save_heat_map"]

Array = np.ndarray[Any, Any]

_GAP = 4.0
_NAME, _SMALLEST_NAME, _NAME_SHARE = 7.0, 3.2, 0.3
_LARGEST_CELL = 22.0
_TREE, _SCALE = 40.0, 22.0
_SCALE_BAR = (120.0, 6.0)
_PIXELS = 1200
"""A side of the picture has about as many: few large pixels would be blurred by some programs."""


def save_heat_map(
    path: str | os.PathLike[str],
    heat_map: HeatMap,
    title: str = "",
    notes: Sequence[str] = (),
    paper: Paper | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    date: datetime | None = None,
) -> None:
    """Draw a heat map with its names, its tree and a color scale.

    The same heat map gives the same bytes; a `date` is kept in the file if there is one. Names
    that would be too small to read are left out; the caption says so.

    Parameters
    ----------
    notes : sequence of str
        Sentences for the end of the caption.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    FigureError
        If it cannot be drawn or written; `FigureExists` if a file is there. Nothing is left.
    """
    paper = paper or Paper()
    target = Target(Path(path), overwrite, progress or silent, date)
    save_chart(target, paper, lambda form: _HeatMapChart(heat_map, title, notes, paper, form))


class _HeatMapChart(Chart):
    def __init__(
        self,
        heat_map: HeatMap,
        title: str,
        notes: Sequence[str],
        paper: Paper,
        form: str = "png",
    ) -> None:
        self.heat_map, self.notes, self.paper, self.form = heat_map, notes, paper, form
        self.title = title
        n = len(self.heat_map)
        self.width = self.paper.width_mm * MM
        room = self.inner_width
        self.shown_names = [key_in_words(key) for key in self.heat_map.keys]
        longest = max(measure(name, 1.0) for name in self.shown_names)
        # names take a part of the width that depends on their size, which depends on the cells
        cell = min(room / (n + longest * 0.9), _LARGEST_CELL)
        size = min(_NAME, 0.9 * cell)
        self.name_size = size if size >= _SMALLEST_NAME else 0.0
        self.beside = longest * self.name_size + _GAP if self.name_size else 0.0
        self.cell = min((room - self.beside) / n, _LARGEST_CELL)
        self.tree = _TREE if self.heat_map.linkage is not None else 0.0
        self.top = MARGIN + (TITLE * LEADING + _GAP) * self._is_titled + self.tree
        self.bottom = self.top + n * self.cell + _GAP + self.beside
        self.height = self.bottom + _SCALE + len(self.caption_lines()) * TEXT * LEADING + MARGIN

    @property
    def names(self) -> Sequence[str]:
        return self.shown_names if self.name_size else ()

    @property
    def sentences(self) -> str:
        made = self.heat_map
        entries = count(len(made), "entry")
        what = f"{self.title}: {entries}" if self.title else entries
        words = [f"{what}; {made.in_words()}; {made.order_in_words()}."]
        if self.name_size == 0:
            words.append("The names are too small to be shown.")
        names = zip(self.shown_names, made.is_blank, strict=True)
        blank = [name for name, is_blank in names if is_blank]
        if blank:
            words.append(f"Hatched, without a vector or a direction: {some(blank)}.")
        return " ".join([*words, *self.notes, f"Made with {creator()}."])

    def draw(self, figure: Any) -> None:
        if self._is_titled:
            self.write_title(figure)
        self._draw_cells(figure)
        if len(self.heat_map.branches):
            self._draw_tree(figure)
        self._draw_scale(figure)
        self.write_caption(figure, self.bottom + _SCALE)

    @property
    def _is_titled(self) -> bool:
        return bool(self.title) and self.paper.has_labels

    @property
    def _left(self) -> float:
        return MARGIN + self.beside

    @property
    def _side(self) -> float:
        return len(self.heat_map) * self.cell

    def _draw_cells(self, figure: Any) -> None:
        n, side = len(self.heat_map), self._side
        axes = self.axes(figure, self._left, self.top, side, side)
        axes.imshow(
            _pixels(self.heat_map.matrix),
            interpolation="none",
            aspect="auto",
            resample=False,
            extent=(0, n, n, 0),
        )
        for i in np.flatnonzero(self.heat_map.is_blank).tolist():
            _hatch(axes, 0, i, n, 1)
            _hatch(axes, i, 0, 1, n)
        for side_line in axes.spines.values():
            side_line.set_linewidth(0.4)
        if self.name_size:
            self._name(axes, self.shown_names)

    def _name(self, axes: Any, names: Sequence[str]) -> None:
        places = np.arange(len(names)) + 0.5
        # matplotlib writes those of ticks anew when it draws, so that they have to be right here
        shown = [printable(name) if self.form == "svg" else written(name) for name in names]
        axes.set_xticks(places, shown, rotation=90, parse_math=False)
        axes.set_yticks(places, shown, parse_math=False)
        axes.tick_params(length=0, pad=2)
        labels = (*axes.get_xticklabels(), *axes.get_yticklabels())
        for label, name in zip(labels, (*names, *names), strict=True):
            label.set_fontproperties(font_of(round(self.name_size, 2), text=name))

    def _draw_tree(self, figure: Any) -> None:
        from matplotlib.collections import LineCollection

        axes = self.axes(figure, self._left, self.top - self.tree, self._side, self.tree - _GAP)
        axes.set_axis_off()
        branches = self.heat_map.branches
        lines = [
            [(x1, y1), (x1, top), (x2, top), (x2, y2)] for x1, x2, y1, y2, top in branches.tolist()
        ]
        axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.4))
        axes.set_xlim(0, len(self.heat_map))
        axes.set_ylim(0, max(float(branches[:, 4].max()), 1e-9) * 1.05)

    def _draw_scale(self, figure: Any) -> None:
        width, height = _SCALE_BAR
        words = "cosine  −1"
        left, top = MARGIN + measure(words, TEXT) + _GAP, self.bottom + 4
        axes = self.axes(figure, left, top, width, height)
        axes.imshow(diverging(False)[None], aspect="auto", interpolation="none")
        for line in axes.spines.values():
            line.set_linewidth(0.4)
        self.write(figure, words, MARGIN, top + height, TEXT)
        self.write(figure, "1", left + width + _GAP, top + height, TEXT)


def _pixels(matrix: Array) -> Array:
    """The cells in color, uint8 (Y, X, 3), each of several pixels; white where there is none."""
    colors = np.append(diverging(False), np.full((1, 3), 255, np.uint8), axis=0)
    assert len(colors) == BLANK + 1
    times = max(1, _PIXELS // len(matrix))
    cells = colors[color_index(matrix)]
    return np.asarray(cells.repeat(times, axis=0).repeat(times, axis=1))


def _hatch(axes: Any, x: float, y: float, width: float, height: float) -> None:
    from matplotlib.patches import Rectangle

    colors: Any = {"facecolor": "white", "edgecolor": "#808080"}
    axes.add_patch(Rectangle((x, y), width, height, hatch="////", linewidth=0, **colors))
