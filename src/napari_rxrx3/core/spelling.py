"""How people spell the place of a well, and the one form that RxRx3 uses for it.

Plate software writes ``B2`` or ``2-2`` where RxRx3 has ``B02``; a plate is ``1``, ``1.0``,
``Plate1`` or ``P01``; a spreadsheet makes another dash of that in ``gene-001``. What is not
understood is left as it is.
"""

from __future__ import annotations

import re
import unicodedata

from napari_rxrx3.core.plate import ROW_NAMES, format_address, parse_address

__all__ = ["NORMAL_WELL_ID", "normal_address", "normal_experiment", "normal_well_id", "plate_in"]

NORMAL_WELL_ID = (
    r"^((gene|compound)-[0-9]{3}|(HUVEC|HEPG2|U2OS|RPE|HRCE|VERO)-[1-9][0-9]{0,2}"
    r"|[ABDEFI-QSTW-Z][A-Z0-9]*-[0-9]+)"
    r"_(0|[1-9][0-9]{0,5})_(A[A-F]|[A-Z])(0[1-9]|[1-3][0-9]|4[0-8])$"
)
"""Ids that are as they should be, as nearly all are: nobody need look at them closely.

An experiment of one's own that begins as one of those may be another spelling of it.
"""

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58"), "-")
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_RELEASED = re.compile(
    r"(gene|compound|huvec|hepg2|u2os|rpe|hrce|vero)[ _.-]*0*(\d{1,3})(?:\.0*)?\Z",
    re.IGNORECASE | re.ASCII,
)
"""What the experiments of RxRx3 and its siblings are called."""
_PADDED = ("gene", "compound")

_LETTERED = re.compile(
    r"(?:well[ _:.-]*)?(?:row[ _-]?)?([A-Z]{1,2})"
    r"(?:[ _.:,;/-]+(?:col(?:umn)?[ _.-]?)?)?0*(\d{1,2})\Z",
    re.IGNORECASE | re.ASCII,
)
_NUMBERED = re.compile(
    r"\(?0*(\d{1,2}) ?[-:,/] ?0*(\d{1,2})\)?\Z"
    r"|r(?:ow)?[ _-]?0*(\d{1,2})[ _,-]*c(?:ol(?:umn)?)?[ _-]?0*(\d{1,2})\Z",
    re.IGNORECASE | re.ASCII,
)
_PLATE = re.compile(
    r"(?:(?:plate|platte|plaque|placa|pl|p)[ ._-]*)?(?:#|n(?:o|r|\u00b0|\u00ba)\.?)? ?"
    r"0*(\d{1,6})(?:[.,]0*)?\Z",
    re.IGNORECASE,
)
_WELL_ID = re.compile(r"(.+)_([^_]+?(?:[ _][\d.]+)?)_([^_]+)\Z", re.DOTALL)


def _plain(text: str) -> str:
    """Letters and digits of full width as others, one kind of dash, and nothing that is unseen."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFKC", text.translate(_UNSEEN)).translate(_DASHES).strip()


def normal_address(text: str) -> str:
    """``B02`` for ``B2``, ``b02``, ``B-2``, ``Well B02``, ``2-2`` or ``r02c02``; else the text."""
    said, text = text, _plain(text)
    if found := _LETTERED.match(text):
        row, column = found[1].upper(), int(found[2])
    elif found := _NUMBERED.match(text):
        numbers = [int(part) for part in found.groups() if part]
        number, column = numbers
        row = ROW_NAMES[number - 1] if 1 <= number <= len(ROW_NAMES) else ""
    else:
        return said
    try:
        return format_address(*parse_address(f"{row}{column:02d}"))
    except ValueError:  # on no 1536-well plate
        return said


def plate_in(text: str) -> int | None:
    """The number of a plate that is called ``1``, ``1.0``, ``Plate1``, ``P01`` or the like."""
    found = _PLATE.match(_plain(text))
    return int(found[1]) if found else None


def normal_experiment(text: str) -> str:
    """``gene-001`` for ``Gene_001``, ``gene 1`` or another dash; other names keep their letters."""
    found = _RELEASED.match(_plain(text))
    if found is None:
        return unicodedata.normalize("NFC", text).translate(_DASHES).strip()
    name = found[1].lower()
    return f"{name}-{int(found[2]):03d}" if name in _PADDED else f"{name.upper()}-{found[2]}"


def normal_well_id(text: str) -> str:
    """The id of a well as RxRx3 writes it, such as ``gene-001_1_B02``; else the text."""
    found = _WELL_ID.match(text)
    if found is None:
        return text
    plate, address = plate_in(found[2]), normal_address(found[3])
    try:
        parse_address(address)
    except ValueError:
        return text
    return text if plate is None else f"{normal_experiment(found[1])}_{plate}_{address}"
