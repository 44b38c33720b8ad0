"""Who is called active, and which guide is called odd, where the truth is known."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.part import Bars, Part
from benchmarks.calibration.runs import Run, one_by_one
from benchmarks.calibration.screens import Design, Screen

__all__ = ["active_of_few", "chance", "measure", "named_guides"]

GENES = Design(effect=0, pairs=4, plates=9)
COMPOUNDS = Design(effect=0, pairs=1, genes=2, plates=1, compounds=60)
SILENT = {
    "genes, 16 controls a plate": GENES,
    "genes, 116 controls a plate": replace(GENES, controls=116),
    "genes, 16 controls a plate, 384 dimensions": replace(GENES, dimension=384),
    "compounds, 16 controls a plate": COMPOUNDS,
    "compounds, 116 controls a plate": replace(COMPOUNDS, controls=116),
    "compounds, 16 controls a plate, 384 dimensions": replace(COMPOUNDS, dimension=384),
}
N_ACTIVE = 11
FEW = {
    "480 genes": Design(
        pairs=24, plates=3, effect=0, active=0, complexes=(1,) * N_ACTIVE, related=0.7
    ),
    "480 genes, 116 controls a plate": Design(
        pairs=24, plates=3, effect=0, active=0, complexes=(1,) * N_ACTIVE, related=0.7, controls=116
    ),
}
GUIDED = Design(pairs=2, genes=20, plates=9)
EFFECTS = (0.0, 0.2, 0.3, 0.5, 1.0)
_IN_RANGE = (0.02, 0.08)


def measure(seeds: Sequence[int], run: Run = one_by_one) -> list[Part]:
    """All tables of activity, over some seeds."""
    return [_chance(seeds, run), _few(seeds, run), _guides(seeds, run)]


def chance(design: Design, seed: int) -> float:
    """Share of the entries that have an activity_p of at most 0.05, where nothing does anything."""
    p = _scores(Screen(seed, design))["activity_p"].dropna()
    return float((p <= 0.05).mean())


def active_of_few(design: Design, seed: int) -> tuple[int, int]:
    """Active genes that are found, and others that are called active."""
    screen = Screen(seed, design)
    scores = _scores(screen)
    is_active = screen.truth["is_active"].reindex(scores.index, fill_value=False)
    return int((scores["is_active"] & is_active).sum()), int(
        (scores["is_active"] & ~is_active).sum()
    )


def named_guides(design: Design, seed: int) -> list[str]:
    """The guide of each gene that is called odd; empty for none."""
    screen = Screen(seed, design)
    named = _scores(screen).loc[screen.truth.index, "odd_guide"]
    return [str(guide) for guide in named.fillna("")]


def _scores(screen: Screen) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return screen.open(Path(folder)).phenomap().scores


def _chance(seeds: Sequence[int], run: Run) -> Part:
    rows: list[dict[str, Any]] = []
    run(chance, [(design, seed) for seed in seeds for design in SILENT.values()])
    for words, design in SILENT.items():
        shares = run(chance, [(design, seed) for seed in seeds])
        rows.append(
            {
                "no signal": words,
                "share of activity_p <= .05": float(np.mean(shares)),
                "least": min(shares),
                "most": max(shares),
                "held to": "{} to {}".format(*_IN_RANGE),
                "holds": bool(_IN_RANGE[0] <= np.mean(shares) <= _IN_RANGE[1]),
            }
        )
    values = [(row["no signal"], row["share of activity_p <= .05"]) for row in rows]
    return Part(
        "Activity without any effect",
        "No gene and no compound does anything. Each row is a design; least and most are the "
        "shares of single screens.",
        rows,
        Bars("Share of silent entries with activity_p <= .05", values, *_IN_RANGE),
    )


def _few(seeds: Sequence[int], run: Run) -> Part:
    rows = []
    run(active_of_few, [(design, seed) for seed in seeds for design in FEW.values()])
    for words, design in FEW.items():
        found, false = np.array(run(active_of_few, [(design, seed) for seed in seeds])).T
        rows.append(
            {
                "screen": f"{words}, {N_ACTIVE} of them active",
                "found": float(found.mean()),
                "found, least": int(found.min()),
                "false": float(false.mean()),
                "false, most": int(false.max()),
                "held to": "at least 9 found, at most 1 false on average",
                "holds": bool(found.mean() >= 9 and false.mean() <= 1),
            }
        )
    return Part(
        "Few active ones among many",
        "The active genes have an effect of 0.7; all others do nothing. Called active is what has "
        "an activity_q of at most 0.05.",
        rows,
    )


def _guides(seeds: Sequence[int], run: Run) -> Part:
    alike = [(replace(GUIDED, effect=effect), effect) for effect in EFFECTS]
    # of weaker effects no guide can be told from one that does nothing
    dead = [(replace(GUIDED, effect=e, dead_guides=1), e) for e in EFFECTS if e >= 0.5]
    run(named_guides, [(design, seed) for seed in seeds for design, _ in (*alike, *dead)])
    rows = []
    for design, effect in sorted((*alike, *dead), key=lambda each: each[1]):
        of_seeds = run(named_guides, [(design, seed) for seed in seeds])
        rows.append(_named(effect, design, [guide for named in of_seeds for guide in named]))
    return Part(
        "The odd guide",
        "Six guides of each gene, of one effect; or the last one does nothing. Named is a guide "
        "that `odd_guide` gives; right, if it is the one that does nothing.",
        rows,
    )


def _named(effect: float, design: Design, guides: list[str]) -> dict[str, Any]:
    share = float(np.mean([guide != "" for guide in guides]))
    row = {"effect": effect, "guides": "all alike", "genes": len(guides), "named": share}
    if not design.dead_guides:
        return {**row, "right": np.nan, "held to": "at most .05 named", "holds": share <= 0.05}
    right = float(np.mean([guide.endswith(f"_guide_{design.guides}") for guide in guides]))
    row |= {"guides": "one does nothing", "right": right}
    return {**row, "held to": "at least .8 right", "holds": right >= 0.8}
