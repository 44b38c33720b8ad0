"""What is on screen, as a file: every well, limit and setting, and how they came about.

A figure has such a file beside it, and a session is saved as one. docs/sessions.md describes it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import TypeAdapter, ValidationError

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.display import PIXEL_SIZES_UM, display
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.plate import N_CHANNELS
from napari_rxrx3.core.secrets import has_secrets, public
from napari_rxrx3.core.stains import (
    OWN,
    PALETTES,
    PIXEL_SIZE_UM,
    RGB,
    STAINS,
    Stain,
    number_in_words,
    stains_called,
)
from napari_rxrx3.core.version import __version__
from napari_rxrx3.data.files.local import open_plain, read_plain, written_atomically
from napari_rxrx3.data.identity import dataset_id
from napari_rxrx3.figures.files import now
from napari_rxrx3.maps.spec import METRICS, NEIGHBOR_KINDS, NEIGHBOR_ORDERS, MapSpec, Query
from napari_rxrx3.session import CONTRAST_RULES, CROPS, VIEWS
from napari_rxrx3.strips.strip import STRIP_KINDS, DoseCurve, DoseFit

if TYPE_CHECKING:
    import os

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.session import Session

__all__ = [
    "FORMAT",
    "VERSION",
    "Camera",
    "CurveRecord",
    "DatasetIdentity",
    "Layers",
    "RecordError",
    "ReviewRecord",
    "StainsRecord",
    "StripRecord",
    "ViewRecord",
    "identity_of",
    "is_record_file",
    "read_record",
    "record_of",
    "software",
    "write_record",
]


FORMAT, VERSION = "napari-rxrx3 view", 1

_NAMED = ("napari", "numpy", "pandas", "tifffile", "matplotlib")
_LOOKED_AT = 1 << 16
_MOST = 1e9


class RecordError(RxRx3Error):
    """A saved session cannot be read, written or restored."""


# --- what is on record ----------------------------------------------------------------------------


@dataclass(frozen=True)
class DatasetIdentity:
    """A data set, by what is in it.

    Attributes
    ----------
    address : str
        The path or URL at which it was opened, without any password or signature.
    fingerprint : str
        That of `napari_rxrx3.data.identity.dataset_id`: the same for every copy.
    embeddings : dict
        Dimension of each embedding by its name.
    had_secret : bool
        The address held a password or a signature, and does not open without.
    """

    address: str
    name: str
    fingerprint: str
    n_wells: int
    n_plates: int
    n_images: int
    embeddings: dict[str, int]
    had_secret: bool = False


@dataclass(frozen=True)
class StainsRecord:
    """How the stains are drawn; `alone` is the one (from 1) that is shown in gray without others.

    `called` are names and colors of the stains of data that are not RxRx3.
    """

    visible: tuple[bool, ...] = (True,) * N_CHANNELS
    gamma: tuple[float, ...] = (1.0,) * N_CHANNELS
    alone: int | None = None
    palette: str = OWN
    pixel_size_um: float = PIXEL_SIZE_UM
    called: tuple[tuple[str, RGB], ...] = ()

    @property
    def table(self) -> tuple[Stain, ...]:
        """What the stains are."""
        if not self.called:
            return STAINS
        names, colors = zip(*self.called, strict=True)
        return stains_called(names, colors)


@dataclass(frozen=True)
class CurveRecord:
    """A `DoseCurve` in numbers that JSON knows: None where it has NaN."""

    doses: tuple[float, ...]
    distances: tuple[tuple[float | None, ...], ...]
    means: tuple[float | None, ...]
    metric: str
    control_spread: tuple[float | None, float | None]
    unit: str
    verdict: str = ""
    fit: tuple[float | None, ...] = ()

    @classmethod
    def of(cls, curve: DoseCurve) -> CurveRecord:
        values: dict[str, Any] = {f.name: getattr(curve, f.name) for f in fields(cls)}
        values["fit"] = astuple(curve.fit) if curve.fit is not None else ()
        return cls(**{name: _without_nan(value) for name, value in values.items()})

    def curve(self) -> DoseCurve:
        """The curve that was put on record."""
        values = {name: _with_nan(value) for name, value in vars(self).items()}
        fit = values.pop("fit")
        return DoseCurve(**values, fit=DoseFit(*fit) if len(fit) == len(fields(DoseFit)) else None)


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
    limits : (low, high) of each stain, or None
    query : Query
        The question to the map: alignment, metric and so on.
    embedding, align : str
        Of the map that answered: the default embedding by its name, and "none" where there were
        too few controls to align by.
    field : int
        Of several images of a well the one that is shown, from 1.
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
    field: int = 1  # the last: from here on the name is taken

    def to_json(self) -> str:
        """As it stands in a file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_without_nan(part) for part in value)
    if isinstance(value, str):
        return value
    return float(value) if math.isfinite(value) else None


