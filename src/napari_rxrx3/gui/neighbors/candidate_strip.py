"""The strip of candidates: pictures of wells in one row, which the user looks through."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, Signal
from qtpy.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QListView,
    QMenu,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.core.contrast import Limits
from napari_rxrx3.core.display import CANDIDATE_SIZES, display
from napari_rxrx3.gui.hits.tag_buttons import tag_icon
from napari_rxrx3.gui.inks import ink
from napari_rxrx3.gui.neighbors.candidate_painting import CandidateDelegate
from napari_rxrx3.gui.neighbors.candidate_pictures import CandidatePictures
from napari_rxrx3.gui.neighbors.candidates import Candidate, CandidateModel
from napari_rxrx3.gui.neighbors.thumbnails import PictureForm, Thumbnails
from napari_rxrx3.gui.preferences import remember_candidates
from napari_rxrx3.gui.strips.well_drag import drag_wells
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.hits.hit import NO_TAG, tags_in_use

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["CandidateControls", "CandidateStrip", "CandidateView"]

_ASK_PAUSE_MS, _REMEMBER_PAUSE_MS = 30, 500
_SIZE_STEP = 10
_SLIDER_WIDTHS = 40, 72
_SMALLEST = 48
"""Points that a picture keeps in a strip that is too low for the size chosen."""
_IN_THE_MIDDLE = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
_NOTCH = 120  # of a mouse wheel, in Qt's units


class CandidateView(QListView):
    """Candidates in one row, which scrolls sideways; one of them can be current."""

    chosen = Signal(object)
    """The `Candidate` that the user made current, or clicked again."""
    activated_candidate = Signal(object)
    """The `Candidate` that was double-clicked, or on which Enter was pressed."""
    query_wanted = Signal(object)
    """The `Candidate` that is to be asked about."""
    queue_wanted = Signal(object)
    """The `Candidate` that is to be put into the queue."""
    count_wanted = Signal(object)
    """The `Candidate` whose nuclei are to be counted, and those of the query."""
    all_wanted = Signal()
    """All candidates are to be shown in the canvas."""
    tag_wanted = Signal(object, int)
    """The `Candidate` that is to be tagged, and the number of the tag; 0 takes it away."""
    copy_wanted = Signal(object)
    """The `Candidate` that is to be copied."""
    save_wanted = Signal(object)
    """The `Candidate` the picture of which is to be saved."""
    size_wanted = Signal(int)
    """The user turned the wheel with Ctrl: pictures of this many points."""
    seen_changed = Signal()
    """Other candidates are seen, or in another size."""

    def __init__(self, model: CandidateModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._candidates = model
        self._is_following = False
        self._pressed = -1
        self._scale = 0.0
        self._note = ""
        self._painting = CandidateDelegate(model, self)
        self.setModel(model)
        self.setItemDelegate(self._painting)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)  # or Qt asks for the size of each of ten thousand
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setDragEnabled(True)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Candidates")
        self.setToolTip(
            "A click: beside the query. Double-click, Enter: ask for it. Right: tag it …"
        )
        self.selectionModel().currentChanged.connect(self._on_current)
        self.clicked.connect(self._on_clicked)
        self.doubleClicked.connect(lambda index: self._tell(self.activated_candidate, index))
        self.horizontalScrollBar().valueChanged.connect(self.seen_changed)
        model.modelReset.connect(self.fit)

    @property
    def side(self) -> int:
        """Points of the screen on a side of a picture, as it is shown."""
        return self._painting.side

    @property
    def room(self) -> int:
        """Points of the screen on a side that there is room for above a scroll bar.

        Whether there has to be one depends on the size: where it is not, its place stays free.
        """
        return int(self.height() - self._rest())

    @property
    def pixels(self) -> int:
        """Pixels of the screen on a side of a picture."""
        return round(self.side * self.devicePixelRatioF())

    @property
    def current(self) -> Candidate | None:
        """The candidate that is current."""
        row = self.currentIndex().row()
        return self._candidates.candidates[row] if row >= 0 else None

    def set_current(self, key: str | None) -> None:
        """Make a candidate current and bring it into sight, without telling anybody."""
        row = self._candidates.row_of(key)
        self._is_following = True
        self.setCurrentIndex(self._candidates.index(row) if row is not None else QModelIndex())
        if row is None:
            self.clearSelection()
        self._is_following = False

    def seen(self) -> range:
        """Rows of the candidates that are in sight, if only a part of them."""
        width, n = self._painting.size().width(), len(self._candidates.candidates)
        first = self.horizontalScrollBar().value() // width
        last = (self.horizontalScrollBar().value() + self.viewport().width() - 1) // width
        return range(min(first, n), min(last + 1, n))

    def sizeHint(self) -> QSize:
        height = display.candidate_size + self._rest()
        return QSize(5 * display.candidate_size, height)

    def minimumSizeHint(self) -> QSize:
        return QSize(CANDIDATE_SIZES[0], _SMALLEST + self._rest())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.fit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.seen_changed.emit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.fit()

    def set_note(self, note: str) -> None:
        """What is said in the place of candidates, where there are none."""
        self._note = note
        if not self._candidates.candidates:
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        scale = self.devicePixelRatioF()
        if scale != self._scale:  # it is on another screen
            self._scale = scale
            self.seen_changed.emit()
        super().paintEvent(event)
        if not self._candidates.candidates:
            painter = QPainter(self.viewport())
            painter.setPen(ink(self, 0.8))
            box = self.viewport().rect().adjusted(12, 12, -12, -12)
            painter.drawText(box, _IN_THE_MIDDLE, self._note)
            painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn, pixels = event.angleDelta(), event.pixelDelta()
        notches = (turn.y() or turn.x()) / _NOTCH
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            size = display.candidate_size + round(notches * _SIZE_STEP)
            self.size_wanted.emit(max(CANDIDATE_SIZES[0], min(CANDIDATE_SIZES[1], size)))
        else:
            step = (pixels.x() or pixels.y()) or round(notches * self._painting.size().width())
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() - step)
        event.accept()  # nothing behind it is to scroll

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Without a candidate of Qt's choice: nobody has asked for one."""
        had_current = self.currentIndex().isValid()
        self._is_following = True
        super().focusInEvent(event)
        if not had_current:
            self.setCurrentIndex(QModelIndex())
        self._is_following = False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self.currentIndex().row()
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell(self.activated_candidate, self.currentIndex())
        elif event.text() and not event.text().isspace():
            event.ignore()  # keys of the window; Qt would look for a name that begins with them
        else:
            super().keyPressEvent(event)

    def startDrag(self, actions: Any) -> None:
        candidate = self.current
        if candidate is not None and candidate.well is not None:
            drag_wells(self, [candidate.well])

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index, place = self.indexAt(event.pos()), event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).center())
        if index.isValid():
            self._open_menu(self._candidates.candidates[index.row()], place)

    def _open_menu(self, candidate: Candidate, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, signal, takes_well in (
            ("Make it the query", self.query_wanted, False),
            ("Put it in the queue", self.queue_wanted, True),
            ("Copy", self.copy_wanted, False),
            ("Save the picture…", self.save_wanted, True),
            ("Is it alike for its cell count?", self.count_wanted, True),
        ):
            action = menu.addAction(text)
            action.setEnabled(candidate.well is not None or not takes_well)
            action.triggered.connect(partial(_emit, signal, candidate))
        menu.addSeparator()
        self._add_tags(menu, candidate)
        menu.addSeparator()
        menu.addAction("Show all in the canvas").triggered.connect(lambda: self.all_wanted.emit())
        menu.popup(place)

    def _add_tags(self, menu: QMenu, candidate: Candidate) -> None:
        """Offer the tags; the one that it has takes it away."""
        for tag in tags_in_use():
            action = menu.addAction(tag_icon(tag), tag.name)
            action.setCheckable(True)
            action.setChecked(candidate.tag == tag.number)
            action.setEnabled(candidate.well is not None)
            number = NO_TAG if candidate.tag == tag.number else tag.number
            action.triggered.connect(partial(self._tell_tag, candidate, number))

    def _tell_tag(self, candidate: Candidate, number: int, checked: bool = False) -> None:
        self.tag_wanted.emit(candidate, number)

    def _rest(self) -> int:
        """Height that is no picture's."""
        bar = self.horizontalScrollBar().sizeHint().height()
        return int(self._painting.height_of_words() + bar + 2 * self.frameWidth())

    def fit(self) -> None:
        """As large as was chosen, or as there is room for."""
        side = max(_SMALLEST, min(display.candidate_size, self.room))
        if side != self._painting.side:
            first = self.seen().start if self._painting.side else 0
            self._painting.side = side
            self.scheduleDelayedItemsLayout()
            self.executeDelayedItemsLayout()
            self.horizontalScrollBar().setValue(first * self._painting.size().width())
        self.seen_changed.emit()

    def _on_current(self, current: QModelIndex) -> None:
        if not self._is_following:
            self._tell(self.chosen, current)

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.row() == self._pressed:  # else it has become current, and that was told
            self._tell(self.chosen, index)

    def _tell(self, signal: Any, index: QModelIndex) -> None:
        if index.isValid():
            signal.emit(self._candidates.candidates[index.row()])


class CandidateControls(QWidget):
    """How large candidates are shown, and whether as whole wells."""

    changed = Signal(int, bool)
    """The user chose a size in points, and whether whole wells are shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.whole = QCheckBox("whole well", self)
        self.whole.setToolTip(
            wrapped_tooltip(
                "Show each well as a whole. Otherwise a piece of it is shown, the same in all "
                "wells, in which single cells can be seen."
            )
        )
        self.size_slider = QSlider(Qt.Orientation.Horizontal, self)
        self.size_slider.setRange(*CANDIDATE_SIZES)
        self.size_slider.setSingleStep(_SIZE_STEP)
        self.size_slider.setPageStep(2 * _SIZE_STEP)
        self.size_slider.setMinimumWidth(_SLIDER_WIDTHS[0])
        self.size_slider.setMaximumWidth(_SLIDER_WIDTHS[1])
        self.size_slider.setAccessibleName("Size of candidates")
        self.size_slider.setToolTip("Size of the pictures; Ctrl and the mouse wheel change it, too")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.whole)
        layout.addWidget(self.size_slider)
        self.follow()
        self.whole.toggled.connect(self._tell)
        self.size_slider.valueChanged.connect(self._tell)

    def follow(self) -> None:
        """Show what is chosen."""
        for widget in (self.whole, self.size_slider):
            widget.blockSignals(True)
        self.whole.setChecked(display.shows_whole_candidates)
        self.size_slider.setValue(display.candidate_size)
        for widget in (self.whole, self.size_slider):
            widget.blockSignals(False)

    def _tell(self) -> None:
        self.changed.emit(self.size_slider.value(), self.whole.isChecked())


class CandidateStrip(QWidget):
    """The strip: a view of candidates, the pictures that it needs, and controls to put beside it.

    Attributes
    ----------
    view : CandidateView
        Has the signals of what the user does with a candidate.
    controls : CandidateControls
        Not laid out here: whoever shows the strip has a row for them.
    """

    def __init__(self, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dataset: Dataset | None = None
        self.thumbnails = tasks.add(Thumbnails(self))
        self.pictures = CandidatePictures(self.thumbnails, self)
        self.model = CandidateModel(self.pictures, self)
        self.view = CandidateView(self.model, self)
        self.controls = CandidateControls(self)
        self.controls.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.setFocusProxy(self.view)
        self._asking = tasks.timer(self, _ASK_PAUSE_MS, self._ask)
        self._remembering = tasks.timer(self, _REMEMBER_PAUSE_MS, self._remember)
        self._ahead = 1
        self._scrolled = 0
        tasks.settled_if(lambda: self.pictures.is_idle)
        self.view.seen_changed.connect(self._ask_soon)
        self.view.size_wanted.connect(self._set_size)
        self.controls.changed.connect(self._set_look)
        self.pictures.arrived.connect(self._draw_again)
        self.pictures.more.connect(self._draw_again)
        self._connections = tasks.connections(self)
        follow = self._connections.connect
        follow(display.candidate_size_changed, self._on_look)
        follow(display.whole_candidates_changed, self._on_look)
        follow(display.palette_changed, self._draw_anew)
        follow(display.pixel_size_changed, self.read_anew)
        follow(display.tags_changed, self._draw_anew)

    def set_dataset(self, dataset: Dataset | None) -> None:
        """Take the wells from another data set; its candidates are to follow."""
        self._dataset = dataset
        self.set_candidates(())

    def set_candidates(self, candidates: Sequence[Candidate]) -> None:
        """Show others, from the first one on."""
        self.view.horizontalScrollBar().setValue(0)
        self.model.set_candidates(candidates)
        self._ask()

    def revise(self, candidates: Sequence[Candidate]) -> None:
        """Show what is new about those that are listed, without scrolling."""
        self.model.revise(candidates)
        self._ask_soon()

    def set_limits(self, limits: Limits) -> None:
        """Draw in another contrast."""
        self.pictures.set_limits(limits)
        self._draw_again()

    def set_shown(self, shown: tuple[bool, ...], alone: int | None = None) -> None:
        """Draw these of the six stains; the one that is shown alone, in gray."""
        self.pictures.set_shown(shown, alone)
        self._draw_again()

    def picture(self, candidate: Candidate) -> QImage | None:
        """The picture of a candidate as it is shown; None if there is none."""
        return self.pictures.picture(candidate.well) if candidate.well is not None else None

    def _set_size(self, size: int) -> None:
        self._set_look(size, display.shows_whole_candidates)

    def _set_look(self, size: int, whole: bool) -> None:
        display.candidate_size, display.shows_whole_candidates = size, whole
        self._remembering.start()

    def _remember(self) -> None:
        remember_candidates(display.candidate_size, display.shows_whole_candidates)

    def _on_look(self) -> None:
        self.controls.follow()
        self.view.updateGeometry()
        self.view.fit()
        self._ask_soon()

    def _draw_again(self) -> None:
        self.view.viewport().update()

    def _draw_anew(self) -> None:
        self.pictures.renew()
        self._draw_again()

    def read_anew(self) -> None:
        """Show the pictures once more, of other images or pixels of another width."""
        self.pictures.forget()
        self._ask_soon()

    def _ask_soon(self) -> None:
        self._asking.start()

    def _ask(self) -> None:
        """Ask for the pictures in sight, and for those that come into sight next."""
        self._asking.stop()
        self.pictures.drop_waiting()
        if not self.isVisible():
            return
        at = self.view.horizontalScrollBar().value()
        self._ahead = -1 if at < self._scrolled else 1
        self._scrolled = at
        self.pictures.set_form(PictureForm(self.view.pixels, display.shows_whole_candidates))
        wells = [self.model.candidates[row].well for row in self._wanted_rows()]
        self.thumbnails.request(self._dataset, [well for well in wells if well is not None])
        self.view.viewport().update()

    def _wanted_rows(self) -> list[int]:
        seen = self.view.seen()
        n, last = len(seen), len(self.model.candidates)
        ahead = range(seen.stop, min(seen.stop + n, last))
        if self._ahead < 0:
            ahead = range(seen.start - 1, max(seen.start - 1 - n, -1), -1)
        return [*seen, *ahead]


def _emit(signal: Any, candidate: Candidate, checked: bool = False) -> None:
    signal.emit(candidate)
