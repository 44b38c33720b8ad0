"""Which containers hold the images of a plate; those of a server are looked into when asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import TypeVar

import pyarrow as pa

from napari_rxrx3.core.errors import ContainerUnavailable
from napari_rxrx3.core.plate import PlateId, WellId
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.files.remote import MayPass
from napari_rxrx3.data.images.faults import plain_cause
from napari_rxrx3.data.images.lazy import LazyContainer
from napari_rxrx3.data.images.planes import ImageSource
from napari_rxrx3.data.problems import Problem

__all__ = ["PlateSources", "odd_files"]

Result = TypeVar("Result")


class PlateSources:
    """The containers of each plate, the first to be read first.

    Parameters
    ----------
    sources : sequence of ImageSource
        Those of which it is known what they hold.
    lazy : sequence of LazyContainer
        Those of which it is found out when one of their plates is asked for.
    field : int
        Of several images of a well the one that is read, from 1; `sources` are at it.

    Attributes
    ----------
    problems : list of Problem
        What was wrong with lazy ones, as far as they were looked into.
    """

    def __init__(
        self, sources: Sequence[ImageSource], lazy: Sequence[LazyContainer] = (), field: int = 1
    ) -> None:
        self._known, self._field = sources, field
        self._of_plate: dict[PlateId, list[ImageSource]] = {}
        for source in sources:
            for plate in source.index.plates:
                self._of_plate.setdefault(plate, []).append(source)
        self._lazy: dict[PlateId, list[LazyContainer]] = {}
        for container in lazy:
            for plate in container.plates:
                self._lazy.setdefault(plate, []).append(container)
        self._looking = LruCache(len(self._lazy), one)
        self._seen: dict[PlateId, list[ImageSource]] = {}
        """The lazy ones that were looked into."""
        self.problems: list[Problem] = []

    def at_field(self, field: int) -> PlateSources:
        """The same containers, but of each well another field."""
        other = copy(self)
        seen = dict(self._seen)  # another thread may look into more
        looked_into = [source for sources in seen.values() for source in sources]
        moved = {id(source): source.at_field(field) for source in [*self._known, *looked_into]}
        other._field = field
        other._known = [moved[id(source)] for source in self._known]
        other._of_plate, other._seen = (
            {plate: [moved[id(source)] for source in sources] for plate, sources in of.items()}
            for of in (self._of_plate, seen)
        )
        other._looking = LruCache(len(self._lazy), one)
        return other

    @property
    def all(self) -> list[ImageSource]:
        """Those of which it is known by now what they hold."""
        seen = list(self._seen.values())
        return [*self._known, *(source for found in seen for source in found)]

    @property
    def plates(self) -> set[PlateId]:
        """Those of which there are images, or may be."""
        return {*self._of_plate, *self._lazy}

    @property
    def plates_seen(self) -> set[PlateId]:
        """Those that were looked into since the data set was opened, of a server."""
        return set(self._seen)

    def is_seen(self, plate: PlateId) -> bool:
        """Whether it is known, and not only assumed, which images there are of a plate."""
        return plate not in self._lazy or plate in self._seen

    def known_of_plate(self, plate: PlateId) -> list[ImageSource]:
        """Those of a plate that nobody had to look into."""
        return self._of_plate.get(plate, [])

    def of_plate(self, plate: PlateId) -> list[ImageSource]:
        """All containers of a plate; takes its time on a server.

        Raises
        ------
        ContainerUnavailable
            The next time it is tried again.
        """
        known = self.known_of_plate(plate)
        if plate not in self._lazy:
            return known
        if plate not in self._seen:
            self._looking.get(plate, lambda: self._look_into(plate))
        return [*known, *self._seen[plate]]

    def of_well(self, well: WellId, channels: range) -> list[ImageSource]:
        """Containers of a well; of a plate that nobody has looked into, what has this well.

        Raises
        ------
        ContainerUnavailable
        """
        plate = well.plate_id
        if not self.is_seen(plate):
            found = [_opened(c, lambda c: c.source_of_well(well)) for c in self._lazy[plate]]
            if sources := _that_have(well, self._at_field(found), channels):
                return [*self.known_of_plate(plate), *sources]
        return self.of_plate(plate)

    def is_well_seen(self, well: WellId, channels: range) -> bool:
        """Whether the containers of a well are known without asking a server."""
        if self.is_seen(well.plate_id):
            return True
        known = [container.known_source_of_well(well) for container in self._lazy[well.plate_id]]
        return bool(_that_have(well, self._at_field(known), channels))

    def _at_field(self, found: Sequence[ImageSource | None]) -> list[ImageSource | None]:
        """Containers that were just looked into, at the field that is read."""
        return [source and source.at_field(self._field) for source in found]

    def _look_into(self, plate: PlateId) -> bool:
        found = []
        for container in self._lazy[plate]:
            source = _opened(container, lambda c: c.source(plate)).at_field(self._field)
            if plate in source.index.plates:
                found.append(source)
            self.problems += (p for p in odd_files(source) if p not in self.problems)
        self._seen[plate] = found
        return True


def odd_files(source: ImageSource) -> list[Problem]:
    """What was wrong with a container itself."""
    return [Problem("odd_file", detail=f"{source.path}: {note}") for note in source.index.notes]


def _opened(container: LazyContainer, open_it: Callable[[LazyContainer], Result]) -> Result:
    try:
        return open_it(container)
    except (OSError, pa.ArrowException, ValueError) as error:
        may_pass = isinstance(error, MayPass)
        raise ContainerUnavailable(container.path, plain_cause(error), may_pass) from error


def _that_have(
    well: WellId, found: Sequence[ImageSource | None], channels: range
) -> list[ImageSource]:
    """The sources that have a well; none as long as nothing is known of one of them."""
    if None in found:
        return []
    return [s for s in found if s and any(s.index.find(well, c) is not None for c in channels)]
