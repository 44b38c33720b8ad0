"""The five tags that a well can get, as the user calls and colors them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from napari_rxrx3.core.display import DEFAULT_TAGS as _LOOKS
from napari_rxrx3.core.display import TagLook, display

__all__ = ["DEFAULT_TAGS", "NO_TAG", "Tag", "tag_name", "tags_in_use"]

NO_TAG = 0
"""Number of a hit that has a note but no tag."""


class Tag(NamedTuple):
    """A tag: its number 1..5, which is its key and what files hold, its name and its color."""

    number: int
    name: str
    color: str


def _numbered(looks: Sequence[TagLook]) -> tuple[Tag, ...]:
    return tuple(Tag(number, *look) for number, look in enumerate(looks, start=1))


DEFAULT_TAGS: tuple[Tag, ...] = _numbered(_LOOKS)


def tags_in_use() -> tuple[Tag, ...]:
    """The tags as the preferences have them; `display.tags_changed` says when they change."""
    return _numbered(display.tags)


def tag_name(number: int) -> str:
    """What a tag is called; empty for `NO_TAG`."""
    return "" if number == NO_TAG else display.tags[number - 1].name
