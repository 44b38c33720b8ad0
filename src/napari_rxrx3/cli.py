"""The command line: one subcommand for each thing that can be done without clicking."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from napari_rxrx3.core.errors import Cancelled, RxRx3Error, UnknownWell
from napari_rxrx3.core.secrets import without_secrets
from napari_rxrx3.core.stopping import check, interruptible
from napari_rxrx3.core.version import __version__
from napari_rxrx3.core.words import count
from napari_rxrx3.data.passes import ALL_OF_IT, PassSummary, Share, cluster
from napari_rxrx3.exports.choices import ENDINGS, NGFF_VERSIONS, PLACES, SHARES
from napari_rxrx3.maps.align import ALIGNMENTS
from napari_rxrx3.maps.spec import LEVELS

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.figures.record import ViewRecord
    from napari_rxrx3.maps.spec import MapSpec

__all__ = ["main"]

Progress = Callable[[int, int, str], None]
_SHOWN_SCORES = (
    *("activity", "activity_p", "activity_q", "is_active", "strength", "strength_p"),
    *("consistency", "agreement", "odd_guide"),
)
Commands = Any
"""What argparse adds commands to; its class is private."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 0 only on success."""
    _take_any_letter()
    try:
        try:
            arguments = _parser().parse_args(argv)
            if arguments.run in (_open, _demo):  # windows are the main thread's
                return int(arguments.run(arguments))
            return int(interruptible(partial(arguments.run, arguments)))
        finally:
            _flush()  # also after --help, which ends the program
    except RxRx3Error as error:
        _note(str(error))
        return 1
    except BrokenPipeError:  # e.g. piped into head
        _give_up(sys.stdout)
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        name = f"{error.filename}: " if error.filename else ""
        _note(f"{name}{error.strerror or error}.")
        return 1
    except KeyboardInterrupt:
        return 130


def _take_any_letter() -> None:
    r"""Write what an encoding has no sign for as ``\u03b2``: any answer beats none."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say(text: str) -> None:
    """Print an answer.

    Raises
    ------
    BrokenPipeError
        If nobody reads it any more.
    RxRx3Error
        If it cannot be written.
    """
    if sys.stdout is None:  # closed before the program began
        raise RxRx3Error("The answer cannot be written (there is no standard output).")
    try:
        print(text, flush=True)  # before anything is said beside it
    except OSError as error:
        raise _unwritten(error) from error
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if text.encode(encoding, "replace").decode(encoding, "replace") != text:
        _note(f"Letters that {encoding} does not have are written by their numbers: \\u03b2.")


def _flush() -> None:
    """Write what was printed; raises as `_say` does."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise _unwritten(error) from error


