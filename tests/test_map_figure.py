"""The picture of a map on paper: what is marked, what is not, and what is behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_rxrx3.core.plate_colors import CategoricalLegend
from napari_rxrx3.core.points.viewport import Viewport
from napari_rxrx3.figures.files import Paper
from napari_rxrx3.figures.map_picture import MapPicture, save_map

WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)


def colors_of(folder: Path, marked: list[int]) -> set[tuple[int, ...]]:
    """Colors of the figure of a map of a red point and a blue one, without a legend."""
    positions = np.array([[-1, 0], [1, 0]], np.float32)
    picture = MapPicture(
        positions,
        np.array([0, 1], np.uint8),
        np.array([RED, BLUE], np.uint8),
        CategoricalLegend((), 0, 0),
        np.array(marked, np.intp),
        None,
        (),
        Viewport.fit((-1, -1, 1, 1), 400, 300),
        "",
        "",
    )
    save_map(folder / "map.png", picture, Paper(dpi=100))
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
