"""The menu to take along what is on screen: figure, script, planes, session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox, QToolButton, QWidget

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.words import file_name, key_in_words
from napari_rxrx3.figures.files import with_ending
from napari_rxrx3.gui.map.chosen_set.entries import Chosen, find_wells
from napari_rxrx3.gui.share.figure_dialog import FigureDialog
from napari_rxrx3.gui.share.reopening import reopens_last, set_reopens_last
from napari_rxrx3.gui.share.sessions import Sessions
from napari_rxrx3.gui.share.view_record import record_of_window
from napari_rxrx3.gui.widgets import tool_button
from napari_rxrx3.gui.work.machines import (
    ask_for_scheduler,
    chosen_cluster,
    scheduler,
    where_in_words,
)
from napari_rxrx3.gui.work.task_group import TaskGroup

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.data.passes import PassSummary
    from napari_rxrx3.figures.ome_tiff import SavedPlanes
    from napari_rxrx3.gui.workspace import Workspace

__all__ = ["FIGURE_KEY", "SCRIPT_KEY", "ShareMenu"]

FIGURE_KEY, SCRIPT_KEY = "Ctrl+Shift+S", "Ctrl+Shift+Y"
"""napari's own console is on Ctrl+Shift+C."""

_NO_CHOICES = "napari keeps no such choice here."
_REPORT, _LONGEST = "Report …", 40
_REPORTS = "Reports (*.html *.pdf *.png *.svg *.tif)"
_SESSIONS = "Saved session (*.json)"
_PROBLEMS = "Problems (*.csv *.json)"
_PLANES = "OME-TIFF (*.ome.tif *.ome.tiff)"


