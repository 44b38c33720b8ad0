"""Making a map: wells are aligned and averaged block by block, and the result is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.perturbation import compound_key, gene_of_guide
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.maps.arm_correction import ArmTables
from napari_rxrx3.maps.entries import ExperimentAverages
from napari_rxrx3.maps.phenomap import PhenoMap
from napari_rxrx3.maps.space import WellSpace, open_space
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = ["build_phenomap", "identities"]

Array = np.ndarray[Any, Any]

_BLOCK = 16_384
_LABELS = ["perturbation_type", "gene", "treatment", "concentration"]


def build_phenomap(
    dataset: WellData,
    spec: MapSpec,
    progress: Progress | None = None,
    tables: ArmTables | None = None,
) -> PhenoMap:
    """Align the wells' vectors and average them; see `Dataset.phenomap`.

    Controls of compound plates are left out of the map (those chosen as controls still align
    it); EMPTY_control of the CRISPR plates is one of its entries.
    """
    spec.check()
    spaces = _LazySpace(dataset, spec, tables)
    fingerprint = _fingerprint(dataset, spec.embedding)
    stored = dataset.cache.load("map", f"{fingerprint}|{spec}") if fingerprint else None
    vectors = dataset.cache.open_mapped("map-vectors", f"{fingerprint}|{spec}")
    if stored is None or vectors is None or len(vectors) != len(stored["n_wells"]):
        space = spaces.open(progress)
        stored, vectors = _built(dataset, spec, space, fingerprint, progress)
    n_wells = stored["n_wells"]
    first = np.asarray(stored["first"])
    labels = _labels(dataset.wells[_LABELS].iloc[first], spec.level)
    labels["n_wells"] = n_wells
    parts = None
    if spec.level != "well":
        names = ("entry", "experiment", "n_wells", "vectors")
        parts = ExperimentAverages(*(stored[f"part_{name}"] for name in names))
    return PhenoMap(
        labels=labels,
        vectors=vectors,
        spec=spec,
        member_positions=stored["members"],
        parts=parts,
        well_ids=dataset.wells.index,
        find_wells=dataset.listed.positions_of,
        left_out=tuple(stored["left_out"].tolist()),
        notes=tuple(stored["notes"].tolist()),
        open_space=spaces.open,
        why_absent=partial(_why_absent, dataset, spec),
        dataset=dataset,
        cache=dataset.cache,
        fingerprint=f"{fingerprint}|{spec}" if fingerprint else "",
    )


def _fingerprint(dataset: WellData, embedding: str) -> str:
    """What identifies the wells and the vectors; empty if the wells come from no table."""
    if not dataset.fingerprint:
        return ""
    return f"{dataset.fingerprint}|{embedding}|{dataset.embeddings[embedding].fingerprint}"


def _why_absent(dataset: WellData, spec: MapSpec, key: str) -> str:
    """Why a map has no entry of a key, in a sentence; empty if the key is just unknown."""
    if spec.level == "well":
        position = dataset.listed.position_of(key)
        if position is None:
            return ""
        if position in dataset.rows_of(spec.embedding)[0]:
            return "Its batch has too few controls to align by."
        return "This well has no usable vector."
    wells = dataset.wells
    here = wells.loc[(wells["treatment"] == key).to_numpy(bool), _LABELS]
    if here.empty or identities(here, spec.level)["treatment"].notna().any():
        return ""
    return (
        "Controls of compound plates are left out of all maps but those of single wells: "
        "choose the level well to compare them."
    )


@dataclass
class _LazySpace:
    """Joining wells and vectors takes seconds, which a map from the cache need not wait for."""

    dataset: WellData
    spec: MapSpec
    tables: ArmTables | None
    _space: WellSpace | None = None
    _lock: Lock = field(default_factory=Lock)

    def open(self, progress: Progress | None = None) -> WellSpace:
        with self._lock:  # one joins, the others wait for it
            if self._space is None:
                self._space = open_space(self.dataset, self.spec, progress, self.tables)
            return self._space


def _built(
    dataset: WellData,
    spec: MapSpec,
    space: WellSpace,
    fingerprint: str | None,
    progress: Progress | None,
) -> tuple[dict[str, Array], Array]:
    report = progress or silent
    if spec.level == "well":
        stored = _one_each(space)

        def fill(vectors: Array) -> None:
            for block in _blocks(len(space)):
                report(block.start, len(space), f"aligning {len(space):,} wells")
                vectors[block] = space.aligned(block)

    else:
        entry = _entries(space, spec.level)
        stored, averages = _averaged(space, entry, spec.average, report)

        def fill(vectors: Array) -> None:
            vectors[:] = averages

    stored |= {
        "left_out": np.array(space.left_out, dtype=np.str_),
        "notes": np.array(space.notes, dtype=np.str_),
    }
    shape = (len(stored["n_wells"]), space.dimension)
    key = f"{fingerprint}|{spec}" if fingerprint else ""
    vectors = dataset.cache.new_mapped("map-vectors", key, shape, fill)
    if key:
        dataset.cache.save("map", key, stored)
    return stored, vectors


def _one_each(space: WellSpace) -> dict[str, Array]:
    ones = np.ones(len(space), dtype=np.int64)
    return {"first": space.positions, "n_wells": ones, "members": space.positions}


def _entries(space: WellSpace, level: str) -> Array:
    """The entry of each well, -1 where it is in none."""
    identity = identities(space.treatments, level)
    in_map = identity["treatment"].notna().to_numpy()
    if not in_map[space.treatment].any():
        raise MapError("No well with a vector has a treatment, so there is nothing to map.")
    by = ["perturbation_type", "treatment", "concentration"]
    entry = np.full(len(identity), -1)
    entry[in_map] = identity[in_map].groupby(by, dropna=False, sort=True).ngroup()
    entry = entry[space.treatment]
    # a treatment may be in batches that were left out alone: number those that are there
    entry[entry >= 0] = np.unique(entry[entry >= 0], return_inverse=True)[1]
    return entry


def identities(treatments: pd.DataFrame, level: str) -> pd.DataFrame:
    """What each treatment counts as at a level; its name is NaN where it is left out.

    Parameters
    ----------
    treatments : pandas.DataFrame
        perturbation_type, gene, treatment, concentration.
    level : {"guide", "perturbation", "compound"}
    """
    identity = treatments[_LABELS].copy()
    is_compound = identity["perturbation_type"] == "COMPOUND"
    is_control = identity["treatment"].str.contains("_control", na=False)
    identity.loc[is_compound & is_control, "treatment"] = np.nan
    if level != "guide":
        guides = ~is_compound & identity["treatment"].str.contains(r"_guide_\d+$", na=False)
        identity.loc[guides, "treatment"] = identity.loc[guides, "treatment"].map(gene_of_guide)
    if level == "compound":
        identity["concentration"] = np.nan
    identity.loc[~is_compound, "concentration"] = np.nan
    return identity


def _labels(rows: pd.DataFrame, level: str) -> pd.DataFrame:
    """Labels of entries, from one well of each."""
    if level == "well":
        return rows.copy()
    labels = identities(rows, level)
    labels.index = _keys(labels)
    return labels


def _keys(labels: pd.DataFrame) -> pd.Index:
    keys = pd.Index(
        [
            compound_key(t, c)
            for t, c in zip(labels["treatment"], labels["concentration"], strict=True)
        ],
        name="key",
    )
    repeated = keys.duplicated(keep=False)  # a gene and a compound of one name
    kinds = labels["perturbation_type"].fillna("unknown")
    return keys.where(~repeated, keys + " (" + kinds.to_numpy(dtype=object) + ")")


def _averaged(
    space: WellSpace, entry: Array, average: str, report: Progress
) -> tuple[dict[str, Array], Array]:
    """Everything about the entries but their names, and their vectors."""
    wells = np.flatnonzero(entry >= 0)
    wells = wells[np.argsort(entry[wells], kind="stable")]
    n_wells = np.bincount(entry[wells])
    parts = _parts(space, entry, average, report)
    if average == "mean":
        weighted = parts.vectors.astype(np.float64) * parts.n_wells[:, None]
        starts = np.searchsorted(parts.entry, np.arange(len(n_wells)))
        vectors = np.add.reduceat(weighted, starts, axis=0) / n_wells[:, None]
    else:
        vectors = _medians(space, wells, n_wells, report)
    vectors = vectors.astype(np.float32)
    # Weak guides look like controls: the picture of a gene must not be that of its weakest.
    typicality = np.empty(len(space), dtype=np.float32)
    for block in _blocks(len(space)):
        report(block.start, len(space), f"ordering {len(wells):,} wells")
        typicality[block] = np.einsum("ij,ij->i", space.aligned(block), vectors[entry[block]])
    wells = wells[np.lexsort((-typicality[wells], entry[wells]))]
    stored = {
        "first": space.positions[wells[np.cumsum(n_wells) - n_wells]],
        "n_wells": n_wells,
        "members": space.positions[wells],
        "part_entry": parts.entry,
        "part_experiment": parts.experiment,
        "part_n_wells": parts.n_wells,
        "part_vectors": parts.vectors.astype(np.float32),
    }
    return stored, vectors


def _parts(space: WellSpace, entry: Array, average: str, report: Progress) -> ExperimentAverages:
    """Average each entry over each experiment alone; vectors in double precision."""
    entries, experiments, counts, vectors = [], [], [], []
    text = f"averaging {len(space):,} wells"
    done = 0
    order = np.argsort(space.experiment, kind="stable")
    ends = np.cumsum(np.bincount(space.experiment, minlength=len(space.experiment_names)))
    for experiment, wells in enumerate(np.split(order, ends[:-1])):
        done += len(wells)
        wells = wells[entry[wells] >= 0]
        if not len(wells):
            continue
        wells = wells[np.argsort(entry[wells], kind="stable")]
        present, n = np.unique(entry[wells], return_counts=True)
        entries.append(present)
        experiments.append(np.full(len(present), experiment))
        counts.append(n)
        vectors.append(_grouped(space, wells, n, average, partial(report, done, len(space), text)))
    entry_of, experiment_of, n_of = map(np.concatenate, (entries, experiments, counts))
    by_entry = np.lexsort((experiment_of, entry_of))
    averages = np.concatenate(vectors)[by_entry]
    return ExperimentAverages(entry_of[by_entry], experiment_of[by_entry], n_of[by_entry], averages)


def _grouped(
    space: WellSpace, wells: Array, n: Array, average: str, report: Callable[[], None]
) -> Array:
    """Averages of consecutive groups of wells."""
    if average == "median":
        return _medians(space, wells, n, lambda *_: report())
    sums = np.zeros((len(n), space.dimension))
    group = np.repeat(np.arange(len(n)), n)
    for block in _blocks(len(wells)):
        report()
        present, starts = np.unique(group[block], return_index=True)
        aligned = space.aligned(wells[block])
        sums[present] += np.add.reduceat(aligned, starts, axis=0, dtype=np.float64)
    return sums / n[:, None]


def _medians(space: WellSpace, wells: Array, n: Array, report: Progress) -> Array:
    medians = np.empty((len(n), space.dimension))
    ends = np.cumsum(n)
    first = 0
    while first < len(n):
        # as many whole groups as a block holds, one at least
        begin = ends[first] - n[first]
        last = max(first + 1, int(np.searchsorted(ends, begin + _BLOCK, side="right")))
        report(int(begin), len(wells), f"averaging {len(wells):,} wells")
        aligned = space.aligned(wells[begin : ends[last - 1]])
        for group in range(first, last):
            stop = ends[group] - begin
            medians[group] = np.median(aligned[stop - n[group] : stop], axis=0)
        first = last
    return medians


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))
