"""How much memory this process really takes."""

from __future__ import annotations

import gc
from pathlib import Path

__all__ = ["resident"]

_MB = 1e6


def resident(mapped_in: Path | None = None) -> float:
    """Megabytes of memory that are resident now, as Linux counts them.

    Parameters
    ----------
    mapped_in : Path, optional
        Pages of files in this folder that are mapped into memory are not counted: the system
        takes them back whenever it needs room.
    """
    gc.collect()
    total, counted = 0, True
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            path = rest[4] if len(rest) > 4 else ""
            counted = mapped_in is None or not path.startswith(str(mapped_in))
        elif first == "Rss:" and counted:
            total += int(rest[0]) * 1024
    return total / _MB
