"""Where metadata, images and embeddings disagree, and which images are damaged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_rxrx3.core.plate import N_CHANNELS, N_COLUMNS, PlateId, WellId
from napari_rxrx3.data.embeddings import EmbeddingTable
from napari_rxrx3.data.images import Layout, most_common, odd_layout
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.data.planes import ImageSource
from napari_rxrx3.data.problems import Problem

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["CheckReport", "check_dataset"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class CheckReport:
    """What `Dataset.check` found.

    Attributes
    ----------
    problems : pandas.DataFrame
        One row a problem: kind, experiment_name, plate, well_id, channel, detail. Plate and
        channel are missing (NA) and texts are empty where they do not apply.
    description : str
        What the data set holds.
    """

    problems: pd.DataFrame
    description: str

    @property
    def is_clean(self) -> bool:
        return len(self.problems) == 0

    def summary(self) -> str:
        """One line for the data set and one for each kind of problem."""
        lines = [self.description]
        if self.is_clean:
            return "\n".join([*lines, "No problems found."])
        for kind, rows in self.problems.groupby("kind", sort=False):
            lines.append(f"{kind}: {len(rows):,}, e.g. {rows['detail'].iloc[0]}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """JSON with ``description`` and the list ``problems``; what does not apply is null."""
        plain = self.problems.astype(object).where(self.problems.notna(), None)
        records = plain.to_dict(orient="records")
        return json.dumps({"description": self.description, "problems": records}, indent=1)


def check_dataset(
    dataset: Dataset, *, decode: bool = True, progress: Progress | None = None
) -> CheckReport:
    """Compare everything a data set holds; see `Dataset.check`."""
    wells = dataset.wells  # loads what is not loaded yet, which may find problems
    found = list(dataset.problems)
    found += _missing_planes(dataset, wells)
    found += _images_without_metadata(dataset, wells)
    for table in dataset.embeddings.values():
        found += table.problems
        found += _embedding_gaps(table, wells)
    if decode:
        for source in dataset.images.sources:
            found += _damaged_planes(dataset, source, progress)
    frame = pd.DataFrame(found, columns=Problem._fields)
    frame = frame.astype({"plate": "Int64", "channel": "Int64"}).drop_duplicates()
    return CheckReport(frame.reset_index(drop=True), dataset.describe())


def _missing_planes(dataset: Dataset, wells: pd.DataFrame) -> Iterator[Problem]:
    n_plates_without = 0
    absent = _channels_in_no_container(dataset)
    if dataset.images.plates:
        for channel in absent:
            detail = f"channel {channel} is in none of the images of this data set"
            yield Problem("absent_channel", channel=channel, detail=detail)
    for row in dataset.plates.itertuples():
        plate = PlateId(row.experiment_name, int(row.plate))
        if plate not in dataset.images.plates:
            n_plates_without += 1
            continue
        present = dataset.images.present(plate)
        for row in dataset.wells_of_plate(plate).itertuples():
            for k in np.flatnonzero(~present[row.row * N_COLUMNS + row.column]):
                if k + 1 not in absent:
                    detail = f"no image of channel {k + 1} of {row.Index}, which the metadata list"
                    yield Problem("missing_plane", *plate, row.Index, int(k) + 1, detail)
    if n_plates_without and dataset.images.plates:
        detail = f"{n_plates_without} of {len(dataset.plates)} plates have no images here"
        yield Problem("plates_without_images", detail=detail)


def _channels_in_no_container(dataset: Dataset) -> list[int]:
    seen = np.zeros(N_CHANNELS, dtype=bool)
    for plate in dataset.images.plates:
        seen |= dataset.images.present(plate).any(axis=0)
    return [int(c) + 1 for c in np.flatnonzero(~seen)]


def _images_without_metadata(dataset: Dataset, wells: pd.DataFrame) -> Iterator[Problem]:
    if not dataset.has_metadata:
        return
    for plate in sorted(dataset.images.plates):
        there = dataset.images.present_wells(plate)
        rows = dataset.wells_of_plate(plate)
        there[(rows["row"] * N_COLUMNS + rows["column"]).to_numpy()] = False
        for position in np.flatnonzero(there):
            well = str(WellId(*plate, *divmod(int(position), N_COLUMNS)))
            detail = f"there are images of {well}, which the metadata do not list"
            yield Problem("image_without_metadata", *plate, well, None, detail)


def _embedding_gaps(table: EmbeddingTable, wells: pd.DataFrame) -> Iterator[Problem]:
    ids = table.well_ids
    listed = wells.index.get_indexer(ids) >= 0
    has_vector = ids.get_indexer(wells.index) >= 0
    for well in ids[~listed]:
        detail = f"{table.name} has a vector of {well}, which the metadata do not list"
        yield Problem("embedding_without_metadata", well_id=well, detail=detail)
    unusable = ids[listed & ~table.is_usable]
    for well, row in wells.loc[unusable].iterrows():
        detail = f"the vector of {well} in {table.name} is zero or not finite"
        yield _of_well("unusable_vector", well, row, detail)
    with_some = wells[has_vector][["experiment_name", "plate"]].drop_duplicates()
    covered = pd.MultiIndex.from_frame(with_some)
    expected = pd.MultiIndex.from_frame(wells[["experiment_name", "plate"]]).isin(covered)
    for well, row in wells[expected & ~has_vector].iterrows():
        yield _of_well("well_without_vector", well, row, f"{table.name} has no vector of {well}")
    n_without = len(wells[["experiment_name", "plate"]].drop_duplicates()) - len(with_some)
    if n_without:
        detail = f"{table.name} has no vectors of {n_without} of the plates"
        yield Problem("plates_without_vectors", detail=detail)


def _of_well(kind: str, well_id: str, row: pd.Series, detail: str) -> Problem:
    return Problem(kind, row["experiment_name"], int(row["plate"]), well_id, None, detail)


def _damaged_planes(
    dataset: Dataset, source: ImageSource, progress: Progress | None
) -> Iterator[Problem]:
    rows = range(len(source.index.code))
    checked = in_threads(partial(dataset.images.verify, source), rows)
    for first, found in _by_well(source, zip(rows, checked, strict=True)):
        if progress is not None:
            progress(first, len(rows), f"decoding {source.path}")
        layouts = [layout for layout in found.values() if not isinstance(layout, str)]
        usual = most_common(layouts) if layouts else None
        for row, result in found.items():
            if result != usual:
                well, channel = source.index.plane(row)
                cause = result if isinstance(result, str) else odd_layout(result, usual)
                detail = f"{well}, channel {channel}: {cause} ({source.locate(row)})"
                yield Problem("unreadable_plane", *well.plate_id, str(well), channel, detail)


def _by_well(
    source: ImageSource, checked: Iterable[tuple[int, Layout | str]]
) -> Iterator[tuple[int, dict[int, Layout | str]]]:
    """Group what was found by well: the planes of a well are neighbors in an index."""
    for _, group in groupby(checked, key=lambda item: source.index.code[item[0]] // N_CHANNELS):
        found = dict(group)
        yield min(found), found
