"""The command line: demo, open, check and nearest."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_rxrx3 import __version__
from napari_rxrx3.core.errors import RxRx3Error, UnknownWell

if TYPE_CHECKING:
    from napari_rxrx3.data.dataset import Dataset

__all__ = ["main"]

Progress = Callable[[int, int, str], None]

_LEVELS = ("well", "guide", "perturbation", "compound")
_ALIGNMENTS = ("none", "centerscale", "pca-centerscale", "tvn")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 0 only on success."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except RxRx3Error as error:
        print(f"napari-rxrx3: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # e.g. piped into head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-rxrx3",
        description="See RxRx3: plates, stains, nearest perturbations.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="open napari on synthetic data, made once")
    demo.add_argument("--folder", help="where the demo data are kept")
    _add_window_options(demo)
    demo.set_defaults(run=_demo)
    open_ = commands.add_parser("open", help="open napari on a data set")
    open_.add_argument("path", metavar="PATH", help="folder, metadata file, tar, shard or URL")
    _add_window_options(open_)
    open_.set_defaults(run=_open)
    check = commands.add_parser("check", help="list where metadata, images and embeddings disagree")
    check.add_argument("path", metavar="PATH")
    check.add_argument("--quick", action="store_true", help="compare the lists, decode no image")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check)
    nearest = commands.add_parser("nearest", help="list the perturbations most like another one")
    nearest.add_argument("path", metavar="PATH")
    nearest.add_argument("key", metavar="KEY", help="e.g. PLK1, PLK1_guide_1, Bortezomib@2.5")
    nearest.add_argument("-k", type=_count, default=20, help="how many (20)")
    nearest.add_argument("--level", choices=_LEVELS, default="perturbation")
    nearest.add_argument("--align", choices=_ALIGNMENTS, default="pca-centerscale")
    nearest.add_argument("--metric", choices=("cosine", "euclidean"), default="cosine")
    nearest.add_argument("--opposite", action="store_true", help="least similar first")
    nearest.add_argument("--json", action="store_true", help="print JSON")
    nearest.set_defaults(run=_nearest)
    return parser


def _add_window_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--well", metavar="WELL_ID", help="go to this well")
    parser.add_argument("--neighbors", metavar="KEY", help="show this perturbation and its nearest")
    parser.add_argument("--screenshot", metavar="FILE", help="save the window and exit")
    parser.add_argument("--size", metavar="WxH", default="1280x800", help=argparse.SUPPRESS)
    parser.add_argument("--theme", choices=("dark", "light"), help=argparse.SUPPRESS)


def _demo(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.cache import demo_folder
    from napari_rxrx3.data.demo import write_demo

    _require_display()
    with _progress_bar() as progress:
        folder = write_demo(demo_folder(arguments.folder), progress=progress)
    return _show(str(folder), arguments)


def _open(arguments: argparse.Namespace) -> int:
    _require_display()
    return _show(arguments.path, arguments)


def _show(path: str, arguments: argparse.Namespace) -> int:
    with _progress_bar() as progress:
        dataset = _opened(path, progress)
    if arguments.well is not None and arguments.well not in dataset.wells.index:
        raise UnknownWell(arguments.well)
    from napari_rxrx3.gui.run import Request, run_window

    request = Request(
        arguments.well,
        arguments.neighbors,
        Path(arguments.screenshot) if arguments.screenshot else None,
        _size(arguments.size),
        arguments.theme,
    )
    run_window(dataset, request)
    if request.screenshot is not None:
        print(f"Saved {request.screenshot}.")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
        report = dataset.check(decode=not arguments.quick, progress=progress)
    if arguments.json:
        print(report.to_json())
        return 0
    if not report.is_clean:
        table = report.problems.astype("str").replace("<NA>", "")
        print(table.to_string(index=False, max_colwidth=120))
        print()
    print(report.summary())
    return 0


def _nearest(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.phenomap import phenomap_or_fallback

    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
    phenomap, note = phenomap_or_fallback(dataset, arguments.level, arguments.align)
    if note:
        print(f"napari-rxrx3: {note}", file=sys.stderr)
    table = phenomap.nearest(arguments.key, arguments.k, arguments.metric, arguments.opposite)
    if arguments.json:
        print(json.dumps(table.to_dict(orient="records"), indent=1))
    elif table.empty:
        print("The map holds nothing else.")
    else:
        print(table.to_string(index=False, float_format="{:.4f}".format))
    return 0


def _opened(path: str, progress: Progress) -> Dataset:
    from napari_rxrx3.data.dataset import open_dataset

    dataset = open_dataset(path, progress=progress)
    len(dataset.wells), len(dataset.plates)
    return dataset


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


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


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """Show progress on standard error, if a person is watching it."""
    from tqdm import tqdm

    with tqdm(disable=None, file=sys.stderr, leave=False) as bar:

        def progress(done: int, total: int, text: str) -> None:
            bar.total = total or None
            bar.n = done
            bar.set_description_str(text[-60:], refresh=True)

        yield progress
