"""Pictures of the demo's wells: a layer of drawn cells whose look follows the phenotype."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_rxrx3.data.demo.demo_cells import MAX_REACH, Floats, Look, draw_cells

__all__ = ["IMAGE_SIZE", "PHENOTYPES", "WellPainter"]

IMAGE_SIZE = 256

_SEED = 20230207
_TURNS = 24
_LEVELS = 3
_LAYOUTS = 24
_MARGIN = 24
_FIELD = IMAGE_SIZE + 2 * _MARGIN
_OCCLUSION = 0.6
_FLOOR = np.array([1.6, 8.0, 2.8, 2.6, 1.0, 6.4], np.float32)
_SCALE = np.array([35.0, 31.0, 10.0, 24.0, 5.2, 29.0], np.float32)
_STAIN_SPREAD = np.array([0.12, 0.12, 0.2, 0.12, 0.3, 0.12])


@dataclass(frozen=True)
class _Phenotype:
    """The look of most cells, how many there are, and the shares of the others."""

    look: Look
    count: int
    mitotic: float = 0.0
    dead: float = 0.06
    giant: float = 0.0


# fmt: off
_L = Look()
_CONTROL = _Phenotype(_L, count=46, mitotic=0.02, dead=0.08, giant=0.04)

PHENOTYPES: dict[str, _Phenotype] = {
    # arrested in mitosis: few cells, many round ones, the others large with broken nuclei
    "mitosis": _Phenotype(
        replace(_L, length=32, width=24, roundness=0.7, nucleus=1.25, nucleus_roundness=0.6,
                fragments=0.75, lobes=0.12, golgi_spread=0.5, er_spread=1.3),
        count=22, mitotic=0.5, dead=0.1),
    # shrunken, with one bright lump of protein beside the nucleus; many are dead
    "proteasome": _Phenotype(
        replace(_L, length=25, width=10.5, nucleus=0.85, dna=1.35, chromatin=0.1, er=1.3,
                er_spread=0.7, rna=1.4, aggregate=4, nucleoli=0.4, golgi=0.6, actin=1.2,
                mito=0.7, fibers=0.2, thickness=1.2),
        count=26, dead=0.35),
    # small, thin and poor in RNA, nucleoli lost
    "growth": _Phenotype(
        replace(_L, length=32, width=8.5, nucleus=0.8, er=0.5, rna=0.35, nucleoli=0.05, golgi=0.8,
                actin=0.75, mito=1.7, mito_spread=1.6, thickness=0.85),
        count=40, dead=0.05),
    # no long axis, mitochondria drawn in to the nucleus, Golgi in pieces
    "tubulin": _Phenotype(
        replace(_L, length=22, width=19, roundness=1, nucleus_roundness=0.8, lobes=0.2,
                golgi_spread=1, golgi=1.6, mito=2.2, mito_spread=0.45, er_spread=0.6, fibers=0.8),
        count=38, mitotic=0.08),
    # collapsed into stars, actin in clumps
    "actin": _Phenotype(
        replace(_L, length=21, width=10, branches=1, rim=0.3, fibers=0, clumps=1.3, actin=1.6,
                nucleus=0.9, er_spread=0.7),
        count=40, mitotic=0.02),
    # mitochondria swollen into bright dots all over the cell
    "mitochondria": _Phenotype(
        replace(_L, mito=3.2, mito_dots=1, mito_spread=2, er=0.7, rna=0.75, golgi=0.8),
        count=38, giant=0.04),
    # ER bright, wide and full of bubbles, no Golgi
    "secretion": _Phenotype(
        replace(_L, length=31, width=17, er=3, er_spread=1.8, vacuoles=0.9, golgi=0.05,
                golgi_spread=1, rna=0.9, actin=0.7),
        count=36, dead=0.08),
    # few, huge and flat, with thick actin cables and large nucleoli
    "dna damage": _Phenotype(
        replace(_L, length=41, width=29, roundness=0.55, nucleus=1.65, nucleus_roundness=0.4,
                dna=0.8, chromatin=0.4, nucleoli=2.2, fibers=1.3, actin=1.2, thickness=0.85,
                er_spread=1.6, golgi_spread=0.4),
        count=17),
}

_OTHERS = {
    "giant": replace(_L, length=46, width=34, roundness=0.8, nucleus=1.5, dna=0.6, fibers=1.1,
                     er_spread=1.5, thickness=0.7),
    "mitotic": replace(_L, length=14.5, width=13.5, roundness=1, ragged=2, nucleus=0.6, lobes=0.08,
                       nucleus_roundness=-1.2, dna=0.8, chromatin=0.5, nucleoli=0, er_spread=2.5,
                       rna=1.2, fibers=0, mito=0.8, golgi_spread=1, thickness=1.9),
    "dead": replace(_L, length=11, width=10, roundness=1, ragged=6.5, nucleus=0.6, dna=0.5,
                    nucleus_roundness=0.7, chromatin=0.1, rna=1.2, er=1.9, er_spread=1.2, fibers=0,
                    mito=1.2, golgi=0.8, thickness=2.4),
}
# fmt: on

_Kind = tuple[str, int]
"""A phenotype and its level, 1..`_LEVELS`; level 0 for controls and `_OTHERS`."""

_PLAIN: _Kind = ("control", 0)
_ORDER = {"giant": 0, "mitotic": 2, "dead": 3}


@dataclass(frozen=True, eq=False)
class _Stamp:
    """One cell cut to its box, whose corner is `top`, `left` from the cell's middle.

    `keep` is the share of what lies below that still shows.
    """

    stains: Floats
    keep: Floats
    top: int
    left: int

    def mirrored(self) -> _Stamp:
        return _Stamp(self.stains[:, ::-1], self.keep[::-1], -self.top - len(self.keep), self.left)

    def put_on(self, canvas: Floats, x: int, y: int, brightness: Floats) -> None:
        top, left = y + self.top, x + self.left
        height, width = self.keep.shape
        part = canvas[:, top : top + height, left : left + width]
        part *= self.keep
        part += self.stains * brightness[:, None, None]


def _cut(planes: Floats) -> _Stamp:
    middle = planes.shape[-1] // 2
    seen = planes.max(axis=0) > 0.01
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    part = planes[:, top : rows[-1] + 1, left : columns[-1] + 1].copy()
    return _Stamp(part[:6], 1 - _OCCLUSION * part[6], top - middle, left - middle)


def _draw_stamps(look: Look, seed: int) -> list[_Stamp]:
    """Two cells at each of the `_TURNS` directions: a drawn one, then a mirrored one."""
    angles = (np.arange(_TURNS) * (2 * np.pi / _TURNS)).astype(np.float32)
    pictures = draw_cells(look, angles, np.random.default_rng([_SEED, 1, seed]))
    drawn = [_cut(planes) for planes in pictures]
    return drawn + [drawn[-turn % _TURNS].mirrored() for turn in range(_TURNS)]


def _library() -> dict[_Kind, list[_Stamp]]:
    looks = {_PLAIN: _CONTROL.look} | {(name, 0): look for name, look in _OTHERS.items()}
    for name, phenotype in PHENOTYPES.items():
        for level in range(1, _LEVELS + 1):
            looks[name, level] = _CONTROL.look.toward(phenotype.look, level / _LEVELS)
    return {kind: _draw_stamps(look, i) for i, (kind, look) in enumerate(looks.items())}


def _layout(seed: int, n: int = 100) -> tuple[float, Floats]:
    """A main direction, and well-spread points (n, 2) of which the first few are well spread too.

    The field has no border: its left side goes on at its right one.
    """
    rng = np.random.default_rng([_SEED, 2, seed])
    angle = float(rng.uniform(0, np.pi))
    points = rng.uniform(0, _FIELD, (1, 2))
    while len(points) < n:
        tried = rng.uniform(0, _FIELD, (7, 2))
        dx, dy = np.moveaxis((tried[:, None] - points + _FIELD / 2) % _FIELD - _FIELD / 2, -1, 0)
        along, across = (
            dx * np.cos(angle) + dy * np.sin(angle),
            dy * np.cos(angle) - dx * np.sin(angle),
        )
        room = np.hypot(along / 1.7, across).min(axis=1)
        points = np.vstack([points, tried[room.argmax()]])
    return angle, points.astype(np.float32)


class WellPainter:
    """Paints wells from a library of cells that is drawn once; safe to share among threads."""

    def __init__(self) -> None:
        self._stamps = _library()
        self._layouts = [_layout(i) for i in range(_LAYOUTS)]
        grain = np.random.default_rng([_SEED, 3]).normal(size=(2 * IMAGE_SIZE, 2 * IMAGE_SIZE))
        self._grain = 0.1 * grain.astype(np.float32)

    def paint(
        self, seed: int, phenotype: str, strength: float, gain: Floats, *, grain: bool = False
    ) -> Floats:
        """Paint a well.

        Parameters
        ----------
        seed : int
            Same seed, same picture.
        phenotype : str
            A key of `PHENOTYPES`; any other text is a control.
        strength : float
            0 (control) to 1.
        gain : (6,) array
            Brightness of the stains, 1 as a rule.
        grain : bool
            Whether the camera's noise shows; a small lossy file would not keep it.

        Returns
        -------
        (6, IMAGE_SIZE, IMAGE_SIZE) float32
            On the scale of RxRx3-core's 8-bit images, not clipped.
        """
        rng = np.random.default_rng([_SEED, 4, seed])
        if phenotype not in PHENOTYPES:
            phenotype, strength = "control", 0.0
        border = _MARGIN + MAX_REACH
        canvas = np.zeros((6, *(2 * (IMAGE_SIZE + 2 * border,))), np.float32)
        self._lay_cells(canvas, rng, _population(phenotype, strength), phenotype, strength)
        light = canvas[:, border:-border, border:-border]
        planes = light * (_SCALE * gain)[:, None, None] + _FLOOR[:, None, None]
        if grain:
            self._add_grain(planes, rng)
        return planes

    def middles(self, seed: int, phenotype: str, strength: float) -> Floats:
        """Where the cells of a well lie whose middle is within its picture.

        Returns
        -------
        (n, 2) array
            Rows and columns, in pixels; parameters as for `paint`.
        """
        rng = np.random.default_rng([_SEED, 4, seed])
        if phenotype not in PHENOTYPES:
            phenotype, strength = "control", 0.0
        places = self._places(rng, _population(phenotype, strength))[1].astype(int)[:, ::-1]
        middles = places - (_MARGIN + MAX_REACH)
        return middles[((middles >= 0) & (middles < IMAGE_SIZE)).all(axis=1)]

    def _lay_cells(
        self,
        canvas: Floats,
        rng: np.random.Generator,
        population: _Phenotype,
        phenotype: str,
        strength: float,
    ) -> None:
        angle, places = self._places(rng, population)
        n = len(places)
        bend = 0.5 * np.sin(places[:, 0] / 70 + rng.uniform(0, 6)) + 0.3 * rng.normal(size=n)
        turns = np.round((angle + bend + np.pi * rng.integers(0, 2, n)) * (_TURNS / (2 * np.pi)))
        picks = turns.astype(int) % _TURNS + _TURNS * rng.integers(0, 2, n)
        spread = 0.25 * rng.normal(size=(n, 1)) + _STAIN_SPREAD * rng.normal(size=(n, 6))
        brightness = np.exp(spread).astype(np.float32)
        kinds = _draw_kinds(rng, n, population, phenotype, strength)
        for kind, pick, (x, y), b in zip(kinds, picks, places.astype(int), brightness, strict=True):
            self._stamps[kind][pick].put_on(canvas, int(x), int(y), b)

    def _places(self, rng: np.random.Generator, population: _Phenotype) -> tuple[float, Floats]:
        """A main direction, and where cells lie on the canvas: (n, 2), x before y."""
        angle, points = self._layouts[rng.integers(_LAYOUTS)]
        n = round(rng.normal(1, 0.06) * population.count * (_FIELD / IMAGE_SIZE) ** 2)
        places = (points[: max(n, 1)] + rng.uniform(0, _FIELD, 2)) % _FIELD + MAX_REACH
        return angle, places

    def _add_grain(self, planes: Floats, rng: np.random.Generator) -> None:
        for plane, (i, j) in zip(planes, rng.integers(0, IMAGE_SIZE, (6, 2)), strict=True):
            plane += np.sqrt(plane) * self._grain[i : i + IMAGE_SIZE, j : j + IMAGE_SIZE]


def _population(phenotype: str, strength: float) -> _Phenotype:
    """The make-up of a well's cells `strength` of the way from the controls'."""
    full = PHENOTYPES.get(phenotype, _CONTROL)

    def between(a: float, b: float) -> float:
        return a + strength * (b - a)

    return _Phenotype(
        full.look,
        round(_CONTROL.count * (full.count / _CONTROL.count) ** strength),
        between(_CONTROL.mitotic, full.mitotic),
        between(_CONTROL.dead, full.dead),
        between(_CONTROL.giant, full.giant),
    )


def _draw_kinds(
    rng: np.random.Generator, n: int, population: _Phenotype, phenotype: str, strength: float
) -> list[_Kind]:
    """Choose what each of `n` cells is, in the order in which they lie on one another."""
    spread = 0.17 if strength else 0.0
    levels = np.round(_LEVELS * (strength + spread * rng.normal(size=n))).clip(0, _LEVELS)
    kinds = [(phenotype, int(level)) if level else _PLAIN for level in levels]
    shares = np.cumsum([population.mitotic, population.dead, population.giant])
    for i, k in enumerate(np.searchsorted(shares, rng.random(n))):
        if k < 3:
            kinds[i] = (("mitotic", "dead", "giant")[k], 0)
    return sorted(kinds, key=lambda kind: _ORDER.get(kind[0], 1))