def _unwritten(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return error
    _give_up(sys.stdout)
    return RxRx3Error(f"The answer cannot be written ({error.strerror or error}).")


def _note(sentence: str) -> None:
    """Say something beside the answer, which is worth more: no failure ends the program."""
    try:
        if sys.stderr is not None:
            print(f"napari-rxrx3: {without_secrets(sentence)}", file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Let what cannot be written go nowhere: Python would try again at its end, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Parser(argparse.ArgumentParser):
    def print_help(self, file: Any = None) -> None:
        _say(self.format_help().rstrip("\n"))  # argparse would pass over what cannot be written


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        _say(f"napari-rxrx3 {__version__}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="napari-rxrx3",
        description="See RxRx3: plates, stains, nearest perturbations.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print it and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_windows(commands)
    _add_check(commands)
    _add_nearest(commands)
    _add_scores(commands)
    _add_batches(commands)
    _add_benchmark(commands)
    _add_thumbnails(commands)
    _add_exports(commands)
    _add_index(commands)
    _add_cache(commands)
    _add_diagnostics(commands)
    return parser


def _add_windows(commands: Commands) -> None:
    demo = commands.add_parser("demo", help="open napari on synthetic data, made once")
    demo.add_argument("--folder", help="where the demo data are kept")
    _add_window_options(demo)
    demo.set_defaults(run=_demo)
    open_ = commands.add_parser("open", help="open napari on a data set or a saved session")
    path_help = "folder, metadata file, tar, shard or address; or the JSON of a session or figure"
    open_.add_argument("path", metavar="PATH", help=path_help)
    _add_window_options(open_)
    open_.set_defaults(run=_open)


def _add_check(commands: Commands) -> None:
    check = commands.add_parser("check", help="list where metadata, images and embeddings disagree")
    check.add_argument("path", metavar="PATH")
    check.add_argument("--quick", action="store_true", help="compare the lists, decode no image")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check)


def _add_nearest(commands: Commands) -> None:
    nearest = commands.add_parser("nearest", help="list the perturbations most like another one")
    nearest.add_argument("path", metavar="PATH")
    help_ = "e.g. PLK1, PLK1_guide_1, Bortezomib@2.5"
    nearest.add_argument("key", metavar="KEY", type=_letters, help=help_)
    nearest.add_argument("-k", type=_count, default=20, help="how many (20)")
    nearest.add_argument("--kind", choices=("CRISPR", "COMPOUND"), help="search these only")
    _add_map_options(nearest, LEVELS)
    nearest.add_argument("--metric", choices=("cosine", "euclidean"), default="cosine")
    nearest.add_argument("--opposite", action="store_true", help="least similar first")
    nearest.add_argument(
        "--across", action="store_true", help="most alike across experiments first (cosine)"
    )
    nearest.add_argument("--json", action="store_true", help="print JSON")
    nearest.set_defaults(run=_nearest)


def _letters(argument: str) -> str:
    """What was typed, where the locale knows ASCII alone and makes half letters of all others.

    A letter and its accent are one, as in tables: some systems write two.
    """
    try:
        text = os.fsencode(argument).decode()
    except UnicodeError:
        text = argument.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFC", text)


def _add_scores(commands: Commands) -> None:
    scores = commands.add_parser(
        "scores", help="tell which perturbations do anything, and how much"
    )
    scores.add_argument("path", metavar="PATH")
    help_ = "list so many, those that are most certain first (20)"
    scores.add_argument("-k", type=_count, default=20, help=help_)
    _add_map_options(scores, LEVELS)
    form = scores.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print all of the map as CSV")
    form.add_argument("--json", action="store_true", help="print all of the map as JSON")
    scores.set_defaults(run=_scores)


def _add_batches(commands: Commands) -> None:
    help_ = "see what experiments, plates and places on the plate do to the controls"
    batches = commands.add_parser("batches", help=help_)
    batches.add_argument("path", metavar="PATH")
    _add_map_options(batches, LEVELS)
    form = batches.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print CSV")
    batches.set_defaults(run=_batches)


def _add_benchmark(commands: Commands) -> None:
    benchmark = commands.add_parser("benchmark", help="see how much of what is known a map tells")
    benchmark.add_argument("path", metavar="PATH")
    benchmark.add_argument(
        "--pairs",
        metavar="FILE",
        action="append",
        default=[],
        help="table with the columns entity1 and entity2, e.g. genes of one complex; repeatable",
    )
    help_ = "table with the columns treatment, gene_symbol, and nM_value or active"
    benchmark.add_argument("--interactions", metavar="FILE", help=help_)
    _add_map_options(benchmark, LEVELS[1:])
    benchmark.add_argument("--json", action="store_true", help="print JSON")
    benchmark.set_defaults(run=_benchmark)


def _add_thumbnails(commands: Commands) -> None:
    help_ = "make the thumbnails of plates ahead, so that they show at once"
    thumbnails = commands.add_parser("thumbnails", help=help_)
    thumbnails.add_argument("path", metavar="PATH")
    _add_plates(thumbnails)
    _add_machines(thumbnails)
    thumbnails.set_defaults(run=_thumbnails)


def _add_exports(commands: Commands) -> None:
    export = commands.add_parser("export", help="write plates, crops or a map for other tools")
    kinds = export.add_subparsers(required=True, metavar="KIND")
    _add_crops(kinds)
    _add_zarr(kinds)
    map_ = kinds.add_parser("map", help="keys, labels, aligned vectors and scores as parquet")
    map_.add_argument("path", metavar="PATH")
    map_.add_argument("file", metavar="FILE", help="the parquet file to write")
    _add_map_options(map_, LEVELS)
    map_.add_argument("--no-scores", action="store_true", help="leave out what takes long")
    map_.set_defaults(run=_export_map)


def _add_crops(kinds: Commands) -> None:
    help_ = "six planes a crop, with labels and splits, a file a plate"
    crops = kinds.add_parser("crops", help=help_)
    crops.add_argument("path", metavar="PATH")
    crops.add_argument("folder", metavar="FOLDER", help="where to write; goes on if it was stopped")
    crops.add_argument("--size", type=_count, default=256, help="side in pixels (256)")
    crops.add_argument("--per-well", type=_count, default=4, help="how many of a well (4)")
    help_ = "spread evenly over the well, or anywhere by --seed"
    crops.add_argument("--places", choices=PLACES, default="grid", help=help_)
    help_ = "table with the columns well_id, y, x, such as nuclei: crops lie there"
    crops.add_argument("--centers", metavar="FILE", help=help_)
    crops.add_argument("--form", choices=tuple(ENDINGS), default="parquet")
    crops.add_argument("--seed", type=int, default=0)
    help_ = "how much trains, validates, tests (0.8 0.1 0.1); whole experiments are held out"
    crops.add_argument("--shares", type=float, nargs=3, default=SHARES, metavar="N", help=help_)
    help_ = "let experiments of the same perturbations be held out from each other"
    crops.add_argument("--apart", action="store_true", help=help_)
    _add_plates(crops)
    _add_machines(crops)
    crops.set_defaults(run=_export_crops)


def _add_zarr(kinds: Commands) -> None:
    plates = kinds.add_parser("zarr", help="plates as OME-Zarr, a folder each")
    plates.add_argument("path", metavar="PATH")
    plates.add_argument(
        "folder", metavar="FOLDER", help="where to write; goes on if it was stopped"
    )
    help_ = "version of the format (0.5); older programs read 0.4"
    plates.add_argument("--ngff", choices=NGFF_VERSIONS, default="0.5", help=help_)
    _add_plates(plates)
    _add_machines(plates)
    plates.set_defaults(run=_export_zarr)


def _add_plates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plates",
        nargs="+",
        default=[],
        metavar="PLATE",
        help="such as gene-001/1; all that have images if not given",
    )


def _add_machines(parser: argparse.ArgumentParser) -> None:
    """Where a pass over images runs, if not here and whole."""
    where = parser.add_mutually_exclusive_group()
    help_ = "address of a dask scheduler, whose workers do it"
    where.add_argument("--scheduler", metavar="ADDRESS", help=help_)
    where.add_argument("--scheduler-file", metavar="FILE", help="file that says that address")
    help_ = "do this part of it alone, e.g. 3/100, as one job of an array"
    parser.add_argument("--part", type=_share, default=ALL_OF_IT, help=help_)


def _add_index(commands: Commands) -> None:
    help_ = "write an index beside each tar and shard, so that nobody has to look through it again"
    index = commands.add_parser("index", help=help_)
    index.add_argument("path", metavar="PATH")
    index.add_argument(
        "--to",
        metavar="FOLDER",
        help="write there, in the same folders, what is then to be put beside them",
    )
    index.set_defaults(run=_index)


def _add_cache(commands: Commands) -> None:
    cache = commands.add_parser("cache", help="see or empty what is kept on disk for speed")
    cache.add_argument("--clear", action="store_true", help="empty it; it fills again by itself")
    cache.add_argument("--json", action="store_true", help="print JSON")
    cache.set_defaults(run=_cache)


def _add_diagnostics(commands: Commands) -> None:
    diagnostics = commands.add_parser("diagnostics", help="print what a bug report should say")
    diagnostics.add_argument("path", metavar="PATH", nargs="?", help="a data set to open for it")
    diagnostics.add_argument("--json", action="store_true", help="print JSON")
    diagnostics.set_defaults(run=_diagnostics)


def _add_map_options(parser: argparse.ArgumentParser, levels: tuple[str, ...]) -> None:
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
    parser.add_argument("--control", metavar="TREATMENT", type=_letters, default="EMPTY_control")
    help_ = "leave out batches with too few controls"
    parser.add_argument("--leave-out", action="store_true", help=help_)
    help_ = "subtract what the position on the plate does to the controls (ours)"
    parser.add_argument("--position", action="store_true", help=help_)


def _add_window_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--well", metavar="WELL_ID", type=_letters, help="go to this well")
    help_ = "show this perturbation and its nearest"
    parser.add_argument("--neighbors", metavar="KEY", type=_letters, help=help_)
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
    with _progress_bar() as progress:
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
        _say(f"Saved {request.screenshot}.")
    return 0


def _record_and_dataset(path: str) -> tuple[ViewRecord | None, Dataset]:
    """What to show at a path; the vectors are read by the window meanwhile."""
    from napari_rxrx3.figures.record import is_record_file
    from napari_rxrx3.figures.restore import open_record

    with _progress_bar() as progress:
        if is_record_file(path):
            return interruptible(lambda: open_record(path, progress=progress))
        return None, interruptible(lambda: _opened(path, progress, with_vectors=False))


def _check(arguments: argparse.Namespace) -> int:
    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
        report = dataset.check(decode=not arguments.quick, progress=progress)
    if arguments.json:
        _say(report.to_json())
        return 0
    said = [report.summary()]
    if not report.is_clean:
        table = report.problems.astype("str").replace("<NA>", "")
        said = [table.to_string(index=False, max_colwidth=120), "", *said]
    _say("\n".join(said))
    return 0


def _nearest(arguments: argparse.Namespace) -> int:
    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
        spec = _spec(arguments, dataset, progress)
        phenomap, note = dataset.map_or_fallback(spec, progress)
        for sentence in filter(None, (note, *phenomap.notes)):
            _note(sentence)
        table = phenomap.nearest(
            arguments.key,
            arguments.k,
            arguments.metric,
            arguments.opposite,
            kind=arguments.kind,
            across=arguments.across,
            progress=progress,
        )
    if arguments.json:
        rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
        _say(json.dumps(rows, indent=1))
    elif table.empty:
        _say("The map holds nothing else.")
    else:
        table["flags"] = table["flags"].map(", ".join)
        _say(table.to_string(index=False, float_format="{:.4f}".format, na_rep="-"))
    return 0


def _scores(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.evidence.activity import count_active

    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
        phenomap, note = dataset.map_or_fallback(_spec(arguments, dataset, progress), progress)
        for sentence in filter(None, (note, *phenomap.notes)):
            _note(sentence)
        scores = phenomap.score_store.get(progress)
    n_active, n_tested = count_active(scores)
    words = f"{n_active:,} of {n_tested:,} active at 5 %"
    table = phenomap.labels[["perturbation_type", "n_wells"]].join(scores).rename_axis("key")
    table = table.sort_values(["activity_q", "activity"], ascending=[True, False], kind="stable")
    if arguments.json:
        rows = table.reset_index().astype(object)
        report = {
            **{"level": phenomap.level, "align": phenomap.align, "embedding": phenomap.embedding},
            **{"n_entries": len(table), "n_tested": n_tested, "n_active": n_active},
            "scores": rows.where(rows.notna(), None).to_dict(orient="records"),
        }
        _say(json.dumps(report, indent=1))
    elif arguments.csv:
        _say(table.to_csv(lineterminator="\n").rstrip("\n"))
        _note(f"{words}.")
    else:
        columns = [*table.columns[:2], *_SHOWN_SCORES]
        listed = table[columns].head(arguments.k).reset_index()
        shown = listed.to_string(index=False, float_format="{:.4g}".format, na_rep="-")
        _say(f"{shown}\n\n{words}; {len(listed):,} of {len(table):,} entries are listed.")
    return 0


def _batches(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.evidence.batch_diagnostics import diagnostics_in_words

    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
        phenomap = dataset.map_of(_spec(arguments, dataset, progress), progress)
        for sentence in phenomap.notes:
            _note(sentence)
        table = phenomap.diagnostics_store.get(progress)
    if arguments.json:
        rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
        _say(json.dumps(rows, indent=1))
    elif arguments.csv:
        _say(table.to_csv(index=False, lineterminator="\n").rstrip("\n"))
    else:
        shown = table.to_string(index=False, float_format="{:.4f}".format, na_rep="-")
        _say(f"{shown}\n\n{diagnostics_in_words(table, phenomap.align)}")
    return 0


def _spec(arguments: argparse.Namespace, dataset: Dataset, progress: Progress) -> MapSpec:
    """Which map is asked for; vectors that are a file are read first."""
    from napari_rxrx3.maps.spec import MapSpec

    embedding = arguments.embedding or ""
    if embedding and embedding not in dataset.embeddings and Path(embedding).is_file():
        embedding = dataset.add_embedding(embedding, progress=progress)
        _note(dataset.describe_embedding(embedding))
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


def _benchmark(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.benchmark.compound_genes import compound_gene_precision
    from napari_rxrx3.maps.benchmark.known import read_interactions, read_pairs
    from napari_rxrx3.maps.benchmark.recall import benchmark_in_words, pair_recalls

    if not (arguments.pairs or arguments.interactions):
        raise RxRx3Error("Name a file of what is known, with --pairs or --interactions.")
    pairs = {file: read_pairs(file) for file in arguments.pairs}
    table = read_interactions(arguments.interactions) if arguments.interactions else None
    result: dict[str, Any] = {name: getattr(arguments, name) for name in ("level", "align")}
    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
        phenomap = dataset.map_of(_spec(arguments, dataset, progress), progress)
        for sentence in phenomap.notes:
            _note(sentence)
        result["embedding"] = phenomap.embedding
        if pairs:
            recalls = pair_recalls(phenomap, pairs, progress=progress)
            result["pairs"] = [{"file": f, **recall.as_dict()} for f, recall in recalls.items()]
        if table is not None:
            precision = compound_gene_precision(phenomap, table, progress=progress)
            result["interactions"] = {"file": arguments.interactions, **precision.as_dict()}
    _say(json.dumps(result, indent=1) if arguments.json else benchmark_in_words(result))
    return 0


def _thumbnails(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.thumbnails.prepare import more_than_fits, plates_named, prepare

    asked = arguments.scheduler, arguments.scheduler_file
    with _progress_bar() as progress, cluster(*asked) as client:
        dataset = _opened(arguments.path, progress, with_vectors=False)
        plates = plates_named(dataset, arguments.plates)
        if warning := more_than_fits(dataset, plates):
            _note(warning)
        try:
            share = arguments.part
            prepared = prepare(dataset, plates, progress, client=client, share=share)
        except (Cancelled, KeyboardInterrupt):
            _note("stopped; the thumbnails made so far are kept.")
            raise
    if prepared.failures:
        _note(prepared.failures[0])
    _say(prepared.summary())
    return 0


def _export_crops(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.thumbnails.prepare import plates_named
    from napari_rxrx3.exports.crops import export_crops

    asked = arguments.scheduler, arguments.scheduler_file
    with _progress_bar() as progress, cluster(*asked) as client:
        dataset = _opened(arguments.path, progress, with_vectors=False)
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


def _export_zarr(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.exports.plates_zarr import export_zarr

    asked = arguments.scheduler, arguments.scheduler_file
    with _progress_bar() as progress, cluster(*asked) as client:
        dataset = _opened(arguments.path, progress, with_vectors=False)
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
        _note(failure)
    _say(summary.words(what))
    return 0


def _export_map(arguments: argparse.Namespace) -> int:
    with _progress_bar() as progress:
        dataset = _opened(arguments.path, progress)
        m = dataset.map_of(_spec(arguments, dataset, progress), progress)
        m.to_parquet(arguments.file, scores=not arguments.no_scores, progress=progress)
    _say(f"{count(len(m.labels), 'entry')} written to {arguments.file}.")
    return 0


def _index(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.images.indexing import write_indexes

    with _progress_bar() as progress:
        try:
            written = write_indexes(arguments.path, arguments.to, progress)
        except (Cancelled, KeyboardInterrupt):
            _note("stopped; the indexes written so far stay.")
            raise
    for failure in written.failures[:1]:
        _note(failure)
    _say(written.summary())
    return 1 if written.failures else 0


def _cache(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.cache.budgets import budget_of
    from napari_rxrx3.data.cache.disk_cache import default_cache_folder
    from napari_rxrx3.data.cache.eviction import described, empty, kept_files, sizes

    folder = default_cache_folder()
    files = empty(folder) if arguments.clear else kept_files(folder)
    budget = budget_of(folder)
    if arguments.json:
        report = {"folder": str(folder), "budget_bytes": budget, "kinds": sizes(files)}
        _say(json.dumps(report, indent=1))
        return 0
    said = [str(folder), described(files, budget)]
    if arguments.clear and files:
        said.append("What is left is being written or used by another program.")
    _say("\n".join(said))
    return 0


def _diagnostics(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.diagnostics.report import as_text, report_on

    with _progress_bar() as progress:
        report = report_on(arguments.path, progress)
    _say(as_text(report, arguments.json).rstrip())
    return 0


def _opened(path: str, progress: Progress, with_vectors: bool = True) -> Dataset:
    from napari_rxrx3.data.files.addresses import HUB_PAGE, is_of_the_hub
    from napari_rxrx3.dataset import open_dataset

    if is_of_the_hub(path):
        _note(f"RxRx3-core is under a license agreement of its own: {HUB_PAGE}")
    dataset = open_dataset(path, progress=progress)
    if with_vectors:
        dataset.read_vectors(progress)
    return dataset


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _share(text: str) -> Share:
    try:
        return Share.from_text(text)
    except RxRx3Error as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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

    with tqdm(disable=None if sys.stderr is not None else True, leave=False) as bar:

        def progress(done: int, total: int, text: str) -> None:
            check()
            bar.total = total or None
            bar.n = done
            bar.set_description_str(without_secrets(text)[-60:], refresh=True)

        yield progress
