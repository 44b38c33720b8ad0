"""Which experiments train, and which are held out to test.

A model that saw an experiment knows its stain, its day and its microscope. So whole experiments
are held out, never wells. Most genes of RxRx3 were screened in two experiments: with both of them
on one side, what is held out are perturbations that the model never saw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.perturbation import CONTROL_MEANING, EMPTY_CONTROL
from napari_rxrx3.exports.choices import SHARES, SPLITS

__all__ = ["leakage", "split_experiments", "splits_table", "twin_groups"]

_TWINS = 0.5
"""Experiments that have this share of the perturbations of the smaller one in common are twins."""
_NAMED = 5


def split_experiments(
    wells: pd.DataFrame,
    *,
    shares: Sequence[float] = SHARES,
    apart: bool = False,
    seed: int = 0,
) -> dict[str, str]:
    """Say for each experiment whether it is of ``train``, ``validation`` or ``test``.

    Parameters
    ----------
    wells : pandas.DataFrame
        As `Dataset.wells`.
    shares : sequence of float (3,)
        How much of the wells each split should have. Experiments stay whole, so that it has about
        as much.
    apart : bool
        Let experiments of the same perturbations come to different sides: what is tested then is
        how a model does on a new batch, not on new perturbations.
    seed : int
        Another one gives other splits of the same shares; one seed always the same.

    Raises
    ------
    RxRx3Error
        If the shares are no three numbers from 0 on, one of them more.
    """
    wanted = _checked(shares)
    sizes = wells["experiment_name"].value_counts()
    groups = [[e] for e in sorted(sizes.index)] if apart else twin_groups(wells)
    groups.sort(key=lambda group: _lot(group, seed))
    groups.sort(key=lambda group: -int(sizes[group].sum()))  # what is large finds its place first
    total, filled = int(sizes.sum()), dict.fromkeys(SPLITS, 0.0)
    split_of = {}
    for group in groups:
        split = max(SPLITS, key=lambda s: wanted[s] - filled[s] / total)
        filled[split] += int(sizes[group].sum())
        split_of.update(dict.fromkeys(group, split))
    return split_of


def _checked(shares: Sequence[float]) -> dict[str, float]:
    if len(shares) != len(SPLITS) or min(shares) < 0 or not sum(shares) > 0:
        raise RxRx3Error(f"The shares of {', '.join(SPLITS)} are three numbers, not {shares!r}.")
    return {split: share / sum(shares) for split, share in zip(SPLITS, shares, strict=True)}


def _lot(group: Sequence[str], seed: int) -> str:
    return hashlib.sha256(f"{seed} {group[0]}".encode()).hexdigest()


def twin_groups(wells: pd.DataFrame) -> list[list[str]]:
    """Experiments, together with those that have most of their perturbations in common."""
    names = {e: _names(rows) for e, rows in wells.groupby("experiment_name", sort=True)}
    group_of = {experiment: {experiment} for experiment in names}
    for a, b in combinations(names, 2):
        smaller = min(len(names[a]), len(names[b]))
        if smaller and len(names[a] & names[b]) >= _TWINS * smaller:
            together = group_of[a] | group_of[b]
            group_of.update(dict.fromkeys(together, together))
    return [list(group) for group in sorted({tuple(sorted(g)) for g in group_of.values()})]


def _names(rows: pd.DataFrame) -> set[str]:
    """Genes and compounds that are screened in some wells: without controls, which all have."""
    screened = rows[~rows["well_type"].isin(CONTROL_MEANING)]
    return set(screened["gene"].fillna(screened["treatment"]).dropna())


def splits_table(
    wells: pd.DataFrame, split_of: Mapping[str, str], control: str = EMPTY_CONTROL
) -> pd.DataFrame:
    """One row an experiment: experiment_name, split, n_wells, n_controls, n_perturbations."""
    rows = []
    for experiment, some in wells.groupby("experiment_name", sort=True):
        n_controls = int((some["treatment"] == control).sum())
        rows.append((experiment, split_of[experiment], len(some), n_controls, len(_names(some))))
    columns = ["experiment_name", "split", "n_wells", "n_controls", "n_perturbations"]
    return pd.DataFrame(rows, columns=columns)


def leakage(wells: pd.DataFrame, split_of: Mapping[str, str]) -> pd.DataFrame:
    """What two splits have in common, a row each: what, splits, n and the first names.

    Controls, which every experiment has, are no leak and are not counted.
    """
    split = wells["experiment_name"].map(dict(split_of))
    is_control = wells["well_type"].isin(CONTROL_MEANING)
    rows = []
    for what in ("experiment_name", "gene", "treatment", "SMILES"):
        asked = wells[what] if what == "experiment_name" else wells[what].mask(is_control)
        names = {s: set(asked[split == s].dropna()) for s in SPLITS}
        for a, b in combinations(SPLITS, 2):
            shared = sorted(names[a] & names[b])
            rows.append((what, a, b, len(shared), ", ".join(shared[:_NAMED])))
    return pd.DataFrame(rows, columns=["what", "split", "other", "n_shared", "e_g"])
