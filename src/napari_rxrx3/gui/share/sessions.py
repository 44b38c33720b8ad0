"""Sessions: saved to files, opened again, and the last one kept for the next start."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication

from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.gui.share.view_record import record_of_window, shows_picture, take_look
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress

if TYPE_CHECKING:
    from napari_rxrx3.core.mosaic import Tile
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord
    from napari_rxrx3.gui.workspace import Workspace
    from napari_rxrx3.hits.review import Review

__all__ = ["Sessions", "last_session_file"]

_KEEP_MS, _LOOK_MS = 1000, 30

_log = logging.getLogger(__name__)


def last_session_file() -> Path:
    """Where the last session is kept."""
    folder = platformdirs.user_state_dir("napari-rxrx3", appauthor=False)
    return Path(folder) / "last-session.json"


class Sessions(QObject):
    """Saves and restores what one window shows.

    The last session is kept a moment after each change, and when the program ends. What cannot be
    kept is said once, and tried again at the next change.
    """

    def __init__(self, workspace: Workspace, tasks: TaskGroup, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._awaited: ViewRecord | None = None
        self._awaited_tiles: tuple[Tile, ...] = ()
        self._queue_of: ViewRecord | None = None
        self._words = ""
        self._trouble = ""
        self._writing = threading.Lock()
        self._made = self._written = 0
        self._keep_timer = QTimer(self, singleShot=True, interval=_KEEP_MS)
        self._keep_timer.timeout.connect(self._keep)
        self._look_timer = QTimer(self, interval=_LOOK_MS)
        self._look_timer.timeout.connect(self._look)
        self._connections = tasks.connections(self)
        tasks.settled_if(lambda: self._awaited is None)
        tasks.at_end(self._end)
        self._follow()

    def save(self, path: str) -> None:
        """Save the session to a file.

        Raises
        ------
        RecordError
            If it cannot be written.
        """
        from napari_rxrx3.figures.record import write_record

        write_record(path, record_of_window(self._workspace))
        self._workspace.session.say(f"Saved the session as {path}.")

    def open(self, path: str) -> None:
        """Show a saved session or the record of a figure; its data set is opened if need be."""
        workspace, now = self._workspace, self._workspace.session.dataset

        def work(progress: Any) -> tuple[ViewRecord, Dataset]:
            from napari_rxrx3.figures.restore import open_record

            return open_record(path, now, progress)

        def done(opened: tuple[ViewRecord, Dataset]) -> None:
            self.show(*opened)

        workspace.tasks.cancel("demo")
        workspace.tasks.run("open", work, done, workspace.session.say, f"opening {path}")

    def reopen(self) -> None:
        """Open the data set again, as its files are now, and show the same of it."""
        workspace, dataset = self._workspace, self._workspace.session.dataset
        if dataset is None:
            return
        record = record_of_window(workspace)

        def work(progress: Any) -> Dataset:
            from napari_rxrx3.dataset import open_dataset

            return open_dataset(dataset.address, dataset.cache.folder, progress=progress)

        def done(again: Dataset) -> None:
            self.show(record, again, "")
            if not self._words:
                workspace.say_what_is_here(again)

        workspace.tasks.cancel("demo")
        text = f"opening {dataset.name} again"
        workspace.tasks.run("open", work, done, workspace.session.say, text)

    def open_last(self) -> None:
        """Show what the last session showed, if one was kept."""
        path = last_session_file()
        if path.is_file():
            self.open(str(path))

    def show(self, record: ViewRecord, dataset: Dataset, said: str | None = None) -> None:
        """Restore a record of a data set; what cannot be is said, else `said`, or when it was."""
        from napari_rxrx3.figures.restore import restore

        session = self._workspace.session
        if dataset is not session.dataset:
            session.open(dataset)
        try:
            notes = restore(record, session)
        except RxRx3Error as error:
            session.say(str(error))
            return
        note = self._restore_queue(record)
        when = record.saved.replace("T", " ").removesuffix("Z")
        said = f"Shown as on {when} UTC." if said is None else said
        self._words = " ".join(filter(None, (*notes, note))) or said
        session.say(self._words)
        self._awaited, self._awaited_tiles = record, session.tiles
        self._look_timer.start()

    def _end(self) -> None:
        """The dock is closed: keep what is shown."""
        self.flush()
        self._look_timer.stop()
        QApplication.instance().aboutToQuit.disconnect(self.flush)

    def flush(self) -> None:
        """Keep the session now; nothing is said of what cannot be, as nobody would read it."""
        self._keep_timer.stop()
        if self._workspace.session.dataset is not None and self._awaited is None:
            try:
                self._write(*self._next())
            except Exception:  # the window may be half gone
                _log.exception("the session was not kept")

    # -- keeping ---------------------------------------------------------------------------------

    def _follow(self) -> None:
        session, layers = self._workspace.session, self._workspace.layers
        changes = (
            *(session.tiles_changed, session.view_changed, session.query_changed),
            *(session.selection_changed, session.limits_changed, session.contrast_rule_changed),
            *(session.crop_changed, session.difference_changed, layers.shown_changed),
            *(display.palette_changed, session.review_changed),
        )
        for signal in changes:
            self._connections.connect(signal, self._keep_soon)
        self._connections.connect(session.review_changed, self._on_review)
        self._connections.connect(session.dataset_changed, self._look_up)
        QApplication.instance().aboutToQuit.connect(self.flush)

    def _look_up(self, dataset: Dataset | None) -> None:
        """Have it found out beside the window what records say of a data set and of packages."""
        if dataset is not None:
            work = partial(_look_up, dataset)
            self._workspace.tasks.run("identity", work, lambda _: None, lambda _: None)

    def _keep_soon(self) -> None:
        if self._workspace.session.dataset is not None:
            self._keep_timer.start()

    def _keep(self) -> None:
        """Keep the session in the background."""
        if self._workspace.session.dataset is None or self._awaited is not None:
            return
        number, record = self._next()

        def work(_: Any) -> None:
            self._write(number, record)

        self._workspace.tasks.run("keep session", work, self._on_kept, self._on_not_kept)

    def _next(self) -> tuple[int, ViewRecord]:
        self._made += 1
        # the list under review is kept by the review
        record = record_of_window(self._workspace, with_review=False)
        if self._workspace.tasks.is_running("contrast"):  # what it has now is for the time being
            record = replace(record, limits=None)
        return self._made, record

    def _write(self, number: int, record: ViewRecord) -> None:
        """Write one state, unless a later one was; by any thread."""
        from napari_rxrx3.figures.record import write_record

        with self._writing:
            if number > self._written:
                write_record(last_session_file(), record)
                self._written = number

    def _on_kept(self, _: None) -> None:
        self._trouble = ""

    def _on_not_kept(self, why: str) -> None:
        if why != self._trouble:
            self._trouble = why
            self._workspace.session.say(f"This session cannot be kept for the next start: {why}")

    # -- restoring -------------------------------------------------------------------------------

    def _look(self) -> None:
        """Once the picture is there: the look that it had, unless one has moved on."""
        record, session = self._awaited, self._workspace.session
        if record is None:
            self._say_again()
            return
        has_moved_on = session.tiles != self._awaited_tiles or session.view != record.view
        if not has_moved_on and session.tiles and not shows_picture(self._workspace):
            return
        self._awaited = None
        if has_moved_on:
            self._words = ""
        elif session.tiles:
            take_look(self._workspace, record)
        self._keep_soon()

    def _say_again(self) -> None:
        """What was restored, and what was not: a data set that was just opened talks over it."""
        if self._workspace.tasks.is_running("vectors"):
            return
        self._look_timer.stop()
        session = self._workspace.session
        if session.dataset is not None and session.dataset.describe() in session.message:
            session.say(self._words or session.message)
        self._words = ""

    def _restore_queue(self, record: ViewRecord) -> str:
        from napari_rxrx3.figures.restore import restore_queue

        review = self._workspace.session.review
        self._queue_of = record if review is None else None
        return restore_queue(record, review) if review is not None else ""

    def _on_review(self, review: Review | None) -> None:
        """The review of a data set that was just opened comes a moment later."""
        record, self._queue_of = self._queue_of, None if review is not None else self._queue_of
        if review is not None and record is not None:
            from napari_rxrx3.figures.restore import restore_queue

            note = restore_queue(record, review)
            if note:
                self._words = note
                self._workspace.session.say(note)


def _look_up(dataset: Dataset, progress: Progress) -> None:
    """What is found out here is kept, and there when a record is made."""
    from napari_rxrx3.figures.record import identity_of, software

    software()
    identity_of(dataset)
