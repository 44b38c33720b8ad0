"""Which plate the images of a container belong to, by its path and by what the metadata list."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.pixels.planes import plate_of_path

__all__ = ["PlateNamer", "namer_for"]

PlateNamer = Callable[[str], PlateId | None]

_FORMS = {"gene-#", "compound-#"}
"""What the experiments of RxRx3 are called, whether or not the metadata list them."""


def namer_for(plates: Collection[PlateId], paths: Iterable[str]) -> PlateNamer:
    """Name the plate of a container by its path, helped by the plates that are listed.

    ``gene-001/Plate7.tar`` says it all. A lone ``Plate7.tar`` belongs to the only experiment that
    has a plate 7, if no other container can be meant: images of a stranger under the name of a
    listed well would be worse than none.

    Parameters
    ----------
    paths : iterable of str
        All containers of the data set.

    Returns
    -------
    callable
        Gives the plate of a path, or None if the path itself names it as well as can be.
    """
    experiments = {plate.experiment for plate in plates}
    forms = _FORMS | {_form(experiment) for experiment in experiments}

    def named(path: str) -> PlateId | None:
        """The plate of a path that holds the name of a listed experiment."""
        number = plate_of_path(path)[1]
        found = [e for e in experiments if _names(path, e)]
        return PlateId(max(found, key=len), number) if found and number is not None else None

    def guessed(path: str) -> PlateId | None:
        experiment, number = plate_of_path(path)
        if number is None or _form(experiment) in forms:
            return None  # it names an experiment, though it may be none of the metadata's
        owners = [plate for plate in plates if plate.plate == number]
        return owners[0] if len(owners) == 1 else None

    taken: set[PlateId] = set()
    guesses: dict[PlateId, set[str]] = {}
    for path in paths:
        if (plate := named(path)) is not None:
            taken.add(plate)
        elif (plate := guessed(path)) is not None:
            guesses.setdefault(plate, set()).add(plate_of_path(path)[0])
    sure = {plate for plate, who in guesses.items() if len(who) == 1} - taken

    def name(path: str) -> PlateId | None:
        if _form(plate_of_path(path)[0]) in forms:
            return None
        plate = guessed(path)
        return named(path) or (plate if plate in sure else None)

    return name


def _form(experiment: str) -> str:
    """``gene-#`` for ``gene-001``: whether a folder is called like an experiment."""
    return re.sub(r"\d+", "#", experiment)


def _names(path: str, experiment: str) -> bool:
    tail = "/".join(path.split("/")[-3:])
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(experiment)}(?![0-9A-Za-z])", tail) is not None
