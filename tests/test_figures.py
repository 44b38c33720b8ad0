"""Figures: the right pixels in place, the same bytes but for a date, never half a file."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import ft2font
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.contrast import STRENGTH
from napari_rxrx3.core.difference import BRIGHTER, DARKER
from napari_rxrx3.core.mosaic import Tile, hatch_level, hatched
from napari_rxrx3.core.stains import STAINS
from napari_rxrx3.figures import FigureError, FigureExists, Paper, save_figure
from napari_rxrx3.figures.caption import caption_of
from napari_rxrx3.figures.curve import draw_curve
from napari_rxrx3.figures.figure import looks_of, record_path
from napari_rxrx3.figures.fonts import (
    _family_with,
    _shapes,
    font_of,
    what_is_spelled,
    written,
)
from napari_rxrx3.figures.layout import Content
from napari_rxrx3.figures.look import StainLook, blended, stain_looks
from napari_rxrx3.figures.record import CurveRecord, StripRecord, ViewRecord, read_record, record_of
from napari_rxrx3.figures.tiles import shape_of
from napari_rxrx3.gui.share.figure_dialog import FigureDialog, looks_on_screen
from napari_rxrx3.gui.share.view_record import record_of_window
from napari_rxrx3.gui.strips.choices import show_alone
from napari_rxrx3.session import Session
from napari_rxrx3.strips.strip import DoseCurve, Strip
from window import Window

pytestmark = pytest.mark.detail

SIZE = 96
LIMITS = tuple((1000.0 * c, 30000.0 + 5000 * c) for c in range(1, 7))
SAVED = "2026-11-22T12:00:00Z"
WELLS = ("gene-001_1_B02", "gene-001_1_B03", "gene-001_1_C02")
# a tile has as many pixels in the figure as in the image
SAME = Paper(dpi=50, width_mm=(SIZE * 72 / 50 + 12) / 72 * 25.4, has_labels=False)


def screen_of(root: Path, size: int = SIZE) -> b.Screen:
    rows = [
        b.guide_row("gene-001", 1, "B02", "PLK1", 2),
        b.control_row("gene-001", 1, "B03"),
        b.guide_row("gene-001", 1, "C02", "AURKB", 1),
        b.guide_row("gene-001", 1, "C03", "a$b$c", 1),
    ]
    screen = b.Screen.of(rows, size)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    screen.write_plate_embeddings(root / "embeddings")
    return screen


@pytest.fixture
def screen(root: Path) -> b.Screen:
    return screen_of(root)


@pytest.fixture
def session(screen: b.Screen, root: Path, cache: Path) -> Session:
    session = Session()
    session.open(rx.open_dataset(root, cache_dir=cache))
    session.set_limits(LIMITS)
    session.set_contrast_rule("by hand")
    return session


def recorded(session: Session, **changes: Any) -> ViewRecord:
    return replace(record_of(session), saved=SAVED, **changes)


def expected(planes: Any, record: ViewRecord) -> np.ndarray:
    """A well as the stains are said to be added, worked out on its own."""
    total = np.zeros((*planes[0].shape, 3))
    for stain, plane, (low, high) in zip(STAINS, planes, record.limits or LIMITS, strict=True):
        level = np.clip((plane.astype(float) - low) / (high - low), 0, 1)
        total += STRENGTH * level[..., None] * np.asarray(stain.color)
    return np.rint(np.clip(total, 0, 1) * 255).astype(int)


def places_of(tile: np.ndarray, picture: np.ndarray, rows: int = 60) -> list[tuple[int, int]]:
    """Where the upper rows of a tile are in a picture, but for rounding."""
    part, picture = tile[:rows].astype(int), picture.astype(int)
    first, found = part[0, 0], []
    alike = np.argwhere((abs(picture - first) <= 1).all(axis=-1))
    for y, x in alike:
        there = picture[y : y + rows, x : x + part.shape[1]]
        if there.shape == part.shape and abs(there - part).max() <= 1:
            found.append((int(y), int(x)))
    return found


def opened(path: Path) -> Any:
    return Image.open(io.BytesIO(path.read_bytes()))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(opened(path).convert("RGB"))


# --- pixels ----------------------------------------------------------------------------------


def test_stains_are_added_in_their_colors_and_limits() -> None:
    planes = [np.full((1, 2), value, np.uint16) for value in (0, 10, 20, 30, 40, 50)]
    looks = stain_looks(((0, 10), (0, 20), (0, 20), (0, 60), (40, 50), (0, 50)))
    looks[3] = replace(looks[3], is_shown=False)
    looks[5] = replace(looks[5], gamma=2.0, opacity=0.25, colors=((0, 0, 0), (1, 1, 1)))
    total = 0.5 * 0.5 * np.asarray(STAINS[1].color) + 0.5 * np.asarray(STAINS[2].color) + 0.25
    assert (blended(planes, looks) == np.rint(np.clip(total, 0, 1) * 255)).all()


def test_a_stain_in_gray_leaves_the_others_as_they_are() -> None:
    usual, looks = stain_looks(LIMITS), stain_looks(LIMITS, in_gray=3)
    assert (looks[2].color, looks[2].opacity) == ((1.0, 1.0, 1.0), 1.0)
    assert [*looks[:2], *looks[3:]] == [*usual[:2], *usual[3:]]


@settings(deadline=None)
@given(st.lists(st.integers(0, 65535), min_size=6, max_size=6), st.floats(0.2, 3))
def test_a_table_of_colors_gives_what_each_pixel_would(values: list[int], gamma: float) -> None:
    looks = [replace(look, gamma=gamma) for look in stain_looks(LIMITS)]
    short = [np.full((1, 1), value, np.uint16) for value in values]
    long = [plane.astype(np.int64) for plane in short]
    assert np.array_equal(blended(short, looks), blended(long, looks))


def test_a_well_is_in_the_figure_pixel_by_pixel(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    session.select_well(WELLS[0])
    record = recorded(session)
    assert save_figure(tmp_path / "a.png", session.dataset, record, paper=SAME) == []
    tile = expected(screen.planes[WELLS[0]], record)
    assert len(places_of(tile, pixels(tmp_path / "a.png"))) == 1
    other = expected(screen.planes[WELLS[1]], record)
    assert places_of(other, pixels(tmp_path / "a.png")) == []


@pytest.mark.soak
def test_each_well_of_an_arranged_strip_is_in_its_place(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    places = {WELLS[0]: (0, 1), WELLS[1]: (1, 0), WELLS[2]: (1, 1)}
    tiles = tuple(Tile(well, well, *place) for well, place in places.items())
    session.show_strip(Strip("guides", "PLK1: guides", tiles, is_arranged=True))
    width = (2 * SIZE * 72 / 50 + 4 + 12 + 1) / 72 * 25.4
    record = recorded(session)
    save_figure(tmp_path / "a.tif", session.dataset, record, paper=Paper(50, width, False))
    picture = tifffile.imread(tmp_path / "a.tif")
    found = {well: places_of(expected(screen.planes[well], record), picture) for well in WELLS}
    assert all(len(places) == 1 for places in found.values())
    (top, right), (bottom, left), (low, far) = (found[well][0] for well in WELLS)
    assert (bottom, right) == (low, far)
    assert bottom >= top + SIZE
    assert right >= left + SIZE


@pytest.mark.soak
def test_tiles_without_an_order_are_laid_out_for_the_page(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    session.show([(well, well) for well in WELLS])
    tall = tuple(replace(tile, row=i) for i, tile in enumerate(session.tiles))
    save_figure(tmp_path / "a.png", session.dataset, recorded(session, tiles=tall))
    width, height = opened(tmp_path / "a.png").size
    assert width > height
    assert [t.column for t in read_record(tmp_path / "a.png.json").tiles] == [0, 1, 2]


def test_a_crop_is_the_middle_of_each_well(
    session: Session, root: Path, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "large").mkdir()
    large = screen_of(tmp_path / "large", 300)
    session.open(rx.open_dataset(tmp_path / "large", cache_dir=cache))
    session.set_limits(LIMITS)
    session.set_crop(256)
    session.select_well(WELLS[0])
    record = recorded(session)
    width = (256 * 72 / 50 + 12) / 72 * 25.4
    save_figure(tmp_path / "a.png", session.dataset, record, paper=Paper(50, width, False))
    middle = [plane[22:278, 22:278] for plane in large.planes[WELLS[0]]]
    assert len(places_of(expected(middle, record), pixels(tmp_path / "a.png"), 200)) == 1
    assert "The middle 256 pixels of each well" in description(tmp_path / "a.png")


def test_a_crop_larger_than_the_well_is_the_whole_well(session: Session, tmp_path: Path) -> None:
    """And nothing around it, which would be hatched."""
    session.select_well(WELLS[0])
    whole = recorded(session)
    session.set_crop(256)
    record = recorded(session)
    assert record.crop == 256
    assert shape_of(session.dataset, record.tiles, 256)[0] == (SIZE, SIZE)
    for name, one in (("whole", whole), ("crop", record)):
        save_figure(tmp_path / f"{name}.png", session.dataset, one, paper=SAME)
    np.testing.assert_array_equal(pixels(tmp_path / "crop.png"), pixels(tmp_path / "whole.png"))
    assert "The middle" not in description(tmp_path / "crop.png")


def test_large_images_become_smaller_by_area_means(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    """There is room for 54 of 96 pixels in both directions."""
    session.select_well(WELLS[0])
    record = recorded(session)
    save_figure(tmp_path / "a.tif", session.dataset, record, paper=Paper(50, 40.0, False))
    picture = tifffile.imread(tmp_path / "a.tif")
    tile = expected(screen.planes[WELLS[0]], record).astype(np.uint8)
    room = round(40 / 25.4 * 50 - 12 / 72 * 50)
    found = []
    for side in (room - 1, room, room + 1):
        small = Image.fromarray(tile).resize((side, side), Image.Resampling.BOX)
        found += places_of(np.asarray(small), picture, side // 2)
    assert len(found) == 1


@pytest.mark.sample
def test_the_figure_looks_as_the_canvas_does(
    open_window: Callable[..., Window], root: Path
) -> None:
    window = open_window(root, screen_of(root))
    window.session.set_beside_control(False)
    window.click_well("B02")
    show_alone(window.session)
    window.settle()
    window.session.set_limits(LIMITS)
    third, fifth = window.stains[2], window.stains[4]
    third.visible, fifth.gamma, fifth.opacity = False, 0.6, 0.8
    window.stains[1].colormap = "viridis"
    window.settle()
    workspace = window.explorer.workspace
    record = record_of_window(workspace)
    looks = looks_on_screen(workspace, record)
    assert [look.is_shown for look in looks] == [True, True, False, True, True, True]
    planes = window.screen.planes[WELLS[0]]
    figure = blended(planes, looks).astype(int)
    window.viewer.canvas.overlays.scale_bar.visible = False
    for layer in window.stains:
        layer.interpolation2d = "nearest"
    canvas = window.viewer.export_figure(scale_factor=1, flash=False)[..., :3].astype(int)
    assert canvas.shape == figure.shape
    # each layer is rounded on its own, and colors are looked up in a table
    assert abs(canvas - figure).max() <= 6
    assert abs(canvas - figure).mean() < 1.5


def test_one_stain_alone_is_gray_in_the_figure_too(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    session.select_well(WELLS[0])
    record = recorded(session)
    only = tuple(stain.number == 4 for stain in STAINS)
    record = replace(record, stains=replace(record.stains, visible=only, alone=4))
    save_figure(tmp_path / "a.png", session.dataset, record, paper=SAME)
    low, high = LIMITS[3]
    level = np.clip((screen.planes[WELLS[0]][3].astype(float) - low) / (high - low), 0, 1)
    gray = np.repeat(np.rint(255 * level)[..., None], 3, axis=-1).astype(int)
    assert len(places_of(gray, pixels(tmp_path / "a.png"))) == 1
    text = description(tmp_path / "a.png")
    assert "RNA (SYTO 14)" in text
    assert "DNA" not in text


def as_difference(planes: Any, control: Any, number: int) -> np.ndarray:
    """Orange where a stain is brighter than the control, blue where it is darker."""
    low, high = LIMITS[number - 1]
    share = (planes[number - 1].astype(float) - control[number - 1]) / ((high - low) / 2)
    up, down = np.clip(share, 0, 1)[..., None], np.clip(-share, 0, 1)[..., None]
    return np.rint(255 * (up * np.asarray(BRIGHTER) + down * np.asarray(DARKER)))


def test_differences_are_drawn_stain_by_stain(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    session.select_well(WELLS[0])
    record = recorded(session, difference=True)
    assert save_figure(tmp_path / "one.svg", session.dataset, record) == []
    pictures = embedded(tmp_path / "one.svg")
    planes, control = screen.planes[WELLS[0]], screen.planes[WELLS[1]]
    assert len(pictures) == 6
    for number, picture in enumerate(pictures, start=1):
        assert abs(picture - as_difference(planes, control, number)).max() <= 1
    text = text_of(tmp_path / "one.svg")
    assert "PLK1 guide 2, gene-001 plate 1, B02 DNA ER Actin RNA" in text
    assert "brighter than the controls darker" in text
    assert "Difference to the mean of 1 control of the same plate, for display only" in text
    assert "Full color at: DNA (Hoechst 33342) ±17000; ER" in text


def test_differences_of_several_wells_are_a_row_each(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    session.show([(WELLS[0], "query"), (WELLS[1], "control"), (None, "none")])
    stains = replace(recorded(session).stains, visible=(True, False, False, False, True, False))
    record = recorded(session, difference=True, stains=stains)
    hatch = save_figure(tmp_path / "a.svg", session.dataset, record)
    assert hatch == [WELLS[1]], "the only control of the plate has none to be compared with"
    pictures = embedded(tmp_path / "a.svg")
    planes, control = screen.planes[WELLS[0]], screen.planes[WELLS[1]]
    assert len(pictures) == 6
    for picture, number in zip(pictures[:2], (1, 5), strict=True):
        assert abs(picture - as_difference(planes, control, number)).max() <= 1
    assert np.array_equal(pictures[2], pictures[4]), "hatched"
    text = text_of(tmp_path / "a.svg")
    assert text.startswith("query DNA query Mito control DNA control Mito none DNA none Mito")
    assert f"Hatched, as they could not be shown: {WELLS[1]} (DNA, Mito: no control" in text


# --- what is missing -------------------------------------------------------------------------


def test_an_image_that_has_vanished_is_hatched_and_named(
    session: Session, root: Path, screen: b.Screen, tmp_path: Path
) -> None:
    session.show([(WELLS[0], "query"), (WELLS[2], "neighbor")])
    (root / "images/gene-001/Plate1/C02_s1_w3.png").unlink()
    width = (2 * SIZE * 72 / 50 + 4 + 12 + 1) / 72 * 25.4
    record = recorded(session)
    hatch = save_figure(tmp_path / "a.png", session.dataset, record, paper=Paper(50, width, False))
    assert hatch == [WELLS[2]]
    assert re.search(rf"Hatched.*{WELLS[2]} \(Actin: ", description(tmp_path / "a.png"))
    planes = list(screen.planes[WELLS[2]])
    level = hatch_level(record.limits[2])
    planes[2] = hatched((SIZE, SIZE), np.dtype(np.uint16), level)
    picture = pixels(tmp_path / "a.png")
    assert len(places_of(expected(planes, record), picture)) == 1
    assert len(places_of(expected(screen.planes[WELLS[0]], record), picture)) == 1


def test_wells_that_are_not_there_are_hatched(session: Session, tmp_path: Path) -> None:
    tiles = (Tile(WELLS[0], "query"), Tile(None, "no control"), Tile("gene-009_1_B02", "unknown"))
    record = recorded(session, tiles=tiles)
    assert save_figure(tmp_path / "a.svg", session.dataset, record) == ["gene-009_1_B02"]
    one, none, unknown = embedded(tmp_path / "a.svg")
    lines = np.repeat(hatched((SIZE, SIZE), np.dtype(np.uint8))[..., None], 3, axis=-1)
    assert np.array_equal(none > 0, lines > 0)
    assert np.array_equal(unknown, none)
    assert not np.array_equal(one, none)


# --- words -----------------------------------------------------------------------------------


def description(path: Path) -> str:
    return str(opened(path).info["Description"]).replace("\u00a0", " ")


def embedded(path: Path) -> list[np.ndarray]:
    """The pictures in an SVG."""
    found = []
    for image in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}image"):
        data = image.get("{http://www.w3.org/1999/xlink}href", "").split(",", 1)[1]
        picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
        turned = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        upside_down = "scale(1 -1)" in image.get("transform", "")
        found.append(np.asarray(turned if upside_down else picture))
    return found


def text_of(path: Path) -> str:
    texts = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(text.itertext()).replace("\u00a0", " ") for text in texts)


def test_title_labels_legend_bar_and_caption_are_text(session: Session, tmp_path: Path) -> None:
    session.ask(key="PLK1", well=WELLS[0])
    session.show_beside_query("AURKB", WELLS[2])
    save_figure(tmp_path / "a.svg", session.dataset, recorded(session))
    text = text_of(tmp_path / "a.svg")
    assert text.startswith("PLK1 and AURKB query: PLK1 guide 2 neighbor: AURKB")
    for part in (
        "DNA ER Actin RNA Mito Golgi",
        "compared by the cosine of their mean vectors",
        "aligned by pca-centerscale, for each experiment, on EMPTY_control",
        "the same in all tiles, set by hand: DNA (Hoechst 33342) 1000–35000; ER",
        "Scale bar 10 µm, at 0.65 µm a pixel.",
        f"Data: data set, fingerprint {recorded(session).dataset.fingerprint}.",
        f"napari-rxrx3 {rx.__version__}",
    ):
        assert part in text
    bare = Paper(has_labels=False, has_caption=False)
    save_figure(tmp_path / "b.svg", session.dataset, recorded(session), paper=bare)
    assert text_of(tmp_path / "b.svg") == "DNA ER Actin RNA Mito Golgi"


def test_the_caption_says_where_the_contrast_comes_from(session: Session) -> None:
    content = Content((Tile(WELLS[0], ""),), (SIZE, SIZE), 0.65)

    def rule(**changes: Any) -> str:
        record = recorded(session, tiles=content.tiles, **changes)
        words = " ".join(caption_of(record, session.dataset, looks_of(record), content, {}))
        return re.search(r"Contrast limits(.*?):", words)[1]

    assert rule(contrast_rule="from controls") == ", from EMPTY_control wells of gene-001 plate 1"
    assert rule(contrast_rule="by hand") == ", set by hand"
    assert rule(contrast_rule="from this well") == ", from its own pixels"


def test_without_a_control_the_caption_does_not_speak_of_controls(
    root: Path, cache: Path, tmp_path: Path
) -> None:
    screen = b.Screen.of([b.guide_row("gene-001", 1, "B02", "PLK1", 2)], SIZE)
    screen.write_metadata(root / "metadata.csv")
    screen.write_folders(root)
    session = Session()
    session.open(rx.open_dataset(root, cache_dir=cache))
    save_figure(tmp_path / "a.png", session.dataset, recorded(session))
    assert "Contrast limits, from its own pixels: " in description(tmp_path / "a.png")


@pytest.mark.soak
def test_a_dose_strip_has_its_curve(session: Session, tmp_path: Path) -> None:
    nan = float("nan")
    curve = DoseCurve(
        doses=(0.01, 0.1, 1.0, 10.0),
        distances=((0.01, 0.02), (), (0.5, 0.6, 0.7), (0.8,)),
        means=(0.015, nan, 0.6, 0.8),
        metric="cosine distance",
        control_spread=(0.0, 0.03),
    )
    tiles = (Tile(WELLS[1], "control"), Tile(WELLS[0], "1 µM", column=1))
    strip = Strip("doses", "X: 4 doses", tiles, is_arranged=True, curve=curve)
    session.show_strip(strip)
    for suffix in ("svg", "pdf", "png"):
        save_figure(tmp_path / f"a.{suffix}", session.dataset, recorded(session))
    text = text_of(tmp_path / "a.svg")
    assert "Cosine distance, by dose in µM. Points: replicates; line: their mean; gray" in text
    assert "Distances are those of the wells' vectors (embedding" in text
    assert re.search(r"\b0\.01 0\.1 1 10\b", text), "each dose, the missing one too"
    session.show_strip(replace(strip, curve=replace(curve, distances=((), (), (), ()))))
    save_figure(tmp_path / "b.svg", session.dataset, recorded(session))
    assert "Cosine distance" not in text_of(tmp_path / "b.svg")
    height = opened(tmp_path / "a.png").height
    save_figure(tmp_path / "b.png", session.dataset, recorded(session))
    assert height > opened(tmp_path / "b.png").height + 200


def test_signs_in_names_stay_signs(session: Session, tmp_path: Path) -> None:
    odd = "<b>a$b$c</b> \\alpha 漢 {x}"
    session.show([(WELLS[0], odd), (WELLS[1], "control")])
    for suffix in ("png", "svg", "pdf"):
        save_figure(tmp_path / f"a.{suffix}", session.dataset, recorded(session))
    assert odd in text_of(tmp_path / "a.svg")


UNKNOWN = "of no font: \u0378"
"""No letter has this number, so that no font has it."""
NAMES = ["β-estradiol", "紫杉醇", "دواء", "תרופה", "\U0001f48a pill", "naïve Ω", "plain", UNKNOWN]


@pytest.mark.first_example
@pytest.mark.parametrize("name", NAMES)
def test_names_in_any_script_are_in_a_figure_as_they_are(
    session: Session, tmp_path: Path, name: str
) -> None:
    tiles = Tile(WELLS[0], name), Tile(WELLS[1], "another", column=1)
    session.show_strip(Strip("wells", name, tiles, is_arranged=True))
    for ending in ("svg", "png", "pdf"):
        save_figure(tmp_path / f"a.{ending}", session.dataset, recorded(session))
    assert name in text_of(tmp_path / "a.svg")
    assert name in (tmp_path / "a.svg.json").read_text(encoding="utf-8")
    shown = written(name)
    is_drawn = all(ord(letter) in DEJA_VU for letter in name)
    assert shown == name or (not is_drawn and "\\" in shown)  # never an empty box, nor another
    assert is_spelled_in(opened(tmp_path / "a.png").info["Description"]) == (shown != name)
    assert not is_spelled_in(text_of(tmp_path / "a.svg"))  # it has the letters themselves


def is_spelled_in(said: str) -> bool:
    return "by their numbers" in " ".join(said.split())


def test_what_is_written_from_the_right_is_never_set_from_the_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As versions of matplotlib do that cannot shape letters."""
    assert written("a دواء") == "a دواء" or not hasattr(ft2font, "__libraqm_version__")
    monkeypatch.setattr(ft2font, "__libraqm_version__", "x", raising=False)
    monkeypatch.delattr(ft2font, "__libraqm_version__")
    _shapes.cache_clear()
    try:
        assert written("a דו") == r"a \u05d3\u05d5"
        said = r"Letters that no font here has are written by their numbers, such as \u05d3."
        assert what_is_spelled(["Ω", "a\\b דו"], "png") == (said,)
        assert what_is_spelled(["Ω", "דו"], "svg") == ()
        assert what_is_spelled(["Ω"], "pdf") == ()
    finally:
        _shapes.cache_clear()


