"""A real napari window with the explorer in it, driven as a person drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt

from builders import Screen
from napari_rxrx3.core.plate import N_COLUMNS, parse_address
from napari_rxrx3.gui.explorer import ExplorerWidget
from napari_rxrx3.gui.plate_map import PlateMap


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
    def map(self) -> PlateMap:
        return self.explorer.plate_panel.map

    @property
    def stains(self) -> list[Image]:
        return [layer for layer in self.viewer.layers if isinstance(layer, Image)]

    @property
    def title(self) -> str:
        """The text above the picture."""
        return self.viewer.canvas.overlays.text.text

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: self.explorer.is_settled, timeout=20_000)

    def click_well(self, address: str, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        row, column = parse_address(address)
        place = self.map.wellRect(row * N_COLUMNS + column).center()
        self.qtbot.mouseClick(self.map, Qt.MouseButton.LeftButton, modifier, place)
        self.settle()

    def shows(self, well_id: str) -> bool:
        """Whether the six layers hold exactly the well's planes, each stain in its layer."""
        planes = self.screen.planes[well_id]
        return all(
            np.array_equal(layer.data, plane)
            for layer, plane in zip(self.stains, planes, strict=True)
        )
