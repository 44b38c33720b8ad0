"""Saves a heat map as a table or as a figure; runs in threads and returns a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_rxrx3.gui.map.heat_map.sets import HeatMapAnswer
from napari_rxrx3.gui.results import save_text
from napari_rxrx3.gui.work.tasks import Progress

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["figure_saved", "table_saved"]


def table_saved(answer: HeatMapAnswer, path: Path, overwrite: bool, progress: Progress) -> str:
    """Write the cosines as CSV; a file that is there is replaced only if that was agreed to."""
    if path.exists() and not overwrite:
        return f"{path} exists already: nothing was written."
    progress(0, 0, f"writing {path}")
    return save_text(path, answer.heat_map.to_csv())


def figure_saved(
    dataset: Dataset, answer: HeatMapAnswer, path: Path, overwrite: bool, progress: Progress
) -> str:
    """Draw the figure; a file that is there is replaced only if that was agreed to."""
    from napari_rxrx3.figures.heat_map import save_heat_map

    save_heat_map(
        path,
        answer.heat_map,
        answer.title,
        [*answer.notes, f"Data: {dataset.name}."],
        overwrite=overwrite,
        progress=progress,
    )
    return f"Saved {path}."
