"""Files that are none of ours, and those that lie beside ours."""

from __future__ import annotations

import io
import pickle
import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc as orc

import builders as b
import napari_rxrx3 as rx
from corpus.case import SOUND
from fuzz.target import check_refusal, scratch, target
from napari_rxrx3.core.errors import DatasetNotFound
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.discovery.discover import discover
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.images.sidecars import read_sidecar, write_sidecar
from napari_rxrx3.data.images.tars import TarSource
from test_corpus import is_plain

__all__: list[str] = []

TABLE = pa.table({"well_id": [row["well_id"] for row in SOUND], "x": np.arange(len(SOUND))})


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def database() -> bytes:
    path = scratch() / "seed.sqlite"
    path.unlink(missing_ok=True)
    made = sqlite3.connect(path)
    made.execute("create table wells (well_id text)")
    made.commit()
    made.close()
    return path.read_bytes()


def arrow() -> list[bytes]:
    made = []
    for write in (feather.write_feather, orc.write_table):
        path = scratch() / "seed.arrow"
        write(TABLE, path)
        made.append(path.read_bytes())
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, TABLE.schema) as stream:
        stream.write_table(TABLE)
    return [*made, buffer.getvalue()]


def forms() -> list[bytes]:
    rows = TABLE.to_pydict()
    array, arrays = io.BytesIO(), io.BytesIO()
    np.save(array, np.ones((3, 4)))
    np.savez(arrays, well_id=np.array(rows["well_id"]), x=np.ones(4))
    sheet = b"<si><t>well_id</t></si><si><t>gene-001_1_B02</t></si>"
    return [
        *arrow(),
        *(array.getvalue(), arrays.getvalue(), database(), pickle.dumps(rows)),
        zip_of({"[Content_Types].xml": b"<Types/>", "xl/sharedStrings.xml": sheet}),
        zip_of({"mimetype": b"application/vnd.oasis.opendocument", "content.xml": sheet}),
        zip_of({"archive/data.pkl": pickle.dumps(rows)}),
        TABLE.to_pandas().to_json().encode(),
        TABLE.to_pandas().to_html().encode(),
        b"\x89HDF\r\n\x1a\nwell_id" + bytes(300),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
        b"\x1f\x8b" + bytes(20),
        b.csv_bytes([dict(row) for row in SOUND]),  # one that is read
    ]


@target("files of other forms", forms, DatasetNotFound)
def look_at_form(content: bytes) -> None:
    """Called like data, as nothing known, and like a plate: each is said or passed over."""
    folder = scratch() / "forms"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("metadata.csv", "embeddings.parquet", "what is it", "gene-001/Plate1"):
        path = b.write(folder / name, content)
        check_refusal(lambda path=path: discover(*Storage.of(path), cache()), DatasetNotFound)
    contents = discover(*Storage.of(folder), cache())
    said = [note.detail for note in contents.notes] + list(contents.unreadable.values())
    assert all(map(is_plain, said)), said


def cache() -> DiskCache:
    return DiskCache(scratch() / "cache of forms")


# --- indexes beside tars -------------------------------------------------------------------------

MEMBERS = b.image_files({"B02": b.noise("a", 4), "AA04": b.noise("b", 4)})


def a_tar() -> Path:
    path = scratch() / "beside" / "Plate1.tar"
    if not path.is_file():
        b.write_tar(path, MEMBERS, "gene-001/Plate1")
    return path


def sidecars() -> list[bytes]:
    storage, path = Storage.of(a_tar())
    index = TarSource.build_index(storage, path)
    size = a_tar().stat().st_size
    return [write_sidecar(a_tar(), "tar", size, index).read_bytes()]


@target("index beside a tar", sidecars, OSError, ValueError)
def open_beside(content: bytes) -> None:
    """Whatever it says, no image is another one's, and each is found."""
    tar = a_tar()
    tar.with_name("Plate1.tar.rxrx3-index").write_bytes(content)
    folder = scratch() / "cache of a tar"
    shutil.rmtree(folder, ignore_errors=True)
    data = rx.open_dataset(tar, cache_dir=folder)
    for well, wanted in (("B02", b.noise("a", 4)), ("AA04", b.noise("b", 4))):
        ids = [name for name in data.wells.index if str(name).endswith(f"_{well}")]
        for channel, plane in enumerate(wanted, start=1):
            read = [data.plane(str(name), channel) for name in ids]
            assert all(np.array_equal(plane, each) for each in read)
    storage, path = Storage.of(tar)
    read_sidecar(storage, path, "tar", PlateId("gene-001", 1), tar.stat().st_size)
