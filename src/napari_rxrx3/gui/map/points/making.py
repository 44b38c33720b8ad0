"""What the page of the map shows, made in threads: the map, its projection, names and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.words import count, key_in_words, name_of_well
from napari_rxrx3.gui.map.points.coloring import colorings
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import MapSpec, Query

if TYPE_CHECKING:  # what makes maps is loaded by the threads that make them
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.projection.projection import Projection

__all__ = ["FILE", "PCA", "UMAP", "MapRequest", "MapScene", "make_scene", "strongest"]

Array = np.ndarray[Any, Any]

PCA, UMAP, FILE = "pca", "umap", "file"

NOT_SIMILAR = "Distances here are not similarities."
_UNASKED = 100_000
"""UMAP of more entries than that is made only when it is asked for."""
_OF_A_FAMILY = 8
"""So many times as many are looked at: a compound has eight doses, one of which comes first."""


@dataclass(frozen=True)
class MapRequest:
    """Which picture of which map.

    Attributes
    ----------
    method : {"pca", "umap", "file"}
    settings : tuple
        Number of neighbors, minimum distance and seed of UMAP.
    path : str
        The file of coordinates.
    is_asked : bool
        The user chose the method for this map, which may take very long.
    """

    spec: MapSpec
    method: str = PCA
    settings: tuple[int, float, int] = (15, 0.1, 0)
    path: str = ""
    is_asked: bool = False


@dataclass(frozen=True, eq=False)
class MapScene:
    """A map as a picture; `note` is why it is not what was asked for, `method` how it was made."""

    dataset: Dataset
    wanted: MapRequest
    method: str
    phenomap: PhenoMap
    projection: Projection
    colorings: list[str]
    note: str

    @property
    def caption(self) -> str:
        """What is shown, how it was made, and what it does not say."""
        projection, spec = self.projection, self.phenomap.spec
        missing = f", {projection.n_missing:,} have no place" if projection.n_missing else ""
        made = f"{spec.embedding}, {spec.average}{', by plate' * (spec.batch == 'plate')}"
        return f"{projection.words}{missing}\n{made}. {NOT_SIMILAR}"

    def key(self, row: int) -> str:
        return str(self.phenomap.labels.index[row])

    def name(self, row: int) -> str:
        """What an entry is called on screen."""
        key = self.key(row)
        if self.phenomap.level != "well":
            return key_in_words(key)
        position = int(self.phenomap.member_positions[row])
        return name_of_well(self.dataset.known_wells.iloc[position])

    def words(self, row: int, query: int | None) -> str:
        """The name of an entry, and how alike it is to the query in all dimensions."""
        phenomap, words = self.phenomap, [self.name(row)]
        n = int(phenomap.n_wells[row])
        words.append(self.key(row) if phenomap.level == "well" else count(n, "well"))
        if query is not None and query != row:
            lengths = phenomap.inverse_norms[[row, query]]
            product = float(phenomap.vectors[row].astype(float) @ phenomap.vectors[query])
            words += [f"cos {product * lengths[0] * lengths[1]:.2f}"] if lengths.all() else []
        return "   ".join(words)

    def row_of(self, query: Query) -> int | None:
        """The entry that is asked about; None if the map has none."""
        row = self.phenomap.find(query.key) if query.key else None
        if row is None and query.well is not None:
            key = self.phenomap.key_of_well(query.well)
            row = self.phenomap.find(key) if key is not None else None
        return row


def make_scene(dataset: Dataset, wanted: MapRequest, progress: Progress) -> MapScene:
    """Make a map and its projection.

    Raises
    ------
    RxRx3Error
        If there are no vectors, the file does not fit, or umap-learn is not installed.
    """
    from napari_rxrx3.maps.projection.umap import UmapSettings, how_long

    phenomap, note = dataset.map_or_fallback(wanted.spec, progress)
    notes, method, n = [note], wanted.method, len(phenomap.labels)
    if method == UMAP and n > _UNASKED and not wanted.is_asked:
        method = PCA
        notes.append(f"Choose UMAP again to start it. {how_long(n)}")
    n_neighbors, min_dist, seed = wanted.settings
    settings = UmapSettings(n_neighbors=n_neighbors, min_dist=min_dist, seed=seed)
    projection = phenomap.project(
        method, settings=settings, path=wanted.path or None, progress=progress
    )
    progress(0, 0, "looking at what the map can be colored by")
    choices = colorings(phenomap, dataset.wells)
    _make_ready(phenomap)
    said = " ".join(filter(None, notes))
    return MapScene(dataset, wanted, method, phenomap, projection, choices, said)


def _make_ready(phenomap: PhenoMap) -> None:
    """Work out what every click and every hover looks up."""
    if len(phenomap.labels):
        phenomap.find(str(phenomap.labels.index[0]))
        phenomap.key_of_well(str(phenomap.well_ids[phenomap.member_positions[0]]))
        phenomap.positions_of(0)
        len(phenomap.inverse_norms)


def strongest(phenomap: PhenoMap, most: int) -> list[int]:
    """Rows of the strongest entries; by the length of their vectors until there are scores.

    Of each compound its strongest dose comes before any second one, and of each gene its strongest
    guide: there is room for the names of the first ones only.
    """
    from napari_rxrx3.maps.evidence.doubts import LEVEL_OF_DOUBT

    strength = phenomap.squared_norms.astype(float)
    if phenomap.level != "well" and phenomap.score_store.is_ready:
        scores = phenomap.scores
        is_sure = scores["strength_p"].to_numpy(float) <= LEVEL_OF_DOUBT
        strength = np.where(is_sure, scores["effect"].to_numpy(float), np.nan)
    strength = np.where(np.isfinite(strength), strength, -np.inf)
    n = min(_OF_A_FAMILY * most, int((strength > 0).sum()))
    rows: Array = np.argpartition(-strength, n - 1)[:n] if n else np.zeros(0, int)
    rows = rows[np.argsort(-strength[rows], kind="stable")]
    family = phenomap.families[rows]
    is_second = np.ones(len(rows), bool)
    is_second[np.unique(family, return_index=True)[1]] = False
    is_second &= family >= 0
    return [int(row) for row in rows[np.argsort(is_second, kind="stable")][:most]]
