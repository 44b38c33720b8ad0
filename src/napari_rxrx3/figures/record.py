"""What is on screen, as a file: every well, limit and setting, and how they came about.

A figure has such a file beside it, and a session is saved as one. docs/sessions.md describes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, Protocol

from napari_rxrx3 import __version__
from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.palettes import OWN
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.core.stains import PIXEL_SIZE_UM
from napari_rxrx3.data.kept.whole_files import written_atomically
from napari_rxrx3.figures.identity import DatasetIdentity, identity_of
from napari_rxrx3.maps.query import Query
from napari_rxrx3.strips.doses import DoseCurve

if TYPE_CHECKING:
    import os

    from napari_rxrx3.session import Session

__all__ = [
    "FORMAT",
    "VERSION",
    "Camera",
    "CurveRecord",
    "Layers",
    "RecordError",
    "ReviewRecord",
    "StainsRecord",
    "StripRecord",
    "ViewRecord",
    "record_of",
    "software",
    "write_record",
]

FORMAT, VERSION = "napari-rxrx3 view", 1
_NAMED = ("napari", "numpy", "pandas", "tifffile", "matplotlib")


class RecordError(RxRx3Error):
    """A saved session cannot be read, written or restored."""


class Layers(Protocol):
    """Who knows which stains are visible, their gamma, and which (1..6) is alone in gray."""

    @property
    def shown(self) -> tuple[bool, ...]: ...
    @property
    def gamma(self) -> tuple[float, ...]: ...
    @property
    def solo(self) -> int | None: ...


@dataclass(frozen=True)
class StainsRecord:
    """How the stains are drawn; `alone` is the one (1..6) that is shown in gray without others."""

    visible: tuple[bool, ...] = (True,) * N_CHANNELS
    gamma: tuple[float, ...] = (1.0,) * N_CHANNELS
    alone: int | None = None
    palette: str = OWN
    pixel_size_um: float = PIXEL_SIZE_UM


@dataclass(frozen=True)
class CurveRecord:
    """A `DoseCurve` in numbers that JSON knows: None where it has NaN."""

    doses: tuple[float, ...]
    distances: tuple[tuple[float | None, ...], ...]
    means: tuple[float | None, ...]
    metric: str
    control_spread: tuple[float | None, float | None]
    unit: str


@dataclass(frozen=True)
class StripRecord:
    """What is said of wells that were arranged; the wells are those of the record."""

    kind: str
    title: str
    is_arranged: bool = False
    note: str = ""
    curve: CurveRecord | None = None


@dataclass(frozen=True)
class ReviewRecord:
    """The queue of a review, where it stands, and the file in which its hits are."""

    reviewer: str = ""
    file: str = ""
    title: str = ""
    note: str = ""
    position: int = 0
    queue: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Camera:
    """Where the canvas looks: the middle and how much (y, x) around it, in micrometers."""

    center: tuple[float, float]
    span: tuple[float, float]


@dataclass(frozen=True)
class ViewRecord:
    """All that is needed to see the same again.

    Attributes
    ----------
    saved : str
        When, in UTC.
    software : dict
        Versions by name.
    dataset : DatasetIdentity or None
        Which data set, and where it was; None if none was open.
    plate : (experiment, number) or None
    tiles : tuple of Tile
        The wells side by side, with their places.
    limits : six (low, high), or None
    query : Query
        The question to the map: alignment, metric and so on.
    embedding, align : str
        Of the map that answered: the default embedding by its name, and "none" where there were
        too few controls to align by.
    reduction : int
        Pixels of a well, in both directions, that make one pixel in the canvas.
    """

    format: str = FORMAT
    version: int = VERSION
    saved: str = ""
    software: dict[str, str] = field(default_factory=dict)
    dataset: DatasetIdentity | None = None
    plate: tuple[str, int] | None = None
    well: str | None = None
    selection: tuple[str, ...] = ()
    view: str = "well"
    tiles: tuple[Tile, ...] = ()
    strip: StripRecord | None = None
    crop: int = 0
    difference: bool = False
    contrast_rule: str = "from controls"
    limits: Limits | None = None
    stains: StainsRecord = StainsRecord()
    query: Query = field(default_factory=Query)
    embedding: str = ""
    align: str = ""
    review: ReviewRecord | None = None
    camera: Camera | None = None
    reduction: int = 1

    def to_json(self) -> str:
        """As it stands in a file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def record_of(
    session: Session,
    layers: Layers | None = None,
    *,
    tiles: Iterable[Tile] | None = None,
    camera: Camera | None = None,
    reduction: int = 1,
    with_review: bool = True,
) -> ViewRecord:
    """Put on record what a session shows.

    Parameters
    ----------
    layers : Layers, optional
        Knows which stains are visible; all of them if None.
    tiles : iterable of Tile, optional
        The tiles as they are laid out in the canvas; as the session has them if None.
    reduction : int
        Pixels of a well that make one in the canvas.
    with_review : bool
        Also the list that is being reviewed, which may be long.
    """
    return replace(
        _of_session(session),
        tiles=tuple(session.tiles if tiles is None else tiles),
        stains=_stains_of(layers),
        review=_review_of(session) if with_review else None,
        camera=camera,
        reduction=reduction,
    )


