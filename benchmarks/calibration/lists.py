"""How often p, q and the likeness across experiments are right in lists of neighbors."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.part import Bars, Part
from benchmarks.calibration.runs import Run, one_by_one
from benchmarks.calibration.screens import CONTROL, Design, Screen

__all__ = ["Found", "found_complexes", "measure", "unrelated_shares"]

LEVEL = 0.05
SHARE = (0.02, 0.08)
"""What the share of p <= .05 among unrelated pairs is held to."""
POWER, FALSE_ON_AVERAGE, FALSE_IN_ANY = 0.8, 0.10, 0.15

CLASSES = ("genes of the same experiments", "genes of others", "compounds of one experiment")
_ALL = 10**6
_QUERIES, _OTHERS, _NEAR = 30, 40, 60
_CONTROLS, _DIMENSIONS, _EFFECTS = (16, 116), (64, 128, 384), (0.0, 0.5, 1.0)
_COMPLEXES = (2, 2, 2, 4, 4, 8)


def measure(seeds: Sequence[int], run: Run = one_by_one) -> list[Part]:
    """The sections of lists of neighbors."""
    return [_unrelated(seeds, run), _complexes(seeds, run)]


# --- unrelated pairs ---------------------------------------------------------------------------


def unrelated_shares(
    design: Design, seeds: Sequence[int], queries: int = _QUERIES, run: Run = one_by_one
) -> pd.DataFrame:
    """Numbers of unrelated pairs by class, of screens in which nothing is related.

    Returns
    -------
    pandas.DataFrame
        Indexed by class: n (pairs), p (share of p <= .05), no_p (share without p), across (share
        of across_rank <= .05), percentile (share of percentile <= .05), cosine (mean).
    """
    counts = run(unrelated_counts, [(design, seed, queries) for seed in seeds])
    total = pd.concat([pd.DataFrame(each) for each in counts]).groupby("class").sum()
    shares = pd.DataFrame(
        {
            "n": total["n"],
            "p": total["p"] / (total["n"] - total["no_p"]),
            "no_p": total["no_p"] / total["n"],
            "across": total["across"] / total["n_across"],
            "percentile": total["percentile"] / total["n"],
            "cosine": total["cosine"] / total["n"],
        }
    )
    return shares.reindex(CLASSES).dropna(how="all")


def unrelated_counts(design: Design, seed: int, queries: int) -> list[dict[str, Any]]:
    """What `unrelated_shares` adds up, of one screen."""
    screen, found = Screen(seed, design), []
    with _map_of(screen) as m:
        for key in _queries(m, queries):
            table = m.nearest(key, _ALL, scored=False)
            table["class"] = _class_of(screen, m, key, table["key"])
            found.append(table[table["class"] != ""])
    return [
        {
            "class": name,
            "n": len(here),
            "p": int((here["p_value"] <= LEVEL).sum()),
            "no_p": int(here["p_value"].isna().sum()),
            "across": int((here["across_rank"] <= LEVEL).sum()),
            "n_across": int(here["across_rank"].notna().sum()),
            "percentile": int((here["percentile"] <= LEVEL).sum()),
            "cosine": float(here["similarity"].sum()),
        }
        for name, here in pd.concat(found).groupby("class")
    ]


def _unrelated(seeds: Sequence[int], run: Run) -> Part:
    rows, bars = [], []
    designs = {
        which: Design(controls=which[0], dimension=which[1], effect=which[2], compounds=20)
        for which in itertools.product(_CONTROLS, _DIMENSIONS, _EFFECTS)
    }
    # all at once, so that no core waits between them
    run(unrelated_counts, [(d, seed, _QUERIES) for seed in seeds for d in designs.values()])
    for (controls, d, effect), design in designs.items():
        for name, share in unrelated_shares(design, seeds, run=run).iterrows():
            low, high = SHARE
            rows.append(
                {
                    "controls a plate": controls,
                    "dimension": d,
                    "effect": effect,
                    "unrelated pairs": str(name),
                    "n": int(share["n"]),
                    "mean cosine": float(share["cosine"]),
                    "percentile <= .05": float(share["percentile"]),
                    "p <= .05": float(share["p"]),
                    "without p": float(share["no_p"]),
                    "across_rank <= .05": float(share["across"]),
                    "held to": f"p: {low} to {high}",
                    "holds": bool(low <= share["p"] <= high),
                }
            )
            if d == _DIMENSIONS[-1]:
                bars.append((f"{controls} controls, effect {effect}, {name}", float(share["p"])))
    words = (
        "Nothing is related to anything. Of unrelated pairs, 5 % should have p <= .05, in each "
        "class by itself. *percentile* is the share among all pairs of the map, which genes of the "
        "same experiments pass for no reason: they share the error of their controls' mean."
    )
    drawn = Bars("Share of p <= .05 among unrelated pairs, 384 dimensions", bars, *SHARE)
    return Part("Unrelated pairs", words, rows, drawn)


def _class_of(screen: Screen, m: Any, key: str, others: pd.Series) -> list[str]:
    """The class of each pair; empty for what is no pair of two perturbations."""
    truth, name = screen.truth, m.labels["treatment"]
    mine = name[key]
    classes = []
    for other in name[others]:
        if CONTROL in (mine, other) or mine == other:
            classes.append("")
            continue
        kinds = {mine.startswith("GENE"), other.startswith("GENE")}
        together = truth.loc[mine, "first"] == truth.loc[other, "first"]
        if kinds == {True}:
            classes.append(CLASSES[0] if together else CLASSES[1])
        else:
            classes.append(CLASSES[2] if kinds == {False} and together else "")
    return classes


# --- complexes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What was called in one screen at q <= .05.

    `power` is the share of members found by queries that rank all of them first (`n_perfect` of
    them); `false` the share of false ones among what all members' lists call, `false_of_all` among
    what all lists of genes call.
    """

    power: float
    n_perfect: int
    false: float
    false_of_all: float


