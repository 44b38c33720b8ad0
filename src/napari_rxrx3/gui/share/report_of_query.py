"""Writes the report of what the window asks about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.maps.spec import spec_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari_rxrx3.core.progress import Progress
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.spec import Query

__all__ = ["save_report"]


def save_report(dataset: Dataset, query: Query, path: Path, progress: Progress) -> str:
    """Write a report, with the gene sets that are at hand, and return what is to be said of it.

    Of a single well that is asked about, its perturbation is reported: a report needs several.

    Raises
    ------
    RxRx3Error
    """
    from napari_rxrx3.figures.reports.saving import report
    from napari_rxrx3.gui.map.gene_sets.answer import file_at_hand
    from napari_rxrx3.maps.sets.gene_sets import read_gene_sets

    spec = spec_of(query)
    if spec.level == "well":
        spec = replace(spec, level="perturbation")
    phenomap, note = dataset.map_or_fallback(spec, progress)
    key = _key(phenomap, query)
    notes, sets = [note] if note else [], None
    if file := file_at_hand(dataset.home):
        try:
            sets = read_gene_sets(file)
        except RxRx3Error as error:
            notes.append(str(error))
    said = report(phenomap, key, path, notes=notes, sets=sets, overwrite=True, progress=progress)
    return " ".join([f"Saved {path.name} in {path.parent}.", *said[:1]])


def _key(phenomap: PhenoMap, query: Query) -> str:
    """That of the query in this map; where it has none, that of the query's well."""
    if phenomap.find(query.key) is not None or query.well is None:
        return query.key
    return phenomap.key_of_well(query.well) or query.key
