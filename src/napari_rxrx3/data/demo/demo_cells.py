"""Drawn cells for the demo data: batches of small six-stain pictures, one cell each.

Nothing here comes from a real image: a cell is a bent spindle with a nucleus, and every stain
is a formula of the distance to the nucleus, the distance to the cell's rim, and smooth noise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_REACH", "Floats", "Look", "draw_cells"]

Floats = NDArray[np.floating[Any]]

MAX_REACH = 62
"""No picture of a cell is wider or higher than twice this, in pixels."""

_FIELD = 512
_NUCLEUS_LONG, _NUCLEUS_SHORT = 11.5, 8.0
_ARM_TURNS, _ARM_REACH, _ARM_WIDTH = (0.5, 1.6, 2.6, 3.7, 4.6, 5.7), 34.0, 2.6


@dataclass(frozen=True)
class Look:
    """How a kind of cell looks. Lengths are in pixels; most others are relative to a control."""

    length: float = 35.0
    width: float = 15.0
    roundness: float = 0.0
    ragged: float = 4.0
    branches: float = 0.0
    thickness: float = 1.0
    nucleus: float = 1.0
    nucleus_roundness: float = 0.0
    lobes: float = 0.05
    fragments: float = 0.0
    chromatin: float = 0.22
    dna: float = 1.0
    er: float = 1.0
    er_spread: float = 1.0
    vacuoles: float = 0.0
    actin: float = 1.0
    rim: float = 1.0
    fibers: float = 0.5
    clumps: float = 0.0
    rna: float = 1.0
    nucleoli: float = 1.0
    aggregate: float = 0.0
    mito: float = 1.0
    mito_spread: float = 1.0
    mito_dots: float = 0.0
    golgi: float = 1.0
    golgi_spread: float = 0.0

    def toward(self, other: Look, strength: float) -> Look:
        """Return the look `strength` (0..1) of the way from this one to `other`."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Look(*(a + strength * (b - a) for a, b in pairs))

    @property
    def side(self) -> int:
        """Width and height of a picture that holds such a cell, in pixels."""
        reach = max(self.length, self.width, _ARM_REACH * self.branches) * 1.25 + 1.5 * self.ragged
        return 2 * round(min(reach, MAX_REACH))


@cache
def _field(blur: float) -> Floats:
    """Tileable smooth noise, mean 0 and SD 1; `blur` is in samples."""
    white = np.random.default_rng(int(blur)).normal(size=(_FIELD, _FIELD))
    squared = np.fft.fftfreq(_FIELD)[:, None] ** 2 + np.fft.rfftfreq(_FIELD)[None] ** 2
    smooth = np.fft.irfft2(np.fft.rfft2(white) * np.exp(-2 * (np.pi * blur) ** 2 * squared))
    field: Floats = ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)
    return field


def _step(x: Floats) -> Floats:
    """0 below 0, 1 above 1, smooth between."""
    x = _clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _bump(x: Floats) -> Floats:
    """1 at 0, falling off to both sides."""
    return np.asarray(np.exp(-(x * x)))


def _fall(x: Floats) -> Floats:
    """1 at 0, less beyond."""
    return np.asarray(np.exp(-x))


def _clip(x: Floats, low: float, high: float = np.inf) -> Floats:
    return np.asarray(np.clip(x, low, high))


def _centered(noise: Floats) -> Floats:
    """Noise that leaves the cell's middle where it is."""
    middle = noise.shape[-1] // 2
    return noise - noise[:, middle : middle + 1, middle : middle + 1]