DEJA_VU = get_font(font_of(7).get_file()).get_charmap()


def test_a_font_of_the_computer_is_used_where_ours_has_no_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = "紫"
    path = tmp_path / "chinese.ttf"
    font = TTFont(font_of(7).get_file())
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[ord(letter)] = table.cmap[ord("A")]
    for record in font["name"].names:
        if record.nameID in (1, 16):
            record.string = "A Chinese Font"
    font.save(path)
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(path)
    _family_with.cache_clear()
    try:
        assert written(f"a{letter}") == f"a{letter}"
        assert font_of(7, text=letter).get_family() == ["DejaVu Sans", "A Chinese Font"]
        assert font_of(7, text="a") is font_of(7)
        figure = Figure()
        figure.text(0.1, 0.1, f"A{letter}", fontproperties=font_of(30, text=letter))
        figure.text(0.1, 0.5, "AA", fontproperties=font_of(30))
        canvas = FigureCanvasAgg(figure)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            canvas.draw()
        ink = np.asarray(canvas.buffer_rgba())[..., 0] < 128
        upper, lower = ink[: len(ink) * 3 // 4].sum(), ink[len(ink) * 3 // 4 :].sum()
        assert lower == pytest.approx(upper, rel=0.1)
    finally:
        _family_with.cache_clear()


@pytest.mark.first_example
@pytest.mark.parametrize("ending", ["png", "tif", "svg", "pdf"])
def test_letters_that_no_xml_may_hold_do_not_spoil_a_figure(
    session: Session, tmp_path: Path, ending: str
) -> None:
    session.show([(WELLS[0], "a\x0bb <i>")])
    strip = StripRecord("wells", "a\x0bb & <i>c</i>")
    record = replace(record_of(session), strip=strip, saved="9999-12-31T23:59:59-14:00")
    path = tmp_path / f"a.{ending}"
    save_figure(path, session.dataset, record)
    assert path.stat().st_size > 1000
    if ending == "svg":
        text = "".join(ElementTree.parse(path).getroot().itertext())
        assert "a?b & <i>c</i>" in text


def test_labels_that_do_not_fit_are_numbers_with_a_key(session: Session, tmp_path: Path) -> None:
    tiles = tuple(
        Tile(WELLS[i % 3], f"Bortezomib 2.5 µM well {i} of many", column=i) for i in range(20)
    )
    session.show_strip(Strip("replicates", "many", tiles, is_arranged=True))
    save_figure(tmp_path / "a.svg", session.dataset, recorded(session))
    text = text_of(tmp_path / "a.svg")
    assert text.startswith("many 1 2 3 4 5")
    assert "Tiles 1: Bortezomib 2.5 µM well 0 of many; 2: Bortezomib" in text
    assert "scale bar 10 µm" in text


# --- files -----------------------------------------------------------------------------------


def test_each_ending_gives_its_format(session: Session, tmp_path: Path) -> None:
    session.show([(WELLS[0], "query"), (WELLS[1], "control")])
    record = recorded(session)
    paper = Paper(dpi=150, width_mm=120)
    for suffix in ("png", "tif", "TIFF", "svg", "pdf"):
        save_figure(tmp_path / f"a.{suffix}", session.dataset, record, paper=paper)
    png = opened(tmp_path / "a.png")
    assert png.format == "PNG"
    assert png.info["dpi"] == pytest.approx((150, 150), abs=0.1)
    assert png.info["Software"] == f"napari-rxrx3 {rx.__version__}"
    assert abs(png.width - 120 / 25.4 * 150) <= 1
    for name in ("a.tif", "a.TIFF"):
        with tifffile.TiffFile(tmp_path / name) as file:
            tags = file.pages[0].tags
            assert tags["XResolution"].value == (150, 1)
            assert "Contrast limits" in tags["ImageDescription"].value
            assert np.array_equal(file.asarray(), np.asarray(png.convert("RGB")))
    svg = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert float(svg.get("width", "").removesuffix("pt")) == pytest.approx(120 / 25.4 * 72, abs=1)
    assert [picture.shape for picture in embedded(tmp_path / "a.svg")] == [(SIZE, SIZE, 3)] * 2
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Width 96") == 2
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
    assert float(box[1]) == pytest.approx(120 / 25.4 * 72, abs=1)


def test_an_svg_holds_the_pixels_of_the_images(
    session: Session, screen: b.Screen, tmp_path: Path
) -> None:
    session.show([(WELLS[0], "query"), (WELLS[1], "control")])
    record = recorded(session)
    save_figure(tmp_path / "a.svg", session.dataset, record)
    for well, picture in zip(WELLS, embedded(tmp_path / "a.svg"), strict=False):
        assert abs(picture - expected(screen.planes[well], record)).max() <= 1


@pytest.mark.sample
def test_the_record_beside_the_figure_shows_the_view_again(
    session: Session, tmp_path: Path
) -> None:
    session.show([(WELLS[0], "query"), (WELLS[1], "control")])
    record = recorded(session)
    save_figure(tmp_path / "a.b.pdf", session.dataset, record)
    assert record_path(tmp_path / "a.b.pdf").name == "a.b.pdf.json"
    kept = read_record(tmp_path / "a.b.pdf.json")
    assert [tile.well_id for tile in kept.tiles] == list(WELLS[:2])
    assert kept.limits == LIMITS
    # and is enough to make the same figure again, without a window
    save_figure(tmp_path / "again" / "a.b.pdf", session.dataset, kept)
    again = (tmp_path / "again" / "a.b.pdf").read_bytes()
    assert again == (tmp_path / "a.b.pdf").read_bytes()


RUN = """
import sys
from dataclasses import replace
from napari_rxrx3 import open_dataset
from napari_rxrx3.figures import Paper, save_figure
from napari_rxrx3.figures.record import record_of
from napari_rxrx3.session import Session

root, cache, out, saved = sys.argv[1:]
session = Session()
session.open(open_dataset(root, cache_dir=cache))
session.show([(well, f"label of {well}") for well in session.dataset.wells.index[:3]])
record = replace(record_of(session), saved=saved)
for suffix in ("png", "tif", "svg", "pdf"):
    save_figure(f"{out}/a.{suffix}", session.dataset, record, paper=Paper(150, 120))
import matplotlib
assert "matplotlib.pyplot" not in sys.modules
assert not {"napari", "qtpy", "vispy", "PyQt5", "PyQt6"} & set(sys.modules)
"""


def drawn_anew(root: Path, cache: Path, out: Path, saved: str, seed: int) -> dict[str, bytes]:
    out.mkdir()
    env = {**os.environ, "PYTHONHASHSEED": str(seed), "MPLCONFIGDIR": str(out.parent / "mpl")}
    arguments = [sys.executable, "-W", "error", "-c", RUN, *map(str, (root, cache, out, saved))]
    subprocess.run(arguments, check=True, env=env, timeout=120)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.mark.soak
def test_two_runs_give_the_same_bytes_but_for_the_date(
    screen: b.Screen, root: Path, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "mpl").mkdir()
    # what a user prefers for own plots must not change a figure
    (tmp_path / "mpl" / "matplotlibrc").write_text(
        "font.size: 20\nsavefig.bbox: tight\nsvg.fonttype: path\nfigure.autolayout: True\n"
        "text.color: red\nfigure.facecolor: green\naxes.facecolor: green\npdf.fonttype: 3\n"
        "image.origin: lower\nsavefig.transparent: True\nsavefig.pad_inches: 3\n"
    )
    one = drawn_anew(root, cache, tmp_path / "one", SAVED, 1)
    (tmp_path / "mpl" / "matplotlibrc").unlink()
    two = drawn_anew(root, cache, tmp_path / "two", SAVED, 2)
    assert len(one) == 8
    assert one == two
    later = drawn_anew(root, cache, tmp_path / "three", "2027-01-02T03:04:05Z", 3)
    assert all(later[name] != one[name] for name in one)
    dates = {
        b"2026-11-22T12:00:00": b"2027-01-02T03:04:05",
        b"2026:11:22 12:00:00": b"2027:01:02 03:04:05",
        b"D:20261122120000": b"D:20270102030405",
    }
    for name, content in one.items():
        for before, after in dates.items():
            content = content.replace(before, after)
        if name == "a.png":  # whose chunks have checksums
            content, later[name] = without_checksums(content), without_checksums(later[name])
        assert content == later[name], name


@pytest.mark.soak
def test_without_a_date_in_the_record_there_is_none_in_the_figure(
    session: Session, tmp_path: Path
) -> None:
    """So that the bytes cannot hang on when it is made."""
    for ending in ("png", "tif", "svg", "pdf"):
        save_figure(tmp_path / f"dated.{ending}", session.dataset, recorded(session))
        undated = replace(recorded(session), saved="")
        save_figure(tmp_path / f"undated.{ending}", session.dataset, undated)
    for name in ("dated", "undated"):
        fields = dates_in(tmp_path, name)
        assert [date is not None for date in fields] == [name == "dated"] * 4, fields


def dates_in(folder: Path, name: str) -> list[object]:
    """Return what PNG, TIFF, SVG and PDF of a name say of their date, None where it is nothing."""
    svg, pdf = (folder / f"{name}.svg").read_bytes(), (folder / f"{name}.pdf").read_bytes()
    with tifffile.TiffFile(folder / f"{name}.tif") as file:
        tag = file.pages[0].tags.get("DateTime")
    with Image.open(folder / f"{name}.png") as image:
        created = image.info.get("Creation Time")
    return [
        created,
        tag,
        re.search(rb"<dc:date>.*|\d{4}-\d\d-\d\dT", svg),
        re.search(rb"/(Creation|Mod)Date.*", pdf),
    ]


def test_the_time_of_a_record_may_be_set(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert record_of(session).saved == "2023-11-14T22:13:20Z"
    for odd in ("", "call_later", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", odd)
        saved = datetime.fromisoformat(record_of(session).saved)
        assert abs(datetime.now(UTC) - saved) < timedelta(minutes=5)


def without_checksums(png: bytes) -> bytes:
    parts, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        parts.append(png[at + 4 : at + 8 + length])
        at += 12 + length
    return b"".join(parts)


def test_other_plots_of_the_process_keep_their_style(session: Session, tmp_path: Path) -> None:
    import matplotlib

    matplotlib.rcParams["svg.fonttype"] = "path"
    before = dict(matplotlib.rcParams)
    save_figure(tmp_path / "a.svg", session.dataset, recorded(session))
    assert dict(matplotlib.rcParams) == before


@pytest.mark.soak
def test_files_that_are_there_are_kept_unless_they_may_be_replaced(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    for there in (path, record_path(path)):
        there.write_text("mine")
        with pytest.raises(FigureExists, match=rf"^{re.escape(str(there))} exists already\.$"):
            save_figure(path, session.dataset, recorded(session))
        assert there.read_text() == "mine"
        assert list(tmp_path.glob("*.p*")) == [there]
        save_figure(path, session.dataset, recorded(session), overwrite=True)
        assert opened(path).format == "PNG"
        assert json.loads(record_path(path).read_text())["saved"] == SAVED
        path.unlink()
        record_path(path).unlink()


def bad_record(session: Session, **changes: Any) -> ViewRecord:
    return replace(recorded(session), **changes)


@pytest.mark.parametrize(
    ("name", "changes", "paper", "said"),
    [
        ("a.jpg", {}, Paper(), "a.jpg has no ending of a figure: choose one of .png, .tif"),
        ("a", {}, Paper(), "a has no ending of a figure"),
        ("a.png", {}, Paper(dpi=5), "5 dpi are not within 50 to 1200."),
        ("a.png", {}, Paper(width_mm=2), "A width of 2 mm is not within 40 to 1000."),
        (
            "a.png",
            {
                "tiles": tuple(Tile(WELLS[0], "", column=i) for i in range(5)),
                "strip": StripRecord("wells", "", is_arranged=True),
            },
            Paper(1200, 1000),
            "At 1200 dpi the figure is too large",
        ),
        ("a.png", {"tiles": ()}, Paper(), "There is no well on screen"),
        ("a.png", {"view": "plate"}, Paper(), "not the overview of a plate"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    session: Session,
    tmp_path: Path,
    name: str,
    changes: dict[str, Any],
    paper: Paper,
    said: str,
) -> None:
    with pytest.raises(FigureError) as caught:
        save_figure(tmp_path / name, session.dataset, bad_record(session, **changes), paper=paper)
    assert said in str(caught.value)
    assert not list(tmp_path.glob("a*"))


def test_all_stains_hidden_is_said(session: Session, tmp_path: Path) -> None:
    looks = [replace(look, is_shown=False) for look in stain_looks(LIMITS)]
    with pytest.raises(FigureError, match="All six stains are hidden"):
        save_figure(tmp_path / "a.png", session.dataset, recorded(session), looks)


FULL = """
import resource, signal, sys
from napari_rxrx3 import open_dataset
from napari_rxrx3.figures import FigureError, save_figure
from napari_rxrx3.figures.record import read_record

root, cache, record, out = sys.argv[1:]
dataset, record = open_dataset(root, cache_dir=cache), read_record(record)
for well in record.tiles:
    dataset.read(well.well_id)
import matplotlib.font_manager  # keeps a file of its own
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
for suffix in ("png", "tif", "svg", "pdf"):
    try:
        save_figure(f"{out}/a.{suffix}", dataset, record, overwrite=True)
    except FigureError as error:
        print(error)
"""


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
def test_a_full_disk_is_said_and_leaves_what_was_there(
    session: Session, root: Path, cache: Path, tmp_path: Path
) -> None:
    session.show([(WELLS[0], "query"), (WELLS[1], "control")])
    save_figure(tmp_path / "first.png", session.dataset, recorded(session))
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("an earlier figure")
    arguments = (root, cache, tmp_path / "first.png.json", out)
    run = subprocess.run(
        [sys.executable, "-c", FULL, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 4
    for suffix, line in zip(("png", "tif", "svg", "pdf"), lines, strict=True):
        assert line.startswith(f"The figure cannot be written to {out}/a.{suffix} (")
    assert [path.name for path in out.iterdir()] == ["a.png"]
    assert (out / "a.png").read_text() == "an earlier figure"


def test_stopping_leaves_nothing(session: Session, tmp_path: Path) -> None:
    from napari_rxrx3.core.errors import Cancelled

    def stop(done: int, total: int, text: str) -> None:
        if done == 1:
            raise Cancelled("enough")

    session.show([(WELLS[0], "query"), (WELLS[1], "control")])
    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        save_figure(out / "a.png", session.dataset, recorded(session), progress=stop)
    assert not out.exists()


def test_nothing_is_drawn_with_before_a_figure_is_made() -> None:
    code = (
        "import sys, napari_rxrx3.figures.figure\n"
        "assert not {'matplotlib', 'qtpy', 'napari'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --- the form --------------------------------------------------------------------------------


@pytest.fixture
def window(open_window: Callable[..., Window], root: Path) -> Window:
    window = open_window(root, screen_of(root))
    window.click_well("B02")
    return window


def form(window: Window) -> FigureDialog:
    window.explorer.share.figure.trigger()
    dialog = window.explorer.share.figure_dialog
    assert dialog.isVisible()
    return dialog


def save(window: Window, dialog: FigureDialog, path: Path) -> None:
    line = dialog.file.line_edit.native
    line.selectAll()
    window.qtbot.keyClicks(line, str(path))
    window.qtbot.keyClick(line, Qt.Key.Key_Tab)
    window.qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    window.settle()


def tick(window: Window, box: QWidget) -> None:
    """Click the mark itself: beside its words a box may have room that is nobody's."""
    window.click(box, QPoint(box.height() // 2, box.height() // 2))


@pytest.mark.sample
def test_a_figure_is_saved_by_the_form(window: Window, tmp_path: Path) -> None:
    window.qtbot.mouseClick(window.explorer.workspace.stains.buttons[2], Qt.MouseButton.LeftButton)
    main = window.viewer.window._qt_window
    main.activateWindow()
    window.qtbot.waitUntil(main.isActiveWindow, timeout=5000)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    window.qtbot.keyClick(window.map, Qt.Key.Key_S, both)
    dialog = window.explorer.share.figure_dialog
    assert dialog.isVisible()
    assert Path(dialog.file.value).name == "PLK1 guide 2 and control gene-001 plate 1, B02.png"
    assert [box.value for box in dialog.stains] == [True, True, False, True, True, True]
    tick(window, dialog.stains[0].native)
    dialog.dpi.value = 100
    save(window, dialog, tmp_path / "out.png")
    assert not dialog.isVisible()
    assert window.session.message == f"Saved out.png in {tmp_path}."
    record = read_record(tmp_path / "out.png.json")
    assert record.stains.visible == (False, True, False, True, True, True)
    assert record.limits == window.session.limits
    assert opened(tmp_path / "out.png").info["dpi"] == pytest.approx((100, 100), abs=0.1)
    text = description(tmp_path / "out.png")
    assert "ER (" in text
    assert "DNA (" not in text
    assert [layer.visible for layer in window.stains] == [True, True, False, True, True, True]


def test_the_form_asks_before_it_replaces(window: Window, tmp_path: Path) -> None:
    (tmp_path / "out.svg").write_text("mine")
    dialog = form(window)
    line = dialog.file.line_edit.native
    line.selectAll()
    window.qtbot.keyClicks(line, str(tmp_path / "out.svg"))
    window.qtbot.keyClick(line, Qt.Key.Key_Tab)
    assert dialog.note.text() == "out.svg is there already and will be replaced."
    assert dialog.save.text() == "Replace"
    window.qtbot.mouseClick(dialog.cancel, Qt.MouseButton.LeftButton)
    assert (tmp_path / "out.svg").read_text() == "mine"
    save(window, form(window), tmp_path / "out.svg")
    assert ElementTree.parse(tmp_path / "out.svg").getroot().tag.endswith("svg")


def test_a_file_that_came_meanwhile_is_not_replaced_unasked(window: Window, tmp_path: Path) -> None:
    dialog = form(window)
    dialog.file.value = tmp_path / "out.pdf"
    assert dialog.save.text() == "Save"
    (tmp_path / "out.pdf").write_text("mine")
    window.qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    window.settle()
    assert dialog.isVisible()
    assert dialog.note.text() == f"{tmp_path / 'out.pdf'} exists already."
    assert (tmp_path / "out.pdf").read_text() == "mine"
    assert dialog.save.text() == "Replace"
    window.qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    window.settle()
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.soak
@pytest.mark.sample
def test_the_form_stays_when_a_figure_cannot_be_saved(window: Window, tmp_path: Path) -> None:
    dialog = form(window)
    (tmp_path / "file").write_text("")
    save(window, dialog, tmp_path / "file" / "out.png")
    assert dialog.isVisible()
    assert "cannot be written" in dialog.note.text()
    save(window, dialog, tmp_path / "out.gif")
    assert "has no ending of a figure" in dialog.note.text()
    save(window, dialog, tmp_path / "out.png")
    assert not dialog.isVisible()
    assert (tmp_path / "out.png").exists()


def test_a_stain_alone_is_saved_as_it_is_seen(window: Window, tmp_path: Path) -> None:
    window.explorer.workspace.layers.show_alone(5)
    save(window, form(window), tmp_path / "out.svg")
    well, control = embedded(tmp_path / "out.svg")
    for picture in (well, control):
        assert (picture[..., 0] == picture[..., 1]).all()
    assert read_record(tmp_path / "out.svg.json").stains.alone == 5
    dialog = form(window)
    tick(window, dialog.stains[0].native)
    save(window, dialog, tmp_path / "two.svg")
    picture, _ = embedded(tmp_path / "two.svg")
    stains = read_record(tmp_path / "two.svg.json").stains
    assert stains.alone is None
    assert stains.visible == (True, False, False, False, True, False)
    looks: list[StainLook] = looks_of(read_record(tmp_path / "two.svg.json"))
    assert np.array_equal(picture, blended(window.screen.planes[WELLS[0]], looks))


def test_a_path_is_meant_as_it_is_typed(
    window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    save(window, form(window), Path("~/mine.svg"))
    assert (tmp_path / "home" / "mine.svg.json").exists()
    save(window, form(window), Path("here.svg"))
    assert window.session.message == f"Saved here.svg in {tmp_path}."
    assert not (tmp_path / "~").exists()


@pytest.mark.soak
@pytest.mark.sample
def test_nothing_is_changed_while_a_figure_is_written(window: Window, tmp_path: Path) -> None:
    dialog = form(window)
    dialog.file.value = tmp_path / "a.png"
    window.click(dialog.save)
    assert not dialog.save.isEnabled()
    assert not dialog.file.native.isEnabled()
    window.settle()
    assert window.session.message == f"Saved a.png in {tmp_path}."
    dialog = form(window)
    assert dialog.save.isEnabled()
    assert dialog.file.native.isEnabled()
    window.click(dialog.save)
    window.click(dialog.cancel)
    assert form(window).file.native.isEnabled()
    dialog.reject()


def test_the_plate_is_no_figure(window: Window) -> None:
    window.session.set_view("plate")
    window.settle()
    window.explorer.share.save_figure()
    assert "A figure shows wells" in window.session.message


def test_every_field_of_the_form_says_what_it_is(window: Window) -> None:
    dialog = form(window)
    for widget in (*dialog.stains, dialog.file, dialog.dpi, dialog.width_mm, dialog.labels):
        assert widget.tooltip
    dialog.reject()


def test_a_dose_of_zero_stands_apart_on_the_curve() -> None:
    curve = CurveRecord(
        doses=(0.0, 0.1, 1.0),
        distances=((0.01, 0.02), (0.1,), (0.3, 0.5)),
        means=(0.015, 0.1, 0.4),
        metric="cosine distance",
        control_spread=(0.0, 0.02),
        unit="µM",
    )
    axes = Figure().add_subplot()
    draw_curve(axes, curve, FontProperties())
    names = [label.get_text() for label in axes.get_xticklabels()]
    places = dict(zip(names, axes.get_xticks(), strict=True))
    low, high = axes.get_xlim()
    assert low < places["0"] < places["0.1"] / 2 < places["1"] < high
    lines = [line.get_xdata().tolist() for line in axes.get_lines() if line.get_linewidth() == 1]
    assert lines == [[places["0"]], [0.1, 1.0]]  # not joined
