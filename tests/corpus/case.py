"""A case of bad input, and the sound data that it is put beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import builders as b

__all__ = ["CASES", "SOUND", "SOUND_CASE", "Case", "case", "sound_members"]

SOUND = (
    b.guide_row("gene-001", 1, "B02", "PLK1"),
    b.guide_row("gene-001", 1, "B03", "MTOR"),
    b.control_row("gene-001", 1, "AA04"),
    b.guide_row("gene-001", 2, "B02", "PLK1"),
)
"""Wells of the data set that every case begins with."""

Make = Callable[[Path, b.Screen], None]


@dataclass(frozen=True)
class Case:
    """What is done to a sound data set of full RxRx3's form.

    Attributes
    ----------
    make : callable
        Gets the folder, which holds the sound data set already, and its screen.
    opens : bool
        Whether the folder is still a data set.
    lost : frozenset of str
        Wells whose images may be damaged by it; of all others every pixel must be right.
    own : str
        A file in the folder that is added as vectors of one's own.
    """

    name: str
    make: Make
    opens: bool = True
    lost: frozenset[str] = frozenset()
    own: str = ""


CASES: dict[str, Case] = {}
SOUND_CASE = "nothing is done"


def case(
    name: str, *, opens: bool = True, lost: tuple[str, ...] = (), own: str = ""
) -> Callable[[Make], Make]:
    """Enter a function as a case."""

    def enter(make: Make) -> Make:
        assert name not in CASES
        CASES[name] = Case(name, make, opens, frozenset(lost), own)
        return make

    return enter


def sound_members(screen: b.Screen, plate: str = "1") -> dict[str, bytes]:
    """The image files of a plate, by name."""
    return b.image_files(screen.by_plate()["gene-001", plate])
