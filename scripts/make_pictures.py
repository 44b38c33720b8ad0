"""Make every picture of the documentation from the demo data: ``make docs-pictures``.

Each picture is the real window, saved by the command line as a user would save it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import napari

from napari_rxrx3._commands import dock_explorer
from napari_rxrx3.cli import main as command
from napari_rxrx3.gui.run import save_window, wait_until

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
THEMES = ("dark", "light")
SMALL, LARGE = "1280x800", "1920x1080"

VIEWS = {
    "well": ["--well", "compound-001_1_M24"],
    "neighbors": ["--neighbors", "PLK1"],
    "damaged": ["--well", "gene-001_2_AD12"],
    "missing": ["--well", "compound-001_1_AA04"],
}
KEPT = (
    ("well", "dark", SMALL),
    ("neighbors", "dark", SMALL),
    ("neighbors", "light", SMALL),
    ("neighbors", "dark", LARGE),
    ("damaged", "dark", SMALL),
    ("missing", "light", SMALL),
)
EVERY = tuple((view, theme, size) for view in VIEWS for theme in THEMES for size in (SMALL, LARGE))


def make(demo: Path, folder: Path, every: bool) -> int:
    """Save the views that the documentation shows, or every one; returns how many failed."""
    failures = 0
    for view, theme, size in EVERY if every else KEPT:
        picture = str(folder / f"{view}-{theme}-{size}.png")
        window = ["--screenshot", picture, "--size", size, "--theme", theme]
        failures += command(["demo", "--folder", str(demo), *VIEWS[view], *window]) != 0
    save_welcome(folder)
    return failures


def save_welcome(folder: Path) -> None:
    """Save what a first-time user sees."""
    for theme in THEMES:
        viewer = napari.Viewer()
        viewer.theme = theme
        explorer = dock_explorer(viewer)
        viewer.window.resize(1280, 800)
        wait_until(explorer.welcome.isVisible)
        save_window(viewer, folder / f"welcome-{theme}-{SMALL}.png")
        viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=ROOT / ".demo", help="folder of the demo data")
    parser.add_argument("--to", type=Path, default=PICTURES, help="where the pictures go")
    parser.add_argument("--every", action="store_true", help="every view, theme and size")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    sys.exit(make(arguments.demo, arguments.to, arguments.every))
