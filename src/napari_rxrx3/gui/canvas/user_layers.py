"""Layers of the user's that belong to what was in the canvas when they were added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.words import count
from napari_rxrx3.gui.canvas.canvas_map import Box

if TYPE_CHECKING:
    from napari_rxrx3.gui.canvas.layers import StainLayers
    from napari_rxrx3.session import Session

__all__ = ["CanvasContent", "UserLayers", "WellPlace"]


WellPlace = tuple[str | None, int, int]
"""Well id, row and column."""


@dataclass(frozen=True)
class CanvasContent:
    """Which wells are where in the canvas.

    Attributes
    ----------
    of : tuple
        The data set, and what of its wells is shown: what differs in it is not in the same place.
    wells : mapping of (well id, row, column) to Box
        Where, in napari's world.
    name : str
        What it is, where it is not wells side by side.
    """

    of: tuple[object, ...]
    wells: Mapping[WellPlace, Box]
    name: str = ""

    def __str__(self) -> str:
        names = [str(well) for well, _, _ in self.wells]
        return names[0] if len(names) == 1 else self.name or count(len(names), "well")

    def holds(self, other: CanvasContent) -> bool:
        """All of another content is in this one, at the same place."""
        return self.of == other.of and other.wells.keys() <= self.wells.keys()

    def under(self, layer: Any) -> CanvasContent:
        """Those of the wells that a layer lies on; all, if it lies on none."""
        extent = np.asarray(layer.extent.world, float)[:, -2:]
        (top, left), (bottom, right) = extent
        touched = {
            place: box
            for place, box in self.wells.items()
            if top < box.bottom and bottom > box.top and left < box.right and right > box.left
        }
        return replace(self, wells=touched) if touched else self


@dataclass
class _Note:
    layer: Any
    content: CanvasContent
    is_hidden: bool = False


class UserLayers:
    """Hides a layer while other wells are shown than those that it was added to and lies on.

    It comes back with them. Whoever makes it visible before wants it over all wells: from then on
    it is left alone.
    """

    def __init__(self, viewer: Any, stains: StainLayers, session: Session) -> None:
        self._viewer, self._session = viewer, session
        self._content: CanvasContent | None = None
        self._notes: list[_Note] = []
        self._quiet = False
        stains.other_added.connect(self._on_added)
        viewer.layers.events.removed.connect(self._on_removed)

    def follow(self, content: CanvasContent | None) -> None:
        """Show what was added to these wells, and nothing that was added to others."""
        for note in self._notes:
            if self._content is not None and not note.is_hidden and self._holds(note):
                note.content = self._content.under(note.layer)
        self._content = content
        self._quiet = True
        try:
            hidden = [note for note in self._notes if self._put(note)]
        finally:
            self._quiet = False
        if hidden and content is not None:
            self._session.say(_in_words(hidden))

    def _put(self, note: _Note) -> bool:
        """Show or hide a layer; returns whether it was hidden just now."""
        fits = self._holds(note)
        if fits and note.is_hidden:
            note.layer.visible, note.is_hidden = True, False
        elif not fits and note.layer.visible:
            note.layer.visible, note.is_hidden = False, True
            # or what is drawn over this well would go into a layer of that one
            self._viewer.layers.selection.discard(note.layer)
            return True
        return False

    def _holds(self, note: _Note) -> bool:
        return self._content is not None and self._content.holds(note.content)

    def _on_added(self, layer: Any) -> None:
        if self._content is not None:
            self._notes.append(_Note(layer, self._content))
            layer.events.visible.connect(self._on_visible)

    def _on_removed(self, event: Any) -> None:
        self._forget(event.value)

    def _on_visible(self, event: Any) -> None:
        note = next((note for note in self._notes if note.layer is event.source), None)
        if not self._quiet and note is not None and note.is_hidden:
            self._forget(note.layer)

    def _forget(self, layer: Any) -> None:
        if any(note.layer is layer for note in self._notes):
            layer.events.visible.disconnect(self._on_visible)
            self._notes = [note for note in self._notes if note.layer is not layer]


def _in_words(notes: Iterable[_Note]) -> str:
    by_content: dict[str, list[str]] = {}
    for note in notes:
        by_content.setdefault(str(note.content), []).append(note.layer.name)
    parts = (f"{', '.join(names)} (of {content})" for content, names in by_content.items())
    return f"Hidden: {'; '.join(parts)}"
