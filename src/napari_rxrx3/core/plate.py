"""Geometry of plates, and the names of wells and image files.

Positions are numbered on the largest plate, of 1536 wells, whatever the plate: a number means the
same address on all of them. A `Layout` says how far a plate goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "IMAGE_ENDINGS",
    "LAYOUTS",
    "N_CHANNELS",
    "N_COLUMNS",
    "N_POSITIONS",
    "N_ROWS",
    "ROW_NAMES",
    "RXRX3_LAYOUT",
    "Layout",
    "PlateId",
    "WellId",
    "column_name",
    "format_address",
    "natural_key",
    "parse_address",
    "parse_image_name",
    "parse_well_id",
]

N_ROWS, N_COLUMNS, N_CHANNELS = 32, 48, 6
N_POSITIONS = N_ROWS * N_COLUMNS

IMAGE_ENDINGS = (".png", ".jp2", ".j2k", ".jpx", ".tif", ".tiff")

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ROW_NAMES: tuple[str, ...] = tuple(_LETTERS) + tuple(f"A{c}" for c in _LETTERS[: N_ROWS - 26])
_ROW_OF = {name: row for row, name in enumerate(ROW_NAMES)}

_ADDRESS = re.compile(r"([A-Z]{1,2})(\d{1,2})\Z", re.ASCII)
_WELL_ID = re.compile(r"(.+)_(\d{1,6})_([A-Z]{1,2}\d{1,2})\Z", re.ASCII)
_IMAGE = re.compile(
    r"([A-Z]{1,2})-?(\d{1,2})(?:_+|-+| +)s(\d{1,4})(?:_+|-+| +)w?(\d{1,4})"
    r"(?:\.(?:png|jp2|j2k|jpx|(?:ome\.)?tiff?))?\Z",
    re.ASCII | re.IGNORECASE,
)
_DIGITS = re.compile(r"(\d+)", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """How many rows and columns of wells the plates of a data set have."""

    rows: int
    columns: int

    def __post_init__(self) -> None:
        if not (0 < self.rows <= N_ROWS and 0 < self.columns <= N_COLUMNS):
            raise ValueError(f"no plate of {self.rows} x {self.columns} wells is read")

    def __str__(self) -> str:
        return f"{self.n_wells} wells, {self.rows} x {self.columns}"

    def __contains__(self, position: int) -> bool:
        row, column = divmod(position, N_COLUMNS)
        return 0 <= row < self.rows and column < self.columns

    @property
    def n_wells(self) -> int:
        return self.rows * self.columns

    @property
    def row_names(self) -> tuple[str, ...]:
        """A, B ... AF."""
        return ROW_NAMES[: self.rows]

    @classmethod
    def holding(cls, rows: int, columns: int) -> Layout:
        """The smallest usual plate that has so many rows and columns, or one as large as that."""
        usual = (each for each in LAYOUTS if each.rows >= rows and each.columns >= columns)
        return next(usual, cls(rows, columns))


LAYOUTS = tuple(
    Layout(rows, columns)
    for rows, columns in ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (N_ROWS, N_COLUMNS))
)
"""Plates of 6 to 1536 wells."""

RXRX3_LAYOUT = LAYOUTS[-1]


class PlateId(NamedTuple):
    """A plate: plate numbers repeat from experiment to experiment."""

    experiment: str
    plate: int

    def __str__(self) -> str:
        return f"{self.experiment} plate {self.plate}"


class WellId(NamedTuple):
    """A well; `row` and `column` are 0-based. ``str()`` gives the id used in RxRx3's tables."""

    experiment: str
    plate: int
    row: int
    column: int

    @property
    def plate_id(self) -> PlateId:
        return PlateId(self.experiment, self.plate)

    @property
    def address(self) -> str:
        return format_address(self.row, self.column)

    @property
    def position(self) -> int:
        """Index of the well on its plate, row by row (0..1535)."""
        return self.row * N_COLUMNS + self.column

    def __str__(self) -> str:
        return f"{self.experiment}_{self.plate}_{self.address}"


class ImageName(NamedTuple):
    """What an image file's name says; `channel` and `site` count from 1."""

    row: int
    column: int
    site: int
    channel: int


def column_name(column: int) -> str:
    return f"{column + 1:02d}"


def format_address(row: int, column: int) -> str:
    """Name a position as RxRx3 does: ``format_address(26, 14)`` is ``"AA15"``."""
    if not (0 <= row < N_ROWS and 0 <= column < N_COLUMNS):
        raise ValueError(f"row {row}, column {column} is not on a 32 x 48 plate")
    return ROW_NAMES[row] + column_name(column)


def parse_address(address: str) -> tuple[int, int]:
    """Return the 0-based (row, column) of an address such as ``"AA15"``.

    Raises
    ------
    ValueError
        If the text is no address of a 32 x 48 plate.
    """
    match = _ADDRESS.match(address)
    if match:
        row = _ROW_OF.get(match[1])
        column = int(match[2]) - 1
        if row is not None and 0 <= column < N_COLUMNS:
            return row, column
    raise ValueError(f"{address!r} is not an address of a 1536-well plate (A01..AF48)")


def parse_well_id(text: str) -> WellId:
    """Split a well id such as ``"compound-004_43_B08"``.

    Raises
    ------
    ValueError
        If the text is not experiment, plate and address joined by underscores.
    """
    match = _WELL_ID.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a well id (experiment_plate_address)")
    return WellId(match[1], int(match[2]), *parse_address(match[3]))


def parse_image_name(name: str) -> ImageName | None:
    """Read a file's base name, e.g. ``AA02_s1_w3.png``, ``B2-s1-w1.tif`` or ``AA15_s1_1``.

    None if it is not named like an image, or its address is on no 1536-well plate.
    """
    match = _IMAGE.match(name)
    if not match:
        return None
    try:
        row, column = parse_address(match[1].upper() + match[2])
    except ValueError:
        return None
    return ImageName(row, column, int(match[3]), int(match[4]))


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``Plate2`` before ``Plate10``."""
    parts = _DIGITS.split(text)
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts if p)
