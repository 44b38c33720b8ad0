"""Where everything of a figure is on its page, in points from the upper left corner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10

from napari_rxrx3.core.mosaic import Tile

__all__ = [
    "ASPECT",
    "Bar",
    "Box",
    "Content",
    "Line",
    "Measure",
    "Page",
    "labels_in",
    "lay_out",
    "round_length",
    "wrapped",
]

RGB = tuple[float, float, float]
Measure = Callable[[str, float], float]
"""Width of a text at a font size, both in points."""

ASPECT = 1.5
"""Width over height, about, of tiles on a page."""

_MARGIN, _GAP, _SPACE = 6.0, 4.0, 7.0
_TITLE, _TEXT, _LEADING, _ASCENT = 9.0, 7.0, 1.25, 0.97
_HIGHEST = 580.0
"""Of all tiles together: what is left of a page of a journal is for the caption."""
_NARROWEST = 252.0
"""One column of a journal: text is not set narrower for tiles that are."""
_SWATCH, _BETWEEN = 7.0, 12.0
_PLOT, _AXES = (360.0, 85.0), (26.0, 18.0)
_BAR_HEIGHT, _BAR_INSET, _BAR_SHARE = 2.0, 5.0, 0.3
_LABEL_SIZES = (7.0, 6.5, 6.0, 5.5, 5.0)
_MOST_LABEL_LINES = 4


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """A line of text; `top` is that of its baseline."""

    text: str
    left: float
    top: float
    size: float = _TEXT
    is_bold: bool = False


@dataclass(frozen=True)
class Bar:
    """The scale bar, in a tile, with its length in words if there is room."""

    box: Box
    words: Line | None


@dataclass(frozen=True)
class Content:
    """What goes on the page.

    Attributes
    ----------
    tile_shape : (height, width)
        In pixels of the images.
    stains : tuple of (name, color)
        The legend.
    curve : str
        What is to be said above a curve; empty where there is none.
    caption : tuple of str
        Its paragraphs.
    """

    tiles: tuple[Tile, ...]
    tile_shape: tuple[int, int]
    pixel_um: float
    title: str = ""
    is_labeled: bool = True
    stains: tuple[tuple[str, RGB], ...] = ()
    curve: str = ""
    caption: tuple[str, ...] = ()

    @property
    def bar_share(self) -> float:
        """Length of the scale bar as a share of the width of a tile."""
        return self._bar_um / self._tile_um

    @property
    def bar_words(self) -> str:
        """Length of the scale bar."""
        return f"{self._bar_um:g} µm"

    @property
    def _tile_um(self) -> float:
        return self.tile_shape[1] * self.pixel_um

    @property
    def _bar_um(self) -> float:
        return round_length(_BAR_SHARE * self._tile_um)


@dataclass(frozen=True)
class Page:
    """`boxes` are those of the content's tiles, in their order; `plot` is that of the curve."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    swatches: tuple[tuple[Box, RGB], ...]
    bar: Bar
    plot: Box | None = None


def lay_out(content: Content, width: float, measure: Measure, pixel: float) -> Page:
    """Put title, tiles, legend and caption below each other.

    Parameters
    ----------
    width : float
        Of the page; it becomes narrower if the tiles would be too high for a page of a journal.
    pixel : float
        The corners of tiles are whole multiples of it, so that no tile is blurred.
    """
    return _Setter(content, width, measure, pixel).page()


def round_length(longest: float) -> float:
    """The largest of 1, 2, 5, 10, 20, 50 ... that is not above a length."""
    power = 10.0 ** floor(log10(longest))
    return max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


