"""Scripts that somebody saved: those of today use public names alone, those of before still run."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.display import display
from napari_rxrx3.figures import ViewRecord, python_script
from napari_rxrx3.figures.record import record_of
from napari_rxrx3.session import Session

SIZE = 64
PLK1, CONTROL = "gene-001_1_D05", "gene-001_1_C03"
LIMITS = ((0.0, 200.0), (10.0, 180.0), (0.0, 255.0), (5.0, 100.0), (0.0, 90.0), (20.0, 220.0))
REFERENCE = Path(__file__).parents[1] / "docs" / "reference.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [b.control_row("gene-001", 1, f"C{c:02d}") for c in range(3, 9)]
    rows += [b.guide_row("gene-001", 1, f"D{c:02d}", g) for c, g in ((5, "PLK1"), (6, "MTOR"))]
    return b.Screen.of(rows, SIZE).write_rxrx3(tmp_path_factory.mktemp("scripts") / "screen")


@pytest.fixture
def session(folder: Path, tmp_path: Path) -> Iterator[Session]:
    session = Session()
    session.open(rx.open_dataset(folder, cache_dir=tmp_path / "cache"))
    session.select_well(PLK1)
    session.set_limits(LIMITS)
    session.ask(key="PLK1_guide_1", level="guide", align="none", k=1)
    yield session
    display.reset()


def tiles(session: Session) -> ViewRecord:
    display.palette, display.pixel_size_um = "Okabe-Ito", 0.5
    session.show([(PLK1, "PLK1\nquery"), (CONTROL, "control")])
    shown = (True, True, False, True, True, False)
    looks: Any = SimpleNamespace(shown=shown, gamma=(1.0, 0.5, 1.0, 1.0, 1.0, 2.0), solo=None)
    return record_of(session, looks)


def difference(session: Session) -> ViewRecord:
    session.show([(PLK1, "PLK1\nquery"), (CONTROL, "control")])
    session.set_difference(True)
    return record_of(session)


def plate(session: Session) -> ViewRecord:
    session.set_view("plate")
    return record_of(session)


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", [tiles, difference, plate])
def test_a_script_uses_public_names_that_are_documented(session: Session, view: Any) -> None:
    documented = set(re.findall(r"^::: ([\w.]+)$", REFERENCE.read_text("utf-8"), re.MULTILINE))
    used = set(names_in(python_script(view(session))))
    assert {"napari_rxrx3.open_dataset", "napari_rxrx3.layer_options"} < used
    assert used <= documented
    for name in used:
        package, _, last = name.rpartition(".")
        module = importlib.import_module(package)
        assert last in module.__all__
        assert getattr(module, last) is not None


def names_in(script: str) -> Iterator[str]:
    """What a script uses of this package: what it imports, and attributes of `rx`."""
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {"napari_rxrx3", "napari"}
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "rx":
            yield f"napari_rxrx3.{node.attr}"


@pytest.mark.parametrize("package", ["napari_rxrx3", "napari_rxrx3.figures"])
def test_each_public_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


# --- scripts of before --------------------------------------------------------------------------

OLD_LIMITS = """\
limits = (
    (0.0, 200.0),  # DNA
    (10.0, 180.0),  # ER
    (0.0, 255.0),  # Actin
    (5.0, 100.0),  # RNA
    (0.0, 90.0),  # Mito
    (20.0, 220.0),  # Golgi
)
"""

OLD_QUESTION = """
phenomap = dataset.phenomap('guide', 'none', 'embeddings')
neighbors = phenomap.nearest('PLK1_guide_1', 1, 'cosine')

# the same in napari, as six layers
import napari
from napari_rxrx3.core.stains import STAINS
"""

OLD_LAYERS = """\
from napari_rxrx3.gui.canvas.layers import layer_options

viewer = napari.Viewer()
for stain, plane, pair in zip(STAINS, pixels.stains, limits):
    viewer.add_image(plane, **layer_options(stain, pair))

"""

OLD_TILES = f"""\
import napari_rxrx3 as rx
from napari_rxrx3.core.display import display
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.figures.pixels import composite_of, tile_pixels

