"""What is asked of a server: again where a fault passes, in plain words where it stays."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Any, TypeVar

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.secrets import without_secrets
from napari_rxrx3.core.stopping import bound, finished, pause
from napari_rxrx3.data.parallel import Threads

__all__ = [
    "CONNECT_S",
    "READ_S",
    "Incomplete",
    "KnownParts",
    "MayPass",
    "RangeFile",
    "Unreachable",
    "answer_of",
    "many_at_once",
]

Answer = TypeVar("Answer")

CONNECT_S, READ_S = 5, 20
"""How long a server may take to be there, and to send the next part of an answer."""

PAUSES_S: tuple[float, ...] = (0.25, 0.5, 1.0)
"""Before it is asked for the second, third and fourth time."""
_LONGEST_PAUSE_S = 10.0
_IN_VAIN_S = 30.0
_in_vain: dict[str, float] = {}
"""File -> when it was given up."""

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_CUT = (
    *("ServerDisconnectedError", "ClientPayloadError", "IncompleteReadError", "IncompleteRead"),
    *("ConnectionClosedError", "ResponseStreamingError", "ResponseParserError"),
)
"""Classes of several packages whose answers ended too early."""
_REFUSED = {401, 403}
_LONGEST_CHAIN = 6

_log = logging.getLogger(__name__)

many_at_once = Threads(64, "rxrx3-ranges")
"""Threads that wait for servers, one a request: what takes time there is the way."""


class MayPass(OSError):
    """A server gives something not now; nothing says that it will not later."""


class Unreachable(MayPass):
    """There is no way to a server at the moment, or nothing but faults come from it."""


class Incomplete(ConnectionError):
    """An answer that is not all that was asked for, or something else; its text says so."""


def answer_of(ask: Callable[[], Answer], of: str) -> Answer:
    """What a server answers; asked up to four times where it is busy or an answer is cut off.

    A file that was asked for in vain so often is asked for twice without a pause until it answers
    again: a plate has thousands of pictures in one file, and nobody waits for the pauses of each.

    Parameters
    ----------
    ask : callable
    of : str
        The file that is asked for.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If there is no answer: why, in words without secrets. Packages raise errors of their own.
    """
    is_given_up = time.monotonic() - _in_vain.get(of, -inf) < _IN_VAIN_S
    for seconds in (*((0.0,) if is_given_up else PAUSES_S), None):
        try:
            answer = finished(ask)
        except Exception as error:
            failure, may_pass = _as_os_error(error), _may_pass(error)
            seconds = seconds and _seconds_asked_for(error, seconds)
        else:
            _in_vain.pop(of, None)
            return answer
        if seconds is None or not may_pass:
            break
        _log.info("asked again in %g s: %s", seconds, failure)
        pause(seconds)
    if may_pass:
        _in_vain[of] = time.monotonic()
    raise failure  # without its cause, whose words may hold the address with all its secrets


class RangeFile(io.RawIOBase):
    """A file of which each reading is one range; to be put into a buffer.

    Parameters
    ----------
    read : callable
        Gives the bytes from a place to another one.
    size : int
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        # arrow reads in threads of its own
        self._read, self._size, self._at = bound(read), size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("There is nothing before the beginning of a file.")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        data = self._read(self._at, self._at + wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class KnownParts:
    """Reads a file of which some ranges are in memory.

    Parameters
    ----------
    starts : list of int
        Where the parts begin, ascending.
    parts : list of bytes
    read : callable
        Gives other bytes, from a place to another one.
    """

    def __init__(
        self, starts: list[int], parts: list[bytes], read: Callable[[int, int], bytes]
    ) -> None:
        self._starts, self._parts, self._read = starts, parts, read

    def read(self, start: int, stop: int) -> bytes:
        number = bisect_right(self._starts, start) - 1
        if number >= 0:
            part, skipped = self._parts[number], start - self._starts[number]
            if stop - start <= len(part) - skipped:
                return part[skipped : skipped + stop - start]
        return self._read(start, stop)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of: some packages put theirs in the words of another."""
    for _ in range(_LONGEST_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _is_called(error: BaseException, names: Iterable[str]) -> bool:
    return not {kind.__name__ for kind in type(error).__mro__}.isdisjoint(names)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, RxRx3Error | FileNotFoundError):
        return False
    status = _status(error)
    if status is not None:
        return status in _PASSING
    is_reset = isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)
    return is_reset or _is_called(error, _CUT)


def _status(error: BaseException) -> int | None:
    """The number that a server answered with, as aiohttp, requests, botocore and others keep it."""
    for each in _chain(error):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if isinstance(found, int) and found >= 400:
                return found
        of_error = "code" if type(each).__name__ == "HttpError" else "status"  # that of gcsfs
        for owner, name in ((each, of_error), (response, "status_code"), (response, "status")):
            found = getattr(owner, name, None)
            if isinstance(found, int) and found >= 400:
                return found
    return None


def _seconds_asked_for(error: Exception, pause: float) -> float:
    """A server that is busy may say for how long."""
    for owner in (error, getattr(error, "response", None)):
        try:
            said = float((getattr(owner, "headers", None) or {})["Retry-After"])
        except (KeyError, ValueError, TypeError):
            continue
        return min(max(said, 0.0), _LONGEST_PAUSE_S)
    return pause


def _as_os_error(error: Exception) -> Exception:
    if isinstance(error, RxRx3Error):
        return error
    if advice := _advice(error):
        return OSError(advice)
    if isinstance(error, FileNotFoundError):  # whose text is the address
        return FileNotFoundError("the server has no such file")
    text = _in_words(error)
    if _is_away(error):
        return Unreachable(text)
    return MayPass(text) if _may_pass(error) else OSError(text)


def _is_silent(error: Exception) -> bool:
    is_late = isinstance(error, TimeoutError | asyncio.TimeoutError)
    return is_late or "Timeout" in type(error).__name__


def _is_away(error: Exception) -> bool:
    status = _status(error)
    is_cut = isinstance(error, Incomplete)
    is_off = "Connect" in type(error).__name__ and not is_cut
    return _is_silent(error) or is_off or (status is not None and status >= 500)


def _advice(error: Exception) -> str:
    """What a person can do about it, where the kind of an error tells."""
    for each in _chain(error):
        response = getattr(each, "response", None)
        about = response.get("Error", {}) if isinstance(response, dict) else {}
        for name in (type(each).__name__, str(about.get("Code", ""))):
            if name in _ADVICE:
                return _ADVICE[name]
    return ""


def _in_words(error: Exception) -> str:
    status = _status(error)
    if isinstance(error, Incomplete):
        return str(error)
    if _is_silent(error):
        return f"the server is silent: no answer within {READ_S} s"
    if status is not None:
        said = f"the server answered {status} {getattr(error, 'message', '')}".rstrip()
        hint = ": the address may have expired, or ask for a login" if status in _REFUSED else ""
        return without_secrets(said) + hint
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, ConnectionResetError | ConnectionAbortedError) or _is_called(error, _CUT):
        return f"the answer was cut off ({_in_a_line(text)})"
    if "Connect" in type(error).__name__:
        return f"the server cannot be connected to ({_in_a_line(text)})"
    return _in_a_line(text) or type(error).__name__


def _in_a_line(text: str) -> str:
    return " ".join(without_secrets(text).split())


_HUB_LOGIN = "log in with `hf auth login`"
_NO_LOGIN = (
    "it takes a login, and none was found: `aws configure` makes one, or the variables "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; what is public opens with FSSPEC_S3_ANON=true"
)
_EXPIRED = "the login has expired: log in again (`aws sso login`, or a new AWS_SESSION_TOKEN)"
_UNKNOWN_KEY = (
    "the server does not take this login: see to AWS_PROFILE, or to AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)
_GOOGLE_LOGIN = "log in to Google Cloud again: `gcloud auth application-default login`"
_NOT_ALLOWED = (
    "this login may not read it: ask its owner for that, or choose another login with AWS_PROFILE"
)
_ADVICE = {
    "GatedRepoError": "its owner asks you to accept terms first: do so on its page of the Hub, "
    f"then {_HUB_LOGIN}",
    "RepositoryNotFoundError": f"the Hub has no such repository, or it is private: {_HUB_LOGIN}",
    "LocalTokenNotFoundError": "the Hub asks for a login: `hf auth login`",
    "NoSuchBucket": "there is no bucket of that name: see to how the address is written",
    **dict.fromkeys(
        ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"), _NO_LOGIN
    ),
    **dict.fromkeys(
        (
            *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
            *("UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError"),
        ),
        _EXPIRED,
    ),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), _UNKNOWN_KEY),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled"), _NOT_ALLOWED),
    **dict.fromkeys(("DefaultCredentialsError", "RefreshError"), _GOOGLE_LOGIN),
}
"""By the class of an error, as packages call it, or by what S3 calls it."""
