"""Crops of wells in six stains, to learn from.

Every plate is one file: parquet in the form of the Hub, or a tar of webdataset. A crop has its six
planes at the depth of the images, without loss, and says which perturbation it shows. Whole
experiments train or are held out (`splits`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import Cancelled, ImageUnavailable, RxRx3Error
from napari_rxrx3.core.perturbation import CONTROL_MEANING
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import file_name
from napari_rxrx3.data.cells.kept import How
from napari_rxrx3.data.cells.measuring import asked_of, named_dna
from napari_rxrx3.data.files.local import read_plain, written_atomically
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import As
from napari_rxrx3.data.files.tables import open_table
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.data.passes import ALL_OF_IT, Done, PassSummary, Share, Task, run_pass
from napari_rxrx3.exports.choices import SHARES, CropChoices
from napari_rxrx3.exports.crop_card import write_card
from napari_rxrx3.exports.crop_files import (
    LABELS,
    EncodedPlane,
    encoded,
    planes_called,
    write_crops,
)
from napari_rxrx3.exports.splits import leakage, split_experiments, splits_table

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.data.welldata import WellData

__all__ = ["export_crops"]

Array = np.ndarray[Any, Any]

_SETTINGS = "crops.json"
_VERSION = 1
_ROWS_AT_ONCE = 65536
_CENTERS = {"well_id": As.TEXT, "y": As.NUMBER, "x": As.NUMBER}


class _Corner(NamedTuple):
    top: int
    left: int


@dataclass(frozen=True)
class _PlateTask(Task):
    path: Path
    plate: PlateId
    split: str
    well_ids: tuple[str, ...]


@dataclass(frozen=True)
class _Crops:
    """The pass: a file of crops a plate."""

    folder: Path
    choices: CropChoices
    split_of: dict[str, str]
    well_ids: tuple[str, ...]
    centers: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    how: How | None = None
    """Which channel nuclei are found in, if crops lie around them."""

    def tasks(self, dataset: WellData) -> list[_PlateTask]:
        wells = dataset.rows(self.well_ids)
        return [
            self._task(PlateId(str(experiment), int(plate)), tuple(rows.index))
            for (experiment, plate), rows in wells.groupby(["experiment_name", "plate"], sort=True)
        ]

    def _task(self, plate: PlateId, well_ids: tuple[str, ...]) -> _PlateTask:
        split = self.split_of[plate.experiment]
        name = f"{split}-{file_name(plate.experiment)}-Plate{plate.plate}"
        path = self.folder / "data" / f"{name}{self.choices.ending}"
        return _PlateTask(f"crops of {plate}", len(well_ids), path, plate, split, well_ids)

    def folder_of(self, dataset: WellData) -> Path:
        return self.folder

    def is_done(self, task: _PlateTask) -> bool:
        return task.path.exists()

    def do(self, dataset: WellData, task: _PlateTask, progress: Progress) -> Done:
        done = Done()
        wells = dataset.rows(task.well_ids)
        with written_atomically(task.path) as temporary:
            rows = self._rows(dataset, task, wells, done, progress)
            done.n_written = write_crops(
                temporary, self.choices.form, rows, planes_called(dataset.channels)
            )
        return done

    def _rows(
        self,
        dataset: WellData,
        task: _PlateTask,
        wells: pd.DataFrame,
        done: Done,
        progress: Progress,
    ) -> Iterator[dict[str, Any]]:
        labels = wells.reset_index()[list(LABELS)].astype(object)
        labels = labels.where(labels.notna(), None)

        def cut(number: int) -> list[dict[str, Any]] | str:
            try:
                return self._crops_of(dataset, labels.iloc[number].to_dict(), task.split)
            except Cancelled:
                raise  # a well that a stop has cut short is not one that cannot be read
            except ImageUnavailable as error:
                if error.may_pass:
                    raise  # the plate is written another time, as a whole
                return str(error)
            except RxRx3Error as error:
                return str(error)

        for number, found in enumerate(in_threads(cut, range(len(labels))), 1):
            progress(number, len(labels), task.words)
            if isinstance(found, str):
                done.failures.append(found)
            else:
                yield from found

    def _crops_of(
        self, dataset: WellData, label: dict[str, Any], split: str
    ) -> list[dict[str, Any]]:
        well_id = label["well_id"]
        image, planes = dataset.read(well_id), planes_called(dataset.channels)
        corners = self._corners(well_id, image)
        key = (
            f"{label['experiment_name']}/Plate{label['plate']}/{label['address']}_s{dataset.field}"
        )
        return [
            {
                "__key__": f"{key}_{number}",
                **label,
                "is_control": label["well_type"] in CONTROL_MEANING,
                "split": split,
                "top": corner.top,
                "left": corner.left,
                **dict(zip(planes, self._planes(image, corner), strict=True)),
            }
            for number, corner in enumerate(corners)
        ]

    def _planes(self, image: Array, corner: _Corner) -> list[EncodedPlane]:
        size = self.choices.size
        cut = image[:, corner.top : corner.top + size, corner.left : corner.left + size]
        return [encoded(plane, self.choices.form) for plane in cut]

    def _corners(self, well_id: str, image: Array) -> list[_Corner]:
        size, shape = self.choices.size, image.shape[1:]
        height, width = shape
        if size > min(height, width):
            raise RxRx3Error(
                f"{well_id} has {height} x {width} pixels, from which no crop of {size} can be cut."
            )
        if self.centers:
            wanted = self.centers.get(well_id, [])
            corners = [_Corner(round(y - size / 2), round(x - size / 2)) for y, x in wanted]
            return [c for c in corners if _is_inside(c, size, shape)]
        seed = hashlib.sha256(f"{self.choices.seed} {well_id}".encode()).digest()
        random = np.random.default_rng(list(seed))
        if self.how is not None:
            return self._around_nuclei(image[self.how.dna - 1], self.how.pixel_um, random)
        if self.choices.places == "random":
            tops = random.integers(0, height - size, self.choices.per_well, endpoint=True)
            lefts = random.integers(0, width - size, self.choices.per_well, endpoint=True)
            return [_Corner(int(t), int(e)) for t, e in zip(tops, lefts, strict=True)]
        return list(_grid(self.choices.per_well, size, height, width))

    def _around_nuclei(
        self, plane: Array, pixel_um: float, random: np.random.Generator
    ) -> list[_Corner]:
        """Some of the nuclei, drawn among those that are far enough from the edges."""
        from napari_rxrx3.data.cells.nuclei import find_nuclei  # loads scipy

        size = self.choices.size
        middles = find_nuclei(plane, pixel_um)
        corners = [_Corner(round(y - size / 2), round(x - size / 2)) for y, x in middles.tolist()]
        inside = [corner for corner in corners if _is_inside(corner, size, plane.shape)]
        chosen = random.permutation(len(inside))[: self.choices.per_well]
        return [inside[number] for number in sorted(chosen.tolist())]


def _is_inside(corner: _Corner, size: int, shape: Sequence[int]) -> bool:
    return all(0 <= start <= side - size for start, side in zip(corner, shape, strict=True))


def _grid(n: int, size: int, height: int, width: int) -> Iterator[_Corner]:
    """`n` corners in rows, spread evenly from edge to edge."""
    rows = np.array_split(np.arange(n), max(1, round(n**0.5)))
    for top, row in zip(_spread(len(rows), height - size), rows, strict=True):
        for left in _spread(len(row), width - size):
            yield _Corner(top, left)


def _spread(n: int, room: int) -> list[int]:
    return [round(place) for place in np.linspace(0, room, n)] if n > 1 else [room // 2]


def export_crops(
    dataset: WellData,
    folder: str | os.PathLike[str],
    *,
    size: int = 256,
    per_well: int = 4,
    places: str = "grid",
    form: str = "parquet",
    seed: int = 0,
    shares: Sequence[float] = SHARES,
    apart: bool = False,
    wells: Iterable[str] | None = None,
    centers: pd.DataFrame | str | os.PathLike[str] | None = None,
    client: Client | None = None,
    share: Share = ALL_OF_IT,
    progress: Progress | None = None,
) -> PassSummary:
    """Cut crops out of wells and write them for learning, a file a plate.

    The folder then also holds README.md, a data set card that says how they were made, splits.csv
    (which experiments train and which are held out) and leakage.csv (what splits have in common).
    `datasets.load_dataset(folder)` reads it. Files that are there are not made again, so that what
    was stopped goes on.

    Parameters
    ----------
    size : int
        Side of a crop, in pixels of the image.
    per_well : int
        How many crops of each well.
    places : {"grid", "random", "nuclei"}
        Spread evenly over the well; anywhere, by `seed` and well; or around nuclei, which are found
        in the DNA stain and chosen by `seed` and well.
    form : {"parquet", "webdataset"}
        Rows with the six planes as PNG, or tars with a PNG a plane and a JSON a crop.
    shares : sequence of float (3,)
        How much of the wells trains, validates and tests. Experiments stay whole.
    apart : bool
        Let experiments of the same perturbations come to different splits, to test on new batches
        instead of new perturbations.
    wells : iterable of str, optional
        Ids of the wells; all that have images if None.
    centers : pandas.DataFrame or path-like, optional
        Table with the columns well_id, y, x: where crops lie, in pixels, such as nuclei that were
        found elsewhere. Those too close to an edge are left out. Instead of `per_well` and
        `places`; ``"nuclei"`` is the last of these.
    client : distributed.Client, optional
        Where to do it, if not here.
    share : Share
        Which part of it, if other machines do the others.
    progress : callable, optional
        Called with (done, total, text), both in wells; may raise to stop.

    Returns
    -------
    PassSummary
        How many crops were written, and what could not be.

    Raises
    ------
    RxRx3Error
        If the folder holds crops that were made in another way, nothing can be cut, or crops are
        to lie around nuclei and no stain is called DNA.
    """
    if isinstance(centers, str) and centers == "nuclei":
        centers, places = None, "nuclei"
    choices = CropChoices(size, per_well, places, form, seed, tuple(shares), apart)
    chosen = _chosen(dataset, wells)
    split_of = split_experiments(chosen, shares=choices.shares, apart=apart, seed=seed)
    centers_of = _centers(centers) if centers is not None else {}
    target = Path(folder).absolute()
    how = None
    if places == "nuclei":
        how = asked_of(dataset, dna=named_dna(dataset)).how
    _claim(target, choices, chosen, how or centers_of, dataset.field)
    crops = _Crops(target, choices, split_of, tuple(chosen.index), centers_of, how)
    summary = run_pass(dataset, crops, client=client, share=share, progress=progress)
    splits_table(chosen, split_of).pipe(_write_csv, target / "splits.csv")
    leakage(chosen, split_of).pipe(_write_csv, target / "leakage.csv")
    write_card(target, dataset, choices, chosen, split_of)
    return summary


def _chosen(dataset: WellData, wells: Iterable[str] | None) -> pd.DataFrame:
    if wells is None:
        known = dataset.known_wells
        chosen = known[known["has_image"]]
    else:
        chosen = dataset.rows(list(dict.fromkeys(wells)))
    if not len(chosen):
        raise RxRx3Error(f"There are no wells with images in {dataset.root} to cut crops from.")
    return chosen


def _centers(given: pd.DataFrame | str | os.PathLike[str]) -> dict[str, list[tuple[float, float]]]:
    table = given if isinstance(given, pd.DataFrame) else _read_centers(given)
    if missing := set(_CENTERS) - set(table.columns):
        raise RxRx3Error(f"The table of centers has no column {', '.join(sorted(missing))}.")
    table = table.dropna(subset=list(_CENTERS))
    return {
        str(well_id): list(zip(rows["y"].astype(float), rows["x"].astype(float), strict=True))
        for well_id, rows in table.groupby("well_id")
    }


def _read_centers(path: str | os.PathLike[str]) -> pd.DataFrame:
    with open_table(*Storage.of(path)) as table:
        there = {column.name for column in table.columns}
        wanted = [(name, kind) for name, kind in _CENTERS.items() if name in there]
        names = [name for name, _ in wanted]
        frames = [
            pd.DataFrame(dict(zip(names, map(np.asarray, block.columns), strict=True)))
            for block in table.blocks(wanted, _ROWS_AT_ONCE)
        ]
    return pd.concat([pd.DataFrame(columns=names), *frames])


def _claim(
    folder: Path, choices: CropChoices, wells: pd.DataFrame, centers: object, field: int
) -> None:
    """See that all files of a folder are made in one way."""
    ids = hashlib.sha256("\n".join([*wells.index, repr(centers)]).encode()).hexdigest()
    settings = {"version": _VERSION, **asdict(choices), "wells": ids}
    settings |= {"field": field} if field > 1 else {}
    path = folder / _SETTINGS
    if path.exists():
        try:
            before = json.loads(read_plain(path))
        except ValueError:
            before = {}
        if before != json.loads(json.dumps(settings)):
            raise RxRx3Error(
                f"{folder} holds crops that were made in another way; choose another folder, or "
                "delete it."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8", newline="\n")


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with written_atomically(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
