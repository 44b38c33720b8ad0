"""A page with one figure on it, and saving it: what a heat map and a map of points have alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from napari_rxrx3.figures.drawing import POINTS, file_of, font_of, own_style, written
from napari_rxrx3.figures.files import Paper, check_free, form_of, write_together

__all__ = ["INK", "LEADING", "MARGIN", "MM", "TEXT", "TITLE", "Sheet", "Target", "creator", "save"]

MM = POINTS / 25.4
MARGIN = 8.0
TITLE, TEXT, LEADING = 9.0, 7.0, 1.3
INK = "#1a1a1a"


class Sheet(ABC):
    """A page, in points from the upper left corner."""

    what: ClassVar[str]
    """What is drawn on it, in words."""
    paper: Paper
    title: str
    width: float
    height: float

    @property
    @abstractmethod
    def caption(self) -> str:
        """What is seen, and how it was made."""

    @abstractmethod
    def draw(self, figure: Any) -> None:
        """Draw everything on an empty figure of matplotlib."""

    def figure(self) -> Any:
        """The page as a figure of matplotlib; call it within `own_style`."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        size = self.width / POINTS, self.height / POINTS
        figure = Figure(size, dpi=self.paper.dpi, facecolor="white")
        figure.set_layout_engine("none")
        FigureCanvasAgg(figure)
        self.draw(figure)
        return figure

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
            fontproperties=font_of(size, is_bold),
            color=INK,
            parse_math=False,
        )


@dataclass(frozen=True)
class Target:
    """Where a figure goes.

    Attributes
    ----------
    overwrite : bool
        A file that is there may be replaced.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.
    date : datetime, optional
        The date that is kept in the file; now, if there is none.
    """

    path: Path
    overwrite: bool = False
    progress: Callable[[int, int, str], None] | None = None
    date: datetime | None = None

    def report(self, text: str) -> None:
        if self.progress is not None:
            self.progress(0, 0, text)


def save(target: Target, paper: Paper, make: Callable[[], Sheet]) -> None:
    """Draw a page and write it whole, or not at all.

    Raises
    ------
    FigureError
        If it cannot be drawn or written; `FigureExists` if a file is there. Nothing is left.
    """
    paper.check()
    form = form_of(target.path)
    check_free(target.path, overwrite=target.overwrite)
    target.report("drawing the figure")
    sheet = make()
    facts = {"Title": sheet.title, "Creator": creator(), "Description": sheet.caption}
    with own_style():
        date = target.date or datetime.now(UTC)
        content = file_of(sheet.figure(), form, paper.dpi, facts, date)
    target.report(f"writing {target.path}")
    write_together({target.path: content})


def creator() -> str:
    """Name and version of the program, as files keep them."""
    return f"napari-rxrx3 {version('napari-rxrx3')}"
