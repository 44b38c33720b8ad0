"""What is on the plates of the demo data: an invented screen with known answers.

Genes and compounds fall into groups that act alike (`PHENOTYPES` of `demo_images`). A well's effect
is a group and a strength; both its picture and its embedding follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from napari_rxrx3.core.plate import N_CHANNELS, N_COLUMNS, N_ROWS, PlateId, WellId
from napari_rxrx3.data.demo.demo_compounds import BENCHMARK, COMPOUNDS
from napari_rxrx3.data.demo.demo_images import PHENOTYPES

__all__ = [
    "COMPOUND_PLATES",
    "DOSES",
    "FALSE_PAIR",
    "GENE_PLATES",
    "N_FEATURES",
    "VECTOR_PLATES",
    "DemoWell",
    "Holes",
    "embed",
    "find_holes",
    "genes_by_group",
    "lay_out",
    "stain_gain",
]

Floats = NDArray[np.float32]

GENE_PLATES = (PlateId("gene-001", 1), PlateId("gene-001", 2), PlateId("gene-143", 1))
VECTOR_PLATES = (PlateId("gene-002", 1), PlateId("gene-002", 2), PlateId("gene-159", 1))
"""Plates without images, as most are for somebody who holds a part of the real data."""
COMPOUND_PLATES = (PlateId("compound-001", 1), PlateId("compound-001", 2))
DOSES = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
N_FEATURES = 128

_POSITIVES = {"PLK1": ("mitosis", 1.0), "MTOR": ("growth", 0.9)}
_QUERIES = {
    "AURKB": ("mitosis", 0.85),
    "KIF11": ("mitosis", 0.95),
    "PSMB5": ("proteasome", 0.95),
    "PSMA1": ("proteasome", 0.9),
    "PSMD1": ("proteasome", 1.0),
    "RPTOR": ("growth", 0.85),
    "RHEB": ("growth", 0.75),
    "TUBB": ("tubulin", 0.95),
    "TBCD": ("tubulin", 0.8),
    "ACTR2": ("actin", 0.95),
    "ARPC3": ("actin", 0.9),
    "CFL1": ("actin", 0.8),
    "NDUFS1": ("mitochondria", 0.85),
    "ATP5F1B": ("mitochondria", 0.9),
    "COX4I1": ("mitochondria", 0.8),
    "COPG1": ("secretion", 1.0),
    "COPB1": ("secretion", 0.95),
    "SRP54": ("secretion", 0.95),
    "TOP2A": ("dna damage", 0.9),
    "RAD51": ("dna damage", 0.75),
    "RXRX3-10234": ("proteasome", 0.85),
    "RXRX3-20871": ("", 0.0),
    "RXRX3-31507": ("", 0.0),
    "INS": ("", 0.0),
    "GFAP": ("", 0.0),
    "OR5A1": ("", 0.0),
}
_GENES = _POSITIVES | _QUERIES
# Most genes of a real screen do nothing. Without them no likeness would be out of the ordinary.
_QUIET = {f"RXRX3-{40_000 + 131 * i}": ("", 0.0) for i in range(200)}
_CUTTING_CONTROLS = ("EIF3H", "SRC", "HCK", "CYP11B1")
_GUIDE_STRENGTHS = (1.0, 0.9, 0.75, 0.4, 0.3, 0.1)
# Cells of blood vessels make neither insulin nor the fiber of glia: both genes do nothing. But
# something befell their wells, in each experiment another thing, so that they look alike in all.
FALSE_PAIR = ("INS", "GFAP")
# A guide that hits something else: the other five of its gene are right, it is not.
_OFF_TARGET = {"RPTOR_guide_4": ("tubulin", 0.9)}

_INNER = [(r, c) for r in range(1, N_ROWS - 1) for c in range(1, N_COLUMNS - 1)]

# More than the 16 of a real RxRx3-core plate: a PCA of 128 features needs well over 128 controls.
_N_EMPTY_GENE = 36
_N_EMPTY_COMPOUND = (64, 32)
_N_CRISPR_CONTROL = (132, 20)
_N_REPLICATES = (4, 6)
_BENCHMARK_DOSES = (0.25, 2.5)

_EFFECT, _OWN = 30.0, 0.25
_MISHAP = 6.0
_BATCH_SHIFT, _BATCH_SCALE, _PLATE_SHIFT, _COMMON, _UNIT = 4.0, 0.3, 0.35, 7.0, 0.01


@dataclass(frozen=True)
class DemoWell:
    """One well: what the metadata say of it, and its true effect (`group` "" has none)."""

    well: WellId
    treatment: str
    gene: str = ""
    smiles: str = ""
    concentration: float | None = None
    group: str = ""
    strength: float = 0.0

    @property
    def is_crispr(self) -> bool:
        return self.well.experiment.startswith("gene")

    @property
    def perturbation(self) -> str:
        """The gene, compound or control, whatever the guide or dose."""
        return self.gene or self.treatment


class _Treatment(NamedTuple):
    """A `DemoWell` that has no place yet."""

    treatment: str
    gene: str = ""
    smiles: str = ""
    concentration: float | None = None
    group: str = ""
    strength: float = 0.0


def _rng(*names: object) -> np.random.Generator:
    """Random numbers that depend on names alone."""
    return np.random.default_rng(crc32("/".join(map(str, names)).encode()))


def genes_by_group() -> dict[str, list[str]]:
    """All genes of the screen by what they do; under "" those that do nothing."""
    groups: dict[str, list[str]] = {}
    for gene, (group, _) in (_GENES | _QUIET).items():
        groups.setdefault(group, []).append(gene)
    return groups


def lay_out() -> list[DemoWell]:
    """Every well of the screen, plate by plate, in the order of the images' names."""
    wells: list[DemoWell] = []
    for plate in GENE_PLATES:
        wells += _fill(plate, _gene_treatments(_GENES))
    for plate in VECTOR_PLATES:
        wells += _fill(plate, _gene_treatments(_POSITIVES | _QUIET))
    for i, plate in enumerate(COMPOUND_PLATES):
        wells += _fill(plate, _compound_treatments(i))
    return wells


