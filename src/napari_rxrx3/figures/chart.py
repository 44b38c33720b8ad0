"""A page with one chart on it: what a heat map and a map of points have alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_rxrx3.figures.drawing import (
    POINTS,
    blank_figure,
    file_of,
    measure,
    own_style,
)
from napari_rxrx3.figures.files import Paper, Target, save
from napari_rxrx3.figures.fonts import font_of, printable, what_is_spelled, written
from napari_rxrx3.figures.layout import wrapped

__all__ = ["INK", "LEADING", "MARGIN", "MM", "TEXT", "TITLE", "Chart", "save_chart"]

MM = POINTS / 25.4
MARGIN = 8.0
TITLE, TEXT, LEADING = 9.0, 7.0, 1.3
INK = "#1a1a1a"


class Chart(ABC):
    """A page, in points from the upper left corner.

    Attributes
    ----------
    form : {"png", "tiff", "svg", "pdf"}
        What the page becomes.
    """

    paper: Paper
    form: str
    title: str
    width: float
    height: float

    @property
    @abstractmethod
    def sentences(self) -> str:
        """What is seen, and how it was made."""

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """What else is written on the page, beside its title."""

    @cached_property
    def caption(self) -> str:
        """What is seen, how it was made, and what is written otherwise than it is spelled."""
        texts = (self.title, *self.names, self.sentences)
        return " ".join((self.sentences, *what_is_spelled(texts, self.form)))

    @abstractmethod
    def draw(self, figure: Any) -> None:
        """Draw everything on an empty figure of matplotlib."""

    @property
    def inner_width(self) -> float:
        """What the margins leave."""
        return self.width - 2 * MARGIN

    def caption_lines(self) -> list[str]:
        """The caption as it is set; none where the paper has none."""
        lines = wrapped(self.caption, TEXT, self.inner_width, measure)
        return lines if self.paper.has_caption else []

    def figure(self) -> Any:
        """The page as a figure of matplotlib; call it within `own_style`."""
        figure = blank_figure(self.width, self.height, self.paper.dpi)
        self.draw(figure)
        return figure

    def write_title(self, figure: Any) -> None:
        self.write(figure, self.title, MARGIN, MARGIN + TITLE, TITLE, is_bold=True)

    def write_caption(self, figure: Any, top: float) -> None:
        for number, line in enumerate(self.caption_lines(), start=1):
            self.write(figure, line, MARGIN, top + number * TEXT * LEADING, TEXT)

    def axes(self, figure: Any, left: float, top: float, width: float, height: float) -> Any:
        """A part of the page, without ticks."""
        bottom = 1 - (top + height) / self.height
        share = left / self.width, bottom, width / self.width, height / self.height
        return figure.add_axes(share, facecolor="none", xticks=(), yticks=())

    def write(
        self,
        figure: Any,
        text: str,
        left: float,
        baseline: float,
        size: float,
        *,
        is_bold: bool = False,
    ) -> None:
        figure.text(
            left / self.width,
            1 - baseline / self.height,
            written(text),
            fontproperties=font_of(size, is_bold, text),
            color=INK,
            parse_math=False,
            label=printable(text),
        )


def save_chart(target: Target, paper: Paper, make: Callable[[str], Chart]) -> None:
    """Draw a chart and write it whole, or not at all; see `napari_rxrx3.figures.files.save`.

    Parameters
    ----------
    make : callable
        Gives the chart for a form, see `Chart.form`.
    """

    def draw() -> dict[Path, bytes]:
        chart = make(target.form)
        with own_style():
            return {target.path: file_of(chart.figure(), target, chart.title, chart.caption)}

    save(target, paper, draw)
