"""The one command: python -m benchmarks.calibration [--seeds 10] [--only lists]."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module

from benchmarks.calibration.page import write_page
from benchmarks.calibration.part import Part
from benchmarks.settings import ROOT

PARTS = ("lists", "activity", "position")
"""Modules of this package; each has `measure(seeds)`, which answers a list of `Part`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate, count and write the page; 1 if something is not as it is held to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="screens of each design")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts; write no page")
    arguments = parser.parse_args(argv)
    parts: list[Part] = []
    for name in arguments.only or PARTS:
        began = time.perf_counter()
        found = import_module(f"benchmarks.calibration.{name}").measure(range(arguments.seeds))
        parts += found
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
        for part in found:
            print(part.title, *part.rows, sep="\n")
    if not arguments.only:
        write_page(ROOT / "docs" / "calibration.md", parts, arguments.seeds)
    return 1 if any(part.fails for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
