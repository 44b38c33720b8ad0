"""Screens in the design of RxRx3 of which the truth is known, made by a seed.

Genes are screened in pairs of experiments, twins, that hold the same genes: nine plates of 1536
wells each, every guide once a plate, at the same place on all of them. Compounds are screened at
eight doses, most of them in a single experiment. Controls are EMPTY_control wells. The vector of a
well is an effect and noise, moved by its experiment and its plate.

Only the noise of a well has a size, 1 in each dimension; everything else is given in it. Nothing
here imports the package but `Screen.open`, which opens what was written by its public name.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["CONTROL", "DOSES", "Design", "Screen"]

Array = np.ndarray[Any, Any]

CONTROL = "EMPTY_control"
DOSES = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
_ROWS = (*ascii_uppercase, *(f"A{letter}" for letter in "ABCDEF"))
_N_ROWS, _N_COLUMNS = 32, 48
_MOVED = 16
_SLOPE, _HALVES = 1.5, (-1.6, 0.4)
"""Of Hill curves: the slope, and between which powers of ten of 1 µM their halves lie."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is screened, where, and how strong it is.

    Attributes
    ----------
    dimension : int
        Of the vectors.
    controls : int
        EMPTY_control wells on each plate.
    pairs, genes, guides, plates : int
        Pairs of twin experiments, genes in each pair, guides of a gene, plates of an experiment.
    compounds, replicates, compound_experiments, compound_plates : int
        Compounds in all, wells of each dose, experiments that they are spread over, and the plates
        of one of these.
    effect : float
        Of every gene, and of the highest dose of every compound. An effect of 1 has the length
        that it has if 16 features move by one standard deviation of a well each.
    active : float
        Share of the genes and compounds that have an effect, unless they are in a complex.
    complexes : sequence of int
        Numbers of genes that have one and the same effect, the first genes going to the first,
        from experiment to experiment. They are of effect `related`.
    together : bool
        Complexes go through the genes pair by pair, so that most are screened together, instead.
    likeness : float
        Cosine of the effects within a complex.
    related : float or None
        Effect of the genes in complexes; `effect` unless it is given.
    dead_guides : int
        Guides that do nothing, the last ones of each gene.
    batch, plate : float
        Standard deviation, in each dimension, of what an experiment and a plate add to all of
        their wells.
    scale : float
        Standard deviation of the logarithm by which an experiment stretches each dimension.
    position : float
        How far rows, columns and the edge move a well, as an `effect`.
    curves : bool
        A compound follows a Hill curve of slope 1.5, each with a half of its own (`Screen.half_of`)
        and of all of its `effect` at the highest doses; else each dose adds as much as the one
        before.
    flat : bool
        Each dose of a compound does the same.
    """

    dimension: int = 128
    controls: int = 16
    pairs: int = 8
    genes: int = 20
    guides: int = 6
    plates: int = 9
    compounds: int = 0
    replicates: int = 4
    compound_experiments: int = 1
    compound_plates: int = 8
    effect: float = 0.5
    active: float = 1.0
    complexes: Sequence[int] = ()
    together: bool = False
    likeness: float = 1.0
    related: float | None = None
    dead_guides: int = 0
    batch: float = 3.0
    plate: float = 0.3
    scale: float = 0.2
    position: float = 0.0
    curves: bool = False
    flat: bool = False


@dataclass(eq=False)
class Screen:
    """A screen of a design.

    Attributes
    ----------
    wells : pandas.DataFrame
        As in the metadata of RxRx3, a row a well.
    truth : pandas.DataFrame
        Indexed by gene and by compound: complex (its number, -1 for none), is_active, first
        experiment and last one.
    """

    seed: int
    design: Design = field(default_factory=Design)

    @property
    def wells(self) -> pd.DataFrame:
        return self._plan

    @cached_property
    def truth(self) -> pd.DataFrame:
        d, rows = self.design, []
        complex_of = self._complexes
        for i, gene in enumerate(self._genes):
            pair = i // d.genes
            rows.append(
                (gene, complex_of[i], self._experiments(pair)[0], self._experiments(pair)[1])
            )
        for i, name in enumerate(self._compounds):
            experiment = self._compound_experiment(i)
            rows.append((name, -1, experiment, experiment))
        table = pd.DataFrame(rows, columns=["name", "complex", "first", "last"]).set_index("name")
        lucky = self._random("active").random(len(table)) < d.active
        table["is_active"] = (lucky | (table["complex"] >= 0).to_numpy()) & (d.effect > 0)
        if d.related:
            table["is_active"] |= table["complex"] >= 0
        return table

    @cached_property
    def vectors(self) -> Array:
        """Of all wells: float32 (n, d), rows as in `wells`."""
        d, wells = self.design, self._plan
        vectors = self._random("noise").normal(size=(len(wells), d.dimension))
        vectors += self._effects()
        if d.position:
            vectors += self._of_positions()
        for plate, rows in wells.groupby(["experiment_name", "plate"]).indices.items():
            vectors[rows] += d.plate * self._random(f"plate {plate}").normal(size=d.dimension)
        for name, rows in wells.groupby("experiment_name").indices.items():
            random = self._random(f"experiment {name}")
            vectors[rows] *= np.exp(random.normal(scale=d.scale, size=d.dimension))
            vectors[rows] += 5 + random.normal(scale=d.batch, size=d.dimension)
        return vectors.astype(np.float32)

    def write(self, folder: Path) -> Path:
        """Write metadata and embeddings as RxRx3-core has them."""
        folder.mkdir(parents=True, exist_ok=True)
        self._plan.to_csv(folder / "metadata.csv", index=False)
        numbers = {f"feature_{i}": column for i, column in enumerate(self.vectors.T)}
        pq.write_table(
            pa.table({"well_id": pa.array(self._plan["well_id"], pa.string()), **numbers}),
            folder / "embeddings.parquet",
            use_dictionary=False,  # noise: looking for what repeats takes longer than all else
            compression="none",
        )
        return folder

    def open(self, folder: Path) -> Any:
        """Write the screen below a folder and open it, with a cache of its own."""
        import napari_rxrx3 as rx

        return rx.open_dataset(self.write(folder / "data"), cache_dir=folder / "cache")

    # -- names -------------------------------------------------------------------------------------

    @property
    def _genes(self) -> list[str]:
        return [f"GENE{i:04d}" for i in range(self.design.pairs * self.design.genes)]

    @property
    def _compounds(self) -> list[str]:
        return [f"Compound{i:04d}" for i in range(self.design.compounds)]

    def _experiments(self, pair: int) -> tuple[str, str]:
        return f"gene-{pair + 1:03d}", f"gene-{pair + 1 + self.design.pairs:03d}"

    def _compound_experiment(self, compound: int) -> str:
        return f"compound-{compound % self.design.compound_experiments + 1:03d}"

    def _random(self, name: str) -> np.random.Generator:
        """The random numbers of a name, whatever else is drawn."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    # -- where everything is -----------------------------------------------------------------------

    @cached_property
    def _plan(self) -> pd.DataFrame:
        parts = [self._gene_plates(pair) for pair in range(self.design.pairs)]
        if self.design.compounds:
            parts += [self._compound_plates(i) for i in range(self.design.compound_experiments)]
        plan = pd.concat(parts, ignore_index=True)
        plan["address"] = [
            f"{_ROWS[p // _N_COLUMNS]}{p % _N_COLUMNS + 1:02d}" for p in plan["place"]
        ]
        ids = plan["experiment_name"] + "_" + plan["plate"].astype(str) + "_" + plan["address"]
        plan.insert(0, "well_id", ids)
        plan["cell_type"] = "HUVEC"
        return plan.drop(columns="place")

    def _gene_plates(self, pair: int) -> pd.DataFrame:
        d = self.design
        genes = np.array(self._genes[pair * d.genes : (pair + 1) * d.genes], dtype=object)
        gene = np.r_[np.repeat(genes, d.guides), np.full(d.controls, CONTROL, dtype=object)]
        guide = np.tile(np.arange(1, d.guides + 1), d.genes)
        treatment = [f"{g}_guide_{n}" for g, n in zip(gene[: len(guide)], guide, strict=True)]
        plate = pd.DataFrame({"gene": gene, "treatment": treatment + [CONTROL] * d.controls})
        # one layout for all plates of both twins
        places = self._random(f"layout {pair}").permutation(_N_ROWS * _N_COLUMNS)
        plate["place"] = places[: len(plate)]
        plate = plate.assign(SMILES=None, concentration=np.nan, perturbation_type="CRISPR")
        parts = [
            plate.assign(experiment_name=experiment, plate=number)
            for experiment in self._experiments(pair)
            for number in range(1, d.plates + 1)
        ]
        return pd.concat(parts, ignore_index=True)

    def _compound_plates(self, experiment: int) -> pd.DataFrame:
        """Each dose on `replicates` plates, all doses of a compound on the same ones."""
        d, random = self.design, self._random(f"compounds {experiment}")
        names = self._compounds[experiment :: d.compound_experiments]
        on: list[list[tuple[str, float]]] = [[] for _ in range(d.compound_plates)]
        for name in names:
            for plate in random.choice(d.compound_plates, d.replicates, replace=False):
                on[plate] += [(name, dose) for dose in DOSES]
        parts = []
        for number, doses in enumerate(on, start=1):
            treatment = [name for name, _ in doses] + [CONTROL] * d.controls
            concentration = [dose for _, dose in doses] + [np.nan] * d.controls
            part = pd.DataFrame({"treatment": treatment, "concentration": concentration})
            part["place"] = random.permutation(_N_ROWS * _N_COLUMNS)[: len(part)]
            parts.append(part.assign(plate=number))
        plan = pd.concat(parts, ignore_index=True)
        plan["SMILES"] = plan["treatment"].map(lambda name: None if name == CONTROL else "CCO")
        name = f"compound-{experiment + 1:03d}"
        return plan.assign(gene=None, perturbation_type="COMPOUND", experiment_name=name)

    # -- what is measured --------------------------------------------------------------------------

    @cached_property
    def _complexes(self) -> list[int]:
        """The complex of each gene, -1 for none."""
        d = self.design
        order = np.arange(d.pairs * d.genes).reshape(d.pairs, d.genes)
        numbers = [-1] * order.size
        members = iter((order if d.together else order.T).ravel().tolist())
        for number, size in enumerate(d.complexes):
            for _ in range(size):
                numbers[next(members)] = number
        return numbers

    def _direction(self, name: str) -> Array:
        vector = self._random(f"direction {name}").normal(size=self.design.dimension)
        return np.asarray(vector / np.linalg.norm(vector))

    def effect_of(self, name: str) -> Array:
        """The effect of a gene, or of a compound at its highest dose: float64 (d,)."""
        truth, d = self.truth.loc[name], self.design
        if not truth["is_active"]:
            return np.zeros(d.dimension)
        direction, size = self._direction(name), d.effect
        if truth["complex"] >= 0:
            shared = self._direction(f"complex {truth['complex']}")
            own = direction - (direction @ shared) * shared
            own /= np.linalg.norm(own)
            direction = np.sqrt(d.likeness) * shared + np.sqrt(1 - d.likeness) * own
            size = d.effect if d.related is None else d.related
        return np.asarray(size * np.sqrt(_MOVED) * direction)

    def half_of(self, compound: str) -> float:
        """The dose with half of the effect of a compound that follows a curve, in µM."""
        return float(10 ** self._random(f"half {compound}").uniform(*_HALVES))

    def _effects(self) -> Array:
        wells, d = self._plan, self.design
        is_gene = wells["gene"].notna()
        name = wells["gene"].where(is_gene, wells["treatment"])
        effects = np.zeros((len(wells), d.dimension))
        for key, rows in name.groupby(name).indices.items():
            if key != CONTROL:
                effects[rows] = self.effect_of(str(key))
        rank = {dose: (i + 1) / len(DOSES) for i, dose in enumerate(DOSES)}
        strength = wells["concentration"].map(rank).fillna(1.0).to_numpy()
        if d.flat:
            strength = np.ones(len(wells))
        elif d.curves:
            dosed = wells["concentration"].notna().to_numpy()
            half = name[dosed].map({each: self.half_of(each) for each in set(name[dosed])})
            dose = wells["concentration"][dosed]
            strength = np.ones(len(wells))
            strength[dosed] = 1 / (1 + (half / dose) ** _SLOPE)
        if d.dead_guides:
            guide = wells["treatment"].str.extract(r"_guide_(\d+)$")[0].astype(float)
            strength = np.where(guide > d.guides - d.dead_guides, 0.0, strength)
        return np.asarray(effects * strength[:, None])

    def _of_positions(self) -> Array:
        """Smooth over rows and columns, and a step at the outermost two wells."""
        address = self._plan["address"]
        row = address.str[:-2].map({name: i for i, name in enumerate(_ROWS)}).to_numpy()
        column = address.str[-2:].astype(int).to_numpy() - 1
        near = np.minimum.reduce([row, _N_ROWS - 1 - row, column, _N_COLUMNS - 1 - column])
        along = np.column_stack(
            [2 * row / (_N_ROWS - 1) - 1, 2 * column / (_N_COLUMNS - 1) - 1, near < 2]
        )
        directions = np.stack([self._direction(f"position {i}") for i in range(3)])
        return np.asarray(self.design.position * np.sqrt(_MOVED) * along @ directions)
