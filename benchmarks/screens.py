"""Tables of an invented screen of RxRx3's size: metadata, and vectors of 128 numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from benchmarks.settings import N_WELLS

__all__ = ["N_FEATURES", "plates_of_screen", "write_embeddings", "write_metadata"]

Array = np.ndarray[Any, Any]
PlateKey = tuple[str, int]

N_FEATURES = 128

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROWS = [*_LETTERS, *("A" + letter for letter in "ABCDEF")]
_ADDRESSES = np.array([f"{r}{c:02d}" for r in _ROWS[1:31] for c in range(2, 48)])
_N_GENE_PLATES = 1584
_N_COMPOUND_WELLS = 95_701
_COMPOUND_PLATES = {1: 48, 2: 16, 3: 48, 4: 48}
_DOSES = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
_GENES_A_PLATE = 201
_CONTROLS = [f"{gene}_guide_{guide}" for gene in ("PLK1", "MTOR") for guide in range(1, 7)]
_CONTROLS += [f"{gene}_guide_1" for gene in ("EIF3H", "SRC", "HCK", "CYP11B1")]


def plates_of_screen() -> list[PlateKey]:
    """All 1,744 plates of RxRx3."""
    plates = [(f"gene-{e:03d}", p) for e in range(1, 177) for p in range(1, 10)]
    for number, n in _COMPOUND_PLATES.items():
        plates += [(f"compound-{number:03d}", p) for p in range(1, n + 1)]
    return plates


def write_metadata(
    path: Path,
    plates: Sequence[PlateKey],
    used: Mapping[str, Sequence[str]] | None = None,
    n_wells: int | None = None,
) -> None:
    """Write the ten columns of RxRx3's metadata.

    Parameters
    ----------
    used : mapping of experiment to addresses, optional
        Wells of its plates; as many as RxRx3 lists if there are none given.
    n_wells : int, optional
        Stop after so many.
    """
    tables = (_metadata_of(plate, (used or {}).get(plate[0])) for plate in plates)
    path.parent.mkdir(parents=True, exist_ok=True)
    left = n_wells if n_wells is not None else 2**62
    with pc.CSVWriter(path, _SCHEMA) as writer:
        for table in tables:
            writer.write_table(table.slice(0, left))
            left -= len(table)
            if left <= 0:
                return


def write_embeddings(folder: Path, plates: Sequence[PlateKey]) -> None:
    """Write one embeddings.parquet a plate; compound plates hold more wells than are listed."""
    for experiment, plate in plates:
        addresses = _shuffled(experiment, plate)
        if experiment.startswith("gene"):
            addresses = addresses[: _n_listed(experiment, plate)]
        rng = np.random.default_rng(_seed(experiment, plate))
        vectors = rng.standard_normal((N_FEATURES, len(addresses)), np.float32)
        vectors += rng.standard_normal((N_FEATURES, 1), np.float32)
        ids = np.sort(np.char.add(f"{experiment}_{plate}_", addresses))
        columns = {"well_id": pa.array(ids.tolist())}
        columns |= {f"feature_{k}": pa.array(vectors[k]) for k in range(N_FEATURES)}
        path = folder / experiment / f"Plate{plate}" / "embeddings.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table(columns), path, use_dictionary=False)


_SCHEMA = pa.schema(
    [
        ("well_id", pa.string()),
        ("experiment_name", pa.string()),
        ("plate", pa.int64()),
        ("address", pa.string()),
        ("gene", pa.string()),
        ("treatment", pa.string()),
        ("SMILES", pa.string()),
        ("concentration", pa.float64()),
        ("perturbation_type", pa.string()),
        ("cell_type", pa.string()),
    ]
)


def _seed(experiment: str, plate: int) -> list[int]:
    return [*experiment.encode(), plate]


def _shuffled(experiment: str, plate: int) -> Array:
    rng = np.random.default_rng(_seed(experiment, plate))
    return rng.permutation(_ADDRESSES)


def _n_listed(experiment: str, plate: int) -> int:
    """How many wells of a plate the metadata list, so that all plates have 2,222,103."""
    kind, number = experiment.split("-")
    if kind == "gene":
        total, n_plates = N_WELLS - _N_COMPOUND_WELLS, _N_GENE_PLATES
        before = (int(number) - 1) * 9 + plate - 1
    else:
        total, n_plates = _N_COMPOUND_WELLS, sum(_COMPOUND_PLATES.values())
        before = sum(n for k, n in _COMPOUND_PLATES.items() if k < int(number)) + plate - 1
    return total // n_plates + (before < total % n_plates)


def _metadata_of(plate: PlateKey, used: Sequence[str] | None) -> pa.Table:
    experiment, number = plate
    addresses = np.array(used) if used is not None else _shuffled(*plate)
    addresses = addresses[: _n_listed(*plate)] if used is None else addresses
    n = len(addresses)
    is_gene = experiment.startswith("gene")
    treatments = list(islice(_guides(plate) if is_gene else _compounds(plate), n))
    missing = [None] * n
    genes = [t.partition("_guide_")[0] for t, _ in treatments] if is_gene else missing
    columns = {
        "well_id": np.char.add(f"{experiment}_{number}_", addresses).tolist(),
        "experiment_name": [experiment] * n,
        "plate": [number] * n,
        "address": addresses.tolist(),
        "gene": genes,
        "treatment": [t for t, _ in treatments],
        "SMILES": missing if is_gene else [_smiles(t) for t, _ in treatments],
        "concentration": [dose for _, dose in treatments],
        "perturbation_type": ["CRISPR" if is_gene else "COMPOUND"] * n,
        "cell_type": ["HUVEC"] * n,
    }
    return pa.table(columns, schema=_SCHEMA)


def _guides(plate: PlateKey) -> Iterator[tuple[str, float | None]]:
    """Treatments of a gene plate: controls first, then six guides a gene, then what is left."""
    yield from (("EMPTY_control", None) for _ in range(116))
    yield from ((name, None) for name in _CONTROLS)
    first = (int(plate[0].split("-")[1]) * 9 + plate[1] // 9) * 17 % 17_000
    for gene in range(first, first + _GENES_A_PLATE):
        yield from ((f"RXRX3-{gene:05d}_guide_{guide}", None) for guide in range(1, 7))
    while True:
        yield "EMPTY_control", None


def _compounds(plate: PlateKey) -> Iterator[tuple[str, float | None]]:
    yield from (("EMPTY_control", None) for _ in range(64))
    yield from (("CRISPR_control", None) for _ in range(134))
    first = (int(plate[0].split("-")[1]) * 48 + plate[1]) * 50
    for i in range(first, first + 2000):
        yield f"Drug-{i // 8 % 1674:04d}", _DOSES[i % 8]


def _smiles(treatment: str) -> str | None:
    if not treatment.startswith("Drug"):
        return None
    return f"CC(C)N{'C' * (int(treatment[5:]) % 9)}c1ccc(O)cc1 |c:3,5|"
