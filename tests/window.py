"""A real napari window with the explorer in it, driven as a person drives it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from napari._app_model._app import NapariApplication, _napari_names
from napari._qt._qapp_model.qactions import init_qactions
from napari._qt.qt_viewer import QtViewer
from napari.layers import Image
from napari.plugins import _initialize_plugins
from napari.settings import NapariSettings
from qtpy.QtCore import QObject, QPoint, Qt, QUrl, Slot
from qtpy.QtGui import QDesktopServices, QImage
from qtpy.QtWidgets import QTabWidget, QWidget

from builders import Screen
from napari_rxrx3.core.plate import N_COLUMNS, parse_address
from napari_rxrx3.gui.docking import dock_neighbors
from napari_rxrx3.gui.explorer import ExplorerWidget
from napari_rxrx3.gui.neighbors.neighbors_dock import NeighborsWidget
from napari_rxrx3.gui.plate.plate_map import PlateMap

WINDOW_SIZE = 1280, 800


def kept_maps(data: Any) -> Any:
    """Return the lock that whoever asks a data set for a map waits for."""
    data.phenomap()
    return data._maps._lock


def rgba_of(image: QImage) -> Any:
    """The pixels of an image, (height, width, 4)."""
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    bits = image.constBits()
    if hasattr(bits, "setsize"):  # PyQt's do not know how many they are
        bits.setsize(image.sizeInBytes())
    return np.frombuffer(bytes(bits), np.uint8).reshape(image.height(), image.width(), 4)


class Browser(QObject):
    """Stands in for the one that Qt would start."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.opened.append(bytes(url.toEncoded()).decode())


@contextmanager
def own_browser() -> Iterator[list[str]]:
    """Take the addresses that Qt is asked to open; they are in the list."""
    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "take")
    yield browser.opened
    QDesktopServices.unsetUrlHandler("https")


@dataclass
class Window:
    """A viewer with the explorer docked and a data set open."""

    viewer: Any
    explorer: ExplorerWidget
    screen: Screen
    qtbot: Any

    @property
    def session(self) -> Any:
        return self.explorer.session

    @property
    def neighbors(self) -> NeighborsWidget:
        """The dock below the canvas."""
        return dock_neighbors(self.viewer)

    def turn_to(self, panel: QWidget) -> None:
        """Bring a panel of either dock, or of the window about the embedding, to the front."""
        tabs = panel.parentWidget()
        while not isinstance(tabs, QTabWidget):
            tabs = tabs.parentWidget()
        held = (tabs.widget(at) for at in range(tabs.count()))
        tabs.setCurrentWidget(next(w for w in held if w is panel or w.isAncestorOf(panel)))
        if tabs.window() is not self.explorer.window():
            self.neighbors.show_embedding()

    @property
    def map(self) -> PlateMap:
        return self.explorer.plate_panel.map

    @property
    def stains(self) -> list[Image]:
        return [layer for layer in self.viewer.layers if isinstance(layer, Image)]

    @property
    def title(self) -> str:
        """The text above the picture."""
        return self.explorer.workspace.labels.title

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.explorer.is_settled)

    def open(self, path: Path) -> None:
        """Open a data set in the place of the one that is open."""
        before = self.session.dataset
        self.explorer.open_path(str(path))
        self.qtbot.waitUntil(lambda: self.session.dataset is not before)
        self.settle()

    def click(self, widget: QWidget, place: QPoint | None = None) -> None:
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place or QPoint())

    def press(
        self, where: QWidget, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """Press a key with the focus in a widget, as a person who has clicked there does."""
        main = self.viewer.window._qt_window
        main.activateWindow()
        self.qtbot.waitUntil(main.isActiveWindow, timeout=5_000)
        where.setFocus()
        self.qtbot.waitUntil(where.hasFocus, timeout=5_000)
        self.qtbot.keyClick(where, key, modifier)
        self.settle()

    def click_well(
        self,
        address: str,
        modifier: Any = Qt.KeyboardModifier.NoModifier,
        *,
        settled: bool = True,
    ) -> None:
        row, column = parse_address(address)
        place = self.map.wellRect(row * N_COLUMNS + column).center()
        self.qtbot.mouseClick(self.map, Qt.MouseButton.LeftButton, modifier, place)
        if settled:
            self.settle()

    def pixels_of(self, well_id: str) -> list[Any]:
        """What the six layers hold where a well is, alone or beside others."""
        mosaic = self.explorer.workspace.picture.mosaic
        tile = next(tile for tile in mosaic.tiles if tile.well_id == well_id)
        (top, left), (height, width) = mosaic.origin(tile), mosaic.tile_shape
        return [layer.data[top : top + height, left : left + width] for layer in self.stains]

    def shows(self, well_id: str) -> bool:
        """Whether the well comes first in the canvas, and each layer holds exactly its plane."""
        picture = self.explorer.workspace.picture
        if picture is None or picture.mosaic.tiles[0].well_id != well_id:
            return False
        return all(map(np.array_equal, self.pixels_of(well_id), self.screen.planes[well_id]))


@contextmanager
def standing_viewer() -> Iterator[Any]:
    """Give a shown viewer to several tests, as `make_napari_viewer` gives one to a single test."""
    application = NapariApplication("standing_app")
    application.injection_store.namespace = _napari_names
    _forget_actions()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NapariApplication, "get_app_model", lambda *_: application)
        patch.setattr("napari._qt.threads.status_checker.StatusChecker.start", lambda *_: None)
        # napari writes all of its own settings with each dock that is placed
        patch.setattr(NapariSettings, "save", lambda *_, **__: None)
        viewer = napari.Viewer(show=True, show_welcome_screen=False)
        viewer.window.resize(*WINDOW_SIZE)
        window = viewer.window._qt_window
        yield viewer
        patch.setattr(window, "_save_current_window_settings", lambda *_: None)
        viewer.close()
        NapariApplication.destroy("standing_app")
        _forget_actions()
    del viewer, window
    gc.collect()
    QtViewer._instances.clear()  # tests keep parts of it; the next fixture would count them


def _forget_actions() -> None:
    """Let the next viewer register napari's actions and plugins anew."""
    _initialize_plugins.cache_clear()
    init_qactions.cache_clear()
