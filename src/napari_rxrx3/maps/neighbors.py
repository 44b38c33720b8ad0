"""The answer to a question to the map, ready to be listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["KINDS", "Neighbor", "nearest_of_kind"]

KINDS = {"all": None, "genes": "CRISPR", "compounds": "COMPOUND"}


@dataclass(frozen=True)
class Neighbor:
    """One row of the list; `well` is the one to show, None if no image of it is here."""

    rank: int
    key: str
    name: str
    kind: str
    dose: float
    value: float
    n_wells: int
    well: str | None


def nearest_of_kind(
    phenomap: PhenoMap,
    key: str,
    kind: str,
    k: int,
    metric: str,
    opposite: bool,
    picture_of: Callable[[pd.Index], str | None],
) -> list[Neighbor]:
    """The `k` nearest entries of a kind ("all", "genes" or "compounds"), ranked among their kind.

    Raises
    ------
    UnknownKey
    """
    table = phenomap.nearest(key, k if kind == "all" else len(phenomap.labels), metric, opposite)
    labels = phenomap.labels.loc[table["key"]]
    wanted = KINDS[kind]
    if wanted is not None:
        keep = (labels["perturbation_type"] == wanted).to_numpy()
        table, labels = table[keep], labels[keep]
    values = table["similarity" if metric == "cosine" else "distance"]
    rows = zip(table["key"].head(k), values, labels.itertuples(index=False), strict=False)
    return [
        Neighbor(
            rank,
            entry,
            label.treatment if isinstance(label.treatment, str) else entry,
            label.perturbation_type if isinstance(label.perturbation_type, str) else "",
            float(label.concentration),
            float(value),
            int(label.n_wells),
            picture_of(phenomap.wells_of(entry)),
        )
        for rank, (entry, value, label) in enumerate(rows, start=1)
    ]
