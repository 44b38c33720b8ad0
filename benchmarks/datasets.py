"""Writes the data that are measured, once: invented, deterministic, of real sizes and formats.

Images repeat a few dozen invented wells, but every file holds its own bytes on the disk.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import screens
from benchmarks.settings import Settings
from benchmarks.synthetic_images import (
    CORE,
    TARS,
    VERSION,
    encode_all,
    encoded,
    kind_of_well,
)
from napari_rxrx3.core.plate import N_CHANNELS, format_address, parse_address

__all__ = [
    "PLATE",
    "addresses",
    "block",
    "core",
    "listed_sparse",
    "metadata_only",
    "passes",
    "screen",
    "sparse",
    "tars",
]

PLATE = ("gene-001", 1)

_ROW_GROUP = 100
_SHARD = 42 * _ROW_GROUP
_HEAD = 760_000
"""Bytes of a PNG that are written where the rest is a hole: more than its first rows."""
_CONTROL_EVERY = 12
"""As on a real plate, some of the wells with images are controls."""


def addresses(n: int) -> list[str]:
    """The first `n` of the 1,380 addresses that are used, in reading order."""
    every = [format_address(r, c) for r in range(1, 31) for c in range(1, 47)]
    return every[:n]


def block(n: int) -> list[str]:
    """Addresses of `n` wells side by side, about as many rows as columns."""
    width = round(n**0.5)
    return [format_address(5 + i // width, 5 + i % width) for i in range(n)]


def core(settings: Settings) -> Path:
    """Like RxRx3-core: metadata, and shards of JPEG 2000 in row groups of 100."""

    def build(folder: Path) -> None:
        encode_all(CORE)
        names = addresses(settings.core_wells)
        plates = [(PLATE[0], plate) for plate in range(1, settings.core_plates + 1)]
        screens.write_metadata(folder / "metadata_rxrx3_core.csv", plates, {PLATE[0]: names})
        (folder / "data").mkdir()
        rows = list(_core_rows(plates, names))
        parts = [rows[i : i + _SHARD] for i in range(0, len(rows), _SHARD)]
        for i, part in enumerate(parts):
            _write_shard(folder / "data" / f"train-{i:05d}-of-{len(parts):05d}.parquet", part)

    sizes = (settings.core_plates, settings.core_wells)
    return _made_once(settings.folder / "core", sizes, build)


def passes(settings: Settings) -> Path:
    """Metadata and a shard a plate of 512 px JPEG 2000: containers that a pass goes through."""

    def build(folder: Path) -> None:
        encode_all(CORE)
        names = addresses(settings.pass_wells)
        plates = [(PLATE[0], plate) for plate in range(1, settings.pass_plates + 1)]
        screens.write_metadata(folder / "metadata_rxrx3_core.csv", plates, {PLATE[0]: names})
        (folder / "data").mkdir()
        for i, plate in enumerate(plates):
            name = f"train-{i:05d}-of-{len(plates):05d}.parquet"
            _write_shard(folder / "data" / name, list(_core_rows([plate], names)))

    sizes = (settings.pass_plates, settings.pass_wells)
    return _made_once(settings.folder / "passes", sizes, build)


def tars(settings: Settings) -> Path:
    """Like RxRx3: metadata, plate 1 with whole PNGs, plate 2 with the first part of each.

    The rest of plate 2 is a hole in the file, which takes no room on the disk: what reads only
    the first rows of an image never comes to it.
    """

    def build(folder: Path) -> None:
        encode_all(TARS)
        whole, overview = block(settings.tar_wells), addresses(settings.overview_wells)
        controls = whole[::_CONTROL_EVERY]  # EMPTY_control is what the first ones receive
        every = [*controls, *(a for a in addresses(1380) if a not in controls)]
        screens.write_metadata(folder / "metadata.csv", [PLATE, (PLATE[0], 2)], {PLATE[0]: every})
        images = folder / "images" / PLATE[0]
        images.mkdir(parents=True)
        _write_tar(images / "Plate1.tar", whole, None)
        _write_tar(images / "Plate2.tar", overview, _HEAD)

    sizes = (settings.tar_wells, settings.overview_wells, _HEAD, _CONTROL_EVERY)
    return _made_once(settings.folder / "tars", sizes, build)


def screen(settings: Settings, plates: int | None = None) -> Path:
    """Metadata and one parquet of vectors a plate: the first plates of a screen like RxRx3."""
    n = plates or settings.plates

    def build(folder: Path) -> None:
        chosen = screens.plates_of_screen()[:n]
        screens.write_metadata(folder / "metadata.csv", chosen)
        screens.write_embeddings(folder / "embeddings", chosen)

    return _made_once(settings.folder / f"screen-{n}", (n,), build)


def metadata_only(settings: Settings, n_wells: int) -> Path:
    """The first rows of the metadata of a screen like RxRx3."""

    def build(folder: Path) -> None:
        every = screens.plates_of_screen()
        screens.write_metadata(folder / "metadata.csv", every, n_wells=n_wells)

    return _made_once(settings.folder / f"metadata-{n_wells}", (n_wells,), build)


def sparse(settings: Settings) -> Path:
    """A plate tar of full size whose images are holes: only its headers are on the disk."""

    def build(folder: Path) -> None:
        images = folder / "images" / PLATE[0]
        images.mkdir(parents=True)
        n, size = settings.tar_members, settings.tar_bytes // settings.tar_members
        names = [format_address(r, c) for r in range(32) for c in range(48)]
        members = [f"{a}_s1_w{c}.png" for a in names for c in range(1, N_CHANNELS + 1)]
        with (images / "Plate1.tar").open("wb") as file:
            for name in members[:n]:
                _write_member(file, name, b"", size)
            file.write(bytes(1024))

    return _made_once(settings.folder / "sparse", (settings.tar_members, settings.tar_bytes), build)


def listed_sparse(settings: Settings) -> Path:
    """That tar with metadata beside it: on a server nobody has to look into it to open it."""

    def build(folder: Path) -> None:
        (folder / "images").symlink_to(sparse(settings) / "images")
        screens.write_metadata(folder / "metadata.csv", [PLATE], {PLATE[0]: addresses(1380)})

    sizes = (settings.tar_members, settings.tar_bytes)
    return _made_once(settings.folder / "sparse-listed", sizes, build)


def _made_once(folder: Path, sizes: Sequence[int], build: Callable[[Path], None]) -> Path:
    """Have a folder filled, unless that was done with the same sizes; never half of it."""
    wanted = {"version": VERSION, "sizes": list(sizes)}
    marker = folder.with_name(folder.name + ".json")
    if folder.is_dir() and marker.is_file() and json.loads(marker.read_text()) == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    build(unfinished)
    unfinished.replace(folder)
    marker.write_text(json.dumps(wanted))
    return folder


def _core_rows(
    plates: Sequence[tuple[str, int]], names: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    for experiment, plate in plates:
        for address in sorted(names):
            well = kind_of_well(CORE, *parse_address(address))
            for channel in range(1, N_CHANNELS + 1):
                key = f"{experiment}/Plate{plate}/{address}_s1_{channel}"
                yield key, encoded(CORE, well, channel)


def _write_shard(path: Path, rows: Sequence[tuple[str, bytes]]) -> None:
    files = [{"bytes": data, "path": f"{key.rsplit('/')[-1]}.jp2"} for key, data in rows]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"__key__": [key for key, _ in rows], "jp2": pa.array(files, kind)}
    pq.write_table(pa.table(columns), path, row_group_size=_ROW_GROUP)


def _write_tar(path: Path, names: Sequence[str], head: int | None) -> None:
    with path.open("wb") as file:
        for address in names:
            well = kind_of_well(TARS, *parse_address(address))
            for channel in range(1, N_CHANNELS + 1):
                data = encoded(TARS, well, channel)
                _write_member(file, f"{address}_s1_w{channel}.png", data[:head], len(data))
        file.write(bytes(1024))


def _write_member(file: io.BufferedWriter, name: str, data: bytes, size: int) -> None:
    """A member of a tar; what its data lack of its size is a hole."""
    member = tarfile.TarInfo(name)
    member.size = size
    file.write(member.tobuf(tarfile.GNU_FORMAT))
    file.write(data)
    file.seek(-(-size // 512) * 512 - len(data), io.SEEK_CUR)
