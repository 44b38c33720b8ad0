"""Small views of a plane, and pieces of it, from as few bytes of its file as that takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from napari_rxrx3.data.images.decode import (
    UndecodableImage,
    bytes_for_prefix,
    decode,
    decode_prefix,
    decode_small,
    image_kind,
    image_layout,
    shrink,
)
from napari_rxrx3.data.images.jpeg2000_pool import reduce_here
from napari_rxrx3.data.images.png import png_header

__all__ = [
    "PREFIX_ROWS",
    "PREVIEW_SIZE",
    "PlaneReader",
    "PrefixReader",
    "PreviewForm",
    "form_of",
    "piece_of",
    "preview_of",
]

Plane = np.ndarray[Any, Any]

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
    is_square : bool
        Of other images previews and thumbnails show the middle square.
    """

    dtype: np.dtype[Any]
    well_size: int
    span: int
    is_square: bool = True

    @property
    def is_piece(self) -> bool:
        """A preview shows a piece at the top middle of the well at full resolution."""
        return self.span < self.well_size


def form_of(data: bytes) -> PreviewForm:
    """Form of a plane's preview, from the first bytes of its file; raises UndecodableImage."""
    shape, dtype = image_layout(data)
    size = min(shape)
    is_piece = size >= _PIECE_FROM and image_kind(data) != "JPEG 2000"
    is_square = shape[0] == shape[1]
    return PreviewForm(dtype, size, PREFIX_ROWS if is_piece else size, is_square)


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
    return _top_preview(plane)


def piece_of(plane: Plane, span: int, is_at_top: bool) -> Plane:
    """The square of `span` pixels in the middle of a plane, or at its top middle.

    Smaller where the plane is.
    """
    height, width = plane.shape
    span = min(span, height, width)
    top, left = 0 if is_at_top else (height - span) // 2, (width - span) // 2
    return plane[top : top + span, left : left + span]


def _top_preview(rows: Plane) -> Plane:
    return shrink(piece_of(rows, PREFIX_ROWS, is_at_top=True), PREVIEW_SIZE)


class PlaneReader(Protocol):
    """Gives planes of one container, whole or less of them, by their rows in its index.

    All raise OSError or UndecodableImage.
    """

    def whole(self, row: int) -> tuple[Plane, bool]:
        """A plane at full resolution, and whether its preview can be made of it."""
        ...

    def small(self, row: int, size: int) -> Plane:
        """The middle square of a plane at (size, size)."""
        ...

    def prefix(self, row: int) -> Plane | None:
        """The first rows of a plane; None where they cost as much as the whole."""
        ...

    def preview(self, row: int) -> Plane:
        """The preview of a plane."""
        ...

    def preview_or_file(self, row: int) -> Plane | bytes:
        """The preview of a plane, or a whole JPEG 2000, which others reduce."""
        ...

    def piece(self, row: int, span: int) -> Plane:
        """The piece of `span` x `span` pixels of a plane, at full resolution."""
        ...

    def fetch(self, row: int) -> None:
        """Have a server send what a plane is read from."""
        ...

    def layout_of(self, row: int) -> tuple[tuple[int, int], np.dtype[Any]]:
        """Shape (Y, X) and type of a plane, from as little as that takes."""
        ...

    def form(self, row: int) -> PreviewForm:
        """What previews of planes like this one are like."""
        ...