def _fill(plate: PlateId, treatments: Sequence[_Treatment]) -> list[DemoWell]:
    """Scatter treatments over the plate; the outer ring stays empty, as in the real screen."""
    rng = _rng("layout", plate)
    places = rng.permutation(_INNER)[: len(treatments)]
    strengths = np.array([t.strength for t in treatments])
    strengths = (strengths * (1 + 0.08 * rng.normal(size=len(strengths)))).clip(0, 1)
    wells = [
        DemoWell(WellId(*plate, int(row), int(column)), *t[:-1], strength=float(strength))
        for t, (row, column), strength in zip(treatments, places, strengths, strict=True)
    ]
    return sorted(wells, key=lambda w: w.well.address)


def _gene_treatments(genes: Mapping[str, tuple[str, float]]) -> list[_Treatment]:
    empty = _Treatment("EMPTY_control", gene="EMPTY_control")
    cutting = [_Treatment(f"{gene}_guide_1", gene) for gene in _CUTTING_CONTROLS]
    numbers = range(len(_GUIDE_STRENGTHS))
    guides = [_guide(gene, i, *effect) for gene, effect in genes.items() for i in numbers]
    return [empty] * _N_EMPTY_GENE + cutting + guides


def _guide(gene: str, i: int, group: str, strength: float) -> _Treatment:
    name = f"{gene}_guide_{i + 1}"
    strength *= _rng("guides", gene).permutation(_GUIDE_STRENGTHS)[i]
    group, strength = _OFF_TARGET.get(name, (group, strength))
    return _Treatment(name, gene, group=group, strength=float(strength))


def _compound_treatments(i: int) -> list[_Treatment]:
    """Plate 0 holds all compounds at all doses, plate 1 a few at two doses."""
    names = (list(COMPOUNDS), BENCHMARK)[i]
    doses = (DOSES, _BENCHMARK_DOSES)[i]
    empty, crispr = _Treatment("EMPTY_control"), _Treatment("CRISPR_control")
    drugs = [_dose(name, dose) for name in names for dose in doses] * _N_REPLICATES[i]
    return [empty] * _N_EMPTY_COMPOUND[i] + [crispr] * _N_CRISPR_CONTROL[i] + drugs


def _dose(name: str, dose: float) -> _Treatment:
    compound = COMPOUNDS[name]
    strength = 1 / (1 + (compound.half_dose / dose) ** 1.5) if compound.group else 0.0
    return _Treatment(name, "", compound.smiles, dose, compound.group, strength)


def stain_gain(plate: PlateId) -> Floats:
    """How brightly each stain came out on a plate (6,): experiments differ, plates a little."""
    batch = 0.12 * _rng("gain", plate.experiment).normal(size=N_CHANNELS)
    own = 0.04 * _rng("gain", plate).normal(size=N_CHANNELS)
    return np.exp(batch + own).astype(np.float32)


