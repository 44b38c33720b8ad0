"""Images and the files they lie in."""

from __future__ import annotations

import io
import shutil
import struct
import tarfile
import zipfile
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

import builders as b
import napari_rxrx3 as rx
from corpus.archives import PACKINGS
from fuzz.target import as_file, check_refusal, scratch, target
from napari_rxrx3.core.errors import DatasetNotFound, RxRx3Error
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.discovery.discover import discover
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.decode import (
    UndecodableImage,
    bytes_for_prefix,
    decode,
    decode_prefix,
    decode_small,
    image_layout,
)
from napari_rxrx3.data.images.tars import TarSource
from napari_rxrx3.data.images.zips import ZipSource
from test_corpus import is_plain

__all__: list[str] = []

PLANE = b.noise("a", 24)[0]
SMOOTH = b.smooth("a", 130)[0]
N_ROWS = 7


def pngs() -> list[bytes]:
    some = b.png(PLANE), b.filtered_png(PLANE, chunk=100), b.interlaced_png(PLANE[:9, :9])
    return [
        *some,
        b.png(PLANE.astype("uint8")),
        b.filtered_png(PLANE, [4], before=[(b"tEXt", b"a")]),
    ]


@target("PNG", pngs, UndecodableImage)
def look_at_png(content: bytes) -> None:
    """As it is, and with checksums that are right: else hardly any byte may differ."""
    look_at(sealed(content))
    look_at(content)


def sealed(content: bytes) -> bytes:
    """A PNG with the checksums of its chunks put right."""
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        body = content[at + 4 : at + 8 + length]
        if at + 12 + length > len(content):
            break
        parts += [content[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + length
    return b"".join([*parts, content[at:]])


def look_at(content: bytes) -> None:
    """A header tells the truth, and the first rows are those of the whole."""
    try:
        whole = decode(content)
    except UndecodableImage:
        for look in (image_layout, lambda data: decode_prefix(data, N_ROWS), first_part, small):
            refused(look, content)
        raise
    shape, dtype = image_layout(content)
    assert (shape, dtype) == (whole.shape, whole.dtype)
    np.testing.assert_array_equal(decode_prefix(content, N_ROWS), whole[:N_ROWS])
    assert small(content).shape == (8, 8)


def first_part(content: bytes) -> Any:
    n_bytes = bytes_for_prefix(content, N_ROWS, 1)
    return decode_prefix(content[:n_bytes], N_ROWS)


def small(content: bytes) -> Any:
    return decode_small(content, 8)


def refused(look: Any, content: bytes) -> None:
    with suppress(UndecodableImage):
        look(content)


def other_images() -> list[bytes]:
    return [b.jp2(SMOOTH), b.jp2(SMOOTH[:40, :40]), b.tiff(PLANE), b.tiff(SMOOTH)]


@target("JPEG 2000 and TIFF", other_images, UndecodableImage)
def look_at_others(content: bytes) -> None:
    """The lossy levels of a damaged JPEG 2000 may be of another size; none may crash."""
    for look in (decode, image_layout, small, lambda data: decode_prefix(data, N_ROWS)):
        refused(look, content)


def tars() -> list[bytes]:
    members = b.image_files({"B02": [PLANE[:4, :4]] * 2})
    made = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        path = b.write_tar(as_file(b"", "seed.tar"), members, "gene-001/Plate1", form=form)
        made.append(path.read_bytes()[: 512 * 16])
    return made


@target("tar", tars)
def index_tar(content: bytes) -> None:
    storage, path = Storage.of(as_file(content, "Plate1.tar"))
    index = TarSource.build_index(storage, path)
    source = TarSource(storage, path, index)
    for row in range(min(len(index.first), 20)):
        assert source.locate(row)
        try:
            assert len(source.read(row)) == index.second[row]
        except OSError:
            continue


def zips() -> list[bytes]:
    members = b.image_files({"B02": [PLANE[:4, :4]] * 2})
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, content in members.items():
                archive.writestr(f"gene-001/Plate1/{name}", content)
        made.append(buffer.getvalue())
    return made


@target("zip of images", zips, OSError)
def index_zip(content: bytes) -> None:
    storage, path = Storage.of(as_file(content, "Plate1.zip"))
    index = ZipSource.build_index(storage, path)
    source = ZipSource(storage, path, index)
    for row in range(min(len(index.first), 20)):
        assert source.locate(row)
        with suppress(OSError):
            data = source.read(row)
            assert source.read(row, 7) == data[:7]


def shards() -> list[bytes]:
    rows: dict[str, bytes | None] = {
        b.shard_key("compound-001_1_AA15", channel): b"a picture" for channel in range(1, 7)
    }
    made = []
    for kind in (b.STRUCT, pa.binary()):
        path = b.write_shard(as_file(b"", "seed.parquet"), rows, row_group=4, kind=kind)
        made.append(path.read_bytes())
    return made


@target("shard", shards)
def open_shard(content: bytes) -> None:
    cache_dir = scratch() / "cache of a shard"
    shutil.rmtree(cache_dir, ignore_errors=True)
    dataset = rx.open_dataset(as_file(content, "train.parquet"), cache_dir=cache_dir)
    for problem in dataset.problems:
        assert is_plain(problem.detail)
    for well in dataset.known_wells.index[:3]:
        check_refusal(lambda well=well: dataset.plane(str(well), 1), RxRx3Error)


def archives() -> list[bytes]:
    plain = tars()[0]
    return [plain, *(pack(plain) for pack, _ in PACKINGS.values())]


@target("archives", archives, DatasetNotFound)
def look_into(content: bytes) -> None:
    """Whatever an archive is, it is a tar or it is said what else."""
    path = as_file(content, "Plate1.tar.gz")
    contents = discover(*Storage.of(path), DiskCache(scratch() / "cache"))
    assert not contents.is_empty
