"""What kinds of files are offered when something of the map is saved."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FIGURES", "TABLE", "with_ending"]

FIGURES, TABLE = "Figures (*.png *.svg *.pdf)", "CSV (*.csv)"


def with_ending(path: Path, ending: str) -> Path:
    """A path, with an ending if it has none."""
    return path if path.suffix else path.with_name(path.name + ending)
