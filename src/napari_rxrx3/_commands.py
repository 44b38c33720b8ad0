"""What the manifest's commands do. Nothing heavy is imported before one is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari


def open_folder(napari_viewer: napari.viewer.Viewer) -> None:
    """Ask for a folder and open it in the explorer."""
    from napari_rxrx3.gui.docking import dock_explorer
    from napari_rxrx3.gui.welcome import ask_for_folder

    explorer = dock_explorer(napari_viewer)
    path = ask_for_folder(explorer)
    if path:
        explorer.open_path(path)


def open_demo(napari_viewer: napari.viewer.Viewer) -> None:
    """Open the demo data in the explorer; they are made on first use."""
    from napari_rxrx3.gui.docking import dock_explorer

    dock_explorer(napari_viewer).workspace.open_demo()
