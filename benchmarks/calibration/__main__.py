"""The one command: python -m benchmarks.calibration [--seeds 10] [--only lists].

It goes on where it ended: what a screen showed is kept until the code changes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from benchmarks.calibration.page import renew_page, write_page
from benchmarks.calibration.part import Part
from benchmarks.calibration.runs import side_by_side
from benchmarks.settings import ROOT

PARTS = ("lists", "activity", "position", "doses", "sets", "arms")
"""Modules of this package; each has `measure(seeds, run)`, which answers a list of `Part`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate, count and write the page; 1 if something is not as it is held to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="screens of each design")
    help_ = "these parts; the others stay on the page"
    parser.add_argument("--only", nargs="+", choices=PARTS, help=help_)
    arguments = parser.parse_args(argv)
    page = ROOT / "docs" / "calibration.md"
    modules = [import_module(f"benchmarks.calibration.{n}") for n in arguments.only or PARTS]
    with side_by_side() as run:
        for n in range(1, arguments.seeds + 1):  # a page of what there is, if it ends before
            parts: list[Part] = [part for m in modules for part in m.measure(range(n), run)]
            write = renew_page if arguments.only else write_page
            write(page, parts, n)
            print(f"{n} of {arguments.seeds} seeds", file=sys.stderr)
    for part in parts:
        print(part.title, *part.rows, sep="\n")
    return 1 if any(part.fails for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
