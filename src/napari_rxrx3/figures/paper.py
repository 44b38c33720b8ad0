"""What a figure is printed on, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_rxrx3.core.errors import RxRx3Error

__all__ = ["FigureError", "FigureExists", "Paper"]

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
