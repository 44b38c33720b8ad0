"""Finds the images of one well in a large tar of a server without reading its whole chain.

Tars of plates are written in the order of their members' names, and their members are about as
large as each other. So the place of a well is guessed, the next header after it tells whose place
that is, and the next guess is better.
"""

from __future__ import annotations

import posixpath
import tarfile
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice

from napari_rxrx3.core.plate import (
    N_CHANNELS,
    N_COLUMNS,
    N_POSITIONS,
    PlateId,
    WellId,
    format_address,
    parse_image_name,
)
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.planes import PlaneRecord, record_of_name
from napari_rxrx3.data.images.tars import LARGE, chain, header_after, is_plain

__all__ = ["TarSearch"]

_ROUNDS = 8
_NEAR = 8
"""A header so many members before the well is near enough to be followed."""
_AIM = 1.5
"""So many members before the place where a well may begin a header is looked for."""
_LARGEST_LOOK = 8 << 20

_ADDRESSES = [format_address(*divmod(position, N_COLUMNS)) for position in range(N_POSITIONS)]
_BY_PLACE = range(N_POSITIONS)
_BY_NAME = {p: rank for rank, p in enumerate(sorted(_BY_PLACE, key=_ADDRESSES.__getitem__))}
_ORDERS = (_BY_PLACE, _BY_NAME)
"""Rank of a position: row by row, or as names are sorted, AA before B."""


class TarSearch:
    """One tar; what one search has learnt serves the next.

    Parameters
    ----------
    plate : PlateId
        Whose images it holds.
    """

    def __init__(self, storage: Storage, path: str, plate: PlateId) -> None:
        self._storage, self._path, self._plate = storage, path, plate
        self._known: dict[int, int] = {}
        """Where headers are that were found, and the position of the well of each."""
        self._member = 1 << 20
        """About how many bytes a member takes."""

    def find(self, well: WellId) -> list[PlaneRecord] | None:
        """Records of the well's images; None if it takes the whole index to tell."""
        size = self._storage.size(self._path)
        if size < LARGE or not self._storage.sends_parts(self._path):
            return None
        if not self._known:
            self._learn_ends(size)
        for _ in range(_ROUNDS):
            order = self._order()
            if order is None:
                return None
            start, guess = self._between(order, order[well.position], size)
            if guess - start <= _NEAR * self._member:
                return self._followed(well, order, start, size)
            # what is known of the well itself may be its last image
            before = N_CHANNELS + 1 if self._known.get(guess) == well.position else _AIM
            n_known = len(self._known)
            self._learn(max(start, int(guess - before * self._member)), size)
            if len(self._known) == n_known:  # it lies closely behind what is known
                return self._followed(well, order, start, size)
        return None

    def _order(self) -> Sequence[int] | Mapping[int, int] | None:
        """The order in which all that is known of the tar is written."""
        positions = [self._known[place] for place in sorted(self._known)]
        for order in _ORDERS:
            ranks = [order[position] for position in positions]
            if ranks and ranks == sorted(ranks):
                return order
        return None

    def _learn_ends(self, size: int) -> None:
        """Of what was written twice the last counts: it would lie at the end, out of order."""
        for member in islice(chain(self._storage, self._path, size, 0), _NEAR):
            if self._note(member.offset, member):
                self._member = member.size + tarfile.BLOCKSIZE
                break
        else:
            return
        for back in (2, 8, 32, 128):  # the last members may be much larger than the first
            place = self._learn(size - tarfile.RECORDSIZE - back * self._member, size)
            if place is not None:
                for member in islice(chain(self._storage, self._path, size, place), 4 * _NEAR):
                    self._note(member.offset, member)
                return

    def _learn(self, place: int, size: int) -> int | None:
        """Find the first header after a place; where it is."""
        look = min(self._member, _LARGEST_LOOK)
        found = header_after(self._storage, self._path, max(place, 0), size, look)
        if found is None:
            return None
        self._note(*found)
        return found[0]

    def _note(self, place: int, member: tarfile.TarInfo) -> bool:
        image = parse_image_name(posixpath.basename(member.name))
        if image is None or not is_plain(member, []):
            return False
        self._known[place] = image.row * N_COLUMNS + image.column
        return True

    def _between(
        self, order: Sequence[int] | Mapping[int, int], rank: int, size: int
    ) -> tuple[int, int]:
        """The last known header before a well, and where the well begins if all are alike."""
        places = sorted(self._known)
        ranks = [order[self._known[place]] for place in places]
        number = bisect_left(ranks, rank)
        if number == 0:
            return places[0], places[0]
        low, high = ranks[number - 1], ranks[number] if number < len(ranks) else N_POSITIONS
        begin, end = places[number - 1], places[number] if number < len(places) else size
        return begin, begin + int((rank - low) / (high - low) * (end - begin))

    def _followed(
        self, well: WellId, order: Sequence[int] | Mapping[int, int], start: int, size: int
    ) -> list[PlaneRecord] | None:
        """The images of a well on the way from a header to the first one behind it."""
        records: list[PlaneRecord] = []
        end = start
        for n, member in enumerate(chain(self._storage, self._path, size, start)):
            end = member.offset
            if not self._note(member.offset, member):
                continue
            position = self._known[member.offset]
            if order[position] > order[well.position] or n > 4 * _NEAR:
                break
            if position == well.position:
                found = record_of_name(member.name, self._plate, member.offset_data, member.size)
                records += [found] if found else []
        is_there_again = any(p > end for p, at in self._known.items() if at == well.position)
        return None if is_there_again else records or None
