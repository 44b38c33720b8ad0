"""The words below a figure: what is seen, in which contrast, and how it came about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from napari_rxrx3.core.errors import UnknownWell
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.stains import Stain, in_words
from napari_rxrx3.core.words import name_of_well, sentence
from napari_rxrx3.figures.curve import curve_of
from napari_rxrx3.figures.layout import Content
from napari_rxrx3.figures.look import StainLook, named
from napari_rxrx3.strips.wells import plate_of

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord
    from napari_rxrx3.maps.spec import MapSpec

__all__ = ["caption_of", "limits_in_words", "missing_in_words", "title_of", "vectors_in_words"]

Failures = Mapping[int, str]

_INSEPARABLE = re.compile(r"(?<=\d) (?=µm|µM|%)|(?<=\)) (?=\d)|(?<=\w) (?=\d+\.\d+\.)")
_BY_THE_MAP = ("neighbors", "guides")
"""Strips whose order or choice follows from vectors."""
_PROGRAMS = ("napari-rxrx3", "napari", "matplotlib")


def title_of(record: ViewRecord, dataset: Dataset) -> str:
    """What is compared; of a single well, what it received and where it is."""
    if record.strip is not None:
        return record.strip.title
    well_id = record.tiles[0].well_id if len(record.tiles) == 1 else None
    if well_id is None:
        return ""
    try:
        row = dataset.row(well_id)
    except UnknownWell:
        return well_id
    return f"{name_of_well(row)}, {plate_of(row)}, {row['address']}"


def caption_of(
    record: ViewRecord,
    dataset: Dataset,
    looks: Sequence[StainLook],
    content: Content,
    failures: Mapping[str, Failures],
    instead: str = "",
) -> tuple[str, ...]:
    """The paragraphs of the caption.

    Parameters
    ----------
    content : Content
        Knows the length of the scale bar.
    failures : mapping of well_id to mapping of channel (1..6) to cause
        What could not be shown.
    instead : str
        What is said of tiles that are not images as they are, instead of the contrast of those.
    """
    strip = record.strip
    what = [strip.note] if strip is not None and strip.note else []
    is_by_map = strip is not None and (strip.kind in _BY_THE_MAP or curve_of(record) is not None)
    if is_by_map and record.embedding:
        what.append(_map(record))
    contrast = instead or _contrast(record, dataset, looks)
    scale = _scale(record, dataset, content)
    shown = [contrast, scale, *missing_in_words(failures, record.stains.table)]
    paragraphs = (what, shown, [_made_by(record)])
    return tuple(" ".join(map(_sentence, p)) for p in paragraphs if p)


def _contrast(record: ViewRecord, dataset: Dataset, looks: Sequence[StainLook]) -> str:
    shown = [look for look in looks if look.is_shown]
    many = ", the same in all tiles" if len(record.tiles) > 1 else ""
    limits = "; ".join(map(limits_in_words, shown))
    shares = {round(100 * look.opacity) for look in shown}
    if len(shown) == 1:
        added = ""
    elif len(shares) == 1:
        added = f"Stains are added up, each at {shares.pop()} % of its brightness. "
    else:
        each = ", ".join(f"{look.stain.name} {100 * look.opacity:.0f} %" for look in shown)
        added = f"Stains are added up, at these shares of their brightness: {each}. "
    return f"{added}Contrast limits{many}{_rule(record, dataset)}: {limits}"


def _rule(record: ViewRecord, dataset: Dataset) -> str:
    """Where the limits come from."""
    plate = PlateId(*record.plate) if record.plate is not None else None
    if record.contrast_rule == "by hand":
        return ", set by hand"
    if record.contrast_rule == "as its file says":
        return ", as the file of the plate says"
    if record.contrast_rule == "from controls" and plate is not None:
        wells = dataset.wells_of_plate(plate)
        if ((wells["treatment"] == EMPTY_CONTROL) & wells["has_image"]).any():
            return f", from EMPTY_control wells of {plate}"
    return ", from the first of them" if len(record.tiles) > 1 else ", from its own pixels"


def limits_in_words(look: StainLook) -> str:
    """A stain with its contrast limits."""
    gamma = f", gamma {look.gamma:.3g}" if look.gamma != 1 else ""
    stain, (low, high) = look.stain, look.limits
    return f"{named(stain)} {low:g}–{high:g}{gamma}"


def _scale(record: ViewRecord, dataset: Dataset, content: Content) -> str:
    is_cut = record.crop in content.tile_shape and record.crop > 0
    middle = f" The middle {record.crop} pixels of each well are shown." if is_cut else ""
    bar = f"Scale bar {content.bar_words}, at {record.stains.pixel_size_um:g} µm a pixel"
    return f"{bar}.{middle}{_field(record, dataset)}"


def _field(record: ViewRecord, dataset: Dataset) -> str:
    n = len(dataset.fields)
    return f" Field {record.field} of {n} of each well." if n > 1 else ""


def missing_in_words(failures: Mapping[str, Failures], stains: tuple[Stain, ...]) -> list[str]:
    """One sentence about all that is hatched, or none."""
    wells = []
    for well, causes in failures.items():
        by_cause: dict[str, list[str]] = {}
        for channel, cause in sorted(causes.items()):
            by_cause.setdefault(cause, []).append(stains[channel - 1].name)
        said = "; ".join(f"{in_words(names, stains)}: {cause}" for cause, names in by_cause.items())
        wells.append(f"{well} ({said})")
    return [f"Hatched, as they could not be shown: {', '.join(wells)}"] if wells else []


def _map(record: ViewRecord) -> str:
    query = record.query
    vectors = vectors_in_words(query, record.embedding)
    if curve_of(record) is not None:
        return f"Distances are those of the wells' {vectors}"
    average = "" if query.level == "well" else f"{query.average} "
    level = query.level.capitalize()
    return f"{level}s are compared by the {query.metric} of their {average}{vectors}"


def vectors_in_words(spec: MapSpec, embedding: str) -> str:
    """Which vectors a map is made of, and how they are aligned."""
    by = f"by {spec.align}, for each {spec.batch}, on {spec.control}"
    aligned = "not aligned" if spec.align == "none" else f"aligned {by}"
    less = ", less what the position on the plate does" if spec.position else ""
    less += ", less the bias of chromosome arms" if spec.arm_tables else ""
    return f"vectors (embedding “{embedding}”, {aligned}{less})"


def _made_by(record: ViewRecord) -> str:
    data = record.dataset
    source = f"Data: {data.name}, fingerprint {data.fingerprint}. " if data is not None else ""
    versions = record.software
    programs = [f"{name} {versions[name]}" for name in _PROGRAMS if name in versions]
    return f"{source}Made with {', '.join(programs)}"


def _sentence(text: str) -> str:
    """Text with a point at its end, in which a number stays with its unit and its range."""
    text = _INSEPARABLE.sub("\u00a0", " ".join(text.split()))
    return sentence(text)