def _with_nan(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_with_nan(part) for part in value)
    return math.nan if value is None else value


# --- taking it down -------------------------------------------------------------------------------


class Layers(Protocol):
    """Who knows which stains are visible, their gamma, and which (from 1) is alone in gray."""

    @property
    def shown(self) -> tuple[bool, ...]: ...
    @property
    def gamma(self) -> tuple[float, ...]: ...
    @property
    def solo(self) -> int | None: ...


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
        stains=_stains_of(session, layers),
        review=_review_of(session) if with_review else None,
        camera=camera,
        reduction=reduction,
    )


def _of_session(session: Session) -> ViewRecord:
    """All that a session knows by itself."""
    dataset, phenomap, query = session.dataset, session.phenomap, session.query
    return ViewRecord(
        saved=now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        software=dict(software()),
        dataset=identity_of(dataset) if dataset is not None else None,
        plate=(session.plate.experiment, session.plate.plate) if session.plate else None,
        well=session.well,
        selection=tuple(sorted(session.selection)),
        view=session.view,
        strip=_strip_of(session),
        crop=session.crop,
        field=session.field,
        difference=session.difference,
        contrast_rule=session.contrast_rule,
        limits=session.limits,
        query=query,
        embedding=_embedding_of(session),
        align=phenomap.align if phenomap is not None else query.align,
    )


def _strip_of(session: Session) -> StripRecord | None:
    strip = session.strip
    if strip is None:
        return None
    curve = CurveRecord.of(strip.curve) if strip.curve is not None else None
    return StripRecord(strip.kind, strip.title, strip.is_arranged, strip.note, curve)


def _stains_of(session: Session, layers: Layers | None) -> StainsRecord:
    stains, dataset = session.stains, session.dataset
    drawn = StainsRecord(
        (True,) * len(stains),
        (1.0,) * len(stains),
        palette=display.palette,
        pixel_size_um=dataset.drawn_pixel_um if dataset is not None else display.pixel_size_um,
        called=() if stains == STAINS else tuple((s.name, s.color) for s in stains),
    )
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


def identity_of(dataset: Dataset) -> DatasetIdentity:
    """Tell which data set it is; takes a moment for any number of wells."""
    listed = dataset.listed
    return DatasetIdentity(
        public(dataset.address),
        dataset.name,
        dataset_id(dataset),
        len(listed),
        len(listed.slices),
        int(dataset.known_plates["n_images"].sum()),
        {name: int(table.dimension) for name, table in dataset.embeddings.items()},
        has_secrets(dataset.address),
    )


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


# --- files ----------------------------------------------------------------------------------------


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
        ("order", query.order, NEIGHBOR_ORDERS),
        ("kind", query.kind, NEIGHBOR_KINDS),
        ("metric", query.metric, METRICS),
    ]
    if record.strip is not None:
        choices.append(("strip", record.strip.kind, STRIP_KINDS))
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
    n = len(stains.table)
    if limits is not None and (len(limits) != n or any(len(p) != 2 for p in limits)):
        raise ValueError(f"limits are not {number_in_words(n)} pairs")
    if limits is not None and not all(-_MOST < low < high < _MOST for low, high in limits):
        raise ValueError("limits do not rise")
    if {len(stains.visible), len(stains.gamma)} != {n}:
        raise ValueError(f"stains are not {number_in_words(n)}")
    if stains.alone not in (None, *range(1, n + 1)):
        raise ValueError(f"alone: {stains.alone}")
    if not all(0.01 <= gamma <= 100 for gamma in stains.gamma):
        raise ValueError("gamma")
    low, high = PIXEL_SIZES_UM
    if not low <= stains.pixel_size_um <= high:
        raise ValueError(f"pixel_size_um: {stains.pixel_size_um}")


def _check_places(record: ViewRecord) -> None:
    numbers = {"k": record.query.k, "reduction": record.reduction, "field": record.field}
    for name, number in numbers.items():
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
