"""What a program holds: threads, open files, widgets, memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from qtpy.QtWidgets import QApplication

__all__ = ["Resources", "grown"]


@dataclass(frozen=True)
class Resources:
    """Numbers of what is in use; memory in MB. Files and memory are 0 where nobody tells them."""

    threads: int
    files: int
    windows: int
    widgets: int
    memory: int

    @classmethod
    def now(cls) -> Resources:
        tops = QApplication.topLevelWidgets()
        return cls(
            threading.active_count(),
            _n_files(),
            len(tops),
            len(QApplication.allWidgets()),
            _memory(),
        )

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, f.name)} {f.name}" for f in fields(self))


def grown(rests: Sequence[Resources], slack: Resources) -> list[str]:
    """What there is more of in the end than when the window was warm, a third of the way."""
    warm, last = rests[len(rests) // 3], rests[-1]
    return [
        f"{field.name}: {getattr(warm, field.name)}, then {getattr(last, field.name)}"
        for field in fields(slack)
        if getattr(last, field.name) > getattr(warm, field.name) + getattr(slack, field.name)
    ]


def _n_files() -> int:
    """All but fonts: matplotlib keeps a bounded number of them open, each for one thread."""
    folder = Path("/proc/self/fd")
    files = [_target(file) for file in folder.iterdir()] if folder.is_dir() else []
    return sum(not name.endswith(".ttf") for name in files)


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:  # closed meanwhile
        return ""


def _memory() -> int:
    status = Path("/proc/self/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.is_file() else None
    return int(found[1]) // 1000 if found is not None else 0
