"""Places on the plate that look like phenotypes: how often, whether it is said, what helps.

And experiments: what each alignment leaves of them, and what two silent genes make of that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration.part import Bars, Part
from benchmarks.calibration.runs import Run, one_by_one
from benchmarks.calibration.screens import CONTROL, Design, Screen

__all__ = ["measure", "of_alignments", "of_positions"]

EFFECTS = (0.0, 0.1, 0.3)
"""Of the position, on average over a plate, in units of the noise of a well."""
ALIGNMENTS = ("none", "centerscale", "pca-centerscale", "tvn", "tvn-centered")
DESIGN = Design(dimension=128, controls=16, pairs=3, genes=30, plates=9, effect=0.0)
_MOVED = 16
_FOUND, _FALSE, _LEFT = 0.01, 0.12, 0.08
_LEVEL = 0.05


def of_positions(
    seeds: Sequence[int],
    design: Design = DESIGN,
    effects: Sequence[float] = EFFECTS,
    run: Run = one_by_one,
) -> list[dict[str, Any]]:
    """A row for each effect of the position: what silent genes get, before and after."""
    rows = []
    run(silent_shares, [(design, seed, effect) for seed in seeds for effect in effects])
    for effect in effects:
        found = run(silent_shares, [(design, seed, effect) for seed in seeds])
        false, left, seen, after = (np.array(column) for column in zip(*found, strict=True))
        is_found = float(np.mean(seen <= _FOUND))
        row: dict[str, Any] = {
            "position effect": effect,
            "silent genes of strength_p <= .05": float(false.mean()),
            "with position=True": float(left.mean()),
            "most of a seed": float(left.max()),
            "position found at p <= .01": is_found,
            "found after subtraction": float(np.mean(after <= _FOUND)),
        }
        if effect == 0:
            row |= {"held to": "found in one of ten at most", "holds": is_found <= 0.1}
        else:
            held = f"found, and at most {_FALSE:.2f} after"
            row |= {"held to": held, "holds": bool(is_found == 1 and left.mean() <= _FALSE)}
        rows.append(row)
    return rows


def silent_shares(design: Design, seed: int, effect: float) -> tuple[float, float, float, float]:
    """Shares of silent genes with a small strength_p and p of the position, before and after."""
    screen = Screen(seed, replace(design, position=_position_of(effect, design.dimension)))
    silent = screen.truth.index[~screen.truth["is_active"]]
    with tempfile.TemporaryDirectory() as folder:
        dataset = screen.open(Path(folder))
        shares, p = [], []
        for position in (False, True):
            m = dataset.phenomap(position=position)
            shares.append(float((m.scores.loc[silent, "strength_p"] <= _LEVEL).mean()))
            p.append(float(m.diagnostics.set_index("source").loc["position", "p"]))
    return shares[0], shares[1], p[0], p[1]


def _position_of(effect: float, dimension: int) -> float:
    """What `Design.position` is for an effect of this standard deviation in each dimension.

    Along rows and columns it goes from -1 to 1, a variance of 1/3 each; one well in five is at the
    edge, which makes .16.
    """
    return effect * np.sqrt(dimension / (1 / 3 + 1 / 3 + 0.16) / _MOVED)


def of_alignments(
    seeds: Sequence[int], design: Design = DESIGN, run: Run = one_by_one
) -> list[dict[str, Any]]:
    """A row for each alignment: what experiments explain of the controls, and what comes of it."""
    of_seeds = run(left_by_alignments, [(design, seed) for seed in seeds])
    found = {align: [each[align] for each in of_seeds] for align in ALIGNMENTS}
    rows = []
    for align, each in found.items():
        before, after, chance, cosine = np.mean(each, axis=0)
        row = {
            "alignment": align,
            "experiments before": float(before),
            "after": float(after),
            "by chance": float(chance),
            "mean cosine of silent genes of one pair of experiments": float(cosine),
        }
        if align == "tvn-centered":
            row |= {"held to": f"after <= {_LEFT:.2f}", "holds": bool(after <= _LEFT)}
        else:
            row |= {"held to": "", "holds": True}
        rows.append(row)
    return rows


def left_by_alignments(design: Design, seed: int) -> dict[str, tuple[float, ...]]:
    """What `of_alignments` takes the mean of, of one screen."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = Screen(seed, design).open(Path(folder))
        return {a: _left_of_experiments(dataset.phenomap(align=a)) for a in ALIGNMENTS}


def _left_of_experiments(m: Any) -> tuple[float, ...]:
    row = m.diagnostics.set_index("source").loc["experiment"]
    labels = m.labels.index != CONTROL
    vectors = np.asarray(m.vectors[labels], dtype=np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pair = np.array([m.wells_of(key)[0].split("_")[0] for key in m.labels.index[labels]])
    number = np.array([int(name.split("-")[1]) for name in pair])
    pairs = (number - 1) % (len(np.unique(m.space.experiment)) // 2)
    cosines = vectors @ vectors.T
    same = (pairs[:, None] == pairs) & ~np.eye(len(pairs), dtype=bool)
    return row["before"], row["after"], row["chance"], float(cosines[same].mean())


def measure(seeds: Sequence[int], run: Run = one_by_one) -> list[Part]:
    """What is found of places on the plate and of experiments."""
    places, batches = of_positions(seeds, run=run), of_alignments(seeds, run=run)
    bars = [(f"effect {row['position effect']}", row["with position=True"]) for row in places]
    return [
        Part(
            "Places that pass as phenotypes",
            "Genes without any effect, on layouts that are the same on all plates of a pair of "
            "experiments, where rows, columns and the two outermost wells move the vectors. The "
            "effect of the position is its standard deviation over the plate, in each dimension, "
            "in units of a well's noise. `position=True` subtracts it; `m.diagnostics` finds it.",
            places,
            Bars("Silent genes of strength_p <= .05, position subtracted", bars, 0.0, _FALSE),
        ),
        Part(
            "What an alignment leaves of experiments",
            "Share of the variance of the controls that experiments explain, before and after each "
            "alignment (of controls that it was not fitted to), and the mean cosine of genes "
            "without any effect that were screened in the same two experiments.",
            batches,
        ),
    ]
