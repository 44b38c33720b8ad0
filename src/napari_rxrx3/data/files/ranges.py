"""Parts of files of web servers. The first part of a file tells all that has to be known of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urljoin

from napari_rxrx3.data.cache.memory import LruCache, one

__all__ = ["HubAddresses", "Part", "part_of", "without_signature"]

_SIGNING = {
    *("awsaccesskeyid", "signature", "expires", "policy", "key-pair-id", "token", "access_token"),
    *(
        "sv",
        "se",
        "sr",
        "sp",
        "st",
        "sig",
        "spr",
        "ss",
        "srt",
        "skoid",
        "sktid",
        "ske",
        "sks",
        "skv",
    ),
}
"""Names in the query of signed addresses, of several stores."""
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
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
        if answer.status == 416:  # there is nothing from there on
            return Part(b"", int(found[3]) if found and found[3] != "*" else 0, stamp, True)
        fs._raise_not_found_for_status(answer, url)
        if answer.status != 206:
            return await _cut_out(answer, start, stop, most, stamp)
        data = await answer.read()
    if found and found[1] and len(data) != (wanted := int(found[2]) - int(found[1]) + 1):
        raise ConnectionResetError(f"{len(data)} of {wanted} bytes came")
    return Part(data, int(found[3]) if found and found[3] != "*" else 0, stamp, True)


async def _cut_out(answer: Any, start: int, stop: int, most: int, stamp: str) -> Part:
    """The part of a file that is sent as a whole, however much more of it comes."""
    size = int(answer.headers.get("Content-Length") or 0)
    pieces, n = [], 0
    if size <= most:
        async for piece in answer.content.iter_chunked(1 << 16):
            pieces.append(piece)
            n += len(piece)
            if n > most:
                return Part(b"", n, stamp, False)
    return Part(b"".join(pieces)[start:stop], size or n, stamp, False)


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


def without_signature(url: str) -> str:
    """An address without a login, and without what signs it, which is another one each time."""
    url = _LOGIN.sub("", url)
    address, mark, query = url.partition("?")
    left = "&".join(part for part in query.split("&") if not _is_signing(part))
    return f"{address}{mark}{left}" if left else address


def _is_signing(part: str) -> bool:
    name = part.partition("=")[0].lower()
    return name in _SIGNING or name.startswith(("x-amz-", "x-goog-"))
