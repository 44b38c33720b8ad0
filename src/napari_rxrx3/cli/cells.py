"""The command `cells`: cell counts and image quality."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from napari_rxrx3.cli.arguments import Commands, add_machines, add_plates, letters, pass_desk
from napari_rxrx3.cli.output import note, say
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.words import are, count

if TYPE_CHECKING:
    import pandas as pd


def add_cells(commands: Commands) -> None:
    help_ = "count nuclei, and tell focus and saturation, well by well; kept for the window"
    cells = commands.add_parser("cells", help=help_)
    cells.add_argument("path", metavar="PATH")
    help_ = "whose images are read, all if not given; DNA alone gives nuclei and focus"
    cells.add_argument("--stains", nargs="+", type=letters, metavar="STAIN", help=help_)
    help_ = "the stain of the nuclei, if none is called DNA, nuclei, Hoechst or DAPI"
    cells.add_argument("--dna", metavar="STAIN", type=letters, help=help_)
    add_plates(cells)
    add_machines(cells)
    form = cells.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print all wells as CSV")
    form.add_argument("--json", action="store_true", help="print all wells as JSON")
    cells.set_defaults(run=_cells)


def _cells(arguments: argparse.Namespace) -> int:
    from napari_rxrx3.data.cells.measuring import (
        asked_of,
        known_measures,
        measure_plates,
        named_dna,
    )
    from napari_rxrx3.data.thumbnails.prepare import plates_named

    with pass_desk(arguments) as (dataset, client, progress):
        plates = plates_named(dataset, arguments.plates)
        dna = named_dna(dataset, arguments.dna)
        asked = asked_of(dataset, arguments.stains, dna)
        try:
            done = measure_plates(
                dataset, plates, asked, client=client, share=arguments.part, progress=progress
            )
        except (Cancelled, KeyboardInterrupt):
            note("stopped; what was measured so far is kept.")
            raise
        ours = plates[arguments.part.number - 1 :: arguments.part.of]
        table = known_measures(dataset, ours, asked)
    for failure in done.failures[:1]:
        note(failure)
    if arguments.csv:
        say(table.to_csv(lineterminator="\n").rstrip("\n"))
    elif arguments.json:
        say(_as_json(table))
    else:
        before = done.counts["there before"]
        said = f"{count(done.n_tasks, 'plate')}: {done.n_written:,} images measured, {before:,} "
        said += f"were there, {len(done.failures):,} could not be read."
        say("\n".join([said, *_summary(table)]))
    return 1 if done.n_open else 0


def _as_json(table: pd.DataFrame) -> str:
    rows = table.reset_index().astype(object)
    return json.dumps(rows.where(rows.notna(), None).to_dict("records"), indent=1)


def _summary(table: pd.DataFrame) -> list[str]:
    """What a person wants to know of it first."""
    from napari_rxrx3.core.plate_quality import FOCUS, NUCLEI, OUT_OF_FOCUS, SATURATION

    counts = table[NUCLEI].dropna()
    lines = []
    if len(counts):
        low, middle, high = counts.quantile([0.05, 0.5, 0.95])
        lines.append(
            f"nuclei: {middle:.0f} in the median of {count(len(counts), 'well')}; nine in ten have "
            f"{low:.0f} to {high:.0f}"
        )
        out = int((table[OUT_OF_FOCUS] == True).sum())  # noqa: E712  None is neither
        wells, median = count(out, "well"), table[FOCUS].median()
        lines.append(f"focus: {median:.2f} in the median; {wells} {are(out)} out of it")
    if table[SATURATION].notna().any():
        much = int((table[SATURATION] >= 0.01).sum())
        lines.append(f"saturation: {count(much, 'well')} with 1 % of the pixels of a stain or more")
    missing = table.loc[table["why"] != "", "why"].value_counts()
    lines += [f"no count: {count(int(n), 'well')}, {why}" for why, n in missing.head(5).items()]
    return lines
