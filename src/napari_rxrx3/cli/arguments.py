"""What several commands ask for, and the data set and the map that are meant by it."""

from __future__ import annotations

import argparse
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_rxrx3.cli.output import note, progress_bar
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.passes import ALL_OF_IT, Share, cluster
from napari_rxrx3.maps.align import ALIGNMENTS

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.spec import MapSpec

Commands = Any
"""What argparse adds commands to; its class is private."""


def letters(argument: str) -> str:
    """What was typed, where the locale knows ASCII alone and makes half letters of all others.

    A letter and its accent are one, as in tables: some systems write two.
    """
    try:
        text = os.fsencode(argument).decode()
    except UnicodeError:
        text = argument.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFC", text)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def part(text: str) -> Share:
    try:
        return Share.from_text(text)
    except RxRx3Error as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_key(parser: argparse.ArgumentParser) -> None:
    help_ = "e.g. PLK1, PLK1_guide_1, Bortezomib@2.5"
    parser.add_argument("key", metavar="KEY", type=letters, help=help_)


def add_plates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plates",
        nargs="+",
        default=[],
        metavar="PLATE",
        help="such as gene-001/1; all that have images if not given",
    )


def add_machines(parser: argparse.ArgumentParser) -> None:
    """Where a pass over images runs, if not here and whole."""
    where = parser.add_mutually_exclusive_group()
    help_ = "address of a dask scheduler, whose workers do it"
    where.add_argument("--scheduler", metavar="ADDRESS", help=help_)
    where.add_argument("--scheduler-file", metavar="FILE", help="file that says that address")
    help_ = "do this part of it alone, e.g. 3/100, as one job of an array"
    parser.add_argument("--part", type=part, default=ALL_OF_IT, help=help_)


class PassDesk(NamedTuple):
    """What a pass over images is done with."""

    dataset: Dataset
    client: Client | None
    progress: Progress


@contextmanager
def pass_desk(arguments: argparse.Namespace) -> Iterator[PassDesk]:
    """Open the data set and reach the cluster that are asked for, with a bar of progress."""
    asked = arguments.scheduler, arguments.scheduler_file
    with progress_bar() as progress, cluster(*asked) as client:
        yield PassDesk(opened(arguments.path, progress, with_vectors=False), client, progress)


def add_map_options(parser: argparse.ArgumentParser, levels: tuple[str, ...]) -> None:
    parser.add_argument("--level", choices=levels, default="perturbation")
    help_ = "how batches are aligned by their controls; tvn-centered is ours"
    parser.add_argument("--align", choices=ALIGNMENTS, default="pca-centerscale", help=help_)
    parser.add_argument(
        "--embedding",
        metavar="NAME",
        help="vectors of the data set, or a parquet or CSV file; those of most wells if not given",
    )
    parser.add_argument("--average", choices=("mean", "median"), default="mean")
    parser.add_argument("--batch", choices=("experiment", "plate"), default="experiment")
    parser.add_argument("--control", metavar="TREATMENT", type=letters, default="EMPTY_control")
    help_ = "leave out batches with too few controls"
    parser.add_argument("--leave-out", action="store_true", help=help_)
    help_ = "subtract what the position on the plate does to the controls (ours)"
    parser.add_argument("--position", action="store_true", help=help_)


def opened(path: str, progress: Progress, with_vectors: bool = True) -> Dataset:
    from napari_rxrx3.data.files.addresses import HUB_PAGE, is_of_the_hub
    from napari_rxrx3.dataset import open_dataset

    if is_of_the_hub(path):
        note(f"RxRx3-core is under a license agreement of its own: {HUB_PAGE}")
    dataset = open_dataset(path, progress=progress)
    if with_vectors:
        dataset.read_vectors(progress)
    return dataset


def spec_of(arguments: argparse.Namespace, dataset: Dataset, progress: Progress) -> MapSpec:
    """Which map is asked for; vectors that are a file are read first."""
    from napari_rxrx3.maps.spec import MapSpec

    embedding = arguments.embedding or ""
    if embedding and embedding not in dataset.embeddings and Path(embedding).is_file():
        embedding = dataset.add_embedding(embedding, progress=progress)
        note(dataset.describe_embedding(embedding))
    return MapSpec(
        level=arguments.level,
        align=arguments.align,
        embedding=embedding,
        average=arguments.average,
        batch=arguments.batch,
        control=arguments.control,
        leave_out=arguments.leave_out,
        position=arguments.position,
    )
