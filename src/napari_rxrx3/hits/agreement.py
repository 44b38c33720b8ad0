"""How far two reviewers agree, beyond what chance would give.

Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological
Measurement 20, 37-46.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.display import DEFAULT_TAGS
from napari_rxrx3.hits.hit import Hit
from napari_rxrx3.hits.hits_file import check_dataset, read_stored
from napari_rxrx3.hits.owner import owner_of

if TYPE_CHECKING:  # the window needs the names below before any table
    import pandas as pd

    from napari_rxrx3.dataset import Dataset

__all__ = ["Agreement", "compare_reviewers", "other_reviewer"]

_NUMBERS = range(len(DEFAULT_TAGS) + 1)


@dataclass(frozen=True, eq=False)
class Agreement:
    """What two reviewers said about the same wells.

    Attributes
    ----------
    n_both, n_first, n_second : int
        Wells that both have tagged, that only the first has, that only the second has.
    n_agree : int
        Of the compared wells, those with the same tag.
    counts : pandas.DataFrame
        Compared wells by the tag of the first (rows) and the second reviewer (columns), 0 to 5.
    kappa : float
        Cohen's kappa: 1 for full agreement, 0 for what chance would give with each one's shares
        of tags. NaN without a well, or if both used one and the same tag only.
    disagreements : pandas.DataFrame
        One row a well with different tags: well_id, perturbation, first, second (tags), and what
        each noted (first_note, second_note). A well that only one has tagged is in it with tag 0
        for the other.
    """

    n_both: int
    n_first: int
    n_second: int
    n_agree: int
    counts: pd.DataFrame
    kappa: float
    disagreements: pd.DataFrame

    @property
    def n_compared(self) -> int:
        """Wells that kappa is about."""
        return int(self.counts.to_numpy().sum())

    def in_words(self) -> str:
        """One or two sentences."""
        if not self.n_compared:
            return "No well was tagged by both."
        same = f"{self.n_agree:,} of {self.n_compared:,} wells have the same tag"
        if math.isnan(self.kappa):
            return f"{same}. Cohen's kappa says nothing where only one tag was used."
        return f"{same}; Cohen's kappa is {self.kappa:.2f}."


def compare_reviewers(
    first: Mapping[str, Hit], second: Mapping[str, Hit], wells: Iterable[str] | None = None
) -> Agreement:
    """Compare the tags of two reviewers.

    Parameters
    ----------
    first, second : mapping of well id to Hit
    wells : iterable of str, optional
        Wells that both are known to have looked at, for instance those of one queue: no tag then
        counts as an answer like any other. If None, wells that both have tagged are compared.
    """
    import pandas as pd

    tagged = [{w: hit.tag for w, hit in hits.items() if hit.tag} for hits in (first, second)]
    both = tagged[0].keys() & tagged[1].keys()
    compared = both if wells is None else set(wells)
    pairs = [(tagged[0].get(w, 0), tagged[1].get(w, 0)) for w in compared]
    counts = np.zeros((len(_NUMBERS), len(_NUMBERS)), dtype=int)
    np.add.at(counts, tuple(np.array(pairs, dtype=int).reshape(-1, 2).T), 1)
    every = [w for w in dict.fromkeys((*first, *second)) if w in tagged[0] or w in tagged[1]]
    differing = [w for w in every if tagged[0].get(w, 0) != tagged[1].get(w, 0)]
    return Agreement(
        n_both=len(both),
        n_first=len(tagged[0]) - len(both),
        n_second=len(tagged[1]) - len(both),
        n_agree=int(np.trace(counts)),
        counts=pd.DataFrame(counts, index=_NUMBERS, columns=_NUMBERS),
        kappa=_kappa(counts),
        disagreements=_listed(differing, first, second),
    )


def other_reviewer(path: Path, dataset: Dataset) -> tuple[str, dict[str, Hit]]:
    """Name and hits of whoever reviewed the same data set, from their file.

    Raises
    ------
    HitsError
        If it cannot be read, is damaged, a newer version's, or of another data set.
    """
    stored = read_stored(path)
    check_dataset(path, stored, owner_of(dataset, stored.reviewer))
    return stored.reviewer, {w: hit for w, hit in stored.hits.items() if not hit.is_empty}


def _kappa(counts: np.ndarray[tuple[int, int], np.dtype[np.int_]]) -> float:
    n = int(counts.sum())
    if n == 0:
        return math.nan
    observed = np.trace(counts) / n
    # in whole numbers, so that full agreement by chance is told from nearly full agreement
    by_chance = int(counts.sum(axis=0) @ counts.sum(axis=1))
    if by_chance == n * n:
        return math.nan
    expected = by_chance / n**2
    return float((observed - expected) / (1 - expected))


def _listed(wells: list[str], first: Mapping[str, Hit], second: Mapping[str, Hit]) -> pd.DataFrame:
    import pandas as pd

    pairs = [(first.get(w) or Hit(w), second.get(w) or Hit(w)) for w in wells]
    rows = [
        (a.well_id, a.perturbation or b.perturbation, a.tag, b.tag, a.note, b.note)
        for a, b in pairs
    ]
    columns = ("well_id", "perturbation", "first", "second", "first_note", "second_note")
    return pd.DataFrame(rows, columns=columns)
