"""What can be asked of a map and what it is made of: names and values, without any table."""

from __future__ import annotations

from dataclasses import dataclass, fields

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.maps.align import ALIGNMENTS

__all__ = [
    "AVERAGES",
    "BATCHES",
    "LEVELS",
    "METRICS",
    "MIN_GENES",
    "NEIGHBOR_KINDS",
    "NEIGHBOR_ORDERS",
    "MapSpec",
    "Query",
    "spec_of",
]

LEVELS = ("well", "guide", "perturbation", "compound")
METRICS = ("cosine", "euclidean")
AVERAGES = ("mean", "median")
BATCHES = ("experiment", "plate")

MIN_GENES = 10
"""Genes in the map that a gene set needs to be tested."""

NEIGHBOR_KINDS = {"all": None, "genes": "CRISPR", "compounds": "COMPOUND"}
"""What is listed, and its perturbation type."""

NEIGHBOR_ORDERS = {
    "similar": ("nearest", "The perturbations that look most like the one that is asked about"),
    "across experiments": (
        "alike across experiments",
        "The most alike across experiments, where the two share no controls",
    ),
    "opposite": ("most unlike", "The perturbations that look least like it"),
    "active": (
        "active",
        "Of the whole map those that do something: their wells differ from the controls of their "
        "plates, and all in one way (at most 5 % of them by chance)",
    ),
    "strongest": ("strongest", "Of the whole map those with the strongest effect"),
    "clearest dose response": (
        "clearest dose response",
        "Of the whole map the compounds whose effect grows with the dose, the surest first, each "
        "at its highest dose (at most 5 % of them by chance)",
    ),
    "most consistent": ("most consistent", "Of the whole map those whose wells agree most"),
}
"""What comes first, by likeness to the query or by a score: how a list is called, what it is."""


@dataclass(frozen=True, kw_only=True)
class MapSpec:
    """What a map is made of; see `Dataset.phenomap`."""

    level: str = "perturbation"
    align: str = "pca-centerscale"
    embedding: str = ""
    average: str = "mean"
    batch: str = "experiment"
    control: str = EMPTY_CONTROL
    leave_out: bool = False
    position: bool = False
    arm_tables: str = ""
    """By which tables the bias of chromosome arms is corrected, see `Dataset.add_arm_tables`."""

    def check(self) -> None:
        """Refuse a choice that there is not.

        Raises
        ------
        MapError
        """
        choices = {"level": LEVELS, "average": AVERAGES, "batch": BATCHES}
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                raise MapError(f"There is no {name} {value!r}; choose one of {', '.join(known)}.")
        if self.align not in ALIGNMENTS:
            known_names = ", ".join(ALIGNMENTS)
            raise MapError(f"There is no alignment {self.align!r}; choose one of {known_names}.")


@dataclass(frozen=True)
class Query(MapSpec):
    """A question to the map: which perturbations look like, or unlike, this one.

    `well` is the well shown for it; None until one is chosen. `order` is one of
    `NEIGHBOR_ORDERS`, `kind` a key of `NEIGHBOR_KINDS`; with `all_doses` each dose of a compound is
    listed, also those of the query's own, otherwise the most alike one of each other compound. The
    rest says which map is asked, an empty `embedding` being the data set's default.
    """

    key: str = ""
    well: str | None = None
    order: str = "similar"
    kind: str = "all"
    k: int = 50
    metric: str = "cosine"
    all_doses: bool = False


def spec_of(query: Query) -> MapSpec:
    """Which map a question goes to."""
    return MapSpec(**{field.name: getattr(query, field.name) for field in fields(MapSpec)})