dataset = rx.open_dataset(FOLDER)
display.palette = 'Okabe-Ito'
display.pixel_size_um = 0.5
# well, label, row and column
tiles = [
    Tile('gene-001_1_D05', 'PLK1\\nquery', 0, 0),
    Tile('gene-001_1_C03', 'control', 0, 1),
]
pixels = tile_pixels(dataset, tiles)
print(*pixels.failures, sep="\\n")  # what is missing, and hatched
{OLD_LIMITS}visible = (True, True, False, True, True, False)
image = composite_of(pixels.stains, limits, visible, gamma=(1.0, 0.5, 1.0, 1.0, 1.0, 2.0))
{OLD_QUESTION}{OLD_LAYERS}\
for layer, value in zip(viewer.layers, (True, True, False, True, True, False)):
    layer.visible = value

for layer, value in zip(viewer.layers, (1.0, 0.5, 1.0, 1.0, 1.0, 2.0)):
    layer.gamma = value

napari.run()
"""

OLD_DIFFERENCE = f"""\
import napari_rxrx3 as rx
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.figures.pixels import difference_image, difference_pixels

dataset = rx.open_dataset(FOLDER)
# well, label, row and column
tiles = [
    Tile('gene-001_1_D05', 'PLK1\\nquery', 0, 0),
    Tile('gene-001_1_C03', 'control', 0, 1),
]
pixels = difference_pixels(dataset, tiles)
print(*pixels.failures, sep="\\n")  # what is missing, and hatched
{OLD_LIMITS}image = difference_image(pixels.stains, limits)
{OLD_QUESTION}\
from napari_rxrx3.core.difference import symmetric
from napari_rxrx3.gui.canvas.layers import difference_colormap

viewer = napari.Viewer()
for stain, plane, pair in zip(STAINS, pixels.stains, symmetric(limits)):
    options = {{'colormap': difference_colormap(), 'contrast_limits': pair}}
    viewer.add_image(plane, name=stain.name, **options)

viewer.grid.enabled = True
napari.run()
"""

OLD_PLATE = f"""\
import napari_rxrx3 as rx
from napari_rxrx3.figures.pixels import composite_of, plate_pixels

dataset = rx.open_dataset(FOLDER)
pixels = plate_pixels(dataset, 'gene-001', 1)
{OLD_LIMITS}image = composite_of(pixels.stains, limits)  # uint8 (Y, X, 3)
{OLD_QUESTION}{OLD_LAYERS}\
napari.run()
"""

RUN = """
import runpy, sys
import napari, numpy as np

def look():
    layers = list(napari.current_viewer().layers)
    names = sys._getframe(1).f_globals
    np.savez(
        sys.argv[2],
        pixels=np.stack([layer.data for layer in layers]),
        limits=np.array([layer.contrast_limits for layer in layers]),
        visible=np.array([layer.visible for layer in layers]),
        gamma=np.array([layer.gamma for layer in layers]),
        colors=np.array([layer.colormap.colors for layer in layers]),
        image=names["image"],
        neighbors=names["neighbors"]["key"].to_numpy(str),
    )
    napari.current_viewer().close()

napari.run = look
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def seen(script: str, folder: Path) -> dict[str, np.ndarray]:
    """Run a whole script in a Python of its own, and look at what it has made."""
    source, result = folder / "script.py", folder / "seen.npz"
    source.write_text(script, encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(source), str(result)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    with np.load(result) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize(
    ("view", "old"),
    [
        pytest.param(tiles, OLD_TILES, marks=pytest.mark.soak),
        pytest.param(difference, OLD_DIFFERENCE, marks=pytest.mark.soak),
        pytest.param(plate, OLD_PLATE, marks=pytest.mark.soak),
    ],
)
def test_a_script_of_an_earlier_version_shows_what_one_of_today_does(
    session: Session, folder: Path, tmp_path: Path, view: Any, old: str
) -> None:
    before = seen(old.replace("FOLDER", repr(str(folder))), tmp_path)
    now = seen(python_script(view(session)), tmp_path)
    assert before["image"].any()
    assert before.keys() == now.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(now[name], array)
