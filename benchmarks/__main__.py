"""The one command: python -m benchmarks [--quick]."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

from benchmarks import history
from benchmarks.machine import describe, machine_name
from benchmarks.parts import PARTS, PEER_PARTS
from benchmarks.report import table, write_report
from benchmarks.results import PartResult, Run
from benchmarks.settings import FULL, QUICK, Settings
from benchmarks.subprocesses import PartFailed, call


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, compare with the last run, write; 1 if a part did not come to an end."""
    arguments = _parser().parse_args(argv)
    settings = QUICK if arguments.quick else FULL
    if arguments.report:
        write_report(settings.page, Run.load(settings.results))
        return 0
    no_peers = arguments.quick or arguments.no_peers
    names = arguments.only or [name for name in PARTS if not (no_peers and name in PEER_PARTS)]
    run = _measure(names, settings)
    print(table(run.rows))
    if not arguments.only:
        if not arguments.no_history:
            _compare_and_keep(run, settings)
        run.save(settings.results)
        write_report(settings.page, run)
    return 1 if run.failed else 0


def _measure(names: Sequence[str], settings: Settings) -> Run:
    """Run parts one after the other, each in a new process with an empty cache."""
    start = time.perf_counter()
    description = describe()
    parts, failed = dict[str, PartResult](), dict[str, str]()
    cache = settings.folder / "cache"
    for name in names:
        began = time.perf_counter()
        shutil.rmtree(cache, ignore_errors=True)
        try:
            stored = call("benchmarks.parts:run", name, settings.name, cache=cache)
            parts[name] = PartResult.from_dict(stored)
            said = "done"
        except PartFailed as error:
            failed[name] = str(error).splitlines()[-1]
            said = f"FAILED\n{error}"
        print(f"{name}: {said} in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    shutil.rmtree(cache, ignore_errors=True)
    minutes = (time.perf_counter() - start) / 60
    description["run"] = f"{settings.name}, {minutes:.1f} minutes"
    return Run(description, settings.as_dict(), parts, failed)


def _compare_and_keep(run: Run, settings: Settings) -> None:
    before = history.last_of(settings.history, machine_name(run.description), settings.name)
    if before is not None:
        for sentence in history.slower(run.rows, before):
            print(f"SLOWER  {sentence}")
    try:
        history.append(settings.history, history.entry(run))
    except ValueError as error:
        print(f"NOT KEPT  {error}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, under two minutes")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these parts; keep nothing")
    parser.add_argument("--no-history", action="store_true", help="compare with no other run")
    parser.add_argument("--no-peers", action="store_true", help="leave out other plugins")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing, write the page of the last results"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
