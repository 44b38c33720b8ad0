"""Who is called active, and which guide is called odd, where the truth is known."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.part import Bars, Part
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


def measure(seeds: Iterable[int]) -> list[Part]:
    """All tables of activity, over some seeds."""
    seeds = list(seeds)
    return [_chance(seeds), _few(seeds), _guides(seeds)]


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


def named_guides(design: Design, seed: int) -> pd.Series[Any]:
    """The guide of each gene that is called odd."""
    screen = Screen(seed, design)
    return _scores(screen).loc[screen.truth.index, "odd_guide"]


def _scores(screen: Screen) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return screen.open(Path(folder)).phenomap().scores


def _chance(seeds: list[int]) -> Part:
    rows: list[dict[str, Any]] = []
    for words, design in SILENT.items():
        shares = [chance(design, seed) for seed in seeds]
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


def _few(seeds: list[int]) -> Part:
    rows = []
    for words, design in FEW.items():
        found, false = np.array([active_of_few(design, seed) for seed in seeds]).T
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


def _guides(seeds: list[int]) -> Part:
    rows = [row for effect in EFFECTS for row in _of_effect(effect, seeds)]
    return Part(
        "The odd guide",
        "Six guides of each gene, of one effect; or the last one does nothing. Named is a guide "
        "that `odd_guide` gives; right, if it is the one that does nothing.",
        rows,
    )


def _of_effect(effect: float, seeds: list[int]) -> Iterator[dict[str, Any]]:
    alike = pd.concat([named_guides(replace(GUIDED, effect=effect), seed) for seed in seeds])
    share = float(alike.notna().mean())
    row = {"effect": effect, "guides": "all alike", "genes": len(alike), "named": share}
    yield {**row, "right": np.nan, "held to": "at most .05 named", "holds": share <= 0.05}
    if effect < 0.5:  # too weak for any of its guides to be told from one that does nothing
        return
    one_dead = replace(GUIDED, effect=effect, dead_guides=1)
    named = pd.concat([named_guides(one_dead, seed) for seed in seeds])
    right = float(named.str.endswith(f"_guide_{GUIDED.guides}").fillna(False).mean())
    row = {"effect": effect, "guides": "one does nothing", "genes": len(named)}
    row |= {"named": float(named.notna().mean()), "right": right}
    yield {**row, "held to": "at least .8 right", "holds": right >= 0.8}
