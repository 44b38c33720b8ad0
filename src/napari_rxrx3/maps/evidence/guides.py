"""Whether the guides of a gene act alike, and which one does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.geometry import directions
from napari_rxrx3.core.perturbation import gene_of_guide
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.evidence.p_values import add_one_p, n_as_large

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["guide_agreement"]

Array = np.ndarray[Any, Any]

_DRAWS = 2000
_ODD = 0.05
_SETS = 1024
_PERMUTATIONS = 1000
_ODD_BY_CHANCE = 0.025
"""Of genes whose guides do all the same, so many may be said to have an odd one at most."""
_MOST_WELLS = 600
"""Of a gene, when its guides are compared; positive controls have thousands."""
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class _Guides:
    """Average vectors of guides, scaled to length 1 (kept as float32), gene by gene.

    `entry` is the gene's row of the map, `experiment` the first experiment the guide is in;
    `wells` holds those of all guides, of each from `begin` on.
    """

    units: Array
    entry: Array
    experiment: Array
    names: list[str]
    wells: Array
    begin: Array

    def of(self, guides: Array) -> Array:
        """Vectors of some guides, which are to be added and subtracted: float64 (..., d)."""
        return np.asarray(self.units[guides], dtype=np.float64)


def guide_agreement(phenomap: Entries, progress: Progress) -> pd.DataFrame:
    """Agreement among the guides of each gene; NaN for all that have less than two.

    Returns
    -------
    pandas.DataFrame
        Rows as in the map: agreement (mean pairwise cosine of the guides' averages), agreement_p
        (share of sets of guides of different genes, from the same experiments, that agree as
        well), odd_guide (its name, if the others agree, it is no more like them than a guide of
        another gene, and wells shared out among the guides by chance hardly ever leave one guide
        as unlike the others).
    """
    n = len(phenomap.labels)
    table = pd.DataFrame(np.nan, index=range(n), columns=["agreement", "agreement_p"])
    table["odd_guide"] = pd.Series(pd.NA, index=table.index, dtype="str")
    if phenomap.level not in ("perturbation", "compound"):
        return table
    guides = _averaged(phenomap, progress)
    progress(0, 0, "comparing the guides of each gene")
    genes = [g for g in np.split(np.arange(len(guides.entry)), _starts(guides.entry)) if len(g) > 1]
    for count in sorted({len(g) for g in genes}):
        together = np.array([g for g in genes if len(g) == count])
        null, without_worst, foreign = _nulls(guides, genes, count)
        agreement = np.concatenate([_agreement(guides.of(part)) for part in _some_of(together)])
        rows = guides.entry[together[:, 0]]
        table.loc[rows, "agreement"] = agreement
        table.loc[rows, "agreement_p"] = _p(agreement, null)
        if count > 2:
            parts = _some_of(together)
            odd = np.concatenate([_odd_ones(guides, g, without_worst, foreign) for g in parts])
            suspects = np.flatnonzero(odd >= 0)
            for done, i in enumerate(suspects.tolist()):
                progress(done, len(suspects), "comparing the guides of each gene")
                if _worst_p(phenomap.space, guides, together[i]) <= _ODD_BY_CHANCE:
                    table.loc[rows[i], "odd_guide"] = guides.names[odd[i]]
    return table


def _averaged(phenomap: Entries, progress: Progress) -> _Guides:
    space = phenomap.space
    progress(0, 0, "averaging guides")
    table = space.treatments
    is_guide = table["treatment"].map(gene_of_guide, na_action="ignore").notna().to_numpy(bool)
    is_gene = (phenomap.labels["perturbation_type"] != "COMPOUND").to_numpy(bool)
    wells, entry = phenomap.member_wells, phenomap.member_entry
    kept = is_gene[entry] & is_guide[space.treatment[wells]]
    wells, entry = wells[kept], entry[kept]
    treatment = space.treatment[wells]
    order = np.lexsort((wells, treatment, entry))
    wells, entry, treatment = wells[order], entry[order], treatment[order]
    new = np.r_[True, (entry[1:] != entry[:-1]) | (treatment[1:] != treatment[:-1])][: len(wells)]
    starts = np.flatnonzero(new)
    text = f"averaging {len(starts):,} guides"
    averages = space.averages(wells, np.cumsum(new) - 1, lambda i: progress(i, len(wells), text))
    units = directions(averages).astype(np.float32)
    names = table["treatment"].iloc[treatment[starts]].tolist()
    ends = np.append(starts, len(wells))
    return _Guides(units, entry[starts], space.experiment[wells[starts]], names, wells, ends)


def _some_of(sets: Array) -> Iterator[Array]:
    """A few sets of guides at a time."""
    return (sets[start : start + _SETS] for start in range(0, len(sets), _SETS))


def _starts(entry: Array) -> Array:
    return np.flatnonzero(entry[1:] != entry[:-1]) + 1


def _nulls(guides: _Guides, genes: list[Array], count: int) -> tuple[Array, Array, Array]:
    """What chance does, sorted: agreement in sets of guides of different genes, the same without
    the worst of each set, and the cosine of a guide to the guides of another gene.
    """
    rng = np.random.default_rng(count)
    order = np.argsort(guides.experiment, kind="stable")
    n_in = np.bincount(guides.experiment) if len(order) else np.zeros(0, int)
    begin = np.cumsum(n_in) - n_in

    def stranger(to: Array) -> Array:
        """A random guide of the same experiment as each."""
        experiment = guides.experiment[to]
        return np.asarray(order[begin[experiment] + rng.integers(n_in[experiment])])

    enough = [g for g in genes if len(g) >= count]
    patterns = np.array(
        [rng.permutation(enough[i])[:count] for i in rng.integers(len(enough), size=_DRAWS)]
    )
    sets = stranger(patterns)
    ordered = np.sort(guides.entry[sets], axis=1)
    of_different = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
    strangers = guides.of(sets[of_different])
    null = np.sort(_agreement(strangers))
    without_worst = null
    if count > 2:
        without_worst = np.sort(_agreement(_without(strangers, _worst(strangers)[0])))
    other = stranger(patterns[:, 0])
    is_other = guides.entry[other] != guides.entry[patterns[:, 0]]
    rest = directions(guides.of(patterns[is_other, 1:]).sum(axis=1))
    foreign = np.sort(np.einsum("ij,ij->i", guides.of(other[is_other]), rest))
    return null, without_worst, foreign


def _odd_ones(guides: _Guides, together: Array, null: Array, foreign: Array) -> Array:
    """The guide of each gene that is not like the others, -1 if there is none.

    `null` is the agreement of sets without their worst: the worst is taken out here as well.
    """
    units = guides.of(together)
    worst, likeness = _worst(units)
    others_agree = _p(_agreement(_without(units, worst)), null) <= _ODD
    is_foreign = _p(likeness, foreign) > _ODD
    guide = together[np.arange(len(together)), worst]
    return np.where(others_agree & is_foreign, guide, -1)


def _worst_p(space: WellSpace, guides: _Guides, together: Array) -> float:
    """How often the guide that is least like the others is as unlike them by chance.

    A permutation test of the least likeness: the wells of a gene are dealt out to its guides anew,
    each on its own plate (or in its experiment, where plates hold one guide of the gene each).
    Of guides that all do the same, one has to be the least like the others, too.
    """
    rng = np.random.default_rng(together[0])
    parts = [guides.wells[guides.begin[g] : guides.begin[g + 1]] for g in together]
    wells = np.concatenate(parts)
    guide = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    kept = _on_some_plates(space.plate[wells], rng)
    wells, guide = wells[kept], guide[kept]
    if len(np.unique(guide)) < len(parts):
        return 1.0
    vectors = space.aligned(wells).astype(np.float64)
    stratum = _strata(space, wells, guide)
    labels = np.concatenate([guide[None], _dealt_anew(guide, stratum, rng)])
    least = _least_likeness(labels, vectors @ vectors.T, len(parts))
    return float(add_one_p((least[1:] <= least[0] + _ROUNDING).sum(), _PERMUTATIONS))


def _on_some_plates(plate: Array, rng: np.random.Generator) -> Array:
    """Which wells to keep, those of whole plates, so that they are not too many: bool (n,)."""
    plates, of, counts = np.unique(plate, return_inverse=True, return_counts=True)
    order = rng.permutation(len(plates))
    is_kept = np.zeros(len(plates), dtype=bool)
    is_kept[order] = np.cumsum(counts[order]) <= max(_MOST_WELLS, counts[order[0]])
    return np.asarray(is_kept[of])


def _strata(space: WellSpace, wells: Array, guide: Array) -> Array:
    """Within which the wells of a gene are exchanged: its plates, if these hold several guides."""
    plate = np.unique(space.plate[wells], return_inverse=True)[1]
    pairs = np.unique(np.column_stack([plate, guide]), axis=0)[:, 0]
    has_several = np.bincount(pairs)[plate] > 1
    return np.asarray(plate if has_several.mean() >= 0.5 else space.experiment[wells])


def _dealt_anew(guide: Array, stratum: Array, rng: np.random.Generator) -> Array:
    """Guides of the wells, exchanged at random within each stratum: int (permutations, n)."""
    order = np.argsort(stratum, kind="stable")
    keys = stratum + rng.random((_PERMUTATIONS, len(guide)))
    dealt = np.empty((_PERMUTATIONS, len(guide)), dtype=guide.dtype)
    dealt[:, order] = guide[np.argsort(keys, axis=1)]
    return dealt


def _least_likeness(labels: Array, products: Array, n_guides: int) -> Array:
    """Cosine to the rest of the guide that is least like it, for each way to label the wells.

    Parameters
    ----------
    labels : int (ways, n)
        Guide of each well.
    products : float64 (n, n)
        Of the vectors of the wells with each other.
    """
    least = np.empty(len(labels))
    for start in range(0, len(labels), 64):
        part = slice(start, start + 64)
        is_of = (labels[part, None, :] == np.arange(n_guides)[:, None]).astype(np.float64)
        between = (is_of @ products) @ is_of.transpose(0, 2, 1)
        lengths = np.sqrt(np.maximum(np.einsum("igg->ig", between), 0))
        lengths[lengths == 0] = 1
        cosines = between / (lengths[:, :, None] * lengths[:, None, :])
        own, all_of = np.einsum("igg->ig", cosines), cosines.sum(axis=2)
        rest = cosines.sum(axis=(1, 2))[:, None] - 2 * all_of + own
        least[part] = ((all_of - own) / np.sqrt(np.maximum(rest, 1e-30))).min(axis=1)
    return least


def _worst(units: Array) -> tuple[Array, Array]:
    """Which of each set is least like the rest of it, and its cosine to the rest."""
    rest = directions(units.sum(axis=1, keepdims=True) - units)
    likeness = np.einsum("ijk,ijk->ij", units, rest)
    return likeness.argmin(axis=1), likeness.min(axis=1)


def _without(units: Array, left_out: Array) -> Array:
    """Sets without one of each: (sets, n, d) to (sets, n - 1, d)."""
    kept = np.arange(units.shape[1])[None, :] != left_out[:, None]
    n, d = units.shape[1:]
    return np.asarray(units[kept].reshape(len(units), n - 1, d))


def _agreement(units: Array) -> Array:
    """Mean cosine of all pairs: (sets, n, d) to (sets,)."""
    n = units.shape[1]
    total = (units.sum(axis=1) ** 2).sum(axis=1)
    own = (units**2).sum(axis=(1, 2))
    return np.asarray((total - own) / (n * (n - 1)))


def _p(values: Array, null: Array) -> Array:
    return add_one_p(n_as_large(null, values), len(null))
