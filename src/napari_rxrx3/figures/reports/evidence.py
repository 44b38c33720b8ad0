"""How far a perturbation can be trusted, in sentences: what speaks for it, and what against.

A further sentence is a further function in `SENTENCES`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any

from napari_rxrx3.core.words import count, decimals, guide_in_words, name_with_dose, sentence, some
from napari_rxrx3.figures.reports.cells import CellCounts, of_likeness, of_pictures
from napari_rxrx3.figures.reports.gene_sets import SetsNear
from napari_rxrx3.figures.reports.sentence import Sentence
from napari_rxrx3.maps.dose_response.words import doses_in_words
from napari_rxrx3.maps.evidence.activity import count_active
from napari_rxrx3.maps.evidence.doubts import DOUBTS, LEVEL_OF_DOUBT

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.maps.neighbors import Neighbor
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["SENTENCES", "Sentence", "Subject", "evidence_of", "meanings", "name_of"]

_CHANCE = "no more than chance makes"


@dataclass(frozen=True, eq=False)
class Subject:
    """A perturbation, and what was asked of its map.

    Attributes
    ----------
    scores : pandas.DataFrame
        Those of all entries.
    nearest : sequence of Neighbor
        Judged and scored; none where it has no direction.
    doses : mapping, optional
        Of a compound, its row of `PhenoMap.dose_response`.
    sets : SetsNear, optional
        Where there are gene sets that could be tested.
    cells : CellCounts, optional
        Where nuclei are counted.
    shown : sequence of (name, well)
        The wells that are shown.
    measures : mapping of well to row
        The `MEASURES` of these wells.
    """

    phenomap: PhenoMap
    key: str
    scores: pd.DataFrame
    nearest: Sequence[Neighbor] = ()
    doses: Mapping[Any, Any] | None = None
    sets: SetsNear | None = None
    cells: CellCounts | None = None
    shown: Sequence[tuple[str, str]] = ()
    measures: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)

    @property
    def own(self) -> Any:
        """The scores of the perturbation by name."""
        return self.scores.iloc[self.row]

    @property
    def is_control(self) -> bool:
        """It is what all others are compared with."""
        treatment = self.phenomap.labels["treatment"].iloc[self.row]
        return bool(treatment == self.phenomap.spec.control)

    @property
    def row(self) -> int:
        return self.phenomap.row(self.key)

    @property
    def n_wells(self) -> int:
        return int(self.phenomap.n_wells[self.row])


def evidence_of(subject: Subject) -> tuple[Sentence, ...]:
    """All that can be said of a perturbation, in the order of `SENTENCES`.

    Nothing of the controls that all others are compared with.
    """
    if subject.is_control:
        return ()
    return tuple(sentence for say in SENTENCES for sentence in say(subject))


def name_of(neighbor: Neighbor) -> str:
    """What a neighbor is called, its dose included."""
    return name_with_dose(neighbor.name, neighbor.dose)


def meanings(neighbors: Sequence[Neighbor]) -> tuple[str, ...]:
    """What the flags of some neighbors mean, a sentence each, in the order of `DOUBTS`."""
    raised = {flag for neighbor in neighbors for flag in neighbor.flags}
    return tuple(f"{name}: {words}" for name, words in DOUBTS.items() if name in raised)


def _active(subject: Subject) -> Iterator[Sentence]:
    value, q = subject.own["activity"], subject.own["activity_q"]
    n_tested = count_active(subject.scores)[1]
    if isnan(q):
        why = "it takes two wells on plates with controls"
        yield Sentence(f"Whether it is active cannot be tested: {why}.", is_doubt=True)
        return
    numbers = f"activity {decimals(value)}, q {q:.2g} among the {n_tested:,} tested"
    if subject.own["is_active"]:
        told = "its wells are told from the controls of their own plates"
        yield Sentence(f"It is active: {told} ({numbers}).")
    else:
        told = "its wells are not told from the controls of their own plates"
        yield Sentence(f"It does not count as active: {told} ({numbers}).", is_doubt=True)


def _strong(subject: Subject) -> Iterator[Sentence]:
    value, p = subject.own["strength"], subject.own["strength_p"]
    if isnan(value) or isnan(p):
        return
    if p <= LEVEL_OF_DOUBT:
        numbers = f"energy distance {value:.3g}, p {p:.2g}"
        yield Sentence(f"Its wells are further from the controls than by chance ({numbers}).")


def _consistent(subject: Subject) -> Iterator[Sentence]:
    value, p = subject.own["consistency"], subject.own["consistency_p"]
    if isnan(value) or isnan(p):
        return
    numbers = f"mean cosine {decimals(value)}, p {p:.2g}"
    wells = count(subject.n_wells, "well")
    if p <= LEVEL_OF_DOUBT:
        yield Sentence(f"Its {wells} agree more than other wells of the same plates ({numbers}).")
    else:
        yield Sentence(f"Its {wells} agree {_CHANCE} ({numbers}).", is_doubt=True)


def _dose_response(subject: Subject) -> Iterator[Sentence]:
    if subject.doses is None:
        return
    said = doses_in_words(subject.doses)
    yield Sentence(sentence(said), is_doubt=not subject.doses["has_trend"])


def _guides_agree(subject: Subject) -> Iterator[Sentence]:
    value, p, odd = (subject.own[name] for name in ("agreement", "agreement_p", "odd_guide"))
    if isnan(value):
        return
    numbers = f"mean cosine {decimals(value)}" + ("" if isnan(p) else f", p {p:.2g}")
    if not p > LEVEL_OF_DOUBT:  # the contrary is one of its reasons to doubt
        yield Sentence(f"Its guides agree ({numbers}).")
    if isinstance(odd, str):
        yield Sentence(f"{guide_in_words(odd)} does not act like the others.", is_doubt=True)


def _beyond_chance(subject: Subject) -> Iterator[Sentence]:
    n = len(subject.nearest)
    if not n:
        return
    sure = sum(neighbor.q_value <= LEVEL_OF_DOUBT for neighbor in subject.nearest)
    which = f"of the {n} nearest {sure or 'none'}" if sure < n else f"all of the {n} nearest"
    verb = "has" if sure <= 1 else "have"
    text = f"{which[:1].upper()}{which[1:]} {verb} a q of at most {LEVEL_OF_DOUBT:g}"
    yield Sentence(f"{text}: more alike than unrelated pairs." if sure else f"{text}.", not sure)


def _across(subject: Subject) -> Iterator[Sentence]:
    """Whether the likeness is seen again where query and neighbor share no controls."""
    known = [n for n in subject.nearest if not isnan(n.across_rank)]
    if not subject.nearest:
        return
    if not known:
        yield Sentence("Across experiments none of the nearest can be compared.", is_doubt=True)
        return
    alike = [name_of(n) for n in known if n.across_rank <= LEVEL_OF_DOUBT]
    among = "among the most alike 5 %"
    if alike:
        verb = "is" if len(alike) == 1 else "are"
        yield Sentence(f"Across experiments {some(alike)} {verb} {among} as well.")
    else:
        yield Sentence(f"Across experiments none of the nearest is {among}.", is_doubt=True)


def _gene_sets(subject: Subject) -> Iterator[Sentence]:
    if subject.sets is not None:
        yield from subject.sets.sentences()


def _cells(subject: Subject) -> Iterator[Sentence]:
    if subject.cells is not None:
        yield from subject.cells.sentences()
        yield from of_likeness(subject.nearest)
    yield from of_pictures(subject.shown, subject.measures)


def _own_doubts(subject: Subject) -> Iterator[Sentence]:
    for name in subject.phenomap.doubts_of(subject.key):
        yield Sentence(f"{name[:1].upper()}{name[1:]}: {_lowered(DOUBTS[name])}", is_doubt=True)


def _doubts_of_neighbors(subject: Subject) -> Iterator[Sentence]:
    flags = Counter(flag for neighbor in subject.nearest for flag in neighbor.flags)
    n = sum(bool(neighbor.flags) for neighbor in subject.nearest)
    if n:
        raised = ", ".join(f"{name} ({flags[name]})" for name in DOUBTS if name in flags)
        text = f"Flags stand at {n} of the {len(subject.nearest)} nearest: {raised}."
        yield Sentence(text, is_doubt=True)


SENTENCES: tuple[Callable[[Subject], Iterator[Sentence]], ...] = (
    _active,
    _strong,
    _consistent,
    _guides_agree,
    _dose_response,
    _beyond_chance,
    _across,
    _gene_sets,
    _cells,
    _own_doubts,
    _doubts_of_neighbors,
)
"""What is said of a perturbation, in this order; each may say nothing, or more than one thing."""


def _lowered(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
