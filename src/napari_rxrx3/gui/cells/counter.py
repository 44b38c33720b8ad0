"""Counts cells in the background, for whoever asks the session for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.words import count, some
from napari_rxrx3.gui.work.machines import chosen_cluster, scheduler
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["COUNTING", "CellCounter"]

COUNTING = "cells"
"""The name of the task that reads images."""
_LOOKING = "known cells"


class CellCounter(QObject):
    """Answers `Session.want_measures`, and tells what is kept of each plate that is gone to.

    What was counted before it is stopped is kept.
    """

    def __init__(self, session: Session, tasks: TaskGroup, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        session.measures_wanted.connect(self._measure)
        session.plate_changed.connect(self._look)
        session.field_changed.connect(self._on_field)
        session.dataset_changed.connect(self._on_dataset)
        tasks.stopped.connect(self._on_stopped)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel(_LOOKING, COUNTING)

    def _on_field(self, field: int) -> None:
        """Tell what is kept of the field that is shown now; another one is not counted on."""
        if self._tasks.is_running(COUNTING):
            self._tasks.cancel(COUNTING)
            self._session.say("Cells of the other field are not counted on; what there is is kept.")
        self._look(self._session.plate)

    def _look(self, plate: PlateId | None) -> None:
        """Learn what is kept of a plate; no image is read."""
        dataset = self._session.dataset
        if dataset is None or plate is None or dataset.measured.loaded(plate) is not None:
            return

        def done(is_measured: bool) -> None:
            if is_measured:
                self._session.note_measures([plate])

        def failed(sentence: str) -> None:
            """Nothing that was counted is lost by that: it can be counted again."""

        def work(progress: Progress) -> bool:
            known = dataset.measured.of_plate(plate)
            return known is not None and bool(known.drop(columns="why").notna().any(axis=None))

        self._tasks.run(_LOOKING, work, done, failed)

    def _measure(self, plates: tuple[PlateId, ...], stains: tuple[str, ...] | None) -> None:
        dataset, session = self._session.dataset, self._session
        if dataset is None:
            return

        address = scheduler()

        def work(progress: Progress) -> str:
            from napari_rxrx3.data.cells.measuring import asked_of, named_dna, todo

            if stains is not None:
                named_dna(dataset)  # or says what is missing
            asked = asked_of(dataset, stains)
            n = todo(dataset, plates, asked)
            what = f"reading {count(n, 'image')} of {some([str(plate) for plate in plates])}"

            def told(done: int, total: int, text: str) -> None:
                progress(done, total, what)

            told(0, 0, "")
            with chosen_cluster(address if n else None, progress) as client:
                dataset.measures(plates, stains, client=client, progress=told)
            for plate in plates:
                dataset.measured.of_plate(plate)  # so that nobody waits for it
            measured = f"Measured {count(n, 'image')}; kept for the next time."
            return measured if n else "All that can be read is measured already."

        def done(sentence: str) -> None:
            session.note_measures(plates)
            session.say(sentence)

        def failed(sentence: str) -> None:
            session.note_measures(plates)
            session.say(sentence)

        self._tasks.run(COUNTING, work, done, failed, "looking for what is measured")

    def _on_stopped(self, task: str) -> None:
        if task == COUNTING:
            self._look(self._session.plate)
            self._session.note_measures([plate] if (plate := self._session.plate) else [])