class _Batch:
    """The geometry of a batch of cells: arrays of shape (n, side, side), or (n, 1, 1) a number.

    Attributes
    ----------
    u, v
        Coordinates along and across each cell, in pixels.
    nu, nv
        The same in radii of the nucleus.
    beyond
        Distance from the nucleus: 1 at its border, 2 one radius further.
    edge
        Distance to the cell's rim, positive inside, in pixels.
    nucleus, inside, frame
        1 in the nucleus, in the cell, and away from the picture's border; else 0.
    height
        How thick the cell is, 0..1.
    """

    u: Floats
    v: Floats
    nu: Floats
    nv: Floats
    beyond: Floats
    edge: Floats
    nucleus: Floats
    inside: Floats
    frame: Floats
    height: Floats

    def __init__(self, look: Look, angles: Floats, rng: np.random.Generator) -> None:
        self.look, self.rng, self.n = look, rng, len(angles)
        axis = np.arange(look.side, dtype=np.float32) - (look.side - 1) / 2
        cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
        x, y = axis[None, None, :], axis[None, :, None]
        self.u = (x * cos + y * sin).astype(np.float32)
        self.v = (y * cos - x * sin).astype(np.float32)
        border = look.side / 2 - np.abs(axis)
        self.frame = _step(np.minimum(border[:, None], border[None, :]) / 8)
        self._place_nucleus()
        self._draw_outline()

    def vary(self, spread: float) -> Floats:
        """One factor a cell, around 1."""
        draw = self.rng.normal(size=(self.n, 1, 1)).clip(-1.8, 1.8)
        return np.asarray(np.exp(spread * draw), np.float32)

    def shift(self, spread: float) -> Floats:
        """One number a cell, around 0."""
        return (spread * self.rng.normal(size=(self.n, 1, 1))).astype(np.float32)

    def noise(self, across: float, along: float = 0.0) -> Floats:
        """Smooth noise whose features are `across` px wide and `along` (or `across`) px long."""
        blur = 4.0 if across < 6 else 20.0
        offset = self.rng.integers(_FIELD * 8, _FIELD * 9, (2, self.n, 1, 1))
        i = (self.v * (blur / across) + offset[0]).astype(np.int32) & (_FIELD - 1)
        j = (self.u * (blur / (along or across)) + offset[1]).astype(np.int32) & (_FIELD - 1)
        values: Floats = _field(blur)[i, j]
        return values

    def _place_nucleus(self) -> None:
        look = self.look
        size, mean = look.nucleus * self.vary(0.09), (_NUCLEUS_LONG + _NUCLEUS_SHORT) / 2
        long = size * (_NUCLEUS_LONG + (mean - _NUCLEUS_LONG) * look.nucleus_roundness)
        short = size * (_NUCLEUS_SHORT + (mean - _NUCLEUS_SHORT) * look.nucleus_roundness)
        turn = self.shift(0.15 + 0.5 * look.roundness)
        u, v = self.u + self.shift(2.0), self.v + self.shift(0.8)
        self.nu = (u * np.cos(turn) + v * np.sin(turn)) / long
        self.nv = (v * np.cos(turn) - u * np.sin(turn)) / (short * self.vary(0.08))
        around = np.arctan2(self.nv, self.nu)
        wobble = np.cos(2 * around + self.shift(3)) + np.cos(3 * around + self.shift(3))
        self.beyond = np.hypot(self.nu, self.nv) / (1 + look.lobes * wobble)
        if look.fragments:
            self._break_nucleus()
        self.nucleus = _step((1 - self.beyond) * 4 + 0.5)

    def _break_nucleus(self) -> None:
        """Turn the nucleus into several unequal ones."""
        share = self.look.fragments
        self.beyond = self.beyond / (1 - 0.35 * share)
        for _ in range(4):
            there = self.rng.random((self.n, 1, 1)) < share
            radius = np.where(there, 0.45 * self.vary(0.3), 0.01)
            away = np.hypot(self.nu - self.shift(0.75), self.nv - self.shift(0.75)) / radius
            self.beyond = np.minimum(self.beyond, away)

    def _draw_outline(self) -> None:
        look = self.look
        u = self.u + look.ragged * _centered(self.noise(15))
        v = self.v + look.ragged * (_centered(self.noise(12)) + 0.3 * self.noise(3.5))
        v = v + self.shift(0.007) * u * u
        length, width = look.length * self.vary(0.2), look.width * self.vary(0.2)
        f = np.abs(u / length) ** (1 + look.roundness) + (v / width) ** 2
        if look.branches:
            f = np.minimum(f / (1 - 0.45 * look.branches), self._arms(u, v))
        f = np.minimum(f, (self.beyond / 1.3) ** 2)  # no cell is narrower than its nucleus
        gy, gx = np.gradient(f, axis=(1, 2))
        self.edge = (1 - f) / np.maximum(np.sqrt(gx * gx + gy * gy), 0.02)
        self.inside = _step((self.edge + 1.5) / 3) * self.frame
        self.height = np.sqrt(_clip(1 - f, 0, 1)) * self.inside

    def _arms(self, u: Floats, v: Floats) -> Floats:
        """Thin arms from the cell's middle: the arborized cells of a lost actin mesh."""
        best = np.full_like(u, 9)
        for turn in _ARM_TURNS:
            angle = turn + self.shift(0.25)
            a, b = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
            reach = self.look.branches * _ARM_REACH * self.vary(0.3)
            arm = np.abs(a / reach) ** 1.1 + (b / _ARM_WIDTH) ** 2
            best = np.minimum(best, np.where(a > 0, arm, 9))
        return best


def _dna(b: _Batch) -> Floats:
    texture = _clip(1 + b.look.chromatin * b.noise(1.8) + 0.1 * b.noise(4.5), 0.2, 2.5)
    return b.nucleus * texture * b.look.dna * b.vary(0.2)


def _er(b: _Batch) -> Floats:
    out = _clip(b.beyond - 1, 0) / b.look.er_spread
    cloud: Floats = _fall(1.4 * out) * (1 - 0.6 * b.nucleus) + 0.13 * _bump((b.beyond - 1.1) / 0.16)
    mesh = _clip(1 + 0.35 * b.noise(10), 0.3, 2) * _clip(1 + 0.28 * b.noise(2), 0.2, 2)
    bubbles = _step((b.noise(3.6) - 0.4) * 2.5) * (1 - b.nucleus)
    solid = 1 - (0.9 * b.look.vacuoles) * bubbles
    return b.inside * cloud * (mesh * solid) * b.look.er


