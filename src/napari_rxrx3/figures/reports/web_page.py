"""A report as one HTML file: pictures within, no network, no script, all numbers as text.

Whatever came out of a file is text in it, never markup.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_rxrx3.core.words import decimals, kind_in_words
from napari_rxrx3.figures.drawing import blank_figure, creator, own_style
from napari_rxrx3.figures.fonts import printable
from napari_rxrx3.figures.layout import round_length
from napari_rxrx3.figures.map_picture import draw_map
from napari_rxrx3.figures.reports.content import Shown, shown_of_neighbor
from napari_rxrx3.figures.reports.evidence import name_of
from napari_rxrx3.figures.reports.page import keys_of_map, picture_of_map
from napari_rxrx3.figures.reports.words import NEAREST, OPPOSITE, evidence_by_side, made_by, remarks

if TYPE_CHECKING:
    from datetime import datetime

    from napari_rxrx3.figures.reports.content import Report, Spot
    from napari_rxrx3.figures.reports.pictures import Pictures
    from napari_rxrx3.maps.neighbors import Neighbor

__all__ = ["web_page"]

_BAR_SHARE = 0.31
_MAP_SIZE, _MAP_DPI = (480.0, 300.0), 144

_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 70rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.4rem 0 .4rem; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; }
figure { margin: 0; width: 9.5rem; } .large figure { width: 20rem; max-width: 100%; }
figcaption { font-size: .85rem; } .own { font-weight: bold; }
img { width: 100%; height: auto; display: block; }
ul.row { list-style: none; padding: 0; }
.scale { border-top: 3px solid #1a1a1a; font-size: .8rem; margin-top: .5rem; white-space: nowrap; }
.map { max-width: 40rem; border: 1px solid #999; }
.none { aspect-ratio: 1; display: grid; place-items: center; color: #444; font-size: .85rem;
  background: repeating-linear-gradient(45deg, #fff 0 6px, #ddd 6px 7px); }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { text-align: left; padding: .15rem .6rem .15rem 0; border-bottom: 1px solid #ddd;
  vertical-align: top; }
footer { font-size: .8rem; margin-top: 1.5rem; border-top: 1px solid #999; }
@media print { body { font-size: 11px; max-width: none; padding: 0; }
  figure, tr { break-inside: avoid; } }
"""


def web_page(report: Report, pictures: Pictures, date: datetime | None) -> str:
    """The whole file."""
    made = made_by(report, date)
    parts = [
        f"<h1>{_text(report.name)}</h1>",
        f"<p>{_text(report.about)}</p>",
        _pair(report, pictures),
        _evidence(report),
        _neighbors(NEAREST, report.nearest, pictures),
        _neighbors(OPPOSITE, report.opposite, pictures),
        _series(report, pictures),
        _map(report.spot) if report.spot is not None else "",
        f"<footer>{_paragraphs((*remarks(report, pictures), made))}</footer>",
    ]
    body = "\n".join(filter(None, parts))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{_text(creator())}">
<title>{_text(report.name)}</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


# --- pictures -------------------------------------------------------------------------------------


def _pair(report: Report, pictures: Pictures) -> str:
    if not pictures.of:
        return ""
    legend = "".join(
        f'<li><span style="color:{_hex(look.color)}" aria-hidden="true">&#9632;</span> '
        f"{_text(look.stain.name)}</li>"
        for look in pictures.looks
    )
    stains = f'<ul class="row">{legend}</ul>'
    query, control = report.pair
    pair = _figure(query, pictures, _scale_bar(pictures.width_um)) + _figure(control, pictures)
    return f'<div class="row large">{pair}</div>{stains}'


def _scale_bar(width_um: float) -> str:
    """A line below a picture, as long as it is in it."""
    length = round_length(_BAR_SHARE * width_um)
    width = f"{100 * length / width_um:.3g}%"
    return f'<div class="scale" style="width:{width}">{length:g} µm</div>'


def _figures(items: Iterable[Shown], pictures: Pictures) -> str:
    return "\n".join(_figure(item, pictures) for item in items)


def _figure(item: Shown, pictures: Pictures, below: str = "") -> str:
    pixels = pictures.of.get(item.well or "")
    picture = ""
    if pixels is not None:
        alt = f"{item.name}: cells of well {item.well}, all stains"
        picture = f'<img src="{_data_uri(pixels)}" alt="{_text(alt)}">'
    elif pictures.of:
        picture = '<div class="none">no image here</div>'
    own = ' class="own"' if item.is_own else ""
    doubts = [f"⚠ {name}" for name in item.doubts]
    words = "".join(f"<br>{_text(line)}" for line in (*item.lines, *doubts))
    return (
        f"<figure>{picture}{below}<figcaption><bdi{own}>{_text(item.name)}</bdi>{words}</figcaption>"
        "</figure>"
    )


