"""Counting the cells of a well: reading its DNA image and measuring it, beside decoding alone."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.measuring import interleaved, timed
from benchmarks.results import PartResult, Row
from benchmarks.settings import Settings
from benchmarks.synthetic_images import CORE, TARS, encode_all, encoded
from napari_rxrx3.core.stains import PIXEL_SIZE_UM
from napari_rxrx3.data.cells.measuring import measure_plane
from napari_rxrx3.data.images.decode import decode

__all__ = ["cells"]


def cells(settings: Settings) -> PartResult:
    """Measure what a well costs, in one thread, of both kinds of images."""
    return PartResult([_row(kind, settings.repeats) for kind in (CORE, TARS)])


def _row(kind: str, repeats: int) -> Row:
    encode_all(kind)
    files = [encoded(kind, well, 1) for well in range(2)]

    def job(work: Callable[[bytes], object]) -> Callable[[int], float]:
        work(files[0])  # what is loaded once
        return lambda i: timed(lambda: work(files[i % len(files)]))

    jobs = {
        "ours": job(lambda data: measure_plane(decode(data), True, PIXEL_SIZE_UM)),
        "floor": job(decode),
    }
    found = interleaved(repeats, jobs)
    what = f"nuclei, focus and saturation of the DNA image of a well, {kind}, one thread"
    return Row.of(f"cells {kind}", what, "s", found, notes=("floor only decodes it, from memory",))
