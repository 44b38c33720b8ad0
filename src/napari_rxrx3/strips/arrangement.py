"""Where a strip is arranged: choosing what a well is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.words import count, not_found, shown_of
from napari_rxrx3.maps.spec import Query
from napari_rxrx3.strips.doses import dose_strip
from napari_rxrx3.strips.guides import guide_strip
from napari_rxrx3.strips.neighbors import beside_control, neighbor_strip
from napari_rxrx3.strips.request import StripRequest
from napari_rxrx3.strips.strip import CONTROL, STRIP_KINDS, NothingToCompare, Strip

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["arrange"]

Array = np.ndarray[Any, Any]

_MOST_REPLICATES, _MOST_PLATES, _MOST_WELLS = 24, 12, 60


def arrange(
    kind: str,
    dataset: Dataset,
    well_id: str | None,
    *,
    query: Query | None = None,
    wells: Sequence[str] = (),
    neighbors: Sequence[tuple[str, str | None]] = (),
    turn: int = 0,
    title: str = "",
    progress: Progress | None = None,
) -> Strip:
    """Choose the wells that a well is compared with, and their order.

    Parameters
    ----------
    kind : {"control", "neighbors", "replicates", "guides", "doses", "position", "wells"}
        A control of the same plate; that and the nearest neighbors; wells with the same
        treatment; a gene's guides, a row a guide; a compound's doses, a column a dose; the same
        address on other plates; any wells.
    well_id : str or None
        May be None for "wells" alone.
    query : Query, optional
        Says which map, embedding and controls are used.
    wells : sequence of str
        For "wells": which, in this order; those that are not known are named in the note.
    neighbors : sequence of (key, well_id or None)
        For "neighbors": those to show; the map is asked if there are none.
    turn : int
        For "control": how often another one was asked for.
    title : str
        For "wells": what they are, where that has a name.
    progress : callable, optional
        Called with (done, total, text); may raise to stop. Guides, doses and neighbors may take
        seconds.

    Raises
    ------
    UnknownWell
    NothingToCompare
        If there is nothing of this kind for the well.
    ValueError
        If the kind is unknown.
    """
    if kind not in STRIP_KINDS:
        raise ValueError(f"unknown strip {kind!r}; choose one of {', '.join(STRIP_KINDS)}")
    report = progress or silent
    if well_id is None and kind == "wells":
        known = (well for well in wells if dataset.listed.position_of(well) is not None)
        well_id = next(known, None)
    if well_id is None:
        raise NothingToCompare(not_found(wells) or "No well is selected.")
    request = StripRequest(
        dataset, well_id, query or Query(), tuple(wells), tuple(neighbors), turn, title, report
    )
    return _ARRANGERS[kind](request)


def _control_strip(request: StripRequest) -> Strip:
    strip = beside_control(request.dataset, request.well_id, request.turn)
    if strip is not None:
        return strip
    missing = Tile(None, "no control with an image\non this plate", role=CONTROL)
    tiles = (request.tile(request.well_id), missing)
    return Strip("control", f"{request.name} and control", tiles)


def _replicate_strip(request: StripRequest) -> Strip:
    row = request.row
    if not isinstance(row["treatment"], str):
        why = f"Nothing says what {request.well_id} received, so it has no replicates."
        raise NothingToCompare(why)
    same = {name: row[name] for name in ("treatment", "perturbation_type")}
    if not np.isnan(row["concentration"]):
        same["concentration"] = row["concentration"]
    positions = request.where(**same)
    if len(positions) == 1:
        raise NothingToCompare(f"{request.well_id} is the only well of {request.name}.")
    pictured = request.pictured(positions)
    shown = pictured[:_MOST_REPLICATES]
    tiles = tuple(map(request.tile_at, shown))
    note = _counted(request, shown, positions, "replicates")
    return Strip("replicates", f"{request.name}: replicates", tiles, note=note)


def _position_strip(request: StripRequest) -> Strip:
    row = request.row
    positions = request.where(row=row["row"], column=row["column"])
    if len(positions) == 1:
        why = f"No other plate has a well at {row['address']}."
        raise NothingToCompare(why)
    pictured = request.pictured(positions)
    shown = pictured[:_MOST_PLATES]
    tiles = tuple(map(request.tile_at, shown))
    note = _counted(request, shown, positions, f"wells at {row['address']}")
    title = f"{row['address']} on {count(len(tiles), 'plate')}"
    return Strip("position", title, tiles, note=note)


def _well_strip(request: StripRequest) -> Strip:
    wells = tuple(dict.fromkeys(request.wells))
    known = [well for well in wells if request.dataset.listed.position_of(well) is not None]
    unknown = [well for well in wells if well not in set(known)]
    if not known:
        raise NothingToCompare(not_found(unknown) or "No wells are selected.")
    tiles = tuple(request.tile(well) for well in known[:_MOST_WELLS])
    notes = [shown_of(len(tiles), len(known), "wells"), not_found(unknown)]
    n_wells = count(len(tiles), "well")
    title = f"{request.title}: {n_wells}" if request.title else n_wells
    return Strip("wells", title, tiles, note=" ".join(filter(None, notes)))


def _counted(request: StripRequest, shown: Array, positions: Array, what: str) -> str:
    """How many of all have images, and how many of these are shown."""
    n, n_pictured, total = request.n_pictured(shown), request.n_pictured(positions), len(positions)
    parts = [f"{n_pictured:,} of {total:,} {what} have images here." if n_pictured < total else ""]
    parts.append(shown_of(n, n_pictured, "of them" if parts[0] else what))
    return " ".join(filter(None, parts))


_ARRANGERS: dict[str, Callable[[StripRequest], Strip]] = {
    "control": _control_strip,
    "neighbors": neighbor_strip,
    "replicates": _replicate_strip,
    "guides": guide_strip,
    "doses": dose_strip,
    "position": _position_strip,
    "wells": _well_strip,
}
