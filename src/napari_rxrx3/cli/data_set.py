"""Commands about files: `check`, `thumbnails`, `index`, `cache`, `diagnostics`."""

from __future__ import annotations

import argparse
import json

from napari_rxrx3.cli.arguments import Commands, add_machines, add_plates, pass_desk
from napari_rxrx3.cli.output import note, progress_bar, say
from napari_rxrx3.core.errors import Cancelled


def add_check(commands: Commands) -> None:
    check = commands.add_parser("check", help="list where metadata, images and embeddings disagree")
    check.add_argument("path", metavar="PATH")
    depth = check.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true", help="compare the lists, decode no image")
    help_ = "decode every image that was not, or has changed (if not --quick)"
    depth.add_argument("--full", action="store_true", help=help_)
    help_ = "decode also images that were checked before and have not changed"
    depth.add_argument("--again", action="store_true", help=help_)
    check.add_argument("--json", action="store_true", help="print JSON")
    add_machines(check)
    check.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    with pass_desk(arguments) as (dataset, client, progress):
        try:
            report = dataset.check(
                decode=not arguments.quick,
                again=arguments.again,
                client=client,
                share=arguments.part,
                progress=progress,
            )
        except (Cancelled, KeyboardInterrupt):
            if not arguments.quick:
                note("stopped; what was checked so far is kept.")
            raise
    if arguments.json:
        if report.checked:
            note(report.checked)
        say(report.to_json())
        return 0
    said = [line for line in (report.checked, report.summary()) if line]
    if not report.is_clean:
        table = report.problems.astype("str").replace("<NA>", "")
        said = [table.to_string(index=False, max_colwidth=120), "", *said]
    say("\n".join(said))
    return 0


def add_thumbnails(commands: Commands) -> None:
    help_ = "make the thumbnails of plates ahead, so that they show at once"
    thumbnails = commands.add_parser("thumbnails", help=help_)
    thumbnails.add_argument("path", metavar="PATH")
    add_plates(thumbnails)
    add_machines(thumbnails)
    thumbnails.set_defaults(run=_thumbnails)


def _thumbnails(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.thumbnails.prepare import more_than_fits, plates_named, prepare

    with pass_desk(arguments) as (dataset, client, progress):
        plates = plates_named(dataset, arguments.plates)
        if warning := more_than_fits(dataset, plates):
            note(warning)
        try:
            share = arguments.part
            prepared = prepare(dataset, plates, progress, client=client, share=share)
        except (Cancelled, KeyboardInterrupt):
            note("stopped; the thumbnails made so far are kept.")
            raise
    if prepared.failures:
        note(prepared.failures[0])
    say(prepared.summary())
    return 0


def add_index(commands: Commands) -> None:
    help_ = "write an index beside each tar and shard, so that nobody has to look through it again"
    index = commands.add_parser("index", help=help_)
    index.add_argument("path", metavar="PATH")
    index.add_argument(
        "--to",
        metavar="FOLDER",
        help="write there, in the same folders, what is then to be put beside them",
    )
    index.set_defaults(run=_index)


def _index(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.images.indexing import write_indexes

    with progress_bar() as progress:
        try:
            written = write_indexes(arguments.path, arguments.to, progress)
        except (Cancelled, KeyboardInterrupt):
            note("stopped; the indexes written so far stay.")
            raise
    for failure in written.failures[:1]:
        note(failure)
    say(written.summary())
    return 1 if written.failures else 0


def add_cache(commands: Commands) -> None:
    cache = commands.add_parser("cache", help="see or empty what is kept on disk for speed")
    cache.add_argument("--clear", action="store_true", help="empty it; it fills again by itself")
    cache.add_argument("--json", action="store_true", help="print JSON")
    cache.set_defaults(run=_cache)


def _cache(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.cache.budgets import budget_of
    from napari_rxrx3.data.cache.disk_cache import default_cache_folder
    from napari_rxrx3.data.cache.eviction import described, empty, kept_files, sizes

    folder = default_cache_folder()
    files = empty(folder) if arguments.clear else kept_files(folder)
    budget = budget_of(folder)
    if arguments.json:
        report = {"folder": str(folder), "budget_bytes": budget, "kinds": sizes(files)}
        say(json.dumps(report, indent=1))
        return 0
    said = [str(folder), described(files, budget)]
    if arguments.clear and files:
        said.append("What is left is being written or used by another program.")
    say("\n".join(said))
    return 0


def add_diagnostics(commands: Commands) -> None:
    diagnostics = commands.add_parser("diagnostics", help="print what a bug report should say")
    diagnostics.add_argument("path", metavar="PATH", nargs="?", help="a data set to open for it")
    diagnostics.add_argument("--json", action="store_true", help="print JSON")
    diagnostics.set_defaults(run=_diagnostics)


def _diagnostics(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.diagnostics.report import as_text, report_on

    with progress_bar() as progress:
        report = report_on(arguments.path, progress)
    say(as_text(report, arguments.json).rstrip())
    return 0
