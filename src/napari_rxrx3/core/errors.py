"""The errors that the library raises: one plain sentence each."""

from __future__ import annotations

from functools import partial

from napari_rxrx3.core.secrets import without_secrets

__all__ = [
    "CHANGED",
    "Cancelled",
    "ContainerUnavailable",
    "DatasetNotFound",
    "HitsError",
    "ImageUnavailable",
    "MapError",
    "MetadataError",
    "RxRx3Error",
    "UnknownKey",
    "UnknownWell",
    "printable",
]


def printable(text: str) -> str:
    r"""Text on one line that no terminal obeys: what has no sign of its own is written as ``\x1b``.

    Names in files may hold anything: new lines, escapes, halves of letters.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


CHANGED = "the file has changed since the data set was opened: open it again"
"""Why something cannot be read from where it was."""


class RxRx3Error(Exception):
    """Base of every error that this library raises on purpose.

    Its sentence is printable, and has no password or signature in it.
    """

    def __init__(self, sentence: str = "") -> None:
        super().__init__(printable(without_secrets(sentence)))


class DatasetNotFound(RxRx3Error):
    """A path holds nothing of RxRx3, or does not exist."""


class MetadataError(RxRx3Error):
    """A metadata or embedding table cannot be read."""


class MapError(RxRx3Error):
    """A map of perturbations cannot be made from these vectors."""


class HitsError(RxRx3Error):
    """A file of hits, or a list to review, cannot be read or used."""


class Cancelled(RxRx3Error):
    """The user or a newer request stopped the work."""


class ImageUnavailable(RxRx3Error):
    """One plane of a well is missing or cannot be read.

    Attributes
    ----------
    well_id : str
    channel : int
        1..6.
    location : str
        The file (and member) that was asked, or where one was looked for.
    cause : str
        Why, in plain words.
    missing : bool
        No file is said to hold the plane; otherwise one does, but cannot be read.
    may_pass : bool
        A server gives it not now; nothing says that it will not later.
    """

    def __init__(
        self,
        well_id: str,
        channel: int,
        location: str,
        cause: str,
        *,
        missing: bool = False,
        may_pass: bool = False,
    ) -> None:
        super().__init__(f"{well_id}, channel {channel}: {cause} ({location}).")
        self.well_id = well_id
        self.channel = channel
        self.location = without_secrets(location)
        self.cause = without_secrets(cause)
        self.missing = missing
        self.may_pass = may_pass

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), missing=self.missing, may_pass=self.may_pass)
        return again, (self.well_id, self.channel, self.location, self.cause)


class ContainerUnavailable(RxRx3Error):
    """A file of images could not be looked into.

    Attributes
    ----------
    location, cause : str
        The file, and why in plain words.
    may_pass : bool
        A server gives it not now; nothing says that it will not later.
    """

    def __init__(self, location: str, cause: str, may_pass: bool = False) -> None:
        super().__init__(f"{location} cannot be read ({cause}).")
        self.location, self.cause, self.may_pass = location, cause, may_pass

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.location, self.cause, self.may_pass)


class UnknownWell(RxRx3Error, KeyError):
    """No well of this name is in the data set."""

    def __init__(self, well_id: str) -> None:
        self.well_id = well_id
        super().__init__(f"No well {well_id!r} is in this data set.")

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0])


class UnknownKey(RxRx3Error, KeyError):
    """No entry of a map has this key; `suggestions` are the closest that it has.

    `why` is a sentence about what is left out by design; it takes the place of the suggestions.
    """

    def __init__(self, key: str, suggestions: list[str], why: str = "") -> None:
        self.key = key
        self.suggestions = suggestions
        closest = f"Closest: {', '.join(suggestions)}." if suggestions else ""
        super().__init__(" ".join(filter(None, (f"{key!r} is not in this map.", why or closest))))

    def __str__(self) -> str:
        return str(self.args[0])