def found_complexes(screen: Screen, others: int | None = None) -> Found:
    """Ask for all members of complexes, and for all (or so many) other genes."""
    truth = screen.truth
    members = truth.index[truth["complex"] >= 0]
    silent = [name for name in truth.index if name.startswith("GENE") and name not in members]
    hits, possible, called, wrong, of_others = 0, 0, 0, 0, 0
    n_perfect = 0
    with _map_of(screen) as m:
        for key in [*members, *silent[:others]]:
            table = m.nearest(key, _NEAR, scored=False)
            is_called = (table["q_value"] <= LEVEL).to_numpy()
            mates = set(truth.index[truth["complex"] == truth.loc[key, "complex"]]) - {key}
            is_mate = table["key"].isin(mates).to_numpy() & (truth.loc[key, "complex"] >= 0)
            if key not in members:
                of_others += int(is_called.sum())
                continue
            called += int(is_called.sum())
            wrong += int((is_called & ~is_mate).sum())
            if is_mate[: len(mates)].all():
                n_perfect += 1
                possible += len(mates)
                hits += int((is_called & is_mate).sum())
    return Found(
        hits / possible if possible else np.nan,
        n_perfect,
        wrong / max(called, 1),
        (wrong + of_others) / max(called + of_others, 1),
    )


def _complexes(seeds: Sequence[int], run: Run) -> Part:
    rows = []
    varied = itertools.product(_CONTROLS, _DIMENSIONS, _EFFECTS, (False, True))
    # the effect of the others is varied at one dimension
    kept = [v for v in varied if v[2] == _EFFECTS[1] or v[1] == _DIMENSIONS[1]]
    designs = [_with_complexes(*each) for each in kept]
    run(complexes_of, [(design, seed) for seed in seeds for design in designs])
    for (controls, d, effect, together), design in zip(kept, designs, strict=True):
        found = [Found(**each) for each in run(complexes_of, [(design, seed) for seed in seeds])]
        power = float(np.nanmean([f.power for f in found]))
        false = [f.false for f in found]
        rows.append(
            {
                "controls a plate": controls,
                "dimension": d,
                "effect of the others": effect,
                "complexes": "within experiments" if together else "across experiments",
                "perfect lists": sum(f.n_perfect for f in found),
                "power": power,
                "false": float(np.mean(false)),
                "false, worst seed": float(np.max(false)),
                "false, all lists": float(np.mean([f.false_of_all for f in found])),
                "held to": f">= {POWER}, <= {FALSE_ON_AVERAGE}, <= {FALSE_IN_ANY}",
                "holds": bool(
                    power >= POWER
                    and np.mean(false) <= FALSE_ON_AVERAGE
                    and np.max(false) <= FALSE_IN_ANY
                ),
            }
        )
    sizes = ", ".join(map(str, _COMPLEXES))
    words = (
        f"Complexes of {sizes} genes of effect 1 among 160 genes of the effect that the row says. "
        "*power* is the share of members with q <= .05 in lists that have all members first; "
        "*false* the share of others among what their lists call; *all lists* counts "
        f"those of {_OTHERS} other genes as well."
    )
    return Part("Planted complexes", words, rows)


def _with_complexes(controls: int, dimension: int, effect: float, together: bool) -> Design:
    return Design(
        dimension=dimension,
        controls=controls,
        effect=effect,
        complexes=_COMPLEXES,
        related=1.0,
        together=together,
    )


def complexes_of(design: Design, seed: int) -> dict[str, float]:
    """What is found in one screen: `Found` as a dict."""
    return asdict(found_complexes(Screen(seed, design), _OTHERS))


# --- maps --------------------------------------------------------------------------------------


@contextmanager
def _map_of(screen: Screen) -> Iterator[Any]:
    """The map of a screen, in a folder that goes."""
    with tempfile.TemporaryDirectory(prefix="calibration-") as folder:
        yield screen.open(Path(folder)).phenomap()


def _queries(m: Any, n: int) -> Iterator[str]:
    """Genes and compounds at a dose, spread over all of them."""
    keys = m.labels.index[m.labels["treatment"] != CONTROL]
    is_gene = keys.str.startswith("GENE")
    for of_kind in (keys[is_gene], keys[~is_gene]):
        yield from of_kind[:: max(1, len(of_kind) // n)][:n]