class PrefixReader:
    """Reads and decodes the files of one container, or parts of them, see `PlaneReader`.

    The first file teaches how much of the others is to be read.

    Parameters
    ----------
    read : callable
        Gives the bytes of the file in a row, or at least so many of them.
    learnt : dict, optional
        Of others that read like files: how much of a file holds so many rows; None: all of it.
    """

    def __init__(
        self,
        read: Callable[[int, int | None], bytes],
        learnt: dict[int, int | None] | None = None,
    ) -> None:
        self._read = read
        self._n_bytes = {} if learnt is None else learnt

    def whole(self, row: int) -> tuple[Plane, bool]:
        data = self._read(row, None)
        return decode(data), image_kind(data) != "JPEG 2000"

    def small(self, row: int, size: int) -> Plane:
        return decode_small(self._read(row, None), size)

    def fetch(self, row: int) -> None:
        self._read(row, None)

    def layout_of(self, row: int) -> tuple[tuple[int, int], np.dtype[Any]]:
        return image_layout(self._read(row, _HEADER))

    def form(self, row: int) -> PreviewForm:
        try:
            return form_of(self._read(row, _HEADER))
        except UndecodableImage:  # the header of a TIFF may be at its end
            return form_of(self._read(row, None))

    def prefix(self, row: int) -> Plane | None:
        """The first rows of a plane; None where they cost as much as the whole.

        Raises
        ------
        OSError, UndecodableImage
        """
        if self._n_bytes.get(PREFIX_ROWS, 0) is None:
            return None  # it was so with the file before; to be wrong costs a picture in advance
        data = self._first_part(row, PREFIX_ROWS)
        if bytes_for_prefix(data, PREFIX_ROWS, _PIECE_FROM) is None:
            return None
        return self._rows(row, data, PREFIX_ROWS)

    def preview(self, row: int) -> Plane:
        """The preview of a plane.

        Raises
        ------
        OSError, UndecodableImage
        """
        found = self.preview_or_file(row)
        if not isinstance(found, bytes):
            return found
        small = reduce_here(found, PREVIEW_SIZE)
        return shrink(decode(found) if small is None else small, PREVIEW_SIZE)

    def preview_or_file(self, row: int) -> Plane | bytes:
        """The preview of a plane, or a whole JPEG 2000, which others reduce.

        Raises
        ------
        OSError, UndecodableImage
        """
        data = self._first_part(row, PREFIX_ROWS)
        if bytes_for_prefix(data, PREFIX_ROWS, _PIECE_FROM) is not None:
            return _top_preview(self._rows(row, data, PREFIX_ROWS))
        return data if image_kind(data) == "JPEG 2000" else preview_of(decode(data))

    def piece(self, row: int, span: int) -> Plane:
        """The piece of `span` x `span` pixels of a plane, at full resolution.

        Where previews show a piece, it lies at the top middle as theirs, else in the middle.

        Raises
        ------
        OSError, UndecodableImage
        """
        data = self._first_part(row, span)
        if bytes_for_prefix(data, span, _PIECE_FROM) is not None:
            return piece_of(self._rows(row, data, span), span, is_at_top=True)
        plane = decode(data)
        is_at_top = min(plane.shape) >= _PIECE_FROM and image_kind(data) != "JPEG 2000"
        return piece_of(plane, span, is_at_top).copy()  # else all of the plane would be kept

    def _first_part(self, row: int, n_rows: int) -> bytes:
        """So much of a file as holds its first rows, or all of it where that does not do."""
        asked = self._n_bytes.get(n_rows, _HEADER)  # enough to see how much is needed
        data = self._read(row, asked)
        needed = bytes_for_prefix(data, n_rows, _PIECE_FROM)
        if needed is not None or asked == _HEADER:  # an odd file does not speak for the others
            self._n_bytes[n_rows] = needed
        if asked is None or len(data) != asked:  # all of it
            return data
        return data if needed is not None and needed <= asked else self._read(row, needed)

    def _rows(self, row: int, data: bytes, n_rows: int) -> Plane:
        n_rows = min(n_rows, png_header(data).height)
        rows = decode_prefix(data, n_rows)
        if len(rows) < n_rows:  # something long lies before the pixels, or the file is cut off
            rows = decode_prefix(self._read(row, None), n_rows)
        if len(rows) < n_rows:
            raise UndecodableImage("damaged PNG image: it is cut off")
        return rows
