"""Gene sets of the demo data, as invented as the rest: some are true of it, most are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from napari_rxrx3.data.demo.demo_screen import genes_by_group

__all__ = ["GENE_SETS", "write_gene_sets"]

GENE_SETS = "gene_sets.gmt"
_VITAL = "vital genes", ("mitosis", "proteasome", "secretion", "dna damage")
"""Groups that make one larger set: those that act alike are small, as most complexes are."""
_SILENT = "silent"
_N_RANDOM = 8
_SIZES = 10, 30
_SOURCE = "invented for the demo data of napari-rxrx3"


def write_gene_sets(folder: Path) -> None:
    """Write a GMT of the groups that act alike, of those that cells need, and of random genes."""
    lines = ["\t".join([name, _SOURCE, *genes]) for name, genes in _gene_sets().items()]
    text = "\n".join(lines) + "\n"
    (folder / GENE_SETS).write_text(text, encoding="utf-8", newline="\n")


def _gene_sets() -> Mapping[str, Sequence[str]]:
    groups = genes_by_group()
    silent = groups.pop("")
    name, parts = _VITAL
    vital = {name: [gene for part in parts for gene in groups[part]]}
    everything = [*silent, *(gene for genes in groups.values() for gene in genes)]
    random = {f"random {i + 1}": _picked(everything, i) for i in range(_N_RANDOM)}
    return groups | vital | random | {_SILENT: silent}


def _picked(genes: Sequence[str], number: int) -> list[str]:
    rng = np.random.default_rng(crc32(f"random genes {number}".encode()))
    size = int(rng.integers(*_SIZES, endpoint=True))
    return sorted(genes[i] for i in rng.choice(len(genes), size, replace=False))
