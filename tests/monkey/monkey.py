"""The monkey: does something, waits or does not, and looks whether all is as it has to be."""

from __future__ import annotations

import gc
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QToolButton,
    QWidget,
)

from monkey.actions import ACTIONS, Action
from monkey.files import give_files_back
from monkey.hands import Hands
from monkey.looking import wrong_pixels, wrong_words
from monkey.parts import has_menu, holds_ours, is_ours, leaves, names_of
from monkey.resources import Resources
from monkey.world import World
from napari_rxrx3.core.display import display
from napari_rxrx3.core.plate import N_COLUMNS, N_ROWS, parse_address
from napari_rxrx3.gui.docking import dock_explorer
from napari_rxrx3.gui.plate.plate_map import PlateMap
from napari_rxrx3.gui.workspace import Workspace
from window import Window

__all__ = ["Found", "Monkey"]


class Found(AssertionError):
    """The monkey broke something."""


class Monkey(Hands):
    """Acts on a window.

    Parameters
    ----------
    trouble : list of str
        To which somebody else adds exceptions of the window and of its threads.
    cache : Path
        The folder in which the window keeps what it has read.
    """

    def __init__(
        self,
        window: Window,
        worlds: Sequence[World],
        seed: int,
        trouble: list[str],
        cache: Path,
    ) -> None:
        super().__init__(window, random.Random(seed))
        self.worlds, self.seed = worlds, seed
        self.trouble, self.cache = trouble, cache
        self.done: list[str] = []
        self.counts: Counter[str] = Counter()
        self.n_looked = 0
        self.rests: list[Resources] = []
        self.names = sorted({str(name) for world in worlds for name in names_of(world.screen)})

    # -- parts of the window ---------------------------------------------------------------------

    @property
    def viewer(self) -> Any:
        return self.window.viewer

    @property
    def explorer(self) -> Any:
        return self.window.explorer

    @property
    def neighbors(self) -> Any:
        return self.window.neighbors

    @property
    def session(self) -> Any:
        return self.window.session

    @property
    def workspace(self) -> Workspace:
        return self.explorer.workspace

    @property
    def map(self) -> PlateMap:
        return self.window.map

    @property
    def canvas(self) -> QWidget:
        return self.viewer.window._qt_viewer.canvas.native

    @property
    def world(self) -> World | None:
        """That of the data set which is open."""
        dataset = self.session.dataset
        roots = {str(world.path): world for world in self.worlds}
        return None if dataset is None else roots[str(dataset.root)]

    # -- a life ----------------------------------------------------------------------------------

    def run(self, n: int, rest_every: int) -> None:
        """Do so many things; every now and then come to rest, to see what is left of it all.

        Raises
        ------
        Found
            With everything that was done, once something is wrong.
        """
        self.rest()
        for i in range(1, n + 1):
            self._act()
            if i % rest_every == 0 or i == n:
                self.rest()

    def rest(self) -> None:
        """Come back to the same well of the same data set, and count what is in use."""
        self.done.append("rest")
        self._close_what_pops_up()
        display.reset()
        self.viewer.dims.ndisplay = 2
        self.viewer.theme = "dark"
        self.viewer.window.resize(1280, 800)
        self.close_the_dock()
        self.open_the_dock()
        give_files_back(self)
        for world in self.worlds:
            world.is_disturbed = False
        self._open(self.worlds[0])
        for tabs in (self.explorer.tabs, self.neighbors.tabs):
            tabs.setCurrentIndex(0)
        self.session.select_well(self.worlds[0].screen.ids[0])
        self.settle_and_look()
        self._wait(lambda: not self.workspace.is_reading_ahead, "reading ahead")
        self.collect()
        self.rests.append(Resources.now())

    def collect(self) -> None:
        """Let go what nobody holds."""
        for _ in range(3):
            gc.collect()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            QApplication.processEvents()

    def _act(self) -> None:
        self._close_what_pops_up()
        actions, weights = list(ACTIONS), list(ACTIONS.values())
        action: Action = self.dice.choices(actions, weights)[0]
        self.counts[action.__name__] += 1
        self.done.append(action.__name__)
        try:
            self.done[-1] += f": {action(self)}"
        except Exception as error:
            raise Found(self.report(f"{type(error).__name__}: {error}")) from error
        self.check()
        if self.dice.random() < 0.45:
            self.settle_and_look()
        else:
            self.pause()

    def settle_and_look(self) -> None:
        """Wait till everything that was asked for is there, and compare it with the files."""
        self._wait(lambda: self.explorer.is_settled, "settling")
        self.check()
        world = self.world
        if world is not None:
            self.n_looked += 1
            for wrong in (
                *wrong_words(self.workspace),
                *wrong_pixels(self.workspace, world),
            ):
                raise Found(self.report(wrong))

    def pause(self) -> None:
        """Act again before all is done."""
        end = time.monotonic() + self.dice.choice((0, 0.002, 0.02, 0.1))
        QApplication.processEvents()
        while time.monotonic() < end:
            QApplication.processEvents()

    def check(self) -> None:
        """Nothing may have gone wrong so far."""
        if "Unexpected" in self.session.message:
            self.trouble.append(self.session.message)
        if self.trouble:
            raise Found(self.report("\n".join(self.trouble)))

    def report(self, wrong: str) -> str:
        """What is wrong, and how it came to it."""
        lines = [f"{i}  {line}" for i, line in enumerate(self.done)]
        return "\n".join([f"seed {self.seed}", *lines[-40:], "", wrong])

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 60
        while not condition():
            QApplication.processEvents()
            time.sleep(0.001)
            if time.monotonic() > end:
                status = self.workspace.tasks.status
                raise Found(self.report(f"{what} takes more than a minute: {status}"))

    # -- what is there to be clicked -------------------------------------------------------------

    def click_a_row(self, table: QAbstractItemView) -> str:
        n = table.model().rowCount()
        if not n:
            return ""
        index = table.model().index(self.dice.randrange(min(n, 12)), 0)
        table.scrollTo(index)
        twice = self.dice.random() < 0.3
        self.click(table.viewport(), table.visualRect(index).center(), twice=twice)
        return f"{index.row()} of {n}{', twice' if twice else ''}"

    def click_any_button(self) -> str:
        buttons = [b for b in self._seen(QAbstractButton) if not has_menu(b)]
        buttons = [b for b in buttons if is_ours(f"{b.text()} {b.toolTip()}")]
        if not buttons:
            return ""
        button = self.dice.choice(buttons)
        said = f"{type(button).__name__} {button.text()!r} {button.toolTip()[:40]!r}"
        self.click(button, button.rect().center())
        return said

    def choose_in_any_box(self) -> str:
        boxes = [box for box in self._seen(QComboBox) if box.count()]
        if not boxes:
            return ""
        box = self.dice.choice(boxes)
        i = self.dice.randrange(box.count())
        text, said = box.itemText(i), box.toolTip()[:40]
        if not is_ours(text):
            return ""
        box.setCurrentIndex(i)
        box.activated.emit(i)
        return f"{text!r} in {said!r}"

    def trigger_in_any_menu(self) -> str:
        buttons = [button for button in self._seen(QToolButton) if button.menu() is not None]
        if not buttons:
            return ""
        menu = self.dice.choice(buttons).menu()
        menu.aboutToShow.emit()
        actions = [a for a in leaves(menu) if a.isEnabled() and is_ours(a.text())]
        menu.aboutToHide.emit()
        if not actions:
            return ""
        action = self.dice.choice(actions)
        said = str(action.text())
        action.trigger()
        return said

    # -- the dock and what is open ---------------------------------------------------------------

    def close_the_dock(self) -> None:
        """Close the explorer, and often the neighbors, too."""
        if self.dice.random() < 0.6:
            self.viewer.window.remove_dock_widget(self.neighbors.parentWidget())
        self.viewer.window.remove_dock_widget(self.explorer.parentWidget())
        QApplication.processEvents()

    def open_the_dock(self) -> None:
        self.window.explorer = dock_explorer(self.viewer)

    def open_another(self) -> str:
        world = self.dice.choice(self.worlds)
        if self.dice.random() < 0.3:  # and change one's mind
            self.explorer.open_path(str(self.dice.choice(self.worlds).path))
            self.pause()
        self._open(world, wait=self.dice.random() < 0.7)
        return world.path.name

    def _open(self, world: World, wait: bool = True) -> None:
        """Open a data set; one of which files are gone may well be refused."""
        before = self.session.dataset
        self.explorer.open_path(str(world.path))
        if wait and not world.is_disturbed:
            self._wait(lambda: self.session.dataset is not before, f"opening {world.path.name}")

    # -- dice ------------------------------------------------------------------------------------

    def a_place(self) -> tuple[int, int]:
        """Row and column; mostly of a well that is there."""
        dataset, plate = self.session.dataset, self.session.plate
        if dataset is None or plate is None or self.dice.random() < 0.1:
            return self.dice.randrange(N_ROWS), self.dice.randrange(N_COLUMNS)
        return parse_address(self.dice.choice(dataset.wells_of_plate(plate)["address"].tolist()))

    def two_places(self) -> list[tuple[int, int]]:
        return [self.a_place(), self.a_place()]

    def some_wells(self) -> list[str]:
        """Of any data set, so perhaps not of this one."""
        world = self.dice.choice((self.world or self.worlds[0], *self.worlds))
        return self.dice.sample(world.screen.ids, self.dice.choice((1, 2, 5)))

    def a_place_for_keys(self) -> QWidget:
        return self.dice.choice((self.map, self.canvas))

    def _seen(self, kind: Any) -> list[Any]:
        """Enabled widgets of a kind that the user sees in a window of ours."""
        tops = [w for w in QApplication.topLevelWidgets() if w.isVisible() and holds_ours(w)]
        parts = [self.explorer, self.neighbors, *tops]
        found = {id(w): w for part in parts for w in part.findChildren(kind)}
        return [w for w in found.values() if w.isVisible() and w.isEnabled()]

    def _close_what_pops_up(self) -> None:
        popup = QApplication.activePopupWidget()
        if popup is not None:
            popup.close()
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QDialog) and widget.isVisible() and self.dice.random() < 0.5:
                widget.reject()
