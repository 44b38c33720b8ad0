"""A figure's paper and files: what their endings mean, and writing them whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.data.files.local import written_atomically

__all__ = [
    "FIGURES",
    "FORMATS",
    "TABLE",
    "FigureError",
    "FigureExists",
    "Paper",
    "check_free",
    "form_of",
    "with_ending",
    "write_together",
]

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


FORMATS = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".svg": "svg", ".pdf": "pdf"}
"""What the ending of a path stands for."""


def form_of(path: Path) -> str:
    """What the ending of a path stands for; raises FigureError."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        endings = ", ".join(FORMATS)
        raise FigureError(
            f"{path.name} has no ending of a figure: choose one of {endings}."
        ) from None


def check_free(*paths: Path, overwrite: bool) -> None:
    """Make sure that files may be written.

    Raises
    ------
    FigureError
        If one is a folder; `FigureExists` if one is there and may not be overwritten.
    """
    for path in paths:
        if path.is_dir():
            raise FigureError(f"{path} is a folder.")
        if path.exists() and not overwrite:
            raise FigureExists(f"{path} exists already.")


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write a figure and what belongs beside it: all, or nothing; raises FigureError."""
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


FIGURES, TABLE = "Figures (*.png *.svg *.pdf)", "CSV (*.csv)"


def with_ending(path: Path, ending: str) -> Path:
    """A path, with an ending if it has none."""
    return path if path.suffix else path.with_name(path.name + ending)
