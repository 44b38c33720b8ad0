"""Plate tars, read in place: an index of their headers says where each image lies."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterable, Iterator
from functools import partial
from typing import IO, NamedTuple

from napari_rxrx3.core.errors import CHANGED
from napari_rxrx3.core.plate import IMAGE_ENDINGS, PlateId, parse_image_name
from napari_rxrx3.data.files.archives import is_companion, is_tar
from napari_rxrx3.data.files.remote import RangeFile, many_at_once
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.container import Container
from napari_rxrx3.data.images.planes import PlaneIndex, PlaneRecord, record_of_name
from napari_rxrx3.data.images.plate_names import OtherPlates, plate_of_path

__all__ = [
    "CUT_OFF",
    "LARGE",
    "TarSource",
    "chain",
    "header_after",
    "is_plain",
    "iter_members",
]

CUT_OFF = "the tar cannot be read to its end"
"""Begins the note on a tar of which only the first part could be indexed."""

_MOST_BYTES = 1 << 50
_MOST_BLANK = 64 << 10
"""Zeros that programs write at the end of a tar."""

LARGE = 64 << 20
"""Smaller tars of a server are read from their first header to the last."""
N_PLACES = 64
"""So many parts of a large one are read at once."""
_LOOK, _LOOKED_AT = 1 << 20, 64 << 20
_MAGIC, _MAGIC_AT = b"ustar", 257


class TarSource(Container):
    """One plate's tar of images."""

    word = "member"

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        start, size = int(self.index.first[row]), int(self.index.second[row])
        wanted = None if n_bytes is None else tarfile.BLOCKSIZE + n_bytes
        found = self._part(start - tarfile.BLOCKSIZE, start + size, wanted)
        size = min(size, n_bytes or size)
        head, data = found[: tarfile.BLOCKSIZE], found[tarfile.BLOCKSIZE :]
        if len(head) == tarfile.BLOCKSIZE and not self._is_head_of(head, row):
            raise OSError(CHANGED)
        if len(data) < size:
            raise OSError(f"the tar ends after {len(data)} of the image's {size} bytes")
        return data

    def _is_head_of(self, head: bytes, row: int) -> bool:
        """Whether the header before an image is still its own: another tar may be there now."""
        try:
            member = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return False
        name = self.index.name[row].decode(errors="surrogateescape")
        # a longer name stands in a header of its own, and is cut off here in any way
        is_short = len(name) < tarfile.LENGTH_NAME and name.isascii()
        return member.size == self.index.second[row] and (member.name == name or not is_short)

    @staticmethod
    def build_index(storage: Storage, path: str, plate: PlateId | None = None) -> PlaneIndex:
        """Read the headers of all members; a damaged tar gives what comes before the damage."""
        records: list[PlaneRecord] = []
        notes: list[str] = []
        others = OtherPlates("the tar")
        for member in _members(storage, path, notes):
            if parse_image_name(posixpath.basename(member.name)) is None:
                notes.extend(_odd_image(member))
                continue
            at = plate or _plate_of_member(path, member.name)
            record = record_of_name(member.name, at, member.offset_data, member.size)
            if record is not None:
                others.look_at(member.name, at)
                records.append(record)
        return PlaneIndex.of(records, notes + others.notes())


def iter_members(file: IO[bytes], notes: list[str]) -> Iterator[tarfile.TarInfo]:
    """Plain files of an uncompressed tar, in order; what stops the reading goes to `notes`."""
    try:
        yield from filter(partial(is_plain, notes=notes), _every_member(file, notes))
    except OSError as error:
        notes.append(f"{CUT_OFF} ({error})")


def is_plain(member: tarfile.TarInfo, notes: list[str]) -> bool:
    """Whether it is a file with all of its bytes; what an image is instead goes to `notes`."""
    if is_companion(member.name):
        return False
    is_link, is_sparse = member.islnk() or member.issym(), member.issparse()
    if (is_link or is_sparse) and parse_image_name(posixpath.basename(member.name)) is not None:
        what = f"a link to {member.linkname}, which is not followed" if is_link else "a sparse file"
        notes.append(f"{member.name} is {what}")
    return member.isfile() and not is_sparse


def _every_member(file: IO[bytes], notes: list[str]) -> Iterator[tarfile.TarInfo]:
    try:
        is_there = True
        while is_there:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                while (member := tar.next()) is not None:
                    if member.size > _MOST_BYTES:
                        raise ValueError(f"{member.name} claims to have {member.size} bytes")
                    yield member
                is_there = _seek_next(file, tar.offset)
            if is_there:
                notes.append(f"several tars are joined in it; one begins at {file.tell():,}")
    except (tarfile.TarError, ValueError) as error:
        notes.append(f"{CUT_OFF} ({error})")


