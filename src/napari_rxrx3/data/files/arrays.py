"""Columns as arrays of names, texts or numbers, by the rule for cells, for millions of rows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.data.files.cells import (
    MISSING,
    MISSING_AS_WRITTEN,
    Marks,
    as_number,
    is_guessed,
    is_missing,
)

__all__ = ["Numbers", "is_plain", "may_be_text", "names_in", "numbers_in", "texts_in"]

Array = np.ndarray[Any, Any]

_LONGEST = max(map(len, MISSING))
_PLAIN = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number as pyarrow reads it from text."""
_GROUPED = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$"
"""A number whose point may be one between thousands."""
_OTHER_BLANKS = "[\u00a0\u2000-\u200a\u202f\u205f\u3000]"
_UNSEEN = "\u200b\u2060\ufeff"
_BLANK = pa.array(["", '""', "''"], pa.string())
_UNKNOWN = Marks()


class Numbers(NamedTuple):
    """A column of numbers: float64, NaN where there is none.

    `odd` are the rows whose cell is neither a number nor a word for what is missing, `texts`
    what these cells say; `guessed` are rows whose number is a guess, by what their cells say.
    """

    values: Array
    odd: Array
    texts: list[str]
    guessed: Mapping[str, Array] = MappingProxyType({})


def names_in(column: pa.Array) -> pa.Array:
    """Texts without the blanks around them, null where there are only blanks.

    A name may be any word: there is a gene called NaN.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_binary(column.type):
        column = _decoded(column)
    if not may_be_text(column.type):
        return pa.nulls(len(column), pa.string())
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    if not pc.all(pc.string_is_ascii(text), min_count=0).as_py():
        # what nobody sees, and two ways to write one letter, make no other name
        text = pc.utf8_trim_whitespace(pc.utf8_trim(text, _UNSEEN))
        text = pc.utf8_normalize(text, "NFC")
        text = pc.replace_substring_regex(text, _OTHER_BLANKS, " ")
    if pc.any(pc.starts_with(text, '="')).as_py():  # what keeps a spreadsheet from reading it
        text = pc.replace_substring_regex(text, r'^="(.*)"$', r"\1")
    is_blank = pc.is_in(text, value_set=_BLANK)
    return pc.if_else(is_blank, None, text) if pc.any(is_blank).as_py() else text


def may_be_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts, or what can be written as such."""
    return not (pa.types.is_nested(kind) or _is_binary(kind))


def _decoded(column: pa.Array) -> pa.Array:
    """Bytes as the text that they are, as some programs store it; as they are if they are none."""
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return column


def texts_in(column: pa.Array) -> pa.Array:
    """Like `names_in`, but null as well where a word says that there is nothing."""
    text = names_in(column)
    is_short = pc.less_equal(pc.binary_length(text), _LONGEST)
    if not pc.any(is_short).as_py():
        return text
    short = pc.utf8_lower(pc.if_else(is_short, text, "x"))
    is_none = pc.is_in(short, value_set=pa.array(sorted(MISSING), pa.string()))
    return pc.if_else(is_none, None, text)


def numbers_in(column: pa.Array, marks: Marks = _UNKNOWN) -> Numbers:
    """The numbers of a column of any type."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_floating(kind):
        return _sound(column)
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _sound(column.cast(pa.float64(), safe=False))
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_view(kind)):
        odd = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
        return Numbers(np.full(len(column), np.nan), odd, [str(column[i]) for i in odd.tolist()])
    return _numbers_in_text(column.cast(pa.string()), marks)


def is_plain(text: pa.Array) -> bool:
    """Whether all texts are numbers as programs read them, or words for what is missing."""
    is_known = pc.or_(
        pc.match_substring_regex(text, _PLAIN),
        pc.is_in(text, value_set=pa.array(MISSING_AS_WRITTEN, pa.string())),
    )
    return bool(pc.all(is_known, min_count=0).as_py())


def _numbers_in_text(text: pa.Array, marks: Marks) -> Numbers:
    text = names_in(text)
    is_plain = pc.match_substring_regex(text, _PLAIN)
    if marks.thousands == ".":  # 1.234 is plain, but another number
        is_plain = pc.and_(is_plain, pc.invert(pc.match_substring(text, ".")))
    elif not marks.thousands:  # nothing tells
        is_plain = pc.and_(is_plain, pc.invert(pc.match_substring_regex(text, _GROUPED)))
    plain = pc.if_else(is_plain, text, None).cast(pa.float64())
    values = np.array(plain.to_numpy(zero_copy_only=False), dtype=np.float64)
    others = np.flatnonzero(pc.fill_null(pc.invert(is_plain), False).to_numpy(zero_copy_only=False))
    if not len(others):
        return Numbers(values, others, [])
    coded = text.take(pa.array(others)).dictionary_encode()
    said = coded.dictionary.to_pylist()
    codes = coded.indices.to_numpy()
    numbers = [None if is_missing(cell) else as_number(cell, marks) for cell in said]
    values[others] = np.array([np.nan if n is None else n for n in numbers])[codes]
    is_odd = np.array([n is None and not is_missing(c) for n, c in zip(numbers, said, strict=True)])
    odd = np.flatnonzero(is_odd[codes])
    guessed = {
        cell: others[codes == code]
        for code, (cell, number) in enumerate(zip(said, numbers, strict=True))
        if number is not None and is_guessed(cell, marks)
    }
    return Numbers(values, others[odd], [said[code] for code in codes[odd].tolist()], guessed)


def _sound(column: pa.Array) -> Numbers:
    values = np.asarray(column.to_numpy(zero_copy_only=False))
    return Numbers(values, np.zeros(0, dtype=np.intp), [])


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    )


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind))
