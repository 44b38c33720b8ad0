"""What the GUI thread is busy with: a heartbeat, and whose work made it miss a beat."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QWidget

import napari_rxrx3.gui

__all__ = ["Pause", "Recorder"]

Span = tuple[float, float]

_BEAT_MS = 5
_OLDEST = 2
_SETTERS = ("data", "contrast_limits", "contrast_limits_range", "scale", "translate")


class Pause(NamedTuple):
    """Seconds between two beats: all, those that are ours, and those of our widgets' painting."""

    whole: float
    ours: float
    painting: float


class Recorder(QObject):
    """Measures pauses of the GUI thread.

    A timer beats every few milliseconds; the time between two beats, less the timer's own
    interval, is a pause. Of each, what napari took to make its layers, to set their pixels,
    contrast and place, and to draw its window is taken off, but not what our own widgets took to
    paint in it; and what Python took to look through all of its objects for garbage, most of
    which are napari's and Qt's.

    Make it before any window.
    """

    def __init__(self) -> None:
        super().__init__()
        self.napari: list[Span] = []
        self.collected: list[Span] = []
        """When Python looked through all of its objects."""
        self.painted: dict[str, list[Span]] = {}
        self.drawn = 0.0
        """When a window was last on screen anew."""
        self.pixels_set = 0.0
        """When a layer last got other pixels."""
        self._pauses: list[Span] = []
        self._last = time.perf_counter()
        self._depth = 0
        self._watched: list[QWidget] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)
        for name in _SETTERS:
            self._time_setter(name)
        self._time_method(Image, "refresh")
        self._time_method(ViewerModel, "add_image")
        self._collecting_since = 0.0
        gc.callbacks.append(self._on_collection)

    def watch(self, window: QWidget) -> None:
        """Time the drawing of a window."""
        self._watched.append(window)
        window.installEventFilter(self)

    def time_own_painting(self) -> None:
        """Time the paintEvent of every widget of ours."""
        gui = napari_rxrx3.gui
        for module in pkgutil.walk_packages(gui.__path__, f"{gui.__name__}."):
            part = importlib.import_module(module.name)
            for kind in vars(part).values():
                ours = isinstance(kind, type) and kind.__module__ == part.__name__
                if ours and "paintEvent" in vars(kind):
                    self._time_painting(kind)

    @contextmanager
    def listening(self) -> Iterator[Recorder]:
        """Hear the heart beat; what was heard before is forgotten."""
        self.napari.clear()
        self.collected.clear()
        self.painted = {name: [] for name in self.painted}
        self._pauses.clear()
        self._last = time.perf_counter()
        self._timer.start()
        try:
            yield self
        finally:
            self._beat()
            self._timer.stop()

    def pauses(self) -> list[Pause]:
        """All pauses."""
        ours = [span for spans in self.painted.values() for span in spans]
        return [
            Pause(
                max(0.0, end - start - _BEAT_MS / 1000),
                max(0.0, self._own((start, end), ours) - _BEAT_MS / 1000),
                _seconds(_inside((start, end), ours)),
            )
            for start, end in self._pauses
        ]

    @property
    def longest_collection(self) -> float:
        """Seconds that Python took to look through all of its objects once."""
        return max((end - start for start, end in self.collected), default=0.0)

    def own_time(self, start: float, end: float) -> float:
        """Seconds between two moments, less napari's setting and drawing."""
        return self._own((start, end), [s for spans in self.painted.values() for s in spans])

    def _own(self, span: Span, ours: list[Span]) -> float:
        collected = _inside(span, self.collected)
        napari = _seconds(_inside(span, self.napari)) - _common(collected, self.napari)
        own = _common(_inside(span, ours), self.napari)
        return span[1] - span[0] - _seconds(collected) - napari + own

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.UpdateRequest or self._depth:
            return False
        if watched not in self._watched:
            return False
        with self._in_napari():
            QCoreApplication.sendEvent(watched, event)
        self.drawn = time.perf_counter()
        return True

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collecting_since = now
        elif info["generation"] == _OLDEST:
            self.collected.append((self._collecting_since, now))

    def _beat(self) -> None:
        now = time.perf_counter()
        self._pauses.append((self._last, now))
        self._last = now

    @contextmanager
    def _in_napari(self) -> Iterator[None]:
        """Time what is not inside something that is timed already."""
        start = time.perf_counter()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self.napari.append((start, time.perf_counter()))

    def _time_setter(self, name: str) -> None:
        before = getattr(Image, name)

        def timed_set(layer: Any, value: Any) -> None:
            with self._in_napari():
                before.fset(layer, value)
            if name == "data":
                self.pixels_set = time.perf_counter()

        setattr(Image, name, property(before.fget, timed_set, doc=before.__doc__))

    def _time_method(self, kind: type, name: str) -> None:
        before = getattr(kind, name)

        def timed_call(owner: Any, *args: Any, **kwargs: Any) -> Any:
            with self._in_napari():
                result = before(owner, *args, **kwargs)
            self.pixels_set = time.perf_counter()
            return result

        setattr(kind, name, timed_call)

    def _time_painting(self, kind: type) -> None:
        before: Callable[..., None] = vars(kind)["paintEvent"]
        self.painted.setdefault(kind.__name__, [])

        def timed_paint(widget: Any, event: Any) -> None:
            start = time.perf_counter()
            before(widget, event)
            self.painted[kind.__name__].append((start, time.perf_counter()))

        kind.paintEvent = timed_paint  # type: ignore[attr-defined]


def _inside(span: Span, others: Iterable[Span]) -> list[Span]:
    """What of other spans lies inside one."""
    cut = ((max(span[0], start), min(span[1], end)) for start, end in others)
    return [(start, end) for start, end in cut if end > start]


def _common(spans: Iterable[Span], others: Iterable[Span]) -> float:
    """Seconds that are in both; the spans of each do not overlap."""
    return sum(_seconds(_inside(span, others)) for span in spans)


def _seconds(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans)
