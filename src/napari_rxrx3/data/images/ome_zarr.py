"""What the metadata of OME-Zarr say: of a plate, of a well, of an image.

Versions 0.4 (Zarr 2, ``.zattrs``) and 0.5 (Zarr 3, ``zarr.json``). What is read is read leniently:
names and places count, and whatever else a writer adds is passed over. What is missing or damaged
is told in one sentence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from napari_rxrx3.core.plate import N_COLUMNS, N_ROWS, ROW_NAMES, Layout
from napari_rxrx3.core.stains import MOST_STAINS, RGB, rgb

__all__ = [
    "ENDINGS",
    "MARKERS",
    "Channel",
    "ImageInfo",
    "PlateInfo",
    "WellPlace",
    "fields_of",
    "image_info",
    "plate_info",
    "read_attributes",
]

Read = Callable[[str], bytes]
"""Gives the bytes of a file; raises FileNotFoundError where there is none, else OSError."""

ENDINGS = (".ome.zarr", ".zarr")
MARKERS = ("zarr.json", ".zattrs", ".zgroup")
"""One of these files lies in every group."""

_ROW_OF = {name: row for row, name in enumerate(ROW_NAMES)}
_UM = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "micron": 1.0,
    "um": 1.0,
    "\u00b5m": 1.0,
    "millimeter": 1e3,
    "meter": 1e6,
}
_LARGEST, _SMALLEST = 1e12, 1e-12
"""Of what is a number of pixels, a width or a brightness."""
_USUAL_AXES = ("t", "c", "z", "y", "x")
"""Of images of before version 0.3, which do not say."""


class WellPlace(NamedTuple):
    """A well of a plate: where its group is, and where it lies (from 0)."""

    path: str
    row: int
    column: int


@dataclass(frozen=True)
class PlateInfo:
    """A plate.

    Attributes
    ----------
    name : str
        As the plate is called in it; may be empty.
    layout : Layout
        The smallest usual plate that has all rows and columns it names.
    wells : tuple of WellPlace
    notes : tuple of str
        What of it cannot be used.
    """

    name: str
    layout: Layout
    wells: tuple[WellPlace, ...]
    notes: tuple[str, ...] = ()


class Channel(NamedTuple):
    """What an image says of a channel; a name may be empty, a color or window None."""

    name: str
    color: RGB | None
    window: tuple[float, float] | None


@dataclass(frozen=True)
class ImageInfo:
    """An image, and its levels from the largest one.

    Attributes
    ----------
    axes : tuple of str
        Of t, c, z, y and x.
    levels : tuple of (path, times)
        Each level's array, and how many pixels of the first level one of it covers.
    pixel_um : float or None
        Width of a pixel of the first level, if it is told in a unit of length.
    missing : mapping of channel (from 1) to str
        Channels that whoever wrote it had no image of, and why.
    """

    axes: tuple[str, ...]
    levels: tuple[tuple[str, float], ...]
    channels: tuple[Channel, ...]
    pixel_um: float | None
    missing: dict[int, str]


def read_attributes(
    read: Read, group: str, names: Sequence[str] = MARKERS[:2]
) -> dict[str, Any] | None:
    """The attributes of a group, of whichever version; None if there is none.

    Parameters
    ----------
    names : sequence of str
        The files that may hold them, the likeliest first.

    Raises
    ------
    OSError
        If they cannot be read; the sentence names the file.
    """
    for name in names:
        try:
            data = read(f"{group}/{name}")
        except (FileNotFoundError, IsADirectoryError):
            continue
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):
            raise OSError(f"{group}/{name} is damaged: it is no JSON") from None
        if not isinstance(said, dict):
            raise OSError(f"{group}/{name} is damaged: it holds no attributes")
        if name == ".zattrs":
            return said
        attributes = said.get("attributes", {})
        ome = attributes.get("ome", {}) if isinstance(attributes, dict) else None
        if not isinstance(ome, dict):
            raise OSError(f"{group}/{name} is damaged: it holds no attributes")
        return {**attributes, **ome}
    return None


def plate_info(attributes: dict[str, Any]) -> PlateInfo | None:
    """The plate that attributes of a group are of; None if they are of none.

    Raises
    ------
    OSError
        If what they say of a plate is damaged.
    """
    plate = attributes.get("plate")
    if plate is None:
        return None
    if not isinstance(plate, dict):
        raise OSError("its plate is damaged: it says nothing")
    rows, columns = (_names(plate, key) for key in ("rows", "columns"))
    wells, notes = [], []
    said = plate.get("wells")
    if not isinstance(said, list):
        raise OSError("its plate is damaged: it lists no wells")
    for well in said:
        place = _place(well, rows, columns)
        if isinstance(place, str):
            notes.append(place)
        else:
            wells.append(place)
    return PlateInfo(
        _text(plate.get("name")), _layout(rows, columns, wells), tuple(wells), tuple(notes)
    )


def fields_of(attributes: dict[str, Any] | None, well: str) -> list[str]:
    """Paths of the images of a well, its fields, in their order; raises OSError if damaged."""
    said = (attributes or {}).get("well")
    images = said.get("images") if isinstance(said, dict) else None
    if not isinstance(images, list):
        raise OSError(f"the metadata of well {well} list no images")
    paths = [image.get("path") for image in images if isinstance(image, dict)]
    return [str(path).strip("/") for path in paths if path not in (None, "")]


def image_info(attributes: dict[str, Any] | None) -> ImageInfo:
    """What an image says of itself; raises OSError if that is no image, or damaged."""
    attributes = attributes or {}
    scales = attributes.get("multiscales")
    first = scales[0] if isinstance(scales, list) and scales else None
    datasets = first.get("datasets") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(datasets, list) or not datasets:
        raise OSError("its metadata list no levels of an image")
    axes, units = _axes(first.get("axes"))
    levels: list[tuple[str, float]] = []
    pixel: float | None = None
    width = 1.0
    for number, dataset in enumerate(datasets):
        path = _text(dataset.get("path")) if isinstance(dataset, dict) else ""
        if not path:
            raise OSError("its metadata do not say where a level of the image is")
        scale = _scale(dataset, len(axes)) if isinstance(dataset, dict) else None
        own = scale[axes.index("x")] if scale is not None else 2.0**number
        if number == 0:
            width = own
            whole = _scale(first, len(axes))
            unit = _UM.get(units[axes.index("x")].lower())
            if scale is not None and unit is not None:
                pixel = own * unit * (whole[axes.index("x")] if whole is not None else 1.0)
        levels.append((path.strip("/"), max(own / width, 1.0)))
    levels.sort(key=lambda level: level[1])
    return ImageInfo(axes, tuple(levels), _channels(attributes), pixel, _missing(attributes))


def _names(plate: dict[str, Any], key: str) -> list[str]:
    said = plate.get(key)
    found = said if isinstance(said, list) else []
    return [_text(each.get("name")) if isinstance(each, dict) else "" for each in found]


def _text(value: object) -> str:
    return " ".join(str(value).split())[:200] if isinstance(value, str | int | float) else ""


def _place(well: object, rows: Sequence[str], columns: Sequence[str]) -> WellPlace | str:
    """Where a well lies by the names of its row and column, or why that cannot be told."""
    path = _text(well.get("path")).strip("/") if isinstance(well, dict) else ""
    if not isinstance(well, dict) or not path:
        return "a well without a path is listed in it, and is not read"
    names = path.split("/")
    row_name, column_name = (names[-2], names[-1]) if len(names) > 1 else ("", "")
    row, column = _row(row_name), _column(column_name)
    if row is None:
        row = _by_index(well.get("rowIndex"), rows, _row)
    if column is None:
        column = _by_index(well.get("columnIndex"), columns, _column)
    if row is None or column is None or not (0 <= row < N_ROWS and 0 <= column < N_COLUMNS):
        return (
            f"well {path} lies on no plate of up to {N_ROWS} x {N_COLUMNS} wells, and is not read"
        )
    return WellPlace(path, row, column)


def _by_index(
    index: object, names: Sequence[str], named: Callable[[str], int | None]
) -> int | None:
    """A row or column by its place in the list of those that the plate names."""
    if type(index) is not int or index < 0:
        return None
    found = named(names[index]) if index < len(names) else None
    return index if found is None else found


def _row(name: str) -> int | None:
    """A row by its letters, or by its number from 1."""
    found = _ROW_OF.get(name.upper())
    return _column(name) if found is None else found


def _column(name: str) -> int | None:
    """A column by its number from 1."""
    number = int(name[:4]) if name.isascii() and name.isdigit() else 0
    return number - 1 if number else None


def _layout(rows: Sequence[str], columns: Sequence[str], wells: Sequence[WellPlace]) -> Layout:
    n_rows = [well.row + 1 for well in wells] + [r + 1 for r in map(_row, rows) if r is not None]
    n_columns = [well.column + 1 for well in wells]
    n_columns += [c + 1 for c in map(_column, columns) if c is not None]
    return Layout.holding(
        min(max(n_rows, default=1), N_ROWS), min(max(n_columns, default=1), N_COLUMNS)
    )


def _axes(said: object) -> tuple[tuple[str, ...], list[str]]:
    """Names of the axes, and the unit of each."""
    if said is None:
        return _USUAL_AXES, [""] * len(_USUAL_AXES)
    found = said if isinstance(said, list) else []
    names, units = [], []
    for axis in found:
        is_told = isinstance(axis, dict)
        names.append(_text(axis.get("name") if is_told else axis).lower())
        units.append(_text(axis.get("unit")) if is_told else "")
    if not {"y", "x"} <= set(names) or not set(names) <= set(_USUAL_AXES):
        listed = ", ".join(names) or "none"
        raise OSError(f"its axes ({listed}) are no image of t, c, z, y and x")
    if len(set(names)) < len(names):
        raise OSError(f"its axes ({', '.join(names)}) are named twice")
    return tuple(names), units


def _scale(said: dict[str, Any], n_axes: int) -> list[float] | None:
    transformations = said.get("coordinateTransformations")
    for each in transformations if isinstance(transformations, list) else ():
        scale = each.get("scale") if isinstance(each, dict) else None
        if isinstance(scale, list) and len(scale) == n_axes and all(map(_is_positive, scale)):
            return [float(part) for part in scale]
    return None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    # a whole number in JSON may have any number of digits
    return float(value) if abs(value) < _LARGEST and math.isfinite(value) else None


def _is_positive(value: object) -> bool:
    number = _number(value)
    return number is not None and number > _SMALLEST


def _channels(attributes: dict[str, Any]) -> tuple[Channel, ...]:
    omero = attributes.get("omero")
    said = omero.get("channels") if isinstance(omero, dict) else None
    found = said if isinstance(said, list) else []
    return tuple(_channel(each if isinstance(each, dict) else {}) for each in found[:MOST_STAINS])


def _channel(said: dict[str, Any]) -> Channel:
    window = said.get("window")
    limits = None
    if isinstance(window, dict):
        start, end = (_number(window.get(key)) for key in ("start", "end"))
        if start is not None and end is not None and start < end:
            limits = start, end
    try:
        color = rgb(f"#{_text(said.get('color')).removeprefix('#')}")
    except ValueError:
        color = None
    return Channel(_text(said.get("label")), color, limits)


def _missing(attributes: dict[str, Any]) -> dict[int, str]:
    """Channels of which an export of ours says that there was no image."""
    said = attributes.get("napari_rxrx3")
    missing = said.get("missing_channels") if isinstance(said, dict) else None
    if not isinstance(missing, dict):
        return {}
    return {int(key): _text(why) for key, why in missing.items() if str(key).isdigit()}
