"""The neighbors panel: the question to the map, and its answer with pictures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.display import display
from napari_rxrx3.core.words import KINDS_IN_WORDS, count, file_name, key_in_words
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.neighbors.answers import Answer, as_rows, first_answer, in_words, judged
from napari_rxrx3.gui.neighbors.candidate_lists import (
    LISTS,
    ORDERS,
    WELLS,
    tagged,
    well_candidates,
    with_neighbors,
)
from napari_rxrx3.gui.neighbors.candidate_strip import CandidateStrip
from napari_rxrx3.gui.neighbors.candidates import Candidate
from napari_rxrx3.gui.neighbors.map_settings import MapSettings, controls_of
from napari_rxrx3.gui.neighbors.neighbor_table import NeighborModel, NeighborTable
from napari_rxrx3.gui.neighbors.thumbnails import Thumbnails
from napari_rxrx3.gui.results import save_text
from napari_rxrx3.gui.widgets import let_shrink, tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.debounce import LeadingDebounce
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.card import Card, summary_of
from napari_rxrx3.maps.neighbors import Neighbor
from napari_rxrx3.maps.spec import NEIGHBOR_KINDS
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.core.mosaic import Tile
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["NeighborsPanel"]

_KEY_WIDTH = 170
_NOT_READ = "The vectors were not read. Press Enter above to read them and to see the neighbors."


class NeighborsPanel(QWidget):
    """Lists what looks most like, or unlike, the perturbation that is asked about."""

    embedding_wanted = Signal()
    """The user wants to know more of the embedding itself."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._connections = tasks.connections(self)
        self._answer: Answer | None = None
        self._asked: Query | None = None
        self._scored: PhenoMap | None = None
        self._asking = tasks.add(LeadingDebounce(self._compare, self))
        self._are_vectors_stopped = False
        self._list = ""
        self.strip = CandidateStrip(tasks)
        self.thumbnails = tasks.add(Thumbnails(self))
        self.model = NeighborModel(self.thumbnails, self)
        self.table = NeighborTable(self.model, self)
        self._make_controls()
        self._lay_out()
        self._connect()
        self._relist_soon = tasks.timer(self, 0, self._list_wells)
        self._on_limits(session.limits)
        self._on_card(session.card)
        self._on_dataset(session.dataset)
        self._on_query(session.query)

    def to_csv(self, delimiter: str = ",") -> str:
        """The list as CSV, with the question in every row."""
        rows = as_rows(self._answer) if self._answer is not None else []
        if not rows:
            return ""
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    def _make_controls(self) -> None:
        self.back = tool_button("arrow_left", "Back to the perturbation before")
        self.forward = tool_button("arrow_right", "Forward again")
        self.key = QLineEdit()
        self.key.setPlaceholderText("perturbation, e.g. PLK1 or Bortezomib 2.5 µM")
        self.key.setToolTip("What the list is about. Type another perturbation and press Enter.")
        self.key.setAccessibleName("Query perturbation")
        self.order = QComboBox()
        self.order.setToolTip("What is listed, the first one first")
        self.order.setAccessibleName("What is listed")
        for name, (words, tip) in LISTS.items():
            if name == next(iter(WELLS)):
                self.order.insertSeparator(self.order.count())
            self.order.addItem(words, name)
            self.order.setItemData(self.order.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.kind = QComboBox(toolTip="Which perturbations are listed: all, genes or compounds")
        self.kind.addItems(KINDS_IN_WORDS.values())
        self.as_pictures = tool_button("view_column", "Candidates as pictures")
        self.as_list = tool_button("format_list_bulleted", "Candidates as a list with all numbers")
        self._views = QButtonGroup(self)
        for button in (self.as_pictures, self.as_list):
            button.setCheckable(True)
            self._views.addButton(button)
        self.as_pictures.setChecked(True)
        self.copy = tool_button("content_copy", "Copy the list as a table")
        self.save = tool_button("download", "Save the list as CSV")
        self.embedding = tool_button(
            "vector_polyline", "The embedding: compare two maps, and see what is known found again"
        )
        self.summary = Line()
        self.note = Line()
        self.leave_out = QPushButton("Leave them out")
        self.leave_out.setToolTip("Align all other batches; the list then has no well of these")
        self.settings = MapSettings()

    def _lay_out(self) -> None:
        let_shrink(self.kind)
        self.key.setFixedWidth(_KEY_WIDTH)
        top, middle = QHBoxLayout(), QHBoxLayout()
        for widget in (self.back, self.forward, self.key):
            top.addWidget(widget)
        top.addWidget(self.summary, 1)
        for widget in (self.embedding, self.settings):
            top.addWidget(widget)
        middle.addWidget(self.order)
        middle.addWidget(self.kind)
        middle.addWidget(self.note, 1)
        for widget in (
            *(self.leave_out, self.strip.controls, self.as_pictures, self.as_list),
            *(self.copy, self.save),
        ):
            middle.addWidget(widget)
        self.strip.controls.show()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 0, 0)
        layout.setSpacing(2)
        for row in (top, middle):
            row.setSpacing(4)
            layout.addLayout(row)
        self.views = QStackedWidget()
        self.views.addWidget(self.strip)
        self.views.addWidget(self.table)
        layout.addWidget(self.views, 1)

    def _connect(self) -> None:
        follow = self._connections.connect
        session = self._session
        follow(session.query_changed, self._on_query)
        follow(session.limits_changed, self._on_limits)
        follow(session.dataset_changed, self._on_dataset)
        follow(session.wells_changed, self._on_wells)
        self.back.clicked.connect(session.back)
        self.forward.clicked.connect(session.forward)
        self.key.returnPressed.connect(self._ask_typed)
        follow(session.well_changed, self._relist)
        follow(session.selection_changed, self._relist)
        follow(session.highlight_changed, self._relist)
        follow(session.tags_changed, self._mark_tags)
        follow(session.review_changed, self._mark_tags)
        follow(session.tiles_changed, self._on_tiles)
        self.order.activated.connect(lambda i: self.show_list(self.order.itemData(i)))
        self.as_pictures.clicked.connect(lambda: self._turn_to(self.strip))
        self.as_list.clicked.connect(lambda: self._turn_to(self.table))
        view = self.strip.view
        view.chosen.connect(self._show_candidate)
        view.activated_candidate.connect(self._ask_for)
        view.query_wanted.connect(self._ask_for)
        view.queue_wanted.connect(lambda candidate: session.want_review([candidate.well]))
        view.copy_wanted.connect(self._copy_candidate)
        view.save_wanted.connect(self._save_candidate)
        view.all_wanted.connect(self.show_all)
        self.kind.activated.connect(lambda i: session.ask(kind=list(NEIGHBOR_KINDS)[i]))
        self.settings.changed.connect(self._on_setting)
        self.settings.vectors_wanted.connect(self._choose_vectors)
        self.settings.opened.connect(self._diagnose)
        self._tasks.stopped.connect(self._on_stopped)
        self.leave_out.clicked.connect(lambda: session.ask(leave_out=True))
        follow(session.card_changed, self._on_card)
        follow(display.palette_changed, self._on_palette)
        self.embedding.clicked.connect(self.embedding_wanted)
        self.table.chosen.connect(self._show)
        self.table.activated_neighbor.connect(self._go_to)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._save)

    def _ask_typed(self) -> None:
        text = self.key.text().strip()
        self._are_vectors_stopped = False
        self._session.want_vectors()
        key = self._key_of(text)
        if key and key == self._session.query.key:
            self._on_query(self._session.query)  # again, if it was stopped
        elif key:
            self._session.ask(key=key, well=None)

    def _key_of(self, text: str) -> str:
        """The key of what was typed, if the map at hand has it; else the text as it is."""
        if text == key_in_words(self._session.query.key):
            return self._session.query.key
        if self._answer is None or not text:
            return text
        from napari_rxrx3.maps.entry_names import find_entries

        (rows,) = find_entries(self._answer.phenomap, [text])
        return str(self._answer.phenomap.labels.index[rows[0]]) if len(rows) == 1 else text

    def _on_setting(self, name: str, value: object) -> None:
        if name == "level":
            self._session.set_level(str(value))
        else:
            self._session.ask(**{name: value})

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._cancel()
        self._tasks.cancel("adding", "scores", "batches")
        self._asked = self._scored = None
        self._are_vectors_stopped = False
        self.settings.set_embeddings([] if dataset is None else list(dataset.embeddings))
        self.settings.set_controls([Query.control])
        if dataset is not None:
            self._tasks.run(
                "controls",
                lambda progress: controls_of(dataset),
                self.settings.set_controls,
                self._session.say,
            )
        self.thumbnails.request(None, [])
        self.strip.set_dataset(dataset)
        self._show_answer(None)
        if dataset is None:
            self._say("Open a data set in RxRx3 Explorer.")

    def _on_wells(self, dataset: Dataset | None) -> None:
        """Offer the vectors that could be read, and the default among them."""
        if dataset is not None:
            self._are_vectors_stopped = False
            self.settings.set_embeddings(list(dataset.embeddings))
            self._on_query(self._session.query)

    def _on_query(self, query: Query) -> None:
        dataset = self._session.dataset
        self.key.setText(key_in_words(query.key))
        if not self._list:
            self.order.setCurrentIndex(self.order.findData(query.order))
        self.kind.setCurrentIndex(list(NEIGHBOR_KINDS).index(query.kind))
        default = dataset.known_default if dataset is not None else None
        self.settings.set_query(query, default or "")
        self.back.setEnabled(self._session.history.can_go_back)
        self.forward.setEnabled(self._session.history.can_go_forward)
        if dataset is None or not query.key or query == self._asked:
            return
        if self._are_vectors_stopped and not dataset.vectors_are_read:
            self._on_failed(_NOT_READ)
            return
        self._asked = query
        if self._answer is not None and self._answer.query.key != query.key:
            self._show_answer(None)  # rows of another question must not be clicked
        self._cancel()
        self._asking.throttle()

    def _compare(self) -> None:
        dataset, query = self._session.dataset, self._asked
        if dataset is None or query is None:
            return
        picture_of = self._session.picture_finder()
        text = f"comparing {key_in_words(query.key)} with all others"

        def work(progress: Progress) -> Answer:
            progress(0, 0, text)  # stops a question that was overtaken while it waited
            return first_answer(dataset, query, picture_of, progress)

        self._tasks.run("neighbors", work, self._on_first_answer, self._on_failed, text)
        if not dataset.vectors_are_read:
            self._say_of_map("The vectors are still being read; the neighbors follow.")

    def _cancel(self) -> None:
        self._asking.cancel()
        self._tasks.cancel("neighbors", "judging")

    def _on_first_answer(self, answer: Answer) -> None:
        self._show_answer(answer)
        if answer.card is not None:
            self.key.setText(key_in_words(answer.key))  # as the map calls it
        self._judge(answer)

    def _judge(self, answer: Answer) -> None:
        picture_of = self._session.picture_finder()

        def work(progress: Progress) -> Answer:
            progress(0, 0, "checking how far to trust the list")
            return judged(answer, picture_of, progress)

        self._tasks.run("judging", work, self._on_judged, self._on_not_judged)

    def _on_judged(self, answer: Answer) -> None:
        self._answer = answer
        self.model.update(answer.neighbors, answer.is_scored)
        if not self._list:
            self.strip.revise(self._candidates())
        self._request_thumbnails(answer.neighbors)  # of the experiment that is on screen by now
        if not answer.is_scored:
            self._score(answer.phenomap)
            return
        with self._session.changing():
            self._session.set_card(answer.card)
            if answer.card is not None:
                self._session.set_phenomap(answer.phenomap)

    def _score(self, phenomap: PhenoMap) -> None:
        """Score the whole map; that goes on while other questions are asked of it."""
        if self._scored is phenomap:
            return
        self._scored = phenomap

        def work(progress: Progress) -> None:
            phenomap.score_store.get(progress)

        def done(_: None) -> None:
            self._scored = None
            answer = self._answer
            if answer is not None and answer.phenomap is phenomap and not answer.is_scored:
                self._judge(answer)

        self._tasks.run("scores", work, done, self._on_not_judged)

    def _diagnose(self) -> None:
        """Show in the form of settings what batches and places do to the controls of the map."""
        batches, answer = self.settings.batches, self._answer
        if answer is None:
            batches.say("")
            return
        phenomap = answer.phenomap

        def work(progress: Progress) -> pd.DataFrame:
            return phenomap.diagnostics_store.get(progress)

        def done(table: pd.DataFrame) -> None:
            batches.show_table(table, phenomap.align)

        batches.say("Measuring what experiments, plates and places do to the controls …")
        self._tasks.run("batches", work, done, batches.say)

    def _on_not_judged(self, sentence: str) -> None:
        """What tells how far to trust the list cannot be had; the list stays."""
        self._asked = self._scored = None
        card = self._session.card
        self._session.set_card(replace(card, is_scored=True) if card is not None else None)
        self.model.update([], True)
        self._session.say(sentence)

    def _show_answer(self, answer: Answer | None) -> None:
        self._answer = answer
        self.copy.setEnabled(answer is not None)
        self.save.setEnabled(answer is not None)
        self.leave_out.setVisible(answer is not None and answer.is_other_map)
        self._session.set_card(answer.card if answer is not None else None)
        neighbors = answer.neighbors if answer is not None else []
        self.model.set_neighbors(neighbors, _value_name(answer))
        self.table.scrollToTop()  # another question starts at its first answer
        if not self._list:
            self.strip.set_candidates(self._candidates())
        if answer is None:
            self._say_of_map("")
            return
        self._say_of_map(in_words(answer))
        if self.settings.is_open:
            self._diagnose()
        self._request_thumbnails(neighbors)
        if answer.query.well is None and answer.well is not None:
            # only the picture is new, not the question
            self._asked = replace(self._session.query, well=answer.well)
            self._session.select_well(answer.well, key=answer.query.key)

    def _request_thumbnails(self, neighbors: list[Neighbor]) -> None:
        wells = [neighbor.well for neighbor in neighbors if neighbor.well is not None]
        self.thumbnails.request(self._session.dataset, wells)

    def _on_failed(self, sentence: str) -> None:
        self._show_answer(None)
        self._say_of_map(sentence)

    def _say_of_map(self, sentence: str) -> None:
        """Say something about the answer of the map, if that is what is listed."""
        if not self._list:
            self._say(sentence)

    def _say(self, sentence: str) -> None:
        self.note.setText(sentence)
        self.note.setToolTip(wrapped_tooltip(sentence))

    def _on_stopped(self, task: str) -> None:
        if task == "neighbors":
            self._asked = None
            self._on_failed("Stopped. Press Enter above to ask again.")
        elif task == "vectors":
            self._asked, self._are_vectors_stopped = None, True
            self._on_failed(_NOT_READ)
        elif task == "batches":
            self.settings.batches.say("Stopped. Open this form again to measure.")
        elif task in ("judging", "scores"):
            self._on_not_judged("Stopped: how far to trust the list was not checked.")

    def _on_card(self, card: Card | None) -> None:
        """Say in one line what the tab of numbers says at length."""
        self.summary.setText(summary_of(card) if card is not None else "")

    def _on_palette(self, palette: str) -> None:
        self.table.viewport().update()  # its pictures are composed when they are drawn

    def _on_limits(self, limits: object) -> None:
        self.model.set_limits(self._session.limits)
        self.strip.set_limits(self._session.shown_limits)

    # -- candidates ------------------------------------------------------------------------------

    def show_list(self, name: str) -> None:
        """List something else: one of `candidate_lists.LISTS`."""
        self._list = "" if name in ORDERS else name
        self.order.setCurrentIndex(self.order.findData(name))
        self.kind.setEnabled(not self._list)
        self.as_list.setEnabled(not self._list)
        if self._list:
            self._turn_to(self.strip)
            self._list_wells()
            return
        self._tasks.cancel("candidates")
        self._say(in_words(self._answer) if self._answer is not None else "")
        self.strip.set_candidates(self._candidates())
        self._session.ask(order=name)

    def show_all(self) -> None:
        """Show the candidates side by side in the canvas."""
        if not self._list:
            neighbors = self._answer.neighbors if self._answer is not None else []
            seen = [(each.key, each.well) for each in neighbors if each.well is not None]
            self._session.want_strip("neighbors", neighbors=seen)
        else:
            shown = self.strip.model.candidates
            wells = [each.well for each in shown if each.well is not None]
            well = [self._session.well] if self._session.well is not None else []
            self._session.want_strip("wells", wells=[*well, *wells])

    def _candidates(self) -> list[Candidate]:
        answer = self._answer
        neighbors = answer.neighbors if answer is not None else []
        return tagged(with_neighbors(neighbors, _value_name(answer)), self._tags())

    def _tags(self) -> dict[str, int]:
        review = self._session.review
        return {} if review is None else {well: hit.tag for well, hit in review.hits.items()}

    def _mark_tags(self, changed: object = None) -> None:
        self.strip.revise(tagged(self.strip.model.candidates, self._tags()))

    def _relist(self, changed: object = None) -> None:
        if self._list:
            self._relist_soon.start()

    def _list_wells(self) -> None:
        """List what belongs to the current well."""
        session, name = self._session, self._list
        dataset, well = session.dataset, session.well
        if dataset is None or well is None or not name:
            return
        if name == "found" and session.lit is None:
            self._show_candidates([], "Search for something first, or choose entries on the map.")
            return
        query, wells = session.query, sorted(session.selection)
        lit = session.lit

        def work(progress: Progress) -> tuple[list[Candidate], str]:
            listed = lit.everywhere() if name == "found" and lit is not None else wells
            return well_candidates(name, dataset, well, query, listed, progress)

        def done(listed: tuple[list[Candidate], str]) -> None:
            self._show_candidates(*listed)

        def failed(sentence: str) -> None:
            self._show_candidates([], sentence)

        self._tasks.run("candidates", work, done, failed)

    def _show_candidates(self, candidates: list[Candidate], note: str) -> None:
        self.strip.set_candidates(tagged(candidates, self._tags()))
        self._say(note)

    def _show_candidate(self, candidate: Candidate) -> None:
        """Put a candidate beside the query."""
        if not self._list:
            self._session.show_beside_query(candidate.key, candidate.well)
        elif candidate.well is not None:
            label = "\n".join([candidate.name, *candidate.lines])
            self._session.show_beside_well(candidate.well, label)
        else:
            self._session.say(f"No image of {candidate.name} is here.")

    def _ask_for(self, candidate: Candidate) -> None:
        """Make a candidate the query."""
        key = candidate.key if not self._list else None
        if candidate.well is not None:
            self._session.select_well(candidate.well, key=key)
        elif key is not None:
            self._session.ask(key=key, well=None)

    def _on_tiles(self, tiles: tuple[Tile, ...]) -> None:
        """Mark the candidate that stands beside the query."""
        current = self.strip.view.current
        shown = {tile.well_id for tile in tiles}
        if current is not None and current.well is not None and current.well not in shown:
            self.strip.view.set_current(None)

    def _copy_candidate(self, candidate: Candidate) -> None:
        text = "\t".join([candidate.name, candidate.key, candidate.well or "", *candidate.lines])
        QGuiApplication.clipboard().setText(text)
        self._session.say(f"Copied {candidate.name}.")

    def _save_candidate(self, candidate: Candidate) -> None:
        picture = self.strip.picture(candidate)
        if picture is None:
            self._session.say(f"There is no picture of {candidate.name} to save.")
            return
        name = f"{file_name(f'{candidate.name} {candidate.well}')}.png"
        path = QFileDialog.getSaveFileName(self, "Save the picture", name, "PNG (*.png)")[0]
        if path:
            saved = picture.save(path, "PNG")
            self._session.say(f"Saved {path}." if saved else f"{path} cannot be written.")

    def _turn_to(self, view: QWidget) -> None:
        self.views.setCurrentWidget(view)
        button = self.as_pictures if view is self.strip else self.as_list
        button.setChecked(True)
        self.strip.controls.setVisible(view is self.strip)

    # -- the list --------------------------------------------------------------------------------

    def _show(self, neighbor: Neighbor) -> None:
        self._session.show_beside_query(neighbor.key, neighbor.well)

    def _go_to(self, neighbor: Neighbor) -> None:
        if neighbor.well is not None:
            self._session.select_well(neighbor.well, key=neighbor.key)
        else:
            self._session.ask(key=neighbor.key, well=None)

    def _choose_vectors(self) -> None:
        kinds = "Tables of vectors (*.parquet *.csv *.tsv *.txt *.gz *.zip);;All files (*)"
        path = QFileDialog.getOpenFileName(self, "Add vectors", "", kinds)[0]
        if path:
            self.add_vectors(path)

    def add_vectors(self, path: str) -> None:
        """Read a table of vectors in the background and compare by it."""
        dataset = self._session.dataset
        if dataset is None:
            return

        def done(name: str) -> None:
            self.settings.set_embeddings(list(dataset.embeddings))
            self._session.ask(embedding=name)
            self._session.say(dataset.describe_embedding(name))

        def work(progress: Progress) -> str:
            return dataset.add_embedding(path, progress=progress)

        self._tasks.run("adding", work, done, self._session.say, f"reading {path}")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv("\t"))
        self._session.say(f"Copied {count(len(self.model.neighbors), 'row')}.")

    def _save(self) -> None:
        if self._answer is None:
            return
        name = f"{file_name(f'neighbors of {self._answer.query.key}')}.csv"
        path = QFileDialog.getSaveFileName(self, "Save the list", name, "CSV (*.csv)")[0]
        if path:
            self.save_csv(Path(path))

    def save_csv(self, path: Path) -> None:
        """Write the list to a file; what goes wrong is said in the window."""
        self._session.say(save_text(path, self.to_csv()))


def _value_name(answer: Answer | None) -> str:
    if answer is None or answer.query.order in ("similar", "opposite"):
        is_cosine = answer is None or answer.query.metric == "cosine"
        return "cos" if is_cosine else "dist"
    return "score"
