"""A map of perturbations: the nearest to any of them, how far to trust that, and its picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.words import DOSES_IN_WORDS
from napari_rxrx3.maps.arm_correction import ArmTables
from napari_rxrx3.maps.dose_response.numbers import beside
from napari_rxrx3.maps.dose_response.responses import DoseResponses
from napari_rxrx3.maps.entries import Entries, NeighborSearch
from napari_rxrx3.maps.evidence.batch_diagnostics import diagnostics_store
from napari_rxrx3.maps.evidence.doubts import (
    Judge,
    doubts_of_scores,
    doubts_of_wells,
    in_order,
    with_doubts_of_scores,
)
from napari_rxrx3.maps.evidence.kept_table import KeptTable
from napari_rxrx3.maps.evidence.proximity_bias import proximity_bias
from napari_rxrx3.maps.evidence.scores import score_store
from napari_rxrx3.maps.map_file import anndata_of, write_h5ad, write_map
from napari_rxrx3.maps.projection.coordinates import read_coordinates
from napari_rxrx3.maps.projection.pca import pca
from napari_rxrx3.maps.projection.projection import Projection
from napari_rxrx3.maps.projection.umap import UmapSettings, umap
from napari_rxrx3.maps.sets.arms import GeneArms
from napari_rxrx3.maps.sets.enrichment import SetsOfMap
from napari_rxrx3.maps.sets.expression import UnexpressedGenes
from napari_rxrx3.maps.sets.gene_sets import GeneSets
from napari_rxrx3.maps.spec import MIN_GENES, MapSpec

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["PhenoMap"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class PhenoMap(Entries):
    """Vectors of all perturbations at one level, and what can be asked of them.

    Attributes
    ----------
    score_store : KeptTable
        Computes `scores` when they are first asked for.
    diagnostics_store : KeptTable
        Computes `diagnostics` when they are first asked for.
    judge : Judge
        Tells how far a similarity can be trusted.
    """

    score_store: KeptTable = field(init=False, repr=False)
    diagnostics_store: KeptTable = field(init=False, repr=False)
    judge: Judge = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "score_store", score_store(self))  # frozen for all others
        object.__setattr__(self, "diagnostics_store", diagnostics_store(self))
        object.__setattr__(self, "judge", Judge(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as data set and choices: another process makes the map, or finds it kept."""
        tables = self.dataset.arm_tables.get(self.spec.arm_tables) if self.spec.arm_tables else None
        return _made_again, (self.dataset, self.spec, tables)

    @property
    def scores(self) -> pd.DataFrame:
        """How strong and how consistent each entry is; see `napari_rxrx3.maps.evidence.scores`."""
        return self.score_store.get().copy(deep=False)  # to be changed by who asks

    @property
    def diagnostics(self) -> pd.DataFrame:
        """What experiments, plates and places do to the controls; see `diagnostics_store`."""
        return self.diagnostics_store.get().copy()

    @property
    def dose_response(self) -> pd.DataFrame:
        """What the doses of each compound do: trend, EC50, and the lowest dose that acts.

        Returns
        -------
        pandas.DataFrame
            Indexed by compound: n_doses, n_wells; trend (rank correlation of dose and response, -1
            to 1), trend_p, trend_q, has_trend (a q of at most 0.05); where there is one, ec50,
            ec50_low, ec50_high and lowest_active_dose in µM (NaN outside of the doses that were
            tested), slope, bottom and top (of the Hill curve, in standard deviations of the
            controls), ec50_in_words (``"0.31 µM (0.2 to 0.5)"``, ``"> 10 µM"``); why_not: why no
            trend could be asked for.
        """
        return self.doses.store.get().copy()

    @cached_property
    def doses(self) -> DoseResponses:
        """What computes `dose_response` when it is first asked for."""
        return DoseResponses(self)

    def nearest(
        self,
        key: str,
        k: int = 20,
        metric: str = "cosine",
        opposite: bool = False,
        *,
        kind: str | None = None,
        across: bool = False,
        judged: bool = True,
        scored: bool = True,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """List the entries (of a kind) most or, with `opposite`, least similar to one.

        Parameters
        ----------
        metric : {"cosine", "euclidean"}
        kind : {"CRISPR", "COMPOUND"}, optional
        across : bool
            List first what is most alike across experiments, by that cosine, whatever the metric;
            only what has a likeness across experiments is listed.
        judged, scored : bool
            Add how far to trust each row, and raise the flags that need the scores as well. For a
            large map that takes seconds, and minutes, the first time.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        pandas.DataFrame
            At most `k` rows, best first, without the query: rank (from 1), key, similarity or
            distance, n_wells; if `judged` also the columns of `Judge.judge`.

        Raises
        ------
        UnknownKey, ValueError
        """
        search = self.search_of(key, metric, opposite, kind)
        ranked = self.ranked_across if across else self.ranked
        found, values = ranked(search, k)
        table = self._listed(found, values, "cosine" if across else metric)
        if not judged:
            return table
        verdicts = self.judge.judge(search, found, progress)
        if scored:
            scores = self.score_store.get(progress)
            verdicts["flags"] = with_doubts_of_scores(verdicts["flags"], scores.iloc[found])
        return table.join(verdicts)

    def enrichment(
        self,
        keys: Sequence[str],
        sets: GeneSets,
        *,
        min_genes: int = MIN_GENES,
    ) -> pd.DataFrame:
        """Test which gene sets are over-represented among some entries, all genes being the rest.

        Parameters
        ----------
        keys : sequence of str
            The entries. A gene with several, such as guides, counts once; compounds and controls do
            not count, nor do blinded genes that no set names.
        sets : GeneSets
            From `napari_rxrx3.read_gene_sets`.
        min_genes : int
            Sets with fewer genes in the map are not tested.

        Returns
        -------
        pandas.DataFrame
            A row a set that was tested, the most surely over-represented first:

            - set, members: its name, and those of its genes that were found.
            - n_found of n_chosen, n_set of n_background: genes of the set among those that were
              chosen, and among all that count.
            - expected, fold: how many would be found by chance, and n_found over that.
            - p_value, q_value: chance of at least as many by the hypergeometric distribution, and
              the false discovery rate (Benjamini and Hochberg 1995) over all sets tested.

        Raises
        ------
        UnknownKey
            If there is no entry of a key.
        MapError
            If no gene was chosen, or no set has genes enough in this map.

        See Also
        --------
        enrichment_near : among the genes nearest to an entry.
        """
        return SetsOfMap(sets, self).among(keys, min_genes).table

    def enrichment_near(
        self,
        key: str,
        sets: GeneSets,
        k: int = 20,
        opposite: bool = False,
        *,
        metric: str = "cosine",
        min_genes: int = MIN_GENES,
    ) -> pd.DataFrame:
        """Test which gene sets are over-represented among the `k` genes nearest to an entry.

        Its own gene is left out of everything: it could not be among them. The rest is as in
        `enrichment`.

        Parameters
        ----------
        opposite : bool
            Take the genes that are least like it.

        Raises
        ------
        UnknownKey
        MapError
            If no set has genes enough in this map, or the entry has no direction in it.
        """
        return SetsOfMap(sets, self).near(key, k, opposite, metric, min_genes).table

    def proximity_bias(self, arms: GeneArms, progress: Progress | None = None) -> pd.DataFrame:
        """Measure whether genes on one chromosome arm are more alike than others.

        Cuts by Cas9 may cost a cell the rest of the arm (Lazar et al. 2024).

        Parameters
        ----------
        arms : GeneArms
            From `napari_rxrx3.read_arms`. Blinded genes cannot be placed, and do not count.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        pandas.DataFrame
            A row an arm, the largest bias first; before them all together, as arm ``"all"``:

            - n_genes, n_within, n_between: genes on the arm, pairs of them, and pairs of one of
              them and a gene of another arm.
            - prob: P(a pair within is more alike than one between), 0.5 if there is no bias.
            - p_value: how often arms of as many genes at random have as much (ours; 999 swaps).
            - bm_p_value: that of Brunner and Munzel, which takes pairs as independent.
            - q_value: false discovery rate over the arms, by `p_value`.

            Arms with up to 20 pairs within or between have NaN.

        Raises
        ------
        MapError
            If genes are no entries of this map, or no two of them are on one arm.
        """
        return proximity_bias(self, arms, progress).table

    def without_arm_bias(
        self, arms: GeneArms, unexpressed: UnexpressedGenes, progress: Progress | None = None
    ) -> PhenoMap:
        """The same map, corrected for the bias of chromosome arms (Lazar et al. 2024).

        From the aligned vectors of all wells of an arm's genes is subtracted what its unexpressed
        genes have in common: their mean, made shorter by what its own error adds to it. Averages,
        scores and what chance makes of them are all made of corrected wells. Arms with up to 20
        unexpressed genes in the map are left as they are, and so are genes that the table does not
        place, such as blinded ones: `notes` say which, `arm_corrections` how much.

        Parameters
        ----------
        arms : GeneArms
            From `napari_rxrx3.read_arms`.
        unexpressed : UnexpressedGenes
            From `napari_rxrx3.read_unexpressed`.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Raises
        ------
        MapError
            If no arm can be corrected; why is said.
        """
        name = self.dataset.add_arm_tables(arms, unexpressed)
        made: PhenoMap = self.dataset.map_of(replace(self.spec, arm_tables=name), progress)
        return made

    @property
    def arm_corrections(self) -> pd.DataFrame:
        """Which chromosome arms this map is corrected for, by arm; no rows if it is not.

        Returns
        -------
        pandas.DataFrame
            n_genes, n_unexpressed: genes of the arm in the map, and those of them that are not
            expressed; is_corrected; subtracted: the share of their mean that is subtracted, 0 where
            chance explains it (NaN where nothing is corrected); why_not.
        """
        return self.space.arm_corrections

    def ranked_across(self, search: NeighborSearch, k: int) -> tuple[Array, Array]:
        """The first `k` entries that answer a search across experiments; see `ranked`."""
        likeness = self.judge.across.of(search.query).likeness
        rows = np.flatnonzero(search.searched & ~np.isnan(likeness))
        sign = 1 if search.opposite else -1
        rows = rows[np.argsort(sign * likeness[rows], kind="stable")][:k]
        return rows, likeness[rows]

    def project(
        self,
        method: str = "pca",
        *,
        settings: UmapSettings | None = None,
        path: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Projection:
        """Place all entries in a picture of two dimensions.

        Parameters
        ----------
        method : {"pca", "umap", "file"}
        settings : UmapSettings, optional
            Of UMAP.
        path : str or path-like, optional
            The file of coordinates, see `maps.projection.coordinates.read_coordinates`.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Raises
        ------
        MapError, MetadataError
        """
        if method == "pca":
            return pca(self, progress)
        if method == "umap":
            return umap(self, settings, progress)
        if method != "file":
            raise MapError(f"There is no projection {method!r}; choose one of pca, umap, file.")
        if path is None:
            raise MapError("A projection from a file needs its path.")
        return read_coordinates(path, self, progress)

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *,
        scores: bool = True,
        progress: Progress | None = None,
    ) -> None:
        """Write keys, labels, aligned vectors and scores as one file for other tools.

        A row is an entry, its vector one column of lists, ``vector``. A map of wells has the column
        ``well_id``, and can be opened as vectors of one's own. The metadata ``napari_rxrx3`` of the
        schema says, in JSON, how the map was made.

        Parameters
        ----------
        scores : bool
            With the columns of `all_numbers`, which take seconds, of a large map minutes.
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Raises
        ------
        OSError
            If it cannot be written. Nothing is then left of it.
        """
        write_map(self, path, self.all_numbers(progress) if scores else None)

    def to_anndata(self, *, scores: bool = True, progress: Progress | None = None) -> AnnData:
        """The map as AnnData, which scanpy and its kin work on; takes the extra ``anndata``.

        ``X`` are the aligned vectors, float32 (entries, dimensions); ``obs`` the labels, and scores
        as `to_parquet` has them, by key or well_id, text as categories; ``uns["napari_rxrx3"]``
        says, in JSON, how the map was made.

        Parameters
        ----------
        scores, progress
            As for `to_parquet`.

        Raises
        ------
        MapError
            If anndata is not installed.
        """
        return anndata_of(self, self.all_numbers(progress) if scores else None)

    def to_h5ad(
        self,
        path: str | os.PathLike[str],
        *,
        scores: bool = True,
        progress: Progress | None = None,
    ) -> None:
        """Write what `to_anndata` makes as one file.

        Raises
        ------
        MapError
            If anndata is not installed.
        OSError
            If it cannot be written. Nothing is then left of it.
        """
        write_h5ad(self, path, self.all_numbers(progress) if scores else None)

    def scores_at(self, positions: Array) -> pd.DataFrame:
        """Numeric scores of the entries that wells went into, a row a well; NaN for others.

        Parameters
        ----------
        positions : int (n,)
            Places in the table of wells.
        """
        entry = self.entry_of_position[positions]
        numbers = self.scores.select_dtypes("number")  # a view: no copy of all entries' scores
        columns = {
            name: np.where(entry >= 0, column.to_numpy()[entry], np.nan)
            for name, column in numbers.items()
        }
        return pd.DataFrame(columns)

    def doses_at(
        self, positions: Array, names: Sequence[str] = tuple(DOSES_IN_WORDS)
    ) -> pd.DataFrame:
        """What is known by now of the compounds in wells, a row a well; never waits.

        Parameters
        ----------
        positions : int (n,)
            Places in the table of wells.
        names : sequence of str
            Columns of `dose_response`: trend and lowest_active_dose (µM), if not given.

        Returns
        -------
        pandas.DataFrame
            NaN of all that is no compound, and of what was not tested.
        """
        if not self.doses.is_ready:
            return pd.DataFrame(np.full((len(positions), len(names)), np.nan), columns=list(names))
        return beside(self.dataset.known_wells.iloc[positions], self.doses.store.get(), names)

    def all_numbers(self, progress: Progress | None = None) -> pd.DataFrame:
        """The scores of all entries, and what the doses of their compounds do.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, text); may raise to stop.

        Returns
        -------
        pandas.DataFrame
            The columns of `scores`, and those of
            `napari_rxrx3.maps.dose_response.numbers.DOSE_NUMBERS`: NaN of all that is no compound.
        """
        scores = self.score_store.get(progress)
        doses = beside(self.labels, self.doses.store.get(progress))
        return scores.join(doses.set_axis(scores.index))

    def doubts_of(self, key: str) -> tuple[str, ...]:
        """Reasons to doubt an entry whatever it is compared with: names of `DOUBTS`.

        Raises
        ------
        UnknownKey
        """
        row = self.row(key)
        return in_order([*doubts_of_wells(self, row), *doubts_of_scores(self.scores.iloc[row])])

    def _listed(self, found: Array, values: Array, metric: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(found) + 1),
                "key": self.labels.index[found],
                "similarity" if metric == "cosine" else "distance": values,
                "n_wells": self.n_wells[found],
            }
        )


def _made_again(dataset: Any, spec: MapSpec, tables: ArmTables | None = None) -> PhenoMap:
    if tables is not None:
        dataset.add_arm_tables(tables.arms, tables.unexpressed)
    made: PhenoMap = dataset.map_of(spec)
    return made
