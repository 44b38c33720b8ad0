"""One case after the other, in a process of its own: what comes out, how long, how much memory.

    python -m corpus.trial FOLDER

reads names of cases from its input, and answers each with a line of JSON.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

import builders as b
import napari_rxrx3 as rx
from corpus.all_cases import CASES
from corpus.case import SOUND, SOUND_CASE, Case
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.plate import N_CHANNELS

__all__ = ["try_case"]

_LOOKED_AT = 12
"""Wells of a case whose images are read."""


def try_case(case: Case, folder: Path) -> dict[str, Any]:
    """Make a case and do with it all that can be done with a data set."""
    root = folder / "data set"
    screen = b.Screen.of(list(SOUND))
    screen.write_rxrx3(root)
    case.make(root, screen)
    before = _files(folder)
    _forget_peak()
    memory, started, cpu = _peak(), time.monotonic(), time.process_time()
    trial = _Trial(case, root, folder / "cache")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    for step in (trial.by_library, trial.by_command):
        try:
            step()
        except Exception:  # whatever it is, it is the finding
            trial.crashes.append(traceback.format_exc())
    return {
        "opened": trial.opened,
        "said": trial.said,
        "wrong": trial.wrong,
        "crashes": trial.crashes,
        "seconds": time.monotonic() - started,
        "cpu": time.process_time() - cpu,
        "memory": _peak() - memory,
        "touched": sorted(before ^ _files(folder)),
    }


class _Trial:
    def __init__(self, case: Case, root: Path, cache: Path) -> None:
        self.case, self.root, self.cache = case, root, cache
        self.opened = False
        self.said: list[str] = []
        """Sentences: of errors, of problems, of the command line."""
        self.wrong: list[str] = []
        self.crashes: list[str] = []

    def by_library(self) -> None:
        data = self._said_if_not(lambda: rx.open_dataset(self.root, cache_dir=self.cache))
        if data is None:
            return
        self.opened = True
        self._said_if_not(data.read_vectors)
        assert len(data.wells) == sum(data.plates["n_wells"])
        for well in data.wells.index[:_LOOKED_AT]:
            self._look_at(data, str(well))
        self._look_at_sound_wells(data)
        if self.case.own:
            own = self.root / self.case.own
            self._said_if_not(lambda: data.add_embedding(own))
        for level in ("well", "perturbation"):
            self._said_if_not(lambda level=level: data.phenomap(level=level, align="none"))
        report = data.check()
        json.loads(report.to_json())
        self.said += [problem.detail for problem in data.problems]
        self.said += report.problems["detail"].tolist()

    def _look_at(self, data: Any, well: str) -> None:
        for channel in range(1, N_CHANNELS + 1):
            self._said_if_not(lambda c=channel: data.plane(well, c))
            self._said_if_not(lambda c=channel: data.thumbnail(well, c))

    def _look_at_sound_wells(self, data: Any) -> None:
        for row in SOUND:
            well = row["well_id"]
            if well in self.case.lost or well not in data.wells.index:
                continue
            for channel, wanted in enumerate(b.noise(well), start=1):
                plane = self._said_if_not(lambda w=well, c=channel: data.plane(w, c))
                if plane is None or not np.array_equal(plane, wanted):
                    self.wrong.append(f"{well}, channel {channel}")

    def by_command(self) -> None:
        """What the program says when it is asked to check the folder."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["check", str(self.root)])
        lines = [x for x in re.split(r"[\r\n]+", err.getvalue()) if x.startswith("napari-rxrx3:")]
        self.said += lines
        if self.opened and not out.getvalue().strip():
            self.wrong.append("check says nothing of a data set that opens")
        if not self.opened and (code == 0 or len(lines) != 1):
            self.wrong.append(f"check ends with {code} and says {err.getvalue()!r}")

    def _said_if_not(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except RxRx3Error as error:
            self.said.append(str(error))
            return None


def _files(folder: Path) -> set[tuple[str, int, int]]:
    """All there is but the cache, with sizes and times."""
    return set(_walk(folder, folder))


def _walk(folder: Path, top: Path) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(folder):
        if folder == top and entry.name == "cache":
            continue
        about = entry.stat(follow_symlinks=False)
        name = entry.path.encode("utf-8", "replace").decode()
        if entry.is_dir(follow_symlinks=False):
            yield name, 0, 0
            if os.access(entry.path, os.R_OK | os.X_OK):
                yield from _walk(Path(entry.path), top)
        else:
            yield name, about.st_size, about.st_mtime_ns


def _forget_peak() -> None:
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def _peak() -> int:
    """The most memory that was in use, in MB; 0 where nobody tells."""
    path = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", path.read_text()) if path.exists() else None
    return int(found[1]) // 1000 if found is not None else 0


def _answer() -> None:
    top, answers = Path(sys.argv[1]), sys.stdout
    cases = CASES | {SOUND_CASE: Case(SOUND_CASE, lambda *_: None)}
    sys.stdout = sys.stderr  # whatever is printed is no answer
    for i, line in enumerate(sys.stdin):
        folder = top / str(i)
        folder.mkdir()
        answers.write(json.dumps(try_case(cases[line.rstrip("\n")], folder)) + "\n")
        answers.flush()


if __name__ == "__main__":
    _answer()
