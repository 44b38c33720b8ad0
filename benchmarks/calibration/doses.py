"""Whose effect is said to grow with the dose, and from which dose on, where the truth is known."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.part import Part
from benchmarks.calibration.runs import Run, one_by_one
from benchmarks.calibration.screens import Design, Screen

__all__ = ["MANY", "SILENT", "called", "halves_found", "measure"]

_COMPOUNDS = Design(
    pairs=1, genes=2, plates=1, compounds=100, compound_plates=6, controls=64, curves=True
)
SILENT = {
    "no effect": replace(_COMPOUNDS, effect=0),
    "no effect, 16 controls a plate": replace(_COMPOUNDS, effect=0, controls=16),
    "no effect, 384 dimensions": replace(_COMPOUNDS, effect=0, dimension=384),
    "no effect, positions move wells": replace(_COMPOUNDS, effect=0, position=0.3),
    "all doses act alike": replace(_COMPOUNDS, effect=2, flat=True),
}
MANY = {
    f"effect {effect:g}": replace(_COMPOUNDS, effect=effect, active=0.3)
    for effect in (1.0, 1.5, 2.0, 3.0)
}
_MOST = 0.07
_WITHIN = 0.8


def measure(seeds: Sequence[int], run: Run = one_by_one) -> list[Part]:
    """All tables of doses, over some seeds."""
    return [_chance(seeds, run), _planted(seeds, run)]


def called(design: Design, seed: int) -> tuple[int, int, int]:
    """Compounds, those with a trend_p of at most 0.05, and those that are said to have a trend."""
    table = _doses(Screen(seed, design))
    n_small = int((table["trend_p"] <= 0.05).sum())
    return len(table), n_small, int(table["has_trend"].sum())


def halves_found(design: Design, seed: int) -> dict[str, float]:
    """Of the planted compounds how many have a trend, an EC50, one within twofold, and one whose
    interval holds the truth; of the silent ones how many have a trend; and the part of the whole
    effect that the lowest active dose has, in the median.
    """
    screen = Screen(seed, design)
    table = _doses(screen)
    is_active = screen.truth["is_active"].reindex(table.index).to_numpy(bool)
    held = table[is_active & table["has_trend"].to_numpy()]
    half = pd.Series({name: screen.half_of(str(name)) for name in held.index}, dtype=float)
    ratio = held["ec50"] / half
    is_covered = (held["ec50_low"].fillna(0) <= half) & (half <= held["ec50_high"].fillna(np.inf))
    part = 1 / (1 + (half / held["lowest_active_dose"]) ** 1.5)
    return {
        "planted": int(is_active.sum()),
        "found": len(held),
        "given": int(ratio.notna().sum()),
        "within": int(((ratio >= 0.5) & (ratio <= 2)).sum()),
        "covered": int(is_covered[ratio.notna()].sum()),
        "part": float(part.median()),
        "silent": int((~is_active).sum()),
        "false": int(table["has_trend"].to_numpy()[~is_active].sum()),
    }


def _doses(screen: Screen) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return screen.open(Path(folder)).phenomap(align="none").dose_response


def _chance(seeds: Sequence[int], run: Run) -> Part:
    rows: list[dict[str, Any]] = []
    for words, design in SILENT.items():
        found = np.array(run(called, [(design, seed) for seed in seeds]))
        share = float(found[:, 1].sum() / found[:, 0].sum())
        rows.append(
            {
                "no trend": words,
                "share of trend_p <= .05": share,
                "said to have a trend": float(found[:, 2].sum() / found[:, 0].sum()),
                "held to": f"at most {_MOST}",
                "holds": share <= _MOST,
            }
        )
    words = "Of no compound the effect grows with the dose. Each row is a design of 100 compounds."
    return Part("Doses without a trend", words, rows)


def _planted(seeds: Sequence[int], run: Run) -> Part:
    rows: list[dict[str, Any]] = []
    for words, design in MANY.items():
        runs = pd.DataFrame(run(halves_found, [(design, seed) for seed in seeds]))
        total = runs.sum()
        within, false = total["within"] / total["given"], total["false"] / total["silent"]
        is_strong = design.effect >= 2
        rows.append(
            {
                "30 in 100 compounds": words,
                "trend found": float(total["found"] / total["planted"]),
                "trend said of silent ones": float(false),
                "EC50 given": float(total["given"] / total["found"]),
                "within twofold": float(within),
                "interval holds the truth": float(total["covered"] / total["given"]),
                "part of the effect at the lowest active dose": float(runs["part"].median()),
                "held to": f"{_WITHIN} within twofold, {_MOST} false" if is_strong else "",
                "holds": bool((within >= _WITHIN or not is_strong) and false <= _MOST),
            }
        )
    return Part(
        "Planted dose curves",
        "Hill curves of slope 1.5, each with a half of its own between 0.025 and 2.5 µM, four "
        "wells at each of eight doses, on four of six plates. An EC50 is compared with the planted "
        "one where it is given.",
        rows,
    )
