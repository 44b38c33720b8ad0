"""Wells that are arranged to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Tile

if TYPE_CHECKING:
    from napari_rxrx3.strips.doses import DoseCurve

__all__ = ["CONTROL", "KINDS", "NEIGHBOR", "QUERY", "NothingToCompare", "Strip"]

KINDS = ("control", "neighbors", "replicates", "guides", "doses", "position", "wells")
"""What a well can be compared with: see `napari_rxrx3.strips.arrange`."""

QUERY, CONTROL, NEIGHBOR = "query", "control", "neighbor"
"""What a tile may be there for, in `Tile.role`; empty for every other."""


class NothingToCompare(RxRx3Error):
    """A well has no strip of the kind that was asked for."""


@dataclass(frozen=True)
class Strip:
    """Wells side by side.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    title : str
        What is compared, e.g. ``"PLK1: guides by strength"``.
    tiles : tuple of Tile
        The query first, unless the order says otherwise; `Tile.role` says which it is.
    is_arranged : bool
        Rows and columns of the tiles mean something, e.g. a row a guide. Otherwise the tiles may
        be laid out as the canvas has room.
    note : str
        What to know about it in a sentence or two, e.g. how many wells are not shown; may be
        empty.
    curve : DoseCurve, optional
        Of a dose strip: how far each dose is from the controls.
    """

    kind: str
    title: str
    tiles: tuple[Tile, ...]
    is_arranged: bool = False
    note: str = ""
    curve: DoseCurve | None = None
