"""Hundreds of random clicks: what the process has grown by in the end."""

from __future__ import annotations

import numpy as np

from benchmarks import make_data
from benchmarks.clicks import planes_of
from benchmarks.make_data import TARS
from benchmarks.memory import resident
from benchmarks.parts import Found
from benchmarks.settings import Settings
from benchmarks.timing import Row, Target, Timing
from benchmarks.window import Window

__all__ = ["soak"]

_MB = 1e6
_MOST_MB = 100
_STAGES = 5


def soak(settings: Settings) -> Found:
    """Click on random wells of 2048 px; every other one is left before its picture is there."""
    names = make_data.block(settings.tar_wells)
    window = Window()
    window.open(make_data.tars(settings))
    window.click(names[0])
    window.settle()
    rng = np.random.default_rng(11)
    for address in names:  # their pixels are no growth
        planes_of(TARS, address)
    before, kept_before = resident(), _kept(window)
    grown = []
    for _ in range(_STAGES):
        for i in range(settings.soak_clicks // _STAGES):
            address = names[int(rng.integers(len(names)))]
            window.click(address)
            if i % 2 == 0:
                window.wait_drawn(planes_of(TARS, address))
        window.settle()
        grown.append(resident() - before - (_kept(window) - kept_before))
    steps = ", ".join(f"{mb:.0f}" for mb in grown)
    what = f"{settings.soak_clicks} random clicks: memory beyond the cache of images"
    notes = (f"after each fifth of the clicks: {steps} MB; the cache held {_kept(window):.0f} MB",)
    limit = Target("p95", "limit", _MOST_MB)
    return Found([Row("soak", what, "MB", Timing.of(grown[-1:]), target=limit, notes=notes)])


def _kept(window: Window) -> float:
    """Megabytes of decoded planes that the data set keeps."""
    return float(window.session.dataset.images.memory.size / _MB)
