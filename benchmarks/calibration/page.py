"""The page docs/calibration.md and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.calibration.part import Bars, Part
from napari_rxrx3.core.words import count

__all__ = ["renew_page", "write_page"]

_HEAD = """# Calibration: how often the numbers are right

Made by `make calibration`, never by hand. Screens in the design of RxRx3, of which the truth is
known, are simulated ({seeds}; `benchmarks/calibration/screens.py` says how) and opened by the
public names; what the map then says of them is counted. Simulated noise is Gaussian: rates in
real data will differ, what makes them go wrong will not. [Maps](maps.md) has the formulas.

{verdict}
"""
_WIDTH, _LEFT, _BAR, _HEAD_HEIGHT = 760, 330, 16, 34
_SPAN = _WIDTH - _LEFT - 60


def write_page(page: Path, parts: Sequence[Part], n_seeds: int) -> None:
    """Write the page, and beside it the picture if there is one."""
    verdict = _verdict([part.title for part in parts if part.fails])
    text = [_HEAD.format(seeds=count(n_seeds, "seed"), verdict=verdict)]
    bars = [part.bars for part in parts if part.bars]
    if bars:
        picture = page.with_suffix("") / "shares.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(_drawn(bars), encoding="utf-8")
        text.append("![Shares found, and the range they are held to](calibration/shares.svg)\n")
    for part in parts:
        text.append(_section(part))
    page.write_text("\n".join(text), encoding="utf-8")


def renew_page(page: Path, parts: Sequence[Part], n_seeds: int) -> None:
    """Write the sections of some parts, and leave all others of the page as they are."""
    head, *sections = page.read_text(encoding="utf-8").split("\n## ")
    said = {section.partition("\n")[0]: f"## {section}" for section in sections}
    seeds = count(n_seeds, "seed")
    for part in parts:
        words = part.words if f"({seeds};" in head else f"{part.words} ({seeds}.)"
        said[part.title] = _section(replace(part, words=words))
    failing = [title for title, section in said.items() if f"| {_said(False)} |" in section]
    before, _, picture = head.partition("![")
    lines = before.rstrip().splitlines()
    lines[-1] = _verdict(failing)
    head = "\n".join(lines) + "\n" + (f"\n![{picture}" if picture else "")
    text = [head, *(f"{section.rstrip()}\n" for section in said.values())]
    page.write_text("\n".join(text), encoding="utf-8")


def _section(part: Part) -> str:
    return f"## {part.title}\n\n{part.words}\n\n{_table(part.rows)}"


def _verdict(failing: Sequence[str]) -> str:
    if not failing:
        return "Everything is as it is held to."
    return f"**Not as it is held to: {'; '.join(failing)}.**"


def _table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_said(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return "" if value != value else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _drawn(all_bars: Sequence[Bars]) -> str:
    parts: list[str] = []
    y = 10
    for bars in all_bars:
        parts.append(f'<text x="10" y="{y + 16}" font-weight="bold">{escape(bars.title)}</text>')
        y += _HEAD_HEIGHT
        most = max([bars.high, *(value for _, value in bars.values)], default=1.0) * 1.1
        height = _BAR * len(bars.values)
        x, width = _LEFT + _SPAN * bars.low / most, _SPAN * (bars.high - bars.low) / most
        box = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}"'
        parts.append(f'<rect {box} fill="#009e73" opacity="0.25"/>')
        for words, value in bars.values:
            color = "#0072b2" if bars.low <= value <= bars.high else "#d55e00"
            size = f'width="{_SPAN * value / most:.1f}" height="{_BAR - 5}"'
            parts.append(f'<rect x="{_LEFT}" y="{y + 3}" {size} fill="{color}"/>')
            at = f'x="{_LEFT - 6}" y="{y + 12}" text-anchor="end"'
            parts.append(f"<text {at}>{escape(words)}</text>")
            end = _LEFT + _SPAN * value / most + 4
            parts.append(f'<text x="{end:.1f}" y="{y + 12}">{value:.3f}</text>')
            y += _BAR
        y += 14
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}"'
    style = 'font-family="sans-serif" font-size="11" fill="#777777"'
    return f"{head} {style}>" + "\n".join(parts) + "</svg>\n"
