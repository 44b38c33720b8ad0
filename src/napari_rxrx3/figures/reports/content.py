"""What the report of a perturbation says: words, numbers, wells to show, places on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.names import name_and_dose, ways_to_read
from napari_rxrx3.core.perturbation import CONTROL_MEANING, gene_of_guide, is_blinded
from napari_rxrx3.core.plate import natural_key
from napari_rxrx3.core.plate_quality import NUCLEI
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import (
    count,
    decimals,
    dose_in_words,
    guide_in_words,
    key_in_words,
    some,
)
from napari_rxrx3.figures.reports.cells import CellCounts, counts_beside
from napari_rxrx3.figures.reports.evidence import (
    Sentence,
    Subject,
    evidence_of,
    meanings,
    name_of,
)
from napari_rxrx3.figures.reports.gene_sets import AskedSets, SetsNear, sets_near
from napari_rxrx3.maps.entry_names import find_entries
from napari_rxrx3.maps.evidence.cell_count import with_cell_count
from napari_rxrx3.maps.neighbors import (
    Neighbor,
    judge_neighbors,
    list_neighbors,
    score_neighbors,
)
from napari_rxrx3.maps.spec import Query
from napari_rxrx3.strips.distances import from_controls
from napari_rxrx3.strips.wells import nearest_controls, picture_of, plate_of

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.projection.projection import Projection

__all__ = ["Report", "Series", "Shown", "Spot", "gather", "shown_of_neighbor"]

Array = np.ndarray[Any, Any]

_N_OPPOSITE = 3
_MOST_IN_SERIES = 8
_MEASURED = 200
"""Wells of a guide or dose that its distance is the mean of, at most."""


@dataclass(frozen=True)
class Shown:
    """A well that stands for something.

    Attributes
    ----------
    well : str or None
        None if no image of it is here.
    lines : tuple of str
        What is known of it, short enough for below a small picture.
    doubts : tuple of str
        Names of `DOUBTS`.
    is_own : bool
        It is the perturbation that the report is of.
    """

    name: str
    well: str | None
    lines: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    is_own: bool = False


@dataclass(frozen=True)
class Series:
    """The guides of the gene, or the doses of the compound, that a report is of."""

    title: str = ""
    items: tuple[Shown, ...] = ()


@dataclass(frozen=True, eq=False)
class Spot:
    """Where the perturbation and others are in a picture of the map.

    Attributes
    ----------
    query : int
        Row of the projection.
    nearest, opposite : int (k,)
        Rows.
    names : mapping of row to name
        Of all of these.
    """

    projection: Projection
    query: int
    nearest: Array
    opposite: Array
    names: dict[int, str]

    @property
    def words(self) -> str:
        """How it was made, and what is not on it."""
        is_there = bool(np.isfinite(self.projection.positions[self.query]).all())
        lacking = "" if is_there else f"; {self.names[self.query]} has no place on it"
        return f"{self.projection.words}{lacking}. Distances in it are not similarities."


@dataclass(frozen=True, eq=False)
class Report:
    """All that is on the page but the pixels.

    Attributes
    ----------
    about : str
        What was done, and to how many wells.
    pair : tuple of two Shown
        The perturbation, and a control of the same plate.
    notes : tuple of str
        What is missing or is not as asked for, a sentence each.
    meanings : tuple of str
        What each flag of the neighbors means.
    """

    key: str
    name: str
    about: str
    pair: tuple[Shown, Shown]
    nearest: tuple[Neighbor, ...]
    opposite: tuple[Neighbor, ...]
    series: Series
    spot: Spot | None
    evidence: tuple[Sentence, ...]
    notes: tuple[str, ...]
    meanings: tuple[str, ...]
    phenomap: PhenoMap

    @property
    def wells(self) -> tuple[str, ...]:
        """All wells that are shown, each once."""
        neighbors = (*self.nearest, *self.opposite)
        shown = (*self.pair, *map(shown_of_neighbor, neighbors), *self.series.items)
        return tuple(dict.fromkeys(each.well for each in shown if each.well is not None))


def shown_of_neighbor(neighbor: Neighbor) -> Shown:
    """A neighbor as it stands in a row: cosine and q below its name, then its flags."""
    q = "" if np.isnan(neighbor.q_value) else f"q {_p_in_words(neighbor.q_value)}"
    lines = tuple(filter(None, (f"cosine {decimals(neighbor.value)}", q)))
    return Shown(name_of(neighbor), neighbor.well, lines, neighbor.flags)


def gather(
    phenomap: PhenoMap,
    key: str,
    k: int,
    projection: Projection | None,
    notes: Sequence[str],
    progress: Progress,
    sets: AskedSets | None = None,
) -> Report:
    """Ask a map all that the report of a perturbation says.

    Parameters
    ----------
    phenomap : PhenoMap
        Of perturbations, compounds or guides. A guide that a map of perturbations does not hold
        is asked for in the map of guides that goes with it.
    key : str
        A key of the map in any way that `napari_rxrx3.core.names` knows; of a compound without
        a dose, the dose that is furthest from the controls is taken, and said.
    k : int
        How many of the nearest are shown.
    projection : Projection, optional
        The picture of the map; PCA if there is none.
    notes : sequence of str
        What is to be said of the map.
    progress : callable
        Called with (done, total, text); may raise to stop.
    sets : AskedSets, optional
        Told of the genes that are nearest, if they are over-represented.

    Raises
    ------
    UnknownKey
        If the map has no such entry.
    MapError
    """
    progress(0, 0, "looking up the perturbation")
    asked = phenomap
    phenomap, key, which = _resolved(phenomap, key, progress)
    if phenomap is not asked:
        projection = None  # it is of other entries
    return _Gatherer(phenomap, key, sets, progress).report(k, projection, (*notes, *which))


def _resolved(
    phenomap: PhenoMap, name: str, progress: Progress
) -> tuple[PhenoMap, str, tuple[str, ...]]:
    """The map that holds what is meant, its key there, and what was chosen in between."""
    rows = find_entries(phenomap, [name])[0]
    if not len(rows) and phenomap.level == "perturbation" and _is_guide(name):
        spec = replace(phenomap.spec, level="guide")
        phenomap = phenomap.dataset.map_of(spec, progress)
        rows = find_entries(phenomap, [name])[0]
    if not len(rows):
        phenomap.row(name)  # which says why, and what is alike
    keys = phenomap.labels.index
    if len(rows) == 1:
        return phenomap, str(keys[rows[0]]), ()
    strongest = int(rows[np.argmax(phenomap.squared_norms[rows])])
    what = "guides" if phenomap.level == "guide" else "doses"
    chosen = key_in_words(str(keys[strongest]))
    words = f"Of the {len(rows)} {what} of {name} the one furthest from the controls: {chosen}."
    return phenomap, str(keys[strongest]), (words,)


def _is_guide(name: str) -> bool:
    """Whether a name is that of a guide, in a way that people write it."""
    return any(gene_of_guide(way) is not None for way in ways_to_read(name))


class _Gatherer:
    """Asks what there is to say of one entry of a map."""

    def __init__(
        self, phenomap: PhenoMap, key: str, sets: AskedSets | None, progress: Progress
    ) -> None:
        self._map, self._key, self._progress = phenomap, key, progress
        self._sets = sets
        self._dataset: Dataset = phenomap.dataset
        self._row = phenomap.row(key)
        self._positions = phenomap.positions_of(self._row)
        self._name = key_in_words(key)
        self._well = picture_of(self._dataset, self._positions, None)
        self._experiment = plate_of(self._first).experiment
        self._notes: list[str] = []

    def report(self, k: int, projection: Projection | None, notes: Sequence[str]) -> Report:
        nearest, opposite = self._neighbors("similar", k), self._neighbors("opposite", _N_OPPOSITE)
        if not nearest:
            self._notes.append(f"{self._why_alone()} It has no neighbors.")
        series = self._series()
        pair = self._pair()
        cells, nearest, opposite = self._cells(nearest, opposite)
        shown = (*pair, *map(shown_of_neighbor, (*nearest, *opposite)), *series.items)
        named = [(each.name, each.well) for each in shown if each.well is not None]
        wells = list(dict.fromkeys(well for _, well in named))
        subject = Subject(
            self._map,
            self._key,
            self._map.score_store.get(self._progress),
            nearest,
            self._dose_response(),
            self._sets_near(),
            cells,
            named,
            self._dataset.measured.of_wells(wells).to_dict("index"),
        )
        if subject.is_control:
            self._notes.append(f"{self._name} is what all others are compared with.")
        evidence = evidence_of(subject)
        spot = self._spot(projection, nearest, opposite)
        neighbors = (*nearest, *opposite)
        if not self._dataset.known_wells["has_image"].any():
            self._notes.append("This data set has no images.")
        else:
            self._note_pictures(pair, neighbors)
        return Report(
            self._key,
            self._name,
            self._about(),
            pair,
            tuple(nearest),
            tuple(opposite),
            series,
            spot,
            evidence,
            (*notes, *self._map.notes, *self._notes),
            meanings(neighbors),
            self._map,
        )

    @property
    def _first(self) -> pd.Series:
        """The well that is shown, or the most typical one."""
        wells = self._dataset.known_wells
        return self._dataset.row(self._well) if self._well else wells.iloc[self._positions[0]]

    # -- what it is --------------------------------------------------------------------------------

    def _about(self) -> str:
        wells = self._dataset.known_wells.iloc[self._positions]
        n_guides = len({t for t in wells["treatment"] if isinstance(t, str) and gene_of_guide(t)})
        guides = [count(n_guides, "guide")] if n_guides and self._map.level != "guide" else []
        n_wells = count(len(wells), "well")
        where = count(wells["experiment_name"].nunique(), "experiment")
        return f"{self._what_was_done()}; {', '.join([*guides, n_wells])} in {where}"

    def _what_was_done(self) -> str:
        row = self._first
        treatment, gene, kind = row["treatment"], row["gene"], row["perturbation_type"]
        if treatment in CONTROL_MEANING:
            return f"control: {CONTROL_MEANING[treatment]}"
        if kind == "COMPOUND":
            dosed = self._map.level != "compound" and name_and_dose(self._key) is not None
            return "compound" if dosed else "compound, all doses taken together"
        if isinstance(gene, str) and is_blinded(gene):
            return "blinded gene knocked out: its name is withheld"
        if kind == "CRISPR":
            return f"one guide of {gene}" if self._map.level == "guide" else "gene knocked out"
        return "unknown kind of perturbation"

    # -- what is like it ---------------------------------------------------------------------------

    def _neighbors(self, order: str, k: int) -> list[Neighbor]:
        if not self._map.has_direction[self._row]:
            return []
        chosen = asdict(self._map.spec)
        query = Query(**chosen, key=self._key, order=order, k=k)
        found = list_neighbors(self._map, query, self._picture_of, self._progress)
        found = judge_neighbors(self._map, query, found, self._progress)
        return score_neighbors(self._map, found, self._progress)

    def _why_alone(self) -> str:
        if self._map.has_direction[self._row]:
            return "The map holds nothing else."
        return f"The map is aligned by {self._name}, which has no direction of its own in it."

    def _picture_of(self, positions: Array) -> str | None:
        return picture_of(self._dataset, positions, self._experiment)

    def _pair(self) -> tuple[Shown, Shown]:
        if self._well is None:
            return Shown(self._name, None, is_own=True), Shown("control", None)
        row = self._first
        place = f"{plate_of(row)}, {row['address']}"
        controls = nearest_controls(self._dataset, self._well)
        query = Shown(self._name, self._well, (place,), is_own=True)
        if not controls:
            self._notes.append("No control with an image is on its plate.")
            return query, Shown("control", None)
        address = self._dataset.row(controls[0])["address"]
        return query, Shown("control of the same plate", controls[0], (address,))

    def _note_pictures(self, pair: Sequence[Shown], neighbors: Sequence[Neighbor]) -> None:
        """Say what is not shown, and what was stained apart from the rest."""
        missing = [pair[0].name] * (pair[0].well is None)
        missing += [name_of(n) for n in neighbors if n.well is None]
        if missing:
            self._notes.append(f"No image is here of {some(list(dict.fromkeys(missing)), 9)}.")
        wells = [(name_of(n), n.well) for n in neighbors if n.well is not None]
        apart = [name for name, well in wells if self._experiment_of(well) != self._experiment]
        if apart:
            verb = "is" if len(apart) == 1 else "are"
            self._notes.append(
                f"{some(apart, 9)} {verb} shown from other experiments, which were stained apart."
            )

    def _experiment_of(self, well: str) -> str:
        return plate_of(self._dataset.row(well)).experiment

    def _dose_response(self) -> dict[Any, Any] | None:
        """What the doses of a compound do; None of all else."""
        row = self._first
        if row["perturbation_type"] != "COMPOUND":
            return None
        table = self._map.doses.store.get(self._progress)
        return table.loc[row["treatment"]].to_dict() if row["treatment"] in table.index else None

    def _sets_near(self) -> SetsNear | None:
        """What the genes nearest to it have in common; why that is not known is noted."""
        if self._sets is None or not self._map.has_direction[self._row]:
            return None
        self._progress(0, 0, "looking for gene sets")
        self._notes += self._sets.sets.notes
        try:
            found = sets_near(self._map, self._key, self._sets)
        except RxRx3Error as error:
            self._notes.append(str(error))
            return None
        least = count(found.similar.min_genes, "gene")
        tested = f"{count(len(found.similar.table), 'set')} with at least {least} in the map"
        self._notes.append(f"Gene sets are those of {self._sets.sets.name}; q is among {tested}.")
        return found

    def _cells(
        self, nearest: list[Neighbor], opposite: list[Neighbor]
    ) -> tuple[CellCounts | None, list[Neighbor], list[Neighbor]]:
        """The nuclei of its wells, and its neighbors with what is known of theirs."""
        if self._first["treatment"] == self._map.spec.control:
            return None, nearest, opposite  # they are on all plates, and compared with themselves
        own = self._dataset.known_wells.index[self._positions].tolist()
        measured = self._dataset.measured
        if not measured.of_wells(own)[NUCLEI].notna().any():
            return None, nearest, opposite  # then nothing can be told, and no plate is looked at
        counts = measured.counts(self._progress)
        control = self._map.spec.control
        cells = counts_beside(self._dataset, self._positions, control, counts)
        near, far = (
            with_cell_count(self._map, self._key, each, counts, self._progress)
            for each in (nearest, opposite)
        )
        return cells, near, far

    # -- its guides or doses -----------------------------------------------------------------------

    def _series(self) -> Series:
        row = self._first
        if row["treatment"] in CONTROL_MEANING or self._map.level == "compound":
            return Series()
        if row["perturbation_type"] == "COMPOUND":
            return self._of_doses(str(row["treatment"]))
        gene = gene_of_guide(row["treatment"]) if isinstance(row["treatment"], str) else None
        return self._of_guides(gene) if gene is not None else Series()

    def _of_doses(self, name: str) -> Series:
        labels = self._map.labels
        is_dose = (labels["treatment"] == name) & (labels["perturbation_type"] == "COMPOUND")
        rows = np.flatnonzero(is_dose.to_numpy(bool, na_value=False))
        doses = labels["concentration"].to_numpy(np.float64)
        rows = rows[np.argsort(doses[rows], kind="stable")]
        wells = {dose_in_words(doses[row]): self._map.positions_of(row) for row in rows.tolist()}
        return self._measured(f"Doses of {name}", "doses", wells, dose_in_words(doses[self._row]))

    def _of_guides(self, gene: str) -> Series:
        treatments = self._dataset.known_wells["treatment"]
        begins = treatments.str.startswith(f"{gene}_guide_", na=False).to_numpy(bool)
        at = np.flatnonzero(begins)
        names = np.asarray(treatments.array[at], dtype=object)
        guides = [name for name in dict.fromkeys(names) if gene_of_guide(name) == gene]
        wells = {
            guide_in_words(guide): at[names == guide] for guide in sorted(guides, key=natural_key)
        }
        own = self._name if self._map.level == "guide" else ""
        return self._measured(f"Guides of {gene}", "guides", wells, own)

    def _measured(self, title: str, what: str, wells: dict[str, Array], own: str) -> Series:
        """A picture each, with the mean distance of its wells from the controls."""
        names = _some_with(list(wells), own)
        parts = [wells[name][:_MEASURED] for name in names]
        spec = self._map.spec
        try:
            far = from_controls(
                self._dataset, np.concatenate(parts), spec.embedding, spec.control, self._progress
            )
        except Cancelled:
            raise
        except RxRx3Error as error:
            self._notes.append(str(error))
            lines: list[tuple[str, ...]] = [()] * len(names)
        else:
            ends = np.cumsum([len(part) for part in parts])[:-1]
            lines = [_distance_in_words(part) for part in np.split(far.distances, ends)]
            title = f"{title}: {far.metric}"
            low, high = far.spread
            if not np.isnan(low):
                title += f"; the controls themselves {low:.2g} to {high:.2g}"
        if len(names) < len(wells):
            title += f" ({len(names)} of {len(wells)} {what})"
        items = [
            Shown(name, self._picture_of(wells[name]), line, is_own=name == own)
            for name, line in zip(names, lines, strict=True)
        ]
        return Series(title, tuple(items))

    # -- where it is -------------------------------------------------------------------------------

    def _spot(
        self,
        projection: Projection | None,
        nearest: Sequence[Neighbor],
        opposite: Sequence[Neighbor],
    ) -> Spot | None:
        try:
            projection = projection or self._map.project("pca", progress=self._progress)
        except Cancelled:
            raise
        except RxRx3Error as error:
            self._notes.append(str(error))
            return None
        near, far = (self._map.rows_of([n.key for n in each]) for each in (nearest, opposite))
        rows = [self._row, *near.tolist(), *far.tolist()]
        names = [self._name, *map(name_of, (*nearest, *opposite))]
        return Spot(projection, self._row, near, far, dict(zip(rows, names, strict=True)))


def _some_with(names: list[str], own: str) -> list[str]:
    """As many as there is room for, and the own one among them."""
    kept = names[:_MOST_IN_SERIES]
    return kept if own in kept or own not in names else [*kept[:-1], own]


def _distance_in_words(distances: Array) -> tuple[str, ...]:
    known = distances[~np.isnan(distances)]
    return (f"{known.mean():.2g}",) if len(known) else ("no distance",)


def _p_in_words(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.2g}"
