"""A list of wells to look at one after the other, and the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.plate_quality import FOCUS, NUCLEI
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import are, count, name_of_well, not_found, sentence, some
from napari_rxrx3.data.files.local import read_plain, written_atomically
from napari_rxrx3.hits.hits_file import why_not
from napari_rxrx3.hits.names import find_wells, listed_names
from napari_rxrx3.hits.owner import RECEIVED
from napari_rxrx3.hits.sheet import read_sheet
from napari_rxrx3.maps.neighbors import Neighbor, list_neighbors
from napari_rxrx3.maps.spec import Query
from napari_rxrx3.strips.wells import picture_of

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.data.search import Found
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = [
    "MEASURE_ORDERS",
    "MOST",
    "Queue",
    "QueueFile",
    "QueueItem",
    "queue_by_measure",
    "queue_by_score",
    "queue_from_csv",
    "queue_of_found",
    "queue_of_keys",
    "queue_of_names",
    "queue_of_neighbors",
    "queue_of_plate",
    "queue_of_wells",
]

Array = np.ndarray[Any, Any]

MOST = 20_000
"""Items that a queue has at most."""

MEASURE_ORDERS = {
    "fewest nuclei": (NUCLEI, True),
    "sharpest": (FOCUS, False),
    "most blurred": (FOCUS, True),
}
"""Orders by what is measured of wells: a column, and whether the lowest comes first."""

_FORMAT, _VERSION = "napari-rxrx3 queue", 1


class QueueItem(NamedTuple):
    """A well to look at, and what it stands for: a perturbation, ``PLK1 guide 1``."""

    well_id: str
    label: str


@dataclass(frozen=True)
class Queue:
    """Wells in an order, and the place where the reviewer is.

    Made by the functions of `napari_rxrx3.hits.queue`. Every change gives a new one.

    Attributes
    ----------
    items : tuple of QueueItem
    position : int
        From 0; meaningless without items.
    title : str
        Where the list came from: "strongest 50 compounds".
    note : str
        One or two sentences about what is not in it, and why; empty if all is.
    """

    items: tuple[QueueItem, ...] = ()
    position: int = 0
    title: str = ""
    note: str = ""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def current(self) -> QueueItem | None:
        """Where the reviewer is; None in an empty queue."""
        return self.items[self.position] if self.items else None

    @property
    def progress(self) -> str:
        """``"17 of 240"``; empty without items."""
        return f"{self.position + 1:,} of {len(self.items):,}" if self.items else ""

    @property
    def has_next(self) -> bool:
        return self.position + 1 < len(self.items)

    @property
    def has_previous(self) -> bool:
        return self.position > 0

    def at(self, position: int) -> Queue:
        """The same queue with the reviewer elsewhere, but never outside."""
        inside = min(max(position, 0), max(len(self.items) - 1, 0))
        return self if inside == self.position else replace(self, position=inside)

    def find(self, well_id: str) -> int | None:
        """Position of a well, the one in hand first; None if it is not in the queue."""
        current = self.current
        if current is not None and current.well_id == well_id:
            return self.position
        return self._places.get(well_id)

    def with_items(self, items: Iterable[QueueItem]) -> Queue:
        """The same with more at its end; what is in it already is not added again."""
        new = [item for item in items if self.find(item.well_id) is None]
        title = self.title or "wells put here one by one"
        return replace(self, items=(*self.items, *new), title=title)

    @cached_property
    def _places(self) -> dict[str, int]:
        """The first position of each well."""
        return {item.well_id: i for i, item in reversed(list(enumerate(self.items)))}


# --- making one -----------------------------------------------------------------------------------


def queue_of_wells(dataset: Dataset, well_ids: Iterable[str], title: str) -> Queue:
    """Review some wells; those that are not in the data set are counted and named."""
    wells = list(dict.fromkeys(well_ids))
    positions = dataset.listed.positions_of(wells)
    unknown = [well for well, position in zip(wells, positions, strict=True) if position < 0]
    return _of_positions(dataset, positions[positions >= 0], title, unknown)


def queue_of_plate(dataset: Dataset, plate: PlateId) -> Queue:
    """Review all wells of a plate in reading order."""
    piece = dataset.listed.slices.get(plate, slice(0, 0))
    return _of_positions(dataset, np.arange(piece.start, piece.stop), str(plate))


def queue_of_found(dataset: Dataset, found: Found) -> Queue:
    """Review all wells of what a search found."""
    return _of_positions(dataset, found.positions, f"all wells of {found.match.words}")


def queue_of_neighbors(
    dataset: Dataset,
    neighbors: Iterable[Neighbor],
    title: str,
    phenomap: PhenoMap | None = None,
) -> Queue:
    """Review a list of neighbors, each by the well that is shown for it.

    If there is no image of any of them, wells without one are reviewed; the map says which.
    """
    neighbors = list(neighbors)
    items = [QueueItem(each.well, each.key) for each in neighbors if each.well is not None]
    bare = [each.key for each in neighbors if each.well is None]
    if bare and not items:
        return queue_of_names(dataset, bare, title, phenomap)
    without = f"no image of {count(len(bare), 'perturbation')} is here ({some(bare)})"
    return _made(items, title, [], [without] if bare else [])


def queue_of_keys(
    dataset: Dataset,
    phenomap: PhenoMap,
    keys: Sequence[str],
    title: str,
    experiment: str | None = None,
    progress: Progress | None = None,
) -> Queue:
    """Review entries of a map, each by its most typical well, in the order given.

    Parameters
    ----------
    experiment : str, optional
        Wells of this one are preferred.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.
    """
    rows = phenomap.rows_of(keys).tolist()
    unknown = [key for key, row in zip(keys, rows, strict=True) if row < 0]
    known = [(key, row) for key, row in zip(keys, rows, strict=True) if row >= 0]
    chosen = []
    for done, (_, row) in enumerate(known):
        if progress is not None:
            progress(done, len(known), "looking for images")
        chosen.append(_chosen(dataset, phenomap.positions_of(row), experiment))
    labels = ["" if phenomap.level == "well" else key for key, _ in known]
    return _of_positions(dataset, np.array(chosen, dtype=np.intp), title, unknown, labels)


def queue_by_score(
    dataset: Dataset,
    phenomap: PhenoMap,
    order: str,
    kind: str = "all",
    k: int = 100,
    experiment: str | None = None,
    progress: Progress | None = None,
) -> Queue:
    """Review the perturbations with the largest score, each by its most typical well.

    Of order "active" are only those that are, of "clearest dose response" only compounds with a
    trend, at their highest dose.

    Parameters
    ----------
    order, kind : str
        "active", "strongest", "most consistent" or "clearest dose response", and a key of
        `napari_rxrx3.maps.spec.NEIGHBOR_KINDS`.
    experiment : str, optional
        Wells of this one are preferred.
    progress : callable, optional
        Called with (done, total, text) while scores are computed, which may take minutes; may
        raise to stop.
    """

    def picture(positions: Array) -> str | None:
        return picture_of(dataset, positions, experiment)

    query = Query(order=order, kind=kind, k=k)
    listed = list_neighbors(phenomap, query, picture, progress)
    what = "perturbations" if kind == "all" else kind
    return queue_of_neighbors(dataset, listed, f"{order} {len(listed):,} {what}", phenomap)


def queue_by_measure(
    dataset: Dataset, plate: PlateId, order: str, progress: Progress | None = None
) -> Queue:
    """Review the wells of a plate in the order of what is measured of them.

    What is not measured yet is measured; wells without a number come in no order and are left out.

    Parameters
    ----------
    order : str
        A key of `MEASURE_ORDERS`.
    progress : callable, optional
        Called with (done, total, text) while images are read; may raise to stop.
    """
    from napari_rxrx3.data.cells.measuring import named_dna  # loads pandas

    column, is_ascending = MEASURE_ORDERS[order]
    table = dataset.measures([plate], [named_dna(dataset)], progress=progress)
    values = table[column]
    known = values.dropna().sort_values(ascending=is_ascending, kind="stable")
    positions = dataset.listed.positions_of(list(known.index))
    queue = _of_positions(dataset, positions, f"{order} of {plate}")
    if left := len(values) - len(known):
        note = f"{count(left, 'well')} without a number {are(left)} left out."
        queue = replace(queue, note=f"{queue.note} {note}".strip())
    return queue


def queue_of_names(
    dataset: Dataset,
    names: Iterable[str],
    title: str,
    phenomap: PhenoMap | None = None,
    experiment: str | None = None,
) -> Queue:
    """Review wells and perturbations by their names; unknown ones are counted and named.

    Parameters
    ----------
    names : iterable of str
        Well ids, or keys as maps have them: ``PLK1``, ``PLK1_guide_1``, ``Bortezomib@2.5``.
    phenomap : PhenoMap, optional
        Chooses the most typical well of a perturbation; else it is the first one.
    experiment : str, optional
        Wells of this one are preferred.
    """
    wanted = list(dict.fromkeys(names))
    found = dict(zip(wanted, find_wells(dataset, wanted, phenomap), strict=True))
    unknown = [name for name, positions in found.items() if not len(positions)]
    chosen = {
        name: _chosen(dataset, positions, experiment)
        for name, positions in found.items()
        if len(positions)
    }
    positions = np.array(list(chosen.values()), dtype=np.intp)
    ids = dataset.known_wells.index[positions]
    labels = ["" if name == well else name for name, well in zip(chosen, ids, strict=True)]
    return _of_positions(dataset, positions, title, unknown, labels)


def queue_from_csv(
    path: Path,
    dataset: Dataset,
    phenomap: PhenoMap | None = None,
    experiment: str | None = None,
) -> Queue:
    """Review what a CSV lists: in a column of wells or perturbations, or one name a line.

    Raises
    ------
    HitsError
        If it cannot be read, or nothing in it is known.
    """
    names = listed_names(read_sheet(path))
    if not names:
        raise HitsError(f"{path} lists no well and no perturbation.")
    queue = queue_of_names(dataset, names, path.name, phenomap, experiment)
    if not len(queue):
        raise HitsError(f"{path} lists nothing that is here. {queue.note}")
    return queue


def _chosen(dataset: Dataset, positions: Array, experiment: str | None) -> int:
    """Place of the well to show for a perturbation; one without an image if none has one."""
    well = picture_of(dataset, positions, experiment)
    position = dataset.listed.position_of(well) if well is not None else None
    return int(positions[0]) if position is None else position


def _of_positions(
    dataset: Dataset,
    positions: Array,
    title: str,
    unknown: Sequence[str] = (),
    labels: Sequence[str] | None = None,
) -> Queue:
    """Those wells that have an image, or all if none has one.

    A well without a label is called by what it received.
    """
    notes = []
    called = np.array(labels or [""] * len(positions), dtype=object)
    has_image = dataset.known_wells["has_image"].to_numpy()[positions]
    if not has_image.any() and len(positions):
        notes.append("none of these wells has an image here")
    elif not has_image.all():
        n_bare = int(len(positions) - has_image.sum())
        notes.append(f"{count(n_bare, 'well')} without an image {are(n_bare)} left out")
        positions, called = positions[has_image], called[has_image]
    n_left = len(positions) - MOST
    if n_left > 0:
        notes.append(f"only the first {MOST:,} are listed, {n_left:,} are not")
    rows = dataset.known_wells.iloc[positions[:MOST]]
    named = zip(rows.index, called, _names(rows), strict=False)
    items = [QueueItem(str(well), str(label or name)) for well, label, name in named]
    return _made(items, title, unknown, notes)


def _made(
    items: Sequence[QueueItem], title: str, unknown: Sequence[str], notes: Iterable[str]
) -> Queue:
    sentences = filter(None, [not_found(unknown), *map(sentence, notes)])
    return Queue(tuple(dict.fromkeys(items)), 0, title, " ".join(sentences))


def _names(rows: pd.DataFrame) -> list[str]:
    """`name_of_well` of each row, made once for all wells that received the same."""
    columns = (rows[name].array.tolist() for name in RECEIVED)
    named: dict[str, str] = {}
    names = []
    for place, received in enumerate(zip(*columns, strict=True)):
        key = repr(received)
        if key not in named:
            named[key] = name_of_well(rows.iloc[place])
        names.append(named[key])
    return names


# --- its file -------------------------------------------------------------------------------------


class QueueFile:
    """One file; it is written as a whole at every step, from a text that is made once."""

    def __init__(self, path: Path, dataset_id: str) -> None:
        self.path = path
        self._dataset_id = dataset_id
        self._items: tuple[QueueItem, ...] | None = None
        self._text = ""

    def save(self, queue: Queue) -> None:
        """Keep a queue with its position.

        Raises
        ------
        HitsError
        """
        if queue.items is not self._items:
            self._items, self._text = queue.items, json.dumps(queue.items, ensure_ascii=False)
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "dataset": self._dataset_id,
            "title": queue.title,
            "note": queue.note,
            "position": queue.position,
        }
        start = json.dumps(head, ensure_ascii=False)[:-1]
        try:
            with written_atomically(self.path) as temporary:
                text = f'{start}, "items": {self._text}}}\n'
                temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        except OSError as error:
            why = why_not(error)
            raise HitsError(
                f"The place in the queue cannot be kept in {self.path}: {why}."
            ) from error

    def load(self) -> Queue:
        """The queue that was kept; an empty one if there is none, or it is another data set's."""
        try:
            return self._queue(json.loads(read_plain(self.path).decode("utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Queue()

    def _queue(self, kept: Any) -> Queue:
        known = kept["format"], kept["version"], kept["dataset"]
        if known != (_FORMAT, _VERSION, self._dataset_id):
            return Queue()
        items = tuple(QueueItem(str(well), str(label)) for well, label in kept["items"])
        queue = Queue(items, 0, str(kept["title"]), str(kept["note"]))
        return queue.at(int(kept["position"]))
