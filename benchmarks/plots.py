"""Curves of cost over size as SVG, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.parts import Curve

__all__ = ["draw"]

_WIDTH, _HEIGHT = 720, 420
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 44, 190, 56
_COLORS = ("#0072b2", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
_NAMES = {
    "ours": "ours",
    "floor": "floor: one pass",
    "naive": "straightforward",
    "peer": "peer: faiss flat",
    "pandas": "straightforward: pandas",
}

Decades = tuple[int, int]


def draw(curve: Curve) -> str:
    """One plot, readable on any background."""
    points = [point for line in curve.lines.values() for point in line]
    xs, ys = _decades([x for x, _ in points]), _decades([y for _, y in points])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="13" fill="#222222">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 24, curve.title, weight="bold"),
        *_axes(curve, xs, ys),
        *_lines(curve, xs, ys),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axes(curve: Curve, xs: Decades, ys: Decades) -> Iterator[str]:
    for decade in range(xs[0], xs[1] + 1):
        x = _x(10.0**decade, xs)
        yield _line(x, _TOP, x, _HEIGHT - _BOTTOM)
        yield _text(x, _HEIGHT - _BOTTOM + 18, f"{10**decade:,}", anchor="middle")
    for decade in range(ys[0], ys[1] + 1):
        y = _y(10.0**decade, ys)
        yield _line(_LEFT, y, _WIDTH - _RIGHT, y)
        yield _text(_LEFT - 8, y + 4, _seconds(decade), anchor="end")
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield _text(middle, _HEIGHT - 14, curve.x_label, anchor="middle")


def _lines(curve: Curve, xs: Decades, ys: Decades) -> Iterator[str]:
    for i, (name, points) in enumerate(curve.lines.items()):
        color = _COLORS[i % len(_COLORS)]
        places = [(_x(x, xs), _y(y, ys)) for x, y in points]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{joined}" fill="none" stroke="{color}" stroke-width="2"/>'
        for x, y in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>'
        x, y = _WIDTH - _RIGHT + 14, _TOP + 12 + 22 * i
        yield f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{color}"/>'
        yield _text(x + 12, y, _NAMES.get(name, name))


def _decades(values: Sequence[float]) -> Decades:
    """Powers of ten around all values."""
    positive = [value for value in values if value > 0]
    low = math.floor(math.log10(min(positive)))
    return low, max(low + 1, math.ceil(math.log10(max(positive))))


def _x(value: float, xs: Decades) -> float:
    return _LEFT + (math.log10(value) - xs[0]) / (xs[1] - xs[0]) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, ys: Decades) -> float:
    share = (math.log10(max(value, 10.0 ** ys[0])) - ys[0]) / (ys[1] - ys[0])
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _seconds(decade: int) -> str:
    if decade >= 0:
        return f"{10**decade:,} s"
    return f"{10 ** (decade + 3)} ms" if decade >= -3 else f"{10.0 ** (decade + 6):g} µs"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text {place} text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
