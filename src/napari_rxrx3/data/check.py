"""Where metadata, images and embeddings disagree, and which images are damaged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import ContainerUnavailable
from napari_rxrx3.core.plate import N_COLUMNS, PlateId, WellId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.stopping import check as check_stop
from napari_rxrx3.data.image_check import check_images, overlaps
from napari_rxrx3.data.passes import ALL_OF_IT, Share
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.vectors.embeddings import EmbeddingTable
from napari_rxrx3.data.vectors.odd_vectors import odd_vectors
from napari_rxrx3.data.welldata import WellData
from napari_rxrx3.data.wells.well_list import WellList

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["CheckReport", "check_wells"]


_LISTED, _COMPARED = 10_000, 4096


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What `Dataset.check` found.

    Attributes
    ----------
    problems : pandas.DataFrame
        One row a problem: kind, experiment_name, plate, well_id, channel, detail. Plate and
        channel are missing (NA) and texts are empty where they do not apply. Of each kind up to
        10,000 are listed; a last row then says how many more there are.
    description : str
        What the data set holds.
    counts : dict of str to int
        How many problems there are of each kind, listed or not.
    checked : str
        Of how many containers the images were decoded, now and before; empty if none were.
    """

    problems: pd.DataFrame
    description: str
    counts: dict[str, int]
    checked: str = ""

    @property
    def is_clean(self) -> bool:
        return len(self.problems) == 0

    def summary(self) -> str:
        """One line for the data set and one for each kind of problem."""
        lines = [self.description]
        if self.is_clean:
            return "\n".join([*lines, "No problems found."])
        for kind, rows in self.problems.groupby("kind", sort=False):
            lines.append(f"{kind}: {self.counts[kind]:,}, e.g. {rows['detail'].iloc[0]}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """JSON with ``description``, ``counts`` by kind and the list ``problems``.

        What does not apply is null.
        """
        plain = self.problems.astype(object).where(self.problems.notna(), None)
        records = plain.to_dict(orient="records")
        report = {"description": self.description, "counts": self.counts, "problems": records}
        return json.dumps(report, indent=1)


def check_wells(
    dataset: WellData,
    *,
    decode: bool = True,
    again: bool = False,
    client: Client | None = None,
    share: Share = ALL_OF_IT,
    progress: Progress | None = None,
) -> CheckReport:
    """Compare everything a data set holds; see `Dataset.check`."""
    counted = _Counted()
    if share.of == 1 or not decode:
        _compare_lists(dataset, counted, progress)
    else:
        list(_unknown_plates(dataset, progress))
    if not decode:
        counted.add(_images_twice(dataset))
        return counted.report(dataset.describe())
    images = check_images(dataset, again=again, client=client, share=share, progress=progress)
    counted.add(images.problems)
    return counted.report(dataset.describe(), images.words())


def _compare_lists(dataset: WellData, counted: _Counted, progress: Progress | None) -> None:
    """What is wrong without a look at any pixel, in the order of the report."""
    dataset.read_vectors(progress)  # which may find problems
    unknown = list(_unknown_plates(dataset, progress))  # which may find problems, too
    counted.add(dataset.problems)
    counted.add(unknown)
    counted.add(_missing_planes(dataset))
    counted.add(_images_without_metadata(dataset))
    for table in dataset.embeddings.values():
        counted.add(table.problems)
        counted.add(_embedding_gaps(table, dataset.listed))
        counted.add(_odd_vectors(table, dataset.listed))
    counted.add(_alike_embeddings(dataset))


class _Counted:
    """Problems, each once, up to a number of each kind; the others are counted."""

    def __init__(self) -> None:
        self._of_kind: dict[str, dict[Problem, None]] = {}
        self._n_more: Counter[str] = Counter()

    def add(self, found: Iterable[Problem]) -> None:
        for problem in found:
            check_stop()
            listed = self._of_kind.setdefault(problem.kind, {})
            if len(listed) < _LISTED:
                listed[problem] = None
            elif problem not in listed:
                self._n_more[problem.kind] += 1

    def report(self, description: str, checked: str = "") -> CheckReport:
        rows: list[Problem] = []
        for kind, listed in self._of_kind.items():
            rows += listed
            if n_more := self._n_more[kind]:
                rows.append(Problem(kind, detail=f"{n_more:,} more of this kind are not listed"))
        frame = pd.DataFrame(rows, columns=Problem._fields)
        frame = frame.astype({"plate": "Int64", "channel": "Int64"})
        counts = {k: len(listed) + self._n_more[k] for k, listed in self._of_kind.items()}
        return CheckReport(frame, description, counts, checked)


def _unknown_plates(dataset: WellData, progress: Progress | None) -> Iterator[Problem]:
    """Look into the plates of a server that nobody has looked into; those that fail are named."""
    unseen = [plate for plate in sorted(dataset.images.plates) if not dataset.images.is_seen(plate)]
    for done, plate in enumerate(unseen):
        if progress is not None:
            progress(done, len(unseen), f"looking into {plate}")
        try:
            dataset.images.look_into(plate)
        except ContainerUnavailable as error:
            yield Problem("unreadable_file", *plate, detail=str(error).rstrip("."))


def _missing_planes(dataset: WellData) -> Iterator[Problem]:
    n_plates_without = 0
    absent = _channels_in_no_container(dataset)
    if dataset.images.plates:
        for channel in absent:
            detail = f"channel {channel} is in none of the images of this data set"
            yield Problem("absent_channel", channel=channel, detail=detail)
    for row in dataset.plates.itertuples():
        check_stop()
        plate = PlateId(row.experiment_name, int(row.plate))
        if plate not in dataset.images.plates:
            n_plates_without += 1
            continue
        if not dataset.images.is_seen(plate):
            continue  # why is said already
        present = dataset.images.present(plate)
        for row in dataset.wells_of_plate(plate).itertuples():
            for k in np.flatnonzero(~present[row.row * N_COLUMNS + row.column]):
                if k + 1 not in absent:
                    detail = f"no image of channel {k + 1} of {row.Index}, which the metadata list"
                    yield Problem("missing_plane", *plate, row.Index, int(k) + 1, detail)
    if n_plates_without and dataset.images.plates:
        detail = f"{n_plates_without} of {len(dataset.plates)} plates have no images here"
        yield Problem("plates_without_images", detail=detail)


def _channels_in_no_container(dataset: WellData) -> list[int]:
    seen = np.zeros(dataset.images.n_channels, dtype=bool)
    for plate in filter(dataset.images.is_seen, dataset.images.plates):
        seen |= dataset.images.present(plate).any(axis=0)
    return [int(c) + 1 for c in np.flatnonzero(~seen)]


def _images_without_metadata(dataset: WellData) -> Iterator[Problem]:
    if not dataset.has_metadata:
        return
    for plate in filter(dataset.images.is_seen, sorted(dataset.images.plates)):
        check_stop()
        there = dataset.images.present_wells(plate)
        rows = dataset.wells_of_plate(plate)
        there[(rows["row"] * N_COLUMNS + rows["column"]).to_numpy()] = False
        for position in np.flatnonzero(there):
            well = str(WellId(*plate, *divmod(int(position), N_COLUMNS)))
            detail = f"there are images of {well}, which the metadata do not list"
            yield Problem("image_without_metadata", *plate, well, None, detail)


def _images_twice(dataset: WellData) -> Iterator[Problem]:
    """Containers that hold the same images as one that goes before; nothing is decoded."""
    images = dataset.images
    for plate, used, other, (rows, _) in overlaps(images.sources, images.n_channels):
        what = f"{other.path} and {used.path} both hold {len(rows):,} images of {plate}"
        yield Problem("images_twice", *plate, detail=f"{what}; those of {used.path} are read")


def _embedding_gaps(table: EmbeddingTable, listed: WellList) -> Iterator[Problem]:
    name, ids = table.name, table.well_ids
    place = table.places_in(listed.ids)
    has_vector = np.zeros(len(listed), dtype=bool)
    has_vector[place[place >= 0]] = True
    for well in ids[place < 0]:
        detail = f"{name} has a vector of {well}, which the metadata do not list"
        yield Problem("embedding_without_metadata", well_id=well, detail=detail)
    for unusable in np.flatnonzero((place >= 0) & ~table.is_usable).tolist():
        well = _WellAt(listed, int(place[unusable]))
        why = table.why_not(unusable)
        detail = f"the vector of {well.id} in {name} is zero or not finite{why}"
        yield well.problem("unusable_vector", detail)
    n_without = 0
    for piece in listed.slices.values():
        here = has_vector[piece]
        n_without += not here.any()
        for row in np.flatnonzero(~here) if here.any() else ():
            well = _WellAt(listed, piece.start + int(row))
            yield well.problem("well_without_vector", f"{name} has no vector of {well.id}")
    if n_without:
        detail = f"{name} has no vectors of {n_without} of the plates"
        yield Problem("plates_without_vectors", detail=detail)


def _odd_vectors(table: EmbeddingTable, listed: WellList) -> Iterator[Problem]:
    place = table.places_in(listed.ids)
    for kind, row, detail in odd_vectors(table):
        if place[row] >= 0:
            yield _WellAt(listed, int(place[row])).problem(kind, detail)
        else:
            yield Problem(kind, well_id=str(table.well_ids[row]), detail=detail)


def _alike_embeddings(dataset: WellData) -> Iterator[Problem]:
    """Embeddings that hold the same vectors, and copies that do not."""
    for one, other in combinations(dataset.embeddings.values(), 2):
        if one.dimension != other.dimension:
            continue
        is_copy = one.claim[0] == other.claim[0]
        n_wells, n_differ = _differences(one, other, stop_early=not is_copy)
        if n_wells and not n_differ:
            detail = f"{other.name} holds the same vectors as {one.name}, of {n_wells:,} wells"
            yield Problem("same_vectors", detail=detail)
        elif n_differ and is_copy:
            used = max(one, other, key=lambda table: table.claim).name
            what = f"{one.name} and {other.name} differ in the vectors of {n_differ:,} wells"
            yield Problem("disagreement", detail=f"{what}; {used}, the newer one, goes first")


def _differences(one: EmbeddingTable, other: EmbeddingTable, stop_early: bool) -> tuple[int, int]:
    """How many wells two tables have in common, and how many of them have other vectors."""
    rows = other.well_ids.get_indexer(one.well_ids)
    here = np.flatnonzero(rows >= 0)
    n_differ = 0
    for start in range(0, len(here), _COMPARED):
        check_stop()
        at = here[start : start + _COMPARED]
        same = np.isclose(one.vectors[at], other.vectors[rows[at]], rtol=1e-5, equal_nan=True)
        n_differ += int((~same.all(axis=1)).sum())
        if n_differ and stop_early:
            break
    return len(here), n_differ


class _WellAt:
    """A well by its position in the table."""

    def __init__(self, listed: WellList, position: int) -> None:
        self.id = str(listed.ids[position])
        self._plate = listed.place(position).plate_id

    def problem(self, kind: str, detail: str) -> Problem:
        return Problem(kind, *self._plate, self.id, None, detail)
