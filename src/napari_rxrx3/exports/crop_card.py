"""The data set card of crops: README.md, as the Hub reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from napari_rxrx3.core.secrets import public
from napari_rxrx3.core.stains import number_in_words
from napari_rxrx3.core.version import __version__
from napari_rxrx3.core.words import count
from napari_rxrx3.data.files.local import written_atomically
from napari_rxrx3.exports.choices import SPLITS, CropChoices
from napari_rxrx3.exports.splits import leakage, splits_table

if TYPE_CHECKING:
    from napari_rxrx3.data.welldata import WellData

__all__ = ["write_card"]

_TERMS = """\
These are pieces of images that others made. What may be done with them is said by the license of
the data they were cut from, which goes with them: RxRx3 is under Recursion's non-commercial end
user license agreement, RxRx3-core under an agreement of its own
(https://huggingface.co/datasets/recursionpharma/rxrx3-core).
"""


def write_card(
    folder: Path,
    dataset: WellData,
    choices: CropChoices,
    wells: pd.DataFrame,
    split_of: Mapping[str, str],
) -> None:
    """Say what a folder of crops holds, how it was made, and what its splits share."""
    parts = (
        _front(choices, split_of),
        f"# Crops of wells in {number_in_words(len(dataset.stains))} stains\n",
        _made(dataset, choices),
        _splits(wells, split_of),
        _leaks(wells, split_of, choices.apart),
        f"## License\n\n{_TERMS}",
    )
    with written_atomically(folder / "README.md") as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8", newline="\n")


def _front(choices: CropChoices, split_of: Mapping[str, str]) -> str:
    """What the Hub and `datasets` read: which files are of which split."""
    lines = ["---", "license: other", "configs:", "- config_name: default", "  data_files:"]
    for split in SPLITS:
        if split in split_of.values():
            pattern = f"data/{split}-*{choices.ending}"
            lines += [f"  - split: {split}", f"    path: {pattern}"]
    return "\n".join([*lines, "---", ""])


def _made(dataset: WellData, choices: CropChoices) -> str:
    n, n_fields = len(dataset.stains), len(dataset.fields)
    field = f", field {dataset.field} of {n_fields}" if n_fields > 1 else ""
    where = {
        "grid": "spread evenly",
        "random": f"anywhere (seed {choices.seed})",
        "nuclei": f"around nuclei (seed {choices.seed})",
    }[choices.places]
    return (
        f"Cut from `{public(dataset.address)}` by napari-rxrx3 {__version__}: "
        f"{count(choices.per_well, 'crop')} of {choices.size} pixels a well{field}, {where}, the "
        f"{number_in_words(n)} planes w1 to w{n} at the depth of the images. `top` and `left` say "
        "where in its image a crop lies, `treatment`, `gene` and `concentration` (µM) what the "
        "well received.\n"
    )


def _splits(wells: pd.DataFrame, split_of: Mapping[str, str]) -> str:
    table = splits_table(wells, split_of)
    lines = [
        "## Splits",
        "",
        "| split | experiments | wells | of them controls |",
        "|---|---|---|---|",
    ]
    notes: list[str] = []
    for split in SPLITS:
        rows = table[table["split"] == split]
        n_wells, n_controls = int(rows["n_wells"].sum()), int(rows["n_controls"].sum())
        lines.append(f"| {split} | {len(rows):,} | {n_wells:,} | {n_controls:,} |")
        if len(rows) and not n_controls:
            notes.append(f"**{split} has no controls.**")
        if not len(rows):
            notes.append(f"**There are too few experiments for {split}.**")
    return "\n".join([*lines, "", "splits.csv says which experiment is where.", *notes, ""])


def _leaks(wells: pd.DataFrame, split_of: Mapping[str, str], apart: bool) -> str:
    table = leakage(wells, split_of)
    shared = table[table["n_shared"] > 0]
    if not len(shared):
        said = "Controls apart, no two splits share an experiment, a gene, a compound or a guide."
    else:
        reason = " What is tested is new batches, not new perturbations." if apart else ""
        lines = [
            f"- {row.split} and {row.other} share {row.n_shared:,} of {row.what}: {row.e_g}"
            for row in shared.itertuples()
        ]
        said = "\n".join([f"**Splits have things in common.**{reason}", "", *lines])
    return f"## Leakage\n\n{said}\n"
