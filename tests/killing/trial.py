"""Kills a work at one stage after the other, and looks what was lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from signal import SIGKILL, SIGXFSZ, Signals
from typing import Any

from killing.work import Answer, Work

__all__ = ["Server", "Tried", "in_a_table", "try_work"]

_TESTS = Path(__file__).parents[1]
_OLD = 25 * 60 * 60
"""Seconds after which an unfinished file has nobody who writes it, and some more."""


class Server:
    """The process that starts those that are killed."""

    def __init__(self) -> None:
        paths = [str(_TESTS), *filter(None, sys.path)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "killing.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # threads do not live on in a process that was forked
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(paths),
                "OPENBLAS_NUM_THREADS": "1",
                "MPLBACKEND": "agg",
            },
        )

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Have something done; fails if it raises."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {name: str(v) if isinstance(v, Path) else v for name, v in order.items()}
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        answer = dict(json.loads(self._process.stdout.readline()))
        assert "error" not in answer, answer["error"]
        return answer

    def end(self) -> None:
        self._process.kill()
        with self._process:
            pass


@dataclass
class Tried:
    """How often a work was killed, and what was lost."""

    name: str
    n_stages: int = 0
    at_stages: int = 0
    at_bytes: int = 0
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Unfinished files that the next program has not removed."""


class _Trial:
    def __init__(self, server: Server, work: Work, folder: Path) -> None:
        self._server, self._work, self._folder = server, work, folder
        self._inputs = folder / "inputs"
        self._inputs.mkdir(parents=True)
        work.make(self._inputs)
        self._number = count()
        self._begun = self._new_place(None)
        self._ask("begin", self._begun)
        self._before = self._answer(self._copy()) if work.begin is not None else {}
        place = self._copy()
        self.stages: list[str] = self._ask("act", place)["result"]["stages"]
        self.sizes = sorted({p.stat().st_size for p in place.rglob("*") if p.is_file()})
        self._whole = self._answer(place)
        self._names = _names(place)

    def kill(self, tried: Tried, **how: int) -> bool:
        """Kill the work once; whether it had not been done before."""
        place = self._copy()
        ended_by = self._ask("act", place, **how)["signal"]
        if not ended_by:
            return False
        assert ended_by in (SIGKILL, SIGXFSZ), Signals(ended_by)
        when = f"{how}, told: {(told := _told(place))[-1:]}"
        found = self._answer(place)
        lost = self._work.judge(self._before, self._whole, found, told)
        tried.lost += [f"{name} ({when})" for name in lost]
        self._go_on(place, tried, when)
        shutil.rmtree(place.parent)
        return True

    def _go_on(self, place: Path, tried: Tried, when: str) -> None:
        """A day later, the same is done to its end."""
        _age(place)
        self._ask("act", place)
        found = self._answer(place)
        tried.lost += [f"{n}, for good ({when})" for n in self._whole if found[n] != self._whole[n]]
        tried.left += [f"{path.name} ({when})" for path in place.rglob("*.part")]
        if _names(place) != self._names:
            tried.left += [f"{sorted(_names(place) ^ self._names)} ({when})"]

    def _ask(self, do: str, place: Path, **how: int) -> dict[str, Any]:
        names = {"work": self._work.name, "inputs": self._inputs, "place": place}
        return self._server.ask(do, **names, **how)

    def _answer(self, place: Path) -> Answer:
        return dict(self._ask("answer", place)["result"])

    def _copy(self) -> Path:
        return self._new_place(self._begun)

    def _new_place(self, like: Path | None) -> Path:
        folder = self._folder / str(next(self._number))
        if like is None:
            (folder / "place").mkdir(parents=True)
        else:
            shutil.copytree(like, folder / "place")
        return folder / "place"


def try_work(server: Server, work: Work, folder: Path, most: int | None) -> Tried:
    """Kill a work at stages that differ, and at bytes; `most` times, or at all of them.

    A work whose threads take turns in another order may have fewer stages than it had at first.
    """
    trial = _Trial(server, work, folder)
    tried = Tried(work.name, len(trial.stages))
    stops = _spread(trial.stages, most)
    tried.at_stages = sum(trial.kill(tried, stop=stop) for stop in stops)
    sizes = _bytes_of(trial.sizes, None if most is None else max(2, most // 4))
    tried.at_bytes = sum(trial.kill(tried, byte=size) for size in sizes)
    shutil.rmtree(folder)
    return tried


def in_a_table(tried: Iterable[Tried]) -> str:
    """Lines for a person."""
    tried = list(tried)
    head = f"{'killed while it wrote':26}{'stages':>8}{'killed at':>12}{'in a write':>12}  lost"
    lines = [head, "-" * len(head)]
    for one in tried:
        numbers = f"{one.n_stages:8,}{one.at_stages:12,}{one.at_bytes:12,}"
        lines.append(f"{one.name:26}{numbers}  {_in_words(one)}")
    n = sum(one.at_stages + one.at_bytes for one in tried)
    n_lost = sum(len(one.lost) + len(one.left) for one in tried)
    lines.append(f"killed {n:,} times; lost: {n_lost or 'nothing'}")
    return "\n".join(lines)


def _in_words(tried: Tried) -> str:
    return "; ".join([*tried.lost, *(f"left behind: {name}" for name in tried.left)]) or "nothing"


def _spread(stages: list[str], most: int | None) -> list[int]:
    """Numbers of stages: all, or the last of each kind, then some all over."""
    n = len(stages)
    if most is None or n <= most:
        return list(range(1, n + 1))
    kinds = list({what: i for i, what in enumerate(stages, 1)}.values())
    evenly = [1 + round(i * (n - 1) / (most - 1)) for i in range(most)]
    return sorted(dict.fromkeys([*kinds, *evenly][:most]))


def _bytes_of(sizes: list[int], most: int | None) -> list[int]:
    """Bytes at which files are cut off: within each, and right before its end."""
    found = sorted({n for size in sizes for n in (1, size // 3, size // 2, size - 1) if n > 0})
    if most is None or len(found) <= most:
        return found
    return [found[(i + 1) * len(found) // (most + 1)] for i in range(most)]


def _names(place: Path) -> set[str]:
    """The files that are there, but for hidden ones."""
    found = (path.relative_to(place).as_posix() for path in place.rglob("[!.]*") if path.is_file())
    return set(found)


def _told(place: Path) -> list[str]:
    return (place.parent / "told").read_text().splitlines()


def _age(place: Path) -> None:
    """Let a day go by."""
    then = time.time() - _OLD
    for path in place.rglob("*.part"):
        os.utime(path, (then, then))
