"""The button that says how the map is made, with a form behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, PushButton
from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QFontMetrics, QPaintEvent
from qtpy.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from napari_rxrx3.gui.neighbors.batch_picture import BatchPicture
from napari_rxrx3.gui.widgets import OnDestroyed, form_menu
from napari_rxrx3.gui.words import elided, wrapped_tooltip
from napari_rxrx3.maps.align import ALIGNMENTS, OUR_ALIGNMENTS
from napari_rxrx3.maps.spec import AVERAGES, BATCHES, LEVELS, METRICS
from napari_rxrx3.session import Query

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset

__all__ = ["ALIGNMENT_WORDS", "POSITION_TIP", "MapSettings", "controls_of"]

ALIGNMENT_WORDS = {
    name: f"{name} (ours)" if name in OUR_ALIGNMENTS else name for name in ALIGNMENTS
}
"""Alignments as they are offered: what the reference does not have is marked."""
POSITION_TIP = (
    "Ours: fit row, column, their squares and the edge to the controls of all plates, and subtract "
    "what they explain from every well before anything else. For layouts that put a perturbation "
    "at one place of all its plates, whose place looks like a phenotype"
)

_TIPS = {
    "level": "What is compared: single wells, guides, perturbations (a gene over its guides; a "
    "compound at a dose), or compounds over their doses",
    "align": "How differences between experiments are taken out, by their control wells: not at "
    "all, by center and scale, by center and scale along the controls' principal components, or "
    "by typical variation normalization (tvn), which leaves the means of experiments where they "
    "are; tvn-centered is ours and does not",
    "metric": "cosine: direction of the change; euclidean: distance, which its strength decides "
    "too",
    "average": "How the wells of a perturbation are made one vector; a median is not moved by a "
    "single odd well",
    "batch": "What is aligned to what: experiments as a rule; plates, if plates of one experiment "
    "differ and each has enough controls",
    "control": "Wells that all batches are aligned by",
    "embedding": "The vectors that are compared",
}
_CONTROLS_LISTED = 40
_LEAST_WIDTH = 100
_AROUND_WORDS = 30
"""Pixels for the margins of the button and its arrow."""


class MapSettings(QPushButton):
    """Emits what the user changed; `set_query` shows what is."""

    changed = Signal(str, object)
    """Name of a field of `Query`, and its new value."""
    vectors_wanted = Signal()
    """The user wants to add vectors of their own."""
    opened = Signal()
    """The form is looked at: see what `batches` is to show."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.level = _choice("level", LEVELS)
        self.align = _choice("align", tuple((words, n) for n, words in ALIGNMENT_WORDS.items()))
        self.measure = _choice("metric", METRICS)  # "metric" is Qt's own
        self.average = _choice("average", AVERAGES)
        self.batch = _choice("batch", BATCHES)
        self.control = _choice("control", (Query.control,))
        self.embedding = _choice("embedding", ("",))
        self.leave_out = CheckBox(
            name="leave_out",
            text="leave out batches without enough controls",
            tooltip="Otherwise nothing is aligned if a batch has too few controls",
        )
        self.position = CheckBox(
            name="position", text="subtract the effect of the position", tooltip=POSITION_TIP
        )
        self.all_doses = CheckBox(
            name="all_doses",
            text="list every dose of a compound",
            tooltip="Otherwise a compound is listed once, by its most alike dose, and the query's "
            "own compound or gene not at all",
        )
        self.add_vectors = PushButton(
            text="Add vectors …",
            tooltip="A parquet or CSV file with well_id and columns of numbers",
        )
        self._choices = (
            self.level,
            self.embedding,
            self.align,
            self.batch,
            self.control,
            self.average,
            self.measure,
        )
        self._switches = (self.position, self.leave_out, self.all_doses)
        self.form = Container(widgets=[*self._choices, *self._switches, self.add_vectors])
        self.batches = BatchPicture()
        self.setMenu(form_menu(_stacked(self.form.native, self.batches), self))
        self.menu().aboutToShow.connect(self.opened)
        for widget in (*self._choices, *self._switches):
            widget.changed.connect(lambda value, name=widget.name: self._on_change(name, value))
        self.add_vectors.changed.connect(self._on_add)
        # a combo box that Qt deletes loses its entries one by one, and says so
        self._at_end = OnDestroyed(self, self._hear_no_more)

    def _hear_no_more(self) -> None:
        for widget in (*self._choices, *self._switches):
            widget.changed.disconnect()

    def sizeHint(self) -> QSize:
        words = QFontMetrics(self.font()).horizontalAdvance(self.text()) + _AROUND_WORDS
        return super().sizeHint().expandedTo(QSize(words, 0))

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_WIDTH, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """As Qt paints a button, with as many of the words as there is room for."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = elided(self.font(), self.text(), self.width() - _AROUND_WORDS)
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        painter.end()

    def set_embeddings(self, names: list[str]) -> None:
        """Offer these embeddings."""
        self._offer(self.embedding, names or [""])

    @property
    def is_open(self) -> bool:
        """The form is on screen."""
        return bool(self.menu().isVisible())

    def set_controls(self, names: list[str]) -> None:
        """Offer these treatments to align by."""
        self._offer(self.control, names)

    def set_query(self, query: Query, embedding: str) -> None:
        """Show the settings of a question; `embedding` is the one that an empty name stands for."""
        for widget in (*self._choices, *self._switches):
            value: Any = getattr(query, widget.name)
            if widget is self.embedding:
                value = value or embedding
            with widget.changed.blocked():
                if not isinstance(widget, ComboBox) or value in widget.choices:
                    widget.value = value
        align = "not aligned" if query.align == "none" else query.align
        position = "position subtracted" if query.position else ""
        arms = "arm bias subtracted" if query.arm_tables else ""
        metric = "" if query.metric == "cosine" else query.metric
        words = [f"by {query.level}", align, position, arms, metric]
        if len(self.embedding.choices) > 1:
            words.insert(0, query.embedding or embedding)
        self.setText(", ".join(filter(None, words)))
        tip = f"{self.text()}.\nLevel, vectors, alignment and metric of the comparison"
        self.setToolTip(wrapped_tooltip(tip))

    def _offer(self, box: ComboBox, choices: list[str]) -> None:
        if tuple(choices) != tuple(box.choices):  # to fill a box takes milliseconds
            with box.changed.blocked():
                box.choices = choices

    def _on_change(self, name: str, value: object) -> None:
        self.changed.emit(name, value)

    def _on_add(self) -> None:
        self.menu().close()
        self.vectors_wanted.emit()


def _stacked(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return holder


def _choice(name: str, choices: tuple[Any, ...]) -> ComboBox:
    return ComboBox(name=name, choices=choices, tooltip=_TIPS[name])


def controls_of(dataset: Dataset) -> list[str]:
    """Treatments that a map can be aligned by, EMPTY_control first; takes long for many wells."""
    counts = dataset.known_wells["treatment"].array.value_counts().sort_values(ascending=False)
    controls = [name for name in counts.index if "_control" in name and name != Query.control]
    return [Query.control, *controls[:_CONTROLS_LISTED]]
