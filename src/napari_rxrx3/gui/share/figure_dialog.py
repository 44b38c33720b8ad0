"""Asks how a figure is to be, and saves what is on screen as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, Container, FileEdit, SpinBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.core.words import are, file_name
from napari_rxrx3.gui.number_boxes import finish_typing, read_plain_numbers
from napari_rxrx3.gui.widgets import accept_and_reject

if TYPE_CHECKING:
    from napari_rxrx3.figures.files import Paper
    from napari_rxrx3.figures.look import StainLook
    from napari_rxrx3.figures.record import ViewRecord
    from napari_rxrx3.gui.workspace import Workspace

__all__ = ["FigureDialog", "looks_on_screen"]

_TASK = "figure"
_MARK = "napari_rxrx3_stain"
_FILTER = "Figures (*.png *.tif *.tiff *.svg *.pdf)"
_STOPS = 256
_TIPS = {
    "file": "Its ending says what it becomes: .png and .tif for slides and screens, .pdf and .svg "
    "for journals and drawing programs",
    "width": "Of the whole figure on paper: two columns of most journals have 170 to 183 mm",
    "dpi": "Pixels an inch. In PDF and SVG, pictures are made smaller to it, never larger",
    "labels": "Title, and the name of each well above its tile",
    "caption": "Below the tiles: contrast limits, alignment and metric, what is missing, versions",
}


class FigureDialog(QDialog):
    """A form for file, size, stains and words; it stays until the figure is saved."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Save figure")
        self._workspace = workspace
        self._path = Path()
        self.file = FileEdit(mode="w", filter=_FILTER, label="File", tooltip=_TIPS["file"])
        self.file.line_edit.tooltip = _TIPS["file"]
        self.file.choose_btn.tooltip = "Choose a folder and a name"
        self.width_mm = SpinBox(
            value=180, min=40, max=1000, step=10, label="Width in mm", tooltip=_TIPS["width"]
        )
        self.dpi = SpinBox(
            value=300, min=50, max=1200, step=50, label="Resolution in dpi", tooltip=_TIPS["dpi"]
        )
        read_plain_numbers(self.width_mm.native, self.dpi.native)
        self._rows = _rows_of(STAINS)
        self.stains = [box for row in self._rows for box in row]
        self.labels = CheckBox(value=True, text="title and labels", tooltip=_TIPS["labels"])
        self.caption = CheckBox(value=True, text="caption", tooltip=_TIPS["caption"])
        self.note = _note()
        self.buttons, self.save, self.cancel = accept_and_reject(
            ("Save", "Write the figure, and beside it a file that shows this view again"),
            ("Cancel", "Write nothing"),
        )
        self._lay_out()
        self.file.changed.connect(self._on_path)
        self.buttons.accepted.connect(self._save)
        self.buttons.rejected.connect(self.reject)

    def ask(self) -> None:
        """Show the form for what is on screen now."""
        shown = self._workspace.layers.shown
        self._take_stains(self._workspace.session.stains)
        for box, is_shown in zip(self.stains, shown, strict=True):
            box.value = is_shown
        before = Path(self.file.value)
        folder = before.parent if before.name else Path.home()
        self.file.value = (
            folder / f"{file_name(self._workspace.labels.title or 'figure')}{_ending(before)}"
        )
        self._look_at_path()
        self.open()

    def _take_stains(self, stains: tuple[Stain, ...]) -> None:
        """Have a box for each stain of the data set."""
        if [box.text for box in self.stains] == [stain.name for stain in stains]:
            return
        self._rows = _rows_of(stains)
        self.stains = [box for row in self._rows for box in row]
        self._boxes.clear()
        for row in self._rows:
            self._boxes.append(_in_a_row(row))

    def reject(self) -> None:
        """Close the form; what is being written is given up, and nothing of it stays."""
        self._workspace.tasks.cancel(_TASK)
        self._set_busy(False)
        super().reject()

    @property
    def paper(self) -> Paper:
        """The chosen size and words."""
        from napari_rxrx3.figures.files import Paper

        return Paper(
            int(self.dpi.value),
            float(self.width_mm.value),
            bool(self.labels.value),
            bool(self.caption.value),
        )

    def _lay_out(self) -> None:
        rows = [_in_a_row(row) for row in self._rows]
        stains = self._boxes = Container(widgets=rows, labels=False, label="Stains")
        stains.margins = (0, 0, 0, 0)
        words = _in_a_row([self.labels, self.caption], label="Words")
        self.form = Container(widgets=[self.file, self.width_mm, self.dpi, stains, words])
        layout = QVBoxLayout(self)
        layout.addWidget(self.form.native)
        layout.addWidget(self.note)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(520)

    def _on_path(self, path: Path) -> None:
        """Nothing, if it is the same: what was said of it last stays to be read."""
        if path.expanduser() != self._path:
            self._look_at_path()

    def _look_at_path(self) -> None:
        """Say what will be written, and whether something is there already."""
        from napari_rxrx3.figures.figure import record_path

        path = self._path = Path(self.file.value).expanduser()
        self.save.setEnabled(bool(path.name))
        if not path.name:
            self.note.setText("Choose a file.")
            return
        there = [file.name for file in (path, record_path(path)) if file.is_file()]
        self.save.setText("Replace" if there else "Save")
        if there:
            verb = are(len(there))
            self.note.setText(f"{' and '.join(there)} {verb} there already and will be replaced.")
        else:
            self.note.setText(
                f"{record_path(path).name} is written beside it; open it to see this again."
            )

    def _save(self) -> None:
        finish_typing(self)
        workspace, is_agreed = self._workspace, self.save.text() == "Replace"
        from napari_rxrx3.gui.share.view_record import record_of_window

        shown = tuple(bool(box.value) for box in self.stains)
        record = _with_stains(record_of_window(workspace, with_review=False), shown)
        looks = looks_on_screen(workspace, record)
        path, paper, dataset = self._path.absolute(), self.paper, workspace.session.dataset

        def work(progress: Any) -> list[str]:
            from napari_rxrx3.figures.figure import save_figure

            if dataset is None:
                raise RxRx3Error("Open a data set first.")
            return save_figure(
                path, dataset, record, looks, paper, overwrite=is_agreed, progress=progress
            )

        def done(hatched: list[str]) -> None:
            self._on_saved(path, hatched)

        self._set_busy(True)
        self.note.setText("Saving …")
        workspace.tasks.run(_TASK, work, done, self._on_failed, "drawing the figure")

    def _set_busy(self, is_busy: bool) -> None:
        """What is being written is not to be changed any more."""
        self.form.enabled = not is_busy
        self.save.setEnabled(not is_busy)

    def _on_saved(self, path: Path, hatched: list[str]) -> None:
        self._set_busy(False)
        some = f"; hatched in it: {', '.join(hatched)}" if hatched else ""
        self._workspace.session.say(f"Saved {path.name} in {path.parent}{some}.")
        self.accept()

    def _on_failed(self, why: str) -> None:
        self._set_busy(False)
        self._look_at_path()
        self.note.setText(why)
        self._workspace.session.say(why)


