"""Parsers fed with what is nearly right: no crash, no hang, and plain sentences.

Each find becomes a case of `corpus`, or an example below. ``make fuzz`` looks for more.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from builders import csv_bytes, write_zip
from corpus.case import SOUND
from corpus.images import OTHERS as CASES_OF_IMAGES
from fuzz.all_targets import TARGETS
from fuzz.mutations import inputs
from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.decode import (
    UndecodableImage,
    decode,
    decode_small,
    image_layout,
)
from napari_rxrx3.data.wells.metadata import read_metadata
from napari_rxrx3.maps.benchmark.known import read_interactions, read_pairs
from samples import sample

N_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))


@pytest.mark.parametrize("name", sample(TARGETS, every=4))
def test_whatever_it_is_fed_with_it_takes_or_refuses(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    fed = [target.feed(seed) for seed in seeds]
    assert any(fed), "no seed is taken: nothing beyond its start is tried"

    @settings(
        max_examples=N_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(content=inputs(seeds))
    def feed(content: bytes) -> None:
        target.feed(content)

    feed()


def test_inputs_differ_from_their_seeds() -> None:
    seen: set[bytes] = set()

    @settings(max_examples=100, database=None)
    @given(content=inputs([b"well_id,x\na,1\n"]))
    def collect(content: bytes) -> None:
        seen.add(content)

    collect()
    assert len(seen) > 50


# --- what was found ----------------------------------------------------------------------------


def test_what_is_no_array_of_vectors_is_made_anew(tmp_path: Path) -> None:
    """An archive in its place was opened as one; numbers of another kind were taken for vectors."""
    cache = DiskCache(tmp_path)
    path = cache.path("map-vectors", "x", ".npy")
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        np.savez(file, x=np.ones((2, 2), np.float32))
    assert cache.open_mapped("map-vectors", "x") is None
    np.save(path, np.ones((2, 2), np.int32))
    assert cache.open_mapped("map-vectors", "x") is None
    np.save(path, np.ones((2, 2), np.float32))
    assert cache.open_mapped("map-vectors", "x") is not None
    sound = path.read_bytes()
    path.write_bytes(sound[:100] + b"(" + sound[101:])  # in the header, which numpy takes apart
    assert cache.open_mapped("map-vectors", "x") is None


def test_an_image_without_a_row_is_called_so() -> None:
    content = CASES_OF_IMAGES["TIFF without a row"][1]()
    for look in (decode, image_layout, lambda data: decode_small(data, 8)):
        with pytest.raises(UndecodableImage, match="no pixels"):
            look(content)


@pytest.mark.parametrize("content", [b"\x0c", b'""\n', b"\xc2\xa0;\n", b" , \r\n\t"])
def test_a_table_of_pairs_that_looks_empty_is_called_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    for read in (read_pairs, read_interactions):
        with pytest.raises(MetadataError, match="is empty"):
            read(path)


def test_metadata_in_a_damaged_zip_are_refused(tmp_path: Path) -> None:
    """Whoever reads them, not only who tells first what the file is."""
    rows = [dict(row) for row in SOUND]
    path = write_zip(tmp_path / "metadata.zip", {"metadata.csv": csv_bytes(rows)})
    sound = path.read_bytes()
    path.write_bytes(sound[:60] + b"\xff" * 30 + sound[90:])
    with pytest.raises(MetadataError, match=r"metadata\.zip cannot be read"):
        read_metadata(*Storage.of(path))
    locked = sound[:6] + b"\1" + sound[7:]
    at = locked.index(b"PK\1\2") + 8
    path.write_bytes(locked[:at] + b"\1" + locked[at + 1 :])
    with pytest.raises(MetadataError, match=r"metadata\.zip cannot be read .*password"):
        read_metadata(*Storage.of(path))


def test_a_zip_without_a_table_is_no_metadata(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "metadata.zip", {"notes.txt": b"well_id"})
    with pytest.raises(MetadataError, match="holds no CSV"):
        read_metadata(*Storage.of(path))


def test_the_last_line_too_tells_the_encoding(tmp_path: Path) -> None:
    """It ends without a new line, has a cell too many, and is the only one that is not ASCII."""
    content = csv_bytes([dict(row) for row in SOUND]) + "gene-001,MTÖR,".encode("latin-1") * 9
    path = tmp_path / "metadata.csv"
    path.write_bytes(content)
    wells, problems = read_metadata(*Storage.of(path))
    assert len(wells) == len(SOUND)
    assert [problem.kind for problem in problems] == ["interpreted", "malformed_row"]