def _nucleoli(b: _Batch) -> Floats:
    spots = np.zeros_like(b.u)
    for side in (-0.4, 0.35):
        du, dv = b.nu - side - b.shift(0.12), b.nv - b.shift(0.25)
        radius = 0.24 * np.sqrt(b.look.nucleoli) * b.vary(0.2) + 0.01
        spots += _bump(np.hypot(du, dv) / radius)
    return b.look.nucleoli * spots * b.nucleus


def _aggregate(b: _Batch) -> Floats:
    """One bright round body beside the nucleus."""
    du, dv = b.nu - 1.15 - b.shift(0.08), b.nv - b.shift(0.3)
    return b.look.aggregate * _bump(np.hypot(du, dv * 0.8) / 0.42) * b.inside


def _actin(b: _Batch) -> Floats:
    look = b.look
    patches = _clip(0.75 + 0.75 * b.noise(6), 0.1, 3)
    rim = 0.6 * look.rim * _bump((b.edge - 1.2) / 1.3) * patches * b.frame
    strands = look.fibers * _bump((b.noise(1.8, 26) - 0.4) / 0.4) * b.vary(0.4)
    web = 0.55 * _clip(1 + 0.22 * b.noise(2.5), 0, 2)
    clumps = 2.6 * look.clumps * _step(b.noise(2.4) - 1)
    return look.actin * b.vary(0.2) * (rim + b.inside * (web + strands + clumps))


def _mito(b: _Batch) -> Floats:
    look = b.look
    out = (b.beyond - 1.15) / look.mito_spread
    where = np.where(out < 0, _bump(out / 0.25), _fall(0.9 * out)) * b.inside
    threads = _bump(b.noise(1.9, 3.4) / 0.38) * (0.3 + 0.8 * _step(b.noise(7) + 0.6)) + 0.15
    dots = 1.5 * _step(b.noise(1.4) * 1.3 - 0.9)
    mixed = threads + look.mito_dots * (dots - threads)
    return look.mito * b.vary(0.3) * where * (1 - 0.8 * b.nucleus) * mixed


def _golgi(b: _Batch) -> Floats:
    """A ribbon that caps one end of the nucleus, or pieces of it all around."""
    spread = b.look.golgi_spread
    du, dv = b.nu - 1.2 - b.shift(0.1), b.nv - b.shift(0.25)
    cap = 1.5 * _bump(np.hypot(du / 0.24, dv / 0.5)) * _clip(0.8 + 0.7 * b.noise(1.6), 0, 3)
    pieces = _step(b.noise(1.7) * 1.2 - 0.9) * _fall(0.6 * _clip(b.beyond - 1, 0, 9))
    pieces = 0.55 * pieces * (1 - 0.7 * b.nucleus)
    return b.look.golgi * b.inside * ((1 - spread) * cap + spread * pieces)


def _blur(planes: Floats) -> Floats:
    """The microscope's own blur, about 0.7 px."""
    for axis in (-1, -2):
        planes = 0.5 * planes + 0.25 * (np.roll(planes, 1, axis) + np.roll(planes, -1, axis))
    return planes


def draw_cells(look: Look, angles: Floats, rng: np.random.Generator) -> Floats:
    """Draw one cell an angle.

    Parameters
    ----------
    look : Look
        What the cells have in common; each one varies around it.
    angles : (n,) array
        Direction of the long axis, in radians.
    rng : numpy.random.Generator

    Returns
    -------
    (n, 7, look.side, look.side) float32
        The six stains in order, about 1 where a control cell is bright; then what the cell
        covers, 0..1.
    """
    b = _Batch(look, angles, rng)
    dna, cisternae, actin, mito, golgi = _dna(b), _er(b), _actin(b), _mito(b), _golgi(b)
    body, lump = b.height, _aggregate(b)
    near = cisternae / max(look.er, 0.1)
    rna = look.rna * (0.5 * near + 0.3 * body + 0.6 * _nucleoli(b)) + lump
    er = cisternae + 0.18 * rna + 0.5 * lump
    # The dyes overlap in color, as the real ones do.
    stains = (
        dna + 0.1 * er + 0.04 * body,
        er + 0.1 * body,
        actin + 0.1 * rna,
        0.55 * er + 0.5 * rna + 0.05 * dna,
        mito + 0.16 * er,
        golgi + 0.35 * er + 0.25 * rna + 0.25 * actin + 0.1 * body,
    )
    planes = np.stack([*(look.thickness * s for s in stains), b.inside], axis=1)
    return _blur(planes.astype(np.float32))
