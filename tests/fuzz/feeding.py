"""Feeds one parser until its time is over: python -m fuzz.feeding NAME FOLDER SECONDS."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

__all__: list[str] = []

MOST_MB, MOST_SECONDS = 2000, 20
OURS = ["napari_rxrx3"]


def with_atheris(atheris: Any, name: str, folder: Path, seconds: int) -> None:
    """By inputs that reach new lines; those are kept in the folder for the next time."""
    with atheris.instrument_imports(include=[*OURS, "tarfile", "zipfile", "csv", "json"]):
        from fuzz.all_targets import TARGETS
    target, counted = TARGETS[name], _Counted(folder)
    corpus = folder / "inputs"
    corpus.mkdir(exist_ok=True)
    for i, seed in enumerate(target.seeds()):
        (corpus / f"seed-{i}").write_bytes(seed)

    def feed(content: bytes) -> None:
        counted.one_more()
        target.feed(content)

    options = [f"-max_total_time={seconds}", f"-rss_limit_mb={MOST_MB}", f"-timeout={MOST_SECONDS}"]
    atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={folder}/found-", *options], feed)
    atheris.Fuzz()


def by_chance(name: str, folder: Path, seconds: int) -> None:
    """By the inputs of the tests, each time others."""
    from hypothesis import HealthCheck, given, settings

    from fuzz.all_targets import TARGETS
    from fuzz.mutations import inputs

    target, counted = TARGETS[name], _Counted(folder)
    end = time.monotonic() + seconds

    @settings(
        max_examples=500,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=inputs(target.seeds()))
    def feed(content: bytes) -> None:
        counted.one_more()
        target.feed(content)

    while time.monotonic() < end:
        feed()
    counted.note()


class _Counted:
    """The number of inputs, noted down now and then."""

    def __init__(self, folder: Path) -> None:
        self._path, self._n, self._noted = folder / "inputs.json", 0, 0.0

    def one_more(self) -> None:
        self._n += 1
        if time.monotonic() > self._noted + 1:
            self.note()

    def note(self) -> None:
        self._noted = time.monotonic()
        self._path.write_text(json.dumps(self._n))


def main() -> None:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    try:
        import atheris
    except ImportError:
        by_chance(name, folder, seconds)
    else:
        with_atheris(atheris, name, folder, seconds)


if __name__ == "__main__":
    main()
