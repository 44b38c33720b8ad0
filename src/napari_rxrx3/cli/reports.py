"""The command `report`: a page about one perturbation."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_rxrx3.cli.arguments import (
    Commands,
    add_key,
    add_map_options,
    letters,
    opened,
    positive,
    spec_of,
)
from napari_rxrx3.cli.output import note, progress_bar, say
from napari_rxrx3.core.words import file_name, key_in_words
from napari_rxrx3.maps.spec import LEVELS, MIN_GENES


def add_report(commands: Commands) -> None:
    help_ = "write a page about a perturbation: pictures, neighbors, evidence"
    report = commands.add_parser("report", help=help_)
    report.add_argument("path", metavar="PATH")
    add_key(report)
    help_ = "where to write it: .png, .pdf, .svg, .tif or .html (PLK1-report.html)"
    report.add_argument("--out", metavar="FILE", type=letters, help=help_)
    report.add_argument("--replace", action="store_true", help="replace a file that is there")
    report.add_argument("-k", type=positive, default=6, help="how many of the nearest (6)")
    help_ = "gene sets (GMT or a table): which are over-represented among the nearest genes"
    report.add_argument("--sets", metavar="FILE", help=help_)
    help_ = f"test sets with so many genes in the map ({MIN_GENES})"
    report.add_argument("--min-genes", metavar="N", type=positive, default=MIN_GENES, help=help_)
    add_map_options(report, LEVELS[1:])
    report.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.figures.reports.saving import report
    from napari_rxrx3.maps.sets.gene_sets import read_gene_sets

    named = f"{file_name(key_in_words(arguments.key))}-report.html"
    path = Path(arguments.out or named)
    sets = read_gene_sets(arguments.sets) if arguments.sets else None
    with progress_bar() as progress:
        dataset = opened(arguments.path, progress)
        spec = spec_of(arguments, dataset, progress)
        phenomap, fallback = dataset.map_or_fallback(spec, progress)
        notes = report(
            phenomap,
            arguments.key,
            path,
            k=arguments.k,
            notes=[fallback] if fallback else [],
            sets=sets,
            min_genes=arguments.min_genes,
            overwrite=arguments.replace,
            progress=progress,
        )
    for sentence in notes:
        note(sentence)
    say(f"{path} written.")
    return 0
