"""Why a target is missed, measured: a sentence or two by the key of the row."""

from __future__ import annotations

__all__ = ["REASONS"]

_TWO_DRAWINGS = (
    "Without a graphics card each drawing takes all cores, so that nothing can be decoded "
    "meanwhile; the two pictures are drawn one after the other, and the floor draws one."
)
_IMPORTS = (
    "The first opening in a process imports pandas, pyarrow and the readers, in a thread, which "
    "holds Python's lock for moments; the note says how long it takes in a window that has "
    "imported them."
)

REASONS: dict[str, str] = {
    "click 512 px": "The window beside the canvas is drawn as well: plate map, facts, status.",
    "click 2048 px": _TWO_DRAWINGS,
    "first picture 2048 px": (
        "The floor itself, first rows decoded and drawn, is close to the target; the window "
        "beside the canvas is drawn as well."
    ),
    "ahead 2048 px": "The window beside the canvas is drawn as well: plate map, facts, status.",
    "fill 512 px": (
        "Each image goes to another process and comes back through a pipe, because Pillow holds "
        "Python's lock while it decodes JPEG 2000 at reduced resolution."
    ),
    "overview 512 px": (
        "As when it is only read, and it is drawn many times while it fills: without a graphics "
        "card that takes the cores that decode."
    ),
    "overview 2048 px": (
        "It is drawn many times while it fills: without a graphics card that takes the cores "
        "that decode."
    ),
    "overview again 2048 px": (
        "16 bits are twice as many bytes as the 8 of the smaller images, each with a checksum."
    ),
    "soak": (
        "Not explained yet. It stays about the same over the second half of the clicks, so that "
        "no leak is in sight; what holds it was not found."
    ),
    "later opening": _IMPORTS,
    "opening pause": _IMPORTS,
    "arrow pause": (
        "Threads decode while keys come in, and hand Python's lock back and forth with the window."
    ),
}
