"""Synthetic screens: wells whose vectors are an effect and noise, seen through batches and plates.

Nothing here imports the package under test but `Wells.open`, which opens what was written.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import builders as b
import napari_rxrx3 as rx

PAIR = ("gene-001", "gene-143")
"""Two experiments with the same genes: replicates of each other."""
ADDRESSES = [f"{name}{column:02d}" for name in b.ROWS[1:31] for column in range(2, 48)]

Effect = np.ndarray | float


@dataclass
class Wells:
    """The wells of a screen, put on plates one by one.

    Parameters
    ----------
    seed : int
    dim : int
        Of the vectors.
    batch : float
        How much an experiment shifts and scales its vectors; the noise of a well is 1.
    plate : float
        How much a plate shifts them.
    """

    seed: int = 0
    dim: int = 16
    batch: float = 1.0
    plate: float = 0.0
    rows: list[b.Row] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    _free: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    def random(self, name: str) -> np.random.Generator:
        """Return the random numbers of a name, whatever else is on the screen."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def direction(self, name: str) -> np.ndarray:
        """Return a random vector of length 1, the same for the same name."""
        vector = self.random(f"direction {name}").normal(size=self.dim)
        return vector / np.linalg.norm(vector)

    # -- wells ---------------------------------------------------------------------------------

    def control(self, experiment: str, plate: int, n: int = 1, name: str = "EMPTY_control") -> None:
        for _ in range(n):
            row = b.control_row(experiment, plate, self.place(experiment, plate), name)
            self.put(row, 0.0)

    def guide(
        self,
        experiment: str,
        plate: int,
        gene: str,
        guide: int = 1,
        effect: Effect = 0.0,
        address: str = "",
    ) -> None:
        address = self.place(experiment, plate, address)
        self.put(b.guide_row(experiment, plate, address, gene, guide), effect)

    def dose(
        self, experiment: str, plate: int, name: str, dose: float, effect: Effect = 0.0
    ) -> None:
        self.put(b.dose_row(experiment, plate, self.place(experiment, plate), name, dose), effect)

    def put(self, row: b.Row, effect: Effect) -> None:
        self.rows.append(row)
        self.effects.append(effect)

    def place(self, experiment: str, plate: int, address: str = "") -> str:
        """Return an address that is still free, a random one if none is asked for."""
        if (experiment, plate) not in self._free:
            random = self.random(f"places of {experiment} {plate}")
            self._free[experiment, plate] = random.permutation(ADDRESSES).tolist()
        free = self._free[experiment, plate]
        if address:
            free.remove(address)
            return address
        return str(free.pop())

    # -- what is measured ----------------------------------------------------------------------

    def vectors(self) -> dict[str, np.ndarray]:
        """Return the vector of each well, float32."""
        noise = self.random("noise").normal(size=(len(self.rows), self.dim))
        vectors = {}
        for row, effect, own in zip(self.rows, self.effects, noise, strict=True):
            experiment, plate = row["experiment_name"], row["plate"]
            shift, scale = self.batch_effect(experiment)
            on_plate = self.plate * self.random(f"{experiment} {plate}").normal(size=self.dim)
            vector = 5 + shift + scale * (own + effect + on_plate)
            vectors[row["well_id"]] = vector.astype("float32")
        return vectors

    def batch_effect(self, experiment: str) -> tuple[np.ndarray, np.ndarray]:
        """Shift and scale, (dim,) each."""
        random = self.random(experiment)
        shift = self.batch * random.normal(scale=3, size=self.dim)
        return shift, np.exp(self.batch * random.normal(scale=0.4, size=self.dim))

    # -- files ---------------------------------------------------------------------------------

    def write(self, folder: Path, vectors: Mapping[str, np.ndarray] | None = None) -> Path:
        b.write(folder / "metadata.csv", b.csv_bytes(self.rows))
        b.write(folder / "embeddings.parquet", b.embedding_bytes(vectors or self.vectors()))
        return folder

    def open(self, folder: Path, vectors: Mapping[str, np.ndarray] | None = None) -> Any:
        """Write the screen into a folder and open it, with a cache of its own."""
        self.write(folder / "data", vectors)
        return rx.open_dataset(folder / "data", cache_dir=folder / "cache")

    def with_images(self) -> b.Screen:
        """The screen, with small images of noise."""
        planes = {row["well_id"]: b.noise(row["well_id"]) for row in self.rows}
        return b.Screen(self.rows, planes, self.vectors())

    def table(self) -> pd.DataFrame:
        """Return the metadata, indexed by well_id."""
        return pd.DataFrame(self.rows).set_index("well_id")


def gene_names(n: int, prefix: str = "GENE") -> list[str]:
    return [f"{prefix}{i:03d}" for i in range(n)]


def gene_screen(
    genes: int | Sequence[str] = 40,
    guides: int = 3,
    plates: int = 2,
    controls: int = 24,
    experiments: Iterable[str] = PAIR,
    effects: Mapping[str, Effect] | None = None,
    **options: Any,
) -> Wells:
    """Put each guide once on each plate of each experiment, as RxRx3 has it.

    Parameters
    ----------
    effects : mapping
        Of genes (``"GENE001"``) and of single guides (``"GENE001_guide_2"``), which go first; the
        others have none.
    **options
        Of `Wells`.
    """
    wells = Wells(**options)
    names = gene_names(genes) if isinstance(genes, int) else genes
    effects = effects or {}
    for experiment in experiments:
        for plate in range(1, plates + 1):
            wells.control(experiment, plate, controls)
            for gene in names:
                for guide in range(1, guides + 1):
                    of_gene = effects.get(gene, 0.0)
                    effect = effects.get(f"{gene}_guide_{guide}", of_gene)
                    wells.guide(experiment, plate, gene, guide, effect)
    return wells
