"""Whatever the input: no crash, no hang, little memory, plain sentences, and the rest still works.

The cases are made by the modules in `corpus`. ``python -m corpus.trial`` tries them.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest

from corpus.all_cases import CASES
from corpus.case import SOUND_CASE
from samples import sample

MOST_MB = 1000
MOST_TIMES_A_SOUND_ONE = 25
"""So much processor time a case may take, whatever the processor and what else it does."""
PATIENCE_S = 60
"""Other work on the machine takes time as well; what hangs is ended after this."""
LONGEST = 1000


class Trials:
    """A process that tries cases; another one takes over if it dies or hangs."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._n = folder, 0
        self._sound = math.inf
        self._start()

    def _start(self) -> None:
        self._n += 1
        top = self._folder / str(self._n)
        top.mkdir()
        tests = Path(__file__).parent
        paths = [str(tests), *filter(None, sys.path)]
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "corpus.trial", str(top)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self._answers: Queue[str] = Queue()
        self._listener = Thread(target=self._listen, args=(self._process, self._answers))
        self._listener.start()

    @staticmethod
    def _listen(process: subprocess.Popen[str], answers: Queue[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            answers.put(line)
        answers.put("")

    def run(self, name: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        try:
            answer = self._answers.get(timeout=PATIENCE_S)
        except Empty:
            answer = "hangs"
        if not answer.startswith("{"):
            self.end()
            code = self._process.returncode
            self._start()
            pytest.fail(answer or f"the process died with {code}")
        return dict(json.loads(answer))

    def takes_long(self, seconds: float) -> bool:
        """Whether it is much more than a data set takes that nothing was done to.

        That one is measured where the least that was seen of it would not do: the processor may be
        slower than it was.
        """
        if seconds < MOST_TIMES_A_SOUND_ONE * self._sound < math.inf:
            return False
        now = float(self.run(SOUND_CASE)["cpu"])
        self._sound = min(self._sound, now)
        return seconds >= MOST_TIMES_A_SOUND_ONE * now

    def end(self) -> None:
        self._process.kill()
        with self._process:  # closes its pipes
            self._listener.join()


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    folder = tmp_path_factory.mktemp("corpus")
    made = Trials(folder)
    yield made
    made.end()
    for path in folder.rglob("*"):  # what may not be read may not be deleted either
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", sample(CASES, every=20))
def test_bad_input_is_borne(name: str, trials: Trials) -> None:
    case, found = CASES[name], trials.run(name)
    assert not found["crashes"], found["crashes"][0]
    assert found["opened"] == case.opens, found["said"][:3]
    assert not found["wrong"], found["wrong"][0]
    assert not found["touched"], "the data are not to be written to"
    assert not trials.takes_long(found["cpu"]), f"{found['cpu']} s"
    assert found["memory"] < MOST_MB
    for sentence in found["said"]:
        assert is_plain(sentence), repr(sentence[:300])


def is_plain(sentence: str) -> bool:
    """One line that a person can read, and that no terminal obeys."""
    is_short = 0 < len(sentence) < LONGEST
    return is_short and not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]|Traceback|Error:", sentence)
