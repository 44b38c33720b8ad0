"""Parts of files of web servers. The first part of a file tells all that has to be known of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urljoin

from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.files.remote import Incomplete

__all__ = ["HubAddresses", "Part", "part_of"]

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_MOVED = {301, 302, 303, 307, 308}
_REFUSED = {401, 403, 410}


class Part(NamedTuple):
    """What a server answered when it was asked for a part of a file.

    Attributes
    ----------
    data : bytes
        The part. Of a server that only has whole files, the part cut out of it, or nothing of one
        that is too large for that.
    size : int
        Of the file; 0 where the server does not tell.
    stamp : str
        Changes when the file does; empty where the server does not tell.
    is_part : bool
        Whether the server sent the part alone.
    """

    data: bytes
    size: int
    stamp: str
    is_part: bool


def part_of(
    fs: Any, url: str, start: int, stop: int, most: int, headers: dict[str, str] | None = None
) -> Part:
    """Ask a web server for the bytes from a place to another one.

    Parameters
    ----------
    fs : fsspec.implementations.http.HTTPFileSystem
        Has the connections, and what every request carries.
    most : int
        A whole file of more bytes is not read where a part was asked for.
    headers : dict, optional
        Sent as well.

    Raises
    ------
    FileNotFoundError, OSError, aiohttp.ClientError
        Whatever went wrong: to be used in `answer_of`.
    """
    from fsspec.asyn import sync

    part: Part = sync(fs.loop, _part, fs, url, start, stop, most, headers or {})
    return part


async def _part(
    fs: Any, url: str, start: int, stop: int, most: int, headers: dict[str, str]
) -> Part:
    session = await fs.set_session()
    options = dict(fs.kwargs)
    asked = {
        **options.pop("headers", {}),
        **headers,
        "Range": f"bytes={start}-{stop - 1}",
        "Accept-Encoding": "identity",
    }
    async with session.get(fs.encode_url(url), headers=asked, **options) as answer:
        stamp = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        found = _RANGE.match(answer.headers.get("Content-Range", ""))
        size = int(found[3]) if found and found[3] != "*" else 0
        if answer.status == 416:  # there is nothing from there on
            return Part(b"", size, stamp, True)
        fs._raise_not_found_for_status(answer, url)
        if answer.status != 206:
            return await _cut_out(answer, start, stop, most, stamp)
        if _is_packed(answer):
            raise OSError("the server packs what it sends: no part of a file can be had from it")
        data = await answer.read()
    if found and found[1]:
        first, end = int(found[1]), int(found[2]) + 1
        if first != start or end > stop:
            raise Incomplete(f"bytes {first}-{end} came where {start}-{stop} were asked for")
        wanted = min(stop, size) - start if size else end - first
        if len(data) != wanted:
            raise Incomplete(f"the answer was cut off: {len(data)} of {wanted} bytes came")
    return Part(data[: stop - start], size, stamp, True)


async def _cut_out(answer: Any, start: int, stop: int, most: int, stamp: str) -> Part:
    """The part of a file that is sent as a whole, however much more of it comes."""
    size = 0 if _is_packed(answer) else int(answer.headers.get("Content-Length") or 0)
    pieces, n = [], 0
    if size <= most:
        async for piece in answer.content.iter_chunked(1 << 16):
            pieces.append(piece)
            n += len(piece)
            if n > most:
                return Part(b"", size or n, stamp, False)
    return Part(b"".join(pieces)[start:stop], size or n, stamp, False)


def _is_packed(answer: Any) -> bool:
    """Whether the length of what is sent is not that of the file."""
    return answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")


class HubAddresses:
    """Where the files of the Hugging Face Hub lie: each is asked for once, while it is good.

    The Hub answers each question with the address of another server, signed for some time, and
    takes only so many questions in five minutes.
    """

    def __init__(self) -> None:
        self._found = LruCache(100_000, one)

    def part(self, hub: Any, web: Any, path: str, start: int, stop: int, most: int) -> Part:
        """`part_of` for a path of an ``HfFileSystem``; `web` is a file system for addresses."""
        try:
            return self._part(hub, web, path, start, stop, most)
        except Exception as error:
            if getattr(error, "status", None) not in _REFUSED:
                raise
        self._found.drop(path)  # its time is over
        return self._part(hub, web, path, start, stop, most)

    def _part(self, hub: Any, web: Any, path: str, start: int, stop: int, most: int) -> Part:
        url, headers = self._found.get(path, lambda: _signed(hub, web, path))
        return part_of(web, url, start, stop, most, headers)


def _signed(hub: Any, web: Any, path: str) -> tuple[str, dict[str, str]]:
    """An address, and the headers that it needs."""
    from fsspec.asyn import sync
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    at = hub.resolve_path(path)
    url = hf_hub_url(
        at.repo_id,
        at.path_in_repo,
        repo_type=at.repo_type,
        revision=at.revision,
        endpoint=hub.endpoint,
    )
    headers = build_hf_headers(token=hub.token)
    location: str = sync(web.loop, _location, web, url, headers)
    return (location, {}) if location else (url, headers)


async def _location(web: Any, url: str, headers: dict[str, str]) -> str:
    session = await web.set_session()
    async with session.head(url, headers=headers, allow_redirects=False) as answer:
        if answer.status in _MOVED:
            return str(urljoin(url, answer.headers["Location"]))
        answer.raise_for_status()
        return ""
