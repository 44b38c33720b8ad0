"""How things are drawn: what the user prefers, for all windows of this process."""

from __future__ import annotations

import math
from typing import NamedTuple

from psygnal import Signal

from napari_rxrx3.core.stains import OWN, PALETTES, PIXEL_SIZE_UM, RGB, TAG_COLORS, Stain, rgb

__all__ = [
    "CANDIDATE_SIZES",
    "DEFAULT_TAGS",
    "PIXEL_SIZES_UM",
    "START_RULES",
    "TILE_SIZES",
    "Display",
    "TagLook",
    "display",
    "stain_color",
]

START_RULES = ("from controls", "from this well")
"""Contrast rules that a window may begin with; "by hand" needs a hand."""

PIXEL_SIZES_UM = (0.01, 100.0)
"""Least and largest width of a pixel in micrometers."""

TILE_SIZES = (64, 2048)
"""Least and largest `Display.tile_size`."""

CANDIDATE_SIZES = (96, 320)
"""Least and largest `Display.candidate_size`."""

LAYER_PANELS = ("as there is room", "shown", "folded")
"""Whether napari's panels of layers are seen beside the explorer."""

_LONGEST_NAME = 24


class TagLook(NamedTuple):
    """What a tag is called, and its color as in ``"#009e73"``."""

    name: str
    color: str


DEFAULT_TAGS: tuple[TagLook, ...] = (
    TagLook("hit", TAG_COLORS["green"]),
    TagLook("maybe", TAG_COLORS["yellow"]),
    TagLook("look again", TAG_COLORS["sky blue"]),
    TagLook("toxic", TAG_COLORS["vermilion"]),
    TagLook("artifact", TAG_COLORS["pink"]),
)
"""Tags 1 to 5, in colors that people with any color vision tell apart."""


