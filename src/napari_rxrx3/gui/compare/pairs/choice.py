"""What two screens are compared, and by which pairs: a few rows of choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.gui.compare.pairs.answer import PairQuestion
from napari_rxrx3.gui.compare.two_maps import TwoMapsChoice
from napari_rxrx3.gui.map.names_edit import NamesEdit
from napari_rxrx3.gui.widgets import ShrinkingBox, tool_button

if TYPE_CHECKING:
    from napari_rxrx3.maps.compare.screens import Twins

__all__ = ["CHOSEN", "KNOWN", "LISTED", "RANDOM", "PairsChoice"]

_SCREENS = ("Replicates", "Two maps")
_HALVES = "in two halves"
RANDOM, CHOSEN, LISTED, KNOWN = "Random pairs", "Pairs of the set", "Pairs of a list", "Known pairs"
_WHICH = (RANDOM, CHOSEN, LISTED, KNOWN)
_NUMBERS = (1_000, 10_000, 100_000)
_MOST = 500_000
_FILES = "Tables (*.csv *.tsv *.txt);;All files (*)"


class PairsChoice(QWidget):
    """Holds what the user chose; `question` makes a question of it."""

    changed = Signal()
    parts_changed = Signal()
    """Other parts are seen: the widget needs another height."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.twins: tuple[Twins, ...] = ()
        self._path, self._seed = "", 0
        self._which_is_chosen = False
        self.screens, self.experiments = ShrinkingBox(), ShrinkingBox()
        self.which, self.number = ShrinkingBox(), QComboBox()
        self.again = tool_button("dice_multiple_outline", "Draw other pairs")
        self.file = tool_button("folder_open", "Choose a table of pairs that belong together")
        self.list = NamesEdit()
        self.maps = TwoMapsChoice()
        self._fill()
        self._name_parts()
        self._lay_out()
        self._connect()
        self._show_parts()

    def set_narrow(self, narrow: bool) -> None:
        """Put what belongs together below each other, or beside each other."""
        direction = QBoxLayout.Direction
        for layout in (self._top, self._pairs):
            layout.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self.maps.set_narrow(narrow)
        self.layout().activate()

    def set_twins(self, twins: Sequence[Twins]) -> None:
        """Offer these pairs of replicate experiments; what was chosen stays, if it is there."""
        if tuple(twins) == self.twins:
            return
        chosen = self._experiments
        self.twins = tuple(twins)
        self.experiments.clear()
        self.experiments.addItem(_HALVES)
        self.experiments.addItems(f"{t.a} | {t.b} ({t.n_entries:,})" for t in self.twins)
        places = [(t.a, t.b) for t in self.twins]
        self.experiments.setCurrentIndex(1 + places.index(chosen) if chosen in places else 0)

    def forget(self) -> None:
        """Another data set is open: what was chosen of the last one means nothing."""
        self._which_is_chosen = False
        self.maps.forget()
        self.set_twins(())
        self._set_which(RANDOM)

    def note_chosen(self, is_there: bool) -> None:
        """Turn to the pairs of the chosen set, or away from it, unless the user chose otherwise."""
        if not self._which_is_chosen:
            self._set_which(CHOSEN if is_there else RANDOM)

    def question(self, chosen: tuple[str, ...], chosen_level: str) -> PairQuestion | str:
        """What is asked, or in a sentence why nothing is.

        Parameters
        ----------
        chosen, chosen_level
            The chosen set, and the level of its entries.
        """
        which = self.which.currentText()
        a, b = self.maps.a.spec, self.maps.b.spec if self._is_of_maps else None
        if why := self._why_not(which, chosen):
            return why
        if which == CHOSEN:
            a, b = replace(a, level=chosen_level), b and replace(b, level=chosen_level)
        if a == b:
            return "A and B are the same map: choose something else in one of them."
        return PairQuestion(
            a,
            b,
            None if self._is_of_maps else self._experiments,
            chosen if which == CHOSEN else None,
            self.list.toPlainText().strip() if which == LISTED else "",
            self._path if which == KNOWN else "",
            _NUMBERS[self.number.currentIndex()] if which == RANDOM else _MOST,
            self._seed,
        )

    def set_file(self, path: str) -> None:
        """Compare the pairs that a table lists."""
        self._path = path
        self.file.setToolTip(f"Pairs of {Path(path).name}; choose another table")
        self._set_which(KNOWN)
        self.changed.emit()

    def _why_not(self, which: str, chosen: tuple[str, ...]) -> str:
        if which == CHOSEN and not chosen:
            return "No set is chosen: draw a lasso around some entries of the map."
        if which == LISTED and not self.list.toPlainText().strip():
            return "Type or paste genes, guides or compounds above and press Enter."
        if which == KNOWN and not self._path:
            return "Choose a table of pairs that belong together, with columns entity1 and entity2."
        return ""

    @property
    def _is_of_maps(self) -> bool:
        return self.screens.currentText() == _SCREENS[1]

    @property
    def _experiments(self) -> tuple[str, str] | None:
        index = self.experiments.currentIndex() - 1
        return None if index < 0 else (self.twins[index].a, self.twins[index].b)

    def _fill(self) -> None:
        self.screens.addItems(_SCREENS)
        self.experiments.addItem(_HALVES)
        self.which.addItems(_WHICH)
        self.number.addItems(f"{n:,}" for n in _NUMBERS)
        self.number.setCurrentIndex(1)
        of_maps = [box for m in (self.maps.a, self.maps.b) for box in (m.embedding, m.align)]
        for box in of_maps:  # two of them and a button have to stand beside the plot
            box.setMinimumContentsLength(3)

    def _name_parts(self) -> None:
        for widget, tip in (
            (self.screens, "What is held against each other: replicate experiments, or two maps"),
            (
                self.experiments,
                "Which experiments: half of each entry's against the other half, or two that "
                "hold the same entries, with their number",
            ),
            (self.which, "Which pairs are compared"),
            (self.number, "How many pairs are drawn"),
        ):
            widget.setToolTip(tip)
            widget.setAccessibleName(tip)

    def _lay_out(self) -> None:
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._top.setSpacing(3)
        self._top.addWidget(self.screens, 1)
        self._top.addWidget(self.experiments, 1)
        pairs, drawn = QHBoxLayout(), QHBoxLayout()
        pairs.addWidget(self.which, 1)
        pairs.addWidget(self.file)
        drawn.addWidget(self.number, 1)
        drawn.addWidget(self.again)
        self._pairs = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._pairs.setSpacing(3)
        self._pairs.addLayout(pairs, 2)
        self._pairs.addLayout(drawn, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(self._top)
        layout.addWidget(self.maps)
        layout.addLayout(self._pairs)
        layout.addWidget(self.list)

    def _connect(self) -> None:
        for box in (self.screens, self.experiments, self.number):
            box.activated.connect(self._on_choice)
        self.which.activated.connect(self._on_which)
        self.again.clicked.connect(self._draw_again)
        self.file.clicked.connect(self._choose_file)
        self.list.entered.connect(self.changed)
        self.list.textChanged.connect(self.parts_changed)  # it grows with its lines
        self.maps.changed.connect(self.changed)

    def _show_parts(self) -> None:
        """Show what belongs to the choices."""
        which = self.which.currentText()
        for widget, is_seen in (
            (self.experiments, not self._is_of_maps),
            (self.maps, self._is_of_maps),
            (self.number, which == RANDOM),
            (self.again, which == RANDOM),
            (self.file, which == KNOWN),
            (self.list, which == LISTED),
        ):
            widget.setVisible(is_seen)
        self.parts_changed.emit()

    def _set_which(self, which: str) -> None:
        self.which.setCurrentText(which)
        self._show_parts()

    def _on_choice(self) -> None:
        self._show_parts()
        self.changed.emit()

    def _on_which(self) -> None:
        self._which_is_chosen = True
        self._on_choice()
        if self.which.currentText() == LISTED:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _draw_again(self) -> None:
        self._seed += 1
        self.changed.emit()

    def _choose_file(self) -> None:
        path = QFileDialog.getOpenFileName(self, "Table of known pairs", "", _FILES)[0]
        if path:
            self.set_file(str(path))
