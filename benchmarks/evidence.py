"""What is computed about a whole map: gene sets of the size of MSigDB, doses of all compounds."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.calibration.screens import Design, Screen
from benchmarks.measuring import timed
from benchmarks.results import PartResult, Row, Target
from benchmarks.settings import Settings
from benchmarks.vectors import clustered, map_of
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.maps.sets.enrichment import SetsOfMap
from napari_rxrx3.maps.sets.gene_sets import read_gene_sets
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["dose_response", "gene_sets"]

_SYMBOLS = 42_000
_NEAREST = 50
_ANSWER_S, _STOP_S = 1.0, 0.5
_ROUNDS = 3
_N_STOPS = 6


# --- gene sets -------------------------------------------------------------------------------


def gene_sets(settings: Settings) -> PartResult:
    """Open sets, look them up in a map of all genes of a screen, and ask for the nearest."""
    genes = [f"GENE{i:05d}" for i in range(settings.genes_of_sets)]
    phenomap = _map_of_genes(genes)
    with tempfile.TemporaryDirectory() as folder:
        path, n_members = _written(Path(folder), genes, settings.gene_sets)
        reading, cpu = _twice(_ROUNDS, lambda: read_gene_sets(path))
        sets = read_gene_sets(path)
    looking, cpu_of_looking = _twice(_ROUNDS, lambda: SetsOfMap(sets, phenomap))
    of_map = SetsOfMap(sets, phenomap)
    asked = iter(genes * 2)
    asking, cpu_of_asking = _twice(settings.queries, lambda: of_map.near(next(asked), _NEAREST))
    what = f"{len(sets):,} gene sets of {n_members:,} members in all"
    in_map = f"in a map of {len(genes):,} genes"
    limit = Target("p95", "limit", _ANSWER_S)
    return PartResult(
        [
            Row.of("sets open", f"{what}: read a GMT", "s", {"ours": reading}, notes=(cpu,)),
            Row.of(
                "sets lookup",
                f"{what}: looked up {in_map}, once a map",
                "s",
                {"ours": looking},
                limit,
                (cpu_of_looking,),
            ),
            Row.of(
                "sets near",
                f"{what}: tested among the {_NEAREST} nearest genes {in_map}",
                "s",
                {"ours": asking},
                limit,
                (cpu_of_asking,),
            ),
        ]
    )


def _map_of_genes(genes: list[str]) -> PhenoMap:
    phenomap = map_of(clustered(len(genes)))
    labels = phenomap.labels.set_axis(pd.Index(genes))
    labels["treatment"] = pd.array(genes, dtype="str")
    spec = MapSpec(level="perturbation", align="none")
    return replace(phenomap, labels=labels, spec=spec)


def _written(folder: Path, genes: list[str], n_sets: int) -> tuple[Path, int]:
    """A GMT in the sizes of MSigDB's, 5 to 2,000; some genes are in far more sets than others."""
    rng = np.random.default_rng(0)
    others = [f"OTHER{i:05d}" for i in range(max(0, _SYMBOLS - len(genes)))]
    symbols = rng.permutation(np.array([*genes, *others], dtype=object))
    chances = np.cumsum(rng.lognormal(0, 1.2, len(symbols)))
    sizes = np.clip(rng.lognormal(np.log(60), 1.1, n_sets), 5, 2_000).astype(int)
    n_members, path = 0, folder / "sets.gmt"
    with path.open("w", encoding="utf-8") as file:
        for number, size in enumerate(sizes.tolist()):
            drawn = np.searchsorted(chances, rng.random(size) * chances[-1])
            members = symbols[np.unique(drawn)].tolist()
            n_members += len(members)
            file.write("\t".join([f"SET_{number}", f"https://example.org/{number}", *members]))
            file.write("\n")
    return path, n_members


# --- doses -----------------------------------------------------------------------------------


def dose_response(settings: Settings) -> PartResult:
    """The doses of all compounds of a screen, and how soon it stops when it is asked to."""
    n = settings.dosed_compounds
    plates = max(6, round(n / 37))
    design = Design(dimension=384, pairs=1, genes=2, plates=1, controls=64, curves=True)
    design = replace(design, compounds=n, compound_plates=plates, effect=2.0, active=0.3)
    with tempfile.TemporaryDirectory() as folder:
        dataset = Screen(0, design).open(Path(folder))
        phenomap = dataset.phenomap(align="none")
        said: list[float] = []
        began = time.perf_counter()
        cpu = time.process_time()
        whole = timed(lambda: _responses(phenomap, lambda *_: said.append(time.perf_counter())))
        cpu = time.process_time() - cpu
        longest = float(np.diff([began, *said]).max())
        asked = [whole * (i + 0.5) / _N_STOPS for i in range(_N_STOPS)]
        stops = [took for took in (_stopped_after(phenomap, s) for s in asked) if took >= 0]
    n_wells = n * 8 * design.replicates
    what = f"dose response of {n:,} compounds at 8 doses, {n_wells:,} wells of 384 numbers"
    notes = (
        f"{cpu:.1f} s of processor time",
        f"progress is reported {len(said):,} times, {longest:.2f} s apart at most",
    )
    limit = Target("p95", "limit", _STOP_S)
    return PartResult(
        [
            Row.of("doses", what, "s", {"ours": [whole]}, notes=notes),
            Row.of(
                "doses stop",
                "dose response: from asking it to stop to its end",
                "s",
                {"ours": stops},
                limit,
            ),
        ]
    )


def _responses(phenomap: PhenoMap, progress: Callable[[int, int, str], None]) -> Any:
    """Computed anew each time."""
    from napari_rxrx3.maps.dose_response.responses import DoseResponses

    responses = DoseResponses(phenomap)
    return responses._computed(phenomap, progress)


def _stopped_after(phenomap: PhenoMap, seconds: float) -> float:
    """Seconds from asking the computation to stop, some time after its start, to its end.

    Negative if it has ended before it is asked.
    """
    asked = threading.Event()
    ended: list[float] = []

    def progress(done: int, total: int, text: str) -> None:
        if asked.is_set():
            raise Cancelled("stopped")

    def work() -> None:
        with suppress(Cancelled):
            _responses(phenomap, progress)
        ended.append(time.perf_counter())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(seconds)
    began = time.perf_counter()
    asked.set()
    thread.join()
    return ended[0] - began


def _twice(n: int, work: Callable[[], object]) -> tuple[list[float], str]:
    """Seconds of each of several calls, and a sentence of their processor time."""
    seconds, cpu = [], []
    for _ in range(n):
        began = time.process_time()
        seconds.append(timed(work))
        cpu.append(time.process_time() - began)
    return seconds, f"{statistics.median(cpu):.2f} s of processor time"
