"""The quickest honest small view of a plane, from as few bytes of its file as that takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from napari_rxrx3.data.images.decode import (
    UndecodableImage,
    bytes_for_prefix,
    decode,
    decode_prefix,
    image_kind,
    image_layout,
    shrink,
)

__all__ = ["PREFIX_ROWS", "PREVIEW_SIZE", "PrefixReader", "PreviewForm", "form_of", "preview_of"]

Plane = np.ndarray[Any, Any]
Reduce = Callable[[bytes, int], Plane | None]

PREVIEW_SIZE = 64
"""A preview has as many pixels on each side."""
PREFIX_ROWS = 3 * PREVIEW_SIZE
"""Height of the prefix of a large plane, and side of the piece that its preview shows."""

_PIECE_FROM = 768
"""Smaller side of the images of which a preview shows a piece, in pixels."""
_HEADER = 64 * 2**10


class PreviewForm(NamedTuple):
    """What the previews of a plate's wells are like.

    Attributes
    ----------
    dtype : numpy.dtype
    well_size : int
        Smaller side of a well's image, in pixels.
    span : int
        Side of the square that a preview shows, in pixels of the well's image.
    """

    dtype: np.dtype[Any]
    well_size: int
    span: int

    @property
    def is_piece(self) -> bool:
        """A preview shows a piece at the top middle of the well at full resolution."""
        return self.span < self.well_size


def form_of(data: bytes) -> PreviewForm:
    """Form of a plane's preview, from the first bytes of its file; raises UndecodableImage."""
    shape, dtype = image_layout(data)
    size = min(shape)
    is_piece = size >= _PIECE_FROM and image_kind(data) != "JPEG 2000"
    return PreviewForm(dtype, size, PREFIX_ROWS if is_piece else size)


def preview_of(plane: Plane) -> Plane:
    """Make the preview of a whole plane that was no JPEG 2000.

    Returns
    -------
    numpy.ndarray
        (64, 64): the whole of a small plane; of a large one the piece of 192 x 192 pixels at its
        top middle, made smaller by 3.
    """
    if min(plane.shape) < _PIECE_FROM:
        return shrink(plane, PREVIEW_SIZE)
    return _piece(plane)


def _piece(rows: Plane) -> Plane:
    left = (rows.shape[1] - PREFIX_ROWS) // 2
    return shrink(rows[:PREFIX_ROWS, left : left + PREFIX_ROWS], PREVIEW_SIZE)


class PrefixReader:
    """Reads and decodes prefixes and previews of the files of one container.

    The first file teaches how much of the others is to be read.

    Parameters
    ----------
    read : callable
        Gives the bytes of the file in a row, or at least so many of them.
    """

    def __init__(self, read: Callable[[int, int | None], bytes]) -> None:
        self._read = read
        self._n_bytes: int | None = _HEADER  # enough to see how much is needed

    def prefix(self, row: int) -> Plane | None:
        """The first rows of a plane; None where they cost as much as the whole.

        Raises
        ------
        OSError, UndecodableImage
        """
        if self._n_bytes is None:
            return None  # it was so with the file before; to be wrong costs a picture in advance
        data = self._first_part(row)
        if bytes_for_prefix(data, PREFIX_ROWS, _PIECE_FROM) is None:
            return None
        return self._rows(row, data)

    def preview(self, row: int, reduce: Reduce) -> Plane:
        """The preview of a plane; `reduce` decodes a JPEG 2000 at reduced resolution.

        Raises
        ------
        OSError, UndecodableImage
        """
        data = self._first_part(row)
        if bytes_for_prefix(data, PREFIX_ROWS, _PIECE_FROM) is not None:
            return _piece(self._rows(row, data))
        if image_kind(data) == "JPEG 2000":
            small = reduce(data, PREVIEW_SIZE)
            if small is not None:
                return shrink(small, PREVIEW_SIZE)
        return preview_of(decode(data))

    def _first_part(self, row: int) -> bytes:
        """So much of a file as holds its first rows, or all of it where that does not do."""
        asked = self._n_bytes
        data = self._read(row, asked)
        needed = bytes_for_prefix(data, PREFIX_ROWS, _PIECE_FROM)
        if needed is not None or asked == _HEADER:  # an odd file does not speak for the others
            self._n_bytes = needed
        if asked is None or len(data) != asked:  # all of it
            return data
        return data if needed is not None and needed <= asked else self._read(row, needed)

    def _rows(self, row: int, data: bytes) -> Plane:
        rows = decode_prefix(data, PREFIX_ROWS)
        if len(rows) < PREFIX_ROWS:  # something long lies before the pixels, or the file is cut off
            rows = decode_prefix(self._read(row, None), PREFIX_ROWS)
        if len(rows) < PREFIX_ROWS:
            raise UndecodableImage("damaged PNG image: it is cut off")
        return rows
