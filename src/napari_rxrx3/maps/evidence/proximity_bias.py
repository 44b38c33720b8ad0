"""Do genes on one arm of a chromosome look more alike than others, whatever they do?

A cut by Cas9 may cost the cell the rest of the arm, so that what is cut on one arm looks alike:
Lazar et al. 2024, "High-resolution genome-wide mapping of chromosome-arm-scale truncations induced
by CRISPR-Cas9 editing" (Nature Genetics 56: 1482-1493). As there, the measure is P(a pair within an
arm is more alike than one between arms), the relative effect of Brunner and Munzel (2000).

Pairs that share a gene go together, so that the p of Brunner and Munzel, which takes pairs as
independent, is small somewhat too often. Ours lets genes swap their arms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import brunnermunzel, false_discovery_control, rankdata

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.words import count
from napari_rxrx3.maps.benchmark.recall import directions
from napari_rxrx3.maps.sets.genes import genes_of

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.sets.arms import GeneArms

__all__ = ["ALL_ARMS", "ProximityBias", "before_and_after", "bias_in_words", "proximity_bias"]

Array = np.ndarray[Any, Any]

ALL_ARMS = "all"
"""The row of all arms together."""
_MIN_PAIRS = 20
"""An arm needs more pairs than that, within it and to others, as in the publication's code."""
_MOST_GENES = 4_000
"""Of more genes an even choice is taken: there is a rank for each of their pairs."""
_N_SWAPS = 999


@dataclass(frozen=True, eq=False)
class ProximityBias:
    """The bias of a map, arm by arm, and of how many genes.

    Attributes
    ----------
    table : pandas.DataFrame
        See `PhenoMap.proximity_bias`.
    n_placed : int
        Genes of the map whose arm is known.
    n_unplaced : int
        Named genes of the map that the table does not have.
    n_blinded : int
        Genes of the map that are known by a number alone: nobody can place them.
    n_used : int
        Genes that were compared: fewer than are placed where these are very many.
    """

    table: pd.DataFrame
    n_placed: int
    n_unplaced: int
    n_blinded: int
    n_used: int


def proximity_bias(
    entries: Entries, arms: GeneArms, progress: Progress | None = None
) -> ProximityBias:
    """Measure the bias of a map; see `PhenoMap.proximity_bias`.

    Raises
    ------
    MapError
        If the map has no genes as entries, or too few on any arm.
    """
    report = progress or silent
    if entries.level not in ("perturbation", "compound"):
        raise MapError("Proximity bias is measured between genes: choose the level perturbation.")
    genes = genes_of(entries)
    is_blinded = genes.is_blinded
    placed = np.array([name in arms.arm_of for name in genes.names], dtype=bool)
    of_entry = genes.of_entry
    rows = np.flatnonzero((of_entry >= 0) & placed[of_entry] & entries.has_direction)
    n_placed = len(rows)
    if n_placed > _MOST_GENES:
        rows = rows[np.linspace(0, n_placed - 1, _MOST_GENES).astype(int)]
    arm = np.array([arms.arm_of[name] for name in genes.names[of_entry[rows]]], dtype=object)
    if not len(rows) or not (pd.Series(arm).value_counts() > 1).any():
        n = count(n_placed, "gene")
        raise MapError(f"{arms.name} places {n} of this map, no two of them on one arm.")
    report(0, 0, "comparing pairs within chromosome arms with others")
    table = _measured(directions(entries, rows), arm, report)
    n_unplaced = int((~placed & ~is_blinded).sum())
    return ProximityBias(table, n_placed, n_unplaced, int((is_blinded & ~placed).sum()), len(rows))


