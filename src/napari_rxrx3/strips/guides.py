"""The guides of a gene, the one that is furthest from the controls first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.perturbation import gene_of_guide
from napari_rxrx3.core.plate import natural_key
from napari_rxrx3.core.words import guide_in_words, shown_of
from napari_rxrx3.maps.spec import spec_of
from napari_rxrx3.strips.request import StripRequest
from napari_rxrx3.strips.strip import NothingToCompare, Strip

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["guide_strip"]

Array = np.ndarray[Any, Any]

_TILES = 36
_COLUMNS, _MOST_GUIDES = (2, 6), 10
_ALIKE = "Alike is the cosine of a guide to the mean of the others."
_MEASURED = 200
"""Wells a guide that its distance is the mean of, at most: control genes have thousands."""


@dataclass(frozen=True, eq=False)
class _Guide:
    """A guide with its wells by nearness; `likeness` is its cosine to the other guides."""

    treatment: str
    positions: Array
    pictured: Array
    distance: float = np.nan
    likeness: float = np.nan

    @property
    def name(self) -> str:
        return guide_in_words(self.treatment)

    @property
    def numbers(self) -> list[str]:
        """What is known of it, short enough for a tile."""
        distance = [] if np.isnan(self.distance) else [f"distance {self.distance:.2g}"]
        return distance if np.isnan(self.likeness) else [*distance, f"alike {self.likeness:.2f}"]


def guide_strip(request: StripRequest) -> Strip:
    """A row a guide, a column a replicate, and controls of the same plates at the end."""
    gene = _gene_of(request)
    guides, notes = _judged(request, _guides(request, gene))
    by_distance = any(not np.isnan(guide.distance) for guide in guides)
    guides.sort(key=lambda guide: -np.nan_to_num(guide.distance, nan=-np.inf))
    shown = _with_query(guides, request)
    most = max(1, *(len(guide.pictured) for guide in shown))
    n_columns = min(most, max(min(_TILES // (len(shown) + 1), _COLUMNS[1]), _COLUMNS[0]))
    notes.append(shown_of(len(shown), len(guides), "guides"))
    if n_columns < most:
        notes.append(f"{n_columns} of up to {most:,} replicates a guide are shown.")
    title = f"{gene}: guides by distance from controls" if by_distance else f"{gene}: guides"
    note = " ".join(filter(None, notes))
    return Strip("guides", title, _rows(request, shown, n_columns), is_arranged=True, note=note)


def _gene_of(request: StripRequest) -> str:
    treatment, kind = request.row["treatment"], request.row["perturbation_type"]
    gene = gene_of_guide(treatment) if isinstance(treatment, str) else None
    if gene is None or kind == "COMPOUND":
        raise NothingToCompare(f"{request.name} is not a guide of a gene.")
    return gene


def _guides(request: StripRequest, gene: str) -> list[_Guide]:
    """All guides of a gene in the order of their numbers."""
    treatments = request.dataset.known_wells["treatment"]
    prefix = f"{gene}_guide_"
    positions = np.flatnonzero(treatments.str.startswith(prefix, na=False).to_numpy(bool))
    by_name: dict[str, list[int]] = {}
    named = treatments.array[positions]
    for position, treatment in zip(positions.tolist(), named, strict=True):
        if gene_of_guide(treatment) == gene:
            by_name.setdefault(treatment, []).append(position)
    guides = []
    for name in sorted(by_name, key=natural_key):
        wells = np.array(by_name[name])
        guides.append(_Guide(name, request.by_nearness(wells), request.pictured(wells)))
    return guides


def _judged(request: StripRequest, guides: list[_Guide]) -> tuple[list[_Guide], list[str]]:
    """The guides with what their vectors say, and what to know about it."""
    try:
        guides, words = _measured(request, guides)
    except Cancelled:
        raise
    except RxRx3Error as error:
        return guides, [f"The guides are in the order of their numbers. {error}"]
    try:
        guides, more = _compared(request, guides)
    except Cancelled:
        raise
    except RxRx3Error as error:
        more = [f"Whether the guides agree is not known. {error}"]
    return guides, [*more, words]


def _measured(request: StripRequest, guides: list[_Guide]) -> tuple[list[_Guide], str]:
    """The guides with their distance from the controls, and what that is."""
    measured = [guide.positions[:_MEASURED] for guide in guides]
    far = request.from_controls(np.concatenate(measured))
    ends = np.cumsum([len(wells) for wells in measured])
    distances = [_mean(part) for part in np.split(far.distances, ends[:-1])]
    guides = [replace(g, distance=d) for g, d in zip(guides, distances, strict=True)]
    if np.isnan(distances).all():
        return guides, f"No guide has a {far.metric}."
    words = f"Distance is the mean {far.metric}"
    low, high = far.spread
    if not np.isnan(low):
        words += f"; that of the controls themselves is {low:.2g} to {high:.2g}"
    return guides, f"{words}."


def _compared(request: StripRequest, guides: list[_Guide]) -> tuple[list[_Guide], list[str]]:
    """The guides with how much each acts like the others, and how much all of them do."""
    spec = replace(spec_of(request.query), level="perturbation")
    phenomap, note = request.dataset.map_or_fallback(spec, request.progress)
    units = _directions(phenomap, guides, request)
    known = [i for i, unit in enumerate(units) if unit is not None]
    vectors = np.array([units[i] for i in known])
    if len(known) < 2:
        return guides, [note, "It takes two guides with vectors to say whether they agree."]
    alike = list(guides)
    for i, row in enumerate(known):
        rest = vectors.sum(axis=0) - vectors[i]
        length = np.linalg.norm(rest)
        alike[row] = replace(guides[row], likeness=float(vectors[i] @ rest / (length or 1)))
    agreement = (vectors @ vectors.T)[np.triu_indices(len(known), 1)].mean()
    return alike, [note, _agreement_in_words(phenomap, request, agreement), _ALIKE]


def _directions(
    phenomap: PhenoMap, guides: list[_Guide], request: StripRequest
) -> list[Array | None]:
    """Direction of the mean of each guide's aligned vectors; None where it has none."""
    space = phenomap.open_space(request.progress)
    directions: list[Array | None] = []
    for guide in guides:
        at = np.minimum(np.searchsorted(space.positions, guide.positions), len(space) - 1)
        wells = at[space.positions[at] == guide.positions]
        mean = space.aligned(wells).sum(axis=0, dtype=np.float64)
        length = np.linalg.norm(mean)
        directions.append(mean / length if length > 0 else None)
    return directions