class _Setter:
    """Sets a page from top to bottom."""

    def __init__(self, content: Content, width: float, measure: Measure, pixel: float) -> None:
        self._content, self._measure, self._pixel = content, measure, pixel
        self._room = width - 2 * _MARGIN
        self._top = _MARGIN
        self._lines: list[Line] = []
        self._swatches: list[tuple[Box, RGB]] = []

    def page(self) -> Page:
        content = self._content
        tile = self._tile_size()
        self._narrow(tile[0])
        if content.title:
            self._paragraph(content.title, _TITLE, is_bold=True)
        boxes, key = self._tiles(*tile)
        bar = self._bar(boxes)
        self._legend("" if bar.words else f"scale bar {self._content.bar_words}")
        plot = self._plot(content.curve) if content.curve else None
        for paragraph in (key, *content.caption):
            if paragraph:
                self._paragraph(paragraph, _TEXT)
        height = self._snapped(self._top + _MARGIN)
        lines, swatches = tuple(self._lines), tuple(self._swatches)
        width = self._snapped(self._room + 2 * _MARGIN)
        return Page(width, height, boxes, lines, swatches, bar, plot)

    def _narrow(self, tile_width: float) -> None:
        """Leave no empty half of a page beside tiles that would be too high for it."""
        columns = 1 + max(tile.column for tile in self._content.tiles)
        used = columns * (tile_width + _GAP) - _GAP
        if used < self._room - columns * self._pixel - 1:
            self._room = min(self._room, max(_NARROWEST, used))

    def _tiles(self, width: float, height: float) -> tuple[tuple[Box, ...], str]:
        """Boxes of the tiles, and what their numbers stand for if the labels are too long."""
        tiles = self._content.tiles
        size, labels, key = self._labels(width)
        boxes = {}
        for row in sorted({tile.row for tile in tiles}):
            in_row = [i for i, tile in enumerate(tiles) if tile.row == row]
            n_lines = max(len(labels[i]) for i in in_row)
            top = self._snapped(self._top + n_lines * size * _LEADING + (2 if n_lines else 0))
            for i in in_row:
                left = self._snapped(_MARGIN + tiles[i].column * (width + _GAP))
                boxes[i] = Box(left, top, width, height)
                self._above(boxes[i], labels[i], size)
            self._top = top + height + _GAP
        self._top += _SPACE - _GAP
        return tuple(boxes[i] for i in range(len(tiles))), key

    def _tile_size(self) -> tuple[float, float]:
        tiles, (height, width) = self._content.tiles, self._content.tile_shape
        columns, rows = (1 + max(places) for places in zip(*map(_place, tiles), strict=True))
        widest = (self._room - (columns - 1) * _GAP) / columns
        highest = (_HIGHEST - (rows - 1) * _GAP) / rows
        points = min(widest / width, highest / height)
        return self._cut(points * width), self._cut(points * height)

    def _labels(self, width: float) -> tuple[float, list[list[str]], str]:
        tiles = self._content.tiles
        if not self._content.is_labeled or len(tiles) == 1:
            return _TEXT, [[] for _ in tiles], ""
        labels = [tile.label for tile in tiles]
        fitting = labels_in(labels, width, self._measure)
        if fitting is not None:
            return (*fitting, "")
        named = [", ".join(filter(None, label.split("\n"))) for label in labels]
        key = "; ".join(f"{i}: {name}" for i, name in enumerate(named, start=1))
        return _TEXT, [[str(i)] for i in range(1, len(tiles) + 1)], f"Tiles {key}."

    def _above(self, box: Box, label: Sequence[str], size: float) -> None:
        """Set a label so that its last line stands on the tile."""
        top = box.top - 2 - len(label) * size * _LEADING
        for i, text in enumerate(label):
            self._lines.append(
                Line(text, box.left, top + i * size * _LEADING + _ASCENT * size, size)
            )

    def _bar(self, boxes: Sequence[Box]) -> Bar:
        """In the first tile that shows a well."""
        shown = [box for box, t in zip(boxes, self._content.tiles, strict=True) if t.well_id]
        box = shown[0] if shown else boxes[0]
        width = self._content.bar_share * box.width
        inset = min(_BAR_INSET, box.width / 12)
        right, bottom = box.left + box.width - inset, box.top + box.height - inset
        bar = Box(right - width, bottom - _BAR_HEIGHT, width, _BAR_HEIGHT)
        words = self._measure(self._content.bar_words, _TEXT)
        if words > box.width / 2 or box.height < 4 * _TEXT:
            return Bar(bar, None)
        left = min(bar.left + (width - words) / 2, right - words)
        return Bar(bar, Line(self._content.bar_words, left, bar.top - 3.2))

    def _legend(self, more: str) -> None:
        """Set a square in the color of each stain, with its name; then further words."""
        left, high = _MARGIN, _TEXT * _LEADING
        entries = [(name, color, _SWATCH + 3) for name, color in self._content.stains]
        for name, color, indent in [*entries, *([(more, None, 0.0)] if more else [])]:
            width = indent + self._measure(name, _TEXT)
            if left > _MARGIN and left + width > _MARGIN + self._room:
                left, self._top = _MARGIN, self._top + high + 2
            if color is not None:
                self._swatches.append((Box(left, self._top + 0.8, _SWATCH, _SWATCH), color))
            self._lines.append(Line(name, left + indent, self._top + _ASCENT * _TEXT))
            left += width + _BETWEEN
        self._top += high + 4 if left > _MARGIN else 0

    def _plot(self, words: str) -> Box:
        """Leave room for a curve, its axes within."""
        self._paragraph(words, _TEXT)
        width = min(self._room, _PLOT[0]) - _AXES[0]
        box = Box(_MARGIN + _AXES[0], self._top, width, _PLOT[1])
        self._top += _PLOT[1] + _AXES[1]
        return box

    def _paragraph(self, text: str, size: float, is_bold: bool = False) -> None:
        # bold letters are wider than those that are measured
        room = self._room / (1.15 if is_bold else 1)
        for line in wrapped(text, size, room, self._measure):
            self._lines.append(Line(line, _MARGIN, self._top + _ASCENT * size, size, is_bold))
            self._top += size * _LEADING
        self._top += 3

    def _snapped(self, length: float) -> float:
        return round(length / self._pixel) * self._pixel

    def _cut(self, length: float) -> float:
        return max(1, floor(length / self._pixel + 1e-9)) * self._pixel


def _place(tile: Tile) -> tuple[int, int]:
    return tile.column, tile.row


# --- text that fits -------------------------------------------------------------------------------


def wrapped(text: str, size: float, width: float, measure: Measure) -> list[str]:
    """Lines of at most this width; a word that is longer is broken.

    They end at blanks, but not at no-break spaces.
    """
    lines = [""]
    for word in filter(None, text.split(" ")):
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer, size) <= width:
            lines[-1] = longer
            continue
        *whole, rest = _broken(word, size, width, measure)
        lines += [*whole, rest]
    return lines if lines[0] else lines[1:]


def labels_in(
    labels: Sequence[str], width: float, measure: Measure
) -> tuple[float, list[list[str]]] | None:
    """The largest font size at which all labels fit a width in a few lines, and these lines.

    None if there is none: then a label would have to be cut, and a cut one can mislead.
    """
    for size in _LABEL_SIZES:
        words = {word for label in labels for word in label.split()}
        if any(measure(word, size) > width for word in words):
            continue
        lines = [
            [line for part in label.split("\n") for line in wrapped(part, size, width, measure)]
            for label in labels
        ]
        if all(len(label) <= _MOST_LABEL_LINES for label in lines):
            return size, lines
    return None


def _broken(word: str, size: float, width: float, measure: Measure) -> list[str]:
    parts = [""]
    for letter in word:
        if parts[-1] and measure(parts[-1] + letter, size) > width:
            parts.append("")
        parts[-1] += letter
    return parts