def looks_on_screen(workspace: Workspace, record: ViewRecord) -> list[StainLook]:
    """The stains of a record as the canvas draws them, also in colors that were set by hand."""
    from napari_rxrx3.figures.figure import looks_of

    looks = looks_of(record)
    for layer in workspace.viewer.layers:
        number = layer.metadata.get(_MARK)
        if number is not None and number != workspace.layers.solo:  # which is gray for a while
            looks[number - 1] = replace(
                looks[number - 1], colors=_colors_of(layer.colormap), opacity=float(layer.opacity)
            )
    return looks


def _colors_of(colormap: Any) -> tuple[tuple[float, float, float], ...]:
    is_simple = len(colormap.colors) == 2 and colormap.interpolation == "linear"
    stops = np.linspace(0, 1, 2 if is_simple else _STOPS)
    return tuple((float(r), float(g), float(b)) for r, g, b, *_ in colormap.map(stops))


def _with_stains(record: ViewRecord, shown: tuple[bool, ...]) -> ViewRecord:
    """Put on record that these stains are shown."""
    alone = record.stains.alone
    if alone is not None and shown != tuple(number == alone for number in range(1, len(shown) + 1)):
        alone = None
    return replace(record, stains=replace(record.stains, visible=shown, alone=alone))


def _in_a_row(boxes: Sequence[CheckBox], label: str = "") -> Container:
    row = Container(widgets=boxes, layout="horizontal", labels=False, label=label)
    row.margins = (0, 0, 0, 0)
    return row


def _rows_of(stains: Sequence[Stain]) -> list[list[CheckBox]]:
    """A box for each stain, three in a row; more where there are many."""
    n = 3 if len(stains) <= 2 * 3 else 5
    boxes = [_stain_box(stain.name, stain.structure or stain.name) for stain in stains]
    return [boxes[at : at + n] for at in range(0, len(boxes), n)]


def _stain_box(name: str, structure: str) -> CheckBox:
    return CheckBox(text=name, tooltip=f"Show {structure} in the figure")


def _note() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def _ending(path: Path) -> str:
    return path.suffix or ".png"