def _of_session(session: Session) -> ViewRecord:
    """All that a session knows by itself."""
    dataset, phenomap, query = session.dataset, session.phenomap, session.query
    return ViewRecord(
        saved=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        software=dict(software()),
        dataset=identity_of(dataset) if dataset is not None else None,
        plate=(session.plate.experiment, session.plate.plate) if session.plate else None,
        well=session.well,
        selection=tuple(sorted(session.selection)),
        view=session.view,
        strip=_strip_of(session),
        crop=session.crop,
        difference=session.difference,
        contrast_rule=session.contrast_rule,
        limits=session.limits,
        query=query,
        embedding=_embedding_of(session),
        align=phenomap.align if phenomap is not None else query.align,
    )


def write_record(path: str | os.PathLike[str], record: ViewRecord) -> None:
    """Write a record, whole or not at all, over one that is there.

    Raises
    ------
    RecordError
        If it cannot be written.
    """
    try:
        with written_atomically(Path(path)) as temporary:
            temporary.write_text(record.to_json(), encoding="utf-8", newline="\n")
    except OSError as error:
        raise RecordError(f"{path} cannot be written ({error.strerror or error}).") from error


@cache
def software() -> tuple[tuple[str, str], ...]:
    """Names and versions of what made a figure; what is not installed is left out."""
    versions = {"napari-rxrx3": __version__, "python": python_version()}
    for name in _NAMED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return tuple(versions.items())


def _strip_of(session: Session) -> StripRecord | None:
    strip = session.strip
    if strip is None:
        return None
    curve = _curve_record(strip.curve) if strip.curve is not None else None
    return StripRecord(strip.kind, strip.title, strip.is_arranged, strip.note, curve)


def _curve_record(curve: DoseCurve) -> CurveRecord:
    values: dict[str, Any] = {f.name: _without_nan(getattr(curve, f.name)) for f in fields(curve)}
    return CurveRecord(**values)


def _without_nan(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_without_nan(part) for part in value)
    if isinstance(value, str):
        return value
    return float(value) if math.isfinite(value) else None


def _stains_of(layers: Layers | None) -> StainsRecord:
    drawn = StainsRecord(palette=display.palette, pixel_size_um=display.pixel_size_um)
    if layers is None:
        return drawn
    return replace(drawn, visible=layers.shown, gamma=layers.gamma, alone=layers.solo)


def _embedding_of(session: Session) -> str:
    if session.phenomap is not None:
        return session.phenomap.embedding
    known = session.dataset.known_default if session.dataset is not None else None
    return session.query.embedding or known or ""


def _review_of(session: Session) -> ReviewRecord | None:
    review = session.review
    if review is None:
        return None
    queue = review.queue
    items = tuple((item.well_id, item.label) for item in queue.items)
    path = str(review.path)
    return ReviewRecord(review.reviewer, path, queue.title, queue.note, queue.position, items)
