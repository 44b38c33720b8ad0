"""Reads what was saved of a view; whatever is wrong with a file is said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from napari_rxrx3.core.display import PIXEL_SIZES_UM
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.palettes import PALETTES
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.data.plain_files import open_plain, read_plain
from napari_rxrx3.figures.record import FORMAT, VERSION, RecordError, ViewRecord
from napari_rxrx3.maps.neighbors import KINDS as NEIGHBOR_KINDS
from napari_rxrx3.maps.neighbors import ORDERS
from napari_rxrx3.maps.spec import METRICS, MapSpec
from napari_rxrx3.session import CONTRAST_RULES, CROPS, VIEWS
from napari_rxrx3.strips.strip import KINDS

if TYPE_CHECKING:
    import os

__all__ = ["is_record_file", "read_record"]

_LOOKED_AT = 1 << 16
_MOST = 1e9


def is_record_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a file that says of itself that it is a saved view; never raises."""
    try:
        if Path(path).suffix.lower() != ".json":
            return False
        with open_plain(path) as file:
            return FORMAT.encode() in file.read(_LOOKED_AT)
    except (OSError, ValueError):
        return False


def read_record(path: str | os.PathLike[str]) -> ViewRecord:
    """Read a saved view.

    Raises
    ------
    RecordError
        If it cannot be read, is none, is damaged, or was saved by a newer version.
    """
    try:
        kept = json.loads(read_plain(path))
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} is damaged, or no saved session ({_cause(error)}).") from error
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise RecordError(f"{path} is no saved session of napari-rxrx3.")
    _require_known_version(path, kept)
    try:
        record = TypeAdapter(ViewRecord).validate_json(json.dumps(kept), strict=True)
        _check(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ", ".join(map(str, first["loc"]))
        raise RecordError(f"{path} is damaged ({where}: {first['msg']}).") from error
    except ValueError as error:
        raise RecordError(f"{path} is damaged ({error}).") from error
    return record


def _require_known_version(path: str | os.PathLike[str], kept: dict[str, Any]) -> None:
    number = kept.get("version")
    if type(number) is not int or number < 1:
        raise RecordError(f"{path} is damaged (version: {number!r}).")
    if number > VERSION:
        software = kept.get("software")
        by = software.get("napari-rxrx3", "") if isinstance(software, dict) else ""
        raise RecordError(
            f"{path} was saved by a newer napari-rxrx3 ({by or f'its format is {number}'}); "
            "update this one to open it."
        )


def _check(record: ViewRecord) -> None:
    """Refuse what no session can be in; raises ValueError."""
    query = record.query
    choices = [
        ("view", record.view, VIEWS),
        ("crop", record.crop, CROPS),
        ("contrast_rule", record.contrast_rule, CONTRAST_RULES),
        ("palette", record.stains.palette, PALETTES),
        ("order", query.order, ORDERS),
        ("kind", query.kind, NEIGHBOR_KINDS),
        ("metric", query.metric, METRICS),
    ]
    if record.strip is not None:
        choices.append(("strip", record.strip.kind, KINDS))
    for name, value, known in choices:
        if value not in known:
            raise ValueError(f"{name}: {value!r}")
    try:
        MapSpec(
            level=query.level, align=query.align, average=query.average, batch=query.batch
        ).check()
    except RxRx3Error as error:
        raise ValueError(str(error)) from None
    _check_stains(record)
    _check_places(record)
    _check_curve(record)


def _check_stains(record: ViewRecord) -> None:
    limits, stains = record.limits, record.stains
    if limits is not None and (len(limits) != N_CHANNELS or any(len(p) != 2 for p in limits)):
        raise ValueError("limits are not six pairs")
    if limits is not None and not all(-_MOST < low < high < _MOST for low, high in limits):
        raise ValueError("limits do not rise")
    if {len(stains.visible), len(stains.gamma)} != {N_CHANNELS}:
        raise ValueError("stains are not six")
    if stains.alone not in (None, *range(1, N_CHANNELS + 1)):
        raise ValueError(f"alone: {stains.alone}")
    if not all(0.01 <= gamma <= 100 for gamma in stains.gamma):
        raise ValueError("gamma")
    low, high = PIXEL_SIZES_UM
    if not low <= stains.pixel_size_um <= high:
        raise ValueError(f"pixel_size_um: {stains.pixel_size_um}")


def _check_places(record: ViewRecord) -> None:
    for name, number in (("k", record.query.k), ("reduction", record.reduction)):
        if not 1 <= number <= _MOST:
            raise ValueError(f"{name}: {number}")
    if not all(0 <= t.row < 1000 and 0 <= t.column < 1000 for t in record.tiles):
        raise ValueError("tiles lie outside of the grid")
    camera, review = record.camera, record.review
    if camera is not None and not (
        all(0 < span < _MOST for span in camera.span)
        and all(abs(at) < _MOST for at in camera.center)
    ):
        raise ValueError("camera")
    if review is not None and not 0 <= review.position <= len(review.queue):
        raise ValueError(f"position: {review.position}")


def _check_curve(record: ViewRecord) -> None:
    curve = record.strip.curve if record.strip is not None else None
    if curve is None:
        return
    if not len(curve.doses) == len(curve.distances) == len(curve.means):
        raise ValueError("the curve has not a distance for each dose")
    if not all(0 <= dose < _MOST for dose in curve.doses):
        raise ValueError("doses of the curve")


def _cause(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
