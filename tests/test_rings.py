"""What the parts import: the core never Qt or napari, and napari's start nothing heavy."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_rxrx3

PACKAGE = Path(napari_rxrx3.__file__).parent
GUI = {"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "superqt", "magicgui", "napari", "vispy"}
HEAVY = {"pandas", "dask", "pyarrow", "imagecodecs", *GUI}


def modules_of(*rings: str) -> dict[str, Path]:
    """Module name -> file, for every module of some subpackages and single modules."""
    files = [f for ring in rings for f in sorted((PACKAGE / ring).rglob("*.py"))]
    files += [PACKAGE / f"{ring}.py" for ring in rings if not (PACKAGE / ring).is_dir()]
    names = [f.relative_to(PACKAGE).with_suffix("").parts for f in files]
    return {
        ".".join(["napari_rxrx3", *(part for part in parts if part != "__init__")]): file
        for parts, file in zip(names, files, strict=True)
    }


INNER = modules_of("core", "data", "maps", "strips", "hits", "figures", "diagnostics", "session")


def loaded_by(code: str) -> set[str]:
    """Names of the top-level packages that a new interpreter has loaded after some code."""
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.split())


def imports_of(file: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in {file}"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_core_data_and_maps_load_no_qt_and_no_napari() -> None:
    assert len(INNER) > 25
    loaded = loaded_by("\n".join(f"import {name}" for name in INNER))
    assert {"napari_rxrx3", "numpy", "pandas", "dask"} <= loaded
    assert not loaded & GUI


@pytest.mark.parametrize("name", INNER)
def test_an_inner_module_never_imports_from_an_outer_ring(name: str) -> None:
    imported = set(imports_of(INNER[name]))
    assert not {module.split(".")[0] for module in imported} & GUI
    outer = ["gui", "cli", "_reader", "_commands", "_sample_data"]
    outer += [] if re.search(r"\.(figures|session)\b", name) else ["session", "figures"]
    outer += ["data", "maps"] if name.startswith("napari_rxrx3.core") else []
    outer += [] if re.search(r"\.(strips|hits|figures|session)\b", name) else ["strips"]
    outer += [] if re.search(r"\.(hits|figures|session)\b", name) else ["hits"]
    bad = [m for m in imported for ring in outer if f"{m}.".startswith(f"napari_rxrx3.{ring}.")]
    assert not bad


def manifest_modules() -> list[str]:
    text = (PACKAGE / "napari.yaml").read_text(encoding="utf-8")
    names = set(re.findall(r"python_name: ([\w.]+):", text))
    return sorted(name for name in names if ".gui." not in name)


@pytest.mark.parametrize("module", ["napari_rxrx3", "napari_rxrx3.cli", *manifest_modules()])
def test_what_napari_and_the_command_line_import_at_start_is_light(module: str) -> None:
    assert not loaded_by(f"import {module}") & HEAVY


NEEDED_LATER = {
    *("pandas", "pyarrow", "dask.array", "scipy.sparse", "imagecodecs"),
    *("fsspec", "tifffile", "PIL", "rdkit", "napari_rxrx3.data.dataset"),
    *(
        "napari_rxrx3.data.wells.search",
        "napari_rxrx3.maps.phenomap",
        "napari_rxrx3.maps.evidence.doubts",
    ),
}

DOCK = """
import os, sys
import napari

viewer = napari.Viewer(show=False)
before = set(sys.modules)  # napari may load some of it one day
from napari_rxrx3.gui.explorer import dock_explorer
assert dock_explorer(viewer).welcome.folder_button.text()
print("loaded:", *(set(sys.modules) - before))
sys.stdout.flush()
os._exit(0)  # a window that was never shown has nothing to save
"""


def test_the_explorer_is_docked_without_what_reads_tables_and_images() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DOCK], capture_output=True, text=True, check=True, timeout=120
    )
    line = next(line for line in run.stdout.splitlines() if line.startswith("loaded:"))
    loaded = set(line.split())
    assert "napari_rxrx3.gui.explorer" in loaded
    assert not loaded & NEEDED_LATER


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

WINDOW = modules_of("gui")
_OURS = "napari_rxrx3."
_PRIVATE = {"_qt_window", "_qt_viewer", "_scene_canvas", "_qt_viewer_buttons", "__wrapped__"}
"""Of napari, wherever they are reached; more are told by what they are asked of."""
_NAPARIS = re.compile(r"(^|\.)_?(viewer|window|canvas|layers?|camera)\._[a-z]\w*$")
_LAYERS = re.compile(
    r"\.add_(image|labels|points|layer|shapes|surface)$|\blayers\.(append|insert)$"
)


def edges_of(modules: dict[str, Path]) -> dict[str, set[str]]:
    """Module -> those of them that it imports, at its top, in a function, or for its types."""
    return {name: (set(imports_of(file)) - {name}) & set(modules) for name, file in modules.items()}


def circle_in(edges: dict[str, set[str]]) -> set[str]:
    """What is left when nobody is left who imports nothing that is left."""
    left = {name: set(imported) for name, imported in edges.items()}
    while leaves := {name for name, imported in left.items() if not imported & set(left)}:
        left = {name: imported for name, imported in left.items() if name not in leaves}
    return set(left)


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
    assert circle_in({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()}) == {"a", "b", "c"}
    assert circle_in({"a": {"b"}, "b": {"d"}, "d": set()}) == set()


def test_no_two_modules_of_the_window_import_each_other() -> None:
    assert len(WINDOW) > 80
    assert circle_in(edges_of(WINDOW)) == set()


@pytest.mark.parametrize("name", WINDOW)
def test_the_window_imports_no_edge(name: str) -> None:
    edges = {
        f"{_OURS}{edge}" for edge in ("cli", "_reader", "_writer", "_commands", "_sample_data")
    }
    assert not set(imports_of(WINDOW[name])) & edges


@pytest.mark.parametrize("name", [name for name in WINDOW if name != f"{_OURS}gui.napari_window"])
def test_what_is_private_to_napari_is_reached_in_one_module(name: str) -> None:
    assert private_of_napari(WINDOW[name].read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("name", [name for name in WINDOW if name != f"{_OURS}gui.canvas.layers"])
def test_layers_are_made_in_one_module(name: str) -> None:
    calls = [
        n
        for n in ast.walk(ast.parse(WINDOW[name].read_text(encoding="utf-8")))
        if isinstance(n, ast.Call)
    ]
    assert [ast.unparse(c.func) for c in calls if _LAYERS.search(ast.unparse(c.func))] == []
