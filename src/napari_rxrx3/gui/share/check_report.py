"""Checks all of a data set for the window, and writes down what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_rxrx3.core.words import count
from napari_rxrx3.hits.sheet import write_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

    from napari_rxrx3.core.progress import Progress
    from napari_rxrx3.data.check import CheckReport
    from napari_rxrx3.dataset import Dataset

__all__ = ["save_check"]


def save_check(dataset: Dataset, path: Path, client: Client | None, progress: Progress) -> str:
    """Check a data set, write a row for each problem as CSV, and return what is to be said of it.

    Raises
    ------
    RxRx3Error
        If the workers of the client do not see the data, or the file cannot be written; what was
        checked is kept.
    """
    report = dataset.check(client=client, progress=progress)
    problems = report.problems
    filled = problems.astype(object).where(problems.notna(), "")
    write_sheet(path, list(problems), filled.itertuples(index=False))
    return f"{report.checked} {_found(report)} Saved {path.name} in {path.parent}."


def _found(report: CheckReport) -> str:
    if report.is_clean:
        return "No problems found."
    kind, example = report.problems[["kind", "detail"]].iloc[0]
    others = count(sum(report.counts.values()), "problem")
    return f"{others}, e.g. {kind.replace('_', ' ')}: {example}."
