"""Which entries do anything: whether their wells differ from the controls, and all in one way.

Everything is compared on its own plate, so that it does not depend on the alignment of the map. Few
permutations are drawn for all entries, and more for those that need them (Besag and Clifford 1991).
See docs/maps.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.parallel import cores, side_by_side
from napari_rxrx3.maps.evidence.against_controls import AgainstControls, SomeControls
from napari_rxrx3.maps.evidence.p_values import benjamini_hochberg
from napari_rxrx3.maps.evidence.plate_space import PlateSpace
from napari_rxrx3.maps.evidence.stages import FALSE_SHARE, p_in_stages

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries
    from napari_rxrx3.maps.space import WellSpace

__all__ = ["FALSE_SHARE", "ActivityTest", "controls_beside", "count_active"]

Array = np.ndarray[Any, Any]

_MOST_WELLS = 128
_CONTROLS = (64, 16, 192)
"""Of few plates, at least of each, and in all; see `SomeControls`."""
_CONTROLS_BYTES = 200_000_000
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class ActivityTest:
    """Asks which entries of a map are active; what it takes is made first, and takes a while."""

    n: int
    members: _Members
    against: AgainstControls | None

    @classmethod
    def of(cls, phenomap: Entries, progress: Progress) -> ActivityTest:
        members, against = _members(phenomap), None
        if len(members.rows):
            controls = np.flatnonzero(phenomap.space.is_control)
            space = phenomap.space.fitted_to(controls, "none", progress)
            plates = PlateSpace.of(space, progress)
            against = controls_beside(space, plates, controls, progress)
        return cls(len(phenomap.labels), members, against)

    def table(self, progress: Progress) -> pd.DataFrame:
        """How active each entry is, and whether it is more than chance.

        Returns
        -------
        pandas.DataFrame
            Rows as in the map: activity (normalized mean average precision of finding its other
            wells before controls of the plate; 1: always, 0: as by chance), activity_p, activity_q
            (Benjamini and Hochberg over the map) and is_active (q of at most 0.05). NaN, and not
            active, for controls and for entries with fewer than two wells on plates with controls.
        """
        nothing = np.full(self.n, np.nan)
        table = pd.DataFrame({"activity": nothing, "activity_p": nothing})
        if self.against is not None:
            found = _tested(self.members, self.against, progress)
            table.loc[self.members.rows, "activity"] = found[0]
            table.loc[self.members.rows, "activity_p"] = found[1]
        table["activity_q"] = benjamini_hochberg(table["activity_p"].to_numpy())
        table["is_active"] = table["activity_q"].to_numpy() <= FALSE_SHARE
        return table


def count_active(scores: pd.DataFrame) -> tuple[int, int]:
    """How many entries are active, and how many could be tested for it."""
    return int(scores["is_active"].sum()), int(scores["activity_q"].notna().sum())


# -- which wells -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Members:
    """Wells of the entries that can be tested: those of `rows[i]` end at `ends[i]`, by plate."""

    rows: Array
    wells: Array
    ends: Array

    def of(self, i: int) -> Array:
        return self.wells[self.ends[i - 1] if i else 0 : self.ends[i]]

    def blocks(self, chosen: Array) -> Iterator[Array]:
        """Some of them at a time, as many as have a block of wells together."""
        n_wells = np.cumsum(np.diff(self.ends, prepend=0)[chosen])
        return iter(np.split(chosen, np.flatnonzero(np.diff(n_wells // _BLOCK)) + 1))


def _members(phenomap: Entries) -> _Members:
    space = phenomap.space
    has_controls = np.zeros(int(space.plate.max()) + 1, dtype=bool)
    has_controls[space.plate[space.is_control]] = True
    wells, entry = phenomap.member_wells, phenomap.member_entry
    is_control = np.zeros(len(phenomap.labels), dtype=bool)
    is_control[entry[space.is_control[wells]]] = True
    kept = has_controls[space.plate[wells]] & ~is_control[entry]
    wells, entry = wells[kept], entry[kept]
    # of very many wells some, whichever
    shuffled = np.random.default_rng(0).permutation(len(wells))
    wells, entry = wells[shuffled], entry[shuffled]
    order = np.argsort(entry, kind="stable")
    wells, entry = wells[order], entry[order]
    n_wells = np.bincount(entry, minlength=len(phenomap.labels))
    place = np.arange(len(entry)) - (np.cumsum(n_wells) - n_wells)[entry]
    kept = (place < _MOST_WELLS) & (n_wells[entry] > 1)
    wells, entry = wells[kept], entry[kept]
    order = np.lexsort((wells, space.plate[wells], entry))
    wells, entry = wells[order], entry[order]
    rows, counts = np.unique(entry, return_counts=True)
    return _Members(rows, wells, np.cumsum(counts))


def controls_beside(
    space: WellSpace, plates: PlateSpace, controls: Array, progress: Progress
) -> AgainstControls:
    """Some controls of each plate, to compare wells with: as many as there is memory for."""
    affordable = _CONTROLS_BYTES // (4 * plates.axes.shape[1] * (int(space.plate.max()) + 1))
    few, at_least, in_all = _CONTROLS
    of_plate = min(max(affordable, at_least), few)
    return AgainstControls(
        space.plate,
        controls,
        lambda wells: plates.moved(space, wells),
        SomeControls(of_plate, few, at_least, in_all),
        lambda done, n: progress(done, n, "taking controls of each plate"),
    )


# -- the test --------------------------------------------------------------------------------------


def _tested(members: _Members, test: AgainstControls, progress: Progress) -> tuple[Array, Array]:
    """Activity and p of each of the members.

    All are compared with few permutations, and those that few of these reach with more, until
    their q says that they are active anyway.
    """
    n = len(members.rows)
    precision = np.full(n, np.nan)

    def count(pending: Array, before: int, upto: int) -> Array:
        n_as_far = np.zeros(n, dtype=np.int64)
        blocks = list(members.blocks(pending))
        n_jobs = min(cores(), len(blocks))

        def compare(blocks: Sequence[Array], report: Progress) -> None:
            """Some of those that are pending, of which no other thread has any."""
            text, done = f"looking for active ones among {n:,} entries", n - len(pending)
            for block in blocks:
                wells = [members.of(i) for i in block.tolist()]
                for some, together in test.together(block, wells):
                    tell = partial(report, done, n, text)
                    tell()
                    if before == 0:
                        precision[some] = together.mean_precision()
                    n_as_far[some] = together.n_as_far(before, upto, tell)
                    done += len(some) * n_jobs

        side_by_side([partial(compare, blocks[i::n_jobs]) for i in range(n_jobs)], progress)
        return n_as_far[pending]

    p = p_in_stages(n, count)
    return precision, p
