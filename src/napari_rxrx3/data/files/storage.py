"""One way to read a local folder and anything that fsspec can reach."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import posixpath
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from napari_rxrx3.core.errors import CHANGED, RxRx3Error
from napari_rxrx3.core.redaction import concealer
from napari_rxrx3.core.secrets import note_address, public
from napari_rxrx3.data.files.addresses import missing_package
from napari_rxrx3.data.files.local import open_plain, stamp_of
from napari_rxrx3.data.files.remote import (
    CONNECT_S,
    READ_S,
    RangeFile,
    answer_of,
    many_at_once,
)

__all__ = ["Entry", "Storage"]

_WHOLE_FILE_LIMIT = 512 * 2**20
_REMOTE_BLOCK = 64 * 2**10
_STAMPS = (
    *("ETag", "blob_id", "LastModified", "Last-Modified", "last_modified", "updated", "mtime"),
    "created",
)
"""What file systems call the time of a file's change, or a hash of what it holds."""


@dataclass(frozen=True)
class Entry:
    """A file or folder of a listing; `path` can be given to every method of its storage.

    `stamp` changes when the file does; `same` is what all paths to one file have in common. Both
    are empty where a listing does not tell.
    """

    path: str
    is_folder: bool
    stamp: str = ""
    same: str = ""

    @property
    def name(self) -> str:
        return posixpath.basename(self.path.rstrip("/"))


class Storage:
    """A file system, local or remote, opened for reading only."""

    def __init__(self, fs: Any, opened: tuple[str, str] = ("", "")) -> None:
        self._made, self._process = fs, os.getpid()
        self._address, self._opened = opened
        self.is_local = isinstance(fs, LocalFileSystem)
        self.name = "" if self.is_local else str(fs.protocol)

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
        if answer_of(lambda: self._fs.exists(path), path):
            return True
        with suppress(FileNotFoundError):  # a server that fails seems to have nothing: ask why
            answer_of(lambda: self._fs.cat_file(path, start=0, end=1), path)
            return True
        return False

    def is_folder(self, path: str) -> bool:
        """Whether it is a folder; raises OSError if a server cannot be asked."""
        return bool(answer_of(lambda: self._fs.isdir(path), path))

    def children(self, path: str) -> list[Entry]:
        """List the files and folders in a folder, sorted by path; dot files are left out.

        Whatever is neither, such as a named pipe or a dangling link, is left out as well:
        opening it may never return.

        Raises
        ------
        OSError
            If the folder cannot be listed.
        """
        if self.is_local:
            with os.scandir(path) as found:
                entries = [
                    Entry(f"{path.rstrip('/')}/{e.name}", kind == "folder", *_stamps_of(e, kind))
                    for e in found
                    if (kind := _kind(e))
                ]
        else:
            listed = answer_of(lambda: self._fs.ls(path, detail=True), path)
            named = [(self._fs.unstrip_protocol(i["name"]).rstrip("/"), i) for i in listed]
            entries = [
                Entry(name, item["type"] == "directory", _listed_stamp(item))
                for name, item in named
                if name != path.rstrip("/")
            ]
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.path)

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
        data: bytes = answer_of(lambda: self._fs.cat_file(path, start=start, end=stop), path)
        if stop is not None and len(data) > stop - (start or 0):
            return data[start:stop]  # a server without byte ranges sent the whole file
        return data

    def parts(self, path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read many ranges (start, stop) of a file, of a server's many at once; raises OSError."""
        if self.is_local:
            return [self.read(path, *each) for each in ranges]
        return many_at_once.map(lambda each: self.read(path, *each), ranges)

    def size(self, path: str) -> int:
        """Size of a file in bytes, 0 where a server does not tell; raises OSError."""
        if self.is_local:
            return os.stat(path).st_size  # noqa: PTH116
        return int(answer_of(lambda: self._fs.info(path), path).get("size") or 0)

    def sends_parts(self, path: str) -> bool:
        """Whether a range can be had without the whole file; raises OSError."""
        if self.is_local or not {"http", "https"}.intersection(self._protocols):
            return True
        return len(answer_of(lambda: self._fs.cat_file(path, start=0, end=1), path)) <= 1

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
            file = RangeFile(partial(self.read, path), size)
            return io.BufferedReader(file, _REMOTE_BLOCK)
        if size > _WHOLE_FILE_LIMIT:
            raise OSError(f"the server cannot send parts of a file of {size} bytes")
        return io.BytesIO(self.read(path))

    def fingerprint(self, path: str) -> str:
        """Fingerprint of a file: its path, size and time of change; raises OSError."""
        if self.is_local:
            stat = os.stat(path)  # noqa: PTH116
            return f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
        info = answer_of(lambda: self._fs.info(path), path)
        return f"{self._fs.protocol}|{path}|{info.get('size')}|{_stamp(info)}"

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
        listed = answer_of(lambda: self._fs.ls(path, detail=True), path)
        listed = [info for info in listed if posixpath.basename(info["name"]) in names]
        for info in sorted(listed, key=lambda info: str(info["name"])):
            digest.update(_line(info["name"], info.get("size"), _stamp(info)))
        return f"{self._fs.protocol}|{path}|{digest.hexdigest()}"


def _line(*facts: object) -> bytes:
    """Facts to be hashed; a name may be no text."""
    return ("|".join(map(str, facts)) + "\n").encode("utf-8", "surrogatepass")


def _options(text: str) -> dict[str, Any]:
    """What a file system is to be told: who we are, and not to wait for a silent server."""
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


def _listed_stamp(info: dict[str, Any]) -> str:
    stamp = _stamp(info)
    return f"{info.get('size')}|{stamp}" if stamp else ""


def _stamps_of(entry: os.DirEntry[str], kind: str) -> tuple[str, str]:
    try:
        stat = entry.stat()
    except OSError:  # gone since the folder was listed
        return "", ""
    same = f"{stat.st_dev}|{stat.st_ino}" if stat.st_ino else ""  # Windows does not tell
    return (f"{stat.st_size}|{stat.st_mtime_ns}" if kind == "file" else ""), same


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:  # a link to itself
        return ""
