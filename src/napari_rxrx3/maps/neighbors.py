"""The answer to a question to the map, ready to be listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # the window needs the names below before any table
    import pandas as pd

    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["KINDS", "ORDERS", "Neighbor", "list_neighbors"]

KINDS = {"all": None, "genes": "CRISPR", "compounds": "COMPOUND"}

ORDERS = ("similar", "opposite", "strongest", "most consistent")
"""What comes first: by likeness to the query, or by a score of their own."""

_SCORE_OF_ORDER = {
    "strongest": ("effect", "strength_p"),
    "most consistent": ("consistency", "consistency_p"),
}

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Neighbor:
    """One row of the list.

    `well` is the one to show, None if no image of it is here. What is not known, or not known
    yet, is NaN; `flags` are names of `napari_rxrx3.maps.evidence.doubts.DOUBTS`.
    """

    rank: int
    key: str
    name: str
    kind: str
    dose: float
    value: float
    n_wells: int
    well: str | None
    p_value: float = np.nan
    q_value: float = np.nan
    p_same_plate: float = np.nan
    n_back: int = 0
    n_alone: int = 0
    flags: tuple[str, ...] = ()
    strength: float = np.nan
    consistency: float = np.nan


def list_neighbors(
    phenomap: PhenoMap,
    key: str,
    order: str,
    kind: str,
    k: int,
    metric: str,
    picture_of: Callable[[Array], str | None],
    *,
    judged: bool = False,
    scored: bool = False,
    progress: Progress | None = None,
) -> list[Neighbor]:
    """The first `k` entries of a kind in an order, ranked among their kind.

    Parameters
    ----------
    order, kind : str
        One of `ORDERS`, and a key of `KINDS`.
    picture_of : callable
        Chooses one of the wells of an entry, by their positions, to be shown.
    judged, scored : bool
        As in `PhenoMap.nearest`.

    Raises
    ------
    UnknownKey
    """
    if order in _SCORE_OF_ORDER:
        table = _by_score(phenomap, *_SCORE_OF_ORDER[order], KINDS[kind], k, progress)
    else:
        ask = partial(phenomap.nearest, kind=KINDS[kind], judged=judged, scored=scored)
        table = ask(key, k, metric, order == "opposite", progress=progress)
        table = table.rename(columns={"similarity": "value", "distance": "value"})
    neighbors = [
        _neighbor(phenomap, i, entry, float(value), picture_of)
        for i, (entry, value) in enumerate(zip(table["key"], table["value"], strict=True), start=1)
    ]
    return _judged(phenomap, neighbors, table, scored) if judged else neighbors


def _neighbor(
    phenomap: PhenoMap,
    rank: int,
    key: str,
    value: float,
    picture_of: Callable[[Array], str | None],
) -> Neighbor:
    row = phenomap.row(key)
    label = phenomap.labels.iloc[row]
    treatment, kind = label["treatment"], label["perturbation_type"]
    return Neighbor(
        rank,
        key,
        treatment if isinstance(treatment, str) else key,
        kind if isinstance(kind, str) else "",
        float(label["concentration"]),
        value,
        int(label["n_wells"]),
        picture_of(phenomap.positions_of(row)),
    )


def _by_score(
    phenomap: PhenoMap,
    score: str,
    p_value: str,
    kind: str | None,
    k: int,
    progress: Progress | None,
) -> pd.DataFrame:
    """The entries with the largest score, whatever the query; what may be chance comes last."""
    import pandas as pd

    from napari_rxrx3.maps.evidence.doubts import LEVEL_OF_DOUBT

    scores = phenomap.score_store.get(phenomap, progress)
    values = scores[score].to_numpy()
    of_kind = np.ones(len(values), dtype=bool)
    if kind is not None:
        of_kind = np.array(phenomap.labels["perturbation_type"] == kind, dtype=bool)
    rows = np.flatnonzero(of_kind & ~np.isnan(values))
    is_chance = ~(scores[p_value].to_numpy()[rows] <= LEVEL_OF_DOUBT)
    rows = rows[np.lexsort((-values[rows], is_chance))][:k]
    return pd.DataFrame({"key": phenomap.labels.index[rows], "value": values[rows]})


def _judged(
    phenomap: PhenoMap, neighbors: list[Neighbor], table: pd.DataFrame, scored: bool
) -> list[Neighbor]:
    from napari_rxrx3.maps.evidence.doubts import doubts_of_entry

    judged = []
    for neighbor, row in zip(neighbors, table.to_dict("records"), strict=True):
        also = {name: row[name] for name in _VERDICTS if name in row}
        if "flags" not in row:
            also["flags"] = doubts_of_entry(phenomap, phenomap.row(neighbor.key), scored)
        if scored:
            own = phenomap.scores.iloc[phenomap.row(neighbor.key)]
            also |= {name: float(own[name]) for name in ("strength", "consistency")}
        judged.append(replace(neighbor, **also))
    return judged


_VERDICTS = ("p_value", "q_value", "p_same_plate", "n_back", "n_alone", "flags")
