"""The hits tab: what to look at next, what was decided, and the table of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHideEvent, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_rxrx3.core.display import display
from napari_rxrx3.gui.hits.hits_filter import HitsFilter
from napari_rxrx3.gui.hits.hits_menu import HitsMenu
from napari_rxrx3.gui.hits.hits_opener import HitsOpener
from napari_rxrx3.gui.hits.hits_table import HitsModel, HitsTable
from napari_rxrx3.gui.hits.note_line import NoteLine
from napari_rxrx3.gui.hits.queue_bar import QueueBar
from napari_rxrx3.gui.hits.queue_menu import QueueMenu
from napari_rxrx3.gui.hits.reviewers import compare_with
from napari_rxrx3.gui.hits.reviewing import Reviewing
from napari_rxrx3.gui.hits.tag_buttons import TagButtons
from napari_rxrx3.gui.hits.trouble_row import TroubleRow
from napari_rxrx3.gui.keys import Keys, is_text
from napari_rxrx3.gui.widgets import is_key_override
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.hits.hit import NO_TAG, Hit, tags_in_use
from napari_rxrx3.hits.queue import Queue
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.hits.review import Review

__all__ = ["HitsPanel"]

_TASKS = ("queue", "import", "export", "agreement")
_StandardKey = QKeySequence.StandardKey
_WITH_DIGITS = Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier
"""French keyboards have digits above Shift."""


class HitsPanel(QWidget):
    """Tags and notes on the well on screen.

    Digits are tags once somebody has turned to it, until it is hidden: a dock that just opens with
    it in front leaves them to the stains.
    """

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._review: Review | None = None
        self._keys: Keys | None = None
        self._is_in_use = False
        self._unsaved: list[Review] = []
        """Reviews of other data sets that could not be saved yet."""
        self._connections, self._of_review = tasks.connections(self), tasks.connections(self)
        self.reviewing = Reviewing(session)
        self.opener = HitsOpener(session, tasks, self)
        self.model = HitsModel(self)
        self.table = HitsTable(self.model)
        self.queue_menu = QueueMenu(session, tasks, self._listed, self)
        self.more_menu = HitsMenu(session, tasks, self.opener, self)
        self.bar = QueueBar(self.queue_menu, self.more_menu)
        self.tags = TagButtons(tags_in_use())
        self.note = NoteLine()
        self.filter = HitsFilter(tags_in_use())
        self.trouble = TroubleRow()
        tasks.settled_if(lambda: self.note.is_settled)
        tasks.at_end(self._end)
        self._lay_out()
        self._connect()
        self._on_review(session.review)
        self._on_dataset(session.dataset)

    def _end(self) -> None:
        self.note.keep()
        QApplication.instance().focusChanged.disconnect(self._show_keys)
        if self._keys is not None:
            self._keys.takes_digit = None

    def follow_keys(self, keys: Keys) -> None:
        """Take the digits of a window while they mean tags."""
        self._keys = keys
        keys.takes_digit = self.take_digit
        keys.changed.connect(self._show_keys)
        self._show_keys()

    def take_digit(self, number: int) -> bool:
        """Tag the well on screen, if this is in use or the well is the queue's current one."""
        if not self._digits_are_tags or number > len(self.tags.buttons):
            return False
        self.reviewing.tag(number)
        return True

    @property
    def _digits_are_tags(self) -> bool:
        return self._is_in_use or self.reviewing.is_in_queue

    def turn_to(self) -> None:
        """Let digits be tags: the user works with this."""
        self._is_in_use = self.isVisible()
        self._show_keys()

    def take_focus(self) -> None:
        """Let keys of lists and of tags work here."""
        self.turn_to()
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _lay_out(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFocusProxy(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        for widget in (self.bar, self.tags, self.note, self.trouble, self.filter):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)

    def _connect(self) -> None:
        session, follow, reviewing = self._session, self._connections.connect, self.reviewing
        follow(session.dataset_changed, self._on_dataset)
        follow(session.review_changed, self._on_review)
        follow(session.well_changed, self._on_well)
        follow(session.tags_changed, self._on_tags)
        follow(display.tags_changed, self._on_looks)
        self.queue_menu.made.connect(self._begin)
        self.more_menu.compare_asked.connect(self._compare)
        self.bar.stepped.connect(reviewing.step)
        self.bar.undo_asked.connect(reviewing.undo)
        self.bar.redo_asked.connect(reviewing.redo)
        self.tags.chosen.connect(reviewing.tag)
        self.note.written.connect(self._keep_note)
        self.note.left.connect(self.take_focus)
        self.filter.changed.connect(self._filter)
        self.table.chosen.connect(lambda hit: reviewing.show_well(hit.well_id))
        self.table.note_wanted.connect(self._write_note)
        self.filter.newest_asked.connect(self.table.show_newest_first)
        self.opener.trouble.connect(self._on_trouble)
        self.trouble.retry_asked.connect(self._retry)
        self.trouble.place_asked.connect(self.more_menu.place.trigger)
        QApplication.instance().focusChanged.connect(self._show_keys)

    # -- what the session says -------------------------------------------------------------------

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel(*_TASKS)
        self.queue_menu.set_found(None)
        self._on_trouble("")
        if dataset is not None and self._session.review is None:
            self.opener.open()

    def _on_review(self, review: Review | None) -> None:
        self.note.keep()
        self._of_review.end()
        if self._review is not None and not self._review.save():
            self._unsaved.append(self._review)
        self._review = review
        if review is not None:
            self._of_review.connect(review.moved, self._on_moved)
            self._of_review.connect(review.trouble_changed, self._on_trouble)
        self._on_trouble(review.trouble if review is not None else "")
        self._on_moved()
        self._on_tags()

    def _on_trouble(self, sentence: str) -> None:
        sentence = sentence or next((review.trouble for review in self._unsaved), "")
        self.trouble.say(sentence)
        self.filter.setVisible(not sentence)  # there is room for one of them

    def _on_moved(self, item: object = None) -> None:
        review = self._review
        queue = review.queue if review is not None else Queue()
        self.bar.set_queue(queue, self._session.well)

    def _on_well(self, well: str | None) -> None:
        self._on_moved()
        self._show_keys()
        self._show_hit()

    def _on_tags(self, wells: object = None) -> None:
        review = self._review
        self.tags.setEnabled(review is not None)
        self.tags.set_counts(review.counts() if review is not None else {})
        self.model.set_hits(review.hits.values() if review is not None else ())
        self.filter.set_count(self.model.n_all)
        can_undo = review is not None and review.can_undo
        self.bar.set_history(can_undo, review is not None and review.can_redo)
        self._show_hit()

    def _on_looks(self, looks: object) -> None:
        tags = tags_in_use()
        self.tags.set_tags(tags)
        self.filter.set_tags(tags)
        self.model.refresh()
        self._show_hit()

    def _show_hit(self, what: object = None) -> None:
        """Show what was decided about the well on screen."""
        well, review = self._session.well, self._review
        hit = None if well is None or review is None else review.hit(well)
        self.tags.set_current(hit.tag if hit is not None else NO_TAG)
        self.note.show_note(hit.well_id if hit is not None else None, hit.note if hit else "")
        self.table.show_well(well)

    # -- what the user does ----------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if is_key_override(event) and self._act_of(event) is not None:
            event.accept()  # digits show and hide stains elsewhere in the window
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        act = self._act_of(event)
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def _act_of(self, event: QKeyEvent) -> Callable[[], None] | None:
        """What a key does here, if it does anything that it does not do elsewhere."""
        if event.matches(_StandardKey.Undo):
            return self.reviewing.undo
        if event.matches(_StandardKey.Redo):
            return self.reviewing.redo
        others = event.modifiers() & ~_WITH_DIGITS
        number = event.key() - Qt.Key.Key_0
        if others == Qt.KeyboardModifier.NoModifier and 0 <= number <= len(self.tags.buttons):
            return partial(self.reviewing.tag, number)
        return None

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._save()  # another window may have written to the file

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._is_in_use = False
        self.note.keep()
        self._save()

    def _show_keys(self, *focus: object) -> None:
        now = QApplication.focusWidget()
        is_inside = now is not None and self.isAncestorOf(now)
        self._is_in_use = self._is_in_use or is_inside
        acts = self._keys is not None and self._keys.acts() and self._digits_are_tags
        self.tags.set_keys_work(acts or (is_inside and not is_text(now)))

    def _begin(self, queue: Queue) -> None:
        if self._review is not None:
            self._review.set_queue(queue)
            self.reviewing.show(queue.current)
            if len(queue):
                self.take_focus()

    def _listed(self) -> list[str]:
        return [hit.well_id for hit in self.model.hits]

    def _filter(self, words: str, tag: int) -> None:
        self.model.set_filter(words, tag)
        self.table.show_well(self._session.well)

    def _keep_note(self, well: str, note: str) -> None:
        if self._review is not None:  # the one it was typed in, also when another one comes
            self._review.set_note(well, note)

    def _write_note(self, hit: Hit | None) -> None:
        if hit is not None and hit.well_id != self._session.well:
            self.reviewing.show_well(hit.well_id)
        self.note.setFocus(Qt.FocusReason.OtherFocusReason)
        self.note.setCursorPosition(len(self.note.text()))

    def _save(self) -> None:
        """Write what is not saved yet, and take in what another window wrote."""
        waited = bool(self._unsaved)
        self._unsaved = [review for review in self._unsaved if not review.save()]
        if self._review is not None:
            self._review.save()
            self._on_trouble(self._review.trouble)
        elif waited:
            self._on_trouble("")

    def _retry(self) -> None:
        self._save()
        if self._review is None:
            self.opener.open()

    def _compare(self, path: str) -> None:
        compare_with(path, self._session, self._tasks, self._begin, self)
