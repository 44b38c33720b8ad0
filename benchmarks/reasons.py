"""Why a target is missed, measured: a sentence or two by the key of the row."""

from __future__ import annotations

__all__ = ["REASONS"]

_TWO_DRAWINGS = (
    "Without a graphics card each drawing takes all cores, so that nothing can be decoded "
    "meanwhile; the two pictures are drawn one after the other, and the floor draws one."
)
_COMPOSED = (
    "Beside napari's canvas Qt composes the whole window by OpenGL whenever a part of it changes, "
    "in software here: the floor, an empty widget with a ready picture, has that in it too. In a "
    "window of its own the map does not pay for it."
)

REASONS: dict[str, str] = {
    "activation": (
        "About half of it is the loading of a hundred small modules, the other half the making "
        "of all tabs; none of the heavy packages is among them."
    ),
    "click 512 px": "The window beside the canvas is drawn as well: plate map, facts, status.",
    "click 2048 px": _TWO_DRAWINGS,
    "first picture 2048 px": (
        "The floor itself, first rows decoded and drawn, is close to the target; the window "
        "beside the canvas is drawn as well."
    ),
    "ahead 2048 px": "The window beside the canvas is drawn as well: plate map, facts, status.",
    "fill 512 px": (
        "Each image goes to another process and comes back through a pipe, because Pillow holds "
        "Python's lock while it decodes JPEG 2000 at reduced resolution; finding it in its shard, "
        "handing it over and keeping it takes processor time beside the decoding (see details)."
    ),
    "overview 512 px": (
        "As when it is only read, and it is drawn while it fills (see details for how long): "
        "without a graphics card that takes the cores that decode."
    ),
    "overview 2048 px": (
        "It is drawn while it fills (see details for how long): without a graphics card that "
        "takes the cores that decode."
    ),
    "overview again 2048 px": (
        "16 bits are twice as many bytes as the 8 of the smaller images. To copy these 70 MB into "
        "fresh memory takes 150 ms on this virtual machine, and 9 ms where the pages are there."
    ),
    "opening pause": (
        "It is what lies between the steps in which napari makes its six layers, a second in all, "
        "which is taken off; threads that read names, vectors and maps hand Python's lock back "
        "and forth with the window meanwhile."
    ),
    "map 102705 docked": _COMPOSED,
    "map 2222103 docked": _COMPOSED,
}
