"""Every control of the window says in plain words what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

import builders as b
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.gui.hits.reviewers import AgreementWindow
from napari_rxrx3.hits.agreement import compare_reviewers
from napari_rxrx3.hits.hit import Hit
from window import Window

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
)
WHOLE = (QAbstractSpinBox, QComboBox, QTabBar, QAbstractItemView, QLineEdit)
"""What is inside of these is a part of them: a spin box has a line edit, a table a corner."""


def controls(root: QWidget) -> Iterator[QWidget]:
    """All that can be used in a widget, seen or not."""
    for widget in root.findChildren(QWidget):
        is_control = isinstance(widget, CONTROLS) and not isinstance(
            widget, QScrollBar | QHeaderView
        )
        if is_control and not is_part(widget, root):
            yield widget


def is_part(widget: QWidget, root: QWidget) -> bool:
    above = widget.parentWidget()
    while above is not None and above is not root:
        if isinstance(above, WHOLE):
            return True
        above = above.parentWidget()
    return False


def where(widget: Any) -> str:
    """Words to find a widget by."""
    names = []
    while widget is not None and len(names) < 4:
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        names.append(f"{type(widget).__name__} {text}".strip())
        widget = widget.parentWidget()
    return " in ".join(names)


def silent(root: QWidget) -> list[str]:
    """Controls without a tooltip of more than a word."""
    return [where(control) for control in controls(root) if len(control.toolTip().split()) < 2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Genes and doses on two plates."""
    rows = [
        row
        for plate in (1, 2)
        for row in (
            *(b.control_row("gene-001", plate, f"B{c:02d}") for c in range(2, 8)),
            *(b.guide_row("gene-001", plate, f"C{c:02d}", "PLK1", c) for c in range(2, 6)),
            *(b.guide_row("gene-001", plate, f"D{c:02d}", "PSMB5", c) for c in range(2, 6)),
            *(b.dose_row("gene-001", plate, f"E{c:02d}", "Bortezomib", c / 4) for c in range(2, 6)),
        )
    ]
    return b.Screen.of(rows).write_rxrx3(tmp_path / "screen")


def test_the_first_page_explains_itself(open_window: Callable[..., Window]) -> None:
    explorer = open_window().explorer
    explorer.window().show()
    assert {explorer.welcome.folder_button, explorer.welcome.demo_button} <= set(controls(explorer))
    assert not [where(c) for c in controls(explorer) if c.isVisible() and not c.toolTip()]


def test_every_control_of_every_tab_explains_itself(
    open_window: Callable[..., Window], folder: Path
) -> None:
    window = open_window(folder)
    docks = (window.explorer, window.neighbors)
    for well in ("gene-001_1_C02", "gene-001_1_E02"):
        window.session.select_well(well)
        window.explorer.find.setFocus()
        window.qtbot.keyClicks(window.explorer.find, "PLK1")
        window.qtbot.keyClick(window.explorer.find, Qt.Key.Key_Return)
        for dock in docks:
            for number in range(dock.tabs.count()):
                dock.tabs.setCurrentIndex(number)
                window.settle()
                assert len(dock.tabs.tabToolTip(number)) > 20
            assert not silent(dock)  # some tips depend on what is shown
    assert sum(len(list(controls(dock))) for dock in docks) > 70


@pytest.mark.soak
def test_the_buttons_on_the_canvas_explain_themselves(
    open_window: Callable[..., Window], folder: Path
) -> None:
    window = open_window(folder)
    canvas = window.viewer.window._qt_viewer.canvas.native
    assert {b.text() for b in canvas.findChildren(QPushButton)} >= {"Well", "Plate"}
    assert not silent(canvas)


@pytest.mark.soak
def test_every_entry_of_a_menu_says_more_than_its_name(
    open_window: Callable[..., Window], folder: Path
) -> None:
    explorer = open_window(folder).explorer
    for menu in (explorer.open_button.menu(), explorer.share.button.menu()):
        assert isinstance(menu, QMenu)
        assert menu.toolTipsVisible()
        entries = [action for action in menu.actions() if not action.isSeparator()]
        assert entries
        assert all(len(action.toolTip().split()) > 2 for action in entries)


@pytest.mark.soak
def test_the_form_of_a_figure_explains_itself(
    open_window: Callable[..., Window], folder: Path
) -> None:
    share = open_window(folder).explorer.share
    share.save_figure()
    assert share.figure_dialog.isVisible()
    assert len(list(controls(share.figure_dialog))) > 8
    assert not silent(share.figure_dialog)
    share.figure_dialog.reject()


def test_the_list_of_disagreements_explains_itself(qtbot: Any) -> None:
    well = "gene-001_1_C02"
    agreement = compare_reviewers({well: Hit(well, tag=1)}, {well: Hit(well, tag=2)})
    window = AgreementWindow(agreement, ("Ada", "Bo"))
    assert len(list(controls(window))) == 3
    qtbot.addWidget(window)
    assert not silent(window)


def test_a_stain_says_its_structure_its_dye_and_its_keys(
    open_window: Callable[..., Window],
) -> None:
    for stain, button in zip(STAINS, open_window().explorer.workspace.stains.buttons, strict=True):
        for word in (stain.name, stain.structure, stain.dye, f"Shift+{stain.number}"):
            assert word in button.toolTip()


def test_the_walk_finds_a_control_that_says_nothing(qtbot: Any) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    button, box = QPushButton("Go", root), QComboBox(root)
    button.setToolTip("Go there")
    assert silent(root) == ["QComboBox in QWidget"]
    box.setToolTip("Where to go")
    assert not silent(root)
