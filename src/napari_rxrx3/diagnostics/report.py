"""The text that goes into a bug report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from napari_rxrx3.core.errors import RxRx3Error, printable
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.redaction import concealer
from napari_rxrx3.diagnostics.facts import Facts, of_computer, of_dataset, of_settings, of_versions
from napari_rxrx3.diagnostics.log import Event, error_lines, note, recent, timed

__all__ = ["Report", "as_text", "report_of", "report_on"]

Report = dict[str, Facts | list[str]]

_HEAD = (
    "Diagnostics of napari-rxrx3, {now}.\n"
    "Paths and names of files are taken out. Please look it over before you pass it on."
)


def report_of(
    window: Mapping[str, Facts], dataset: Facts, errors: list[BaseException] | None = None
) -> Report:
    """Put everything together that is known by now; nothing of a data set is read for it.

    Parameters
    ----------
    window : mapping
        Sections about the window, from what knows Qt; none on the command line.
    dataset : dict
        As `facts.of_dataset` has it.
    errors : list of exception, optional
        What went wrong where our log does not reach.
    """
    report: Report = {"Versions": of_versions(), "Computer": of_computer()}
    report |= window
    report |= {"Data set": dataset, "Settings": of_settings()}
    report["Messages"] = [line for event in recent() for line in _lines(event)]
    if errors:
        report["Errors of the window"] = [line for e in errors for line in error_lines(e)]
    return report


def report_on(path: str | None, progress: Progress | None = None) -> Report:
    """Like `report_of` without a window; the data set at a path, if there is one, is opened.

    If it cannot be opened, that is in the report as well.
    """
    facts = {"Open": "nothing"}
    if path is not None:
        concealer.note(path)
        try:
            facts = timed("open", lambda: _facts_of(path, progress))
        except RxRx3Error as error:
            note(str(error))
            facts = {"Open": "it cannot be opened, see the messages"}
    return report_of({}, facts)


def _facts_of(path: str, progress: Progress | None) -> Facts:
    from napari_rxrx3.dataset import open_dataset

    return of_dataset(open_dataset(path, progress=progress))


def as_text(report: Report, as_json: bool = False) -> str:
    """A report for people, or the same for programs."""
    if as_json:
        return json.dumps(report, indent=1, ensure_ascii=False)
    head = _HEAD.format(now=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    return "\n\n".join([head, *(_section(title, held) for title, held in report.items())]) + "\n"


def _section(title: str, held: Facts | list[str]) -> str:
    if isinstance(held, dict):
        width = max(map(len, held), default=0)
        lines = [f"{name:{width}}  {value}" for name, value in held.items()]
    else:
        lines = held or ["none"]
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _lines(event: Event) -> list[str]:
    """One event as lines without paths that no terminal obeys."""
    when = f"{datetime.fromtimestamp(event.time, UTC):%H:%M:%S}"
    said = [printable(line) for line in concealer.redact(event.text).splitlines()]
    level = "" if event.level == "info" else f"{event.level}: "
    first, *more = said or [""]
    return [f"{when} {level}{first}", *(f"    {line}" for line in (*more, *event.lines))]
