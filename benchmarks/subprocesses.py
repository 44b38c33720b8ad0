"""Calls a function in a new process: where memory or what is imported matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.settings import ROOT

__all__ = ["PartFailed", "call", "run_python"]


class PartFailed(Exception):
    """A process ended badly; the text is the end of what it said."""


def call(function: str, *arguments: str, cache: Path | None = None) -> Any:
    """Call ``module:function`` with texts; what it returns comes back as JSON.

    Parameters
    ----------
    cache : Path, optional
        What the process takes for the user's cache folder.

    Raises
    ------
    PartFailed
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "result.json")
        command = ["-m", "benchmarks.subprocesses", str(file), function, *arguments]
        run_python(Path(sys.executable), command, cache=cache)
        return json.loads(file.read_text())


def run_python(
    python: Path, arguments: list[str], *, cache: Path | None = None, timeout_s: float = 3600
) -> None:
    """Run an interpreter in our folder, and see to it that it ends well.

    Raises
    ------
    PartFailed
    """
    environment = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    try:
        done = subprocess.run(
            [python, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PartFailed(f"stopped after {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise PartFailed(f"exit code {done.returncode}\n{done.stdout[-3000:]}")


def _main(file: str, function: str, *arguments: str) -> None:
    module, _, name = function.partition(":")
    result = getattr(import_module(module), name)(*arguments)
    Path(file).write_text(json.dumps(result))
    os._exit(0)  # windows and threads of a finished measurement need no tidy end


if __name__ == "__main__":
    _main(*sys.argv[1:])
