"""How the points of a map are colored, and by what; computed in threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.plate_colors import (
    RGB,
    SCALE,
    WELL_TYPE_COLORS,
    CategoricalLegend,
    NumericLegend,
    name_color,
)
from napari_rxrx3.core.plate_view import WELL_TYPES
from napari_rxrx3.core.words import SCORES_IN_WORDS
from napari_rxrx3.gui.work.tasks import Progress

if TYPE_CHECKING:  # tables are loaded by the threads that read them
    import pandas as pd

    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["KIND", "SIMILARITY", "TAGS", "Coloring", "color_points", "colorings", "needs_scores"]

Array = np.ndarray[Any, Any]
Legend = CategoricalLegend | NumericLegend

KIND, TAGS, SIMILARITY = "kind", "tags", "similarity to the query"
_NAME, _DOSE, _N_WELLS = "gene or compound", "dose", "number of wells"
_SCORES = {words: name for name, words in SCORES_IN_WORDS.items()}
_OF_ONE_WELL = (SCORES_IN_WORDS["strength_cosine"],)
"""Scores that an entry of a single well has, too."""
_PLACES = ("experiment", "plate", "row", "column")
_KNOWN = {
    *("experiment_name", "plate", "address", "row", "column", "gene", "treatment", "SMILES"),
    *("concentration", "perturbation_type", "well_type", "has_image", "has_embedding"),
}

_GUIDE, _GENE = WELL_TYPES["guide"], "gene"
_NO_VALUE: RGB = (128, 128, 128)
_SEVERAL = "several"
_BINS = 254
_MOST_NAMES = 250
_LISTED = 7
_MANY, _CUT = 1000, 0.5
"""Of more values than that, so many percent at either end share the last color."""
# Colors of Okabe and Ito, told apart with any color vision, for a handful of names.
_FEW: tuple[RGB, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)


@dataclass(frozen=True, eq=False)
class Coloring:
    """Colors of all points.

    Attributes
    ----------
    classes : uint8 or uint16 (n,)
        Which color of the palette each point has; 0 is that of points without a value.
    palette : uint8 (k, 3)
    legend : CategoricalLegend or NumericLegend
    """

    classes: Array
    palette: Array
    legend: Legend


def colorings(phenomap: PhenoMap, wells: pd.DataFrame) -> list[str]:
    """What the entries of a map can be colored by, the most general first."""
    is_well = phenomap.level == "well"
    choices = [KIND, _NAME, SIMILARITY, TAGS]
    choices += [_DOSE] if (phenomap.labels["concentration"] > 0).any() else []
    choices += [name for name in _SCORES if not is_well or name in _OF_ONE_WELL]
    choices += list(_PLACES) if is_well else [_N_WELLS, *_PLACES[:2]]
    return choices + [str(name) for name in wells.columns if _says_something(wells, name)]


def needs_scores(by: str) -> bool:
    """Whether a coloring needs the scores of the whole map, which may take long."""
    return by in _SCORES


def color_points(
    phenomap: PhenoMap,
    wells: pd.DataFrame,
    by: str,
    query: int | None = None,
    tags: Mapping[str, int] | None = None,
    looks: tuple[tuple[str, RGB], ...] = (),
    progress: Progress | None = None,
) -> Coloring:
    """Color the entries of a map.

    Parameters
    ----------
    by : str
        One of `colorings`.
    query : int, optional
        Row of the entry that similarity is told to.
    tags : mapping, optional
        Of wells, the number (from 1) of the tag each has.
    looks : tuple of (name, color)
        Of the tags.
    progress : callable, optional
        Called with (done, total, text) while scores are computed; may raise to stop.
    """
    if by == SIMILARITY:
        return _by_similarity(phenomap, query)
    if by == TAGS:
        return _by_tags(phenomap, tags or {}, looks)
    if by == _DOSE:
        return _numbers(phenomap.labels["concentration"].to_numpy(float), "dose, µM (log)", True)
    if by == _N_WELLS:
        return _numbers(phenomap.n_wells.astype(float), "wells (log)", True)
    if by in _SCORES:
        scores = phenomap.score_store.get(progress)
        return _numbers(scores[_SCORES[by]].to_numpy(float), by)
    return _by_column(phenomap, wells, by)


def _by_column(phenomap: PhenoMap, wells: pd.DataFrame, by: str) -> Coloring:
    if by == KIND:
        return _by_kind(phenomap, wells)
    if by == _NAME:
        return _names(*_genes_and_compounds(phenomap.labels))
    if by in _PLACES:
        return _by_place(phenomap, wells, by)
    if wells[by].dtype.kind in "iufc":
        return _numbers(_means(phenomap, wells[by].to_numpy(float)), by)
    return _names(*_shared(phenomap, *_codes(wells[by])))


def _codes(column: pd.Series) -> tuple[Array, list[str]]:
    """Each value as a number, -1 for none, and the names of the numbers.

    Texts stay in their table: millions of Python strings would hold up all threads.
    """
    codes, names = column.factorize()
    return codes, [str(name) for name in names]


def _by_kind(phenomap: PhenoMap, wells: pd.DataFrame) -> Coloring:
    """What kind of well went into each entry."""
    codes, types = _codes(wells["well_type"])
    first = phenomap.member_positions[phenomap.ends - phenomap.n_wells]
    guide = _GUIDE if phenomap.level in ("well", "guide") else _GENE
    names = [guide if kind == "guide" else WELL_TYPES.get(kind, kind) for kind in types]
    return _names(codes[first], names, {**WELL_TYPE_COLORS, _GENE: WELL_TYPE_COLORS[_GUIDE]})


def _genes_and_compounds(labels: pd.DataFrame) -> tuple[Array, list[str]]:
    """Genes, and treatments where there is none."""
    genes, gene_names = _codes(labels["gene"])
    treatments, treatment_names = _codes(labels["treatment"])
    others = np.where(treatments < 0, -1, treatments + len(gene_names))
    return np.where(genes >= 0, genes, others), gene_names + treatment_names


def _by_place(phenomap: PhenoMap, wells: pd.DataFrame, by: str) -> Coloring:
    if by in ("row", "column"):
        return _numbers(wells[by].to_numpy(float)[phenomap.member_positions] + 1, by)
    codes, names = _codes(wells["experiment_name"])
    if by == "plate":
        numbers = wells["plate"].to_numpy()
        most = int(numbers.max()) + 1 if len(numbers) else 1
        plates, codes = np.unique(codes * most + numbers, return_inverse=True)
        names = [f"{names[plate // most]} plate {plate % most}" for plate in plates.tolist()]
    return _names(*_shared(phenomap, codes, names))


def _shared(phenomap: PhenoMap, codes: Array, names: list[str]) -> tuple[Array, list[str]]:
    """The value that all wells of an entry have, or that they have several."""
    of_member = codes[phenomap.member_positions]
    starts = phenomap.ends - phenomap.n_wells
    low, high = (f.reduceat(of_member, starts) for f in (np.minimum, np.maximum))
    return np.where(low == high, low, len(names)), [*names, _SEVERAL]


def _means(phenomap: PhenoMap, values: Array) -> Array:
    of_member = values[phenomap.member_positions]
    sums = np.add.reduceat(of_member, phenomap.ends - phenomap.n_wells)
    return np.asarray(sums / phenomap.n_wells)


def _by_similarity(phenomap: PhenoMap, query: int | None) -> Coloring:
    if query is None:
        return _numbers(np.full(len(phenomap.labels), np.nan), "cosine")
    closeness = phenomap.closeness(query, "cosine").astype(float)
    closeness[phenomap.inverse_norms == 0] = np.nan
    # its own would take the end of the scale for itself
    closeness[query] = np.nanmax(np.delete(closeness, query), initial=-1)
    return _numbers(closeness, "cosine")


def _by_tags(
    phenomap: PhenoMap, tags: Mapping[str, int], looks: tuple[tuple[str, RGB], ...]
) -> Coloring:
    """The first of the tags that an entry's wells have."""
    classes = np.zeros(len(phenomap.labels), np.uint8)
    for well, tag in sorted(tags.items(), key=lambda item: -item[1]):
        key = phenomap.key_of_well(well) if 1 <= tag <= len(looks) else None
        row = phenomap.find(key) if key is not None else None
        if row is not None:
            classes[row] = tag
    counts = np.bincount(classes, minlength=len(looks) + 1).tolist()
    entries = tuple((name, color, n) for (name, color), n in zip(looks, counts[1:], strict=True))
    palette = np.array([_NO_VALUE, *(color for _, color in looks)], np.uint8)
    return Coloring(classes, palette, CategoricalLegend(entries, 0, counts[0]))


