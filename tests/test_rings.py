"""What the parts import: the core never Qt or napari, and napari's start nothing heavy."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import napari_rxrx3

PACKAGE = Path(napari_rxrx3.__file__).parent
GUI = {"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "superqt", "magicgui", "napari", "vispy"}
HEAVY = {"pandas", "dask", "pyarrow", "imagecodecs", *GUI}


RINGS = (
    "core",
    "data",
    "maps",
    "dataset",
    "diagnostics",
    "exports",
    "strips",
    "hits",
    "session",
    "figures",
)
"""From the inside; what is in none of them, gui and the edges, is outside of all."""


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


FILES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def ring_of(module: str) -> int:
    """Number of a module's ring; the package itself, which has its version, is for all."""
    first = [*module.split("."), "core"][1]
    return RINGS.index(first) if first in RINGS else len(RINGS)


INNER = [name for name in FILES if "." in name and ring_of(name) < len(RINGS)]


def loaded_by(code: str) -> set[str]:
    """Names of the top-level packages that a new interpreter has loaded after some code."""
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.split())


def imports_of(file: Path) -> Iterator[str]:
    """Every module that a file imports: at its top, inside a function, or for its types alone."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in {file}"
            wholes = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (whole if whole in FILES else node.module or "" for whole in wholes)


@cache
def imports() -> dict[str, set[str]]:
    """Of each module; not when tests are collected, which every process does."""
    return {name: set(imports_of(file)) for name, file in FILES.items()}


def test_core_data_and_maps_load_no_qt_and_no_napari() -> None:
    assert len(INNER) > 25
    loaded = loaded_by("\n".join(f"import {name}" for name in INNER))
    assert {"napari_rxrx3", "numpy", "pandas", "pyarrow"} <= loaded
    assert "dask" not in loaded, "opening does not wait for it"
    assert not loaded & GUI


@pytest.mark.source
def test_imports_lead_inward_only() -> None:
    outward = [
        f"{name} -> {other}"
        for name in INNER
        for other in imports()[name]
        if other.split(".")[0] in GUI or (other in FILES and ring_of(other) > ring_of(name))
    ]
    assert not outward


@pytest.mark.source
def test_no_imports_lead_in_a_circle() -> None:
    ours = {name: imported & FILES.keys() for name, imported in imports().items()}
    assert not list(circles(ours))


def circles(graph: dict[str, set[str]]) -> Iterator[str]:
    """Each circle once; the graph is left without them."""
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = error.args[1]
            graph[circle[1]].remove(circle[0])
            yield " <- ".join(circle)
        else:
            return


@pytest.mark.source
def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}}
    assert sorted(sorted(set(circle.split(" <- "))) for circle in circles(graph)) == [
        ["a", "b", "c"],
        ["d", "e"],
    ]


FILLED = {
    *(
        "Contents",
        "Done",
        "EmbeddingTable",
        "NullOfPairs",
        "NullOnPlates",
        "PassSummary",
        "Prepared",
        "Written",
    ),
    *("_LazySpace", "_Report"),
}
"""Classes that grow while work goes on; all others are values, which threads and panels share."""


def data_classes() -> dict[str, type]:
    modules = [import_module(name) for name in INNER]
    found = [c for module in modules for c in vars(module).values() if is_dataclass(c)]
    return {c.__name__: c for c in found if isinstance(c, type)}


def test_values_cannot_be_changed() -> None:
    classes = data_classes()
    assert len(classes) > 70
    assert {name for name, c in classes.items() if not c.__dataclass_params__.frozen} == FILLED


def test_what_holds_arrays_is_compared_as_a_whole() -> None:
    """Two arrays have no single answer to whether they are equal: `==` would be an error."""
    arrays = re.compile(r"Array|Floats|Indices|DataFrame|Series|\bPlanes?\b")
    holding = {
        name: c
        for name, c in data_classes().items()
        if any(arrays.search(str(f.type)) for f in fields(c))
    }
    assert len(holding) > 20
    assert not [name for name, c in holding.items() if c.__dataclass_params__.eq]


def manifest_modules() -> list[str]:
    text = (PACKAGE / "napari.yaml").read_text(encoding="utf-8")
    names = set(re.findall(r"python_name: ([\w.]+):", text))
    return sorted(name for name in names if ".gui." not in name)


@pytest.mark.parametrize(
    "module", ["napari_rxrx3", "napari_rxrx3.figures", "napari_rxrx3.cli", *manifest_modules()]
)
def test_what_napari_and_the_command_line_import_at_start_is_light(module: str) -> None:
    assert not loaded_by(f"import {module}") & HEAVY


NEEDED_LATER = {
    *("pandas", "pyarrow", "dask.array", "scipy.sparse", "imagecodecs"),
    *("fsspec", "tifffile", "PIL", "rdkit", "napari_rxrx3.dataset"),
    "napari_rxrx3.data.welldata",
    *(
        "napari_rxrx3.data.search",
        "napari_rxrx3.maps.phenomap",
        "napari_rxrx3.maps.evidence.doubts",
    ),
}

DOCK = """
import os, sys
import napari

