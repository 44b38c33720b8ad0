"""The sentences at the foot of a report: how it was made, and what is missing in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_rxrx3.core.secrets import public
from napari_rxrx3.core.words import sentence
from napari_rxrx3.data.identity import dataset_id
from napari_rxrx3.figures.caption import vectors_in_words
from napari_rxrx3.figures.drawing import creator

if TYPE_CHECKING:
    from datetime import datetime

    from napari_rxrx3.figures.reports.content import Report
    from napari_rxrx3.figures.reports.pictures import Pictures

__all__ = ["NEAREST", "OPPOSITE", "evidence_by_side", "made_by", "remarks"]

NEAREST = "Nearest: what looks most like it"
OPPOSITE = "Opposite: what looks least like it"


def evidence_by_side(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Headings, and the sentences below each: for a perturbation, and against it."""
    if not report.evidence:
        return ()
    good, bad = (
        tuple(each.text for each in report.evidence if each.is_doubt == is_doubt)
        for is_doubt in (False, True)
    )
    against = "What speaks against it" if bad else "What speaks against it: nothing found"
    return (*([("What speaks for it", good)] if good else []), (against, bad))


def remarks(report: Report, pictures: Pictures) -> tuple[str, ...]:
    """What is missing or not as asked for, how wells are shown, and what flags mean."""
    return (*map(sentence, report.notes), *pictures.words, *map(sentence, report.meanings))


def made_by(report: Report, date: datetime | None) -> str:
    """Data, map, program and day."""
    phenomap = report.phenomap
    dataset, spec = phenomap.dataset, phenomap.spec
    vectors = vectors_in_words(spec, phenomap.embedding)
    day = f" on {date:%Y-%m-%d}" if date is not None else ""
    return (
        f"Data: {public(dataset.name)}, fingerprint {dataset_id(dataset)}. "
        f"Cosines of {spec.average} {vectors}, among {len(phenomap.labels):,} entries "
        f"at the level of the {spec.level}; other doses or guides of its own are not listed. "
        f"Made with {creator()}{day}."
    )
