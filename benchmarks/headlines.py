"""The eight lines that begin the page: what a person wants to know."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from benchmarks.results import Row, Run
from benchmarks.synthetic_images import CORE, TARS
from benchmarks.words import COLUMNS, amount, label

__all__ = ["Headline", "headlines"]


@dataclass(frozen=True)
class Headline:
    """One thing that people do, and the row that says how long it takes."""

    words: str
    row: Row

    @property
    def sentence(self) -> str:
        """Medians of all columns, and whether the target is missed."""
        others = [name for name in list(COLUMNS)[1:] if self.row.timing(name) is not None]
        said = ", ".join(self._column(name) for name in others)
        missed = " It misses its target." if self.row.is_met is False else ""
        beside = f" ({said})" if said else ""
        return f"{self.words}: **{amount(self.row.ours.median, self.row.unit)}**{beside}.{missed}"

    def _column(self, name: str) -> str:
        timing = self.row.timing(name)
        assert timing is not None
        return f"{label(self.row, name)} {amount(timing.median, self.row.unit)}"


def headlines(run: Run) -> list[Headline]:
    """What was measured of it, in the order of the page."""
    rows = {row.key: row for row in run.rows}
    return [Headline(words, rows[key]) for key, words in _chosen(run, rows) if key in rows]


def _chosen(run: Run, rows: Container[str]) -> Sequence[tuple[str, str]]:
    """Keys of rows and what they are about."""
    vectors, points = max(run.settings["vectors"]), max(run.settings["points"])
    plates, wells = run.settings["plates"], run.settings["core_wells"]
    neighbors = run.settings["neighbors"]
    pan = f"map {points} pan"  # of huge maps, until the right picture is there
    pan = f"{pan} sharp" if f"{pan} sharp" in rows else pan
    return (
        (f"click {CORE}", "From a click on a well of 512 px to its six stains on screen"),
        (f"click {TARS}", "From a click on a well of 2048 px in a tar to its six stains on screen"),
        (f"overview {CORE}", f"Overview of a plate of {wells:,} wells of 512 px, first time"),
        (
            f"neighbors {TARS}",
            f"Thumbnails of {neighbors} neighbors of 2048 px in tars, first time",
        ),
        ("first opening", f"Opening metadata and vectors of {plates:,} plates, first time"),
        ("later opening", "Opening them later, until the first plate is on the map"),
        (f"search {vectors}", f"The exact nearest 50 of {vectors:,} vectors"),
        (pan, f"One frame while a map of {points:,} points is moved"),
    )
