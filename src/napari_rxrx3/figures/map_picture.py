"""Saves the picture of a map as a figure: PNG, TIFF, SVG or PDF, with what it shows below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.plate_colors import CategoricalLegend, NumericLegend
from napari_rxrx3.core.points.labels import place_labels
from napari_rxrx3.core.points.scene import Picture, Scene
from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.figures.drawing import POINTS, file_of, font_of, measure, own_style, written
from napari_rxrx3.figures.figure_files import check_free, form_of, write_together
from napari_rxrx3.figures.paper import Paper
from napari_rxrx3.figures.words import wrapped

if TYPE_CHECKING:
    import os

__all__ = ["MapPicture", "save_map"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

_MM = POINTS / 25.4
_MARGIN, _GAP = 8.0, 6.0
_TITLE, _TEXT, _LEADING = 9.0, 7.0, 1.3
_SWATCH, _BAR, _RING = 6.0, 90.0, 6.0
_DIMMED = 0.25
_INK = "#1a1a1a"


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
    path, paper = Path(path), paper or Paper()
    paper.check()
    form = form_of(path)
    check_free(path, overwrite=overwrite)
    if progress is not None:
        progress(0, 0, "drawing the map")
    sheet = _Sheet(picture, paper)
    creator = f"napari-rxrx3 {version('napari-rxrx3')}"
    facts = {"Title": picture.title, "Creator": creator, "Description": picture.caption}
    with own_style():
        content = file_of(sheet.figure(), form, paper.dpi, facts, date or datetime.now(UTC))
    if progress is not None:
        progress(0, 0, f"writing {path}")
    write_together({path: content})


class _Sheet:
    """A page, in points from the upper left corner."""

    def __init__(self, picture: MapPicture, paper: Paper) -> None:
        self.picture, self.paper = picture, paper
        self.width = paper.width_mm * _MM
        self.inner = self.width - 2 * _MARGIN
        view = picture.viewport
        self.side = self.inner * view.height / view.width
        self.lines = wrapped(picture.caption, _TEXT, self.inner, measure)
        self.top = _MARGIN + _TITLE * _LEADING + _GAP
        self.below = self.top + self.side + _GAP
        n_lines = 1 + len(self.lines) if paper.has_caption else 1
        self.height = self.below + n_lines * _TEXT * _LEADING + _GAP + _MARGIN

    def figure(self) -> Any:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        size = self.width / POINTS, self.height / POINTS
        figure = Figure(size, dpi=self.paper.dpi, facecolor="white")
        figure.set_layout_engine("none")
        FigureCanvasAgg(figure)
        self._write(figure, self.picture.title, _MARGIN, _MARGIN + _TITLE, _TITLE, is_bold=True)
        self._draw_points(figure)
        self._draw_legend(figure)
        for i, line in enumerate(self.lines if self.paper.has_caption else []):
            top = self.below + _GAP + (i + 2) * _TEXT * _LEADING
            self._write(figure, line, _MARGIN, top, _TEXT)
        return figure

    def _draw_points(self, figure: Any) -> None:
        """The points as pixels, and as lines and letters what is on top of them."""
        picture, view = self.picture, self.picture.viewport
        factor = self.inner / POINTS * self.paper.dpi / view.width
        width, height = round(view.width * factor), round(view.height * factor)
        large = replace(view, scale=view.scale * factor, width=width, height=height)
        scene = Scene.of(picture.positions).colored(picture.classes, picture.palette)
        axes = self._axes(figure, _MARGIN, self.top, self.inner, self.side)
        pixels = _on_white(scene.lit(picture.marked).paint(large, factor))
        axes.imshow(
            pixels,
            interpolation="none",
            aspect="auto",
            resample=False,
            extent=(0, self.inner, self.side, 0),
        )
        for line in axes.spines.values():
            line.set_linewidth(0.4)
        places = large.pixels(picture.positions) * (self.inner / width)
        if picture.current is not None and np.isfinite(places[picture.current]).all():
            from matplotlib.patches import Circle

            center = tuple(places[picture.current])
            axes.add_patch(Circle(center, _RING, fill=False, edgecolor=_INK, linewidth=1.0))
        self._name(axes, places)
        axes.set_xlim(0, self.inner)
        axes.set_ylim(self.side, 0)

    def _name(self, axes: Any, places: Array) -> None:
        from matplotlib.patheffects import withStroke

        labels = self.picture.labels
        anchors = places[[row for row, _ in labels]] if labels else np.zeros((0, 2))
        height = _TEXT * _LEADING
        for n, left, top in place_labels(
            anchors,
            lambda n: (measure(labels[n][1], _TEXT), height),
            (self.inner, self.side),
            _RING,
        ):
            text = axes.text(
                left,
                top + 0.75 * height,
                written(labels[n][1]),
                fontproperties=font_of(_TEXT),
                color=_INK,
                parse_math=False,
            )
            text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])

    def _draw_legend(self, figure: Any) -> None:
        legend, top = self.picture.legend, self.below
        if isinstance(legend, CategoricalLegend):
            left = _MARGIN
            for name, color, count in legend.entries:
                words = f"{name} {count:,}"
                if left + _SWATCH + _GAP + measure(words, _TEXT) > self.width - _MARGIN:
                    break
                self._fill(figure, left, top, _SWATCH, [[color]])
                self._write(figure, words, left + _SWATCH + 3, top + _TEXT - 1, _TEXT)
                left += _SWATCH + 3 + measure(words, _TEXT) + 2 * _GAP
        elif not np.isnan(legend.low):
            words = f"{legend.title}   {legend.low:.4g}"
            self._write(figure, words, _MARGIN, top + _TEXT - 1, _TEXT)
            left = _MARGIN + measure(words, _TEXT) + _GAP
            self._fill(figure, left, top, _BAR, [list(legend.colors)])
            self._write(figure, f"{legend.high:.4g}", left + _BAR + _GAP, top + _TEXT - 1, _TEXT)

    def _fill(self, figure: Any, left: float, top: float, width: float, colors: Any) -> None:
        axes = self._axes(figure, left, top, width, _SWATCH)
        axes.set_axis_off()
        axes.imshow(np.array(colors, np.uint8), aspect="auto", interpolation="none")

    def _axes(self, figure: Any, left: float, top: float, width: float, height: float) -> Any:
        bottom = 1 - (top + height) / self.height
        share = left / self.width, bottom, width / self.width, height / self.height
        return figure.add_axes(share, facecolor="none", xticks=(), yticks=())

    def _write(
        self, figure: Any, text: str, left: float, top: float, size: float, is_bold: bool = False
    ) -> None:
        figure.text(
            left / self.width,
            1 - top / self.height,
            written(text),
            fontproperties=font_of(size, is_bold),
            color=_INK,
            parse_math=False,
        )


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
