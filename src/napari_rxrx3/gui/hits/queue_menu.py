"""The menu of queues that can be made and reviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMenu, QSpinBox, QWidget, QWidgetAction

from napari_rxrx3.core.stains import dna_stain
from napari_rxrx3.core.words import KINDS_IN_WORDS, count, key_in_words, name_of_well
from napari_rxrx3.gui.number_boxes import read_plain_numbers
from napari_rxrx3.gui.words import in_menu
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.hits.queue import MEASURE_ORDERS, Queue
from napari_rxrx3.maps.spec import spec_of
from napari_rxrx3.session import Session

if TYPE_CHECKING:  # what makes queues is loaded by the threads that make them
    from napari_rxrx3.data.search import Found
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["QueueMenu"]

_TASK = "queue"
_SCORES = ("active", "strongest", "most consistent", "clearest dose response")
_FILES = "Tables and lists (*.csv *.tsv *.txt);;All files (*)"
_AT_MOST = 100
_MOST = 20_000


class QueueMenu(QMenu):
    """Makes a queue of what is chosen, in the background."""

    made = Signal(object)
    """A `Queue` that the user asked for."""

    def __init__(
        self,
        session: Session,
        tasks: TaskGroup,
        listed: Callable[[], list[str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._listed = session, tasks, listed
        self._found: Found | None = None
        self.setToolTipsVisible(True)
        self.plate = self._entry(
            "This plate", "All wells of the plate, in reading order", self._use_plate
        )
        self.found = self._entry(
            "What was found", "The wells that the find box found", self._use_found
        )
        self.chosen = self._entry(
            "Chosen on the map", "The set chosen in the tab Map", self.use_chosen
        )
        self.selected = self._entry(
            "Selected wells", "The wells selected on the map", self._use_selected
        )
        self.neighbors = self._entry(
            "Neighbors", "The neighbor list, in its order", self._use_neighbors
        )
        self.scores = {order: self._score_menu(order) for order in _SCORES}
        self.measured = {order: self._measure_entry(order) for order in MEASURE_ORDERS}
        self.listed = self._entry(
            "Hits as listed", "The rows of the table of hits", self._use_listed
        )
        self.file = self._entry(
            "From a file …",
            "A list or table of well ids, genes, guides or compounds",
            self._choose_file,
        )
        self.addSeparator()
        self.here = self._entry(
            "Go on from this well",
            "Move to the place in the queue where the well on screen is",
            self._go_on_from_here,
        )
        self.end = self.addAction("End this queue")
        self.end.triggered.connect(lambda: self.made.emit(Queue()))
        self.aboutToShow.connect(self._update)

    def set_found(self, found: Found | None) -> None:
        """What the find box has found."""
        self._found = found

    def add(self, wells: Iterable[str]) -> None:
        """Put wells at the end of the queue that there is."""
        from napari_rxrx3.hits.queue import QueueItem

        session = self._session
        if session.review is None:
            session.say("There is no queue yet: the hits are still being read.")
            return
        items = [QueueItem(well, name_of_well(session.well_row(well))) for well in wells]
        queue = session.review.queue.with_items(items)
        if len(queue) == len(session.review.queue):
            session.say("It is in the queue already.")
            return
        session.review.set_queue(queue)
        session.say(f"{items[-1].label} is number {len(queue):,} of the queue.")

    def use_file(self, path: str) -> None:
        """Make a queue of the names in a file."""
        plate, phenomap = self._session.plate, self._session.phenomap
        experiment = plate.experiment if plate is not None else None

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_from_csv

            progress(0, 0, f"reading {path}")
            return queue_from_csv(Path(path), dataset, phenomap, experiment)

        self._make(work, f"reading {path}")

    def use_wells(self, wells: Iterable[str], title: str) -> None:
        """Make a queue of these wells."""
        listed = tuple(wells)

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_of_wells

            return queue_of_wells(dataset, listed, title)

        self._make(work)

    def use_chosen(self) -> None:
        """Make a queue of the chosen set of entries, each by its most typical well."""
        session = self._session
        keys, title, spec = session.chosen, session.chosen_title, session.chosen_spec
        experiment = session.plate.experiment if session.plate is not None else None

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_of_keys

            phenomap = dataset.map_or_fallback(spec, progress)[0]
            return queue_of_keys(dataset, phenomap, keys, title, experiment, progress)

        self._make(work, f"looking at {title}")

    def _entry(self, text: str, tip: str, use: Callable[[], None]) -> QAction:
        # one that Qt made may be taken for an older one at the same address, and go with that
        action = QAction(text, self)
        action.setToolTip(tip)
        action.triggered.connect(use)
        self.addAction(action)
        return action

    def _score_menu(self, order: str) -> QMenu:
        menu = self.addMenu(f"{order.capitalize()} perturbations")
        menu.setToolTipsVisible(True)
        at_most = QSpinBox()
        at_most.setRange(1, _MOST)
        at_most.setValue(_AT_MOST)
        read_plain_numbers(at_most)
        at_most.setToolTip("How many perturbations the queue has at most")
        menu.addAction(_row(menu, "at most", at_most))
        for kind, words in KINDS_IN_WORDS.items():
            action = menu.addAction(words.capitalize())
            action.setToolTip(f"The {order} ones, each by its most typical well")
            action.triggered.connect(partial(self._use_score, order, kind, at_most))
        return menu

    def _measure_entry(self, order: str) -> QAction:
        tip = "Wells of this plate by what their DNA images tell, which are read first if need be"
        return self._entry(order.capitalize(), tip, partial(self._use_measure, order))

    def _update(self) -> None:
        """Offer what there is."""
        session, dataset, review = self._session, self._session.dataset, self._session.review
        is_open = dataset is not None and review is not None
        found, key = self._found, session.query.key
        self.plate.setText(f"This plate: {session.plate}" if session.plate else "This plate")
        name = (
            f"{found.match.words}, {count(len(found.positions), 'well')}"
            if found is not None
            else ""
        )
        self.found.setText(in_menu(f"What was found: {name}") if name else "What was found")
        self.neighbors.setText(in_menu(f"Neighbors of {key_in_words(key)}") if key else "Neighbors")
        n_listed, n_selected = len(self._listed()), len(session.selection)
        self.chosen.setText(in_menu(session.chosen_title or "Chosen on the map"))
        self.selected.setText(f"Selected wells: {n_selected:,}")
        self.listed.setText(f"Hits as listed: {n_listed:,}")
        has_map = dataset is not None and (
            not dataset.vectors_are_read or dataset.known_default is not None
        )
        for entry, is_there in (
            (self.plate, session.plate is not None),
            (self.found, found is not None),
            (self.chosen, bool(session.chosen)),
            (self.selected, n_selected > 1),
            (self.neighbors, bool(key) and has_map),
            *((menu.menuAction(), has_map) for menu in self.scores.values()),
            *((entry, self._has_nuclei()) for entry in self.measured.values()),
            (self.listed, n_listed > 0),
            (self.file, True),
            (self.here, self._place_of_well() is not None),
            (self.end, review is not None and len(review.queue) > 0),
        ):
            entry.setEnabled(bool(is_open and is_there))

    def _has_nuclei(self) -> bool:
        """Whether the plate has images, and one of the stains shows nuclei."""
        dataset, plate = self._session.dataset, self._session.plate
        has_images = dataset is not None and plate in dataset.images.plates
        return has_images and dna_stain(self._session.stains) is not None

    def _place_of_well(self) -> int | None:
        """Where in the queue the well on screen is; None if it is not, or its turn has come."""
        review, well = self._session.review, self._session.well
        if review is None or well is None:
            return None
        place = review.queue.find(well)
        return place if place != review.queue.position else None

    def _go_on_from_here(self) -> None:
        place = self._place_of_well()
        if self._session.review is not None and place is not None:
            self._session.review.go_to(place)

    def _use_plate(self) -> None:
        plate = self._session.plate
        assert plate is not None

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_of_plate

            return queue_of_plate(dataset, plate)

        self._make(work)

    def _use_found(self) -> None:
        found = self._found
        assert found is not None

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_of_found

            return queue_of_found(dataset, found)

        self._make(work)

    def _use_selected(self) -> None:
        selection = self._session.selection

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_of_wells

            positions = dataset.listed.positions_of(list(selection))
            wells = dataset.known_wells.index[sorted(positions)]
            return queue_of_wells(dataset, wells, "selected wells")

        self._make(work)

    def _use_listed(self) -> None:
        wells = self._listed()

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_of_wells

            return queue_of_wells(dataset, wells, f"{count(len(wells), 'hit')} as listed")

        self._make(work)

    def _use_neighbors(self) -> None:
        if self._session.dataset is None:
            return
        query, picture_of = self._session.query, self._session.picture_finder()

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.gui.neighbors.answers import first_answer
            from napari_rxrx3.hits.queue import queue_of_neighbors

            progress(0, 0, f"comparing {query.key} with all others")
            answer = first_answer(dataset, query, picture_of, progress)
            title = f"{query.order} to {key_in_words(answer.key)}"
            return queue_of_neighbors(dataset, answer.neighbors, title)

        self._make(work, f"comparing {query.key} with all others")

    def _use_score(self, order: str, kind: str, at_most: QSpinBox) -> None:
        at_most.interpretText()  # the menu is chosen from while the box is being typed into
        query, plate, k = self._session.query, self._session.plate, at_most.value()

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_by_score

            experiment = plate.experiment if plate is not None else None
            phenomap: PhenoMap = dataset.map_or_fallback(spec_of(query), progress)[0]
            return queue_by_score(dataset, phenomap, order, kind, k, experiment, progress)

        self._make(work, f"looking for the {order}")

    def _use_measure(self, order: str) -> None:
        plate = self._session.plate
        assert plate is not None

        def work(dataset: Dataset, progress: Progress) -> Queue:
            from napari_rxrx3.hits.queue import queue_by_measure

            return queue_by_measure(dataset, plate, order, progress)

        self._make(work, f"looking for the {order}")

    def _choose_file(self) -> None:
        path = QFileDialog.getOpenFileName(self.parentWidget(), "Wells to review", "", _FILES)[0]
        if path:
            self.use_file(str(path))

    def _make(self, work: Callable[[Any, Progress], Queue], text: str = "") -> None:
        dataset, session = self._session.dataset, self._session
        if dataset is not None:
            self._tasks.run(_TASK, partial(work, dataset), self._take, session.say, text)

    def _take(self, queue: Queue) -> None:
        if len(queue):
            self.made.emit(queue)
            self._session.say(f"{queue.title}: {len(queue):,} to look at. {queue.note}".strip())
        else:
            self._session.say(f"{queue.title}: nothing to look at. {queue.note}".strip())


def _row(menu: QMenu, words: str, widget: QWidget) -> QWidgetAction:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(12, 2, 6, 2)
    layout.addWidget(QLabel(words))
    layout.addWidget(widget, 1)
    action = QWidgetAction(menu)
    action.setDefaultWidget(row)
    return action
