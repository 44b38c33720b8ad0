"""A question to the map."""

from __future__ import annotations

from dataclasses import dataclass, fields

from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.maps.spec import MapSpec

__all__ = ["Query", "spec_of"]


@dataclass(frozen=True)
class Query:
    """A question to the map: which perturbations look like, or unlike, this one.

    `well` is the well shown for it; None until one is chosen. `order` and `kind` are those of
    `napari_rxrx3.maps.neighbors`; from `level` on to `leave_out` it says which map is asked, an
    empty `embedding` being the data set's default.
    """

    key: str = ""
    well: str | None = None
    order: str = "similar"
    kind: str = "all"
    k: int = 50
    metric: str = "cosine"
    level: str = "perturbation"
    align: str = "pca-centerscale"
    embedding: str = ""
    average: str = "mean"
    batch: str = "experiment"
    control: str = EMPTY_CONTROL
    leave_out: bool = False


def spec_of(query: Query) -> MapSpec:
    """Which map a question goes to."""
    return MapSpec(**{field.name: getattr(query, field.name) for field in fields(MapSpec)})
