"""Brings a session back to what was put on record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.words import not_found
from napari_rxrx3.dataset import Dataset, open_dataset
from napari_rxrx3.figures.record import (
    DatasetIdentity,
    RecordError,
    ViewRecord,
    identity_of,
    read_record,
)
from napari_rxrx3.hits.queue import Queue, QueueItem
from napari_rxrx3.strips.strip import Strip

if TYPE_CHECKING:
    import os

    from napari_rxrx3.core.progress import Progress
    from napari_rxrx3.hits.review import Review
    from napari_rxrx3.maps.spec import Query
    from napari_rxrx3.session import Session

__all__ = ["is_of", "open_record", "restore", "restore_queue"]


def is_of(record: ViewRecord, dataset: Dataset | None) -> bool:
    """Whether a record is of this data set, wherever it lies."""
    return (
        dataset is not None
        and record.dataset is not None
        and identity_of(dataset).fingerprint == record.dataset.fingerprint
    )


def open_record(
    path: str | os.PathLike[str],
    open_now: Dataset | None = None,
    progress: Progress | None = None,
) -> tuple[ViewRecord, Dataset]:
    """Read a saved view and open its data set.

    Parameters
    ----------
    open_now : Dataset, optional
        Taken if it is the one, or has some of the wells and nothing is where the saved one was.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    RecordError
        If the file cannot be read, or its data set not be opened, or that has none of the wells;
        the sentence says the way out.
    """
    record = read_record(path)
    if record.dataset is None:
        raise RecordError(f"{path} was saved without a data set: there is nothing to show.")
    if open_now is not None and is_of(record, open_now):
        return record, open_now
    try:
        dataset = open_dataset(record.dataset.address, progress=progress)
    except Cancelled:
        raise
    except RxRx3Error as error:
        if open_now is not None and _has_a_well(record, open_now):
            return record, open_now  # where it is now; that it has changed is said by `restore`
        raise RecordError(_not_opened(path, record.dataset, error)) from error
    _require_a_well(record, dataset)
    return record, dataset


def _not_opened(path: str | os.PathLike[str], dataset: DatasetIdentity, error: RxRx3Error) -> str:
    said = f"The data set of {path} cannot be opened: {str(error).rstrip('.')}."
    if dataset.had_secret:
        return (
            f"{said} Its address held a login or a signature, which no file keeps: open it by its "
            "whole address, then this file again."
        )
    return f"{said} If it was moved, open it where it is now, then this file again."


def restore_queue(record: ViewRecord, review: Review) -> str:
    """Review the list that is on record, from where it stood.

    Returns
    -------
    str
        Why that is not done, in a sentence; empty if it is, or there is no list.
    """
    kept = record.review
    if kept is None or not kept.queue:
        return ""
    if kept.reviewer.casefold() != review.reviewer.casefold():
        return f"The list was reviewed by {kept.reviewer}, not by {review.reviewer}."
    known = review.dataset.listed.positions_of([well for well, _ in kept.queue])
    before = int((known[: kept.position] >= 0).sum())
    items = [QueueItem(*item) for item, place in zip(kept.queue, known, strict=True) if place >= 0]
    queue = Queue(tuple(items), title=kept.title, note=kept.note).at(before)
    if queue != review.queue:
        review.set_queue(queue)
    return ""


def restore(record: ViewRecord, session: Session) -> tuple[str, ...]:
    """Show in a session what is on record, as far as the open data set has it.

    Parameters
    ----------
    session : Session
        With the record's data set open, if it has one.

    Returns
    -------
    tuple of str
        A sentence for each thing that could not be restored.

    Raises
    ------
    RecordError
        If no data set is open, or one without any of the record's wells; the session stays as it
        is.
    """
    dataset = session.dataset
    if record.dataset is None:
        return ()
    if dataset is None:
        raise RecordError(f"{record.dataset.name} is not open.")
    _require_a_well(record, dataset)
    restoring = _Restoring(record, session, dataset)
    restoring.go()
    return tuple(restoring.notes)


class _Restoring:
    """One record that is being restored; `notes` says what is not."""

    def __init__(self, record: ViewRecord, session: Session, dataset: Dataset) -> None:
        self.record = record
        self.session = session
        self.dataset = dataset
        self.unknown = _unknown(record, dataset)
        self.notes: list[str] = []

    def go(self) -> None:
        record, session = self.record, self.session
        self._note_changes()
        session.set_crop(record.crop)
        self._go_to_field()
        self._go_to_well()
        self._ask()
        session.select_wells(w for w in record.selection if w not in self.unknown)
        self._show_tiles()
        session.set_difference(record.difference)  # which leaves the plate
        session.set_view(record.view)
        session.set_contrast_rule(record.contrast_rule)
        if record.limits is not None and len(record.limits) == len(session.stains):
            session.set_limits(record.limits)

    def _note_changes(self) -> None:
        # without metadata it is known by its path only
        if self.dataset.has_metadata and not is_of(self.record, self.dataset):
            self.notes.append(f"The wells listed in {self.dataset.name} have changed since.")
        if self.unknown:
            self.notes.append(not_found(sorted(self.unknown), "in this data set any more"))

    def _go_to_field(self) -> None:
        if self.record.field in self.dataset.fields:
            self.session.set_field(self.record.field)
        else:
            self.notes.append(f"There is no field {self.record.field} here any more.")

    def _go_to_well(self) -> None:
        record, session = self.record, self.session
        if record.plate is not None:
            plate = PlateId(*record.plate)
            if plate in self.dataset.listed.slices:
                session.go_to_plate(plate)
        if record.well is not None and record.well not in self.unknown:
            session.select_well(record.well)

    def _ask(self) -> None:
        query = self._known_query()
        changes: dict[str, Any] = dict(vars(query))
        if not query.key:  # nothing was asked, so keep what the well asks
            changes = {n: v for n, v in changes.items() if n not in ("key", "well")}
        self.session.ask(**changes)

    def _known_query(self) -> Query:
        query = self.record.query
        if query.embedding and query.embedding not in self.dataset.embeddings:
            self.notes.append(f"The vectors {query.embedding!r} are not here: others are used.")
            query = replace(query, embedding="")
        if query.arm_tables and query.arm_tables not in self.dataset.arm_tables:
            what = "The bias of chromosome arms was subtracted"
            self.notes.append(f"{what}, by {query.arm_tables}; it is not now: open them again.")
            query = replace(query, arm_tables="")
        return replace(query, well=None) if query.well in self.unknown else query

    def _show_tiles(self) -> None:
        record, session = self.record, self.session
        tiles = tuple(map(self._known_tile, record.tiles))
        if not tiles:
            return
        if record.strip is None:
            if tiles != session.tiles:
                session.show([(tile.well_id, tile.label) for tile in tiles])
            return
        strip = record.strip
        if not strip.is_arranged:  # they are laid out anew, as this window has room
            tiles = tuple(replace(tile, row=0, column=0) for tile in tiles)
        curve = strip.curve.curve() if strip.curve is not None else None
        session.show_strip(
            Strip(strip.kind, strip.title, tiles, strip.is_arranged, strip.note, curve)
        )

    def _known_tile(self, tile: Tile) -> Tile:
        if tile.well_id not in self.unknown:
            return tile
        return replace(tile, well_id=None, label=f"{tile.label} ({tile.well_id}: not here)")


def _require_a_well(record: ViewRecord, dataset: Dataset) -> None:
    if not _has_a_well(record, dataset):
        name = record.dataset.name if record.dataset is not None else "it"
        raise RecordError(
            f"{dataset.name} has none of the wells that were saved: it is not the {name} of then."
        )


def _has_a_well(record: ViewRecord, dataset: Dataset) -> bool:
    wells = _wells_of(record)
    return not wells or len(_unknown(record, dataset)) < len(wells)


def _unknown(record: ViewRecord, dataset: Dataset) -> set[str]:
    """The wells on record that a data set does not have."""
    wells = list(_wells_of(record))
    places = dataset.listed.positions_of(wells) if wells else ()
    return {well for well, place in zip(wells, places, strict=True) if place < 0}


def _wells_of(record: ViewRecord) -> dict[str, None]:
    """Every well on record, each once."""
    named = (record.well, record.query.well, *record.selection, *(t.well_id for t in record.tiles))
    return dict.fromkeys(well for well in named if well is not None)
