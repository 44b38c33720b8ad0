"""Archives that cannot be read in place: what they are, what they hold, and what to do with them.

Only their first bytes are unpacked, to see what is in them; nothing is ever written.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import re
import shlex
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import IO, Any

import pyarrow as pa

__all__ = [
    "advice",
    "content_of",
    "is_companion",
    "is_readable_member",
    "is_tar",
    "is_unfinished",
    "name_in_folder",
    "packing_of",
    "pieces",
    "unpacked",
]

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x1f\x9d": "compress",
    b"LZIP": "lzip",
    b"\x5d\0\0": "LZMA",
    b"\xff\x06\0\0sNaPpY": "snappy",
    b"\x89LZO": "LZO",
    b"MSCF": "cabinet",
    b"070701": "cpio",
    b"!<arch>": "ar",
    b"hsqs": "squashfs",
}
_CLOSED = (
    *("7-Zip", "RAR", "compress", "lzip", "LZMA", "snappy", "LZO"),
    *("cabinet", "cpio", "ar", "squashfs"),
)
"""Nothing here unpacks them."""

_COMMAND = {
    "gzip": ("gunzip", (".gz", ".tgz")),
    "bzip2": ("bunzip2", (".bz2", ".tbz", ".tbz2")),
    "xz": ("unxz", (".xz", ".txz")),
    "zstd": ("unzstd", (".zst", ".tzst")),
    "lz4": ("unlz4", (".lz4",)),
    "zip": ("unzip", (".zip",)),
    "tar": ("tar -xf", ()),
    "7-Zip": ("7z x", (".7z",)),
    "RAR": ("unrar x", (".rar",)),
    "compress": ("uncompress", (".Z",)),
    "lzip": ("lzip -d", (".lz",)),
    "LZMA": ("unlzma", (".lzma", ".tlz")),
    "snappy": ("snzip -d", (".sz",)),
    "LZO": ("lzop -d", (".lzo",)),
    "cabinet": ("cabextract", (".cab",)),
    "cpio": ("cpio -i -F", ()),
    "ar": ("ar x", ()),
    "squashfs": ("unsquashfs", ()),
}
_IMAGES = (b"\x89PNG", b"\0\0\0\x0cjP", b"\xffO\xffQ", b"II*\0", b"MM\0*")
_PIECE = re.compile(
    r"(.+\.(?:tar|tgz|gz|zip|zst|xz|bz2|7z|parquet))[._-]?(?:part[._-]?)?(\d{1,4}|[a-z]{2}|a[a-z]{2})\Z",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_NUMBERED = re.compile(
    r"(.+)[._-]part[._-]?(\d{1,4})(\.(?:tar|rar|zip|parquet))\Z",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
"""The number of a piece ahead of the ending, as in ``Plate1.part2.tar``."""
_OF_ZIP = re.compile(r"(.+)\.z\d\d\Z", re.IGNORECASE | re.DOTALL)
_UNFINISHED = re.compile(
    r".+\.(?:part|partial|crdownload|incomplete|download|filepart|opdownload|aria2|!ut)\Z",
    re.IGNORECASE | re.DOTALL,
)
_NO_PIECES = {"gz", "xz", "bz", "lz", "md", "db"}


def packing_of(head: bytes) -> str:
    """What a file was packed with, by its first bytes: ``"gzip"``; empty if it was not."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def unpacked(file: IO[bytes], packing: str, n_bytes: int) -> bytes | None:
    """The first bytes of what was packed; None if that cannot be unpacked here.

    Raises what the libraries do where the file is damaged.
    """
    if packing in _CLOSED:
        return None
    readers: dict[str, Callable[[IO[bytes]], Any]] = {
        "gzip": lambda file: gzip.GzipFile(fileobj=file),
        "bzip2": bz2.BZ2File,
        "xz": lzma.LZMAFile,
    }
    read = readers.get(packing) or partial(pa.CompressedInputStream, compression=packing)
    with read(file) as stream:
        return bytes(stream.read(n_bytes))


def content_of(head: bytes) -> str:
    """What these first bytes are of, other than text: ``"a tar"``; empty if nobody can tell."""
    if is_tar(head):
        return "a tar"
    if head.startswith(b"PAR1"):
        return "a parquet file"
    if head.startswith(_IMAGES):
        return "an image"
    return "an archive" if packing_of(head) or head.startswith(b"PK\x03\x04") else ""


def is_tar(head: bytes) -> bool:
    """Whether a file begins with the header of a member."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def is_companion(name: str) -> bool:
    """Whether a member is what macOS puts beside a file: it holds nothing of the data."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] == ".DS_Store"


def name_in_folder(name: str) -> str:
    """The last part of a member's name; programs of Windows write backslashes."""
    return posixpath.basename(name.replace("\\", "/"))


def is_readable_member(member: zipfile.ZipInfo) -> bool:
    """Whether a member of a zip can be read where it is: deflated or as it was, no password."""
    is_locked = bool(member.flag_bits & 1)
    return not is_locked and member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_unfinished(name: str) -> bool:
    """Whether a file is called as programs call what they have not loaded to its end."""
    return _UNFINISHED.match(name) is not None


def advice(path: str, packing: str, what: str) -> str:
    """Say in a sentence that a file is packed, and how to unpack it."""
    command, endings = _COMMAND[packing]
    name = posixpath.basename(path)
    if packing in ("zip", "tar"):
        said = f"is a {packing} of {what}"
    elif what:
        said = f"is {what} packed with {packing}"
    else:
        said = f"is packed with {packing}, and was not looked into"
    rename = ""
    if endings and not name.lower().endswith(tuple(map(str.lower, endings))):
        rename, name = f"call it {name + endings[0]}, then ", name + endings[0]
    how = f"{rename}{command} {shlex.quote(name)}"
    return f"{path} {said}, which cannot be read in place; unpack it first ({how})."


def pieces(paths: Iterable[str], there: Collection[str]) -> dict[str, list[str]]:
    """Pieces that a file was split into, by the path of the whole one, which is not `there`.

    A plate comes as ``Plate1.tar.aa`` or ``Plate1.tar.001`` from where no file may be so large.
    """
    found: dict[str, list[str]] = {}
    for path in paths:
        folder, name = posixpath.split(path)
        match = _PIECE.match(name)
        whole = ""
        if match and match[2].lower() not in _NO_PIECES:
            whole = match[1]
        elif numbered := _NUMBERED.match(name):
            whole = numbered[1] + numbered[3]
        elif of_zip := _OF_ZIP.match(name):
            whole = f"{of_zip[1]}.zip"
        whole = posixpath.join(folder, whole) if whole else ""
        if whole and (whole not in there or _OF_ZIP.match(name)):
            found.setdefault(whole, []).append(path)
    return {whole: paths for whole, paths in found.items() if _are_pieces(paths)}


def _are_pieces(paths: Sequence[str]) -> bool:
    """Whether they are: of one file alone ``.br`` or ``.sz`` is how it was packed."""
    ending = paths[0].rsplit(".", 1)[-1].lower()
    return len(paths) > 1 or len(ending) != 2 or not ending.isalpha() or ending == "aa"
