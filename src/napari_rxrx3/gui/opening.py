"""What napari is asked to open while the explorer is open goes to the explorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from napari.utils.notifications import show_info

from napari_rxrx3.core.secrets import public
from napari_rxrx3.data.recognition import looks_like_ours, stands_for
from napari_rxrx3.figures.record import is_record_file
from napari_rxrx3.gui.docks import EXPLORER, dock_of, docked
from napari_rxrx3.gui.napari_window import take_first, unwrapped

__all__ = ["Opening", "open_in", "opening_of", "paths_of"]

_of_viewer: WeakValueDictionary[Any, Opening] = WeakValueDictionary()


def opening_of(viewer: Any) -> Opening | None:
    """Who takes what a viewer is asked to open; None while the explorer is closed."""
    opening = _of_viewer.get(unwrapped(viewer))
    return opening if opening is not None and opening.is_open else None


class Opening:
    """Shows what is of RxRx3 in the explorer: layers of napari's own would lie over its layers.

    What else is opened is napari's, and everything is while the explorer is closed or hidden.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        take_first(viewer, self.take)
        _of_viewer[viewer] = self

    @property
    def is_open(self) -> bool:
        """Whether the explorer is, even if its dock lies below another one."""
        dock = dock_of(self._viewer, EXPLORER)
        return dock is not None and not dock.isHidden()

    def take(self, paths: Sequence[str]) -> list[str]:
        """Open what is of RxRx3; returns the rest."""
        ours = [path for path in paths if self.is_open and _is_ours(path)]
        if ours:
            self.open(ours)
        return [path for path in paths if path not in ours]

    def open(self, paths: Sequence[str]) -> None:
        """Open what was chosen at once in the explorer."""
        open_in(docked(self._viewer, EXPLORER), paths)


def open_in(explorer: Any, paths: Sequence[str]) -> None:
    """Open what was chosen at once: a saved session, or one data set."""
    saved = [path for path in paths if is_record_file(path)]
    path, left = (saved[0], []) if saved else stands_for(paths)
    explorer.open_path(path)
    if left:
        show_info(f"Only {public(path)} is opened: the others lie elsewhere.")


def paths_of(urls: Sequence[Any]) -> list[str]:
    """Paths of what was dropped, and addresses of what is not here."""
    return [url.toLocalFile() or url.toString() for url in urls]


def _is_ours(path: str) -> bool:
    try:
        return looks_like_ours(path) or is_record_file(path)
    except Exception:  # whatever it is, napari can say so
        return False
