"""Puts what was measured into words: the table on the terminal and docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.parts import Curve
from benchmarks.plots import draw
from benchmarks.timing import Row, Target, Timing

__all__ = ["amount", "table", "write_report"]

_HEADINGS = (
    "what",
    "ours, median (p95)",
    "floor, median (p95)",
    "straight&shy;forward",
    "peer",
    "ours : floor",
    "ours : straight&shy;forward",
    "ours : peer",
    "target",
    "met",
)
_INTRODUCTION = """Written by `make bench`; not edited by hand. The columns of a row were \
measured in one run, short things in turns, so that what else the machine did hit all alike. \
Ratios are what counts: this is software OpenGL on few cores.

- **ours**: the plugin in a real napari window, driven by mouse and keys, or its library.
- **floor**: the least that this machine can take for the same: raw decoding of the same bytes in \
memory by the fastest library on all cores, plus setting the pixels of six bare napari layers \
with drawing; or one pass over the same bytes; of maps, one count of all points and a ready \
picture drawn in an empty window.
- **straightforward**: what one would write without us, with imageio, napari, pandas, \
matplotlib and scikit-learn.
- **peer**: napari-ome-zarr on the same pixels; faiss's exact flat index on the same vectors; \
napari-clusters-plotter on the same points.

The files were in the system's memory (warm disk cache). A pause is the time between two beats of \
a timer on the GUI thread, less what napari itself takes to make, set and draw its layers, and \
less what Python takes to look through all of its objects for garbage: with napari imported there \
are 300,000 of them, so that it takes about a tenth of a second, once in a while."""


def write_report(
    path: Path,
    rows: Sequence[Row],
    curves: Sequence[Curve],
    facts: Sequence[str],
    description: Mapping[str, str],
    reasons: Mapping[str, str],
    failed: Mapping[str, str],
) -> None:
    """Write the report, and its plots into a folder beside it that is called like it.

    Parameters
    ----------
    failed : mapping of str to str
        Parts of the benchmark that did not come to an end, and why.
    """
    pictures = path.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    for curve in curves:
        (pictures / f"{curve.key}.svg").write_text(draw(curve), encoding="utf-8")
    parts = [
        "# Performance",
        _INTRODUCTION,
        "## The machine",
        "\n".join(f"- {name}: {text}" for name, text in description.items()),
        "## Targets",
        _markdown(rows),
        *_missed(rows, reasons, failed),
        "## As the work grows",
        "\n\n".join(f"![{c.title}]({pictures.name}/{c.key}.svg)" for c in curves),
        *_details(rows, facts),
    ]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """The table for a terminal: one block a row."""
    lines = []
    for row in rows:
        lines.append(f"{_MARKS[row.is_met]} {row.what}")
        cells = [f"ours {_both(row.ours, row.unit)}"]
        for name, label in (("floor", "floor"), ("naive", "straightforward"), ("peer", "peer")):
            timing, ratio = getattr(row, name), row.ratio(name)
            if timing is not None:
                times = f" (ours is {_times(ratio)})" if ratio is not None else ""
                cells.append(f"{label} {amount(timing.median, row.unit)}{times}")
            elif name in row.missing:
                cells.append(f"{label}: {row.missing[name]}")
        if row.target is not None:
            cells.append(f"target {_target(row.target, row.unit)}")
        lines.append("      " + " | ".join(cells))
        lines += [f"      {note}" for note in row.notes]
    return "\n".join(lines)


_MARKS = {True: "met   ", False: "MISSED", None: "      "}
_MET = {True: "yes", False: "**no**", None: ""}


def amount(value: float, unit: str) -> str:
    """A measured value in words of a handy size."""
    if unit == "s":
        return f"{1000 * value:.3g} ms" if value < 0.9995 else f"{value:.3g} s"
    return f"{value:,.0f} {unit}".strip()


def _markdown(rows: Sequence[Row]) -> str:
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    measure = row.target.measure if row.target is not None else "median"
    ratios = (row.ratio(name, measure) for name in ("floor", "naive", "peer"))
    return (
        row.what,
        _both(row.ours, row.unit),
        _both(row.floor, row.unit),
        *(_median(row, name) for name in ("naive", "peer")),
        *("" if ratio is None else _times(ratio) for ratio in ratios),
        "" if row.target is None else _target(row.target, row.unit),
        _MET[row.is_met],
    )


def _median(row: Row, name: str) -> str:
    timing: Timing | None = getattr(row, name)
    return amount(timing.median, row.unit) if timing is not None else row.missing.get(name, "")


def _both(timing: Timing | None, unit: str) -> str:
    if timing is None:
        return ""
    text = amount(timing.median, unit)
    return text if timing.n == 1 else f"{text} ({amount(timing.p95, unit)})"


def _times(ratio: float) -> str:
    if ratio < 0.01:
        return f"{ratio:.1g} x"
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"


def _target(target: Target, unit: str) -> str:
    if target.against == "limit":
        return f"{target.measure} at most {amount(target.at_most, unit)}"
    return f"{target.measure} at most {target.at_most:g} x {target.against}"


def _missed(
    rows: Sequence[Row], reasons: Mapping[str, str], failed: Mapping[str, str]
) -> Iterator[str]:
    missed = [row for row in rows if row.is_met is False]
    open_ = [row for row in rows if row.target is not None and row.is_met is None]
    lines = [f"- {row.what}: {reasons.get(row.key, 'not yet explained.')}" for row in missed]
    lines += [f"- {row.what}: what it is held against was not measured." for row in open_]
    lines += [f"- The part {name!r} did not come to an end: {why}" for name, why in failed.items()]
    if lines:
        yield "## Missed, and why"
        yield "\n".join(lines)


def _details(rows: Sequence[Row], facts: Sequence[str]) -> Iterator[str]:
    notes = [f"- {row.what}: {'; '.join(row.notes)}." for row in rows if row.notes]
    lines = [*notes, *(f"- {fact}." for fact in facts)]
    if lines:
        yield "## Details"
        yield "\n".join(lines)
