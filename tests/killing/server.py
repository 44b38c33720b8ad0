"""Has works done by processes that begin with everything loaded, so that one takes little time.

    python -m killing.server

reads orders from its input, a line of JSON each, and answers each with a line of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from killing.all_works import WORKS
from killing.stages import Stages, end_at_byte
from killing.work import Work

__all__: list[str] = []

Result = dict[str, Any]


def answer_orders() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever is printed is no answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        answers.write(json.dumps(in_a_child(json.loads(line))) + "\n")
        answers.flush()


def in_a_child(order: dict[str, Any]) -> Result:
    """Carry out an order in another process; by what signal it was ended, 0 if by none."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _end_with(writing, lambda: _carry_out(order))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    answer = {"result": {}, "loaded": [], **json.loads(said or "{}")}
    _load(answer.pop("loaded"))
    return {**answer, "signal": os.WTERMSIG(status)}


def _load(names: list[str]) -> None:
    """Load what a child had to load: the next one has it then."""
    for name in names:
        if name not in sys.modules and not name.startswith("__"):
            with suppress(Exception):
                import_module(name)
    gc.freeze()  # what is looked at by the collector is copied


def _end_with(writing: int, do: Callable[[], Result]) -> None:
    try:
        said: Result = {"result": do(), "loaded": list(sys.modules)}
    except BaseException:  # whatever it is, it is the finding
        said = {"error": traceback.format_exc()}
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(json.dumps(said).encode())
    os._exit(0)


def _carry_out(order: dict[str, Any]) -> Result:
    work, place = WORKS[order["work"]], Path(order["place"])
    inputs = Path(order["inputs"])
    if order["do"] == "answer":
        return work.answer(inputs, place)
    if order["do"] == "begin":
        if work.begin is not None:
            work.begin(inputs, place)
        return {}
    return _act(work, inputs, place, order)


def _act(work: Work, inputs: Path, place: Path, order: dict[str, Any]) -> Result:
    stages = Stages(place, order.get("stop", 0))
    notes = os.open(place.parent / "told", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if "byte" in order:
        end_at_byte(order["byte"])
    stages.watch()
    work.act(inputs, place, lambda text: _note(notes, text))
    stages.ignore()
    return {"stages": stages.passed}


def _note(notes: int, text: str) -> None:
    os.write(notes, f"{text}\n".encode())


if __name__ == "__main__":
    answer_orders()
