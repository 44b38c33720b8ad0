"""Files of the cache: a damaged one is made anew, whatever the damage."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fuzz.target import as_file, scratch, target
from napari_rxrx3.data.cache.disk_cache import DiskCache, load_table, save_table
from napari_rxrx3.data.files.answers import Answers
from napari_rxrx3.data.thumbnails.preview_file import PreviewFile

__all__: list[str] = []

N_SLOTS, SIZE = 12, 4


def arrays() -> list[bytes]:
    cache = DiskCache(scratch() / "seeds")
    cache.save("map", "seed", {"x": np.arange(20.0), "names": np.array([b"a", b"bc"])})
    cache.new_mapped("map-vectors", "seed", (5, 3), lambda array: array.fill(2))
    kinds = (("map", ".npz"), ("map-vectors", ".npy"))
    return [cache.path(kind, "seed", suffix).read_bytes() for kind, suffix in kinds]


@target("kept arrays", arrays)
def load_arrays(content: bytes) -> None:
    cache = DiskCache(scratch() / "arrays")
    for kind, suffix in (("map", ".npz"), ("map-vectors", ".npy")):
        path = cache.path(kind, "x", suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    cache.load("map", "x")
    mapped = cache.open_mapped("map-vectors", "x")
    assert mapped is None or mapped.sum() is not None


def tables() -> list[bytes]:
    cache, path = DiskCache(scratch() / "seeds"), scratch() / "seed.arrow"
    table = pa.table({"well_id": ["a", "b"], "n": [1, 2], "is": [True, False]})
    save_table(cache, path, table.replace_schema_metadata({"problems": "[]"}))
    return [path.read_bytes()]


@target("kept table", tables)
def load_kept_table(content: bytes) -> None:
    table = load_table(as_file(content, "table.arrow"))
    assert table is None or table.to_pandas() is not None


def previews() -> list[bytes]:
    path = as_file(b"", "seed.previews")
    planes = np.arange(N_SLOTS * SIZE**2, dtype=np.uint16).reshape(N_SLOTS, SIZE, SIZE)
    slots = np.array([1, 4, 7])
    PreviewFile(path, N_SLOTS, SIZE, planes.dtype).add(planes, slots, slots)
    return [path.read_bytes()]


@target("kept thumbnails", previews)
def load_previews(content: bytes) -> None:
    """What is damaged is left out; more can be added, and is there the next time."""
    path = as_file(content, "plate.previews")
    planes = np.full((N_SLOTS, SIZE, SIZE), 77, np.uint16)
    file = PreviewFile(path, N_SLOTS, SIZE, planes.dtype)
    for records in file.load():
        assert (records.slots < N_SLOTS).all()
    file.add(planes, np.array([11]), np.array([11]))
    again = list(PreviewFile(path, N_SLOTS, SIZE, planes.dtype).load())
    assert 11 in np.concatenate([records.slots for records in again])


def answers() -> list[bytes]:
    said = Answers()
    said.note("listing", "s3://a/b", [["s3://a/b/x.csv?sig=0123456789abcdef", False, 7, "stamp"]])
    said.note("size", "s3://a/b/x.csv", 7)
    return [said.to_json("2026-05-03").encode()]


@target("kept answers", answers, ValueError)
def take_answers(content: bytes) -> None:
    """What is taken can be asked for anything, and is written again as it was."""
    said = Answers()
    if not said.take(content):
        raise ValueError("not understood")
    said.find("size", "s3://a/b/x.csv")
    again = Answers()
    assert again.take(said.to_json(said.day))
    assert repr(again.find("size", "s3://a/b/x.csv")) == repr(said.find("size", "s3://a/b/x.csv"))