def _agreement_in_words(phenomap: PhenoMap, request: StripRequest, agreement: float) -> str:
    words, what = f"The guides agree {agreement:.2f}", "(mean cosine of all pairs)"
    key = phenomap.key_of_well(request.well_id)
    if key is None or not phenomap.score_store.is_ready:
        return f"{words} {what}."
    scores = phenomap.scores.loc[key]
    if not np.isnan(scores["agreement_p"]):
        words += f", p {scores['agreement_p']:.2g}"
    odd = scores["odd_guide"]
    if isinstance(odd, str):
        words += f", but guide {odd.rpartition('_')[2]} is not like the others"
    return f"{words} {what}."


def _with_query(guides: list[_Guide], request: StripRequest) -> list[_Guide]:
    """As many guides as are shown; that of the well always."""
    shown = guides[:_MOST_GUIDES]
    own = next(g for g in guides if g.treatment == request.row["treatment"])
    return shown if own in shown else [*shown[:-1], own]


def _rows(request: StripRequest, guides: list[_Guide], n_columns: int) -> tuple[Tile, ...]:
    tiles = []
    for row, guide in enumerate(guides):
        wells = [request.tile_at(position) for position in guide.pictured[:n_columns]]
        wells = wells or [Tile(None, f"{guide.name}\nno image of it here")]
        for i, number in enumerate(guide.numbers):  # on a tile each: they hide what is below
            at = min(i, len(wells) - 1)
            wells[at] = replace(wells[at], label=f"{wells[at].label}\n{number}")
        tiles += [replace(tile, row=row, column=i) for i, tile in enumerate(wells)]
    beside = [_first_in_column(tiles, i) or request.well_id for i in range(n_columns)]
    controls = request.controls_of(beside)
    last = len(guides)
    return (*tiles, *(replace(tile, row=last, column=i) for i, tile in enumerate(controls)))


def _first_in_column(tiles: list[Tile], column: int) -> str | None:
    return next((t.well_id for t in tiles if t.column == column and t.well_id), None)


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
