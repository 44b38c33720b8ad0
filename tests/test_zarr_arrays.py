"""Arrays that are written without zarr are what zarr reads, and lie in the files that it writes."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_rxrx3.exports import zarr_arrays
from napari_rxrx3.exports.zarr_arrays import write_array

SIDE = 16


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(zarr_arrays, "_LARGEST_CHUNK", SIDE)
    zarr_arrays._form.cache_clear()
    yield
    zarr_arrays._form.cache_clear()


def by_zarr(path: Path, planes: np.ndarray, version: str) -> None:
    """Write the same array with zarr alone."""
    chunk = tuple(min(side, SIDE) for side in planes.shape[1:])
    whole = tuple(-(-side // c) * c for side, c in zip(planes.shape[1:], chunk, strict=True))
    array = zarr.create_array(
        path,
        shape=planes.shape,
        dtype=planes.dtype,
        chunks=(1, *chunk),
        shards=(len(planes), *whole) if version == "0.5" else None,
        zarr_format=3 if version == "0.5" else 2,
        chunk_key_encoding={"name": "default" if version == "0.5" else "v2", "separator": "/"},
    )
    array[:] = planes


def files_of(path: Path) -> set[str]:
    return {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 7), st.integers(1, 40), st.integers(1, 40)),
    dtype=st.sampled_from(["uint8", "uint16"]),
    version=st.sampled_from(["0.5", "0.4"]),
    gaps=st.lists(st.integers(0, 6), max_size=7),
    seed=st.integers(0, 99),
)
def test_zarr_reads_what_was_written(
    shape: tuple[int, int, int], dtype: str, version: str, gaps: list[int], seed: int
) -> None:
    planes = np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)
    for gap in gaps:
        planes[gap % len(planes)] = 0
    with TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours"), Path(folder, "theirs")
        write_array(ours, planes, version)
        by_zarr(theirs, planes, version)
        stored = zarr.open_array(ours, mode="r")
        assert (stored.dtype, stored.shape) == (planes.dtype, planes.shape)
        np.testing.assert_array_equal(stored[:], planes)
        assert files_of(ours) == files_of(theirs)


def test_the_checksum_is_castagnolis() -> None:
    assert zarr_arrays._crc32c(b"123456789") == 0xE3069283  # of RFC 3720's examples
    assert zarr_arrays._crc32c(bytes(32)) == 0x8A9136AA


def test_a_damaged_index_is_noticed_by_zarr(tmp_path: Path) -> None:
    write_array(tmp_path / "a", np.ones((2, 20, 20), "uint16"), "0.5")
    shard = tmp_path / "a" / "c" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[-20] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        zarr.open_array(tmp_path / "a", mode="r")[:]


def test_an_array_says_what_it_is(tmp_path: Path) -> None:
    write_array(tmp_path / "a", np.ones((2, 20, 20), "uint16"), "0.5")
    about = json.loads((tmp_path / "a" / "zarr.json").read_text())
    assert about["dimension_names"] == ["c", "y", "x"]
    assert about["chunk_grid"]["configuration"]["chunk_shape"] == [2, 32, 32]
