"""Text without paths: what may be passed on to people who need not know where things are kept."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from urllib.parse import quote, unquote, urlsplit

from napari_rxrx3.core.errors import printable
from napari_rxrx3.core.forking import Lock

__all__ = ["FILE", "PATH", "Redactor", "concealer"]

PATH, FILE = "<path>", "<file>"
_MOST_PLACES = 256
_ORDINARY = {
    *(
        "data",
        "dataset",
        "images",
        "image",
        "well",
        "wells",
        "plates",
        "plate",
        "metadata",
        "embeddings",
    ),
    *("hits", "map", "maps", "file", "files", "folder", "screen", "demo", "core", "rxrx3"),
    *("rxrx3-core", "cache", "home", "root", "user", "open", "test", "tmp", "set", "vectors"),
}
"""As the last part of a path they tell nothing of anybody, and messages need the words."""

_ENDINGS = (
    r"(?:tar|tgz|gz|zst|zip|bz2|xz|7z|png|jp2|j2k|jpe?g|tiff?|csv|tsv|txt|parquet|pq|json|npy|npz|"
    r"svg|pdf|ya?ml|lock|part|old|py|ipynb|xlsx?|ods|h5|hdf5|zarr|md|log|tmp|bak)"
)
_START = (
    rf"(?:{PATH}(?=[\\/])|[A-Za-z][A-Za-z0-9+.-]+://|(?<![A-Za-z])[A-Za-z]:[\\/]|\\\\(?=[^\s\\])"
    r"|~[\w.-]*[\\/]|(?<![\w.])\.{1,2}[\\/]|(?<![\w.<])/(?=[^\s/]))"
)
_END_OF_NAME = (
    rf"(?:[^\\/]*?\.{_ENDINGS}(?=[^\w.]|\.?$|\.\s)"  # an ending that is known
    r"|[^\\/]*?(?=[\"'“”‘’)\]>:;,]|\s\(|\.\s|\.?$"  # or what comes after a name in a sentence
    r"|\s(?:cannot|could|is|are|has|holds|was|lists|does|ends|claims|says|belongs)\b))"
)
_ABSOLUTE = re.compile(rf"{_START}(?:.*[\\/])?{_END_OF_NAME}")
_RELATIVE = re.compile(r"[^\s\"'(<]+[\\/][^\s\"')>,;]+")
_BARE = re.compile(rf"[^\"'“”‘’():;,<>]*[^\s\"'“”‘’():;,<>]\.{_ENDINGS}(?![\w.]\w)", re.IGNORECASE)
_OF_RXRX3 = re.compile(r"(?:^|\s)[A-Z]{1,2}\d\d_s\d_w\d\.\w+$")
_RUN = re.compile(rf"{PATH}(?:[\s\\/,;:]*{PATH})+")


class Redactor:
    """Takes paths, addresses and names of files out of text.

    What looks like one is taken out by its looks, rather too much than too little; a folder that
    is called like ordinary words is found because somebody has noted it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._places: OrderedDict[str, None] = OrderedDict()

    def note(self, place: str) -> None:
        """Remember a path or an address; its last part alone is taken out as well."""
        with self._lock:
            self._places[place] = None
            self._places.move_to_end(place)
            if len(self._places) > _MOST_PLACES:
                self._places.popitem(last=False)

    def forget(self) -> None:
        """Forget all that was noted."""
        with self._lock:
            self._places.clear()

    def redact(self, text: str) -> str:
        """The text with `PATH` and `FILE` in the place of what tells where things are."""
        known = self._known()
        if known is not None:
            text = known.sub(PATH, text)
        return "\n".join(map(_redacted, text.splitlines()))

    def _known(self) -> re.Pattern[str] | None:
        with self._lock:
            places = list(self._places)
        words = {form for place in places for form in _forms(place)}
        words |= {form for path in _own_folders() for form in _forms(path)}
        longest_first = sorted(filter(str.strip, words), key=len, reverse=True)
        if not longest_first:
            return None
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _redacted(line: str) -> str:
    line = _ABSOLUTE.sub(PATH, line)
    line = _RELATIVE.sub(PATH, line)
    line = _BARE.sub(_file_redacted, line)
    return _RUN.sub(PATH, line)


def _file_redacted(found: re.Match[str]) -> str:
    """The words before a name may belong to it; names as RxRx3 gives them say nothing."""
    if _OF_RXRX3.search(found[0]):
        return found[0]
    return f" {FILE}" if found[0][0] == " " else FILE


def _forms(place: str) -> Iterator[str]:
    """A path, and its last part, in all the ways in which a sentence may hold it."""
    address = _parts_of_address(place) if "://" in place else []
    path = address[0] if address else place
    name = PureWindowsPath(path).name  # knows both separators
    for text in (place, *address, name, name.partition(".")[0]):
        if len(text) > 1 and text.casefold() not in _ORDINARY:
            slashed = text.replace("\\", "/")
            yield from (text, slashed, slashed.rstrip("/"), text.replace("/", "\\"))
            yield from (repr(text)[1:-1], printable(text), unquote(text), _quoted(text))


def _parts_of_address(place: str) -> list[str]:
    """Its path first; server, user, password and what is asked for."""
    try:
        parts = urlsplit(place)
        user = (parts.username or "", parts.password or "", parts.hostname or "")
    except ValueError:  # no address after all, such as one with half of a pair of brackets
        return []
    return [parts.path, parts.netloc, *user, parts.query, *re.split("[&=;]", parts.query)]


def _quoted(text: str) -> str:
    return quote(text, errors="replace")


def _own_folders() -> list[str]:
    """The home folder, the last part of which is the name of the user."""
    try:
        return [str(Path.home())]
    except RuntimeError:  # the system does not know of one
        return []


concealer = Redactor()
"""The one that is told of all that is opened."""
