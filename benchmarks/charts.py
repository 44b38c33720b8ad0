"""Plots as SVG, readable on any background: curves of cost over size, and bars; all logarithmic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.results import Curve
from benchmarks.words import COLUMNS, amount

__all__ = ["draw_bars", "draw_curve"]

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

_BARS_LEFT, _BARS_TOP, _BARS_RIGHT = 20, 66, 240
_BAR, _GROUP_HEAD, _GROUP_GAP = 15, 18, 12
_BAR_COLORS = {"ours": "#0072b2", "floor": "#999999", "naive": "#d55e00", "peer": "#e69f00"}

Decades = tuple[int, int]


def draw_curve(curve: Curve) -> str:
    """Draw cost over size, a line for each way."""
    points = [point for line in curve.lines.values() for point in line]
    xs, ys = _decades([x for x, _ in points]), _decades([y for _, y in points])
    title = _text(_LEFT, 24, curve.title, weight="bold")
    return _svg(_HEIGHT, [title, *_axes(curve, xs, ys), *_lines(curve, xs, ys)])


def draw_bars(groups: Sequence[tuple[str, Sequence[tuple[str, str, float]]]]) -> str:
    """Draw seconds as bars: for each thing, a bar for each column that has a value.

    Parameters
    ----------
    groups : sequence of (words, bars)
        Each bar is its column, its name and its seconds.
    """
    seconds = [value for _, bars in groups for _, _, value in bars]
    xs = _decades(seconds or [1.0])
    parts = [_text(_BARS_LEFT, 24, "Seconds, logarithmic: shorter is better", weight="bold")]
    parts += _legend()
    y = _BARS_TOP
    for words, bars in groups:
        parts.append(_text(_BARS_LEFT, y + 12, words))
        y += _GROUP_HEAD
        for column, name, value in bars:
            parts += _bar(column, name, value, xs, y)
            y += _BAR
        y += _GROUP_GAP
    return _svg(y, parts)


def _legend() -> Iterator[str]:
    for i, (column, name) in enumerate(COLUMNS.items()):
        x = _BARS_LEFT + 130 * i
        yield f'<rect x="{x}" y="38" width="12" height="12" fill="{_BAR_COLORS[column]}"/>'
        yield _text(x + 18, 49, name)


def _bar(column: str, name: str, value: float, xs: Decades, y: float) -> Iterator[str]:
    share = (math.log10(max(value, 10.0 ** xs[0])) - xs[0]) / (xs[1] - xs[0])
    width = max(2.0, share * (_WIDTH - _BARS_LEFT - _BARS_RIGHT))
    place = f'x="{_BARS_LEFT}" y="{y:.1f}" width="{width:.1f}" height="{_BAR - 2}"'
    yield f'<rect class="{column}" {place} fill="{_BAR_COLORS[column]}"/>'
    said = f"{amount(value, 's')}, {name}" if column == "peer" else amount(value, "s")
    yield _text(_BARS_LEFT + width + 6, y + _BAR - 4, said)


def _svg(height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
        'font-family="sans-serif" font-size="13" fill="#222222">'
    )
    background = f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([head, background, *parts, "</svg>"]) + "\n"


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
