"""Commands that ask a map of perturbations, such as `nearest`, `sets` and `scores`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from napari_rxrx3.cli.arguments import Commands, add_key, add_map_options, opened, positive, spec_of
from napari_rxrx3.cli.output import note, progress_bar, say
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.maps.spec import LEVELS, MIN_GENES

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.sets.arms import GeneArms
    from napari_rxrx3.maps.sets.expression import UnexpressedGenes

_SHOWN_SCORES = (
    *("activity", "activity_p", "activity_q", "is_active", "strength", "strength_p"),
    *("consistency", "agreement", "odd_guide"),
)

_SHOWN_SETS = 20


def add_nearest(commands: Commands) -> None:
    nearest = commands.add_parser("nearest", help="list the perturbations most like another one")
    nearest.add_argument("path", metavar="PATH")
    add_key(nearest)
    nearest.add_argument("-k", type=positive, default=20, help="how many (20)")
    nearest.add_argument("--kind", choices=("CRISPR", "COMPOUND"), help="search these only")
    add_map_options(nearest, LEVELS)
    nearest.add_argument("--metric", choices=("cosine", "euclidean"), default="cosine")
    nearest.add_argument("--opposite", action="store_true", help="least similar first")
    nearest.add_argument(
        "--across", action="store_true", help="most alike across experiments first (cosine)"
    )
    help_ = "table of genes and chromosome arms: doubt neighbors on the arm of the query"
    nearest.add_argument("--arms", metavar="FILE", help=help_)
    nearest.add_argument("--json", action="store_true", help="print JSON")
    nearest.set_defaults(run=_nearest)


def _nearest(arguments: argparse.Namespace) -> int:
    arms = _arms_of(arguments.arms) if arguments.arms else None
    with progress_bar() as progress:
        phenomap = _map_asked(arguments, progress)
        phenomap.dataset.arms = arms
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
        say(json.dumps(_records(table), indent=1))
    elif table.empty:
        say("The map holds nothing else.")
    else:
        table["flags"] = table["flags"].map(", ".join)
        say(table.to_string(index=False, float_format="{:.4f}".format, na_rep="-"))
    return 0


def add_scores(commands: Commands) -> None:
    scores = commands.add_parser(
        "scores", help="tell which perturbations do anything, and how much"
    )
    scores.add_argument("path", metavar="PATH")
    help_ = "list so many, those that are most certain first (20)"
    scores.add_argument("-k", type=positive, default=20, help=help_)
    add_map_options(scores, LEVELS)
    _add_forms(scores)
    scores.set_defaults(run=_scores)


def _scores(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.evidence.activity import count_active

    with progress_bar() as progress:
        phenomap = _map_asked(arguments, progress)
        is_whole = arguments.csv or arguments.json
        whole = phenomap.all_numbers if is_whole else phenomap.score_store.get
        scores = whole(progress)
    n_active, n_tested = count_active(scores)
    words = f"{n_active:,} of {n_tested:,} active at 5 %"
    table = phenomap.labels[["perturbation_type", "n_wells"]].join(scores).rename_axis("key")
    table = table.sort_values(["activity_q", "activity"], ascending=[True, False], kind="stable")
    about = {
        **{"level": phenomap.level, "align": phenomap.align, "embedding": phenomap.embedding},
        **{"n_entries": len(table), "n_tested": n_tested, "n_active": n_active},
    }
    if not _said_whole(arguments, about, "scores", table, words):
        columns = [*table.columns[:2], *_SHOWN_SCORES]
        listed = table[columns].head(arguments.k).reset_index()
        shown = listed.to_string(index=False, float_format="{:.4g}".format, na_rep="-")
        say(f"{shown}\n\n{words}; {len(listed):,} of {len(table):,} entries are listed.")
    return 0


def add_doses(commands: Commands) -> None:
    help_ = "tell of which compounds the effect grows with the dose, and from which dose on"
    doses = commands.add_parser("doses", help=help_)
    doses.add_argument("path", metavar="PATH")
    help_ = "list so many, the clearest first (20)"
    doses.add_argument("-k", type=positive, default=20, help=help_)
    add_map_options(doses, LEVELS)
    _add_forms(doses)
    doses.set_defaults(run=_doses)


def _doses(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.dose_response.words import doses_in_words

    with progress_bar() as progress:
        phenomap = _map_asked(arguments, progress)
        table = phenomap.doses.store.get(progress)
    table = table.sort_values(["trend_q", "trend"], ascending=[True, False], kind="stable")
    n_held, n_tested = int(table["has_trend"].sum()), int(table["trend_q"].notna().sum())
    words = f"{n_held:,} of {n_tested:,} compounds with a trend at 5 %"
    about = {
        **{"embedding": phenomap.embedding, "n_compounds": len(table)},
        **{"n_tested": n_tested, "n_with_trend": n_held},
    }
    if not _said_whole(arguments, about, "doses", table, words):
        listed = table.head(arguments.k)
        for name, row in zip(listed.index, listed.to_dict("records"), strict=True):
            say(f"{name}: {doses_in_words(row)}")
        say(f"{words}; {len(listed):,} of {len(table):,} compounds are listed.")
    return 0


def add_batches(commands: Commands) -> None:
    help_ = "see what experiments, plates and places on the plate do to the controls"
    batches = commands.add_parser("batches", help=help_)
    batches.add_argument("path", metavar="PATH")
    add_map_options(batches, LEVELS)
    form = batches.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print CSV")
    batches.set_defaults(run=_batches)


def _batches(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.evidence.batch_diagnostics import diagnostics_in_words

    with progress_bar() as progress:
        dataset = opened(arguments.path, progress)
        phenomap = dataset.map_of(spec_of(arguments, dataset, progress), progress)
        for sentence in phenomap.notes:
            note(sentence)
        table = phenomap.diagnostics_store.get(progress)
    if arguments.json:
        say(json.dumps(_records(table), indent=1))
    elif arguments.csv:
        say(table.to_csv(index=False, lineterminator="\n").rstrip("\n"))
    else:
        shown = table.to_string(index=False, float_format="{:.4f}".format, na_rep="-")
        say(f"{shown}\n\n{diagnostics_in_words(table, phenomap.align)}")
    return 0


def add_sets(commands: Commands) -> None:
    help_ = "see which gene sets are over-represented among the nearest genes"
    sets = commands.add_parser("sets", help=help_)
    sets.add_argument("path", metavar="PATH")
    add_key(sets)
    help_ = "GMT, or a table with a column of sets and one of genes"
    sets.add_argument("--sets", metavar="FILE", required=True, help=help_)
    help_ = "how many genes, those that are nearest (20)"
    sets.add_argument("-k", type=positive, default=20, help=help_)
    sets.add_argument("--opposite", action="store_true", help="the least similar genes")
    sets.add_argument("--metric", choices=("cosine", "euclidean"), default="cosine")
    help_ = f"test sets with so many genes in the map ({MIN_GENES})"
    sets.add_argument("--min-genes", metavar="N", type=positive, default=MIN_GENES, help=help_)
    add_map_options(sets, LEVELS)
    sets.add_argument("--json", action="store_true", help="print JSON")
    sets.set_defaults(run=_sets)


def _sets(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.sets.enrichment import SetsOfMap, enrichment_in_words
    from napari_rxrx3.maps.sets.gene_sets import read_gene_sets

    sets = read_gene_sets(arguments.sets)
    key, opposite = arguments.key, arguments.opposite
    with progress_bar() as progress:
        phenomap = _map_asked(arguments, progress)
        for sentence in sets.notes:
            note(sentence)
        asked = key, arguments.k, opposite, arguments.metric, arguments.min_genes
        found = SetsOfMap(sets, phenomap).near(*asked)
    words = enrichment_in_words(found, f"{'least like' if opposite else 'nearest to'} {key}")
    if arguments.json:
        report = {
            **{"key": key, "opposite": opposite, "level": phenomap.level, "align": phenomap.align},
            **{"embedding": phenomap.embedding, "file": arguments.sets, "genes": found.chosen},
            **{"n_background": found.n_background, "n_blinded": found.n_blinded},
            **{"n_not_tested": found.n_small, "sets": _records(found.table)},
        }
        say(json.dumps(report, indent=1))
    else:
        shown = found.table.head(_SHOWN_SETS).assign(
            members=[", ".join(genes) for genes in found.table["members"].head(_SHOWN_SETS)]
        )
        say(f"{shown.to_string(index=False, float_format='{:.4g}'.format)}\n\n{words}")
    return 0


def add_arms(commands: Commands) -> None:
    help_ = "see whether genes on one chromosome arm look alike (proximity bias)"
    arms = commands.add_parser("arms", help=help_)
    arms.add_argument("path", metavar="PATH")
    help_ = "table with the columns gene and arm (17q, chr17q or 17q21.31)"
    arms.add_argument("--arms", metavar="FILE", required=True, help=help_)
    help_ = "genes that the cells do not express, one a line: correct the bias by them"
    arms.add_argument("--unexpressed", metavar="FILE", help=help_)
    help_ = "FILE is a table of genes and numbers such as TPM: those below X are not expressed"
    arms.add_argument("--unexpressed-below", metavar="X", type=float, help=help_)
    add_map_options(arms, ("perturbation", "compound"))
    arms.add_argument("--json", action="store_true", help="print JSON")
    arms.set_defaults(run=_arms)


def _arms(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.evidence.proximity_bias import (
        before_and_after,
        bias_in_words,
        proximity_bias,
    )

    arms, unexpressed = _arms_of(arguments.arms), _unexpressed_of(arguments)
    with progress_bar() as progress:
        dataset = opened(arguments.path, progress)
        phenomap = dataset.map_of(spec_of(arguments, dataset, progress), progress)
        for sentence in phenomap.notes:
            note(sentence)
        bias = proximity_bias(phenomap, arms, progress)
        table, words = bias.table, [bias_in_words(bias)]
        if unexpressed is not None:
            corrected = phenomap.without_arm_bias(arms, unexpressed, progress)
            after = proximity_bias(corrected, arms, progress)
            table = before_and_after(bias, after, corrected.arm_corrections)
            words += [f"After the correction: {bias_in_words(after)}", *corrected.notes]
    if arguments.json:
        counts = ("n_placed", "n_unplaced", "n_blinded", "n_used")
        report: dict[str, Any] = {name: getattr(bias, name) for name in counts}
        report |= {"notes": words[2:]} if unexpressed is not None else {}
        say(json.dumps({**report, "arms": _records(table)}, indent=1))
    else:
        shown = table.drop(columns="why_not", errors="ignore")
        say(shown.to_string(index=False, float_format="{:.4g}".format, na_rep="-"))
        say("\n" + "\n".join(words))
    return 0


def _unexpressed_of(arguments: argparse.Namespace) -> UnexpressedGenes | None:
    """The genes that cells do not express, where a file says so; what is left out is said."""
    from napari_rxrx3.maps.sets.expression import read_unexpressed

    if arguments.unexpressed is None:
        if arguments.unexpressed_below is not None:
            raise RxRx3Error("--unexpressed-below takes a table, named by --unexpressed.")
        return None
    unexpressed = read_unexpressed(arguments.unexpressed, arguments.unexpressed_below)
    for sentence in unexpressed.notes:
        note(sentence)
    return unexpressed


def _arms_of(path: str) -> GeneArms:
    """What a table says of chromosome arms; what of it is left out is said."""
    from napari_rxrx3.maps.sets.arms import read_arms

    arms = read_arms(path)
    for sentence in arms.notes:
        note(sentence)
    return arms


def add_benchmark(commands: Commands) -> None:
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
    add_map_options(benchmark, LEVELS[1:])
    benchmark.add_argument("--json", action="store_true", help="print JSON")
    benchmark.set_defaults(run=_benchmark)


def _benchmark(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.maps.benchmark.compound_genes import compound_gene_precision
    from napari_rxrx3.maps.benchmark.known import read_interactions, read_pairs
    from napari_rxrx3.maps.benchmark.recall import benchmark_in_words, pair_recalls

    if not (arguments.pairs or arguments.interactions):
        raise RxRx3Error("Name a file of what is known, with --pairs or --interactions.")
    pairs = {file: read_pairs(file) for file in arguments.pairs}
    table = read_interactions(arguments.interactions) if arguments.interactions else None
    result: dict[str, Any] = {name: getattr(arguments, name) for name in ("level", "align")}
    with progress_bar() as progress:
        dataset = opened(arguments.path, progress)
        phenomap = dataset.map_of(spec_of(arguments, dataset, progress), progress)
        for sentence in phenomap.notes:
            note(sentence)
        result["embedding"] = phenomap.embedding
        if pairs:
            recalls = pair_recalls(phenomap, pairs, progress=progress)
            result["pairs"] = [{"file": f, **recall.as_dict()} for f, recall in recalls.items()]
        if table is not None:
            precision = compound_gene_precision(phenomap, table, progress=progress)
            result["interactions"] = {"file": arguments.interactions, **precision.as_dict()}
    say(json.dumps(result, indent=1) if arguments.json else benchmark_in_words(result))
    return 0


def _add_forms(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print all of the map as CSV")
    form.add_argument("--json", action="store_true", help="print all of the map as JSON")


def _said_whole(
    arguments: argparse.Namespace,
    about: dict[str, Any],
    name: str,
    table: pd.DataFrame,
    words: str,
) -> bool:
    """Print all of a table as JSON or CSV, if that was asked for; whether it was."""
    if arguments.json:
        say(json.dumps({**about, name: _records(table.reset_index())}, indent=1))
    elif arguments.csv:
        say(table.to_csv(lineterminator="\n").rstrip("\n"))
        note(f"{words}.")
    return bool(arguments.json or arguments.csv)


def _map_asked(arguments: argparse.Namespace, progress: Progress) -> PhenoMap:
    """The map that is asked for; what is to be known of it is said."""
    dataset = opened(arguments.path, progress)
    spec = spec_of(arguments, dataset, progress)
    phenomap, fallback = dataset.map_or_fallback(spec, progress)
    for sentence in filter(None, (fallback, *phenomap.notes)):
        note(sentence)
    return phenomap


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table for JSON, which has null for what is missing."""
    return table.astype(object).where(table.notna(), None).to_dict(orient="records")
