"""Feeds parsers for a while and prints what was found.

    python -m fuzz [--seconds 60] [NAME ...]

With atheris, which watches what lines an input reaches, where it can be had; else with the inputs
of the tests, each time others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fuzz.all_targets import TARGETS

__all__: list[str] = []

KEPT = Path(".cache") / "fuzz"


def main() -> int:
    arguments = _arguments()
    names = arguments.names or list(TARGETS)
    say(f"{'fed':22}{'inputs':>12}{'seconds':>9}  found")
    lost = False
    for name in names:
        found = _feed(name, arguments.seconds)
        lost |= found["ended"] != 0
        say(f"{name:22}{found['inputs']:12,}{arguments.seconds:9,}  {_in_words(found)}")
    return int(lost)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each parser")
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(TARGETS))
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in TARGETS]:
        parser.error(f"there is no {unknown[0]!r}; choose of {', '.join(TARGETS)}")
    return arguments


def _feed(name: str, seconds: int) -> dict[str, Any]:
    """Feed one parser in a process of its own: what it finds may be a crash."""
    folder = (KEPT / name.replace(" ", "-")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    with log.open("wb") as said:
        command = [sys.executable, "-X", "faulthandler", "-m", "fuzz.feeding", name, str(folder)]
        paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
        done = subprocess.run(
            [*command, str(seconds)],
            stdout=said,
            stderr=said,
            env={**os.environ, "PYTHONPATH": paths},
            check=False,
        )
    counted = folder / "inputs.json"
    n = json.loads(counted.read_text()) if counted.is_file() else 0
    return {"inputs": n, "ended": done.returncode, "log": log}


def _in_words(found: dict[str, Any]) -> str:
    return "nothing" if not found["ended"] else f"something: see {found['log']}"


if __name__ == "__main__":
    sys.exit(main())