def _numbers(values: Array, title: str, log: bool = False) -> Coloring:
    known = np.isfinite(values) & ((values > 0) | (not log))
    classes = np.zeros(len(values), np.uint8)
    palette = np.array([_NO_VALUE, *_scale(_BINS)], np.uint8)
    n_without = int(len(values) - known.sum())
    if not known.any():
        return Coloring(classes, palette, NumericLegend(title, np.nan, np.nan, SCALE, n_without))
    shown = np.log10(values[known]) if log else values[known]
    low, high = shown.min(), shown.max()
    if len(shown) > _MANY and not log:
        low, high = np.percentile(shown, [_CUT, 100 - _CUT])
    t = np.clip((shown - low) / (high - low), 0, 1) if high > low else np.full(len(shown), 0.5)
    classes[known] = 1 + np.rint(t * (_BINS - 1)).astype(np.uint8)
    ends = [float(10**end if log else end) for end in (low, high)]
    return Coloring(classes, palette, NumericLegend(title, ends[0], ends[1], SCALE, n_without))


def _scale(n: int) -> Array:
    at = np.linspace(0, len(SCALE) - 1, n)
    channels = [np.interp(at, np.arange(len(SCALE)), c) for c in np.transpose(SCALE)]
    return np.rint(np.stack(channels, axis=1))


def _names(codes: Array, names: list[str], known: Mapping[str, RGB] | None = None) -> Coloring:
    """The same color for the same name; of very many names, some share one."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    listed = [names[i] for i in order[:_MOST_NAMES]]
    colors = {name: (known or {}).get(name) or name_color(name) for name in listed}
    few = sorted(set(listed) - {_SEVERAL})
    if known is None and len(few) <= len(_FEW):
        colors = dict(zip(few, _FEW, strict=False))
    colors[_SEVERAL] = _NO_VALUE
    of_code = np.zeros(len(names) + 1, np.uint8)  # the last is that of no value
    of_code[order] = 1 + np.arange(len(order)) % max(1, len(listed))
    palette = np.array([_NO_VALUE, *(colors[name] for name in listed)], np.uint8)
    entries = tuple((n, colors[n], int(counts[order[i]])) for i, n in enumerate(listed[:_LISTED]))
    legend = CategoricalLegend(entries, len(order) - len(entries), int((codes < 0).sum()))
    return Coloring(of_code[codes], palette, legend)


def _says_something(wells: pd.DataFrame, name: object) -> bool:
    """A column of its own that is neither the same in all wells nor another in each."""
    if name in _KNOWN:
        return False
    column = wells[name]
    if column.dtype.kind in "iufc":
        return bool(column.notna().any())
    return 1 < column.nunique() <= max(2, len(column) // 2)
