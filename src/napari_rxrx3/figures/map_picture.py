"""Saves the picture of a map as a figure: PNG, TIFF, SVG or PDF, with what it shows below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.plate_colors import CategoricalLegend, NumericLegend
from napari_rxrx3.core.points.labels import place_labels
from napari_rxrx3.core.points.scene import Picture, Scene
from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.figures.chart import INK, LEADING, MARGIN, MM, TEXT, TITLE, Chart, save_chart
from napari_rxrx3.figures.drawing import POINTS, measure
from napari_rxrx3.figures.files import Paper, Target
from napari_rxrx3.figures.fonts import font_of, printable, written

if TYPE_CHECKING:
    import os
    from datetime import datetime

__all__ = ["MapPicture", "draw_map", "save_map"]

Array = np.ndarray[Any, Any]

_GAP = 6.0
_SWATCH, _BAR, _RING = 6.0, 90.0, 6.0
_DIMMED = 0.25


@dataclass(frozen=True, eq=False)
class MapPicture:
    """What a view of a map shows.

    Attributes
    ----------
    positions : float32 (n, 2)
    classes, palette : uint8 or uint16 (n,), uint8 (k, 3)
    marked : int (m,)
        Points that stand out; the others are dimmed if there are any.
    current : int, optional
        The point with a ring.
    labels : sequence of (int, str)
        Names of points, the most important first.
    viewport : Viewport
        What is in view, in pixels of the screen.
    """

    positions: Array
    classes: Array
    palette: Array
    legend: CategoricalLegend | NumericLegend
    marked: Array
    current: int | None
    labels: Sequence[tuple[int, str]]
    viewport: Viewport
    title: str
    caption: str


def save_map(
    path: str | os.PathLike[str],
    picture: MapPicture,
    paper: Paper | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    date: datetime | None = None,
) -> None:
    """Draw what a view of a map shows, with names, legend and caption, on white.

    Parameters
    ----------
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    FigureError
        If it cannot be drawn or written; `FigureExists` if a file is there. Nothing is left.
    """
    paper = paper or Paper()
    target = Target(Path(path), overwrite, progress or silent, date)
    save_chart(target, paper, lambda form: _MapChart(picture, paper, form))


class _MapChart(Chart):
    def __init__(self, picture: MapPicture, paper: Paper, form: str) -> None:
        self.picture, self.paper, self.title = picture, paper, picture.title
        self.form = form
        self.width = paper.width_mm * MM
        view = picture.viewport
        self.side = self.inner_width * view.height / view.width
        self.top = MARGIN + TITLE * LEADING + _GAP
        self.below = self.top + self.side + _GAP
        n_lines = 1 + len(self.caption_lines())
        self.height = self.below + n_lines * TEXT * LEADING + _GAP + MARGIN

    @property
    def names(self) -> Sequence[str]:
        legend, labels = self.picture.legend, [name for _, name in self.picture.labels]
        if isinstance(legend, CategoricalLegend):
            return [*labels, *(name for name, *_ in legend.entries)]
        return [*labels, legend.title]

    @property
    def sentences(self) -> str:
        return self.picture.caption

    def draw(self, figure: Any) -> None:
        self.write_title(figure)
        self._draw_points(figure)
        self._draw_legend(figure)
        self.write_caption(figure, self.below + _GAP + TEXT * LEADING)

    def _draw_points(self, figure: Any) -> None:
        axes = self.axes(figure, MARGIN, self.top, self.inner_width, self.side)
        draw_map(axes, self.picture, self.inner_width, self.paper.dpi)

    def _draw_legend(self, figure: Any) -> None:
        legend, top = self.picture.legend, self.below
        if isinstance(legend, CategoricalLegend):
            left = MARGIN
            for name, color, count in legend.entries:
                words = f"{name} {count:,}"
                if left + _SWATCH + _GAP + measure(words, TEXT) > self.width - MARGIN:
                    break
                self._fill(figure, left, top, _SWATCH, [[color]])
                self.write(figure, words, left + _SWATCH + 3, top + TEXT - 1, TEXT)
                left += _SWATCH + 3 + measure(words, TEXT) + 2 * _GAP
        elif not np.isnan(legend.low):
            words = f"{legend.title}   {legend.low:.4g}"
            self.write(figure, words, MARGIN, top + TEXT - 1, TEXT)
            left = MARGIN + measure(words, TEXT) + _GAP
            self._fill(figure, left, top, _BAR, [list(legend.colors)])
            self.write(figure, f"{legend.high:.4g}", left + _BAR + _GAP, top + TEXT - 1, TEXT)

    def _fill(self, figure: Any, left: float, top: float, width: float, colors: Any) -> None:
        axes = self.axes(figure, left, top, width, _SWATCH)
        axes.set_axis_off()
        axes.imshow(np.array(colors, np.uint8), aspect="auto", interpolation="none")


def draw_map(axes: Any, picture: MapPicture, width: float, dpi: int) -> None:
    """Draw the points as pixels, and as lines and letters what is on top of them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        An empty part of a page, as wide as said and in the shape of the viewport.
    width : float
        In points.
    """
    view = picture.viewport
    side, factor = width * view.height / view.width, width / POINTS * dpi / view.width
    large = replace(
        view,
        scale=view.scale * factor,
        width=round(view.width * factor),
        height=round(view.height * factor),
    )
    scene = Scene.of(picture.positions).colored(picture.classes, picture.palette)
    axes.imshow(
        _on_white(scene.lit(picture.marked).paint(large, factor)),
        interpolation="none",
        aspect="auto",
        resample=False,
        extent=(0, width, side, 0),
    )
    for line in axes.spines.values():
        line.set_linewidth(0.4)
    places = large.pixels(picture.positions) * (width / large.width)
    if picture.current is not None and np.isfinite(places[picture.current]).all():
        from matplotlib.patches import Circle

        center = tuple(places[picture.current])
        axes.add_patch(Circle(center, _RING, fill=False, edgecolor=INK, linewidth=1.0))
    _name(axes, picture.labels, places, (width, side))
    axes.set_xlim(0, width)
    axes.set_ylim(side, 0)


def _name(
    axes: Any, labels: Sequence[tuple[int, str]], places: Array, within: tuple[float, float]
) -> None:
    from matplotlib.patheffects import withStroke

    anchors = places[[row for row, _ in labels]] if labels else np.zeros((0, 2))
    height = TEXT * LEADING
    for n, left, top in place_labels(
        anchors,
        lambda n: (measure(labels[n][1], TEXT), height),
        within,
        _RING,
        points=places,
    ):
        text = axes.text(
            left,
            top + 0.75 * height,
            written(labels[n][1]),
            fontproperties=font_of(TEXT, text=labels[n][1]),
            color=INK,
            parse_math=False,
            label=printable(labels[n][1]),
        )
        text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def _on_white(picture: Picture) -> Array:
    """The pixels as they look on paper, uint8 (height, width, 3)."""
    layers = [(picture.base, 1.0 if picture.lit is None else _DIMMED)]
    layers += [(picture.lit, 1.0)] if picture.lit is not None else []
    shown = np.full((*picture.base.shape, 3), 255.0, np.float32)
    for pixels, opacity in layers:
        channels = [((pixels >> shift) & 255).astype(np.float32) for shift in (16, 8, 0, 24)]
        shown *= (1 - opacity * channels[3] / 255)[..., None]
        shown += opacity * np.stack(channels[:3], axis=-1)
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8)
