"""The correction of proximity bias: each chromosome arm less what its unexpressed genes have.

To cut a gene that the cells do not express should do nothing; what such genes of one arm have in
common is what a cut does to the rest of the arm. Lazar et al. 2024 (Nature Genetics 56: 1482-1493)
subtract the mean of these genes from all genes of the arm, where it has more than 20 of them.

Here it is subtracted from the aligned vectors of wells, so that averages, scores and what chance
makes of them are all made of corrected wells; and it is told anew in each space in which wells are
compared. Ours: the mean is made shorter by what its own error adds to it (James and Stein 1961),
so that an arm without bias does not get the error of that mean for one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.perturbation import gene_of_treatment, is_blinded
from napari_rxrx3.core.words import count, some

if TYPE_CHECKING:
    from napari_rxrx3.maps.sets.arms import GeneArms
    from napari_rxrx3.maps.sets.expression import UnexpressedGenes

__all__ = ["ARM_COLUMNS", "MORE_THAN", "ArmCorrection", "ArmOffsets", "ArmTables", "correction_of"]

Array = np.ndarray[Any, Any]

ARM_COLUMNS = ("n_genes", "n_unexpressed", "is_corrected", "subtracted", "why_not")
"""Of the table of arms; see `PhenoMap.arm_corrections`."""

MORE_THAN = 20
"""An arm needs more unexpressed genes in the map than that, as in the publication."""


@dataclass(frozen=True, eq=False)
class ArmTables:
    """What a user knows of genes: on which arm they are, and which of them cells do not express."""

    arms: GeneArms
    unexpressed: UnexpressedGenes

    @cached_property
    def name(self) -> str:
        """What the tables are called, and a number that another content would change."""
        content = [*sorted(self.arms.arm_of.items()), *sorted(self.unexpressed.genes)]
        digest = hashlib.sha256(repr(content).encode()).hexdigest()[:8]
        return f"{self.arms.name}, {self.unexpressed.name} ({digest})"


@dataclass(frozen=True, eq=False)
class ArmOffsets:
    """What is subtracted from the wells of each corrected arm, in one space.

    Attributes
    ----------
    vectors : float64 (arms, d)
    shares : float64 (arms,)
        How much of the mean of the unexpressed genes that is: 0 where chance explains it, near 1
        where there is a clear bias.
    """

    vectors: Array
    shares: Array


@dataclass(frozen=True, eq=False)
class ArmCorrection:
    """Which wells are corrected, by which others.

    Attributes
    ----------
    names : list of str
        Arms that are corrected.
    arm : int (treatments,)
        The arm of each kind of treatment, as in `WellSpace.treatments`; -1 where none is corrected.
    gene : int (treatments,)
        Number of its gene, where that is on such an arm and not expressed; -1 elsewhere.
    table : pandas.DataFrame
        Indexed by arm: n_genes, n_unexpressed (of the map), is_corrected, why_not.
    notes : tuple of str
        What was corrected and what was not, a sentence each.
    """

    names: list[str]
    arm: Array
    gene: Array
    table: pd.DataFrame
    notes: tuple[str, ...]

    def described(self, offsets: ArmOffsets) -> pd.DataFrame:
        """`table`, with the share of the mean that is subtracted, NaN where nothing is."""
        table = self.table.copy()
        shares = pd.Series(offsets.shares, index=self.names)
        table.insert(table.columns.get_loc("why_not"), "subtracted", shares.reindex(table.index))
        return table

    def nothing(self, dimension: int) -> ArmOffsets:
        """What is subtracted where no unexpressed gene has wells."""
        return ArmOffsets(np.zeros((len(self.names), dimension)), np.zeros(len(self.names)))

    def offsets(self, means: Array, genes: Array) -> ArmOffsets:
        """What the unexpressed genes of each arm have in common.

        Parameters
        ----------
        means : float64 (n, d)
            Of the wells of each of some genes, from the middle of the controls of their batches.
        genes : int (n,)
            Their numbers, see `gene`.
        """
        is_used = self.gene >= 0
        arm_of = np.full(int(self.gene.max()) + 1, -1)
        arm_of[self.gene[is_used]] = self.arm[is_used]
        found = self.nothing(means.shape[1])
        for number in range(len(self.names)):
            own = means[arm_of[genes] == number]
            found.shares[number], found.vectors[number] = _shortened(own)
        return found


def _shortened(means: Array) -> tuple[float, Array]:
    """How much of the mean of some vectors is more than its own error, and so much of it."""
    if len(means) < 2:
        return 0.0, np.zeros(means.shape[1])
    middle = means.mean(axis=0)
    error = float(((means - middle) ** 2).sum()) / (len(means) - 1) / len(means)
    square = float(middle @ middle)
    share = max(0.0, 1 - error / square) if square > 0 else 0.0
    return share, share * middle


def correction_of(tables: ArmTables, treatments: pd.DataFrame, present: Array) -> ArmCorrection:
    """Which arms can be corrected.

    Parameters
    ----------
    treatments : pandas.DataFrame
        As in `WellSpace.treatments`.
    present : bool (treatments,)
        Which of these have wells.

    Raises
    ------
    MapError
        If there is none; why is said.
    """
    is_gene = np.array(treatments["perturbation_type"] == "CRISPR", dtype=bool) & present
    named = zip(treatments["treatment"].tolist(), is_gene, strict=True)
    symbols = [
        gene_of_treatment(name) if ok and isinstance(name, str) else None for name, ok in named
    ]
    code, genes = pd.factorize(np.array(symbols, dtype=object))
    arm_of, unexpressed = tables.arms.arm_of, tables.unexpressed.genes
    places = pd.DataFrame({"gene": genes, "arm": [arm_of.get(gene) for gene in genes]})
    places["silent"] = [gene in unexpressed for gene in genes]
    table = places.groupby("arm")["silent"].agg(n_genes="size", n_unexpressed="sum")
    table["n_unexpressed"] = table["n_unexpressed"].astype(int)
    table["is_corrected"] = table["n_unexpressed"] > MORE_THAN
    takes = f"in the map, and it takes more than {MORE_THAN}"
    few = [f"{count(n, 'unexpressed gene')} {takes}" for n in table["n_unexpressed"]]
    table["why_not"] = pd.array(few, dtype="str")
    table.loc[table["is_corrected"], "why_not"] = ""
    n_blinded = sum(is_blinded(gene) and gene not in arm_of for gene in genes)
    _check(tables, table, len(genes), n_blinded)
    names = table.index[table["is_corrected"]].tolist()
    number = {name: i for i, name in enumerate(names)}
    arm = np.array([number.get(each, -1) for each in places["arm"]], dtype=np.intp)
    silent_gene = np.where((arm >= 0) & places["silent"], np.arange(len(genes)), -1)
    n_unplaced = int(places["arm"].isna().sum()) - n_blinded
    return ArmCorrection(
        names,
        np.append(arm, -1)[code],
        np.append(silent_gene, -1)[code],
        table,
        tuple(_notes(tables, table, n_unplaced, n_blinded)),
    )


def _check(tables: ArmTables, table: pd.DataFrame, n_genes: int, n_blinded: int) -> None:
    """Refuse what cannot be corrected."""
    if table["is_corrected"].any():
        return
    if n_genes and n_blinded == n_genes:
        why = f"all {count(n_genes, 'gene')} of this map are blinded, and nobody can place them"
    elif table.empty:
        why = f"{tables.arms.name} places none of the {count(n_genes, 'gene')} of this map"
    else:
        most = table["n_unexpressed"].idxmax()
        why = (
            f"it takes more than {MORE_THAN} genes of an arm that {tables.unexpressed.name} has "
            f"as not expressed, and {most} has most in this map, {table['n_unexpressed'].max():,}"
        )
    raise MapError(f"The bias of chromosome arms cannot be corrected: {why}.")


def _notes(tables: ArmTables, table: pd.DataFrame, n_unplaced: int, n_blinded: int) -> list[str]:
    done, left = table[table["is_corrected"]], table[~table["is_corrected"]]
    by = f"by {done['n_unexpressed'].sum():,} unexpressed genes"
    arms = count(len(done), "chromosome arm")
    said = [f"{arms} corrected {by}: {some(done.index.tolist(), 48)}."]
    if len(left):
        few = some([f"{arm} ({n})" for arm, n in left["n_unexpressed"].items()], 48)
        has = "has" if len(left) == 1 else "have"
        what = f"{has} no more than {MORE_THAN} unexpressed genes in the map"
        said.append(f"Not corrected: {count(len(left), 'arm')} that {what}: {few}.")
    if n_unplaced:
        said.append(f"Not corrected: {count(n_unplaced, 'gene')} that {tables.arms.name} has not.")
    if n_blinded:
        said.append(f"Not corrected: {count(n_blinded, 'gene')} that nobody can place: blinded.")
    return said
