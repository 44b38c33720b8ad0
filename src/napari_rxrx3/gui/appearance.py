"""Makes an open window follow how the user prefers things to be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.display import display
from napari_rxrx3.gui.widgets import Connections

if TYPE_CHECKING:
    from napari_rxrx3.gui.workspace import Workspace

__all__ = ["follow_display"]


def follow_display(workspace: Workspace, window: QWidget) -> Connections:
    """Draw anew what a changed preference has an effect on, until the window is closed.

    The workspace must keep what is returned.
    """
    following = Connections(window)
    follow = following.connect
    follow(display.palette_changed, workspace.layers.recolor)
    follow(display.pixel_size_changed, workspace.draw_again)
    follow(display.tile_size_changed, workspace.draw_again)
    follow(display.contrast_rule_changed, workspace.session.set_contrast_rule)
    workspace.session.set_contrast_rule(display.contrast_rule)
    return following
