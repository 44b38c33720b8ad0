"""Which plate the images of a container belong to, by its path and by what the metadata list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.spelling import normal_experiment, plate_in

__all__ = ["OtherPlates", "PlateNamer", "named_plates", "plate_called", "plate_of_path"]

_PLATE = re.compile(r"(?:^|[^a-z])plate[ _-]*(\d{1,6})", re.IGNORECASE | re.ASCII)

_EXPERIMENT = re.compile(r"[A-Za-z][A-Za-z0-9]*-\d+\Z", re.ASCII)
_BEHIND = re.compile(r"(.+)_(p?\d{1,6})\Z", re.IGNORECASE | re.ASCII)

_STORE = re.compile(r"(?:\.ome)?\.zarr\Z", re.IGNORECASE)

_FORMS = {"gene-#", "compound-#"}
"""What the experiments of RxRx3 are called, whether or not the metadata list them."""


def plate_of_path(path: str) -> tuple[str, int | None]:
    """Guess experiment and plate number from a path such as ``images/gene-001/Plate7.tar``.

    The experiment is written as RxRx3 does. ``P07`` and ``7`` are plates in the folder of what is
    called like an experiment, or behind its name.
    """
    parts = [p for p in path.split("/") if p]
    stem = re.sub(r"\.\w{1,4}$", "", parts[-1]) if parts else ""
    parent = normal_experiment(parts[-2]) if len(parts) > 1 else ""
    match = _PLATE.search(stem)
    if match is not None:
        before = stem[: match.start()].strip(" _-.")
        return normal_experiment(before) or parent, int(match[1])
    if _EXPERIMENT.match(parent) and (number := plate_in(stem)) is not None:
        return parent, number
    behind = _BEHIND.match(stem)
    if behind is not None and _EXPERIMENT.match(named := normal_experiment(behind[1])):
        return named, plate_in(behind[2])
    return parent, None


def plate_called(path: str) -> PlateId:
    """The plate of a folder that is one: by its number, else it is the only one of its name.

    ``gene-001-Plate1.ome.zarr`` is plate 1 of gene-001, ``BR00117035.zarr`` plate 1 of BR00117035.
    """
    folder, _, name = path.rstrip("/").rpartition("/")
    stem = _STORE.sub("", name) or name
    experiment, number = plate_of_path(f"{folder}/{stem}.zarr")
    if number is None or not experiment:
        return PlateId(normal_experiment(stem), 1)
    return PlateId(experiment, number)


def named_plates(paths: Iterable[str], name_plate: PlateNamer | None = None) -> dict[str, PlateId]:
    """Which plate each of some folders is; of several that are called alike each is another one."""
    named: dict[str, PlateId] = {}
    taken: set[PlateId] = set()
    for path in paths:
        plate = (name_plate(path) if name_plate is not None else None) or plate_called(path)
        while plate in taken:
            plate = plate._replace(plate=plate.plate + 1)
        taken.add(plate)
        named[path] = plate
    return named


class OtherPlates:
    """Members of a container whose folder in it names another plate than they are taken for.

    Parameters
    ----------
    container : str
        What tells the plate, in words.
    """

    def __init__(self, container: str) -> None:
        self._container = container
        self._by_folder: dict[str, tuple[str, int | None]] = {}
        self._first, self._n = "", 0

    def look_at(self, member: str, plate: PlateId) -> None:
        folder = member.rpartition("/")[0]
        if folder not in self._by_folder:
            self._by_folder[folder] = plate_of_path(folder)
        experiment, number = self._by_folder[folder]
        is_other = experiment != plate.experiment and "" not in (experiment, plate.experiment)
        if number is not None and (number != plate.plate or is_other):
            self._first, self._n = self._first or f"{member} is taken for {plate}", self._n + 1

    def notes(self) -> list[str]:
        if not self._n:
            return []
        more = f" ({self._n:,} images)" if self._n > 1 else ""
        return [f"{self._first}, as {self._container} is called, not as its folder in it is{more}"]


class PlateNamer:
    """Names the plate of a container by its path, helped by the plates that are listed.

    ``gene-001/Plate7.tar`` says it all. A lone ``Plate7.tar`` belongs to the only experiment that
    has a plate 7, if no other container can be meant: images of a stranger under the name of a
    listed well would be worse than none.

    Parameters
    ----------
    paths : iterable of str
        All containers of the data set.
    """

    def __init__(self, plates: Collection[PlateId], paths: Iterable[str]) -> None:
        self._plates = plates
        self._experiments = {plate.experiment for plate in plates}
        folded = Counter(map(_folded, self._experiments))
        self._alone = {_folded(e): e for e in self._experiments if folded[_folded(e)] == 1}
        self._forms = _FORMS | {_form(experiment) for experiment in self._experiments}
        self._sure = self._sure_guesses(paths)

    def __call__(self, path: str) -> PlateId | None:
        """The plate, or None if the path itself names it as well as can be."""
        plate = self._guess(path)
        return self._named(path) or (plate if plate in self._sure else None)

    def _sure_guesses(self, paths: Iterable[str]) -> set[PlateId]:
        """Plates for which one folder alone can be meant, and none says that it is meant."""
        taken: set[PlateId] = set()
        folders: dict[PlateId, set[str]] = {}
        for path in paths:
            experiment, number = plate_of_path(path)
            if (plate := self._guess(path)) is not None:
                folders.setdefault(plate, set()).add(experiment)
            if number is not None:
                taken.add(self._named(path) or PlateId(experiment, number))
        return {plate for plate, found in folders.items() if len(found) == 1} - taken

    def _named(self, path: str) -> PlateId | None:
        """The plate of a path that holds the name of a listed experiment somewhere else."""
        experiment, number = plate_of_path(path)
        if number is None or experiment in self._experiments:
            return None
        if spelled := self._alone.get(_folded(experiment)):
            return PlateId(spelled, number)
        if self._is_experiment(experiment):
            return None
        found = [listed for listed in self._experiments if _names(path, listed)]
        return PlateId(max(found, key=len), number) if found else None

    def _guess(self, path: str) -> PlateId | None:
        """The only listed plate of that number, for a path that names no experiment."""
        experiment, number = plate_of_path(path)
        if number is None or self._is_experiment(experiment) or self._named(path) is not None:
            return None
        owners = [plate for plate in self._plates if plate.plate == number]
        return owners[0] if len(owners) == 1 else None

    def _is_experiment(self, folder: str) -> bool:
        """Whether it is called like one, though it may be none of the metadata's."""
        return _form(folder) in self._forms


def _folded(experiment: str) -> str:
    """What spellings of an experiment have in common: neither case nor what joins its parts."""
    return re.sub(r"[-_\s]+", "", experiment.casefold())


def _form(experiment: str) -> str:
    """``gene-#`` for ``gene-001``: whether a folder is called like an experiment."""
    return re.sub(r"\d+", "#", experiment)


def _names(path: str, experiment: str) -> bool:
    tail = "/".join(path.split("/")[-3:])
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(experiment)}(?![0-9A-Za-z])", tail) is not None
