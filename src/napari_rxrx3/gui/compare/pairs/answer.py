"""Two screens against each other: what is asked, worked out in threads, and put in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.names import split_names
from napari_rxrx3.core.words import count, decimals
from napari_rxrx3.gui.compare.map_choice import map_in_words
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.entry_names import find_entries
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:  # what makes maps is loaded by the threads that make them
    from napari_rxrx3.core.points.cloud import PointCloud
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.compare.pairs import PairTable
    from napari_rxrx3.maps.compare.screens import Halves, Twins
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = [
    "PairQuestion",
    "PairsAnswer",
    "answered",
    "as_csv",
    "axes",
    "explained",
    "in_words",
    "wells_of",
]

Array = np.ndarray


@dataclass(frozen=True)
class PairQuestion:
    """What is compared, and which pairs.

    Attributes
    ----------
    a, b : MapSpec
        Two maps, or the map whose replicate experiments are compared and None.
    experiments : (str, str) or None
        The two; None deals each entry's experiments out in turn.
    keys : tuple of str or None
        All pairs of these; None: of all entries.
    text : str
        A list that was typed, in the place of the keys.
    path : str
        A table of pairs, in the place of the keys.
    most, seed : int
        How many pairs at most, and what they are drawn by.
    """

    a: MapSpec
    b: MapSpec | None
    experiments: tuple[str, str] | None
    keys: tuple[str, ...] | None
    text: str
    path: str
    most: int
    seed: int


@dataclass(frozen=True, eq=False)
class PairsAnswer:
    """What came out; `maps` are those that were asked in the end, one or two."""

    question: PairQuestion
    table: PairTable
    cloud: PointCloud
    maps: tuple[PhenoMap, ...]
    halves: Halves | None
    twins: tuple[Twins, ...]
    notes: tuple[str, ...]


def answered(dataset: Dataset, question: PairQuestion, progress: Progress) -> PairsAnswer:
    """Make the maps, or those without alignment in their place, and compare the pairs.

    Raises
    ------
    RxRx3Error
        If there is nothing to compare; why is said.
    """
    from napari_rxrx3.core.points.cloud import PointCloud
    from napari_rxrx3.maps.compare.pairs import compare_pairs, compare_replicates
    from napari_rxrx3.maps.compare.screens import Halves, replicate_experiments

    maps, notes = _maps_of(dataset, question, progress)
    asked = _asked(maps, question)
    halves: Halves | None
    twins: tuple[Twins, ...]
    if question.b is None:
        halves = Halves.of(maps[0], question.experiments, progress)
        twins = replicate_experiments(maps[0], progress)
        table = compare_replicates(halves, progress=progress, **asked)
    else:
        halves, twins = None, ()
        table = compare_pairs(maps[0], maps[1], progress=progress, **asked)
    table.with_entry("")  # makes what the window will look up
    places = np.stack([table.similarity_a, table.similarity_b], axis=1)
    return PairsAnswer(question, table, PointCloud(places), maps, halves, twins, notes)


def _maps_of(
    dataset: Dataset, question: PairQuestion, progress: Progress
) -> tuple[tuple[PhenoMap, ...], tuple[str, ...]]:
    specs = [question.a] if question.b is None else [question.a, question.b]
    made = [dataset.map_or_fallback(spec, progress) for spec in specs]
    names = ("A: ", "B: ") if len(made) > 1 else ("",)
    notes = tuple(f"{name}{note}" for name, (_, note) in zip(names, made, strict=True) if note)
    maps = tuple(phenomap for phenomap, _ in made)
    if len(maps) > 1 and maps[0].spec == maps[1].spec:
        raise MapError(" ".join([*notes, "So A and B come out as the same map."]))
    return maps, notes


def _asked(maps: tuple[PhenoMap, ...], question: PairQuestion) -> dict:
    """Which pairs, as the library wants to be told."""
    asked: dict = {"most": question.most, "seed": question.seed}
    if question.path:
        from napari_rxrx3.maps.benchmark.known import read_pairs

        return asked | {"pairs": list(read_pairs(question.path).itertuples(False, None))}
    if question.text:
        return asked | {"keys": _keys_in(maps, question.text)}
    return asked | {"keys": question.keys}


def _keys_in(maps: tuple[PhenoMap, ...], text: str) -> list[str]:
    """Keys of a typed list; a name that no map knows stays as it is."""
    names = split_names(text, lambda name: any(m.find(name) is not None for m in maps))
    found = [find_entries(phenomap, names) for phenomap in maps]
    keys: list[str] = []
    for name, *rows in zip(names, *found, strict=True):
        known = [m.labels.index[r] for m, r in zip(maps, rows, strict=True) if len(r)]
        keys += [str(key) for index in known for key in index] or [name]
    return list(dict.fromkeys(keys))


def wells_of(
    dataset: Dataset, answer: PairsAnswer, index: int, experiment: str | None
) -> tuple[list[str], list[str]]:
    """Wells to show for the two of a pair, and the keys of those that have no image.

    Of replicates one well of each half: the two in A, then the two in B.

    Parameters
    ----------
    experiment : str, optional
        Wells of this one are preferred.
    """
    wells, bare = [], []
    for side in range(2 if answer.halves is not None else 1):
        for key in answer.table.pair(index):
            well = _well_of(dataset, answer, key, side, experiment)
            if well is None:
                bare.append(key)
            else:
                wells.append(well)
    return wells, bare


def _well_of(
    dataset: Dataset, answer: PairsAnswer, key: str, side: int, experiment: str | None
) -> str | None:
    from napari_rxrx3.strips.wells import picture_of

    phenomap = answer.maps[0]
    row = phenomap.row(key)
    positions = phenomap.positions_of(row)
    if answer.halves is not None:
        here = answer.halves.experiments_of(side, row)
        experiments = dataset.known_wells["experiment_name"].array[positions]
        positions = positions[np.isin(np.asarray(experiments, dtype=object), here)]
    return picture_of(dataset, positions, experiment)


def in_words(answer: PairsAnswer) -> str:
    """How well the screens agree, and what was left out."""
    table = answer.table
    n = count(len(table), "pair")
    if isnan(table.pearson):
        first = f"{n}: too few, or too much alike, for a correlation."
    else:
        first = f"Pearson {decimals(table.pearson)}, Spearman {decimals(table.spearman)}; {n}."
    return "\n".join([*answer.notes, first, *table.notes])


def in_brief(answer: PairsAnswer) -> str:
    """Correlations and number of pairs, in two short lines."""
    table = answer.table
    if isnan(table.pearson):
        return f"n {len(table):,}"
    both = f"r {decimals(table.pearson)}  ρ {decimals(table.spearman)}"
    return f"{both}\nn {len(table):,}"


def axes(answer: PairsAnswer) -> tuple[str, str]:
    """What A and B are, as short as it can be said."""
    spec_a, spec_b = answer.maps[0].spec, answer.maps[-1].spec
    if answer.halves is not None or spec_a.embedding != spec_b.embedding:
        return answer.table.name_a, answer.table.name_b
    names = (answer.table.name_a, answer.table.name_b)
    a, b = (name.removeprefix(f"{spec_a.embedding} (").removesuffix(")") for name in names)
    return a, b


def explained(answer: PairsAnswer) -> str:
    """What A and B are and what the numbers mean, a line each."""
    table, question = answer.table, answer.question
    made = [f"A: {map_in_words(answer.maps[0].spec)}", f"B: {map_in_words(answer.maps[-1].spec)}"]
    if answer.halves is not None:
        made = [map_in_words(answer.maps[0].spec), f"A: {table.name_a}", f"B: {table.name_b}"]
        if question.experiments is None:
            made.append("Each entry's experiments are dealt out in turn: no well is in A and B.")
    return "\n".join(
        [
            *made,
            "A pair on the diagonal is as alike in B as in A.",
            "Pearson's correlation says how nearly the points lie on a line, Spearman's how far "
            "both put the pairs in the same order. Pairs share entries, so that they are not so "
            "many independent measurements, and no p-value is given.",
            *(note for phenomap in answer.maps for note in phenomap.notes),
        ]
    )


def as_csv(answer: PairsAnswer, delimiter: str = ",") -> str:
    """All pairs, with what A and B are in every row."""
    table, question = answer.table, answer.question
    spec_a, spec_b = answer.maps[0].spec, answer.maps[-1].spec
    made = [f"{map_in_words(spec_a)} · {table.name_a}", f"{map_in_words(spec_b)} · {table.name_b}"]
    if answer.halves is None:
        made = [map_in_words(spec_a), map_in_words(spec_b)]
    frame = table.table.assign(
        a=made[0],
        b=made[1],
        pearson=table.pearson,
        spearman=table.spearman,
        n=len(table),
        seed=question.seed,
        pairs=Path(question.path).name if question.path else "",
    )
    return str(frame.to_csv(sep=delimiter, index=False, lineterminator="\n"))
