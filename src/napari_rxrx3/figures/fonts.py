"""Letters of figures: one font for all of them, others for what it does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import bidirectional

from napari_rxrx3.core import words

__all__ = ["font_of", "printable", "what_is_spelled", "written"]

_CONTROL = re.compile(r"[^ -~\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAMILY = "DejaVu Sans"
_COMPLETE = ("Noto Sans", "Arial Unicode MS", "Segoe UI", "PingFang", "Microsoft", "WenQuanYi")
"""Beginnings of the names of fonts that are legible and have many letters."""


def font_of(size: float, is_bold: bool = False, text: str = "") -> Any:
    """The font that comes with matplotlib, the same on every computer.

    Where a text has letters that it does not have, the computer's own fonts come after it.
    """
    others = dict.fromkeys(filter(None, map(_family_with, _lacking(text))))
    return _font(size, is_bold, tuple(others))


def printable(text: str) -> str:
    """A text without what is no letter, and what no XML may hold: no program opens such an SVG."""
    return _CONTROL.sub("?", text)


def written(text: str) -> str:
    r"""A text with ``\u7d2b`` for letters that no font here has; they would be empty boxes."""
    text = printable(text)
    unreadable = (
        {letter for letter in text if _is_right_to_left(letter)} if not _shapes() else set()
    )
    lacking = {letter for letter in _lacking(text) if _family_with(letter) is None}
    return words.spelled(text, lacking | unreadable)


def what_is_spelled(texts: Iterable[str], form: str) -> tuple[str, ...]:
    """A sentence for the caption where letters of some texts are written by their numbers.

    Never in an SVG, which has the letters themselves: who opens it may have a font for them.
    """
    sentence = "" if form == "svg" else words.what_is_spelled(map(printable, texts), written)
    return (sentence,) if sentence else ()


def _is_right_to_left(letter: str) -> bool:
    return bidirectional(letter) in ("R", "AL")


@cache
def _shapes() -> bool:
    """Whether matplotlib sets what is written from the right, and joins its letters (from 3.11)."""
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


@cache
def _font(size: float, is_bold: bool, others: tuple[str, ...]) -> Any:
    from matplotlib.font_manager import FontProperties

    weight = "bold" if is_bold else "normal"
    if others:
        return FontProperties(family=[_FAMILY, *others], weight=weight, size=size)
    return FontProperties(family=_FAMILY, weight=weight, size=size, fname=_file(is_bold))


def _file(is_bold: bool) -> Path:
    from matplotlib import get_data_path

    return Path(get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' if is_bold else ''}.ttf")


def _lacking(text: str) -> list[str]:
    """Letters that the first font does not have, each once."""
    return [] if text.isascii() else [x for x in dict.fromkeys(text) if ord(x) not in _known()]


@cache
def _known() -> Mapping[int, Any]:
    from matplotlib.font_manager import get_font

    known: Mapping[int, Any] = get_font(_file(is_bold=False)).get_charmap()
    return known


@cache
def _family_with(letter: str) -> str | None:
    """A font of this computer that can draw a letter."""
    from matplotlib.font_manager import fontManager, get_font

    def rank(entry: Any) -> tuple[object, ...]:
        is_plain = entry.style == "normal" and entry.weight in (400, "normal", "regular")
        is_complete = entry.name.startswith(_COMPLETE)
        return not is_plain, not is_complete, not entry.fname.endswith(".ttf"), entry.name

    for entry in sorted(fontManager.ttflist, key=rank):
        with suppress(Exception):  # a damaged font, or one of colored pictures
            font = get_font(entry.fname)
            if not entry.name.startswith("Last Resort") and ord(letter) in font.get_charmap():
                font.load_char(ord(letter))
                return str(entry.name)
    return None
