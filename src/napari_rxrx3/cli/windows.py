"""Commands that open a window: `demo`, `open`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_rxrx3.cli.arguments import Commands, letters, opened
from napari_rxrx3.cli.output import progress_bar, say
from napari_rxrx3.core.errors import RxRx3Error, UnknownWell
from napari_rxrx3.core.stopping import interruptible

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord


def add_windows(commands: Commands) -> None:
    demo = commands.add_parser("demo", help="open napari on synthetic data, made once")
    demo.add_argument("--folder", help="where the demo data are kept")
    _add_window_options(demo)
    demo.set_defaults(run=_demo, has_window=True)
    open_ = commands.add_parser("open", help="open napari on a data set or a saved session")
    path_help = "folder, metadata file, tar, shard or address; or the JSON of a session or figure"
    open_.add_argument("path", metavar="PATH", help=path_help)
    _add_window_options(open_)
    open_.set_defaults(run=_open, has_window=True)


def _add_window_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--well", metavar="WELL_ID", type=letters, help="go to this well")
    help_ = "show this perturbation and its nearest"
    parser.add_argument("--neighbors", metavar="KEY", type=letters, help=help_)
    parser.add_argument(
        "--view",
        choices=("well", "plate"),
        default="well",
        help="what to fill the canvas with: the well, or its whole plate",
    )
    parser.add_argument("--screenshot", metavar="FILE", help="save the window and exit")
    parser.add_argument("--size", metavar="WxH", default="1280x800", help=argparse.SUPPRESS)
    parser.add_argument("--theme", choices=("dark", "light"), help=argparse.SUPPRESS)


def _demo(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.cache.disk_cache import demo_folder
    from napari_rxrx3.data.demo.screen_files import write_demo

    _require_display()
    with progress_bar() as progress:
        folder = interruptible(lambda: write_demo(demo_folder(arguments.folder), progress=progress))
    return _show(str(folder), arguments)


def _open(arguments: argparse.Namespace) -> int:
    _require_display()
    return _show(arguments.path, arguments)


def _show(path: str, arguments: argparse.Namespace) -> int:
    record, dataset = _record_and_dataset(path)
    if arguments.well is not None and dataset.listed.position_of(arguments.well) is None:
        raise UnknownWell(arguments.well)
    from napari_rxrx3.gui.run import WindowRequest, run_window

    request = WindowRequest(
        arguments.well,
        arguments.neighbors,
        Path(arguments.screenshot) if arguments.screenshot else None,
        _size(arguments.size),
        arguments.theme,
        arguments.view,
        record,
    )
    run_window(dataset, request)
    if request.screenshot is not None:
        say(f"Saved {request.screenshot}.")
    return 0


def _record_and_dataset(path: str) -> tuple[ViewRecord | None, Dataset]:
    """What to show at a path; the vectors are read by the window meanwhile."""
    from napari_rxrx3.figures.record import is_record_file
    from napari_rxrx3.figures.restore import open_record

    with progress_bar() as progress:
        if is_record_file(path):
            return interruptible(lambda: open_record(path, progress=progress))
        return None, interruptible(lambda: opened(path, progress, with_vectors=False))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise RxRx3Error(f"--size wants a width and a height such as 1280x800, not {text!r}.")
    return int(width), int(height)


def _require_display() -> None:
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise RxRx3Error(
            "There is no display to open a window on; run it under xvfb-run, e.g. "
            "xvfb-run -a napari-rxrx3 demo --screenshot demo.png."
        )
