"""The side by side panel: what to show beside the well, and what the numbers say about it."""

from __future__ import annotations

from functools import partial
from math import isnan
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.display import display
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.numbers.dose_curve import DoseCurveView
from napari_rxrx3.gui.numbers.histogram_view import HistogramView
from napari_rxrx3.gui.numbers.intensities import (
    ControlLevels,
    Intensities,
    IntensityRequest,
    asked_of,
    compare_intensities,
)
from napari_rxrx3.gui.strips.arranger import Arranger
from napari_rxrx3.gui.strips.choices import CHOICES, series_of, show_alone, why_no_control, why_not
from napari_rxrx3.gui.strips.keys import flicker, toggle_difference
from napari_rxrx3.gui.strips.well_drag import WellDrop
from napari_rxrx3.gui.widgets import FoldingRow, tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import CROPS, Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["SidePanel"]

_TASK = "histograms"
_PAUSE_MS = 250
_SWITCH = 19
"""Points that the button of the curve is high, about as the line beside it: no more is to spare."""
"""Brightness is measured when the well has been on screen for this long: its image goes first."""

_KINDS = ("control", "neighbors", "replicates", "guides", "position", "wells")
_FLICKER = "Swap the well and its control in place, and back"
_DIFFERENCE = "Show what differs from the mean of the plate's controls, stain by stain"
_KEEP = "Show every well that you go to in the same way, until one is shown alone (Escape)"
_CROP_WORDS = {0: "Whole", 512: "512", 256: "256"}


