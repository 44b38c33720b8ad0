"""What is known of one perturbation, in words and numbers: what the window says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from napari_rxrx3.core.perturbation import CONTROL_MEANING, gene_of_guide, is_blinded
from napari_rxrx3.core.words import (
    SCORES_IN_WORDS,
    count,
    decimals,
    dose_in_words,
    kind_in_words,
    name_of_well,
    name_with_dose,
)

if TYPE_CHECKING:  # the window needs the names below before any table
    import pandas as pd

    from napari_rxrx3.data.welldata import WellData
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["Card", "Number", "card_of", "scored_card", "summary_of"]


@dataclass(frozen=True)
class Number:
    """One number of a perturbation, e.g. ``Number("strength", "0.42  p .002", "How far ...")``.

    Attributes
    ----------
    text : str
        Empty if the number is missing; `tip` then says why.
    tip : str
        What it means, in a sentence or two.
    """

    label: str
    text: str
    tip: str = ""


@dataclass(frozen=True)
class Card:
    """What is said of a perturbation.

    Attributes
    ----------
    name : str
        As people read it, e.g. ``"Bortezomib 2.5 µM"``.
    kind : str
        ``"CRISPR"``, ``"COMPOUND"`` or empty.
    note : str
        What else has to be said of it; empty: that a gene is blinded, or what a control is.
    doubts : tuple of (str, str)
        Short name and sentence of each reason to doubt.
    is_scored : bool
        False while numbers and doubts are being computed.
    of_map : Number, optional
        How many of its map are active.
    """

    name: str
    kind: str = ""
    gene: str = ""
    treatment: str = ""
    smiles: str = ""
    note: str = ""
    numbers: tuple[Number, ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()
    is_scored: bool = True
    of_map: Number | None = None


def card_of(data: WellData, phenomap: PhenoMap, key: str, wells: np.ndarray) -> Card:
    """What is known of an entry of a map before the map is scored."""
    label = phenomap.labels.iloc[phenomap.row(key)]
    row = data.known_wells.iloc[wells[0]]
    name = key
    if phenomap.level == "well":
        name = f"{name_of_well(row)}, {key}"
    elif label["perturbation_type"] == "COMPOUND":
        name = name_with_dose(label["treatment"], label["concentration"])
    text = {name: value if isinstance(value, str) else "" for name, value in row.items()}
    kind = text["perturbation_type"]
    return Card(
        name,
        kind,
        text["gene"],
        text["treatment"],
        text["SMILES"],
        note=", ".join([_kind_words(kind, text), *_how_made(phenomap, len(wells))]),
        is_scored=False,
    )


def scored_card(card: Card, phenomap: PhenoMap, key: str) -> Card:
    """The card with the numbers and doubts of a map that is scored."""
    from napari_rxrx3.maps.evidence.doubts import DOUBTS

    phenomap.scores_at(np.zeros(1, int))  # makes what the plate map will look up
    doubts = tuple((name, DOUBTS[name]) for name in phenomap.doubts_of(key))
    numbers, of_map = _numbers(phenomap, key), _of_map(phenomap)
    return replace(card, numbers=numbers, of_map=of_map, doubts=doubts, is_scored=True)


def summary_of(card: Card) -> str:
    """The card in one line: its numbers as far as they are known, and what it is."""
    numbers = [f"{number.label} {number.text}" for number in card.numbers if number.text]
    of_map = card.of_map.text if card.of_map else ""
    return "   ".join(filter(None, [", ".join(numbers), card.note, of_map]))


def _kind_words(kind: str, text: dict[str, str]) -> str:
    if is_blinded(text["gene"]):
        return "blinded gene"
    return CONTROL_MEANING.get(text["treatment"]) or kind_in_words(kind)


def _how_made(phenomap: PhenoMap, n_wells: int) -> tuple[str, str]:
    align = phenomap.align if phenomap.align != "none" else "not aligned"
    return count(n_wells, "well"), align


def _numbers(phenomap: PhenoMap, key: str) -> tuple[Number, ...]:
    from napari_rxrx3.maps.evidence.activity import count_active

    scores, row = phenomap.scores.loc[key], phenomap.row(key)
    wells = count(int(phenomap.n_wells[row]), "well")
    strength = Number(
        "strength",
        _with_p(scores["strength"], scores["strength_p"]),
        f"Energy distance of its {wells} from up to 1,000 control wells: the larger, the further. "
        "It takes five wells, and few wells score high without any effect. "
        + _p_words(scores["strength_p"], "400 swaps of its wells with controls", "give as much"),
    )
    cosine = scores["strength_cosine"]
    raw = Number(
        SCORES_IN_WORDS["strength_cosine"],
        "" if isnan(cosine) else f"{cosine:.2g}",
        f"Mean cosine distance of its {wells} from the controls of their plates, in vectors as "
        "they come, not aligned.",
    )
    consistency = Number(
        "consistency",
        _with_p(scores["consistency"], scores["consistency_p"]),
        f"Mean cosine of all pairs of its {wells}: 1 is all alike, 0 is chance. "
        + _p_words(
            scores["consistency_p"], "400 sets of other wells from the same plates", "agree as well"
        ),
    )
    n_tested = count_active(phenomap.scores)[1]
    activity = _activity(scores, n_tested)
    doses = _doses(phenomap, row)
    if doses is not None and not doses.text:  # there is no room for what is not there
        activity = replace(activity, tip=f"{activity.tip} Of its doses: {doses.tip}")
    numbers = [activity, strength, consistency]
    if doses is not None and doses.text:
        numbers.append(doses)
    if not isnan(scores["agreement"]):
        odd = scores["odd_guide"]
        odd_words = f" The odd one out: {odd}." if isinstance(odd, str) else ""
        agreement = _with_p(scores["agreement"], scores["agreement_p"])
        tip = f"Mean cosine of all pairs of its {_n_guides(phenomap, row)} guides. "
        sets = "2,000 sets of guides of different genes"
        tip += _p_words(scores["agreement_p"], sets, "agree as well")
        tip += odd_words or " No single guide stands out."
        number = odd.rsplit("_", 1)[-1] if isinstance(odd, str) else ""
        text = f"{agreement}, not {number}" if number else agreement
        numbers.append(Number(SCORES_IN_WORDS["agreement"], text, tip))
    return (*numbers, raw)


def _n_guides(phenomap: PhenoMap, row: int) -> int:
    treatments = phenomap.dataset.known_wells["treatment"].iloc[phenomap.positions_of(row)]
    return len({name for name in treatments if isinstance(name, str) and gene_of_guide(name)})


def _doses(phenomap: PhenoMap, row: int) -> Number | None:
    """From which dose on a compound acts, without a text if it has no trend; None of a gene."""
    from napari_rxrx3.maps.dose_response.words import about_doses

    label = phenomap.labels.iloc[row]
    table = phenomap.doses.store.get()
    if label["perturbation_type"] != "COMPOUND" or label["treatment"] not in table.index:
        return None
    doses = table.loc[label["treatment"]].to_dict()
    if not isnan(doses["lowest_active_dose"]):
        lowest = dose_in_words(doses["lowest_active_dose"])
        return Number("acts from", lowest, about_doses(doses))
    return Number("dose trend", "yes" if doses["has_trend"] else "", about_doses(doses))


def _activity(scores: pd.Series, n_tested: int) -> Number:
    """Whether it is active."""
    value, p, q = scores["activity"], scores["activity_p"], scores["activity_q"]
    text = "" if isnan(value) else decimals(value) + ("" if scores["is_active"] else " (chance)")
    tip = (
        "How reliably its wells are told from the controls of their own plates: 1 if each looks "
        "more like its other wells than like any control, 0 if as often as by chance. "
    )
    if isnan(q):
        tip += "It takes two wells on plates with controls."
    else:
        tip += "Of 400 to 100,000 random swaps of its wells with controls, more the rarer, "
        tip += f"{100 * p:.2g} % give as much, which is p. "
        verdict = "It is active" if scores["is_active"] else "It does not count as active"
        tip += f"{verdict}: q {q:.2g}, among the {n_tested:,} of this map that could be tested."
    return Number(SCORES_IN_WORDS["activity"], text, tip)


def _of_map(phenomap: PhenoMap) -> Number | None:
    """How many of a map are active, if any could be tested."""
    from napari_rxrx3.maps.evidence.activity import count_active

    n_active, n_tested = count_active(phenomap.scores)
    if not n_tested:
        return None
    return Number(
        "in this map",
        f"{n_active:,} of {n_tested:,} active at 5 %",
        f"Of the {n_tested:,} perturbations of this map that could be tested {n_active:,} differ "
        "from the controls of their plates. One in twenty of these may do so by chance.",
    )


def _with_p(value: float, p: float) -> str:
    """A number; what is no more than chance is said to be."""
    from napari_rxrx3.maps.evidence.doubts import LEVEL_OF_DOUBT

    chance = " (chance)" if p > LEVEL_OF_DOUBT else ""
    if isnan(value):
        return "" if isnan(p) else f"p {p:.2g}"
    return f"{value:.3g}{chance}" if abs(value) >= 10 else f"{decimals(value)}{chance}"


def _p_words(p: float, of_what: str, what: str) -> str:
    if isnan(p):
        return "There are too few wells to compare it with."
    return f"Of up to {of_what}, drawn at random, {100 * p:.2g} % {what}, which is p."
