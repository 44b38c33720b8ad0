"""Parquet shards of images as RxRx3-core has them, in wrong shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import builders as b
from corpus.case import case
from corpus.images import flipped

WELLS = ("compound-002_1_B02", "compound-002_1_B03")
"""Wells of the shards, which lie beside the sound plates."""

Rows = dict[str, bytes | None]


def rows() -> Rows:
    return b.shard_rows({well: b.smooth(well, 32) for well in WELLS})


def shard(root: Path) -> Path:
    """Where the shard lies; its wells are in the metadata too."""
    more = [b.dose_row("compound-002", 1, well[-3:], "Bortezomib", 2.5) for well in WELLS]
    b.write(root / "metadata_more.csv", b.csv_bytes(more))
    (root / "data").mkdir(exist_ok=True)
    return root / "data" / "train-00000-of-00001.parquet"


def _bytes(spoil: Callable[[bytes], bytes]) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        path = b.write_shard(shard(root), rows())
        path.write_bytes(spoil(path.read_bytes()))

    return make


def _table(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        path = b.write_shard(shard(root), rows())
        pq.write_table(change(pq.read_table(path)), path)

    return make


def _cells(change: Callable[[Rows], Rows]) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        b.write_shard(shard(root), change(rows()))

    return make


def _keys(change: Callable[[str], str]) -> Callable[[Path, b.Screen], None]:
    return _cells(lambda cells: {change(key): data for key, data in cells.items()})


for _name, _spoil in {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[:-8],
    "with a flipped bit in its footer": lambda data: flipped(data, 0.97),
    "with a flipped bit in its pages": lambda data: flipped(data, 0.3),
    "with a footer longer than itself": lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1",
    "with a column whose name is no text": lambda data: data.replace(
        b"\x05bytes", b"\x05b\xecy\xf3s"
    ),
    "of nothing but the ends": lambda data: b"PAR1" + b"\0\0\0\0" + b"PAR1",
}.items():
    case(f"shard {_name}")(_bytes(_spoil))
for _name, _change in {
    "without keys": lambda table: table.drop_columns(["__key__"]),
    "without images": lambda table: table.drop_columns(["jp2"]),
    "with numbers for keys": lambda table: table.set_column(
        0, "__key__", pa.array(range(len(table)))
    ),
    "with numbers for images": lambda table: table.set_column(
        1, "jp2", pa.array(np.arange(len(table)))
    ),
    "with text for images": lambda table: table.set_column(
        1, "jp2", pa.array(["<b>x</b>"] * len(table))
    ),
    "with each row twice": lambda table: pa.concat_tables([table, table]),
    "in no order": lambda table: table.take(np.arange(len(table))[::-1]),
    "without a row": lambda table: table.slice(0, 0),
    "with keys that are null": lambda table: table.set_column(
        0, "__key__", pa.array([None] * len(table), pa.string())
    ),
}.items():
    case(f"shard {_name}")(_table(_change))
for _name, _of_key in {
    "of impossible addresses": lambda key: key.replace("B02", "AG99"),
    "that climb out": lambda key: f"../../{key}",
    "with null bytes": lambda key: key.replace("B02", "B\x0002"),
    "that nobody can print": lambda key: f"a\nb\x1b[31m/{key}",
    "of HTML": lambda key: f"<b>{key}</b>",
    "of a channel 9": lambda key: f"{key[:-1]}9{key[-1]}",
}.items():
    case(f"shard with keys {_name}")(_keys(_of_key))
for _name, _of_cells in {
    "that are null": lambda cells: dict.fromkeys(cells),
    "that are empty": lambda cells: dict.fromkeys(cells, b""),
    "that are cut": lambda cells: {key: (data or b"")[:80] for key, data in cells.items()},
    "of 20 MB of zeros": lambda cells: dict(cells) | {next(iter(cells)): bytes(20_000_000)},
}.items():
    case(f"shard with images {_name}")(_cells(_of_cells))
