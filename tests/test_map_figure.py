"""The picture of a map on paper: what is marked, what is not, and what is behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_rxrx3.core.plate_colors import CategoricalLegend, NumericLegend
from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.figures.files import Paper
from napari_rxrx3.figures.fonts import written
from napari_rxrx3.figures.map_picture import MapPicture, save_map
from test_figures import NAMES, is_spelled_in, opened

WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)


def two_points(marked: Sequence[int] = ()) -> MapPicture:
    """A map of a red point and a blue one, without a legend."""
    positions = np.array([[-1, 0], [1, 0]], np.float32)
    return MapPicture(
        positions,
        np.array([0, 1], np.uint8),
        np.array([RED, BLUE], np.uint8),
        CategoricalLegend((), 0, 0),
        np.array(list(marked), np.intp),
        None,
        (),
        Viewport.fit((-1, -1, 1, 1), 400, 300),
        "",
        "",
    )


def colors_of(folder: Path, marked: list[int]) -> set[tuple[int, ...]]:
    """Colors of the figure of a map."""
    save_map(folder / "map.png", two_points(marked), Paper(dpi=100))
    pixels = np.asarray(Image.open(folder / "map.png").convert("RGB"))
    return set(map(tuple, pixels.reshape(-1, 3).tolist()))


def test_points_have_their_color_on_white(tmp_path: Path) -> None:
    assert {WHITE, RED, BLUE} <= colors_of(tmp_path, [])


@pytest.mark.parametrize(("marked", "shown", "dimmed"), [(0, RED, BLUE), (1, BLUE, RED)])
def test_what_is_not_marked_is_dimmed(
    marked: int, shown: tuple[int, ...], dimmed: tuple[int, ...], tmp_path: Path
) -> None:
    colors = colors_of(tmp_path, [marked])
    assert shown in colors
    assert dimmed not in colors
    assert tuple(max(part, 191) for part in dimmed) in colors


@pytest.mark.each(8)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["label", "class", "title of colors", "title", "caption"])
def test_names_in_any_script_are_as_they_are_or_it_is_said(
    tmp_path: Path, where: str, name: str
) -> None:
    picture = replace(
        two_points(),
        labels=((0, name),) if where == "label" else (),
        legend=NumericLegend(name, 0, 1, (RED, BLUE))
        if where == "title of colors"
        else CategoricalLegend(((name, RED, 2),) if where == "class" else (), 0, 0),
        title=name if where == "title" else "",
        caption=f"Data: {name}." if where == "caption" else "A map.",
    )
    for ending in ("png", "svg"):
        save_map(tmp_path / f"map.{ending}", picture, Paper(dpi=50))
    said = opened(tmp_path / "map.png").info["Description"]
    assert is_spelled_in(said) == (written(name) != name)
    assert not is_spelled_in((tmp_path / "map.svg").read_text(encoding="utf-8"))
