"""How alike some chosen entries of a map are: all their cosines, like beside like."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.geometry import directions
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.words import count
from napari_rxrx3.maps.entry_names import find_entries

if TYPE_CHECKING:  # the window needs the names below before any table
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.spec import MapSpec

__all__ = ["ARRANGEMENTS", "MOST", "MOST_OPTIMAL", "HeatMap", "Verdict", "heat_map", "judge_pair"]

Array = np.ndarray[Any, Any]
FindBare = Callable[[list[str]], Collection[str]]
T = TypeVar("T")

ARRANGEMENTS = ("clustered", "given")
MOST = 1000
"""Entries of a heat map."""
MOST_OPTIMAL = 300
"""Entries that are put into the best order their tree allows: the time grows with their cube,
and Python stands still meanwhile."""

_NO_VECTOR = -1


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Cosines of some entries of a map.

    Attributes
    ----------
    keys : tuple of str
        In the order of rows and columns.
    rows : int (n,)
        Rows of the map; -1 for an entry without a vector.
    matrix : float32 (n, n)
        NaN for an entry without a vector or without a direction.
    linkage : float64 (m - 1, 4) or None
        The tree, as scipy has it, of the entries that have a direction: the first m, numbered as
        in `keys`. None where the entries are in the order that was given.
    spec : MapSpec
        Of the map.
    unknown : tuple of str
        What was asked for and is not in the map.
    notes : tuple of str
        What the user should know, a sentence each.
    """

    keys: tuple[str, ...]
    rows: Array
    matrix: Array
    linkage: Array | None
    spec: MapSpec
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def is_blank(self) -> Array:
        """Which entries have no cosine to any other, bool (n,)."""
        return np.asarray(np.isnan(np.diagonal(self.matrix)))

    @property
    def branches(self) -> Array:
        """The tree as it is drawn, float64 (m - 1, 5).

        Each branch joins two stems: their places, counted in entries from the first edge, the
        heights at which they begin, and the height at which they are joined. Heights are
        1 - cosine.
        """
        tree = self.linkage if self.linkage is not None else np.zeros((0, 4))
        m = len(tree) + 1
        places = np.append(np.arange(m) + 0.5, np.zeros(len(tree)))
        heights = np.append(np.zeros(m), tree[:, 2])
        stems = tree[:, :2].astype(int)
        for i, (a, b) in enumerate(stems):
            places[m + i] = (places[a] + places[b]) / 2
        return np.hstack([places[stems], heights[stems], tree[:, 2:3]])

    def to_csv(self, delimiter: str = ",") -> str:
        """The matrix with its keys; the corner says what the numbers are."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerow([self.in_words(), *self.keys])
        for key, values in zip(self.keys, self.matrix.tolist(), strict=True):
            writer.writerow([key, *("" if v != v else f"{v:.6g}" for v in values)])
        return out.getvalue()

    def in_words(self) -> str:
        """What the numbers are."""
        spec = self.spec
        align = spec.align if spec.align != "none" else "not aligned"
        batch = "" if spec.batch == "experiment" or spec.align == "none" else f" by {spec.batch}"
        average = "" if spec.level == "well" else f" · {spec.average}"
        return f"cosine · {spec.level} · {align}{batch}{average} · {spec.embedding}"

    def order_in_words(self) -> str:
        """How the entries are ordered."""
        if self.linkage is None:
            return "in the order given"
        is_best = len(self.linkage) < MOST_OPTIMAL
        best = ", in the best order of the tree" if is_best else ""
        return f"clustered by average linkage of 1 − cosine{best}"


def heat_map(
    phenomap: PhenoMap,
    keys: Iterable[str],
    order: str = "clustered",
    progress: Progress | None = None,
    *,
    find_bare: FindBare | None = None,
) -> HeatMap:
    """Compare some entries of a map with each other.

    Parameters
    ----------
    keys : iterable of str
        As `napari_rxrx3.maps.entry_names.find_entries` understands them. Of more than `MOST`
        entries an even choice is taken.
    order : {"clustered", "given"}
        By average linkage of 1 - cosine, those that cannot be compared last; or as they come.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.
    find_bare : callable, optional
        Gives, of keys that the map lacks, those that are shown nevertheless, as entries without a
        vector. The others are unknown.

    Raises
    ------
    MapError
        If there is nothing to compare, or no such order.
    """
    if order not in ARRANGEMENTS:
        raise MapError(f"There is no order {order!r}; choose one of {', '.join(ARRANGEMENTS)}.")
    return _made(phenomap, list(dict.fromkeys(keys)), order, progress or silent, find_bare)


def _made(
    phenomap: PhenoMap, keys: list[str], order: str, report: Progress, find_bare: FindBare | None
) -> HeatMap:
    names, notes = _even_choice(keys)
    report(0, 0, f"looking for {count(len(names), 'entry')}")
    found, unknown = _entries(phenomap, names, find_bare)
    chosen, more_notes = _even_choice(list(found.items()))
    report(0, 0, f"comparing {count(len(chosen), 'entry')} with each other")
    rows = np.array([row for _, row in chosen], dtype=np.intp)
    cosines = _cosines(phenomap, rows)
    _check(cosines, unknown)
    places, linkage = np.arange(len(rows)), None
    if order == "clustered":
        report(0, 0, f"ordering {count(len(chosen), 'entry')}")
        places, linkage = _clustered(cosines)
    shown = tuple(chosen[i][0] for i in places)
    matrix = cosines[np.ix_(places, places)].astype(np.float32)
    notes = (*notes, *more_notes)
    return HeatMap(shown, rows[places], matrix, linkage, phenomap.spec, unknown, notes)


def _entries(
    phenomap: PhenoMap, names: list[str], find_bare: FindBare | None
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Rows of the map by key, and the names of which there is nothing."""
    found = dict(zip(names, find_entries(phenomap, names), strict=True))
    lacking = [name for name, rows in found.items() if not len(rows)]
    bare = find_bare(lacking) if lacking and find_bare is not None else ()
    shown: dict[str, int] = {}
    for name, rows in found.items():
        for key, row in zip(phenomap.labels.index[rows], rows.tolist(), strict=True):
            shown.setdefault(str(key), row)
        if name in bare:
            shown.setdefault(name, _NO_VECTOR)
    return shown, tuple(name for name in lacking if name not in bare)