def _measured(units: Array, arm: Array, report: Progress) -> pd.DataFrame:
    cosines = units @ units.T
    order = np.argsort(arm, kind="stable")  # genes of an arm stand together
    cosines, arm = cosines[np.ix_(order, order)], arm[order]
    names, starts, sizes = np.unique(arm, return_index=True, return_counts=True)
    blocks = [slice(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    rows = []
    for done, (name, block) in enumerate(zip(names, blocks, strict=True)):
        report(done, len(blocks), "comparing pairs within chromosome arms with others")
        within, between = _pairs_of(cosines, block)
        rows.append(
            {"arm": name, "n_genes": block.stop - block.start, **_compared(within, between)}
        )
    own = arm[:, None] == arm
    upper = np.triu(np.ones_like(own), 1)
    everything = _compared(cosines[upper & own], cosines[upper & ~own])
    rows.append({"arm": ALL_ARMS, "n_genes": len(arm), **everything})
    table = pd.DataFrame(rows)
    table["p_value"] = _swapped(cosines, blocks, report)
    has_enough = (table["n_within"] > _MIN_PAIRS) & (table["n_between"] > _MIN_PAIRS)
    table.loc[~has_enough, ["prob", "bm_p_value", "p_value"]] = np.nan
    table["q_value"] = np.nan
    tested = has_enough & (table["arm"] != ALL_ARMS)
    if tested.any():
        table.loc[tested, "q_value"] = false_discovery_control(table.loc[tested, "p_value"])
    is_all = table["arm"] == ALL_ARMS
    by_size = table[~is_all].sort_values("prob", ascending=False, kind="stable", na_position="last")
    return pd.concat([table[is_all], by_size], ignore_index=True)


def _pairs_of(cosines: Array, block: slice) -> tuple[Array, Array]:
    """Cosines of all pairs within an arm, and of its genes with all others."""
    own = cosines[block, block]
    within = own[np.triu_indices(len(own), 1)]
    others = np.delete(cosines[block], np.arange(block.start, block.stop), axis=1)
    return within, others.ravel()


def _compared(within: Array, between: Array) -> dict[str, Any]:
    """P(within > between), and the p of Brunner and Munzel that it is more than a half."""
    numbers: dict[str, Any] = {"n_within": len(within), "n_between": len(between)}
    if len(within) < 2 or len(between) < 2:
        return {**numbers, "prob": np.nan, "bm_p_value": np.nan}
    ordered = np.sort(between)
    below = [np.searchsorted(ordered, within, side).mean() for side in ("left", "right")]
    with np.errstate(divide="ignore"):  # where all within are more alike than all between
        test = brunnermunzel(within, between, "greater", "normal")
    return {**numbers, "prob": np.mean(below) / len(between), "bm_p_value": float(test.pvalue)}


def _swapped(cosines: Array, blocks: list[slice], report: Progress) -> Array:
    """How often arms of as many genes at random are as much alike, of each arm and of all.

    What is compared is the mean rank of pairs within an arm minus that of pairs between; ranks are
    among all pairs.
    """
    n = len(cosines)
    ranks = np.zeros((n, n))
    upper = np.triu_indices(n, 1)
    ranks[upper] = rankdata(cosines[upper]) / len(upper[0])
    ranks += ranks.T
    sums, total = ranks.sum(axis=1), float(ranks.sum()) / 2
    sizes = np.array([block.stop - block.start for block in blocks])

    def differences(places: Array) -> Array:
        within = np.array([ranks[np.ix_(places[b], places[b])].sum() / 2 for b in blocks])
        around = np.array([sums[places[b]].sum() for b in blocks]) - 2 * within
        n_within = sizes * (sizes - 1) / 2
        n_around = sizes * (n - sizes)
        with np.errstate(invalid="ignore", divide="ignore"):  # an arm of one gene, or of all
            of_arms = within / n_within - around / n_around
            rest = n * (n - 1) / 2 - n_within.sum()
            of_all = within.sum() / n_within.sum() - (total - within.sum()) / rest
        return np.append(of_arms, of_all)

    found = differences(np.arange(n))
    as_large = np.ones(len(found))
    for done, order in enumerate(_orders(n)):
        report(done, _N_SWAPS, "swapping the arms of genes")
        as_large += differences(order) >= found - 1e-12
    return np.where(np.isnan(found), np.nan, as_large / (_N_SWAPS + 1))


def _orders(n: int) -> Iterator[Array]:
    rng = np.random.default_rng(0)  # the same map gives the same numbers each time
    return (rng.permutation(n) for _ in range(_N_SWAPS))


def before_and_after(
    before: ProximityBias, after: ProximityBias, corrections: pd.DataFrame
) -> pd.DataFrame:
    """The bias of a map arm by arm, what was subtracted, and the bias of the corrected map.

    Parameters
    ----------
    corrections : pandas.DataFrame
        `PhenoMap.arm_corrections` of the corrected map.
    """
    table = before.table.drop(columns="bm_p_value").set_index("arm")
    table = table.join(corrections[["n_unexpressed", "subtracted"]])
    later = after.table.set_index("arm")[["prob", "p_value", "q_value"]]
    table = table.join(later.add_suffix("_after")).join(corrections["why_not"])
    return table.reset_index()


def bias_in_words(bias: ProximityBias, level: float = 0.05) -> str:
    """What came out, in two sentences, and of how many genes."""
    whole, arms = bias.table.iloc[0], bias.table.iloc[1:]
    n_tested, n_over = int(arms["p_value"].notna().sum()), int((arms["q_value"] <= level).sum())
    placed = (
        f"{count(bias.n_placed, 'gene')} of the map {_has(bias.n_placed)} an arm in the table, "
        f"{bias.n_unplaced:,} named ones have none."
    )
    if np.isnan(whole["prob"]):
        few = f"{count(whole['n_within'], 'pair')} within arms, {whole['n_between']:,} between"
        said = f"Too few pairs of genes to measure the bias of chromosome arms: {few}."
    else:
        said = (
            "A pair on one chromosome arm is more alike than a pair on two with P = "
            f"{whole['prob']:.3f} (0.5 by chance; p = {whole['p_value']:.2g})."
        )
    by_itself = f"{n_over:,} of {count(n_tested, 'arm')} {_has(n_over)} a bias by itself (q ≤ .05)."
    if not n_tested:
        by_itself = "No arm has pairs enough for a number of its own."
    blinded = f"{count(bias.n_blinded, 'gene')} cannot be placed: blinded."
    return " ".join([said, by_itself, placed, *([blinded] if bias.n_blinded else [])])


def _has(n: int) -> str:
    return "has" if n == 1 else "have"
