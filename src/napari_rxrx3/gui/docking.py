"""Open the docks in a viewer, for whoever has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_rxrx3.gui.docks import EXPLORER, NEIGHBORS, docked

if TYPE_CHECKING:
    from napari_rxrx3.gui.explorer import ExplorerWidget
    from napari_rxrx3.gui.neighbors.neighbors_dock import NeighborsWidget

__all__ = ["dock_explorer", "dock_neighbors"]


def dock_explorer(viewer: Any) -> ExplorerWidget:
    """Return the viewer's explorer, docked, with the neighbors below; again, the same ones."""
    explorer: ExplorerWidget = docked(viewer, EXPLORER)
    dock_neighbors(viewer)
    return explorer


def dock_neighbors(viewer: Any) -> NeighborsWidget:
    """Return the viewer's dock of neighbors; again, the same one."""
    neighbors: NeighborsWidget = docked(viewer, NEIGHBORS)
    return neighbors