viewer = napari.Viewer(show=False)
before = set(sys.modules)  # napari may load some of it one day
from napari_rxrx3.gui.docking import dock_explorer
assert dock_explorer(viewer).welcome.folder_button.text()
print("loaded:", *(set(sys.modules) - before))
sys.stdout.flush()
os._exit(0)  # a window that was never shown has nothing to save
"""


@pytest.mark.soak
@pytest.mark.qt
def test_the_explorer_is_docked_without_what_reads_tables_and_images() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DOCK], capture_output=True, text=True, check=True, timeout=120
    )
    line = next(line for line in run.stdout.splitlines() if line.startswith("loaded:"))
    loaded = set(line.split())
    assert "napari_rxrx3.gui.explorer" in loaded
    assert not loaded & NEEDED_LATER


@pytest.mark.source
def test_the_manifest_names_reader_sample_data_and_commands() -> None:
    assert manifest_modules() == [
        f"napari_rxrx3.{name}" for name in ("_commands", "_reader", "_sample_data", "_writer")
    ]


def test_the_reader_turns_an_unrelated_picture_down_without_loading_anything() -> None:
    code = "from napari_rxrx3._reader import get_reader; assert get_reader('cat.png') is None"
    assert not loaded_by(code) & HEAVY


def test_public_names_are_found_when_first_used() -> None:
    code = "import napari_rxrx3 as rx; assert all(getattr(rx, name) for name in rx.__all__)"
    assert "pandas" in loaded_by(code)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = napari_rxrx3.no_such_name


# -- the window -----------------------------------------------------------------------------------

WINDOW = {name: file for name, file in FILES.items() if name.startswith("napari_rxrx3.gui.")}
_OURS = "napari_rxrx3."
_PRIVATE = {"_qt_window", "_qt_viewer", "_scene_canvas", "_qt_viewer_buttons", "__wrapped__"}
"""Of napari, wherever they are reached; more are told by what they are asked of."""
_NAPARIS = re.compile(r"(^|\.)_?(viewer|window|canvas|layers?|camera)\._[a-z]\w*$")
_LAYERS = re.compile(
    r"\.add_(image|labels|points|layer|shapes|surface)$|\blayers\.(append|insert)$"
)


def private_of_napari(code: str) -> set[str]:
    """What of napari's own a text reaches for: attributes, by name or in a string."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            text = ast.unparse(node)
            if node.attr in _PRIVATE or _NAPARIS.search(text):
                found.add(text)
        elif isinstance(node, ast.Constant) and node.value in _PRIVATE:
            found.add(str(node.value))
        elif isinstance(node, ast.ImportFrom) and re.search(r"^napari\b.*\._", str(node.module)):
            found.add(str(node.module))
    return found


@pytest.mark.source
def test_what_a_rule_forbids_is_found() -> None:
    code = """
window = viewer.window._qt_window
getattr(window, "_qt_viewer")
self._viewer.layers._private()
from napari._qt.qt_viewer import QtViewer
self._qt = self._viewer
"""
    assert private_of_napari(code) == {
        *("viewer.window._qt_window", "_qt_viewer", "self._viewer.layers._private"),
        "napari._qt.qt_viewer",
    }


@pytest.mark.source
def test_the_window_imports_no_edge() -> None:
    assert len(WINDOW) > 80
    edges = {f"{_OURS}{n}" for n in ("cli", "_reader", "_writer", "_commands", "_sample_data")}
    edges |= {name for name in FILES if name.startswith(f"{_OURS}cli.")}
    assert not [f"{name} -> {other}" for name in WINDOW for other in imports()[name] & edges]


@pytest.mark.source
def test_what_is_private_to_napari_is_reached_in_one_module() -> None:
    reached = {n: private_of_napari(f.read_text(encoding="utf-8")) for n, f in WINDOW.items()}
    assert [name for name, found in reached.items() if found] == [f"{_OURS}gui.napari_window"]


@pytest.mark.source
def test_layers_are_made_in_one_module() -> None:
    calls = {
        f"{name} calls {ast.unparse(node.func)}"
        for name, file in WINDOW.items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _LAYERS.search(ast.unparse(node.func))
    }
    assert calls
    assert all(call.startswith(f"{_OURS}gui.canvas.layers calls") for call in calls)


@pytest.mark.source
def test_a_forked_child_finds_every_lock_free() -> None:
    """Below the window locks are those of `core.forking`, or made anew by who has them."""
    makers = ("data/cache/memory.py", "data/images/jpeg2000_pool.py")
    made = re.compile(r"threading\.R?Lock\b(?!\))")  # but not as what is given to our own
    texts = {f.relative_to(PACKAGE).as_posix(): f.read_text("utf-8") for f in PACKAGE.rglob("*.py")}
    found = {name for name, text in texts.items() if made.search(text)}
    assert {name for name in found if not name.startswith("gui/")} == set(makers)
