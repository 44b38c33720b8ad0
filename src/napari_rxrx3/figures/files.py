"""A figure's paper and its files: checked before anything is drawn, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.data.files.local import written_atomically

__all__ = [
    "FIGURES",
    "FORMATS",
    "TABLE",
    "FigureError",
    "FigureExists",
    "Paper",
    "Target",
    "now",
    "save",
    "with_ending",
]

FORMATS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".svg": "svg", ".pdf": "pdf"}
"""What the ending of a path stands for."""
FIGURES, TABLE = "Figures (*.png *.svg *.pdf)", "CSV (*.csv)"
"""What file dialogs offer."""

_DPI, _WIDTH_MM = (50, 1200), (40.0, 1000.0)


class FigureError(RxRx3Error):
    """A figure cannot be made or written."""


class FigureExists(FigureError):
    """There is a file already where a figure is to be written."""


@dataclass(frozen=True)
class Paper:
    """What a figure is printed on.

    Attributes
    ----------
    dpi : int
        Pixels an inch; in SVG and PDF the most that the pictures may have.
    width_mm : float
        Of the whole figure: two columns of most journals have 170 to 183 mm.
    has_labels, has_caption : bool
        Title and labels over the tiles; the caption below them.
    """

    dpi: int = 300
    width_mm: float = 180.0
    has_labels: bool = True
    has_caption: bool = True

    def check(self) -> None:
        """Raise FigureError for a size that is none."""
        if not _DPI[0] <= self.dpi <= _DPI[1]:
            raise FigureError(f"{self.dpi} dpi are not within {_DPI[0]} to {_DPI[1]}.")
        if not _WIDTH_MM[0] <= self.width_mm <= _WIDTH_MM[1]:
            low, high = _WIDTH_MM
            raise FigureError(f"A width of {self.width_mm:g} mm is not within {low:g} to {high:g}.")


def now() -> datetime:
    """The time; or the one that SOURCE_DATE_EPOCH says, for files that are to be the same again."""
    try:
        return datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return datetime.now(UTC)


@dataclass(frozen=True)
class Target:
    """Where a figure goes.

    Attributes
    ----------
    overwrite : bool
        Files that are there may be replaced.
    progress : callable
        Called with (done, total, text); may raise to stop.
    date : datetime, optional
        The date that is kept in the file; without one, its bytes do not tell when it was made.
    beside : tuple of Path
        Further files that are written with it.
    forms : mapping of ending to form
        What it may become.
    """

    path: Path
    overwrite: bool = False
    progress: Progress = silent
    date: datetime | None = None
    beside: tuple[Path, ...] = ()
    forms: Mapping[str, str] = field(default_factory=lambda: FORMATS)

    @property
    def form(self) -> str:
        """What the ending of the path stands for; raises FigureError."""
        try:
            return self.forms[self.path.suffix.lower()]
        except KeyError:
            endings = ", ".join(self.forms)
            raise FigureError(
                f"{self.path.name} has no ending of a figure: choose one of {endings}."
            ) from None

    def check(self) -> None:
        """Raise FigureError where no file of the form can be written, or may be."""
        _ = self.form
        for path in (self.path, *self.beside):
            _check_free(path, self.overwrite)


def save(target: Target, paper: Paper, draw: Callable[[], Mapping[Path, bytes]]) -> None:
    """Draw a figure and write all of its files, or none.

    Parameters
    ----------
    draw : callable
        Makes what is in each file; called when everything else has been found to be in order.

    Raises
    ------
    FigureError
        If it cannot be drawn or written; `FigureExists` if a file is there. Nothing is left.
    """
    paper.check()
    target.check()
    target.progress(0, 0, "drawing the figure")
    contents = draw()
    target.progress(0, 0, f"writing {target.path}")
    _write_together(contents)


def _check_free(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise FigureError(f"{path} is a folder.")
    if path.exists() and not overwrite:
        raise FigureExists(f"{path} exists already.")


def _write_together(contents: Mapping[Path, bytes]) -> None:
    try:
        with ExitStack() as files:
            # all take their places when all are complete
            temporary = [files.enter_context(written_atomically(path)) for path in contents]
            for file, content in zip(temporary, contents.values(), strict=True):
                file.write_bytes(content)
    except OSError as error:
        why = error.strerror or str(error)
        path = next(iter(contents))
        raise FigureError(f"The figure cannot be written to {path} ({why}).") from error


def with_ending(path: Path, ending: str) -> Path:
    """A path, with an ending if it has none."""
    return path if path.suffix else path.with_name(path.name + ending)