def _map(spot: Spot) -> str:
    width, height = _MAP_SIZE
    with own_style():
        figure = blank_figure(width, height, _MAP_DPI)
        axes = figure.add_axes((0, 0, 1, 1), xticks=(), yticks=())
        draw_map(axes, picture_of_map(spot, width, height), width, _MAP_DPI)
        figure.canvas.draw()
        pixels = np.array(figure.canvas.buffer_rgba())[..., :3]
    alt = f"The map of all entries, with {spot.names[spot.query]} and its neighbors marked"
    return (
        "<h2>Where it is on the map</h2>"
        f'<img class="map" src="{_data_uri(pixels)}" alt="{_text(alt)}">'
        f"<p>{_text(f'{keys_of_map(spot)} {spot.words}')}</p>"
    )


def _data_uri(pixels: Any) -> str:
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def _hex(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in color)


# --- words and numbers ----------------------------------------------------------------------------


def _evidence(report: Report) -> str:
    parts = []
    for head, said in evidence_by_side(report):
        items = "".join(f"<li>{_text(text)}</li>" for text in said)
        parts.append(f"<h2>{_text(head)}</h2>" + (f"<ul>{items}</ul>" if items else ""))
    return "".join(parts)


def _neighbors(title: str, neighbors: Sequence[Neighbor], pictures: Pictures) -> str:
    if not neighbors:
        return ""
    shown = [shown_of_neighbor(each) for each in neighbors]
    row = f'<div class="row">{_figures(shown, pictures)}</div>' if pictures.of else ""
    columns = {name: [tell(each) for each in neighbors] for name, tell in _ALWAYS.items()}
    also = {name: [tell(each) for each in neighbors] for name, tell in _WHERE_KNOWN.items()}
    columns |= {name: cells for name, cells in also.items() if any(cells)}
    rows = zip(*columns.values(), strict=True)
    return f"<h2>{_text(title)}</h2>{row}{_table(list(columns), rows)}"


def _number(value: float, digits: int = 3) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}g}"


_ALWAYS: dict[str, Callable[[Neighbor], str]] = {
    "rank": lambda each: str(each.rank),
    "name": name_of,
    "key": lambda each: each.key,
    "kind": lambda each: kind_in_words(each.kind),
    "cosine": lambda each: decimals(each.value),
    "q": lambda each: _number(each.q_value, 2),
    "p": lambda each: _number(each.p_value, 2),
    "percentile": lambda each: _number(each.percentile, 2),
    "across experiments": lambda each: decimals(each.across),
    "strength": lambda each: _number(each.strength),
    "consistency": lambda each: decimals(each.consistency),
    "wells": lambda each: str(each.n_wells),
    "shown": lambda each: each.well or "no image here",
    "flags": lambda each: ", ".join(each.flags),
}
_WHERE_KNOWN: dict[str, Callable[[Neighbor], str]] = {
    "dose trend p": lambda each: _number(each.trend_p, 2),
    "dose trend q": lambda each: _number(each.trend_q, 2),
    "EC50 (µM)": lambda each: _number(each.ec50),
    "EC50 from": lambda each: _number(each.ec50_low),
    "EC50 to": lambda each: _number(each.ec50_high),
    "acts from (µM)": lambda each: _number(each.lowest_active_dose),
    "of cell count": lambda each: _number(each.of_count, 2),
    "without cell count": lambda each: _number(each.without_count, 2),
}
"""Columns that are left out where they would be empty."""


def _series(report: Report, pictures: Pictures) -> str:
    series = report.series
    if not series.items:
        return ""
    title = f"<h2>{_text(series.title)}</h2>"
    if pictures.of:
        return f'{title}<div class="row">{_figures(series.items, pictures)}</div>'
    rows = [(item.name, *item.lines) for item in series.items]
    return title + _table(("name", "distance"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td><bdi>{_text(cell)}</bdi></td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    table = f"<table><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="table">{table}</div>'


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{_text(text)}</p>" for text in texts)


def _text(text: str) -> str:
    """Text that is no markup; what no file of text may hold is a question mark."""
    return escape(printable(text))
