"""Types of pixels: which are read as they are, and what others become."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_rxrx3.core.words import count

__all__ = ["UndecodableImage", "as_shown", "shown_type"]

Plane = np.ndarray[Any, Any]

_BYTE, _WORD, _FLOAT = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)


class UndecodableImage(Exception):
    """The bytes are no gray image that this library reads; the text says why."""


def shown_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that pixels of another one are read as.

    Those of 8 and 16 bits without a sign stay as they are, and so do their numbers. All other
    numbers become float32: whole ones up to 2**24 are exact in it, others have seven digits.

    Raises
    ------
    UndecodableImage
        If they are no numbers, or complex ones.
    """
    if dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize == 1):
        return _BYTE
    if dtype.kind == "u" and dtype.itemsize == _WORD.itemsize:
        return _WORD
    if dtype.kind in "iuf":
        return _FLOAT
    raise UndecodableImage(f"its pixels are {dtype}: whole and floating-point numbers are read")


def as_shown(plane: Plane) -> Plane:
    """Pixels in the type that is shown and measured.

    Raises
    ------
    UndecodableImage
        If some of them are no numbers, or none that float32 holds: a mean of such an image, and
        its contrast, would be of the others alone.
    """
    with np.errstate(over="ignore"):  # found below
        shown = np.ascontiguousarray(plane, dtype=shown_type(plane.dtype))
    if shown.dtype == _FLOAT and (n_bad := shown.size - int(np.isfinite(shown).sum())):
        raise UndecodableImage(
            f"it has {count(n_bad, 'pixel')} of no finite number (NaN or infinite)"
        )
    return shown
