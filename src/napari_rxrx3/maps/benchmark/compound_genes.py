"""How well likeness in a map tells which genes a compound acts on.

Source: Kraus et al. 2025, "RxRx3-core: Benchmarking drug-target interactions in High-Content
Microscopy" (arXiv 2503.20158), as implemented in recursionpharma/EFAAR_benchmarking.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.benchmark.recall import benchmark_rows, directions

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["PrecisionResult", "compound_gene_precision"]

Array = np.ndarray[Any, Any]

_ACTIVE_NM, _INACTIVE_NM = 1_000, 10_000
_MIN_INACTIVE = 20
_ALL_DOSES = np.inf


@dataclass(frozen=True, eq=False)
class PrecisionResult:
    """How well likeness to a gene tells which genes a compound acts on.

    Attributes
    ----------
    doses : pandas.DataFrame
        Indexed by concentration (uM, as text: ``"0.25"``; last ``"max"``, where the score is the
        largest over all doses): n_compounds, and means over them of average_precision, auc_roc,
        baseline_average_precision, baseline_auc_roc. The baselines are what random scores give on
        average (worked out, not drawn).
    n_compounds : int
        Compounds that were scored.
    n_absent, n_without_active, n_too_few : int
        Compounds of the table that were not: not in the map; without an active gene in the map;
        with too few inactive genes to tell the active ones from.
    n_genes, n_genes_absent : int
        Genes of the table that are in the map, and that are not.
    n_draws : int
        How often inactive genes were drawn for each compound; 0 if the table names them.
    """

    doses: pd.DataFrame
    n_compounds: int
    n_absent: int
    n_without_active: int
    n_too_few: int
    n_genes: int
    n_genes_absent: int
    n_draws: int

    def as_dict(self) -> dict[str, Any]:
        """All numbers by name, e.g. for JSON; `doses` as a list of rows."""
        numbers = {name: value for name, value in vars(self).items() if name != "doses"}
        return {**numbers, "doses": self.doses.reset_index().to_dict(orient="records")}


def compound_gene_precision(
    phenomap: Entries,
    table: pd.DataFrame,
    seed: int = 42,
    *,
    n_draws: int = 20,
    progress: Progress | None = None,
) -> PrecisionResult:
    """Rank the genes that a compound acts on among others by their absolute cosine to it.

    Parameters
    ----------
    table : pandas.DataFrame
        treatment, gene_symbol, and active (bool) or nM_value, as from `read_interactions`.
    seed, n_draws : int
        Figures are means over so many draws of inactive genes, unless the table names them.
    progress : callable, optional
        Called with (done, total, text); may raise to stop.

    Raises
    ------
    MapError
        If no compound can be scored, which is explained, or at another level.
    """
    if phenomap.level != "perturbation":
        raise MapError('Compounds and genes are compared in a map at level "perturbation".')
    likeness = _Likeness.between(phenomap, table["gene_symbol"])
    are_named = "active" in table and not table["active"].all()
    n_draws = 0 if are_named else n_draws
    scored, counts = _scored(likeness, table, n_draws, np.random.default_rng(seed), progress)
    if not scored:
        raise MapError(_nothing_scored(counts))
    return PrecisionResult(
        _means(pd.concat(scored)),
        n_compounds=len(scored),
        n_genes=len(likeness.genes),
        n_genes_absent=table["gene_symbol"].nunique() - len(likeness.genes),
        n_draws=n_draws,
        **counts,
    )


def _scored(
    likeness: _Likeness,
    table: pd.DataFrame,
    n_draws: int,
    rng: np.random.Generator,
    progress: Progress | None,
) -> tuple[list[pd.DataFrame], Counter[str]]:
    """Figures of each compound that can be scored, a row a dose, and why others cannot."""
    states = _states(table).reindex(columns=likeness.genes)
    scored = []
    counts = Counter(n_absent=0, n_without_active=0, n_too_few=0)
    for done, (compound, state) in enumerate(zip(states.index, states.to_numpy(), strict=True)):
        if progress is not None:
            progress(done, len(states), f"ranking genes for {compound}")
        active, inactive = np.flatnonzero(state == 1), _inactive(state, n_draws, rng)
        if compound not in likeness.rows:
            counts["n_absent"] += 1
        elif not active.size:
            counts["n_without_active"] += 1
        elif not inactive.size:
            counts["n_too_few"] += 1
        else:
            scored.append(_ranked(*likeness.of(compound), active, inactive))
    return scored, counts


@dataclass(frozen=True, eq=False)
class _Likeness:
    """Absolute cosines of compounds and the genes of a table.

    Attributes
    ----------
    units : float64 (n, d)
        Directions of the entries that count.
    concentration : float64 (n,)
    genes : pandas.Index
        Sorted.
    gene_units : float64 (n_genes, d)
    rows : dict
        Entries of each compound.
    """

    units: Array
    concentration: Array
    genes: pd.Index
    gene_units: Array
    rows: dict[str, Array]

    @classmethod
    def between(cls, phenomap: Entries, genes: pd.Series) -> _Likeness:
        counted = np.flatnonzero(benchmark_rows(phenomap.labels))
        labels = phenomap.labels.iloc[counted].reset_index(drop=True)
        units = directions(phenomap, counted)
        of_gene = labels["treatment"][labels["perturbation_type"] == "CRISPR"]
        of_gene = of_gene[of_gene.isin(genes)].sort_values()
        rows = labels[labels["perturbation_type"] == "COMPOUND"].groupby("treatment").groups
        return cls(
            units,
            labels["concentration"].to_numpy(np.float64),
            pd.Index(of_gene),
            units[of_gene.index],
            {str(name): index.to_numpy() for name, index in rows.items()},
        )

    def of(self, compound: str) -> tuple[Array, Array]:
        """Concentrations (k + 1,) and scores (k + 1, n_genes); last the largest over doses."""
        rows = self.rows[compound]
        scores = np.abs(self.units[rows] @ self.gene_units.T)
        return np.r_[self.concentration[rows], _ALL_DOSES], np.vstack([scores, scores.max(axis=0)])


def _states(table: pd.DataFrame) -> pd.DataFrame:
    """Compounds by genes: 1 active, 0 in between, -1 inactive, NaN where the table is silent.

    By nM_value a gene is active up to 1,000 nM, and in between up to 10,000 nM: it then counts
    neither as active nor as inactive for the compound.
    """
    if "active" in table:
        state = np.where(table["active"], 1, -1)
    else:
        nanomolar = table["nM_value"]
        state = np.select([nanomolar <= _ACTIVE_NM, nanomolar <= _INACTIVE_NM], [1, 0], -1)
    series = pd.Series(state, [table["treatment"], table["gene_symbol"]], dtype=np.float64)
    return series.groupby(level=[0, 1]).max().unstack()


def _inactive(state: Array, n_draws: int, rng: np.random.Generator) -> Array:
    """Genes to tell the active ones from: int (draws, k), empty if there are too few.

    Those that the table names, all of them. Else max(2 x active genes, 20) are drawn of those
    that it does not call active or in between; what one draw gives depends on its luck, the more
    the fewer compounds there are.
    """
    if not n_draws:
        return np.flatnonzero(state == -1)[None]
    others = np.flatnonzero(~(state >= 0))
    n_wanted = max(2 * int((state == 1).sum()), _MIN_INACTIVE)
    if len(others) < n_wanted:
        return np.empty((0, 0), dtype=np.intp)
    shuffled: Array = rng.permuted(np.tile(others, (n_draws, 1)), axis=1)
    return shuffled[:, :n_wanted]


def _ranked(concentration: Array, scores: Array, active: Array, inactive: Array) -> pd.DataFrame:
    precision, auc = _precision_and_auc(scores[:, active], scores[:, inactive])
    return pd.DataFrame(
        {
            "concentration": concentration,
            "average_precision": precision,
            "auc_roc": auc,
            "baseline_average_precision": _by_chance(len(active), inactive.shape[1]),
            "baseline_auc_roc": 0.5,
        }
    )


def _precision_and_auc(active: Array, inactive: Array) -> tuple[Array, Array]:
    """Average precision and area under the ROC curve, means over the draws: (doses,) each.

    Parameters
    ----------
    active : float (doses, n_active)
    inactive : float (doses, draws, n_inactive)

    Notes
    -----
    The precision at an active gene is the share of active ones among all genes that score at
    least as high; its mean over the active genes is the average precision. The area is the chance
    that an active gene scores higher than an inactive one, ties counting half.
    """
    hits = (active[:, None, :] >= active[:, :, None]).sum(axis=-1)[:, None]
    one, other = active[:, None, :, None], inactive[:, :, None, :]
    higher, ties = (other > one).sum(axis=-1), (other == one).sum(axis=-1)
    precision = hits / (hits + higher + ties)
    auc = 1 - (higher + ties / 2) / inactive.shape[-1]
    return precision.mean(axis=(1, 2)), auc.mean(axis=(1, 2))


def _by_chance(n_active: int, n_inactive: int) -> float:
    """Average precision that random scores give on average."""
    n = n_active + n_inactive
    harmonic = float((1 / np.arange(1, n + 1)).sum())
    return (harmonic + (n_active - 1) / (n - 1) * (n - harmonic)) / n


def _means(scored: pd.DataFrame) -> pd.DataFrame:
    groups = scored.groupby("concentration", sort=True)
    doses = groups.mean()
    doses.insert(0, "n_compounds", groups.size())
    names = ["max" if dose == _ALL_DOSES else f"{dose:g}" for dose in doses.index]
    return doses.set_axis(pd.Index(names, name="concentration", dtype="str"))


def _nothing_scored(counts: Counter[str]) -> str:
    return (
        f"No compound of the table can be scored: {counts['n_absent']:,} are not in this map, "
        f"{counts['n_without_active']:,} have no active gene in it, "
        f"{counts['n_too_few']:,} have too few other genes."
    )
