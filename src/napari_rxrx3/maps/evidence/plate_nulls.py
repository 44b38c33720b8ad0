"""Random sets of wells that lie on plates as the wells of real perturbations do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["PlateDraws"]

Array = np.ndarray[Any, Any]

_TRIES = 4


class PlateDraws:
    """Draws sets of wells that have nothing in common but their plates.

    Wells of one plate are alike whatever they received. So the wells of a random entry are taken
    as a pattern, and each of them is replaced by a random well of its own plate.

    Parameters
    ----------
    phenomap : Entries
        Gives the patterns.
    may_draw : bool (n,)
        Which wells of its space may be drawn.
    """

    def __init__(self, phenomap: Entries, may_draw: Array) -> None:
        self._map = phenomap
        plate = phenomap.space.plate
        wells = np.flatnonzero(may_draw)
        self._wells = wells[np.argsort(plate[wells], kind="stable")]
        self._n_on = np.bincount(plate[wells], minlength=int(plate.max()) + 1)
        self._begin = np.cumsum(self._n_on) - self._n_on

    def draw(self, n: int, n_sets: int) -> Array:
        """Draw sets of `n` wells: int (sets, n), places in the map's space, no well twice in one.

        There are fewer sets than asked for, or none, where plates hold too few wells.
        """
        rng = np.random.default_rng(n)
        patterns = self._patterns(rng, n, n_sets)
        plates = self._map.space.plate[patterns]
        usable = (self._n_on[plates] > 0).all(axis=1)
        plates = plates[usable]
        if not len(plates):
            return np.zeros((0, n), dtype=np.intp)
        drawn = self._on(plates, rng)
        for _ in range(_TRIES):
            again = _repeated(drawn)
            if not again.any():
                break
            drawn[again] = self._on(plates[again], rng)
        return drawn[~_repeated(drawn).any(axis=1)]

    def _patterns(self, rng: np.random.Generator, n: int, n_sets: int) -> Array:
        """Wells of random entries of `n` wells and more: (sets, n)."""
        phenomap = self._map
        enough = np.flatnonzero((phenomap.n_wells >= n) & (phenomap.groups >= 0))
        if not len(enough):
            enough = np.flatnonzero(phenomap.n_wells >= n)
        begin = phenomap.ends - phenomap.n_wells
        patterns = [
            begin[entry] + rng.choice(int(phenomap.n_wells[entry]), n, replace=False)
            for entry in rng.choice(enough, n_sets)
        ]
        return np.asarray(phenomap.member_wells[np.array(patterns)])

    def _on(self, plates: Array, rng: np.random.Generator) -> Array:
        """One random well on each plate."""
        return np.asarray(self._wells[self._begin[plates] + rng.integers(self._n_on[plates])])


def _repeated(sets: Array) -> Array:
    """Where a set holds a well for the second time: bool, like `sets`."""
    order = np.argsort(sets, axis=1, kind="stable")
    ordered = np.take_along_axis(sets, order, axis=1)
    same = np.zeros(sets.shape, dtype=bool)
    np.put_along_axis(same, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return same
