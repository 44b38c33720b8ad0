"""How large a run is, and where its data lie."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["FULL", "HISTORY", "N_WELLS", "QUICK", "ROOT", "SETTINGS", "Settings"]

ROOT = Path(__file__).resolve().parent.parent
HISTORY = ROOT / "benchmarks" / "history.jsonl"

N_WELLS = 2_222_103
"""Wells in the metadata of all of RxRx3."""


@dataclass(frozen=True)
class Settings:
    """Sizes of the data and numbers of repetitions.

    Attributes
    ----------
    core_plates, core_wells : int
        Plates of 512 px JPEG 2000 in shards, and wells on each.
    tar_wells : int
        Wells with whole 2048 px PNGs, side by side in one tar.
    overview_wells : int
        Wells of the plate tar of which only the first part of each image is there.
    plates : int
        Plates with metadata and embeddings; 1,744 are all of RxRx3.
    growth_plates, growth_wells : tuple of int
        Sizes at which cost is measured as the work grows.
    tar_members, tar_bytes : int
        The sparse tar.
    vectors : tuple of int
        Numbers of 128-d vectors that are searched, and projected.
    points : tuple of int
        Numbers of points of a map in two dimensions.
    heat_map : int
        Entries of a heat map.
    neighbors : int
        Neighbors whose thumbnails are shown.
    gene_sets, genes_of_sets : int
        Sets of genes, and genes of the map in which they are looked for.
    dosed_compounds : int
        Compounds at eight doses whose responses are computed.
    pass_plates, pass_wells : int
        Plates of 512 px that passes over images go through, and wells on each.
    """

    name: str
    core_plates: int
    core_wells: int
    tar_wells: int
    overview_wells: int
    plates: int
    growth_plates: tuple[int, ...]
    growth_wells: tuple[int, ...]
    tar_members: int
    tar_bytes: int
    vectors: tuple[int, ...]
    points: tuple[int, ...]
    heat_map: int
    neighbors: int
    gene_sets: int
    genes_of_sets: int
    dosed_compounds: int
    pass_plates: int
    pass_wells: int
    clicks: int
    repeats: int
    opens: int
    keys: int
    soak_clicks: int
    queries: int

    @property
    def folder(self) -> Path:
        return ROOT / ".cache" / "bench" / self.name

    @property
    def page(self) -> Path:
        """The report; what it is made of lies in a folder beside it that is called like it."""
        return (ROOT / "docs" if self is FULL else self.folder) / "performance.md"

    @property
    def results(self) -> Path:
        """All that the last run measured."""
        return self.page.with_suffix("") / "results.json"

    @property
    def history(self) -> Path:
        """Runs of the past; those of small data are not part of the code."""
        return HISTORY if self is FULL else self.folder / HISTORY.name

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


FULL = Settings(
    name="full",
    core_plates=2,
    core_wells=1380,
    tar_wells=50,
    overview_wells=1380,
    plates=1744,
    growth_plates=(1, 10, 100, 1744),
    growth_wells=(2_222, 22_221, 222_210, N_WELLS),
    tar_members=9216,
    tar_bytes=48_000_000_000,
    vectors=(102_705, N_WELLS),
    points=(102_705, N_WELLS),
    heat_map=1000,
    neighbors=20,
    gene_sets=35_000,
    genes_of_sets=17_000,
    dosed_compounds=1_674,
    pass_plates=8,
    pass_wells=96,
    clicks=16,
    repeats=15,
    opens=2,
    keys=100,
    soak_clicks=500,
    queries=30,
)

QUICK = Settings(
    name="quick",
    core_plates=2,
    core_wells=120,
    tar_wells=6,
    overview_wells=8,
    plates=4,
    growth_plates=(1, 4),
    growth_wells=(2_222, 22_221),
    tar_members=9216,
    tar_bytes=48_000_000_000,
    vectors=(102_705,),
    points=(22_221,),
    heat_map=120,
    neighbors=6,
    gene_sets=2_000,
    genes_of_sets=2_000,
    dosed_compounds=60,
    pass_plates=3,
    pass_wells=8,
    clicks=2,
    repeats=3,
    opens=1,
    keys=20,
    soak_clicks=10,
    queries=8,
)

SETTINGS = {settings.name: settings for settings in (FULL, QUICK)}