def _seek_next(file: IO[bytes], end: int) -> bool:
    """Go to the header of a tar that is joined to one that ends there; False if none is."""
    file.seek(end)
    blank = file.read(_MOST_BLANK)
    after = len(blank) - len(blank.lstrip(b"\0"))
    after -= after % tarfile.BLOCKSIZE
    file.seek(end + after)
    return 0 < after < len(blank) and is_tar(blank[after : after + tarfile.BLOCKSIZE])


def _members(storage: Storage, path: str, notes: list[str]) -> Iterable[tarfile.TarInfo]:
    size = 0 if storage.is_local else storage.size(path)
    if size >= LARGE and storage.sends_parts(path):
        return _members_of_remote(storage, path, size, notes)
    return _members_of_file(storage, path, notes)


def _members_of_file(storage: Storage, path: str, notes: list[str]) -> Iterator[tarfile.TarInfo]:
    with storage.open(path) as file:
        if storage.is_local:
            yield from iter_members(file, notes)
        else:  # a server may have more of it the next time
            yield from filter(partial(is_plain, notes=notes), _every_member(file, notes))


# A tar is a chain: each header says where the next one is. From a server each link takes a way
# there and back, so that the chain is entered at many places at once. Where a place was found by
# its looks, that it is one of the chain is proved by the chain before, which ends exactly there.


class _Chain(NamedTuple):
    """Members from one header to another one; `end` is where that is, None where the tar ends."""

    members: list[tarfile.TarInfo]
    end: int | None
    notes: list[str]


def _members_of_remote(
    storage: Storage, path: str, size: int, notes: list[str]
) -> list[tarfile.TarInfo]:
    places = range(size // N_PLACES, size - tarfile.BLOCKSIZE, size // N_PLACES)
    found = many_at_once.map(lambda place: header_after(storage, path, place, size), places)
    starts = sorted({0, *(place for place, _ in filter(None, found))})
    stops = [*starts[1:], size]
    chains = dict(
        zip(
            starts,
            many_at_once.map(
                lambda job: _chain(storage, path, size, *job), list(zip(starts, stops, strict=True))
            ),
            strict=True,
        )
    )
    chain = chains[0]
    members = list(chain.members)
    notes += chain.notes
    while (end := chain.end) is not None:
        if end in chains:
            chain = chains[end]
        else:  # what looked like a header was in the middle of a file: go on without it
            chain = _chain(storage, path, size, end, next((s for s in starts if s > end), size))
        members += chain.members
        notes += chain.notes
    return members


def _chain(storage: Storage, path: str, size: int, start: int, stop: int) -> _Chain:
    """Follow the headers from a place to the first one at or after another."""
    members: list[tarfile.TarInfo] = []
    notes: list[str] = []
    for member in chain(storage, path, size, start, notes):
        if member.offset >= stop:
            return _Chain(members, member.offset, notes)
        if is_plain(member, notes):
            members.append(member)
    return _Chain(members, None, notes)


def chain(
    storage: Storage, path: str, size: int, start: int, notes: list[str] | None = None
) -> Iterator[tarfile.TarInfo]:
    """Follow the headers of a server's tar from one of them; what stops it goes to `notes`."""
    file = io.BufferedReader(RangeFile(partial(storage.read, path), size), 2 * tarfile.BLOCKSIZE)
    file.seek(start)
    yield from _every_member(file, [] if notes is None else notes)


def header_after(
    storage: Storage, path: str, place: int, size: int, look: int = _LOOK
) -> tuple[int, tarfile.TarInfo] | None:
    """The next block that looks like a header, and where; None if there is none for a while.

    Parameters
    ----------
    look : int
        So many bytes are read at a time.
    """
    at = place - place % tarfile.BLOCKSIZE
    look += -look % tarfile.BLOCKSIZE
    end = min(size, at + _LOOKED_AT)
    while at < end:
        data = storage.read(path, at, min(at + look, end))
        sign = -1
        while (sign := data.find(_MAGIC, sign + 1)) >= 0:
            begin = sign - _MAGIC_AT
            if begin >= 0 and begin % tarfile.BLOCKSIZE == 0 and (member := _header(data, begin)):
                return at + begin, member
        at += look
    return None


def _header(data: bytes, begin: int) -> tarfile.TarInfo | None:
    block = data[begin : begin + tarfile.BLOCKSIZE]
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None


def _plate_of_member(path: str, member: str) -> PlateId:
    """The tar's own path names the plate; failing that, the member's folder."""
    experiment, number = plate_of_path(path)
    if number is None:
        inner_experiment, inner_number = plate_of_path(posixpath.dirname(member))
        if inner_number is not None:
            return PlateId(inner_experiment or experiment, inner_number)
    return PlateId(experiment, number or 0)


def _odd_image(member: tarfile.TarInfo) -> list[str]:
    if member.name.lower().endswith(IMAGE_ENDINGS):
        return [f"{member.name} is not named like an image of a 1536-well plate"]
    return []
