"""One way to read a local folder and anything that fsspec can reach."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from napari_rxrx3.core.errors import CHANGED, RxRx3Error
from napari_rxrx3.core.redaction import concealer
from napari_rxrx3.core.secrets import note_address, public
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.files.addresses import missing_package
from napari_rxrx3.data.files.answers import Answers
from napari_rxrx3.data.files.local import open_plain, stamp_of
from napari_rxrx3.data.files.ranges import HubAddresses, Part, part_of
from napari_rxrx3.data.files.remote import (
    CONNECT_S,
    READ_S,
    RangeFile,
    Unreachable,
    answer_of,
    many_at_once,
)
from napari_rxrx3.data.parallel import Threads, in_threads

__all__ = ["Entry", "Storage", "files_at_once"]

Job = TypeVar("Job")
Result = TypeVar("Result")

_WHOLE_FILE_LIMIT = 512 * 2**20
_REMOTE_BLOCK = 64 * 2**10
_HEAD = 4096
_END = 256 * 2**10
"""Of a file that is opened so many bytes at its end are read at once: footers lie there."""
_ENDS_KEPT = 32 * 2**20
_STAMPS = (
    *("ETag", "blob_id", "LastModified", "Last-Modified", "last_modified", "updated", "mtime"),
    "created",
)
"""What file systems call the time of a file's change, or a hash of what it holds."""


@dataclass(frozen=True)
class Entry:
    """A file or folder of a listing; `path` can be given to every method of its storage.

    `stamp` changes when the file does; `same` is what all paths to one file have in common. Both
    are empty where a listing does not tell. `is_broken` is a link that leads nowhere.
    """

    path: str
    is_folder: bool
    stamp: str = ""
    same: str = ""
    is_broken: bool = False

    @property
    def name(self) -> str:
        return posixpath.basename(self.path.rstrip("/"))


files_at_once = Threads(32, "rxrx3-files")
"""Each may wait for the threads that ask for its parts, so that these are others."""


