"""Which entries a heat map is of, worked out in threads: typed lists, sets, neighbors, doses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.names import split_names
from napari_rxrx3.core.perturbation import gene_of_guide
from napari_rxrx3.core.words import key_in_words, not_found
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.hits.names import find_wells
from napari_rxrx3.maps.heat_map import HeatMap, Verdict, heat_map, judge_pair
from napari_rxrx3.maps.neighbors import list_neighbors
from napari_rxrx3.maps.spec import MapSpec, Query, spec_of

if TYPE_CHECKING:  # what makes maps is loaded by the threads that make them
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.session import Session

__all__ = [
    "HeatMapAnswer",
    "HeatMapRequest",
    "SetChoice",
    "choices",
    "in_words",
    "judged",
    "pair_in_words",
    "shown",
]

Array = np.ndarray[Any, Any]

_OTHER_LEVELS = ("perturbation", "guide", "compound")
_NAMED, _LOOKED_AT = 5, 20
_NONE = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True)
class HeatMapRequest:
    """A set of entries, and the map that they are of.

    Attributes
    ----------
    query : Query
        The question to the map; its key and order choose the neighbors, the rest the map.
    text : str
        A list as it was typed or pasted.
    keys : tuple of str
        Keys of a set that was chosen; goes before the text.
    level : str
        Of the entries; that of the query if it is empty.
    title : str
        What the set is called; empty for a list.
    has_neighbors : bool
        The set is the query and its neighbors.
    """

    query: Query
    text: str = ""
    keys: tuple[str, ...] = ()
    level: str = ""
    title: str = ""
    has_neighbors: bool = False
    order: str = "clustered"

    @property
    def spec(self) -> MapSpec:
        spec = spec_of(self.query)
        return replace(spec, level=self.level) if self.level else spec

    def asked_of(self, query: Query) -> HeatMapRequest:
        """The same set in another map."""
        return replace(self, query=query)

    def in_order(self, order: str) -> HeatMapRequest:
        return replace(self, order=order)


@dataclass(frozen=True, eq=False)
class HeatMapAnswer:
    """A heat map, the map it is of, what it is called, and what should be known about it."""

    heat_map: HeatMap
    phenomap: PhenoMap
    title: str
    notes: tuple[str, ...]

    def can_be_judged(self, row: int, column: int) -> bool:
        """Whether there is anything to say of two entries beside their cosine."""
        is_blank = self.heat_map.is_blank
        return row != column and not (is_blank[row] or is_blank[column])


@dataclass(frozen=True)
class SetChoice:
    """A set that the window offers: a name and a level where it is what one thing received."""

    kind: str
    words: str
    tip: str
    is_there: bool = True
    name: str = ""
    level: str = ""


def choices(session: Session) -> list[SetChoice]:
    """The sets that there are: neighbors, chosen entries, doses or guides of what is selected."""
    n = len(session.chosen)
    offered = [
        SetChoice(
            "neighbors",
            f"{key_in_words(session.query.key) or 'The query'} and its neighbors",
            "The perturbation that is asked for and the list of the tab Neighbors",
            bool(session.query.key),
        ),
        SetChoice(
            "chosen",
            f"Chosen on the map ({n:,})" if n else "Chosen on the map (nothing yet)",
            "What was chosen with the lasso or the box on the page All",
            n > 0,
        ),
    ]
    series = _series_of(session)
    return [*offered, series] if series is not None else offered


def _series_of(session: Session) -> SetChoice | None:
    """All doses of the compound, or all guides of the gene, that the current well received."""
    if session.dataset is None or session.well is None:
        return None
    row = session.well_row(session.well)
    treatment = row["treatment"]
    if row["well_type"] == "compound" and isinstance(treatment, str):
        tip = "The compound of the current well at each of its doses"
        return SetChoice(
            "series", f"All doses of {treatment}", tip, True, treatment, "perturbation"
        )
    gene = gene_of_guide(treatment) if isinstance(treatment, str) else None
    if gene is None:
        return None
    tip = "The guides of the current well's gene, each by itself"
    return SetChoice("series", f"All guides of {gene}", tip, True, gene, "guide")


def shown(dataset: Dataset, wanted: HeatMapRequest, progress: Progress) -> HeatMapAnswer:
    """Make the heat map of a set.

    A list without any name at the level of the query is looked for at the other levels.

    Raises
    ------
    MapError, UnknownKey
        If there is nothing to compare.
    """
    levels = [wanted.spec.level]
    if not (wanted.keys or wanted.has_neighbors or wanted.level):
        levels += [level for level in _OTHER_LEVELS if level not in levels]
    first: MapError | None = None
    for level in levels:
        try:
            return _shown_at(dataset, replace(wanted, level=level), progress)
        except MapError as error:
            first = first or error
    assert first is not None
    raise first


def _shown_at(dataset: Dataset, wanted: HeatMapRequest, progress: Progress) -> HeatMapAnswer:
    phenomap, note = dataset.map_or_fallback(wanted.spec, progress)
    names, title = _names(phenomap, wanted, progress)
    listing = _Listing(dataset, phenomap)
    made = heat_map(phenomap, names, wanted.order, progress, find_bare=listing.find_bare)
    notes = (note, *made.notes, listing.unknown_in_words(made.unknown))
    return HeatMapAnswer(made, phenomap, title, tuple(filter(None, notes)))


def _names(phenomap: PhenoMap, wanted: HeatMapRequest, progress: Progress) -> tuple[list[str], str]:
    """Names of the entries, and what the set is called."""
    if wanted.has_neighbors:
        return _neighbors(phenomap, wanted.query, progress)
    if wanted.keys:
        return list(wanted.keys), wanted.title
    names = split_names(wanted.text, lambda name: phenomap.find(name) is not None)
    return names, wanted.title or f"{len(names):,} names"


def _neighbors(phenomap: PhenoMap, query: Query, progress: Progress) -> tuple[list[str], str]:
    """The query and the list of its neighbors, as the tab of neighbors has it."""
    key = query.key
    if phenomap.find(key) is None and query.well is not None:
        key = phenomap.key_of_well(query.well) or key
    phenomap.row(key)
    asked = replace(query, key=key)
    listed = list_neighbors(phenomap, asked, lambda positions: None, progress)
    which = "neighbors" if query.order == "similar" else f"{query.order} entries"
    return [key, *(each.key for each in listed)], f"{key_in_words(key)} and {len(listed)} {which}"


class _Listing:
    """What the data set knows of names that a map does not have."""

    def __init__(self, dataset: Dataset, phenomap: PhenoMap) -> None:
        self._dataset, self._map = dataset, phenomap
        self._wells: dict[str, Array] = {}

    def find_bare(self, names: list[str]) -> set[str]:
        """Names of which there are wells, none of them with a vector."""
        found = zip(names, find_wells(self._dataset, names), strict=True)
        self._wells = {name: wells for name, wells in found if len(wells)}
        with_vectors, _ = self._dataset.rows_of(self._map.embedding)
        return {
            name
            for name, positions in self._wells.items()
            if not np.isin(positions, with_vectors).any()
        }

    def unknown_in_words(self, names: tuple[str, ...]) -> str:
        """A sentence about names that are not in the map; empty if all are."""
        named = [f"{name}{self._why(name)}" for name in names[:_NAMED]]
        return not_found([*named, *names[_NAMED:]], "in this map")

    def _why(self, name: str) -> str:
        """Where the wells of a name are instead, or which key looks like it."""
        positions = self._wells.get(name, _NONE)[:_LOOKED_AT]
        wells = self._dataset.known_wells.index[positions]
        keys = (self._map.key_of_well(str(well)) for well in wells)
        if part_of := next((key for key in keys if key is not None), None):
            return f" (a part of {key_in_words(part_of)})"
        if self._map.level == "well":
            return ""
        closest = self._map.closest_keys(name, 1)
        return f" (closest: {key_in_words(closest[0])})" if closest else ""


def judged(answer: HeatMapAnswer, row: int, column: int, progress: Progress) -> Verdict:
    """How far the likeness of a row's and a column's entry can be trusted."""
    keys = answer.heat_map.keys
    return judge_pair(answer.phenomap, keys[row], keys[column], progress)


def in_words(answer: HeatMapAnswer) -> str:
    """What is shown."""
    made = answer.heat_map
    return f"{answer.title}: {len(made):,} × {len(made):,} · {made.in_words()}"


def pair_in_words(made: HeatMap, row: int, column: int, verdict: Verdict | None = None) -> str:
    """A pair, how alike it is, and whether that is more than chance."""
    a, b = key_in_words(made.keys[row]), key_in_words(made.keys[column])
    if row == column:
        return f"{a}\nwith itself{_why_blank(made, row)}"
    why = _why_blank(made, row) or _why_blank(made, column)
    if why:
        return f"{a} × {b}\n{why.lstrip(', ')}"
    value = f"{a} × {b}\ncosine {made.matrix[row, column]:.3f}"
    if verdict is None:
        return f"{value}   p …   q …"
    return f"{value}   p {_share(verdict.p_value)}   q {_share(verdict.q_value)}"


def _share(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value:.2g}"


def _why_blank(made: HeatMap, i: int) -> str:
    name = key_in_words(made.keys[i])
    if made.rows[i] < 0:
        return f", {name} has no vector"
    return f", {name} has no direction in this map" if made.is_blank[i] else ""
