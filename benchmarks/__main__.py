"""The one command: python -m benchmarks [--quick]."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks import history
from benchmarks.machine import describe, machine_name
from benchmarks.parts import PARTS, Found
from benchmarks.reasons import REASONS
from benchmarks.report import table, write_report
from benchmarks.settings import FULL, HISTORY, QUICK, REPORT, Settings
from benchmarks.subprocesses import PartFailed, call
from benchmarks.timing import Row

_PEERS_ONLY = {"ome-zarr", "clusters-plotter"}


@dataclass
class _Run:
    settings: Settings
    found: list[Found] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def run(self, parts: Sequence[str]) -> None:
        """Run parts one after the other, each in a new process with an empty cache."""
        for name in parts:
            start = time.perf_counter()
            cache = self.settings.folder / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            try:
                stored = call("benchmarks.parts:run", name, self.settings.name, cache=cache)
                self.found.append(Found.from_dict(stored))
                said = "done"
            except PartFailed as error:
                self.failed[name] = str(error).splitlines()[-1]
                said = f"FAILED\n{error}"
            print(f"{name}: {said} in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        shutil.rmtree(self.settings.folder / "cache", ignore_errors=True)

    def rows(self) -> list[Row]:
        """All rows, with what the peers took for the same."""
        peers = {key: timing for found in self.found for key, timing in found.peers.items()}
        notes = {key: note for found in self.found for key, note in found.peer_notes.items()}
        rows = []
        for row in (row for found in self.found for row in found.rows):
            if row.key in peers:
                row = replace(row, peer=peers[row.key])
            elif row.key in notes:
                row = replace(row, missing={**row.missing, "peer": notes[row.key]})
            rows.append(row)
        return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, compare with the last run, write; 1 if a part did not come to an end."""
    arguments = _parser().parse_args(argv)
    settings = QUICK if arguments.quick else FULL
    no_peers = arguments.quick or arguments.no_peers
    parts = arguments.only or [name for name in PARTS if not (no_peers and name in _PEERS_ONLY)]
    start = time.perf_counter()
    description = describe()
    run = _Run(settings)
    run.run(parts)
    minutes = (time.perf_counter() - start) / 60
    description["run"] = f"{settings.name}, {minutes:.1f} minutes"
    rows = run.rows()
    print(table(rows))
    is_whole = not arguments.only
    if not arguments.no_history and is_whole:
        _compare_and_keep(rows, settings, description)
    if is_whole:
        found = settings.folder / "found.json"  # for a closer look than the report gives
        found.write_text(json.dumps([one.as_dict() for one in run.found]))
    if is_whole and settings is FULL:
        curves = [curve for found in run.found for curve in found.curves]
        facts = [fact for found in run.found for fact in found.facts]
        write_report(REPORT, rows, curves, facts, description, REASONS, run.failed)
    return 1 if run.failed else 0


def _compare_and_keep(
    rows: Sequence[Row], settings: Settings, description: Mapping[str, str]
) -> None:
    """Quick runs have a history of their own, beside their data; it is not part of the code."""
    file = HISTORY if settings is FULL else settings.folder / HISTORY.name
    machine = machine_name(description)
    before = history.last_of(file, machine, settings.name)
    if before is not None:
        for sentence in history.slower(rows, before):
            print(f"SLOWER  {sentence}")
    history.append(file, history.entry(rows, machine, settings.name, description))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, under two minutes")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these parts; keep nothing")
    parser.add_argument("--no-history", action="store_true", help="compare and keep nothing")
    parser.add_argument("--no-peers", action="store_true", help="leave out other plugins")
    return parser


if __name__ == "__main__":
    sys.exit(main())
