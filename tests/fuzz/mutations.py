"""Inputs that are nearly right: seeds with a few bytes changed, cut, doubled or swapped."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

__all__ = ["inputs"]

_TELLING = (
    *(b"", b"\0", b"\xff", b"\n", b"\r\n", b",", b";", b'"', b"\xef\xbb\xbf", b"\\", b"{", b"]"),
    *(b"-1", b"0", b"nan", b"inf", b"1e999", b"1" * 30, b"null", b"true", b"NaN", b"\xed\xa0\x80"),
    *(b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0" * 8, b"\xff" * 8, b"A" * 300),
    *(b"well_id", b"gene-001_1_B02", b"AG01", b"../..", b"=1+1", b"\x1b[31m", "ü€😀".encode()),
)


class _Edit(NamedTuple):
    """Replace `length` bytes at a share of the way by others; or by a piece of the same input."""

    share: float
    length: int
    by: bytes
    copies: bool


_edits = st.builds(
    _Edit,
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.integers(0, 8), st.integers(0, 4000)),
    st.one_of(st.sampled_from(_TELLING), st.binary(max_size=6)),
    st.booleans(),
)


def inputs(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Seeds with some edits, and now and then bytes without any sense."""
    edited = st.builds(_edited, st.sampled_from(seeds), st.lists(_edits, max_size=6))
    return st.one_of(edited, edited, edited, st.binary(max_size=200))


def _edited(content: bytes, edits: list[_Edit]) -> bytes:
    for edit in edits:
        at = int(edit.share * len(content))
        end = at + edit.length
        by = content[at:end] + edit.by if edit.copies else edit.by
        content = content[: end if edit.copies else at] + by + content[end:]
    return content
