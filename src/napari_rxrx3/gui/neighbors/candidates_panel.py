"""The candidates: what is listed beside the query, as pictures or as a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.display import display
from napari_rxrx3.core.stains import dna_stain
from napari_rxrx3.core.words import KINDS_IN_WORDS, count, file_name, key_in_words
from napari_rxrx3.gui.hits.reviewing import Reviewing
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.neighbors.answers import Answer, as_rows
from napari_rxrx3.gui.neighbors.candidate_lists import (
    LISTS,
    WELLS,
    tagged,
    well_candidates,
    with_neighbors,
)
from napari_rxrx3.gui.neighbors.candidate_strip import CandidateStrip
from napari_rxrx3.gui.neighbors.candidates import Candidate
from napari_rxrx3.gui.neighbors.map_question import MapQuestion
from napari_rxrx3.gui.neighbors.neighbor_table import NeighborModel, NeighborTable, numbers_in_words
from napari_rxrx3.gui.neighbors.thumbnails import Thumbnails
from napari_rxrx3.gui.results import ask_for_csv, save_text
from napari_rxrx3.gui.widgets import ShrinkingBox, tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.neighbors import Neighbor
from napari_rxrx3.maps.spec import NEIGHBOR_KINDS
from napari_rxrx3.session import Query, Session

if TYPE_CHECKING:
    from napari_rxrx3.core.mosaic import Tile
    from napari_rxrx3.dataset import Dataset

__all__ = ["CandidatesPanel"]

_LEAST_WIDTHS = 70, 84
"""That the boxes of lists and of kinds keep."""


class CandidatesPanel(QWidget):
    """Lists the answer of the map, or wells that belong to the current one.

    A candidate that is clicked stands beside the query; one that is double-clicked becomes it.
    """

    def __init__(
        self,
        session: Session,
        tasks: TaskGroup,
        question: MapQuestion,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._question = session, tasks, question
        self._connections = tasks.connections(self)
        self._list = ""
        """One of `WELLS`; empty where the map answers."""
        self._sentence = ""
        self._reviewing = Reviewing(session)
        self.strip = CandidateStrip(tasks)
        self.thumbnails = tasks.add(Thumbnails(self))
        self.model = NeighborModel(self.thumbnails, self)
        self.table = NeighborTable(self.model, self)
        self._make_controls()
        self._lay_out()
        self._relist_soon = tasks.timer(self, 0, self._list_wells)
        self._connect()
        self._on_limits(session.limits)
        self._on_dataset(session.dataset)
        self._on_query(session.query)
        self._on_answer(question.answer)
        self._say(question.sentence)

    def _make_controls(self) -> None:
        self.order = ShrinkingBox()
        self.order.setToolTip("What is listed, the first one first")
        self.order.setAccessibleName("What is listed")
        self.order.setMinimumContentsLength(len("what was found"))
        for name, (words, tip) in LISTS.items():
            if name == next(iter(WELLS)):
                self.order.insertSeparator(self.order.count())
            self.order.addItem(words, name)
            self.order.setItemData(self.order.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.kind = ShrinkingBox()
        self.kind.setToolTip("Which perturbations are listed: all, genes or compounds")
        self.kind.addItems(KINDS_IN_WORDS.values())
        self.note = Line()
        keeps_its_place = self.note.sizePolicy()
        keeps_its_place.setRetainSizeWhenHidden(True)
        self.note.setSizePolicy(keeps_its_place)
        self.leave_out = QPushButton("Leave them out")
        self.leave_out.setToolTip("Align all other batches; the list then has no well of these")
        self.as_pictures = tool_button("view_column", "Candidates as pictures")
        self.as_list = tool_button("format_list_bulleted", "Candidates as a list with all numbers")
        self._views = QButtonGroup(self)
        for button in (self.as_pictures, self.as_list):
            button.setCheckable(True)
            self._views.addButton(button)
        self.as_pictures.setChecked(True)
        self.queue = tool_button(
            "playlist_check",
            "Go through these one by one, to tag them: a new queue in the tab Hits",
        )
        self.copy = tool_button("content_copy", "Copy the list as a table")
        self.save = tool_button("download", "Save the list as CSV")

    def _lay_out(self) -> None:
        for box, least in zip((self.order, self.kind), _LEAST_WIDTHS, strict=True):
            box.setMinimumWidth(least)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.order)
        row.addWidget(self.kind)
        row.addWidget(self.note, 1)
        for widget in (
            *(self.leave_out, self.strip.controls, self.as_pictures, self.as_list),
            *(self.queue, self.copy, self.save),
        ):
            row.addWidget(widget)
        self.strip.controls.show()
        self.views = QStackedWidget()
        self.views.addWidget(self.strip)
        self.views.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.views, 1)

    def _connect(self) -> None:
        follow, session = self._connections.connect, self._session
        follow(session.dataset_changed, self._on_dataset)
        follow(session.query_changed, self._on_query)
        follow(session.limits_changed, self._on_limits)
        for signal in (session.well_changed, session.selection_changed, session.highlight_changed):
            follow(signal, self._relist)
        for signal in (session.tags_changed, session.review_changed):
            follow(signal, self._mark_tags)
        follow(session.tiles_changed, self._on_tiles)
        follow(session.field_changed, self._on_field)
        follow(display.palette_changed, self._on_palette)
        self.strip.model.modelReset.connect(self._show_note)
        self._question.answered.connect(self._on_answer)
        self._question.revised.connect(self._on_revised)
        self._question.said.connect(self._say_of_map)
        self.order.activated.connect(lambda i: self.show_list(self.order.itemData(i)))
        self.kind.activated.connect(lambda i: session.ask(kind=list(NEIGHBOR_KINDS)[i]))
        self.leave_out.clicked.connect(lambda: session.ask(leave_out=True))
        self.as_pictures.clicked.connect(lambda: self._turn_to(self.strip))
        self.as_list.clicked.connect(lambda: self._turn_to(self.table))
        self.queue.clicked.connect(self._go_through)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._save)
        self.table.chosen.connect(self._show)
        self.table.activated_neighbor.connect(self._go_to)
        view = self.strip.view
        view.chosen.connect(self._show_candidate)
        view.activated_candidate.connect(self._ask_for)
        view.query_wanted.connect(self._ask_for)
        view.queue_wanted.connect(lambda candidate: session.want_review([candidate.well]))
        view.tag_wanted.connect(self._tag)
        view.copy_wanted.connect(self._copy_candidate)
        view.save_wanted.connect(self._save_candidate)
        view.count_wanted.connect(self._count_cells)
        view.all_wanted.connect(self.show_all)

    # -- what is listed ---------------------------------------------------------------------------

    def show_list(self, name: str) -> None:
        """List something else: one of `candidate_lists.LISTS`."""
        self._list = name if name in WELLS else ""
        self.order.setCurrentIndex(self.order.findData(name))
        self.kind.setEnabled(not self._list)
        self.as_list.setEnabled(not self._list)
        if self._list:
            self._turn_to(self.strip)
            self._list_wells()
            return
        self._tasks.cancel("candidates")
        self._say(self._question.sentence)
        self.strip.set_candidates(self._answered())
        self._session.ask(order=name)

    def show_all(self) -> None:
        """Show the candidates side by side in the canvas."""
        if not self._list:
            seen = [(each.key, each.well) for each in self._neighbors() if each.well is not None]
            self._session.want_strip("neighbors", neighbors=seen)
        else:
            shown = self.strip.model.candidates
            wells = [each.well for each in shown if each.well is not None]
            well = [self._session.well] if self._session.well is not None else []
            title, of_query = WELLS[self._list][0], self._list not in ("wells", "found")
            if of_query:
                title = f"{key_in_words(self._session.query.key)}, {title}"
            self._session.want_strip("wells", wells=[*well, *wells], title=title)

    def _count_cells(self, candidate: Candidate) -> None:
        """Have the nuclei counted on the plates of the query and of a candidate."""
        session, dataset = self._session, self._session.dataset
        if dataset is None:
            return
        dna = dna_stain(dataset.stains)
        if dna is None:
            session.say(
                "No stain is called DNA, nuclei, Hoechst or DAPI: nuclei cannot be counted."
            )
            return
        wells = filter(None, (session.well, candidate.well))
        plates = [dataset.well(well).plate_id for well in wells]
        session.want_measures(plates, [dna.name])

    def _go_through(self) -> None:
        """Make a queue of the candidates, as they are listed."""
        wells = [each.well for each in self.strip.model.candidates if each.well is not None]
        if not wells:
            self._session.say("Nothing with an image is listed.")
            return
        about = key_in_words(self._session.query.key) if not self._list else ""
        words, _ = LISTS[self._list or self._session.query.order]
        self._session.want_review(wells, f"{words}, {about}" if about else words)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self.thumbnails.request(None, [])
        self.strip.set_dataset(dataset)

    def _on_query(self, query: Query) -> None:
        if not self._list:
            self.order.setCurrentIndex(self.order.findData(query.order))
        self.kind.setCurrentIndex(list(NEIGHBOR_KINDS).index(query.kind))

    def _on_answer(self, answer: Answer | None) -> None:
        for button in (self.copy, self.save):
            button.setEnabled(answer is not None)
        self.leave_out.setVisible(answer is not None and answer.is_other_map)
        self.model.set_neighbors(self._neighbors(), _value_name(answer))
        self.table.scrollToTop()  # another question starts at its first answer
        if not self._list:
            self.strip.set_candidates(self._answered())
        self._request_thumbnails()

    def _on_revised(self, answer: Answer | None) -> None:
        if answer is None:
            self.model.update([], True)
            return
        self.model.update(answer.neighbors, answer.is_scored)
        if not self._list:
            self.strip.revise(self._answered())
        self._request_thumbnails()  # of the experiment that is on screen by now

    def _neighbors(self) -> list[Neighbor]:
        answer = self._question.answer
        return answer.neighbors if answer is not None else []

    def _answered(self) -> list[Candidate]:
        """The answer of the map as candidates."""
        value_name = _value_name(self._question.answer)
        return tagged(with_neighbors(self._neighbors(), value_name), self._tags())

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
            if name != "found" or lit is None:
                return well_candidates(name, dataset, well, query, wells, progress)
            found = lit.everywhere()
            listed, note = well_candidates(name, dataset, well, query, found, progress)
            return listed, f"{lit.words}. {note}".strip()

        def done(listed: tuple[list[Candidate], str]) -> None:
            self._show_candidates(*listed)

        def failed(sentence: str) -> None:
            self._show_candidates([], sentence)

        self._tasks.run("candidates", work, done, failed)

    def _show_candidates(self, candidates: list[Candidate], note: str) -> None:
        self.strip.set_candidates(tagged(candidates, self._tags()))
        self._say(note)

    def _say_of_map(self, sentence: str) -> None:
        """Say something about the answer of the map, if that is what is listed."""
        if not self._list:
            self._say(sentence)

    def _say(self, sentence: str) -> None:
        self._sentence = sentence
        self.strip.view.set_note(sentence)
        self._show_note()

    def _show_note(self) -> None:
        """Say what there is to say of the list; else what the numbers below pictures are."""
        sentence, tip, answer = self._sentence, self._sentence, self._question.answer
        has_strip = self.views.currentWidget() is self.strip
        has_no_head = has_strip and not self._list
        has_no_pictures = has_strip and not self.strip.model.candidates
        if not sentence and has_no_head and answer is not None:
            value_name = _value_name(answer)
            sentence, tip = f"{value_name} · q · back", numbers_in_words(value_name)
        self.note.setText(sentence)
        self.note.setToolTip(wrapped_tooltip(tip))
        # where there are no pictures, it is said in their place, and in full
        self.note.setVisible(not has_no_pictures)

    # -- how it looks -----------------------------------------------------------------------------

    def _turn_to(self, view: QWidget) -> None:
        self.views.setCurrentWidget(view)
        button = self.as_pictures if view is self.strip else self.as_list
        button.setChecked(True)
        self.strip.controls.setVisible(view is self.strip)
        self._show_note()
        self._request_thumbnails()

    def _request_thumbnails(self) -> None:
        """Read the pictures of the table, if it is what is turned to."""
        is_seen = self.views.currentWidget() is self.table
        listed = self._neighbors() if is_seen else []
        wells = [neighbor.well for neighbor in listed if neighbor.well is not None]
        self.thumbnails.request(self._session.dataset, wells)

    def _on_limits(self, limits: object) -> None:
        self.model.set_limits(self._session.limits)
        self.strip.set_limits(self._session.shown_limits)

    def _on_field(self, field: int) -> None:
        self.strip.read_anew()

    def _on_palette(self, palette: str) -> None:
        self.table.viewport().update()  # its pictures are composed when they are drawn

    def _tags(self) -> dict[str, int]:
        review = self._session.review
        return {} if review is None else {well: hit.tag for well, hit in review.hits.items()}

    def _mark_tags(self, changed: object = None) -> None:
        self.strip.revise(tagged(self.strip.model.candidates, self._tags()))

    def _on_tiles(self, tiles: tuple[Tile, ...]) -> None:
        """Mark the candidate that stands beside the query."""
        current = self.strip.view.current
        shown = {tile.well_id for tile in tiles}
        if current is not None and current.well is not None and current.well not in shown:
            self.strip.view.set_current(None)

    # -- what is done with a candidate ------------------------------------------------------------

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
        self._ask(candidate.well, candidate.key if not self._list else None)

    def _show(self, neighbor: Neighbor) -> None:
        self._session.show_beside_query(neighbor.key, neighbor.well)

    def _go_to(self, neighbor: Neighbor) -> None:
        self._ask(neighbor.well, neighbor.key)

    def _ask(self, well: str | None, key: str | None) -> None:
        if well is not None:
            self._session.select_well(well, key=key)
        elif key is not None:
            self._session.ask(key=key, well=None)

    def _tag(self, candidate: Candidate, number: int) -> None:
        if candidate.well is not None:
            self._reviewing.tag_beside(candidate.well, number)

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

    # -- the list as a table ----------------------------------------------------------------------

    def to_csv(self, delimiter: str = ",") -> str:
        """The answer of the map as CSV, with the question in every row."""
        answer = self._question.answer
        rows = as_rows(answer) if answer is not None else []
        if not rows:
            return ""
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()

    def save_csv(self, path: Path) -> None:
        """Write the list to a file; what goes wrong is said in the window."""
        self._session.say(save_text(path, self.to_csv()))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv("\t"))
        self._session.say(f"Copied {count(len(self.model.neighbors), 'row')}.")

    def _save(self) -> None:
        answer = self._question.answer
        if answer is None:
            return
        name = f"{file_name(f'neighbors of {answer.query.key}')}.csv"
        path = ask_for_csv(self, "Save the list", name)
        if path is not None:
            self.save_csv(path)


def _value_name(answer: Answer | None) -> str:
    if answer is None or answer.query.order in ("similar", "opposite"):
        is_cosine = answer is None or answer.query.metric == "cosine"
        return "cos" if is_cosine else "dist"
    return "across" if answer.query.order == "across experiments" else "score"
