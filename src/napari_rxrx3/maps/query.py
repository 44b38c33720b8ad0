"""A question to the map."""

from __future__ import annotations

from dataclasses import dataclass, fields

from napari_rxrx3.maps.spec import MapSpec

__all__ = ["Query", "spec_of"]


@dataclass(frozen=True)
class Query(MapSpec):
    """A question to the map: which perturbations look like, or unlike, this one.

    `well` is the well shown for it; None until one is chosen. `order` and `kind` are those of
    `napari_rxrx3.maps.neighbors`; the rest says which map is asked, an empty `embedding` being the
    data set's default.
    """

    key: str = ""
    well: str | None = None
    order: str = "similar"
    kind: str = "all"
    k: int = 50
    metric: str = "cosine"


def spec_of(query: Query) -> MapSpec:
    """Which map a question goes to."""
    return MapSpec(**{field.name: getattr(query, field.name) for field in fields(MapSpec)})