def _even_choice(listed: list[T]) -> tuple[list[T], tuple[str, ...]]:
    """As many as a heat map may have, spread evenly over all; and a sentence about it."""
    if len(listed) <= MOST:
        return listed, ()
    chosen = [listed[i * len(listed) // MOST] for i in range(MOST)]
    return chosen, (f"{MOST:,} of {len(listed):,} entries, spread evenly over them, are shown.",)


def _check(cosines: Array, unknown: tuple[str, ...]) -> None:
    n = int(np.count_nonzero(~np.isnan(np.diagonal(cosines))))
    if n < 2:
        named = f" Not in this map: {', '.join(unknown[:5])}." if unknown else ""
        what = "one of them has" if n else "none of them has"
        why = f", and {what} a direction here" if len(cosines) > 1 else ""
        raise MapError(f"A heat map needs two entries or more to compare{why}.{named}")


def _cosines(phenomap: PhenoMap, rows: Array) -> Array:
    """Cosines of all pairs, float64 (n, n); NaN where there is no direction."""
    is_blank = (rows < 0) | (phenomap.inverse_norms[rows] == 0)
    units = directions(phenomap.vectors[rows])
    cosines: Array = np.clip(units @ units.T, -1, 1)
    np.fill_diagonal(cosines, 1)
    cosines[is_blank], cosines[:, is_blank] = np.nan, np.nan
    return cosines


def _clustered(cosines: Array) -> tuple[Array, Array]:
    """Places of the entries in the order of their tree, blanks last; and the tree of the others."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    is_blank = np.isnan(np.diagonal(cosines))
    compared = np.flatnonzero(~is_blank)
    distances = np.maximum(1 - cosines[np.ix_(compared, compared)], 0)
    np.fill_diagonal(distances, 0)
    is_best = len(compared) <= MOST_OPTIMAL
    condensed = squareform(distances, checks=False)
    tree = np.asarray(linkage(condensed, "average", optimal_ordering=is_best))
    leaves = np.asarray(leaves_list(tree), dtype=np.intp)
    numbers = np.arange(2 * len(compared) - 1)
    numbers[leaves] = np.arange(len(compared))
    tree[:, :2] = numbers[tree[:, :2].astype(int)]
    return np.append(compared[leaves], np.flatnonzero(is_blank)), tree


@dataclass(frozen=True)
class Verdict:
    """How far the likeness of two entries can be trusted.

    p and q are those of the second entry in the list of neighbors of the first: the similar ones
    if their cosine is positive, else the opposite ones.
    """

    value: float
    p_value: float
    q_value: float
    p_same_plate: float
    flags: tuple[str, ...]


def judge_pair(
    phenomap: PhenoMap, key: str, other: str, progress: Progress | None = None
) -> Verdict:
    """Judge the likeness of two entries; may take seconds, the first time on a map.

    Raises
    ------
    UnknownKey
    """
    row = phenomap.row(other)
    query = phenomap.row(key)
    closeness = phenomap.closeness(query, "cosine")
    search = phenomap.search_of(key, "cosine", bool(closeness[row] < 0), None)
    judged = phenomap.judge.judge(search, np.array([row]), progress).iloc[0]
    return Verdict(
        float(closeness[row]),
        float(judged["p_value"]),
        float(judged["q_value"]),
        float(judged["p_same_plate"]),
        tuple(judged["flags"]),
    )
