"""What napari is asked to open while the explorer is open goes to the explorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtWidgets import QDockWidget, QWidget

from napari_rxrx3.data.recognition import looks_like_ours, stands_for
from napari_rxrx3.figures.record import is_record_file
from napari_rxrx3.gui.napari_window import take_first, unwrapped
from napari_rxrx3.gui.widgets import OnDestroyed

__all__ = ["Opening", "opening_of", "paths_of"]

_of_viewer: dict[Any, Opening] = {}


def opening_of(viewer: Any) -> Opening | None:
    """Who takes what a viewer is asked to open; None while no dock of ours is open."""
    opening = _of_viewer.get(unwrapped(viewer))
    return opening if opening is not None and opening.is_open else None


class Opening:
    """Shows what is of RxRx3 in a dock: layers of napari's own would lie over those of the dock.

    What else is opened is napari's, and everything is while the dock is hidden.

    Parameters
    ----------
    open_path : callable
        Opens a data set, or what was saved of a session, in the dock.
    say : callable
        Tells the user something.
    """

    def __init__(
        self,
        viewer: Any,
        widget: QWidget,
        open_path: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        self._viewer, self._widget = unwrapped(viewer), widget
        self._open_path, self._say = open_path, say
        self._give_back = take_first(self._viewer, self.take)
        self._at_end = OnDestroyed(widget, self.end)
        _of_viewer[self._viewer] = self

    @property
    def is_open(self) -> bool:
        """Whether the dock is; one that lies below another one is."""
        dock = self._widget.parentWidget()
        return isinstance(dock, QDockWidget) and not dock.isHidden()

    def take(self, paths: Sequence[str]) -> list[str]:
        """Open what is of RxRx3; returns the rest."""
        ours = [path for path in paths if self.is_open and _is_ours(path)]
        if ours:
            self.open(ours)
        return [path for path in paths if path not in ours]

    def open(self, paths: Sequence[str]) -> None:
        """Open what was chosen at once: a saved session, or one data set."""
        saved = [path for path in paths if is_record_file(path)]
        path, left = (saved[0], []) if saved else stands_for(paths)
        self._open_path(path)
        if left:
            self._say(f"Only {path} is opened: the others lie elsewhere.")

    def end(self) -> None:
        """Leave everything to napari again."""
        self._give_back()
        if _of_viewer.get(self._viewer) is self:
            del _of_viewer[self._viewer]


def paths_of(urls: Sequence[Any]) -> list[str]:
    """Paths of what was dropped, and addresses of what is not here."""
    return [url.toLocalFile() or url.toString() for url in urls]


def _is_ours(path: str) -> bool:
    try:
        return looks_like_ours(path) or is_record_file(path)
    except Exception:  # whatever it is, napari can say so
        return False
