"""Files of figures: what their endings mean, and writing them whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from napari_rxrx3.data.kept.whole_files import written_atomically
from napari_rxrx3.figures.paper import FigureError, FigureExists

__all__ = ["FORMATS", "check_free", "form_of", "write_together"]

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
