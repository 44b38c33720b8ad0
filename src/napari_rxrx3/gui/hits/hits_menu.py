"""The menu of actions on all hits: files, reviewer, folder, agreement."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMenu, QWidget

from napari_rxrx3.core.words import count
from napari_rxrx3.gui.hits.hits_opener import HitsOpener
from napari_rxrx3.gui.hits.tag_buttons import tag_icon
from napari_rxrx3.gui.words import in_menu
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.hits.hit import tags_in_use
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.hits.table import Imported

__all__ = ["HitsMenu"]

_TABLES = "CSV (*.csv)"
_ANY_TABLE = "Tables (*.csv *.tsv *.txt);;All files (*)"
_HITS = "Hits (*.json);;All files (*)"


class HitsMenu(QMenu):
    """Exports and imports hits, and chooses whose they are and where they are kept."""

    compare_asked = Signal(str)
    """The file of another reviewer's hits."""

    def __init__(
        self, session: Session, tasks: TaskGroup, opener: HitsOpener, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._opener = session, tasks, opener
        self.setToolTipsVisible(True)
        self.export = self.addAction("Export as CSV …")
        self.export.setToolTip("All hits with scores, tags, notes and contrast limits")
        self.imports = self.addAction("Import from CSV …")
        self.imports.setToolTip("Take in hits from an export, also after a spreadsheet program")
        self.sets = self.addMenu("Gene sets of a tag")
        self.sets.setToolTipsVisible(True)
        self.sets.menuAction().setToolTip("What the genes with one tag have in common")
        self.addSeparator()
        self.reviewer = self.addAction("Reviewer …")
        self.reviewer.setToolTip("Whose hits these are: every reviewer has a file")
        self.place = self.addAction("Keep hits in another folder …")
        self.place.setToolTip("Where the files of hits are kept, e.g. a folder that you share")
        self.usual = self.addAction("Keep hits in the usual folder")
        self.addSeparator()
        self.others = self.addMenu("Compare with another reviewer")
        self.export.triggered.connect(self._export)
        self.imports.triggered.connect(self._import)
        self.reviewer.triggered.connect(self._choose_reviewer)
        self.place.triggered.connect(self._choose_place)
        self.usual.triggered.connect(self._use_usual_place)
        self.aboutToShow.connect(self._update)

    def export_csv(self, path: str) -> None:
        """Write all hits to a CSV in the background; what comes of it is said in the window."""
        review, say = self._session.review, self._session.say
        if review is None:
            return
        hits = tuple(review.hits.values())  # the review belongs to this thread

        def work(progress: Progress) -> int:
            from napari_rxrx3.hits.table import export_csv

            return export_csv(hits, review.dataset, review.reviewer, Path(path))

        def done(n_hits: int) -> None:
            say(f"Saved {count(n_hits, 'hit')} in {path}.")

        self._tasks.run("export", work, done, say, f"writing {count(len(hits), 'hit')}")

    def import_csv(self, path: str) -> None:
        """Take in the hits of a CSV; what comes of it is said in the window."""
        session, review = self._session, self._session.review
        dataset = session.dataset
        if review is None or dataset is None:
            return

        def work(progress: Progress) -> Imported:
            from napari_rxrx3.hits.table import read_hits_csv

            return read_hits_csv(Path(path), dataset)

        def done(imported: Imported) -> None:
            from napari_rxrx3.hits.table import import_hits

            if session.review is review:
                session.say(import_hits(review, imported))

        self._tasks.run("import", work, done, session.say, f"reading {path}")

    def _update(self) -> None:
        from napari_rxrx3.hits.places import chosen_place, default_place

        review = self._session.review
        for action in (self.export, self.imports):
            action.setEnabled(review is not None)
        self.export.setEnabled(review is not None and len(review.hits) > 0)
        self.reviewer.setText(in_menu(f"Reviewer: {self._name()} …"))
        is_open = self._session.dataset is not None
        for action in (self.reviewer, self.place, self.usual):
            action.setEnabled(is_open)
        self.usual.setVisible(chosen_place() != default_place())
        self.others.setEnabled(review is not None)
        self._list_others()
        self._list_tags()

    def _list_others(self) -> None:
        from napari_rxrx3.hits.places import files_of_reviewers

        review = self._session.review
        self.others.clear()
        if review is not None:
            for path in files_of_reviewers(review.path):
                if path != review.path:
                    act = self.others.addAction(in_menu(path.stem))
                    act.triggered.connect(partial(self.compare_asked.emit, str(path)))
        self.others.addAction("A file …").triggered.connect(self._choose_other)

    def _list_tags(self) -> None:
        """Offer the gene sets of each tag that was given."""
        review = self._session.review
        counts = review.counts() if review is not None else {}
        self.sets.clear()
        self.sets.setEnabled(any(counts.get(tag.number) for tag in tags_in_use()))
        for tag in tags_in_use():
            if n := counts.get(tag.number):
                act = self.sets.addAction(tag_icon(tag), in_menu(f"{tag.name} ({n:,})"))
                act.triggered.connect(partial(self._want_sets, tag.number))

    def _want_sets(self, tag: int, checked: bool = False) -> None:
        self._session.want_sets(str(tag))

    def _name(self) -> str:
        from napari_rxrx3.hits.places import chosen_reviewer

        review = self._session.review
        return review.reviewer if review is not None else chosen_reviewer()

    def _export(self) -> None:
        dataset = self._session.dataset
        name = f"hits of {dataset.name}.csv" if dataset is not None else "hits.csv"
        path = QFileDialog.getSaveFileName(self.parentWidget(), "Export hits", name, _TABLES)[0]
        if path:
            self.export_csv(str(path))

    def _import(self) -> None:
        path = QFileDialog.getOpenFileName(self.parentWidget(), "Import hits", "", _ANY_TABLE)[0]
        if path:
            self.import_csv(str(path))

    def _choose_reviewer(self) -> None:
        words = "Name of the reviewer (each has a file of hits)"
        name, said = QInputDialog.getText(self.parentWidget(), "Reviewer", words, text=self._name())
        name = " ".join(name.split())
        if said and name and name != self._name():
            self._opener.open(reviewer=name)

    def _choose_place(self) -> None:
        path = QFileDialog.getExistingDirectory(self.parentWidget(), "Keep hits in a folder")
        if path:
            self._opener.move_to(Path(path))

    def _use_usual_place(self) -> None:
        from napari_rxrx3.hits.places import default_place

        self._opener.move_to(default_place())

    def _choose_other(self) -> None:
        parent, title = self.parentWidget(), "Hits of another reviewer"
        path = QFileDialog.getOpenFileName(parent, title, "", _HITS)[0]
        if path:
            self.compare_asked.emit(str(path))