class Storage:
    """A file system, local or remote, opened for reading only."""

    def __init__(self, fs: Any, opened: tuple[str, str] = ("", "")) -> None:
        self._made, self._process = fs, os.getpid()
        self._address, self._opened = opened
        self.is_local = isinstance(fs, LocalFileSystem)
        self.name = "" if self.is_local else str(fs.protocol)
        self._is_web = bool({"http", "https"}.intersection(self._protocols))
        self._is_hub = "hf" in self._protocols
        self._is_store = bool({"s3", "s3a", "gs", "gcs"}.intersection(self._protocols))
        self._addresses = HubAddresses()
        self._links: dict[str, str] = {}
        """Addresses of files that a web server's listing names with a query, by their paths."""
        self._infos: dict[str, tuple[int, str]] = {}
        """Size and stamp of the files that were listed."""
        # what a server said once counts while the data set is open
        self._heads = LruCache(100_000, one)
        self.answers = Answers()
        self._ends = LruCache(_ENDS_KEPT, lambda end: len(end[1]))
        self._wholes = LruCache(_WHOLE_FILE_LIMIT, len)

    @property
    def _fs(self) -> Any:
        """The file system; a forked child makes one with connections of its own."""
        if self._process != os.getpid():
            made = self._made
            self._made, self._process = (
                type(made)(*made.storage_args, **made.storage_options),
                os.getpid(),
            )
        return self._made

    def look_into_many(
        self, look: Callable[[Job], Result], files: Iterable[Job]
    ) -> Iterator[Result]:
        """Yield what is found out about each file, in their order; of a server's many at once."""
        if self.is_local:
            return in_threads(look, files)
        return files_at_once.in_order(look, files)

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> tuple[Storage, str]:
        """Return the storage of a path or URL, and the path inside it."""
        text = os.fspath(path)
        if not text:
            raise RxRx3Error("No path was given.")
        concealer.note(text)
        if "://" not in text:
            return cls(LocalFileSystem()), _at_home(text).absolute().as_posix()
        note_address(text)
        if missing := missing_package(text):
            raise RxRx3Error(missing)
        try:
            is_web = text.lower().startswith(("http://", "https://"))
            asked = public(text) if is_web else text
            fs, inner = fsspec.core.url_to_fs(asked, **_options(text))
        except (ValueError, ImportError) as error:
            failure = RxRx3Error(f"{public(text)} cannot be opened ({error}).")
        else:
            fs.invalidate_cache()  # some remember their listings for as long as the program runs
            if "s3" in fs.protocol:
                fs.retries = 1  # what fails is asked for again here, where it can be stopped
            inner = str(inner)
            if isinstance(fs, LocalFileSystem):
                return cls(fs), inner
            inner = str(fs.unstrip_protocol(inner)).rstrip("/")
            return cls(fs, (text, inner)), inner
        raise failure

    def address(self, path: str) -> str:
        """The path or URL that `of` would make this storage and this path from.

        It may hold a password or a signature, which no path has.
        """
        return self._address if path == self._opened and self._address else path

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder.

        Raises
        ------
        OSError
            If a server cannot be asked.
        """
        if self.is_local:
            return bool(self._fs.exists(path))
        try:
            if self._is_web:
                if not self._is_listed(path):
                    self._head(path)
                return True
            return bool(self._told("exists", path, lambda: self._is_there(path)))
        except FileNotFoundError:
            return False

    def _is_there(self, path: str) -> bool:
        if self._is_hub:
            if not self._fs.exists(path):  # that fails seems to have nothing: ask why
                self._fs.cat_file(path, start=0, end=1)
        elif self._is_store:
            self._fs.ls(path)  # which tells of a bucket that it is not there
        else:
            self._fs.info(path)
        return True

    def is_folder(self, path: str) -> bool:
        """Whether it is a folder; raises OSError if a server cannot be asked."""
        if self.is_local:
            return bool(self._fs.isdir(path))
        if self._is_web:
            return self._is_listed(path) or bool(self._listed(path))
        return bool(self._told("folder", path, lambda: bool(self._fs.isdir(path))))

    def _is_listed(self, path: str) -> bool:
        """Whether it is a web server's folder: of what is called like a file nobody asks that."""
        is_file = posixpath.splitext(urlsplit(path).path)[1]
        return not is_file and bool(self._listed(path))

    def list_ahead(self, folders: Sequence[str]) -> None:
        """Ask a server for many listings at once: `children` has them then."""
        if not self.is_local:
            many_at_once.map(self._listed_if_there, folders)

    def _listed_if_there(self, folder: str) -> None:
        with suppress(OSError):
            self._listed(folder)

    def children(self, path: str, broken: bool = False) -> list[Entry]:
        """List the files and folders in a folder, sorted by path; dot files are left out.

        Whatever is neither, such as a named pipe, is left out as well: opening it may never
        return. Links that lead nowhere are listed only if `broken` is true.

        Raises
        ------
        OSError
            If the folder cannot be listed.
        """
        if self.is_local:
            with os.scandir(path) as found:
                entries = [
                    Entry(f"{path.rstrip('/')}/{e.name}", kind == "folder", *_stamps_of(e, kind))
                    if kind
                    else Entry(f"{path.rstrip('/')}/{e.name}", False, is_broken=True)
                    for e in found
                    if (kind := _kind(e)) or (broken and _is_broken(e))
                ]
        else:
            entries = [
                Entry(name.rstrip("/"), is_folder, f"{size}|{stamp}" if stamp else "")
                for name, is_folder, size, stamp in self._listed(path)
                if name.rstrip("/") != path.rstrip("/")
            ]
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.path)

    def _listed(self, path: str) -> list[list[Any]]:
        """Name, whether it is a folder, size and stamp of each file of a server's folder."""

        def ask() -> list[list[Any]]:
            items = self._fs.ls(self._link(path), detail=True)
            names = [str(self._fs.unstrip_protocol(item["name"])) for item in items]
            if self._is_web:
                names = self._plain_names(names)
            return [
                [name, item["type"] == "directory", item.get("size"), _stamp(item)]
                for name, item in zip(names, items, strict=True)
                if name
            ]

        found: list[list[Any]] = self._told("listing", path, ask)
        known = ((name, (int(size), stamp)) for name, _, size, stamp in found if size and stamp)
        self._infos |= dict(known)
        return found

    def _plain_names(self, links: Sequence[str]) -> list[str]:
        """Links without what may sign them; empty for those of a program that makes its pages."""
        plain = [public(link).partition("#")[0] for link in links]
        n_links = Counter(plain)
        names = [
            name if name == link or n_links[name] == 1 else ""
            for name, link in zip(plain, links, strict=True)
        ]
        pairs = zip(names, links, strict=True)
        # without the slash at its end a folder's address leads to the one with it
        self._links |= {n.rstrip("/"): link for n, link in pairs if n and n.rstrip("/") != link}
        return names

    def _link(self, path: str) -> str:
        """What a server is asked for."""
        return self._links.get(path, path)

    def _told(self, question: str, path: str, ask: Callable[[], Any]) -> Any:
        """What a server says, or while it is away what it said."""
        if (known := self.answers.find(question, path)) is not None:
            return known
        if self.is_away:
            raise Unreachable(self._away)
        answer = answer_of(ask, path)
        self.answers.note(question, path, answer)
        return answer

    @property
    def _away(self) -> str:
        return f"the server cannot be reached, and this is not kept; as of {self.answers.day}"

    def read(self, path: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Read a file, or its bytes from `start` to `stop`."""
        if self.is_local:
            with open_plain(path) as file:
                first = file.seek(start or 0)
                if stop is None:
                    return file.read()
                # a damaged header may claim any size, and Python makes room for all of it at once
                end = min(stop, os.fstat(file.fileno()).st_size)
                return file.read(max(0, end - first))
        if self.answers.day:
            raise Unreachable(self._away)
        if start is None and stop is None:
            return self._whole(path)
        start = start or 0
        stop = self.size(path) if stop is None else stop
        if (kept := self._kept(path, start, stop)) is not None:
            return kept
        if self._is_web or self._is_hub:
            part = self._part(path, start, stop)
            if not part.is_part and part.size > _WHOLE_FILE_LIMIT:
                raise _too_large(part.size)
            return part.data
        data: bytes = answer_of(lambda: self._fs.cat_file(path, start=start, end=stop), path)
        return data[: stop - start]  # a server without byte ranges sent the whole file

    def beginning(self, path: str, n_bytes: int | None) -> tuple[bytes, str, bool]:
        """All of a server's file, or its first bytes, in as few requests as it takes.

        Returns
        -------
        data : bytes
        fingerprint : str
            Of the file; empty where nobody tells when it is another one.
        is_whole : bool
        """
        if self.is_away:
            raise Unreachable(self._away)
        if not self._is_web:
            made_from = self.fingerprint(path) if self.tells_changes(path) else ""
            data = self.read(path, 0, n_bytes)
            return data, made_from, n_bytes is None or len(data) < n_bytes
        part = self._part(path, 0, n_bytes or _WHOLE_FILE_LIMIT)
        if part.size > _WHOLE_FILE_LIMIT and not (part.is_part and n_bytes):
            raise _too_large(part.size)
        self._heads.put(path, part._replace(data=part.data[:_HEAD]))
        made_from = self.fingerprint(path) if part.stamp and part.size else ""
        return part.data, made_from, len(part.data) == part.size

    @property
    def is_away(self) -> bool:
        """Whether the server cannot be reached, and what it said before counts."""
        return bool(self.answers.day)

    def _whole(self, path: str) -> bytes:
        data: bytes
        if self._is_hub and (size := self.size(path)):
            data = self._part(path, 0, size).data
        else:
            data = answer_of(lambda: self._fs.cat_file(self._link(path)), path)
        return data

    def _kept(self, path: str, start: int, stop: int) -> bytes | None:
        """A part that was sent before."""
        if (whole := self._wholes.find(path)) is not None:
            return bytes(whole[start:stop])
        head = self._heads.find(path)
        if head is not None and (stop <= len(head.data) or len(head.data) == head.size > 0):
            return bytes(head.data[start:stop])
        first, end = self._ends.find(path) or (0, b"")
        return bytes(end[start - first : stop - first]) if end and start >= first else None

    def _head(self, path: str) -> Part:
        """The first bytes of a file of a web server, and what it told with them."""

        def ask() -> Part:
            if self.answers.day:
                return Part(b"", *self._told("head", path, lambda: None))
            head = self._part(path, 0, _HEAD, most=_REMOTE_BLOCK)
            self.answers.note("head", path, head[1:])
            return head

        head: Part = self._heads.get(path, ask)
        return head

    def _part(self, path: str, start: int, stop: int, most: int = _WHOLE_FILE_LIMIT) -> Part:
        if self._is_hub:
            hub, web = self._fs, fsspec.filesystem("https", **_options("https://"))
            return answer_of(lambda: self._addresses.part(hub, web, path, start, stop, most), path)
        part = answer_of(lambda: part_of(self._fs, self._link(path), start, stop, most), path)
        head = self._heads.find(path)
        if start and head is not None and head.stamp != part.stamp and head.stamp and part.stamp:
            raise OSError(CHANGED)
        return part

    def parts(self, path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read many ranges (start, stop) of a file, of a server's many at once; raises OSError."""
        if self.is_local:
            return [self.read(path, *each) for each in ranges]
        return many_at_once.map(lambda each: self.read(path, *each), ranges)

    def size(self, path: str) -> int:
        """Size of a file in bytes, 0 where a server does not tell; raises OSError."""
        if self.is_local:
            return os.stat(path).st_size  # noqa: PTH116
        if self._is_web:
            return self._head(path).size
        return self._info(path)[0]

    def _info(self, path: str) -> tuple[int, str]:
        """Size and stamp of a file of a server that has a listing."""

        def ask() -> list[Any]:
            info = self._fs.info(path)
            return [int(info.get("size") or 0), _stamp(info)]

        size, stamp = self._infos.get(path) or self._told("info", path, ask)
        return size, stamp

    def sends_parts(self, path: str) -> bool:
        """Whether a range can be had without the whole file; raises OSError."""
        if not self._is_web:
            return True
        head = self._head(path)
        return head.size > 0 and (head.is_part or len(head.data) == head.size)

    def stamped(self, entries: Sequence[Entry]) -> list[Entry]:
        """Listed files with stamps, where a listing has none but each file tells."""
        if not self._is_web:
            return list(entries)
        return many_at_once.map(self._stamped, entries)

    def _stamped(self, entry: Entry) -> Entry:
        if entry.is_folder or entry.stamp:
            return entry
        with suppress(OSError):
            head = self._head(entry.path)
            return replace(entry, stamp=f"{head.size}|{head.stamp}" if head.stamp else "")
        return entry

    @property
    def _protocols(self) -> tuple[str, ...]:
        found = self._fs.protocol
        return (found,) if isinstance(found, str) else tuple(found)

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading with seek.

        Raises
        ------
        OSError
            If it cannot be read, or is too large for a server that only sends whole files.
        """
        if self.is_local:
            return open_plain(path)
        size = self.size(path)
        if size and self.sends_parts(path):
            file = RangeFile(partial(self._read_or_end, path, size), size)
            return io.BufferedReader(file, _REMOTE_BLOCK)
        if size > _WHOLE_FILE_LIMIT:
            raise _too_large(size)
        return io.BytesIO(self._wholes.get(path, lambda: self._whole(path)))

    def _read_or_end(self, path: str, size: int, start: int, stop: int) -> bytes:
        first = max(0, size - _END)
        if start < first:
            return self.read(path, start, stop)
        self._ends.get(path, lambda: (first, self.read(path, first, size)))
        return self.read(path, start, stop)

    def fingerprint(self, path: str) -> str:
        """Fingerprint of a file: its path, size and time of change; raises OSError."""
        if self.is_local:
            stat = os.stat(path)  # noqa: PTH116
            return f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
        if self._is_web:
            head = self._head(path)
            return f"{self._fs.protocol}|{path}|{head.size}|{head.stamp}"
        size, stamp = self._info(path)
        return f"{self._fs.protocol}|{path}|{size}|{stamp}"

    def tells_changes(self, path: str) -> bool:
        """Whether the fingerprint of a file is another one whenever the file is; raises OSError."""
        return self.is_local or not self.fingerprint(path).endswith("|")

    def changed_at(self, path: str) -> float:
        """When a local file or folder was changed; 0 where nobody tells."""
        with suppress(OSError):
            return os.stat(path).st_mtime if self.is_local else 0.0  # noqa: PTH116
        return 0.0

    def stamp(self, path: str) -> str:
        """Fingerprint of a local file as it is now; empty where only a server could tell.

        Only to be compared within one program, see `stamp_of`.

        Raises
        ------
        OSError
            If the file is gone.
        """
        return stamp_of(path) if self.is_local else ""

    def unless_changed(self, path: str, fingerprint: str) -> str:
        """The fingerprint that a file had; raises OSError if another one is in its place.

        A file that is gone is no other one. A server is not asked.
        """
        with suppress(FileNotFoundError):
            if self.is_local and self.fingerprint(path) != fingerprint:
                raise OSError(CHANGED)
        return fingerprint

    def folder_fingerprint(self, path: str, names: Collection[str]) -> str:
        """Fingerprint of some files in a folder; raises OSError."""
        digest = hashlib.sha256()
        if self.is_local:
            with os.scandir(path) as found:
                files = sorted((e.name, e.stat()) for e in found if e.name in names)
            for name, stat in files:
                digest.update(_line(name, stat.st_size, stat.st_mtime_ns))
            return f"{path}|{digest.hexdigest()}"
        listed = [found for found in self._listed(path) if posixpath.basename(found[0]) in names]
        for name, _, size, stamp in sorted(listed):
            digest.update(_line(name, size, stamp))
        return f"{self._fs.protocol}|{path}|{digest.hexdigest()}"

    def tree_fingerprint(self, path: str) -> str:
        """Fingerprint of all files below a local folder; raises OSError."""
        digest = hashlib.sha256()

        def look(folder: str) -> None:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            for entry in entries:
                if entry.is_dir():
                    look(entry.path)
                else:
                    stat = entry.stat()
                    digest.update(_line(entry.path, stat.st_size, stat.st_mtime_ns))

        look(path)
        return f"{path}|{digest.hexdigest()}"


def _too_large(size: int) -> OSError:
    return OSError(
        f"the server sends whole files only, and this one has {size:,} bytes: "
        "copy it to a disk first"
    )


def _line(*facts: object) -> bytes:
    """Facts to be hashed; a name may be no text."""
    return ("|".join(map(str, facts)) + "\n").encode("utf-8", "surrogatepass")


def _options(text: str) -> dict[str, Any]:
    """What a file system is to be told: who we are, and not to wait for a silent server."""
    if text.lower().startswith(
        ("s3://", "s3a://")
    ):  # what fails is asked for again here, not there
        waits = {"connect_timeout": CONNECT_S, "read_timeout": READ_S}
        return {"config_kwargs": {**waits, "retries": {"max_attempts": 0}}}
    if not text.lower().startswith(("http://", "https://")):
        return {}
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(None, sock_connect=CONNECT_S, sock_read=READ_S)
    options: dict[str, Any] = {"client_kwargs": {"timeout": timeout}}
    parts = urlsplit(text)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        # with each request, so that no other server gets it
        options["headers"] = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
    if parts.query:
        options["params"] = parse_qsl(parts.query, keep_blank_values=True)
    return options


def _at_home(text: str) -> Path:
    """The path with ``~`` as the user's folder; a name that only begins with it stays."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user
        return Path(text)


def _stamp(info: dict[str, Any]) -> str:
    """What a server says about when a file was changed."""
    return str(next((info[key] for key in _STAMPS if info.get(key)), ""))


def _stamps_of(entry: os.DirEntry[str], kind: str) -> tuple[str, str]:
    try:
        stat = entry.stat()
    except OSError:  # gone since the folder was listed
        return "", ""
    same = f"{stat.st_dev}|{stat.st_ino}" if stat.st_ino else ""  # Windows does not tell
    return (f"{stat.st_size}|{stat.st_mtime_ns}" if kind == "file" else ""), same


def _is_broken(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110
    except OSError:
        return True


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:  # a link to itself
        return ""
