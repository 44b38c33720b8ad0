"""How much may be kept, on disk and in memory; may be changed at any time."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from psygnal import Signal

from napari_rxrx3.data.files.local import written_atomically

__all__ = ["DISK_BYTES", "MEMORY_BYTES", "Budgets", "budget_of", "budgets", "note_budget"]

DISK_BYTES = 2 * 10**9
MEMORY_BYTES = 512 * 10**6

_NOTE = "budget.json"
"""File in a cache folder that says what was chosen for it."""


class Budgets:
    """Numbers of bytes that all data sets of this process keep to.

    Attributes
    ----------
    disk_bytes : int or None
        For the cache folder, by all who use it. None: as it was last chosen for the folder,
        by this or another program, else 2 GB.
    memory_bytes : int
        For what is kept of the images of each open data set, see `ImageCatalog.memory`.
    """

    disk_changed = Signal()
    memory_changed = Signal(int)

    def __init__(self, disk_bytes: int | None = None, memory_bytes: int = MEMORY_BYTES) -> None:
        self._disk_bytes = None if disk_bytes is None else _checked(disk_bytes)
        self._memory_bytes = _checked(memory_bytes)

    @property
    def disk_bytes(self) -> int | None:
        return self._disk_bytes

    @disk_bytes.setter
    def disk_bytes(self, n_bytes: int | None) -> None:
        before = self._disk_bytes
        self._disk_bytes = None if n_bytes is None else _checked(n_bytes)
        if self._disk_bytes != before:
            self.disk_changed.emit()

    @property
    def memory_bytes(self) -> int:
        return self._memory_bytes

    @memory_bytes.setter
    def memory_bytes(self, n_bytes: int) -> None:
        before = self._memory_bytes
        self._memory_bytes = _checked(n_bytes)
        if self._memory_bytes != before:
            self.memory_changed.emit(self._memory_bytes)


def _checked(n_bytes: float) -> int:
    if not 0 <= n_bytes < float("inf"):
        raise ValueError(f"{n_bytes!r} is not a number of bytes.")
    return int(n_bytes)


budgets = Budgets()
"""The ones in use."""


def budget_of(folder: Path) -> int:
    """Number of bytes that a cache folder may hold."""
    if budgets.disk_bytes is not None:
        return budgets.disk_bytes
    noted = _noted(folder)
    return DISK_BYTES if noted is None else noted


def note_budget(folder: Path) -> None:
    """Leave word of what was chosen to the programs for which nothing was."""
    chosen = budgets.disk_bytes
    if chosen is not None and chosen != _noted(folder) and folder.is_dir():
        with suppress(OSError), written_atomically(folder / _NOTE) as temporary:
            text = json.dumps({"disk_bytes": chosen})
            temporary.write_text(text, encoding="utf-8", newline="\n")


def _noted(folder: Path) -> int | None:
    try:
        noted = json.loads((folder / _NOTE).read_text(encoding="utf-8"))["disk_bytes"]
        return noted if isinstance(noted, int) and noted >= 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
