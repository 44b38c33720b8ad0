"""What the channels of a data set show: names, order and colors; those of RxRx3, and of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "MOST_STAINS",
    "OWN",
    "PALETTES",
    "PIXEL_SIZE_UM",
    "STAINS",
    "STAIN_SETS",
    "TAG_COLORS",
    "Palette",
    "Stain",
    "colors_in",
    "dna_stain",
    "in_words",
    "number_in_words",
    "rgb",
    "sets_of",
    "stains_called",
]

PIXEL_SIZE_UM = 0.65
"""Width of a pixel of RxRx3 in micrometers (10X): the 512 px images of RxRx3-core are crops.

No file tells it; of other images users say it themselves.
"""


@dataclass(frozen=True)
class Stain:
    """One channel: `number` from 1, the structure it marks, its dye and display color (RGB 0..1).

    Of data sets that do not say the structure or the dye, these are empty.
    """

    number: int
    name: str
    structure: str
    dye: str
    color: tuple[float, float, float]

    @property
    def words(self) -> str:
        """What it shows, as far as that is known."""
        dyed = f" ({self.dye})" if self.dye else ""
        return f"{self.structure or f'channel {self.number}'}{dyed}"


STAINS: tuple[Stain, ...] = (
    Stain(1, "DNA", "nuclei", "Hoechst 33342", (0.25, 0.45, 1.0)),
    Stain(2, "ER", "endoplasmic reticulum", "Alexa Fluor 488 Concanavalin A", (0.0, 1.0, 0.25)),
    Stain(3, "Actin", "actin cytoskeleton", "Alexa Fluor 568 Phalloidin", (1.0, 0.15, 0.1)),
    Stain(4, "RNA", "nucleoli and cytoplasmic RNA", "SYTO 14", (0.0, 0.9, 1.0)),
    Stain(5, "Mito", "mitochondria", "MitoTracker Deep Red FM", (1.0, 0.1, 1.0)),
    Stain(6, "Golgi", "Golgi and plasma membrane", "Alexa Fluor 555 WGA", (1.0, 0.9, 0.0)),
)
"""The six of RxRx3, in the order of the channels."""

STAIN_SETS: dict[str, tuple[int, ...]] = {
    "all six": tuple(stain.number for stain in STAINS),
    "DNA, actin, Golgi": (1, 3, 6),
    "DNA, ER, mito": (1, 2, 5),
    **{f"{stain.name} alone": (stain.number,) for stain in STAINS},
}
"""Stains of RxRx3 that are looked at together, by name."""

MOST_STAINS = 20
"""A data set has no more: each is a layer in the canvas."""

RGB = tuple[float, float, float]

_HEX = set("0123456789abcdefABCDEF")


class Palette(NamedTuple):
    """Six colors (RGB 0..1), one a stain, and where they come from."""

    colors: tuple[RGB, ...]
    source: str


def rgb(color: str) -> RGB:
    """Red, green and blue (0..1) of a color as in ``"#e69f00"``.

    Raises
    ------
    ValueError
        If it is none.
    """
    digits = color.removeprefix("#")
    if len(digits) != 6 or not color.startswith("#") or not set(digits) <= _HEX:
        raise ValueError(f"{color!r} is not a color such as #e69f00.")
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


OWN = "RxRx3"
"""The data set's own colors: the default."""


def _palette(source: str, *colors: str) -> Palette:
    return Palette(tuple(rgb(color) for color in colors), source)


PALETTES: dict[str, Palette] = {
    OWN: Palette(tuple(stain.color for stain in STAINS), "Fay et al. 2023, Figure 1"),
    # DNA, ER, actin, RNA, mitochondria, Golgi
    "gray, cyan, magenta, yellow": _palette(
        "chosen for the least difference of any two, seen with and without color blindness",
        *("#00ffff", "#66cc00", "#d53333", "#a6a6a6", "#ff00ff", "#ffff00"),
    ),
    "Okabe-Ito": _palette(
        "Okabe and Ito 2008, Color Universal Design; Wong 2011, Nature Methods 8:441",
        *("#0072b2", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442"),
    ),
}
"""The data set's own colors, in which red, green and yellow are one to many people, and sets for
which `tests/test_display.py` measures that all can tell them apart."""

_UNNAMED = ("#5b8cff", "#00ff40", "#ff2a1a", "#00e6ff", "#ff1aff", "#ffe600", "#ff8c1a", "#b0b0b0")
"""Colors of channels that have none, one after the other: for nuclei first, as in most screens."""


def stains_called(
    names: Sequence[str], colors: Sequence[RGB | None] | None = None
) -> tuple[Stain, ...]:
    """The channels of a data set by their names and colors, in order.

    A channel without a name is called after its number, one of several of a name has it added;
    one without a color gets one.
    """
    colors = colors or [None] * len(names)
    made: list[Stain] = []
    for number, (said, color) in enumerate(zip(names, colors, strict=True), start=1):
        name = " ".join(said.split())[:_LONGEST_NAME] or f"channel {number}"
        if any(name == stain.name for stain in made):
            name = f"{name} {number}"
        color = color or rgb(_UNNAMED[(number - 1) % len(_UNNAMED)])
        made.append(Stain(number, name, "", "", color))
    return tuple(made)


def dna_stain(stains: Sequence[Stain]) -> Stain | None:
    """The stain of the nuclei, by its name, structure or dye; None if none is called so."""
    for words in (_NUCLEAR_NAMES, _NUCLEAR_DYES):
        for stain in stains:
            said = f"{stain.name} {stain.structure} {stain.dye}".casefold()
            if any(word in said.replace("-", " ").split() for word in words):
                return stain
    return None


def colors_in(palette: str, stains: Sequence[Stain]) -> list[RGB]:
    """Colors of stains in one of `PALETTES`: a stain's own, where that has none for it."""
    colors = PALETTES[palette].colors if palette != OWN else ()
    return [*colors[: len(stains)], *(stain.color for stain in stains[len(colors) :])]


def sets_of(stains: tuple[Stain, ...]) -> dict[str, tuple[int, ...]]:
    """Stains that are looked at together, by name: all, each alone, and of RxRx3 two more."""
    if stains == STAINS:
        return STAIN_SETS
    everything = {f"all {len(stains)}": tuple(stain.number for stain in stains)}
    return everything | {f"{stain.name} alone": (stain.number,) for stain in stains}


def in_words(names: Sequence[str], stains: tuple[Stain, ...]) -> str:
    """Names of stains, or that they are all there are."""
    if len(names) < len(stains) or len(stains) == 1:
        return ", ".join(names)
    return f"all {number_in_words(len(stains))} stains"


def number_in_words(n: int) -> str:
    """``six`` for 6; larger numbers as digits."""
    return _NUMBERS.get(n, str(n))


_NUCLEAR_NAMES = ("dna", "nuclei", "nucleus", "nuclear")
_NUCLEAR_DYES = ("hoechst", "dapi", "draq5", "nucblue", "h33342", "hoechst33342", "sytox")
_LONGEST_NAME = 40
_NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}

TAG_COLORS: dict[str, str] = {
    "green": "#009e73",
    "yellow": "#f0e442",
    "sky blue": "#56b4e9",
    "vermilion": "#d55e00",
    "pink": "#cc79a7",
    "orange": "#e69f00",
    "blue": "#0072b2",
    "gray": "#999999",
}
"""Colors of Okabe and Ito 2008, and gray, for tags."""
