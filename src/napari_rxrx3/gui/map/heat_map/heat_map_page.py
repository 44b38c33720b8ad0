"""The page of the heat map: choice of entries and order, and actions on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.words import file_name, key_in_words
from napari_rxrx3.figures.files import FIGURES, TABLE, with_ending
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.map.beside import BesideOrAbove
from napari_rxrx3.gui.map.heat_map.files import figure_saved, table_saved
from napari_rxrx3.gui.map.heat_map.sets import (
    HeatMapAnswer,
    HeatMapRequest,
    choices,
    in_words,
    judged,
    pair_in_words,
    shown,
)
from napari_rxrx3.gui.map.heat_map.view import HeatMapView
from napari_rxrx3.gui.map.names_edit import NamesEdit
from napari_rxrx3.gui.question_panel import QuestionPanel
from napari_rxrx3.gui.widgets import ShrinkingBox, tool_button
from napari_rxrx3.gui.words import in_menu, wrapped_tooltip
from napari_rxrx3.gui.work.debounce import LeadingDebounce
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.heat_map import ARRANGEMENTS, Verdict
from napari_rxrx3.maps.spec import Query, spec_of
from napari_rxrx3.session import Session
from napari_rxrx3.strips.strip import NEIGHBOR, QUERY, Strip

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["HeatMapPage"]

_PAIR, _FILE = "heat map pair", "heat map file"
_PAUSE_MS = 150
"""A pair is judged when the pointer has been on it for this long."""

_HINT = (
    "How alike are they, each to each?\n\nType or paste genes, guides or compounds above and press "
    "Enter, or choose a set: what was chosen on the map, the neighbors, all doses of a compound."
)
_DIRECTIONS = (QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom)
"""Of choices and tools, above the heat map and beside it."""
_ORDER_WORDS = ("like beside like", "in the order given")
_ORDER_TIP = (
    "Like beside like: hierarchical clustering (average linkage of 1 − cosine), its tree above the "
    "columns. Or in the order of the list."
)
_FIT_TIP = "All of it (Home). Wheel, + and −: larger, smaller. Drag: move. Click: side by side"


class HeatMapPage(QuestionPanel):
    """Compares the entries of a set with each other, in the map that the session's query asks."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(session, tasks, "heat map", parent)
        self._wanted: HeatMapRequest | None = None
        self._asked: HeatMapRequest | None = None
        self._answer: HeatMapAnswer | None = None
        self._verdicts: dict[tuple[int, int], Verdict] = {}
        self._asking = tasks.add(LeadingDebounce(self._run, self))
        self._rest = tasks.timer(self, _PAUSE_MS, self._judge)
        self.list = NamesEdit()
        self.show_list = QPushButton("Show")
        self.show_list.setToolTip("Compare the perturbations of the list with each other (Enter)")
        self.sets = QPushButton("Choose")
        self.sets.setToolTip("Compare a set: chosen on the map, neighbors, doses, guides")
        self.order = ShrinkingBox()
        self.order.setToolTip(wrapped_tooltip(_ORDER_TIP))
        self.order.addItems(_ORDER_WORDS)
        self.fit = tool_button("fit_to_page_outline", _FIT_TIP)
        self.copy = tool_button("content_copy", "Copy the cosines as a table")
        self.save_table = tool_button("download", "Save the cosines as CSV")
        self.save_figure = tool_button("image_outline", "Save as a figure: PNG, SVG or PDF")
        self.note, self.trouble, self.view = Line(), Line(), HeatMapView()
        self.menu = QMenu(self.sets)
        self.menu.setToolTipsVisible(True)
        self.sets.setMenu(self.menu)
        self._lay_out()
        self._connect()
        self._follow_session()

    def show_text(self, text: str) -> None:
        """Compare the perturbations of a list that was typed or pasted."""
        if text.strip():
            self._want(text=text)

    def show_neighbors(self) -> None:
        """Compare the query and its neighbors, and follow the query."""
        self._wanted = HeatMapRequest(self._session.query, has_neighbors=True)
        self._refresh(again=True)

    def show_chosen(self) -> None:
        """Compare the entries that were chosen on the map."""
        session = self._session
        if session.chosen:
            title = session.chosen_title or "Chosen on the map"
            self._want(keys=session.chosen, level=session.chosen_spec.level, title=title)

    def show_series(self, name: str, level: str) -> None:
        """Compare all doses of a compound or all guides of a gene."""
        what = "doses" if level == "perturbation" else "guides"
        self._want(keys=(name,), level=level, title=f"All {what} of {name}")

    # -- the widget -------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        top, choice, tools = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.list, 1)
        top.addWidget(self.show_list)
        choice.addWidget(self.sets)
        choice.addWidget(self.order, 1)
        for button in (self.fit, self.copy, self.save_table, self.save_figure):
            tools.addWidget(button)
        tools.addStretch(1)
        middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        middle.addLayout(choice, 1)
        middle.addLayout(tools)
        parts = BesideOrAbove(self.view)
        for row in (top, choice, middle):
            row.setSpacing(4)
        parts.column.addLayout(top)
        parts.column.addLayout(middle)
        parts.column.addWidget(self.note)
        parts.column.addWidget(self.trouble)
        parts.turned.connect(lambda beside: middle.setDirection(_DIRECTIONS[beside]))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(parts)

    def _connect(self) -> None:
        self.list.entered.connect(self._show_list)
        self.show_list.clicked.connect(self._show_list)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.order.activated.connect(self._on_order)
        self.fit.clicked.connect(self.view.fit)
        self.copy.clicked.connect(self._copy)
        self.save_table.clicked.connect(self._save_table)
        self.save_figure.clicked.connect(self._save_figure)
        self.view.hovered.connect(self._on_hovered)
        self.view.chosen.connect(self._show_pair)

    def _fill_menu(self) -> None:
        """Offer the sets that there are now."""
        self.menu.clear()
        acts: dict[str, Callable[..., None]] = {
            "neighbors": self.show_neighbors,
            "chosen": self.show_chosen,
        }
        for choice in choices(self._session):
            action = self.menu.addAction(in_menu(choice.words))
            action.setToolTip(choice.tip)
            action.setEnabled(choice.is_there)
            act = acts.get(choice.kind) or partial(self.show_series, choice.name, choice.level)
            action.triggered.connect(partial(_call, act))

    # -- what is wanted ---------------------------------------------------------------------------

    def _want(self, **what: Any) -> None:
        self._wanted = HeatMapRequest(_map_of(self._session.query), order=self._order, **what)
        self._refresh(again=True)

    @property
    def _order(self) -> str:
        return ARRANGEMENTS[self.order.currentIndex()]

    def _show_list(self) -> None:
        self.show_text(self.list.toPlainText())

    def _on_order(self) -> None:
        self._refresh()

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel(self._task, _PAIR)
        self._wanted = self._asked = None
        self._show(None, _HINT)
        self._on_query(self._session.query)

    def _on_wells(self, dataset: Dataset | None) -> None:
        self._refresh(again=self._answer is None)  # by now there may be vectors

    def _refresh(self, again: bool = False) -> None:
        """Make the heat map that is wanted, if somebody sees it and it is not the last one."""
        if self._seen_dataset is None:
            return
        wanted = self._now_wanted()
        if wanted is None or (wanted == self._asked and not again):
            return
        self._asked = wanted
        if self._answer is None:
            self._show(None, "Comparing …")
        if again:  # a key that is held does not ask for it
            self._asking.cancel()
            self._run()
        else:
            self._asking.throttle()

    def _now_wanted(self) -> HeatMapRequest | None:
        """What is wanted in the map and order of now; at first the neighbors of the query."""
        query, wanted = self._session.query, self._wanted
        if wanted is None or wanted.has_neighbors:
            wanted = HeatMapRequest(query, has_neighbors=True) if query.key else None
        else:
            wanted = wanted.asked_of(_map_of(query))
        return wanted.in_order(self._order) if wanted is not None else None

    def _run(self) -> None:
        dataset, wanted = self._session.dataset, self._asked
        if dataset is None or wanted is None:
            return

        def work(progress: Progress) -> HeatMapAnswer:
            return shown(dataset, wanted, progress)

        self._ask(work, self._on_shown, self._on_failed, "comparing each with each")

    def _on_shown(self, answer: HeatMapAnswer) -> None:
        self._show(answer, "")

    def _on_failed(self, sentence: str) -> None:
        self._show(None, sentence)

    def _on_stopped(self) -> None:
        self._asked = None
        self._on_failed("Stopped. Show a list or choose a set to compare again.")

    def _show(self, answer: HeatMapAnswer | None, hint: str) -> None:
        self._answer = answer
        self._verdicts = {}
        self._tasks.cancel(_PAIR)
        self.view.set_hint(hint)
        self.view.set_heat_map(answer.heat_map if answer is not None else None)
        words = in_words(answer) if answer is not None else ""
        notes = (*(answer.notes if answer is not None else ()), self.view.what_is_spelled())
        trouble = " ".join(filter(None, notes))
        for line, text in ((self.note, words), (self.trouble, trouble)):
            line.setText(text)
            line.setToolTip(wrapped_tooltip(text))
        self.trouble.setVisible(bool(trouble))
        for button in (self.fit, self.copy, self.save_table, self.save_figure):
            button.setEnabled(answer is not None)

    # -- a pair -----------------------------------------------------------------------------------

    def _on_hovered(self, cell: tuple[int, int] | None) -> None:
        self._rest.stop()
        if cell is None or self._answer is None:
            return
        self.view.set_words(pair_in_words(self._answer.heat_map, *cell, self._verdicts.get(cell)))
        if cell not in self._verdicts and self._answer.can_be_judged(*cell):
            self._rest.start()

    def _judge(self) -> None:
        """Ask whether the current pair is more alike than chance makes it."""
        answer, cell = self._answer, self.view.current
        if answer is None or cell is None:
            return

        def work(progress: Progress) -> Verdict:
            return judged(answer, *cell, progress)

        def done(verdict: Verdict) -> None:
            self._verdicts[cell] = verdict
            if self._answer is answer and self.view.current == cell:
                self.view.set_words(pair_in_words(answer.heat_map, *cell, verdict))

        self._tasks.run(_PAIR, work, done, self._session.say)

    def _show_pair(self, row: int, column: int) -> None:
        """Show a well of each of the two side by side."""
        if self._answer is None:
            return
        made = self._answer.heat_map
        first, second = self._tile(row, QUERY), self._tile(column, NEIGHBOR)
        tiles = (first,) if row == column else (first, second)
        title = " and ".join(dict.fromkeys(map(key_in_words, (made.keys[row], made.keys[column]))))
        note = pair_in_words(made, row, column, self._verdicts.get((row, column)))
        note = note.partition("\n")[2].replace("   p …   q …", "")
        self._session.show_strip(Strip("wells", title, tiles, note=f"{title}: {note}."))

    def _tile(self, i: int, role: str) -> Tile:
        assert self._answer is not None
        key, row = self._answer.heat_map.keys[i], int(self._answer.heat_map.rows[i])
        well = None
        if row >= 0:
            well = self._session.picture_of(self._answer.phenomap.positions_of(row))
        return Tile(well, key if well is not None else f"{key}\nno image of it here", role=role)

    # -- files ------------------------------------------------------------------------------------

    def _copy(self) -> None:
        if self._answer is None:
            return
        made = self._answer.heat_map

        def done(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            self._session.say(f"Copied the cosines of {len(made):,} entries.")

        self._tasks.run(_FILE, lambda progress: made.to_csv("\t"), done, self._session.say)

    def _save_table(self) -> None:
        self._ask_for_file("Save the cosines", ".csv", TABLE, self.save_csv)

    def _save_figure(self) -> None:
        self._ask_for_file("Save the heat map", ".png", FIGURES, self.save_picture)

    def _ask_for_file(
        self, title: str, ending: str, kinds: str, save: Callable[[Path, bool], None]
    ) -> None:
        if self._answer is None:
            return
        name = file_name(f"heat map of {self._answer.title}") + ending
        chosen = QFileDialog.getSaveFileName(self, title, name, kinds)[0]
        if chosen:  # the dialog has asked whether to replace this very file
            path = with_ending(Path(chosen), ending)
            save(path, path == Path(chosen))

    def save_csv(self, path: Path, overwrite: bool = False) -> None:
        """Write the matrix in the background; what goes wrong is said in the window."""
        answer = self._answer
        if answer is not None:
            work = partial(table_saved, answer, path, overwrite)
            self._tasks.run(_FILE, work, self._session.say, self._session.say, f"writing {path}")

    def save_picture(self, path: Path, overwrite: bool = False) -> None:
        """Write the figure in the background; what goes wrong is said in the window."""
        answer, dataset = self._answer, self._session.dataset
        if answer is not None and dataset is not None:
            work = partial(figure_saved, dataset, answer, path, overwrite)
            self._tasks.run(_FILE, work, self._session.say, self._session.say, f"writing {path}")


def _map_of(query: Query) -> Query:
    """The part of a question that says which map is asked."""
    return Query(**asdict(spec_of(query)))


def _call(act: Callable[..., None], checked: bool = False) -> None:
    act()