class SidePanel(QWidget):
    """Buttons for the strips; below them the dose curve, or histograms against the controls."""

    def __init__(
        self, session: Session, tasks: TaskGroup, arranger: Arranger, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._tasks, self._arranger = session, tasks, arranger
        self._connections = tasks.connections(self)
        self._levels = ControlLevels()
        self._asked: IntensityRequest | str = ""
        self.kinds = {kind: _button(CHOICES[kind].word) for kind in _KINDS}
        self.flicker, self.difference = _button("Flicker"), _button("Difference")
        self.crops = {crop: _button(_CROP_WORDS[crop]) for crop in CROPS}
        self.keep, self.alone = _button("Keep"), _button("Alone")
        self.keep.setToolTip(wrapped_tooltip(_KEEP))
        self.alone.setToolTip("Back to the single well, as it is (Escape)")
        self.note = Line()
        self.curve, self.histograms = DoseCurveView(), HistogramView()
        self.pages = QStackedWidget()
        self.switch = tool_button("chart_bar", "Dose curve or brightness of the stains")
        self.switch.setMaximumHeight(_SWITCH)
        # one moment of the user can be many signals
        self._soon = tasks.timer(self, 0, self._refresh)
        self._pause = tasks.timer(self, _PAUSE_MS, self._measure)
        WellDrop(self, session)
        self._lay_out()
        self._connect()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def _lay_out(self) -> None:
        buttons, words = list(self.kinds.values()), QHBoxLayout()
        kinds = FoldingRow((buttons[:3], buttons[3:]))
        look = ((self.flicker, self.difference, self.keep, self.alone), self.crops.values())
        words.addWidget(self.note, 1)
        words.addWidget(self.switch)
        words.setSpacing(1)
        self.pages.addWidget(self.histograms)
        self.pages.addWidget(self.curve)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 1, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(kinds)
        layout.addWidget(FoldingRow([list(part) for part in look], apart=6))
        layout.addLayout(words)
        layout.addWidget(self.pages, 1)

    def _connect(self) -> None:
        session, follow = self._session, self._connections.connect
        follow(session.dataset_changed, self._on_dataset)
        for signal in (
            session.wells_changed,
            session.well_changed,
            session.selection_changed,
            session.tiles_changed,
            session.crop_changed,
            session.field_changed,
            session.difference_changed,
            session.view_changed,
        ):
            follow(signal, self._refresh_soon)
        follow(display.palette_changed, self._repaint)
        for kind, button in self.kinds.items():
            button.clicked.connect(partial(self._choose, kind))
        self.flicker.clicked.connect(partial(self._act, flicker))
        self.difference.clicked.connect(partial(self._act, toggle_difference))
        group = QButtonGroup(self)
        for crop, button in self.crops.items():
            middle = f"The middle {crop} x {crop} pixels of each well, to see single cells"
            button.setToolTip(f"{middle if crop else 'The whole of each well'} (X: the next)")
            group.addButton(button)
            button.clicked.connect(partial(self._crop, crop))
        self.keep.clicked.connect(self._arranger.keep)
        keeping, show = self._arranger.keeping_changed, self.keep.setChecked
        keeping.connect(show)
        self._tasks.at_end(lambda: keeping.disconnect(show))
        self.alone.clicked.connect(partial(self._act, show_alone))
        self.switch.clicked.connect(self._turn_page)
        self.curve.chosen.connect(self._go_to_dose)

    # -- what the user does -----------------------------------------------------------------------

    def _choose(self, kind: str, checked: bool = False) -> None:
        self._session.want_strip(series_of(self._session) if kind == "guides" else kind)
        self._refresh_soon()  # the button shows what is there, not what was clicked

    def _act(self, act: object, checked: bool = False) -> None:
        assert callable(act)
        act(self._session)
        self._refresh_soon()

    def _crop(self, crop: int, checked: bool = False) -> None:
        self._session.set_crop(crop)

    def _turn_page(self) -> None:
        self.pages.setCurrentIndex(1 - self.pages.currentIndex())
        self._want_histograms()

    def _go_to_dose(self, dose: float) -> None:
        """Open the first well of the strip that received a dose."""
        session = self._session
        wells = (tile.well_id for tile in session.tiles if tile.well_id is not None)
        well = next((well for well in wells if _dose_of(session, well) == dose), None)
        if well is not None:
            session.open_well(well)

    # -- what is shown ----------------------------------------------------------------------------

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._tasks.cancel(_TASK)
        self._levels = ControlLevels()
        self._asked = ""
        self.histograms.say("")
        self._refresh_soon()

    def _repaint(self, palette: str) -> None:
        self.histograms.update()

    def _refresh_soon(self, changed: object = None) -> None:
        if self.isVisible():
            self._soon.start()

    def _refresh(self) -> None:
        """Show what can be done and what is there, as far as somebody sees it."""
        session = self._session
        if not self.isVisible():
            return
        shown = session.strip.kind if session.strip is not None else ""
        series = series_of(session)
        why = why_no_control(session)
        for kind, button in self.kinds.items():
            kind = series if kind == "guides" else kind
            choice, why_this = CHOICES[kind], why if kind == "control" else why_not(session, kind)
            _set_word(button, choice.word)
            button.setChecked(shown == kind)
            _set_reason(button, f"{choice.tip} ({choice.key})", why_this)
        self.flicker.setChecked(session.is_flickered)
        _set_reason(self.flicker, f"{_FLICKER} (B)", "" if session.is_flickered else why)
        self.difference.setChecked(session.difference)
        self.keep.setChecked(self._arranger.is_keeping)
        _set_reason(self.difference, f"{_DIFFERENCE} (D)", "" if session.difference else why)
        for crop, button in self.crops.items():
            button.setChecked(crop == session.crop)
        is_alone = shown == "" and len(session.tiles) < 2 and not session.is_flickered
        self.alone.setChecked(is_alone and session.view == "well" and not session.difference)
        self._say_what_is_shown()
        self._show_curve()
        self._want_histograms()

    def _say_what_is_shown(self) -> None:
        strip = self._session.strip
        words = "" if strip is None else strip.note or strip.title
        self.note.setText(words or "Choose what to show beside the well")
        self.note.setToolTip(wrapped_tooltip(words))

    def _show_curve(self) -> None:
        """Show the curve when it is new; then the user may turn to the histograms and back."""
        session = self._session
        curve = session.strip.curve if session.strip is not None else None
        is_new = curve is not self.curve.curve()
        dose = _dose_of(session, session.well) if session.well is not None else None
        self.curve.set_curve(curve, dose)
        self.switch.setVisible(curve is not None)
        if is_new:
            self.pages.setCurrentIndex(0 if curve is None else 1)

    def _want_histograms(self) -> None:
        """Compare, once the images are there, if this is something else than the last time."""
        if not self.histograms.isVisible():
            return
        asked = asked_of(self._session)
        if asked == self._asked:
            return
        self._asked = asked
        self._tasks.cancel(_TASK)
        self._pause.stop()
        if isinstance(asked, str):
            self.histograms.say(asked)
        else:
            self._pause.start()

    def _measure(self) -> None:
        dataset, asked, levels = self._session.dataset, self._asked, self._levels
        if dataset is None or isinstance(asked, str):
            return

        self._measure_how(dataset, asked, levels, whole=False)

    def _measure_how(
        self, dataset: Dataset, asked: IntensityRequest, levels: ControlLevels, whole: bool
    ) -> None:
        """Show what the first rows of large images say, and then what all of them do."""

        def work(progress: Progress) -> Intensities:
            return compare_intensities(dataset, asked, levels, progress, whole=whole)

        def show(found: Intensities) -> None:
            self.histograms.set_intensities(found)
            if not found.is_whole:
                self._measure_how(dataset, asked, levels, whole=True)

        self._tasks.run(_TASK, work, show, self.histograms.say)


def _button(word: str) -> QPushButton:
    button = QPushButton(word)
    button.setCheckable(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys where they were
    # at first, without napari's style, a button is wider, and the dock would be for good
    button.setMinimumWidth(1)
    return button


def _set_word(button: QPushButton, word: str) -> None:
    if button.text() != word:  # or the window is laid out again
        button.setText(word)


def _set_reason(button: QPushButton, tip: str, why: str) -> None:
    """Enable a button, or say why it can do nothing here."""
    button.setEnabled(not why)
    button.setToolTip(wrapped_tooltip(f"{tip}.\n{why}" if why else f"{tip}."))


def _dose_of(session: Session, well: str) -> float | None:
    dose = float(session.well_row(well)["concentration"])
    return None if isnan(dose) else dose
