"""Finding wells in a table of any size, and what is counted of them by plate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled, UnknownWell
from napari_rxrx3.core.plate import PlateId, WellId, format_address
from napari_rxrx3.data.cache import disk_cache as kept_tables
from napari_rxrx3.data.files import text_table
from napari_rxrx3.data.wells.well_list import WellList, plate_slices

EXPERIMENTS = ("gene-001", "gene-002", "compound-001")


def table_of(places: list[tuple[str, int, int]], odd_ids: bool = False) -> pd.DataFrame:
    """Wells of (experiment, plate, position), in the order of `Dataset.wells`."""
    places = sorted(set(places))
    rows, columns = zip(*(divmod(p, 48) for _, _, p in places), strict=True)
    ids = [f"{e}_{p}_{format_address(*divmod(n, 48))}" for e, p, n in places]
    index = [f"well {i}" for i in range(len(ids))] if odd_ids else ids
    return pd.DataFrame(
        {
            "experiment_name": pd.array([e for e, _, _ in places], dtype="str"),
            "plate": np.array([p for _, p, _ in places], dtype=np.int64),
            "row": np.array(rows, dtype=np.int64),
            "column": np.array(columns, dtype=np.int64),
        },
        index=pd.Index(index, dtype="str", name="well_id"),
    )


places = st.lists(
    st.tuples(st.sampled_from(EXPERIMENTS), st.integers(1, 3), st.integers(0, 1535)), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(places=places, odd_ids=st.booleans(), data=st.data())
def test_every_well_is_where_it_is_found(
    places: list[tuple[str, int, int]], odd_ids: bool, data: st.DataObject
) -> None:
    table = table_of(places, odd_ids)
    listed = WellList(table)
    for position, well in enumerate(table.index):
        assert listed.position_of(well) == position
        place = listed.place(position)
        assert (place.experiment, place.plate) == tuple(table.iloc[position][:2])
    asked = data.draw(st.lists(st.sampled_from([*table.index, "gene-001_1_A01", "nonsense"])))
    expected = table.index.get_indexer(pd.Index(asked, dtype="str"))
    np.testing.assert_array_equal(listed.positions_of(asked), expected)
    assert listed.position_of("") is None


@settings(max_examples=60, deadline=None)
@given(places=places)
def test_slices_are_the_plates_in_their_order(places: list[tuple[str, int, int]]) -> None:
    table = table_of(places)
    slices = plate_slices(table)
    groups = table.groupby(["experiment_name", "plate"], sort=False)
    assert list(slices) == [PlateId(*key) for key in groups.groups]
    for plate, piece in slices.items():
        pd.testing.assert_frame_equal(table.iloc[piece], groups.get_group(tuple(plate)))


def test_wells_of_more_plates_than_are_looked_at_one_by_one() -> None:
    table = table_of([(f"gene-{e:03d}", 1, p) for e in range(100) for p in range(50)])
    listed = WellList(table)
    for asked in (table.index[::-1], table.index[::60]):
        np.testing.assert_array_equal(listed.positions_of(asked), table.index.get_indexer(asked))


@pytest.fixture
def opened(root: Path, cache: Path) -> rx.Dataset:
    screen = b.Screen.of([b.guide_row("gene-001", p, "B02", "PLK1") for p in (1, 2)])
    screen.write_rxrx3(root)
    return rx.open_dataset(root, cache_dir=cache)


def test_a_row_of_a_data_set_is_that_of_its_table(opened: rx.Dataset) -> None:
    for well in opened.wells.index:
        pd.testing.assert_series_equal(opened.row(well), opened.wells.loc[well])
        assert opened.well(well) == WellId("gene-001", opened.row(well)["plate"], 1, 1)
    backwards = opened.wells.index[::-1]
    pd.testing.assert_frame_equal(opened.rows(backwards), opened.wells.loc[backwards])
    with pytest.raises(UnknownWell, match="gene-001_3_B02"):
        opened.row("gene-001_3_B02")


def write_many(root: Path, n_plates: int) -> list[str]:
    addresses = [format_address(*divmod(p, 48)) for p in range(1536)]
    rows = [
        f"gene-001_{plate}_{address},gene-001,{plate},{address},PLK1,PLK1_guide_1,,,CRISPR,HUVEC"
        for plate in range(1, n_plates + 1)
        for address in reversed(addresses)
    ]
    header = ",".join(b.guide_row("gene-001", 1, "B02", "PLK1"))
    b.write(root / "metadata.csv", "\n".join([header, *rows, ""]).encode())
    return [f"gene-001_{p}_{a}" for p in range(1, n_plates + 1) for a in addresses]


def test_a_table_read_in_blocks_is_whole_and_in_order(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = write_many(root, 12)
    monkeypatch.setattr(text_table, "_CHUNK", 2**17)
    seen: list[tuple[int, int, str]] = []
    ds = rx.open_dataset(root, cache_dir=cache, progress=lambda *step: seen.append(step))
    assert ds.wells.index.tolist() == ids
    assert (ds.wells["well_type"] == "positive_control").all()
    size = (root / "metadata.csv").stat().st_size
    read = [(done, total) for done, total, text in seen if text.startswith("reading metadata")]
    assert len(read) > 5
    assert read == sorted(read)
    assert {total for _, total in read} == {size}
    assert any(text.startswith("sorting") for _, _, text in seen)


@pytest.mark.parametrize("step", ["reading metadata", "telling controls", "sorting", "keeping"])
def test_reading_metadata_can_be_stopped_and_begun_again(
    step: str, root: Path, cache: Path
) -> None:
    ids = write_many(root, 2)

    def stop(done: int, total: int, text: str) -> None:
        if text.startswith(step):
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        rx.open_dataset(root, cache_dir=cache, progress=stop)
    assert not list(cache.rglob("wells/*"))
    assert rx.open_dataset(root, cache_dir=cache).wells.index.tolist() == ids


def test_a_large_table_is_mapped_and_is_the_same(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_many(root, 2)
    read = rx.open_dataset(root, cache_dir=cache).wells
    monkeypatch.setattr(kept_tables, "_MAPPED_FROM", 0)
    before = pa.total_allocated_bytes()
    mapped = rx.open_dataset(root, cache_dir=cache).wells
    assert pa.total_allocated_bytes() - before < read.memory_usage(index=True, deep=True).sum() / 4
    pd.testing.assert_frame_equal(mapped, read)
    assert mapped[mapped["treatment"] == "PLK1_guide_1"].shape == mapped.shape
    assert mapped.groupby("plate").size().tolist() == [1536, 1536]
    changed = mapped.assign(plate=mapped["plate"] + 1)
    changed.loc[changed.index[0], "row"] = 5
    assert mapped["row"].iloc[0] == 0


def test_a_small_table_needs_its_file_no_longer(root: Path, cache: Path) -> None:
    ids = write_many(root, 2)
    rx.open_dataset(root, cache_dir=cache)
    kept = rx.open_dataset(root, cache_dir=cache).wells
    (file,) = (cache / "wells").iterdir()
    with file.open("r+b") as opened:
        opened.write(bytes(file.stat().st_size))
    assert kept.index.tolist() == ids


@pytest.mark.soak
def test_a_large_table_that_is_damaged_is_read_anew(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_tables, "_MAPPED_FROM", 0)
    ids = write_many(root, 2)
    assert rx.open_dataset(root, cache_dir=cache).wells.index.tolist() == ids
    (kept,) = (cache / "wells").iterdir()
    content = kept.read_bytes()
    kept.unlink()  # who has it mapped keeps it
    kept.write_bytes(content.replace(b"gene-001_1_A01", b"\xff" * 14))
    assert rx.open_dataset(root, cache_dir=cache).wells.index.tolist() == ids
