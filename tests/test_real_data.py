"""One real well and the real names and doses, where they are at hand; never part of this package.

The real planes come back exactly from a plate tar and from shards, and the real treatments and
doses come back as the metadata write them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pytest

import builders as b
import napari_rxrx3 as rx

SHARED = Path(__file__).parents[2] / "shared" / "data"
METADATA = SHARED / "metadata_rxrx3_trimmed.parquet"
WELL = SHARED / "real-well"
pytestmark = pytest.mark.skipif(
    not (METADATA.exists() and WELL.exists()),
    reason="the real well and metadata (licensed, not shipped) are not beside the repository",
)

CORE_WELLS = [f"compound-001_{p}_{a}" for p in (2, 10) for a in ("AA41", "B02")]
TEXT = ("experiment_name", "gene", "treatment", "SMILES", "perturbation_type", "cell_type")


def real_planes() -> np.ndarray:
    """Return the real well, (6, 512, 512) uint8."""
    files = [WELL / f"AA41_s1_{channel}.jp2" for channel in b.CHANNELS]
    return np.stack([imagecodecs.jpeg2k_decode(path.read_bytes()) for path in files])


def shifted(planes: np.ndarray, n: int) -> np.ndarray:
    """Return the planes rolled by an amount that tells wells and channels apart."""
    return np.stack([np.roll(p, (37 * n + 5 * i, 11 * n), (0, 1)) for i, p in enumerate(planes)])


def placed(table: pd.DataFrame) -> pd.DataFrame:
    """Give real rows, which have lost their places, well ids: plates filled well by well."""
    wells = [f"{row}{c:02d}" for row in b.ROWS[1:31] for c in range(2, 48)]
    nth = table.groupby("experiment_name").cumcount()
    plate = nth // len(wells) + 1
    address = nth.mod(len(wells)).map(dict(enumerate(wells)))
    well_id = table["experiment_name"] + "_" + plate.astype(str) + "_" + address
    return table.assign(well_id=well_id, plate=plate, address=address)


@pytest.fixture(scope="module")
def metadata() -> pd.DataFrame:
    """Return all real compound wells and every eighth CRISPR well."""
    table = pd.read_parquet(METADATA).astype(dict.fromkeys(TEXT, "str"))
    chosen = (table["perturbation_type"] == "COMPOUND") | (table.index % 8 == 0)
    return placed(table[chosen].reset_index(drop=True))


@pytest.fixture(scope="module")
def screen(metadata: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Open the real rows, with a small vector a well: sums tell which wells went in."""
    root = tmp_path_factory.mktemp("real")
    b.write(root / "data/metadata.csv", metadata.to_csv(index=False).encode())
    stack = np.random.default_rng(0).normal(5, 1, (len(metadata), 4)).astype("float32")
    table = pd.DataFrame(stack, columns=[f"feature_{i}" for i in range(4)])
    table.insert(0, "well_id", metadata["well_id"].to_numpy())
    table.to_parquet(root / "data/embeddings.parquet")
    return rx.open_dataset(root / "data", cache_dir=root / "cache")


def test_a_real_well_is_exact_from_shards(tmp_path: Path) -> None:
    planes = real_planes()
    written = {name: shifted(planes, n) for n, name in enumerate(CORE_WELLS)}
    b.write_shards(tmp_path / "data", b.shard_rows(written), cuts=[9, 20])
    ds = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    assert sorted(ds.wells.index) == sorted(CORE_WELLS)
    for name in CORE_WELLS:
        assert (ds.read(name) == b.decoded_jp2(written[name])).all()
        assert (ds.image(name).compute() == b.decoded_jp2(written[name])).all()


def test_the_real_files_are_exact_and_their_thumbnails_close(tmp_path: Path) -> None:
    rows: dict[str, bytes | None] = {
        b.shard_key("compound-001_1_AA41", c): (WELL / f"AA41_s1_{c}.jp2").read_bytes()
        for c in b.CHANNELS
    }
    b.write_shard(tmp_path / "data" / "train-00000-of-00035.parquet", rows)
    ds = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    planes = real_planes()
    assert (ds.read("compound-001_1_AA41") == planes).all()
    thumbnail = ds.thumbnail("compound-001_1_AA41", size=64)
    expected = planes.reshape(6, 64, 8, 64, 8).mean(axis=(2, 4))
    assert (thumbnail.shape, thumbnail.dtype) == ((6, 64, 64), np.dtype("uint8"))
    for mine, theirs in zip(thumbnail, expected, strict=True):
        half_a_pixel = np.abs(np.diff(theirs)).mean() / 2
        assert np.abs(mine - theirs).mean() < half_a_pixel
        assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] > 0.9


def test_a_real_well_is_exact_from_a_plate_tar(tmp_path: Path) -> None:
    planes = real_planes().astype("uint16")[:, ::2, ::2] * 201
    wells = {address: shifted(planes, n) for n, address in enumerate(("B02", "AA41", "AE47"))}
    path = tmp_path / "data/images/gene-079/Plate8.tar"
    b.write_tar(path, b.image_files(wells), "Plate8")
    ds = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    for address, expected in wells.items():
        assert (ds.read(f"gene-079_8_{address}") == expected).all()
        assert (ds.image(f"gene-079_8_{address}").compute() == expected).all()


def test_real_names_and_doses_are_what_the_metadata_say(
    screen: Any, metadata: pd.DataFrame
) -> None:
    assert len(screen.wells) == len(metadata)
    wells = screen.wells.loc[metadata["well_id"]].reset_index(drop=True)
    for name in (*TEXT, "address", "plate", "concentration"):
        found, truth = wells[name], metadata[name]
        assert ((found == truth) | (found.isna() & truth.isna())).all(), name
    assert wells["has_embedding"].all()


def test_real_plates_are_counted_and_ordered(screen: Any, metadata: pd.DataFrame) -> None:
    counts = metadata.groupby(["experiment_name", "plate"]).size()
    plates = screen.plates.set_index(["experiment_name", "plate"])
    assert plates["n_wells"].to_dict() == counts.to_dict()
    for _, part in screen.plates.groupby("experiment_name"):
        assert part["plate"].is_monotonic_increasing


def test_real_names_make_the_entries_of_a_map(screen: Any, metadata: pd.DataFrame) -> None:
    compound = metadata["perturbation_type"] == "COMPOUND"
    control = metadata["treatment"].str.endswith("_control")
    names = metadata["treatment"].where(compound | control, metadata["gene"])
    counts = names[~(compound & control)].value_counts()
    labels = screen.phenomap(level="compound", align="none").labels
    assert labels["n_wells"].to_dict() == counts.to_dict()
    folded = labels.index.str.lower()
    assert folded.duplicated().sum() > 0  # molecules that differ by case only
    assert labels.index.is_unique


def test_real_doses_make_keys(screen: Any, metadata: pd.DataFrame) -> None:
    doses = metadata[metadata["concentration"].isin(b.DOSES)]
    labels = screen.phenomap(level="perturbation", align="none").labels
    counts = doses.groupby(["treatment", "concentration"]).size()
    keys = [f"{name}@{dose:g}" for name, dose in counts.index]
    assert labels.loc[keys, "n_wells"].tolist() == counts.tolist()
