"""Hits as a table, as a CSV, and back again, also after a spreadsheet program has saved it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3 import __version__
from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.perturbation import gene_of_guide
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.hits.hit import Hit
from napari_rxrx3.hits.sheet import write_sheet
from napari_rxrx3.hits.tags import tag_name

if TYPE_CHECKING:  # the window needs the names below before any table
    import pandas as pd

    from napari_rxrx3.data.dataset import Dataset
    from napari_rxrx3.hits.review import Review
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["COLUMNS", "export_csv", "hits_table", "limits_from_text", "limits_in_text", "scores_of"]

COLUMNS = (
    *("well_id", "experiment", "plate", "address", "perturbation", "guide", "dose", "SMILES"),
    *("strength", "consistency", "agreement", "tag", "tag_name", "note", "reviewer", "time"),
    *("contrast_limits", "plugin_version"),
)
"""What a table of hits tells of each; docs/hits.md says what each means."""

_PAIR = re.compile(r"(-?\d[\d.]*(?:e[+-]?\d+)?) to (-?\d[\d.]*(?:e[+-]?\d+)?)", re.IGNORECASE)


def scores_of(phenomap: PhenoMap | None, well_id: str) -> dict[str, float]:
    """Scores of a well's perturbation in a map, as far as they are known by now; never waits."""
    if phenomap is None or not phenomap.score_store.is_ready:
        return {}
    position = phenomap.find_wells([well_id])
    if position[0] < 0:
        return {}
    scores = phenomap.scores_at(position)
    return {str(name): float(scores[name].iloc[0]) for name in scores.columns}


def hits_table(hits: Iterable[Hit], dataset: Dataset, reviewer: str) -> pd.DataFrame:
    """One row a hit, in the order given, with what the data set knows of its well.

    Returns
    -------
    pandas.DataFrame
        The `COLUMNS`. Texts that are not known are empty, numbers NaN; dose in µM.
    """
    import pandas as pd

    hits = list(hits)
    positions = dataset.listed.positions_of([hit.well_id for hit in hits])
    wells = dataset.known_wells.iloc[positions].reset_index(drop=True)
    if (positions < 0).any():
        wells = wells.reindex(np.where(positions >= 0, np.arange(len(hits)), -1))
        wells = wells.reset_index(drop=True)
    treatment = wells["treatment"].fillna("")
    is_guide = [gene_of_guide(text) is not None for text in treatment]
    table = pd.DataFrame({"well_id": [hit.well_id for hit in hits]}, dtype="str")
    table["experiment"] = wells["experiment_name"].fillna("")
    table["plate"], table["address"] = wells["plate"].astype("Int64"), wells["address"].fillna("")
    table["perturbation"] = [hit.perturbation for hit in hits]
    table["guide"] = treatment.where(is_guide, "")
    table["dose"], table["SMILES"] = wells["concentration"], wells["SMILES"].fillna("")
    for name in ("strength", "consistency", "agreement", "tag"):
        table[name] = [getattr(hit, name) for hit in hits]
    table["tag_name"] = [tag_name(hit.tag) for hit in hits]
    table["note"], table["reviewer"] = [hit.note for hit in hits], reviewer
    table["time"] = [hit.time for hit in hits]
    table["contrast_limits"] = [limits_in_text(hit.limits) for hit in hits]
    table["plugin_version"] = __version__
    return table


def export_csv(review: Review, path: Path) -> int:
    """Write all hits of a review as a CSV, replacing what is there; how many they are.

    Raises
    ------
    HitsError
        If it cannot be written; what was there before stays.
    """
    table = hits_table(review.hits.values(), review.dataset, review.reviewer)
    filled = table.astype(object).where(table.notna(), "")
    write_sheet(path, COLUMNS, filled.itertuples(index=False))
    return len(table)


def limits_in_text(limits: Limits | None) -> str:
    """Contrast limits in a form that no spreadsheet program takes for a date or number."""
    pairs = zip(STAINS, limits or (), strict=False)
    return "; ".join(f"{s.name} {_number(low)} to {_number(high)}" for s, (low, high) in pairs)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def limits_from_text(text: str) -> Limits | None:
    """The limits that `limits_in_text` wrote; None if they are not all there."""
    try:
        limits = tuple((float(low), float(high)) for low, high in _PAIR.findall(text))
    except ValueError:
        return None
    return limits if len(limits) == len(STAINS) else None