class ShareMenu(QObject):
    """A button with the menu, and what its entries do."""

    def __init__(self, workspace: Workspace, tasks: TaskGroup, parent: QWidget) -> None:
        super().__init__(parent)
        self._workspace, self._parent = workspace, parent
        self.sessions = Sessions(workspace, tasks, self)
        self.figure_dialog: FigureDialog | None = None
        tip = "Save a figure, a script, the planes or the session"
        self.button = tool_button("export_variant", tip, parent)
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        self._fill()
        self.menu.aboutToShow.connect(self._enable)
        self.button.setMenu(self.menu)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._connections = tasks.connections(self)
        self._connections.connect(workspace.session.report_wanted, self.save_report)
        workspace.keys.bind(parent, FIGURE_KEY, self.save_figure)
        workspace.keys.bind(parent, SCRIPT_KEY, self.copy_script)

    def start(self) -> None:
        """The dock was opened: show the last session, if that was chosen and nothing else is."""
        workspace = self._workspace
        is_busy = any(map(workspace.tasks.is_running, ("open", "demo")))
        if workspace.session.dataset is None and not is_busy and reopens_last():
            self.sessions.open_last()

    def _fill(self) -> None:
        add = self._add
        self.figure = add("Save figure …", "As PNG, TIFF, SVG or PDF.", self.save_figure)
        self.figure.setText(f"Save figure …\t{FIGURE_KEY}")
        tip = "A page about the perturbation: pictures, neighbors, guides or doses, evidence."
        self.report = add(_REPORT, tip, self.save_report)
        self.script = add("Copy as Python", "A script that reads and shows this.", self.copy_script)
        self.script.setText(f"Copy as Python\t{SCRIPT_KEY}")
        tip = "The pixels of the wells as they were read, for other programs."
        self.planes = add("Save planes as OME-TIFF …", tip, self.save_planes)
        tip = "All wells of the plate, for other viewers: a folder in one that you choose."
        self.plate = add("Save plate as OME-Zarr …", tip, self.save_plate)
        tip = "Pieces of the tagged wells, with what they received, for programs that learn."
        self.crops = add("Save crops of tagged wells …", tip, self.save_crops)
        tip = tip.replace("tagged wells", "wells in the queue")
        self.queue_crops = add("Save crops of the queue …", tip, self.save_crops_of_queue)
        tip = tip.replace("in the queue", "of what is chosen on the map")
        self.chosen_crops = add("Save crops of the chosen set …", tip, self.save_crops_of_chosen)
        tip = "Decode every image, compare all lists, and save what is wrong as a table."
        self.check = add("Check all images …", tip, self.check_images)
        tip = "Where plates, crops, checks and cell counts are made: here, or by a dask cluster."
        self.machines = add("Run on …", tip, self.choose_machines)
        self.menu.addSeparator()
        tip = "Wells, contrast, question and list as they are now, in one small file."
        self.save = add("Save session …", tip, self.save_session)
        tip = "A saved session, or the file that was saved beside a figure."
        self.open = add("Open session …", tip, self.open_session)
        tip = "Whenever the explorer is opened, it shows what it showed last."
        self.reopen = add("Reopen the last one on start", tip, None)
        self.reopen.setCheckable(True)
        self.reopen.toggled.connect(self._on_reopen)

    def _add(self, text: str, tip: str, act: Any) -> QAction:
        action = QAction(text, self.menu)
        action.setToolTip(tip)
        action.setData(tip)
        if act is not None:
            action.triggered.connect(lambda *_: act())
        self.menu.addAction(action)
        return action

    def _enable(self) -> None:
        """Offer what makes sense now; a tooltip says why something does not."""
        key = self._workspace.session.query.key
        self.report.setText(_report_of(key))
        of_view = self.figure, self.report, self.script, self.planes, self.plate
        of_wells = self.crops, self.queue_crops, self.chosen_crops
        for action in (*of_view, *of_wells, self.check, self.save):
            self._offer(action, self._why_not(action))
        self.machines.setText(f"Run on: {where_in_words()} …".replace("&", "&&"))
        self._offer(self.machines, _NO_CHOICES if scheduler() is None else "")
        choice = reopens_last()
        before = self.reopen.blockSignals(True)
        self.reopen.setChecked(bool(choice))
        self.reopen.blockSignals(before)
        self._offer(self.reopen, _NO_CHOICES if choice is None else "")

    def _offer(self, action: QAction, why_not: str) -> None:
        action.setEnabled(not why_not)
        action.setToolTip(why_not or action.data())

    def _why_not(self, action: QAction) -> str:
        session = self._workspace.session
        if session.dataset is None:
            return "Open a data set first."
        if action is self.report and not session.query.key:
            return "Choose a perturbation first: a well of it, or by the search."
        if action is self.planes and not self._wells():
            return "Show wells first, rather than their plate."
        if action is self.plate and not self._has_images():
            return "There are no images of this plate."
        if action is self.check and not session.dataset.images.plates:
            return "There are no images in this data set."
        if action is self.crops and not self._tagged():
            return "Tag wells first: 1 to 5 in Hits."
        if action is self.queue_crops and not self._queued():
            return "Make a queue first: Queue in Hits."
        if action is self.chosen_crops and not session.chosen:
            return "Choose perturbations on the map first."
        if action is self.figure and session.view == "plate":
            return "A figure shows wells: open one, or several side by side."
        return ""

    # -- what the entries do ---------------------------------------------------------------------

    def save_figure(self) -> None:
        """Ask how, and save what is on screen as a figure."""
        why_not = self._why_not(self.figure)
        if why_not:
            self._say(why_not)
            return
        if self.figure_dialog is None:  # kept: it remembers what was chosen
            self.figure_dialog = FigureDialog(self._workspace, self._parent)
        self.figure_dialog.ask()

    def save_report(self) -> None:
        """Ask for a file, and write the report of the query there in the background."""
        why_not = self._why_not(self.report)
        dataset, query = self._workspace.session.dataset, self._workspace.session.query
        if why_not or dataset is None:
            self._say(why_not)
            return
        name = f"{file_name(key_in_words(query.key))}-report.html"
        chosen = self._ask_where("Save report", name, _REPORTS)
        path = with_ending(Path(chosen), ".html")
        if not chosen or not self._may_replace(chosen, [path]):
            return

        def work(progress: Any) -> str:
            from napari_rxrx3.gui.share.report_of_query import save_report

            return save_report(dataset, query, path, progress)

        words = f"writing the report of {key_in_words(query.key)}"
        self._workspace.tasks.run("report", work, self._say, self._say, words)

    def copy_script(self) -> None:
        """Put a script that reproduces what is on screen on the clipboard."""
        from napari_rxrx3.figures.script import python_script

        try:
            script = python_script(record_of_window(self._workspace))
        except RxRx3Error as error:
            self._say(str(error))
            return
        QApplication.clipboard().setText(script)
        n = len(script.splitlines())
        self._say(f"{n} lines of Python were copied: paste them into a file or a notebook.")

    def save_planes(self) -> None:
        """Ask for a file, and write the shown wells' planes in the background."""
        dataset, wells = self._workspace.session.dataset, self._wells()
        if dataset is None or not wells:
            self._say("No well is shown: there are no planes to save.")
            return
        name = f"{wells[0] if len(wells) == 1 else 'wells'}.ome.tif"
        path = self._ask_where("Save planes", name, _PLANES)
        if not path:
            return
        from napari_rxrx3.figures.ome_tiff import files_for

        if not self._may_replace(path, list(files_for(path, wells).values())):
            return

        def work(progress: Any) -> SavedPlanes:
            from napari_rxrx3.figures.ome_tiff import save_planes

            return save_planes(path, dataset, wells, overwrite=True, progress=progress)

        def done(saved: SavedPlanes) -> None:
            self._say(saved.summary())

        self._workspace.tasks.run("planes", work, done, self._say, "saving planes")

    def save_plate(self) -> None:
        """Ask for a folder, and write the plate there in the background."""
        dataset, plate = self._workspace.session.dataset, self._workspace.session.plate
        if dataset is None or plate is None:
            self._say("Open a data set first.")
            return

        def export(folder: str, client: Client | None, progress: Any) -> PassSummary:
            from napari_rxrx3.exports.plates_zarr import export_zarr

            named = f"{plate.experiment}/{plate.plate}"
            return export_zarr(dataset, folder, [named], client=client, progress=progress)

        self._export("Save plate as OME-Zarr", "saving the plate", "well", export)

    def save_crops(self) -> None:
        """Ask for a folder, and write crops of the tagged wells there in the background."""
        self._save_crops_of("tagged wells", lambda progress: self._tagged())

    def save_crops_of_queue(self) -> None:
        """The same of the wells in the queue."""
        self._save_crops_of("the queue", lambda progress: self._queued())

    def save_crops_of_chosen(self) -> None:
        """The same of all wells with an image that the chosen set was made of."""
        dataset, session = self._workspace.session.dataset, self._workspace.session
        chosen = Chosen(session.chosen, session.chosen_title, session.chosen_spec)

        def wells(progress: Any) -> list[str]:
            assert dataset is not None
            rows = dataset.rows(find_wells(dataset, chosen, progress).everywhere())
            return [str(well) for well in rows.index[rows["has_image"]]]

        self._save_crops_of("the chosen set", wells)

    def _save_crops_of(self, what: str, wells_of: Callable[[Any], list[str]]) -> None:
        dataset = self._workspace.session.dataset
        if dataset is None:
            self._say("Open a data set first.")
            return

        def export(folder: str, client: Client | None, progress: Any) -> PassSummary:
            from napari_rxrx3.exports.crops import export_crops

            wells = wells_of(progress)
            return export_crops(dataset, folder, wells=wells, client=client, progress=progress)

        self._export(f"Save crops of {what}", "saving crops", "crop", export)

    def _export(self, title: str, words: str, what: str, export: Any) -> None:
        folder = QFileDialog.getExistingDirectory(self._parent, title)
        if not folder:
            return
        address = scheduler()

        def work(progress: Any) -> PassSummary:
            with chosen_cluster(address, progress) as client:
                return export(str(folder), client, progress)

        def done(summary: PassSummary) -> None:
            n = len(summary.failures)
            self._say(" ".join([summary.words(what), *summary.failures[:1], *["…"] * (n > 1)]))

        self._workspace.tasks.run("export", work, done, self._say, words)

    def check_images(self) -> None:
        """Ask for a file, check all of the data set in the background, and write it there."""
        dataset, why_not = self._workspace.session.dataset, self._why_not(self.check)
        if dataset is None or why_not:
            self._say(why_not)
            return
        chosen = self._ask_where("Save what the check finds", "check.csv", _PROBLEMS)
        path = with_ending(Path(chosen), ".csv")
        if not chosen or not self._may_replace(chosen, [path]):
            return
        address = scheduler()

        def work(progress: Any) -> str:
            from napari_rxrx3.gui.share.check_report import save_check

            with chosen_cluster(address, progress) as client:
                return save_check(dataset, path, client, progress)

        self._workspace.tasks.run("check", work, self._say, self._say, "checking all images")

    def choose_machines(self) -> None:
        """Ask where long work is done from now on."""
        ask_for_scheduler(self._parent)

    def save_session(self) -> None:
        """Ask for a file, and save the session."""
        dataset = self._workspace.session.dataset
        if dataset is None:
            self._say("Open a data set first.")
            return
        chosen = self._ask_where("Save session", f"{dataset.name}-session.json", _SESSIONS)
        path = chosen if chosen.lower().endswith(".json") else f"{chosen}.json"
        if not chosen or not self._may_replace(chosen, [Path(path)]):
            return
        try:
            self.sessions.save(path)
        except RxRx3Error as error:
            self._say(str(error))

    def open_session(self) -> None:
        """Ask for a file, and show the session that it holds."""
        path = QFileDialog.getOpenFileName(self._parent, "Open session", "", _SESSIONS)[0]
        if path:
            self.sessions.open(str(path))

    def _on_reopen(self, on: bool) -> None:
        set_reopens_last(on)
        if on:
            self.sessions.flush()

    def _wells(self) -> list[str]:
        session = self._workspace.session
        tiles = session.tiles if session.view == "well" else ()
        return list(dict.fromkeys(tile.well_id for tile in tiles if tile.well_id is not None))

    def _has_images(self) -> bool:
        session = self._workspace.session
        if session.dataset is None or session.plate is None:
            return False
        return bool(session.dataset.wells_of_plate(session.plate)["has_image"].any())

    def _tagged(self) -> list[str]:
        review = self._workspace.session.review
        hits = review.hits.values() if review is not None else ()
        return [hit.well_id for hit in hits if hit.tag]

    def _queued(self) -> list[str]:
        review = self._workspace.session.review
        return [item.well_id for item in review.queue.items] if review is not None else []

    def _ask_where(self, title: str, name: str, kinds: str) -> str:
        return str(QFileDialog.getSaveFileName(self._parent, title, name, kinds)[0])

    def _may_replace(self, asked_about: str, files: list[Path]) -> bool:
        """Ask before files are replaced that the file dialog has not asked about."""
        there = [file for file in files if file.exists() and file != Path(asked_about)]
        if not there:
            return True
        question = f"{there[0].name} exists already. Replace it?"
        if len(there) > 1:
            question = f"{there[0].name} and {len(there) - 1} more exist already. Replace them?"
        return self._agrees(question)

    def _agrees(self, question: str) -> bool:
        buttons = QMessageBox.StandardButton
        kind, title = QMessageBox.Icon.Question, "RxRx3 Explorer"
        box = QMessageBox(kind, title, question, buttons.Yes | buttons.No, self._parent)
        box.setTextFormat(Qt.TextFormat.PlainText)  # names of files are in it
        box.setDefaultButton(buttons.No)
        return buttons(box.exec()) == buttons.Yes

    def _say(self, text: str) -> None:
        self._workspace.session.say(text)


def _report_of(key: str) -> str:
    """What the entry of a report is called; a sign of a key in a name is no key."""
    name = key_in_words(key)
    name = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
    return f"Report of {name.replace('&', '&&')} …" if key else _REPORT