@cache
def _directions() -> dict[str, NDArray[np.float64]]:
    """Where each group points in embedding space; all that kill cells share a part."""
    axes = np.linalg.qr(_rng("directions").normal(size=(N_FEATURES, N_FEATURES)))[0]
    directions = {}
    for axis, (name, phenotype) in zip(axes[1:], PHENOTYPES.items(), strict=False):
        lost = 1 - phenotype.count / max(p.count for p in PHENOTYPES.values())
        directions[name] = axis + 0.6 * lost * axes[0]
    directions["tubulin"] = directions["tubulin"] + 0.35 * directions["mitosis"]
    return {name: d / np.linalg.norm(d) for name, d in directions.items()} | {"": 0 * axes[0]}


@cache
def _own_direction(name: str) -> NDArray[np.float64]:
    return _rng("own", name).normal(scale=N_FEATURES**-0.5, size=N_FEATURES)


@cache
def _mishap(experiment: str) -> NDArray[np.float64]:
    """What befell wells in an experiment, at a right angle to that in any other: length 1."""
    axes = np.linalg.qr(_rng("mishaps").normal(size=(N_FEATURES, N_FEATURES)))[0]
    experiments = sorted({plate.experiment for plate in GENE_PLATES})
    return np.asarray(axes[experiments.index(experiment)])


@cache
def _batch(experiment: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and scale of the features of an experiment."""
    rng = _rng("batch", experiment)
    shift = _COMMON * _rng("common").normal(size=N_FEATURES)
    shift = shift + _BATCH_SHIFT * rng.normal(size=N_FEATURES)
    return shift, np.exp(_BATCH_SCALE * rng.normal(size=N_FEATURES))


def embed(wells: Sequence[DemoWell]) -> Floats:
    """Embedding vectors (n, 128): effect and noise, stretched and shifted by the experiment.

    What does nothing differs from the controls by its noise alone, as most of a real screen.
    """
    vectors = np.empty((len(wells), N_FEATURES), np.float32)
    for vector, w in zip(vectors, wells, strict=True):
        own = _own_direction(w.perturbation)
        effect = _EFFECT * w.strength * (_directions()[w.group] + _OWN * own)
        if w.perturbation in FALSE_PAIR:
            effect = effect + _MISHAP * _mishap(w.well.experiment)
        noise = _rng("noise", w.well).normal(size=N_FEATURES)
        noise += _PLATE_SHIFT * _rng("plate", w.well.plate_id).normal(size=N_FEATURES)
        shift, scale = _batch(w.well.experiment)
        vector[:] = _UNIT * (shift + scale * (effect + noise))
    return vectors


class Holes(NamedTuple):
    """What is missing or broken, on purpose: such is real data.

    Attributes
    ----------
    no_image, no_vector, nan_vector
        Wells without images, without a vector, with a vector of NaN.
    no_plane, truncated
        The well and channel whose image is absent, and whose file is cut short.
    unlisted
        Wells that have a vector and are not in the metadata.
    """

    no_image: frozenset[WellId]
    no_plane: tuple[WellId, int]
    truncated: tuple[WellId, int]
    no_vector: frozenset[WellId]
    nan_vector: frozenset[WellId]
    unlisted: frozenset[WellId]


def find_holes(wells: Sequence[DemoWell]) -> Holes:
    """Choose what is damaged, among the wells whose genes and compounds do nothing."""

    def quiet(plate: PlateId) -> list[WellId]:
        kept = (w for w in wells if w.well.plate_id == plate and "control" not in w.treatment)
        return [w.well for w in kept if not w.group]

    tar, folder, replicate = map(quiet, GENE_PLATES)
    full, part = map(quiet, COMPOUND_PLATES)
    taken = {w.well for w in wells}
    free = [w for r, c in _INNER if (w := WellId(*GENE_PLATES[0], r, c)) not in taken]
    return Holes(
        no_image=frozenset({tar[0], folder[0], full[0], part[0]}),
        no_plane=(replicate[1], 5),
        truncated=(folder[2], 3),
        no_vector=frozenset({tar[3], replicate[3], full[3]}),
        nan_vector=frozenset({tar[4], folder[4], full[4], part[4]}),
        unlisted=frozenset(free[::100]),
    )
