"""Draws with matplotlib: no window, no style of the user's, no time of day."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.version import __version__
from napari_rxrx3.figures.curve import draw_curve
from napari_rxrx3.figures.files import Target
from napari_rxrx3.figures.fonts import font_of, printable, written
from napari_rxrx3.figures.layout import Box, Line, Page

if TYPE_CHECKING:
    from napari_rxrx3.figures.record import CurveRecord

__all__ = [
    "POINTS",
    "blank_figure",
    "creator",
    "draw_page",
    "file_of",
    "measure",
    "own_style",
]

Array = np.ndarray[Any, Any]

POINTS = 72
"""Points an inch."""

_INK = (0.1, 0.1, 0.1)
_HALO = 1.6
_SMALL = 6.0
_SETTINGS = {
    "svg.fonttype": "none",  # letters stay letters, to be edited
    "svg.hashsalt": "napari-rxrx3",
    "pdf.fonttype": 42,
    "text.hinting": "none",
    "image.composite_image": False,
}
_CONTROL = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML may hold: one of them in a name, and no program opens the SVG."""
_one_at_a_time = Lock()


@lru_cache(maxsize=10_000)
def measure(text: str, size: float) -> float:
    """Width of a text in points."""
    from matplotlib.textpath import text_to_path

    width: float
    font = font_of(size, text=text)
    width, _, _ = text_to_path.get_text_width_height_descent(written(text), font, False)
    return width


def creator() -> str:
    """Name and version of the program, as files keep them."""
    return f"napari-rxrx3 {__version__}"


def blank_figure(width: float, height: float, dpi: int) -> Any:
    """An empty figure of matplotlib, its size in points; make and use it within `own_style`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width / POINTS, height / POINTS), dpi=dpi, facecolor="white")
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    return figure


def draw_page(
    page: Page, pictures: Sequence[Array], dpi: int, curve: CurveRecord | None = None
) -> Any:
    """A page of tiles as a figure of matplotlib; call it within `own_style`.

    Parameters
    ----------
    pictures : sequence of uint8 (Y, X, 3)
        One for each box of the page.
    curve : CurveRecord, optional
        For the page's plot.
    """
    figure = blank_figure(page.width, page.height, dpi)
    for box, picture in zip(page.boxes, pictures, strict=True):
        _add_picture(figure, page, box, picture)
    for box, color in page.swatches:
        _add_patch(figure, page, box, color, edge=_INK)
    for line in page.lines:
        _add_line(figure, page, line)
    _add_patch(figure, page, page.bar.box, "white", edge="black")
    if page.bar.words is not None:
        _add_line(figure, page, page.bar.words, is_on_picture=True)
    if page.plot is not None and curve is not None:
        axes = figure.add_axes(_share(page, page.plot), facecolor="none")
        draw_curve(axes, curve, font_of(_SMALL))
    return figure


def file_of(figure: Any, target: Target, title: str, caption: str) -> bytes:
    """The file of a figure of matplotlib, with what it shows; call it within `own_style`.

    It is made in memory: not all formats can tell of a disk that is full.
    """
    file, form, date, dpi = BytesIO(), target.form, target.date, figure.dpi
    facts = {"Title": title, "Creator": creator(), "Description": caption}
    facts = {name: _CONTROL.sub("?", text) for name, text in facts.items()}
    if form == "svg":
        _keep_letters(figure)
    if form == "tiff":
        _write_tiff(file, figure, dpi, facts, date)
    else:
        metadata = _metadata(form, facts, date)
        with warnings.catch_warnings():
            # an SVG names its letters, and is opened where there is a font for them
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
            figure.savefig(file, format=form, dpi=dpi, metadata=metadata, facecolor="white")
    return file.getvalue()


def _keep_letters(figure: Any) -> None:
    """In a file of letters leave even those that no font here has: who opens it may have one."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if said := text.get_label():
            text.set_text(said)


def _add_picture(figure: Any, page: Page, box: Box, picture: Array) -> None:
    axes = figure.add_axes(_share(page, box), frameon=False, xticks=(), yticks=())
    axes.set_axis_off()
    axes.imshow(picture, interpolation="none", aspect="auto", resample=False)


def _share(page: Page, box: Box) -> tuple[float, float, float, float]:
    """A box as matplotlib has it: from the lower left, in shares of the page."""
    bottom = 1 - (box.top + box.height) / page.height
    width, height = box.width / page.width, box.height / page.height
    return box.left / page.width, bottom, width, height


def _add_patch(figure: Any, page: Page, box: Box, color: Any, edge: Any) -> None:
    from matplotlib.patches import Rectangle

    corner = box.left, page.height - box.top - box.height
    patch = Rectangle(corner, box.width, box.height, facecolor=color, edgecolor=edge, linewidth=0.4)
    patch.set_transform(_points(figure))
    figure.add_artist(patch)


def _add_line(figure: Any, page: Page, line: Line, is_on_picture: bool = False) -> None:
    from matplotlib.patheffects import withStroke

    text = figure.text(
        line.left,
        page.height - line.top,
        written(line.text),
        transform=_points(figure),
        fontproperties=font_of(line.size, line.is_bold, line.text),
        color="white" if is_on_picture else _INK,
        va="baseline",
        ha="left",
        parse_math=False,  # a dollar sign in a name is a dollar sign
        usetex=False,
        label=printable(line.text),
    )
    if is_on_picture:
        text.set_path_effects([withStroke(linewidth=_HALO, foreground="black")])


def _points(figure: Any) -> Any:
    from matplotlib.transforms import Affine2D

    return Affine2D().scale(1 / POINTS) + figure.dpi_scale_trans


def _write_tiff(
    file: Any, figure: Any, dpi: float, facts: dict[str, str], date: datetime | None
) -> None:
    import tifffile

    figure.canvas.draw()
    tifffile.imwrite(
        file,
        np.asarray(figure.canvas.buffer_rgba())[..., :3],
        photometric="rgb",
        compression="zlib",
        resolution=(dpi, dpi),
        resolutionunit="inch",
        description=facts["Description"].encode(),
        datetime=date,
        software=facts["Creator"],
        metadata=None,
    )


def _metadata(form: str, facts: dict[str, str], date: datetime | None) -> dict[str, Any]:
    """What matplotlib is to write; it would add the time of day where a date is not even None."""
    title, creator, description = facts["Title"], facts["Creator"], facts["Description"]
    if form == "pdf":
        about = {"Title": title, "Creator": creator, "Subject": description}
        return {**about, "CreationDate": date}
    if form == "svg":
        return {"Title": title, "Creator": creator, "Description": description, "Date": date}
    about = {"Title": title, "Software": creator, "Description": description}
    return about | ({"Creation Time": date.strftime("%Y-%m-%dT%H:%M:%SZ")} if date else {})


@contextmanager
def own_style() -> Iterator[None]:
    """Use our settings for a moment, whatever style the user or other plugins have chosen."""
    from matplotlib import style

    with _one_at_a_time, style.context(["default", _SETTINGS]):
        yield
