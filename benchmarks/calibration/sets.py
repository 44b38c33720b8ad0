"""Which gene sets are said to be over-represented, where it is known which ones are."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration.part import Part
from benchmarks.calibration.runs import Run, one_by_one
from benchmarks.calibration.screens import Design, Screen

__all__ = ["PLANTED", "SILENT", "called", "found", "measure"]

_GENES = Design(pairs=8, genes=30, controls=16)
SILENT = {
    "no effect": replace(_GENES, effect=0.0),
    "no effect, 116 controls a plate": replace(_GENES, effect=0.0, controls=116),
    "effects that are all unrelated": replace(_GENES, effect=0.5),
}
_SETS_OF = (12, 12, 16, 20)
PLANTED = {
    f"sets of {', '.join(map(str, _SETS_OF))} genes of likeness {likeness:g}": replace(
        _GENES, effect=0.7, complexes=_SETS_OF, likeness=likeness
    )
    for likeness in (0.25, 0.5)
}
_N_NEAREST = 20
_N_RANDOM, _SMALLEST, _LARGEST = 200, 10, 60
_MOST, _FOUND = 0.05, 0.8


def measure(seeds: Sequence[int], run: Run = one_by_one) -> list[Part]:
    """All tables of gene sets, over some seeds."""
    return [_chance(seeds, run), _planted(seeds, run)]


def called(design: Design, seed: int, together: bool) -> tuple[int, int, int, int]:
    """Tests and those of p <= .05, lists and those in which any set is called.

    No set has anything to do with the effects. `together` makes them of genes of one pair of
    experiments.
    """
    screen = Screen(seed, design)
    tables = _lists(screen, _random_sets(screen, together), list(screen.truth.index[::4]))
    n_tests = sum(len(table) for table in tables)
    n_small = sum(int((table["p_value"] <= 0.05).sum()) for table in tables)
    n_called = sum(bool((table["q_value"] <= 0.05).any()) for table in tables)
    return n_tests, n_small, len(tables), n_called


def found(design: Design, seed: int) -> tuple[int, int, int, float]:
    """Members of planted sets, those whose list calls their set, and those that call another.

    The last number is the sum over lists of the false share of what each of them calls.
    """
    screen = Screen(seed, design)
    sets, complex_of = _random_sets(screen, False), screen.truth["complex"]
    for number in range(len(design.complexes)):
        sets[f"planted {number}"] = tuple(complex_of.index[complex_of == number])
    members = complex_of[complex_of >= 0]
    own = other = 0
    false_shares = 0.0
    for table, number in zip(_lists(screen, sets, list(members.index)), members, strict=True):
        names = set(table["set"][table["q_value"] <= 0.05])
        own += f"planted {number}" in names
        others = names - {f"planted {number}"}
        other += bool(others)
        false_shares += len(others) / max(len(names), 1)
    return len(members), own, other, false_shares


def _random_sets(screen: Screen, together: bool) -> dict[str, tuple[str, ...]]:
    """Sets of genes that were drawn, of all genes or of those of one pair of experiments."""
    rng, sets = np.random.default_rng(screen.seed), {}
    groups = [list(genes) for _, genes in screen.truth.groupby("first").groups.items()]
    for number in range(_N_RANDOM):
        genes = groups[rng.integers(len(groups))] if together else list(screen.truth.index)
        size = int(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
        chosen = rng.choice(len(genes), min(size, len(genes) // 2), replace=False)
        sets[f"random {number}"] = tuple(genes[i] for i in chosen)
    return sets


def _lists(screen: Screen, sets: dict[str, tuple[str, ...]], genes: Sequence[str]) -> list[Any]:
    """The sets that are tested among the nearest to each of some genes."""
    import napari_rxrx3 as rx

    with tempfile.TemporaryDirectory() as folder:
        m = screen.open(Path(folder)).phenomap()
        made = rx.GeneSets("simulated", sets)
        return [m.enrichment_near(gene, made, _N_NEAREST) for gene in genes]


def _chance(seeds: Sequence[int], run: Run) -> Part:
    rows: list[dict[str, Any]] = []
    for words, design in SILENT.items():
        for together in (False, True):
            runs = np.array(run(called, [(design, seed, together) for seed in seeds])).sum(axis=0)
            share = float(runs[3] / runs[2])
            rows.append(
                {
                    "unrelated genes": words,
                    "sets": "of one pair of experiments" if together else "of any genes",
                    "share of p <= .05": float(runs[1] / runs[0]),
                    "lists with a false call (q <= .05)": share,
                    "held to": "" if together else f"at most {_MOST} of the lists",
                    "holds": together or share <= _MOST,
                }
            )
    return Part(
        "Gene sets without any signal",
        f"{_N_RANDOM} sets of {_SMALLEST} to {_LARGEST} genes that were drawn at random, tested "
        f"among the {_N_NEAREST} genes nearest to each of 60 genes. Nothing is related, so any set "
        "that is called is called falsely. Sets of genes that were screened together come into "
        "lists together, as [Maps](maps.md#what-the-nearest-have-in-common-gene-sets) says: these "
        "rows show how often.",
        rows,
    )


def _planted(seeds: Sequence[int], run: Run) -> Part:
    rows: list[dict[str, Any]] = []
    for words, design in PLANTED.items():
        runs = np.array(run(found, [(design, seed) for seed in seeds])).sum(axis=0)
        power, any_false, false_share = (float(n / runs[0]) for n in runs[1:])
        is_clear, clear = design.likeness >= 0.5, f">= {_FOUND} called, "
        rows.append(
            {
                "planted": words,
                "members asked": int(runs[0]),
                "own set called": power,
                "lists with a false call": any_false,
                "mean false share of what a list calls": false_share,
                "held to": f"{clear if is_clear else ''}false share <= {_MOST}",
                "holds": (power >= _FOUND or not is_clear) and false_share <= _MOST,
            }
        )
    return Part(
        "Planted gene sets",
        f"The genes of a set have effects of 0.7 whose cosine is the likeness; all others have "
        f"effects of their own. {_N_RANDOM} random sets are tested with them, among the "
        f"{_N_NEAREST} genes nearest to each member. q bounds the mean false share of what is "
        "called, not how many lists have a false call.",
        rows,
    )
