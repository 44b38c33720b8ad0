"""Files in forms that are not read: what they are, by their first bytes, and what to do.

Only what is called like data, or says itself that it names wells, is worth a sentence.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterable

__all__ = ["binary_form", "foreign_form", "names_wells", "why_foreign", "why_foreign_zip"]

_SHEET = "a file of Excel or LibreOffice: save the table in it as CSV"
_PICKLE = "a pickle of Python, which may do anything when it is opened: save it as parquet"
_PARQUET = "save it as parquet"
_FORMS = {
    b"\xd0\xcf\x11\xe0": _SHEET,
    b"\x93NUMPY": f"an array of numpy, which names no wells: {_PARQUET} with a column well_id",
    b"\x89HDF\r\n": f"an HDF5 file: {_PARQUET}",
    b"ARROW1": f"an Arrow (Feather) file: {_PARQUET}",
    b"\xff\xff\xff\xff": f"an Arrow stream: {_PARQUET}",
    b"FEA1": f"a Feather file: {_PARQUET}",
    b"ORC": f"an ORC file: {_PARQUET}",
    b"SQLite format 3": "a database of SQLite: save the table in it as CSV",
    b"RDX": f"a file of R: {_PARQUET}, or as CSV",
    b"\x80\x02": _PICKLE,
    b"\x80\x03": _PICKLE,
    b"\x80\x04": _PICKLE,
    b"\x80\x05": _PICKLE,
    b"version https://git-lfs": "a pointer of Git LFS and not the file itself: run git lfs pull",
}
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|table|\?xml)", re.I)
_JSON = re.compile(rb"\s*[\[{]")
_NAMES_WELLS = re.compile(rb"w\0?e\0?l\0?l\0?[_ .]?\0?i\0?d", re.IGNORECASE)
_LIKE_DATA = (".csv", ".tsv", ".tar", ".parquet", ".gz", ".zip", ".png", ".jp2", ".tif", ".tiff")
_STEMS = re.compile(r"metadata|embedding|phenom|\bemb\b|rxrx", re.IGNORECASE)
_SHEETS = ("[Content_Types].xml", "mimetype")
_OF_SHEETS = re.compile(r"xl/sharedStrings\.xml|xl/worksheets/[^/]+\.xml|content\.xml")
_LOOKED_AT, _MOST_SHEETS = 2**18, 4


def binary_form(head: bytes) -> str:
    """What a file is that is no text and none that is read; empty if its bytes do not tell."""
    return next((said for magic, said in _FORMS.items() if head.startswith(magic)), "")


def foreign_form(head: bytes) -> str:
    """The same, also of what is text but no table."""
    if said := binary_form(head):
        return said
    if _PAGE.match(head):
        return "a page of HTML or XML, as servers send them in place of a file: load it again"
    return f"JSON: {_PARQUET}, or as CSV" if _JSON.match(head) else ""


def names_wells(data: bytes) -> bool:
    """Whether a file speaks of ids of wells, whatever it is."""
    return _NAMES_WELLS.search(data) is not None


def why_foreign(path: str, head: bytes) -> str:
    """Why a file is not read, where it is called like data or names wells; else empty."""
    form = foreign_form(head)
    name = posixpath.basename(path)
    is_meant = name.lower().endswith(_LIKE_DATA) or _STEMS.search(name) or names_wells(head)
    return f"it is {form}" if form and is_meant else ""


def why_foreign_zip(path: str, archive: zipfile.ZipFile) -> str:
    """The same of a zip that is a spreadsheet, or arrays of numpy or torch."""
    names = archive.namelist()
    name = posixpath.basename(path)
    is_called_so = name.lower().endswith(_LIKE_DATA[:2]) or _STEMS.search(name) is not None
    if any(n in names for n in _SHEETS):
        is_meant = is_called_so or _sheet_names_wells(archive, names)
        return f"it is {_SHEET}" if is_meant else ""
    if names and all(n.endswith(".npy") for n in names):
        is_meant = is_called_so or any(names_wells(n.encode()) for n in names)
        return f"it is arrays of numpy: {_PARQUET} with a column well_id" if is_meant else ""
    if any(n.endswith("data.pkl") for n in names) and is_called_so:
        return f"it is {_PICKLE}"
    return ""


def _sheet_names_wells(archive: zipfile.ZipFile, names: Iterable[str]) -> bool:
    parts = [name for name in names if _OF_SHEETS.match(name)][:_MOST_SHEETS]
    for part in sorted(parts):
        with archive.open(part) as member:
            if names_wells(member.read(_LOOKED_AT)):
                return True
    return False
