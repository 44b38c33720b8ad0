"""The window on the real well and real names, where they are at hand; never shipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

import builders as b
from samples import soak
from test_real_data import METADATA, TEXT, WELL, placed, real_planes, shifted
from window import Window

pytestmark = pytest.mark.skipif(
    not (METADATA.exists() and WELL.exists()),
    reason="the real well and metadata (licensed, not shipped) are not beside the repository",
)

COMPOUNDS = ("proscillaridin-a", "digitoxin")
SHOWN = 40


def real_rows() -> pd.DataFrame:
    """Some real compound wells with controls, put on one plate."""
    table = pd.read_parquet(METADATA).astype(dict.fromkeys(TEXT, "str"))
    table = table[table["experiment_name"] == "compound-001"]
    chosen = table[table["treatment"].isin(COMPOUNDS)].groupby("treatment").head(8)
    controls = table[table["treatment"] == "EMPTY_control"].head(SHOWN - len(chosen))
    return placed(pd.concat([controls, chosen]).reset_index(drop=True))


def vectors_for(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    direction = {name: rng.normal(size=12) * 9 for name in COMPOUNDS}
    return {
        row.well_id: (rng.normal(size=12) + direction.get(row.treatment, 0)).astype("float32")
        for row in rows.itertuples()
    }


def write_core(root: Path, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """As RxRx3-core encodes it: shards of JPEG 2000, wells across row groups and shards."""
    planes = {well: shifted(real_planes(), n) for n, well in enumerate(rows["well_id"])}
    b.write_shards(root / "data", b.shard_rows(planes), cuts=[100, 111])
    return {well: b.decoded_jp2(stack) for well, stack in planes.items()}


def write_tar(root: Path, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """As RxRx3 delivers it: one tar of 16-bit PNG a plate."""
    planes = real_planes().astype("uint16") * 201
    stacks = {well: shifted(planes, n) for n, well in enumerate(rows["well_id"])}
    by_address = dict(zip(rows["address"], stacks.values(), strict=True))
    path = root / "images" / "compound-001" / "Plate1.tar"
    b.write_tar(path, b.image_files(by_address))
    return stacks


@pytest.mark.parametrize("layout", [write_core, soak(write_tar)])
def test_a_click_on_real_input_shows_the_right_pixels_and_neighbors(
    layout: Callable[..., Any], open_window: Callable[..., Window], tmp_path: Path
) -> None:
    rows = real_rows()
    root = tmp_path / "real"
    expected = layout(root, rows)
    b.write(root / "metadata_rxrx3.csv", rows.to_csv(index=False).encode())
    vectors = vectors_for(rows)
    b.write(root / "embeddings.parquet", b.embedding_bytes(vectors))
    window = open_window(root, b.Screen(planes=expected))
    treated = rows[rows["treatment"] == "digitoxin"].iloc[0]
    window.click_well(treated["address"])
    assert window.session.well == treated["well_id"]
    assert window.shows(treated["well_id"])
    assert f"digitoxin {treated['concentration']:g} µM" in window.title
    window.session.ask(all_doses=True)
    window.settle()
    keys = [n.key.split("@")[0] for n in window.neighbors.panel.candidates.model.neighbors]
    same = rows[rows["treatment"] == "digitoxin"]["concentration"].nunique() - 1
    assert keys[:same] == ["digitoxin"] * same
    picture = window.viewer.window.screenshot(canvas_only=True, flash=False)
    assert np.unique(picture[..., :3].reshape(-1, 3), axis=0).shape[0] > 1000
    assert_neighbor_stands_beside(window, expected)


def assert_neighbor_stands_beside(window: Window, expected: dict[str, np.ndarray]) -> None:
    table = window.neighbors.panel.candidates.table
    table.setFocus()
    window.qtbot.keyClick(table, Qt.Key.Key_Down)
    window.settle()
    mosaic = window.explorer.workspace.picture.mosaic
    assert len({tile.well_id for tile in mosaic.tiles}) == 2
    height, width = mosaic.tile_shape
    for tile in mosaic.tiles:
        top, left = mosaic.origin(tile)
        for layer, plane in zip(window.stains, expected[tile.well_id], strict=True):
            assert np.array_equal(layer.data[top : top + height, left : left + width], plane)
