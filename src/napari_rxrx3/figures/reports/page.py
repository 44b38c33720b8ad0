"""A report as one page, in the shape of a slide, that grows where there is more to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.plate_colors import CategoricalLegend
from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.figures.chart import INK, LEADING, MM, Chart
from napari_rxrx3.figures.drawing import POINTS, measure
from napari_rxrx3.figures.files import Paper
from napari_rxrx3.figures.fonts import font_of, printable, written
from napari_rxrx3.figures.layout import Box, Line, round_length, wrapped
from napari_rxrx3.figures.map_picture import MapPicture, draw_map
from napari_rxrx3.figures.reports.content import Shown, shown_of_neighbor
from napari_rxrx3.figures.reports.words import NEAREST, OPPOSITE, evidence_by_side, made_by, remarks
from napari_rxrx3.figures.tiles import fitted

if TYPE_CHECKING:
    from datetime import datetime

    from napari_rxrx3.figures.reports.content import Report, Spot
    from napari_rxrx3.figures.reports.pictures import Pictures

__all__ = ["ReportPage", "keys_of_map", "picture_of_map"]

Array = np.ndarray[Any, Any]

_WIDTH, _HEIGHT = 960.0, 540.0
"""Points of a slide of 16:9, 13⅓ inches wide: shown by a projector as it is, and printed on A4
across with a margin."""
_DPI = 200
_MARGIN, _GUTTER, _GAP = 22.0, 24.0, 6.0
_NAME, _ABOUT, _HEAD, _SAID, _SMALL, _FOOT = 22.0, 11.0, 9.5, 9.0, 8.0, 7.0
_PAIR = 220.0
"""Points of a side of the large pictures."""
_LEAST_IN_ROW = 6
"""Fewer small pictures are as large as so many."""
_MAP_HEIGHT = 112.0
_BOLD = 1.15
"""Bold letters are wider than those that are measured."""
_DOUBT = "⚠ "
_INDENT = 10.0
_BAR_SHARE, _BAR_HEIGHT = 0.31, 2.5
_SWATCH = 7.0
_VECTOR = ("svg", "pdf")

_GRAY, _BLUE, _ORANGE, _BLACK = (80, 80, 80), (0, 114, 178), (213, 94, 0), (0, 0, 0)
_PALETTE = np.array([_GRAY, _BLUE, _ORANGE, _BLACK], np.uint8)


class ReportPage(Chart):
    """Set from top to bottom when it is made; drawn as it was set.

    Left is the perturbation beside a control, with its guides or doses below; right what is like
    it, what is unlike, the map, and what is to be said; at the foot how it was made. Where no image
    of the perturbation is here, the map takes the place of the pair.
    """

    def __init__(
        self, report: Report, pictures: Pictures, form: str, date: datetime | None = None
    ) -> None:
        self.report, self.pictures, self.form = report, pictures, form
        self.paper = Paper(dpi=_DPI, width_mm=_WIDTH / MM)
        self.title, self.width = report.name, _WIDTH
        self._date = date
        self._lines: list[Line] = []
        self._shown: list[tuple[Box, Shown]] = []
        self._swatches: list[tuple[Box, tuple[float, float, float]]] = []
        self._map: Box | None = None
        self._has_pictures = bool(pictures.of)
        self._has_pair = report.pair[0].well in pictures.of
        self.height = max(self._set(), _HEIGHT)

    @property
    def sentences(self) -> str:
        words = (*remarks(self.report, self.pictures), made_by(self.report, self._date))
        return " ".join(words)

    @property
    def names(self) -> Sequence[str]:
        spot = self.report.spot
        return [*(line.text for line in self._lines), *(spot.names.values() if spot else ())]

    # -- setting -----------------------------------------------------------------------------------

    def _set(self) -> float:
        """Put everything in its place; the height that it takes."""
        width = 2 * _PAIR + _GAP
        right = _MARGIN + width + _GUTTER
        top = self._paragraph(self.title, _MARGIN, _MARGIN, width, _NAME, is_bold=True)
        top = self._paragraph(self.report.about, _MARGIN, top, width, _ABOUT) + _GAP
        bottom = max(
            self._set_left(_MARGIN, top, width),
            self._set_right(right, _MARGIN, _WIDTH - _MARGIN - right),
        )
        lines = self.caption_lines()
        foot = len(lines) * _FOOT * LEADING
        top = max(bottom + _GAP, _HEIGHT - _MARGIN - foot)
        for line in lines:
            self._line(line, _MARGIN, top, _FOOT)
            top += _FOOT * LEADING
        return top + _MARGIN

    def caption_lines(self) -> list[str]:
        return wrapped(self.caption, _FOOT, self._room, measure)

    @property
    def _room(self) -> float:
        return _WIDTH - 2 * _MARGIN

    def _set_left(self, left: float, top: float, width: float) -> float:
        if self._has_pair:
            top = self._row(self.report.pair, left, top, _PAIR, is_large=True)
            top = self._legend(left, top + 2, width)
        elif self.report.spot is not None:
            top = self._set_map(left, top, width, _PAIR)
            if self._has_pictures:
                top = self._legend(left, top + 2, width)
        series = self.report.series
        if series.items:
            top = self._paragraph(series.title, left, top + _GAP, width, _HEAD, is_bold=True) + 2
            n = max(len(series.items), _LEAST_IN_ROW)
            top = self._row(series.items, left, top, (width - (n - 1) * _GAP) / n)
        return top

    def _set_right(self, left: float, top: float, width: float) -> float:
        nearest = [shown_of_neighbor(each) for each in self.report.nearest]
        opposite = [shown_of_neighbor(each) for each in self.report.opposite]
        n = max(_LEAST_IN_ROW, len(nearest))
        side = (width - (n - 1) * _GAP) / n
        if nearest:
            top = self._paragraph(NEAREST, left, top, width, _HEAD, is_bold=True) + 2
            top = self._row(nearest, left, top, side) + _GAP
        bottom = top
        map_left = left
        if opposite:
            head = self._paragraph(OPPOSITE, left, top, width / 2, _HEAD, is_bold=True) + 2
            bottom = self._row(opposite, left, head, side)
            map_left = left + len(opposite) * (side + _GAP) + _GAP
        if self._has_pair and self.report.spot is not None:
            map_width = left + width - map_left
            bottom = max(bottom, self._set_map(map_left, top, map_width, _MAP_HEIGHT))
        return self._set_evidence(left, bottom + _GAP, width)

    def _set_evidence(self, left: float, top: float, width: float) -> float:
        for head, said in evidence_by_side(self.report):
            top = self._paragraph(head, left, top, width, _HEAD, is_bold=True) + 1
            for text in said:
                self._line("•", left, top, _SAID)
                top = self._paragraph(text, left + _INDENT, top, width - _INDENT, _SAID)
            top += 3
        return top

    def _set_map(self, left: float, top: float, width: float, height: float) -> float:
        spot = self.report.spot
        assert spot is not None
        self._map = Box(left, top, width, height)
        top += height + 2
        return self._paragraph(f"{keys_of_map(spot)} {spot.words}", left, top, width, _FOOT)

    def _legend(self, left: float, top: float, width: float) -> float:
        """A square in the color of each stain, with its name, in as many lines as it takes."""
        at = left
        for look in self.pictures.looks:
            name = look.stain.name
            wide = _SWATCH + 3 + measure(name, _SMALL)
            if at > left and at + wide > left + width:
                at, top = left, top + _SMALL * LEADING
            self._swatches.append((Box(at, top + 1.5, _SWATCH, _SWATCH), look.color))
            self._line(name, at + _SWATCH + 3, top, _SMALL)
            at += wide + 2 * _GAP
        return top + _SMALL * LEADING

    def _row(
        self, items: Sequence[Shown], left: float, top: float, side: float, is_large: bool = False
    ) -> float:
        """Pictures beside each other with their words below, or words alone; where they end."""
        size = _HEAD if is_large else _SMALL
        bottom = top
        for i, item in enumerate(items):
            at = left + i * (side + _GAP)
            below = top
            if self._has_pictures:
                self._shown.append((Box(at, top, side, side), item))
                below += side + 2
            name = item.name.replace(" µM", "\u00a0µM")
            below = self._paragraph(name, at, below, side, size, is_bold=item.is_own)
            for line in item.lines:
                below = self._paragraph(line, at, below, side, size)
            for name in item.doubts:
                below = self._paragraph(f"{_DOUBT}{name}", at, below, side, _FOOT)
            bottom = max(bottom, below)
        return bottom

    def _paragraph(
        self,
        text: str,
        left: float,
        top: float,
        width: float,
        size: float,
        *,
        is_bold: bool = False,
    ) -> float:
        for line in wrapped(text, size, width / (_BOLD if is_bold else 1), measure):
            self._line(line, left, top, size, is_bold=is_bold)
            top += size * LEADING
        return top

    def _line(
        self, text: str, left: float, top: float, size: float, *, is_bold: bool = False
    ) -> None:
        self._lines.append(Line(text, left, top + size, size, is_bold))

    # -- drawing -----------------------------------------------------------------------------------

    def draw(self, figure: Any) -> None:
        for line in self._lines:
            self.write(figure, line.text, line.left, line.top, line.size, is_bold=line.is_bold)
        for number, (box, item) in enumerate(self._shown):
            axes = self.axes(figure, box.left, box.top, box.width, box.height)
            self._draw_picture(axes, box, item, has_bar=number == 0)
        for box, color in self._swatches:
            axes = self.axes(figure, box.left, box.top, box.width, box.height)
            axes.imshow([[color]], aspect="auto", interpolation="none")
        if self._map is not None and self.report.spot is not None:
            box = self._map
            axes = self.axes(figure, box.left, box.top, box.width, box.height)
            picture = picture_of_map(self.report.spot, box.width, box.height)
            draw_map(axes, picture, box.width, self.paper.dpi)

    def _draw_picture(self, axes: Any, box: Box, item: Shown, has_bar: bool) -> None:
        pixels = self.pictures.of.get(item.well or "")
        axes.set_xlim(0, box.width)
        axes.set_ylim(box.height, 0)
        if pixels is None:
            _hatch(axes, box)
            return
        axes.set_axis_off()
        axes.imshow(
            self._printed(pixels, box),
            interpolation="none",
            aspect="auto",
            resample=False,
            extent=(0, box.width, box.height, 0),
        )
        if has_bar:
            self._draw_bar(axes, box)

    def _printed(self, pixels: Array, box: Box) -> Array:
        """With the pixels that it has on the page; SVG and PDF get those that there are."""
        if self.form in _VECTOR:
            return pixels
        height, width = (round(part / POINTS * self.paper.dpi) for part in (box.height, box.width))
        return fitted(pixels, (height, width))

    def _draw_bar(self, axes: Any, box: Box) -> None:
        from matplotlib.patches import Rectangle
        from matplotlib.patheffects import withStroke

        um = self.pictures.width_um
        length = round_length(_BAR_SHARE * um)
        width = length / um * box.width
        left, top = box.width - width - 7, box.height - 9
        bar = Rectangle((left, top), width, _BAR_HEIGHT, facecolor="white", edgecolor="black")
        bar.set_linewidth(0.4)
        axes.add_patch(bar)
        words = f"{length:g} µm"
        text = axes.text(
            left + (width - measure(words, _SMALL)) / 2,
            top - 3,
            words,
            fontproperties=font_of(_SMALL, text=words),
            color="white",
            parse_math=False,
            label=words,
        )
        text.set_path_effects([withStroke(linewidth=1.6, foreground="black")])


def keys_of_map(spot: Spot) -> str:
    """What the colors in the picture of the map say."""
    return f"Black: {spot.names[spot.query]}; blue: nearest; orange: opposite."


def picture_of_map(spot: Spot, width: float, height: float) -> MapPicture:
    """The whole map, with the perturbation and its neighbors marked and named."""
    positions = spot.projection.positions
    classes = np.zeros(len(positions), np.uint8)
    marks = (spot.nearest, spot.opposite, np.array([spot.query]))
    for number, rows in enumerate(marks, start=1):
        classes[rows] = number
    marked = np.flatnonzero(classes)
    there = positions[np.isfinite(positions).all(axis=1)]
    (left, bottom), (right, top) = (
        (there.min(axis=0), there.max(axis=0)) if len(there) else ((0, 0), (1, 1))
    )
    box = (float(left), float(bottom), float(right), float(top))
    return MapPicture(
        positions=positions,
        classes=classes,
        palette=_PALETTE,
        legend=CategoricalLegend((), 0, 0),
        marked=marked,
        current=spot.query,
        labels=[
            (row, name) for row, name in spot.names.items() if np.isfinite(positions[row]).all()
        ],
        viewport=Viewport.fit(box, round(width), round(height)),
        title="",
        caption="",
    )


def _hatch(axes: Any, box: Box) -> None:
    from matplotlib.patches import Rectangle

    colors: Any = {"facecolor": "white", "edgecolor": "#a0a0a0"}
    axes.add_patch(Rectangle((0, 0), box.width, box.height, hatch="////", linewidth=0, **colors))
    words = "no image here"
    axes.text(
        box.width / 2,
        box.height / 2,
        written(words),
        ha="center",
        va="center",
        fontproperties=font_of(_FOOT, text=words),
        color=INK,
        parse_math=False,
        label=printable(words),
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )
