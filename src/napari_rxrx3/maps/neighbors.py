"""The answer to a question to the map: listed once, then judged, then scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.dose_response.numbers import DOSE_NUMBERS
from napari_rxrx3.maps.spec import NEIGHBOR_KINDS

if TYPE_CHECKING:  # the window needs the names below before any table
    import pandas as pd

    from napari_rxrx3.maps.entries import NeighborSearch
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.spec import Query

__all__ = ["Neighbor", "judge_neighbors", "list_neighbors", "score_neighbors"]

_SCORE_OF_ORDER = {
    "active": ("activity", "activity_q"),
    "strongest": ("effect", "strength_p"),
    "most consistent": ("consistency", "consistency_p"),
}

_DOSES = "clearest dose response"
_BY_SCORE = (*_SCORE_OF_ORDER, _DOSES)
"""Orders that are not by likeness to the query."""

_ACROSS = "across experiments"

_DOSES_GUESSED = 4
"""So many entries are asked for one that is listed, at first."""

Array = np.ndarray[Any, Any]
PictureOf = Callable[[Array], str | None]


@dataclass(frozen=True)
class Neighbor:
    """One row of the list.

    `well` is the one to show, None if no image of it is here; `n_nuclei`, `focus` and `saturation`
    are its own. `other_doses` of the same compound are not listed, being less alike.
    `of_count` is the part of the cosine that goes with the number of cells, `without_count` the
    cosine without that direction, `count_note` why they are not known, see
    `napari_rxrx3.maps.evidence.cell_count`. What is not known, or not known yet, is NaN; the
    columns from percentile to flags are those of
    `napari_rxrx3.maps.evidence.doubts.Judge.judge`. Of a compound there
    are the `DOSE_NUMBERS` (µM) of `PhenoMap.dose_response`, of all of its doses together, and
    `dose_response`, which says it in words.
    """

    rank: int
    key: str
    name: str
    kind: str
    dose: float
    value: float
    n_wells: int
    well: str | None
    percentile: float = np.nan
    n_percentile: int = 0
    p_value: float = np.nan
    q_value: float = np.nan
    compared_with: str = ""
    n_compared: int = 0
    n_searched: int = 0
    p_same_plate: float = np.nan
    n_same_plate: int = 0
    across: float = np.nan
    across_rank: float = np.nan
    n_across: int = 0
    flags: tuple[str, ...] = ()
    strength: float = np.nan
    consistency: float = np.nan
    other_doses: int = 0
    trend_p: float = np.nan
    trend_q: float = np.nan
    ec50: float = np.nan
    ec50_low: float = np.nan
    ec50_high: float = np.nan
    lowest_active_dose: float = np.nan
    dose_response: str = ""
    without_count: float = np.nan
    of_count: float = np.nan
    count_note: str = ""
    n_nuclei: float = np.nan
    focus: float = np.nan
    saturation: float = np.nan


def list_neighbors(
    phenomap: PhenoMap, query: Query, picture_of: PictureOf, progress: Progress | None = None
) -> list[Neighbor]:
    """The first entries of a kind in an order, ranked among their kind.

    Parameters
    ----------
    query : Query
        Its key, which the map must have where the order is by likeness; order, kind, k and
        metric. The map is the one given, whatever the query says of it.
    picture_of : callable
        Chooses one of the wells of an entry, by their positions, to be shown.

    Raises
    ------
    UnknownKey
    """
    if query.order == _DOSES:
        rows, values = _by_dose_response(phenomap, query, progress)
    elif query.order in _SCORE_OF_ORDER:
        rows, values = _by_score(phenomap, query, progress)
    else:
        rows, values = _by_likeness(phenomap, query)
    labels = phenomap.labels.iloc[rows]
    wells = [picture_of(phenomap.positions_of(row)) for row in rows.tolist()]
    neighbors = _neighbors(labels, values, wells)
    if query.all_doses or query.order in _BY_SCORE or phenomap.level != "perturbation":
        return neighbors
    others = _n_of_family(phenomap, _search(phenomap, query).searched, rows) - 1
    return [
        replace(neighbor, other_doses=int(n)) if n > 0 else neighbor
        for neighbor, n in zip(neighbors, others, strict=True)
    ]


def judge_neighbors(
    phenomap: PhenoMap,
    query: Query,
    neighbors: Sequence[Neighbor],
    progress: Progress | None = None,
) -> list[Neighbor]:
    """A list with all that says how far to trust it but what takes the scores of all entries.

    What is listed by a score is not compared with the query: it has flags of its own alone.

    Parameters
    ----------
    query : Query
        What `list_neighbors` answered.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.
    """
    from napari_rxrx3.maps.evidence.doubts import doubts_of_wells

    rows = phenomap.rows_of([neighbor.key for neighbor in neighbors])
    if query.order in _BY_SCORE:
        own = [doubts_of_wells(phenomap, row) for row in rows.tolist()]
        return [replace(each, flags=flags) for each, flags in zip(neighbors, own, strict=True)]
    verdicts = phenomap.judge.judge(_search(phenomap, query), rows, progress).to_dict("records")
    return [replace(each, **verdict) for each, verdict in zip(neighbors, verdicts, strict=True)]


def score_neighbors(
    phenomap: PhenoMap, neighbors: Sequence[Neighbor], progress: Progress | None = None
) -> list[Neighbor]:
    """A list with the scores of each entry, and the flags that they raise.

    Parameters
    ----------
    progress : callable, optional
        Called with (done, total, text) while the map is scored; may raise to stop.
    """
    from napari_rxrx3.maps.evidence.doubts import with_doubts_of_scores

    rows = phenomap.rows_of([neighbor.key for neighbor in neighbors])
    scores = phenomap.score_store.get(progress).iloc[rows]
    flags = with_doubts_of_scores([neighbor.flags for neighbor in neighbors], scores)
    numbers = zip(scores["strength"], scores["consistency"], strict=True)
    scored = [
        replace(each, flags=raised, strength=float(strength), consistency=float(consistency))
        for each, raised, (strength, consistency) in zip(neighbors, flags, numbers, strict=True)
    ]
    return _with_dose_responses(phenomap, scored, progress)


def _with_dose_responses(
    phenomap: PhenoMap, neighbors: list[Neighbor], progress: Progress | None
) -> list[Neighbor]:
    """A list with what the doses of its compounds do."""
    from napari_rxrx3.maps.dose_response.words import doses_in_words

    if not any(each.kind == "COMPOUND" for each in neighbors):
        return neighbors
    rows = phenomap.doses.store.get(progress).to_dict("index")
    told = []
    for each in neighbors:
        row = rows.get(each.name) if each.kind == "COMPOUND" else None
        if row is not None:
            numbers: dict[str, Any] = {name: float(row[name]) for name in DOSE_NUMBERS}
            each = replace(each, **numbers, dose_response=doses_in_words(row))
        told.append(each)
    return told


def _neighbors(labels: pd.DataFrame, values: Array, wells: Sequence[str | None]) -> list[Neighbor]:
    columns = ("treatment", "perturbation_type", "concentration", "n_wells")
    described = zip(*(labels[name] for name in columns), strict=True)
    rows = enumerate(zip(labels.index, values.tolist(), wells, described, strict=True), start=1)
    return [
        Neighbor(
            rank,
            key,
            treatment if isinstance(treatment, str) else key,
            kind if isinstance(kind, str) else "",
            float(dose),
            value,
            int(n_wells),
            well,
        )
        for rank, (key, value, well, (treatment, kind, dose, n_wells)) in rows
    ]


def _search(phenomap: PhenoMap, query: Query) -> NeighborSearch:
    """What is looked for: not the query's own doses or guides, unless all are asked for."""
    is_opposite, kind = query.order == "opposite", NEIGHBOR_KINDS[query.kind]
    search = phenomap.search_of(query.key, query.metric, is_opposite, kind)
    own = phenomap.families[search.query]
    if own < 0 or query.all_doses:
        return search
    return replace(search, searched=search.searched & (phenomap.families != own))


def _by_likeness(phenomap: PhenoMap, query: Query) -> tuple[Array, Array]:
    """Rows of the most alike entries and their values; of each compound its most alike dose."""
    search, k = _search(phenomap, query), query.k
    ranked = phenomap.ranked_across if query.order == _ACROSS else phenomap.ranked
    if query.all_doses or phenomap.level != "perturbation":
        return ranked(search, k)
    n_asked, n_all = k * _DOSES_GUESSED, int(search.searched.sum())
    while True:
        rows, values = ranked(search, n_asked)
        family = phenomap.families[rows]
        first = np.zeros(len(rows), dtype=bool)
        first[np.unique(family, return_index=True)[1]] = True
        kept = np.flatnonzero(first | (family < 0))[:k]
        if len(kept) == k or n_asked >= n_all or len(rows) < n_asked:
            return rows[kept], values[kept]
        n_asked *= 4


def _n_of_family(phenomap: PhenoMap, searched: Array, rows: Array) -> Array:
    """How many of the entries that are searched are of the family of each row, int like `rows`."""
    families = phenomap.families
    among = families[searched & (families >= 0)]
    counts = np.bincount(among, minlength=int(families.max(initial=-1)) + 1)
    family = families[rows]
    return np.where(family < 0, 1, counts[family] if len(counts) else 1)


def _by_dose_response(
    phenomap: PhenoMap, query: Query, progress: Progress | None
) -> tuple[Array, Array]:
    """Of the compounds with a trend the rows of their highest doses, and the rank correlations."""
    table = phenomap.doses.store.get(progress)
    held = table[table["has_trend"]].sort_values(["trend_q", "trend"], ascending=[True, False])
    labels = phenomap.labels.reset_index(drop=True)
    is_of_them = (labels["perturbation_type"] == "COMPOUND") & labels["treatment"].isin(held.index)
    highest = labels[is_of_them.to_numpy(bool, na_value=False)].sort_values("concentration")
    row_of = {name: row for row, name in highest["treatment"].items()}
    held = held[[name in row_of for name in held.index]]
    held = held.iloc[: query.k if query.kind != "genes" else 0]
    rows = np.array([row_of[name] for name in held.index], dtype=np.intp)
    return rows, held["trend"].to_numpy(np.float64)


def _by_score(phenomap: PhenoMap, query: Query, progress: Progress | None) -> tuple[Array, Array]:
    """Rows of the entries with the largest score, and it.

    What may be chance comes last; of the active ones it is left out.
    """
    from napari_rxrx3.maps.evidence.doubts import LEVEL_OF_DOUBT

    score, p_value = _SCORE_OF_ORDER[query.order]
    kind = NEIGHBOR_KINDS[query.kind]
    scores = phenomap.score_store.get(progress)
    values = scores[score].to_numpy()
    of_kind = np.ones(len(values), dtype=bool)
    if kind is not None:
        of_kind = np.array(phenomap.labels["perturbation_type"] == kind, dtype=bool)
    rows = np.flatnonzero(of_kind & ~np.isnan(values))
    is_chance = ~(scores[p_value].to_numpy()[rows] <= LEVEL_OF_DOUBT)
    if query.order == "active":
        rows, is_chance = rows[~is_chance], is_chance[~is_chance]
    effect = np.nan_to_num(scores["effect"].to_numpy()[rows], nan=-np.inf)  # among equals
    rows = rows[np.lexsort((-effect, -values[rows], is_chance))][: query.k]
    return rows, values[rows]
