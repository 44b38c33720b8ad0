"""Which chromosome arms are said to have a bias, where it is known, and what a correction does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.part import Part
from benchmarks.calibration.runs import Run, one_by_one
from benchmarks.calibration.screens import Design, Screen

__all__ = ["BIASES", "DESIGN", "ArmScreen", "measure", "measured"]

Array = np.ndarray[Any, Any]

DESIGN = Design(
    pairs=6, genes=60, guides=3, controls=64, active=0.3, effect=0.7, complexes=(6, 6, 6, 4, 4)
)
ARMS = ("1p", "1q", "2p", "2q", "3p", "3q")
BIASED = ARMS[:3]
BIASES = (0.0, 0.15, 0.3, 0.7)
_LISTED = 0.9
_LENGTH = 4
"""Of an effect of 1, see `Design.effect`."""
_MOST_CALLED, _MOST_SILENT, _LOST = 0.1, 0.08, 0.05


@dataclass(eq=False)
class ArmScreen(Screen):
    """A screen whose genes lie on six arms of chromosomes; three of these have a bias.

    Attributes
    ----------
    bias : float
        As `Design.effect`: what a cut does on one of these arms, whatever the gene.
    """

    bias: float = 0.0

    @cached_property
    def arm_of(self) -> dict[str, str]:
        order = self._random("arms").permutation(len(self.truth))
        return {self.truth.index[i]: ARMS[nth % len(ARMS)] for nth, i in enumerate(order.tolist())}

    @property
    def silent(self) -> list[str]:
        """Genes that do nothing by themselves."""
        return list(self.truth.index[~self.truth["is_active"]])

    @cached_property
    def unexpressed(self) -> frozenset[str]:
        """Those of them that the user's list has: not all, as no list does."""
        is_listed = self._random("listed").random(len(self.silent)) < _LISTED
        return frozenset(g for g, listed in zip(self.silent, is_listed, strict=True) if listed)

    def _effects(self) -> Array:
        effects = super()._effects()
        for gene, rows in self.wells.groupby("gene").indices.items():
            arm = self.arm_of.get(str(gene))
            if arm in BIASED:
                effects[rows] += self.bias * _LENGTH * self._direction(f"arm {arm}")
        return effects


def measured(bias: float, seed: int) -> dict[str, list[float]]:
    """What a map says of the arms, first as it is, then corrected.

    Of arms with a bias and of those without how many are called; P(within > between) of the pairs
    of biased arms; of the genes that do nothing and are not in the list, and of all that do nothing
    on arms without a bias, the share with activity_p <= .05; mean cosine of related genes.
    """
    import napari_rxrx3 as rx

    screen = ArmScreen(seed, DESIGN, bias)
    arms = rx.GeneArms("arms", screen.arm_of)
    found = pd.DataFrame()
    with tempfile.TemporaryDirectory() as folder:
        plain = screen.open(Path(folder)).phenomap()
        corrected = plain.without_arm_bias(arms, rx.UnexpressedGenes("silent", screen.unexpressed))
        for when, m in (("before", plain), ("after", corrected)):
            table = m.proximity_bias(arms).set_index("arm")
            is_called = table["q_value"] <= 0.05
            on_biased = [g for g in screen.silent if screen.arm_of[g] in BIASED]
            on_others = [g for g in screen.silent if screen.arm_of[g] not in BIASED]
            p = m.scores["activity_p"]
            found[when] = pd.Series(
                {
                    "biased called": float(is_called[list(BIASED)].mean()),
                    "others called": float(is_called[list(ARMS[len(BIASED) :])].mean()),
                    "P": float(table.loc[list(BIASED), "prob"].mean()),
                    "P of others": float(table.loc[list(ARMS[len(BIASED) :]), "prob"].mean()),
                    "silent on biased": float((p[on_biased] <= 0.05).mean()),
                    "silent on others": float((p[on_others] <= 0.05).mean()),
                    "related": _related(screen, m),
                }
            )
    return {str(name): [float(each) for each in row] for name, row in found.iterrows()}


def _related(screen: Screen, m: Any) -> float:
    """Mean cosine of the genes of one complex."""
    cosines = []
    for number, genes in screen.truth.groupby("complex").groups.items():
        if number >= 0:
            vectors = m.vectors[m.rows_of(list(genes))].astype(float)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            cosines.append((vectors @ vectors.T)[np.triu_indices(len(genes), 1)])
    return float(np.concatenate(cosines).mean())


def measure(seeds: Sequence[int], run: Run = one_by_one) -> list[Part]:
    """The table of chromosome arms, over some seeds."""
    rows: list[dict[str, Any]] = []
    for bias in BIASES:
        runs = run(measured, [(bias, seed) for seed in seeds])
        mean = {name: np.mean([each[name] for each in runs], axis=0).tolist() for name in runs[0]}
        for nth, when in enumerate(("as it is", "corrected")):
            said = {name: float(values[nth]) for name, values in mean.items()}
            rows.append(_row(bias, when, said, mean["related"][0]))
    words = (
        "360 genes on six chromosome arms, 60 on each; three in ten of them have an effect of 0.7, "
        "and 26 are in complexes. On three of the arms a cut adds the same to every gene, of the "
        "size in the first column. The map is corrected by a list of nine in ten of the genes that "
        "do nothing, more than 20 on each arm. "
        "*called* is the share of arms with q <= .05, *P* the chance that a pair on one arm is "
        "more alike than a pair on two."
    )
    return [Part("Chromosome arms", words, rows)]


def _row(bias: float, when: str, said: dict[str, float], related: float) -> dict[str, Any]:
    is_corrected = when == "corrected"
    limits = [said["others called"] <= _MOST_CALLED]
    if is_corrected:
        limits += [
            said["biased called"] <= _MOST_CALLED,
            said["related"] >= related - _LOST,
            said["silent on others"] <= _MOST_SILENT,
        ]
    also = f", related genes as before, silent ones at most {_MOST_SILENT}"
    return {
        "bias of three arms": bias,
        "map": when,
        "biased arms called": said["biased called"],
        "P on these": said["P"],
        "other arms called": said["others called"],
        "P on other arms": said["P of others"],
        "silent genes of activity_p <= .05 on biased arms": said["silent on biased"],
        "on others": said["silent on others"],
        "mean cosine in complexes": said["related"],
        "held to": f"at most {_MOST_CALLED} called{also if is_corrected else ' of the others'}",
        "holds": all(limits),
    }
