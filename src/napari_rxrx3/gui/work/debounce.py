"""Debounced calls: the first of a burst is answered at once, of the others the last."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject
from superqt.utils import QSignalDebouncer

__all__ = ["LeadingDebounce"]


class LeadingDebounce(QSignalDebouncer):
    """superqt's debouncer, answering at once, that tells whether a call waits.

    So one click is answered at once, and of a key that is held only the last step.
    """

    def __init__(self, act: Callable[[], None], parent: QObject, pause_ms: int = 300) -> None:
        super().__init__(QSignalDebouncer.EmissionPolicy.Leading, parent)
        self._is_waiting = False
        self.setTimeout(pause_ms)
        self.triggered.connect(self._on_triggered)
        self.triggered.connect(act)

    @property
    def is_idle(self) -> bool:
        """No call waits for the others to end."""
        return not self._is_waiting

    def throttle(self) -> None:
        """Act now, or after the pause if the last call was a moment ago."""
        self._is_waiting = True
        super().throttle()

    def cancel(self) -> None:
        """Drop the call that waits."""
        self._is_waiting = False
        super().cancel()

    def close(self, wait: bool = False) -> None:
        """The same, in the words of those who work in threads."""
        self.cancel()

    def _on_triggered(self) -> None:
        self._is_waiting = False
