"""The command `export`: crops, plates as OME-Zarr, maps."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_rxrx3.cli.arguments import (
    Commands,
    add_machines,
    add_map_options,
    add_plates,
    opened,
    pass_desk,
    positive,
    spec_of,
)
from napari_rxrx3.cli.output import note, progress_bar, say
from napari_rxrx3.core.words import count
from napari_rxrx3.data.passes import PassSummary
from napari_rxrx3.exports.choices import ENDINGS, NGFF_VERSIONS, PLACES, SHARES
from napari_rxrx3.maps.spec import LEVELS


def add_exports(commands: Commands) -> None:
    export = commands.add_parser("export", help="write plates, crops or a map for other tools")
    kinds = export.add_subparsers(required=True, metavar="KIND")
    _add_crops(kinds)
    _add_zarr(kinds)
    help_ = "keys, labels, aligned vectors and scores as parquet or AnnData"
    map_ = kinds.add_parser("map", help=help_)
    map_.add_argument("path", metavar="PATH")
    map_.add_argument("file", metavar="FILE", help="the file to write")
    help_ = "the form of the file (h5ad, which is AnnData, for FILE.h5ad; else parquet)"
    map_.add_argument("--format", choices=("parquet", "h5ad"), help=help_)
    add_map_options(map_, LEVELS)
    map_.add_argument("--no-scores", action="store_true", help="leave out what takes long")
    map_.set_defaults(run=_export_map)


def _add_crops(kinds: Commands) -> None:
    help_ = "six planes a crop, with labels and splits, a file a plate"
    crops = kinds.add_parser("crops", help=help_)
    crops.add_argument("path", metavar="PATH")
    crops.add_argument("folder", metavar="FOLDER", help="where to write; goes on if it was stopped")
    crops.add_argument("--size", type=positive, default=256, help="side in pixels (256)")
    crops.add_argument("--per-well", type=positive, default=4, help="how many of a well (4)")
    help_ = "spread evenly over the well, anywhere by --seed, or around nuclei by --seed"
    crops.add_argument("--places", choices=PLACES, default="grid", help=help_)
    help_ = "table with the columns well_id, y, x: crops lie there; or the word nuclei: find them"
    crops.add_argument("--centers", metavar="FILE", help=help_)
    crops.add_argument("--form", choices=tuple(ENDINGS), default="parquet")
    crops.add_argument("--seed", type=int, default=0)
    help_ = "how much trains, validates, tests (0.8 0.1 0.1); whole experiments are held out"
    crops.add_argument("--shares", type=float, nargs=3, default=SHARES, metavar="N", help=help_)
    help_ = "let experiments of the same perturbations be held out from each other"
    crops.add_argument("--apart", action="store_true", help=help_)
    add_plates(crops)
    add_machines(crops)
    crops.set_defaults(run=_export_crops)


def _export_crops(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.thumbnails.prepare import plates_named
    from napari_rxrx3.exports.crops import export_crops

    with pass_desk(arguments) as (dataset, client, progress):
        wells = None
        if arguments.plates:
            plates = plates_named(dataset, arguments.plates)
            wells = [well for plate in plates for well in dataset.wells_of_plate(plate).index]
        summary = export_crops(
            dataset,
            arguments.folder,
            size=arguments.size,
            per_well=arguments.per_well,
            places=arguments.places,
            form=arguments.form,
            seed=arguments.seed,
            shares=arguments.shares,
            apart=arguments.apart,
            wells=wells,
            centers=arguments.centers,
            client=client,
            share=arguments.part,
            progress=progress,
        )
    return _told(summary, "crop")


def _add_zarr(kinds: Commands) -> None:
    plates = kinds.add_parser("zarr", help="plates as OME-Zarr, a folder each")
    plates.add_argument("path", metavar="PATH")
    plates.add_argument(
        "folder", metavar="FOLDER", help="where to write; goes on if it was stopped"
    )
    help_ = "version of the format (0.5); older programs read 0.4"
    plates.add_argument("--ngff", choices=NGFF_VERSIONS, default="0.5", help=help_)
    add_plates(plates)
    add_machines(plates)
    plates.set_defaults(run=_export_zarr)


def _export_zarr(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.exports.plates_zarr import export_zarr

    with pass_desk(arguments) as (dataset, client, progress):
        summary = export_zarr(
            dataset,
            arguments.folder,
            arguments.plates,
            ngff=arguments.ngff,
            client=client,
            share=arguments.part,
            progress=progress,
        )
    return _told(summary, "well")


def _told(summary: PassSummary, what: str) -> int:
    """Say what a pass has written, and the first thing that it could not."""
    for failure in summary.failures[:1]:
        note(failure)
    say(summary.words(what))
    return 1 if summary.n_open else 0


def _export_map(arguments: argparse.Namespace) -> int:
    with progress_bar() as progress:
        dataset = opened(arguments.path, progress)
        m = dataset.map_of(spec_of(arguments, dataset, progress), progress)
        form = arguments.format or Path(arguments.file).suffix.lower().lstrip(".")
        write = m.to_h5ad if form == "h5ad" else m.to_parquet
        write(arguments.file, scores=not arguments.no_scores, progress=progress)
    say(f"{count(len(m.labels), 'entry')} written to {arguments.file}.")
    return 0