class Display:
    """Preferences of how things are drawn. Who draws asks it, and follows its signals.

    A value that is set wrongly raises ValueError with a sentence, and nothing changes.
    """

    palette_changed = Signal(str)
    pixel_size_changed = Signal(float)
    tile_size_changed = Signal(int)
    candidate_size_changed = Signal(int)
    whole_candidates_changed = Signal(bool)
    layer_panels_changed = Signal(str)
    contrast_rule_changed = Signal(str)
    tags_changed = Signal(object)

    def __init__(self) -> None:
        self._palette = OWN
        self._pixel_size_um = PIXEL_SIZE_UM
        self._tile_size = 512
        self._candidate_size = 200
        self._shows_whole_candidates = False
        self._layer_panels = LAYER_PANELS[0]
        self._contrast_rule = START_RULES[0]
        self._tags = DEFAULT_TAGS

    @property
    def palette(self) -> str:
        """Name of the colors of the stains, one of `PALETTES`."""
        return self._palette

    @palette.setter
    def palette(self, name: str) -> None:
        if name not in PALETTES:
            raise ValueError(f"There is no palette {name!r}, only {', '.join(PALETTES)}.")
        if name != self._palette:
            self._palette = name
            self.palette_changed.emit(name)

    def stain_color(self, stain: Stain) -> RGB:
        """Color of a stain (RGB 0..1) in the chosen palette; where it ends, the stain's own."""
        colors = PALETTES[self._palette].colors
        is_own = self._palette == OWN or stain.number > len(colors)
        return stain.color if is_own else colors[stain.number - 1]

    @property
    def pixel_size_um(self) -> float:
        """Width in micrometers of a pixel at full resolution of images that do not tell it."""
        return self._pixel_size_um

    @pixel_size_um.setter
    def pixel_size_um(self, size: float) -> None:
        low, high = PIXEL_SIZES_UM
        if not (math.isfinite(size) and low <= size <= high):
            raise ValueError(f"A pixel of {size} µm is not one of {low:g} to {high:g} µm.")
        if size != self._pixel_size_um:
            self._pixel_size_um = float(size)
            self.pixel_size_changed.emit(self._pixel_size_um)

    @property
    def tile_size(self) -> int:
        """Most pixels, on a side, that a tile is read with when several stand side by side.

        Zooming in reads what is seen at full resolution.
        """
        return self._tile_size

    @tile_size.setter
    def tile_size(self, size: int) -> None:
        low, high = TILE_SIZES
        if not low <= size <= high:
            raise ValueError(f"A tile of {size} pixels is not one of {low} to {high}.")
        if size != self._tile_size:
            self._tile_size = int(size)
            self.tile_size_changed.emit(self._tile_size)

    @property
    def candidate_size(self) -> int:
        """Points of the screen, on a side, of a picture in the strip of candidates."""
        return self._candidate_size

    @candidate_size.setter
    def candidate_size(self, size: int) -> None:
        low, high = CANDIDATE_SIZES
        if not low <= size <= high:
            raise ValueError(f"A candidate of {size} points is not one of {low} to {high}.")
        if size != self._candidate_size:
            self._candidate_size = int(size)
            self.candidate_size_changed.emit(self._candidate_size)

    @property
    def shows_whole_candidates(self) -> bool:
        """Whether candidates are shown as whole wells, not as pieces in which cells are seen."""
        return self._shows_whole_candidates

    @shows_whole_candidates.setter
    def shows_whole_candidates(self, whole: bool) -> None:
        if whole != self._shows_whole_candidates:
            self._shows_whole_candidates = bool(whole)
            self.whole_candidates_changed.emit(self._shows_whole_candidates)

    @property
    def layer_panels(self) -> str:
        """Whether napari's panels of layers are seen beside the explorer, one of `LAYER_PANELS`."""
        return self._layer_panels

    @layer_panels.setter
    def layer_panels(self, choice: str) -> None:
        if choice not in LAYER_PANELS:
            raise ValueError(f"Panels of layers are {', '.join(LAYER_PANELS)}, not {choice!r}.")
        if choice != self._layer_panels:
            self._layer_panels = choice
            self.layer_panels_changed.emit(choice)

    @property
    def contrast_rule(self) -> str:
        """Contrast rule that a window begins with, one of `START_RULES`."""
        return self._contrast_rule

    @contrast_rule.setter
    def contrast_rule(self, rule: str) -> None:
        if rule not in START_RULES:
            raise ValueError(f"There is no contrast {rule!r}, only {', '.join(START_RULES)}.")
        if rule != self._contrast_rule:
            self._contrast_rule = rule
            self.contrast_rule_changed.emit(rule)

    @property
    def tags(self) -> tuple[TagLook, ...]:
        """Names and colors of the tags 1 to 5, in this order."""
        return self._tags

    def set_tag(self, number: int, name: str | None = None, color: str | None = None) -> None:
        """Rename or recolor a tag (1..5); an empty name is the default one, a long one is cut."""
        if not 1 <= number <= len(DEFAULT_TAGS):
            raise ValueError(f"There is no tag {number}, only 1 to {len(DEFAULT_TAGS)}.")
        before = self._tags[number - 1]
        if color is not None:
            rgb(color)
        if name is not None:
            name = " ".join(name.split())[:_LONGEST_NAME] or DEFAULT_TAGS[number - 1].name
        tag = TagLook(before.name if name is None else name, color or before.color)
        if tag != before:
            self._tags = (*self._tags[: number - 1], tag, *self._tags[number:])
            self.tags_changed.emit(self._tags)

    def reset(self) -> None:
        """Back to the defaults."""
        start = Display()
        self.palette, self.contrast_rule = start.palette, start.contrast_rule
        self.pixel_size_um, self.tile_size = start.pixel_size_um, start.tile_size
        self.candidate_size = start.candidate_size
        self.shows_whole_candidates = start.shows_whole_candidates
        self.layer_panels = start.layer_panels
        for number, tag in enumerate(DEFAULT_TAGS, start=1):
            self.set_tag(number, *tag)


display = Display()
"""The preferences in use, for all windows and scripts of this process."""


def stain_color(stain: Stain) -> RGB:
    """Color of a stain (RGB 0..1) as the user prefers it."""
    return display.stain_color(stain)
