"""Vectors that are none: in the data set, and as files of one's own."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

import builders as b
from corpus.case import case
from corpus.images import flipped

Content = Callable[[b.Screen], bytes]


def _whole(screen: b.Screen) -> bytes:
    return b.embedding_bytes(screen.vectors)


def _filled(value: float) -> Content:
    return lambda screen: b.embedding_bytes({i: np.full(8, value) for i in screen.ids})


def _own_ids(name: str) -> Content:
    return lambda screen: b.embedding_bytes({f"{name}{i}": v for i, v in screen.vectors.items()})


def _lists(screen: b.Screen) -> bytes:
    lists = [[1.0] * (i % 3) for i in range(len(screen.ids))]
    return b.parquet_bytes(pa.table({"well_id": screen.ids, "embedding": lists}))


def _changed(screen: b.Screen, value: Callable[[int], float]) -> bytes:
    """Other numbers in the third place of each vector."""
    vectors = {well: vector.copy() for well, vector in screen.vectors.items()}
    for i, vector in enumerate(vectors.values()):
        vector[2] = value(i)
    return b.embedding_bytes(vectors)


def _typed(screen: b.Screen, kind: pa.DataType) -> bytes:
    table = b.embedding_table({well: np.rint(v * 100) for well, v in screen.vectors.items()})
    columns = [table["well_id"]]
    for name in table.column_names[1:]:
        numbers = table[name].combine_chunks().cast(pa.float64())
        is_coded = pa.types.is_dictionary(kind)
        columns.append(numbers.dictionary_encode() if is_coded else numbers.cast(kind, safe=False))
    return b.parquet_bytes(pa.table(columns, table.column_names))


def _as_lists(screen: b.Screen, kind: pa.DataType) -> bytes:
    lists = pa.array([v.astype(np.float16).tolist() for v in screen.vectors.values()])
    return b.parquet_bytes(pa.table({"well_id": screen.ids, "vector": lists.cast(kind)}))


def _renamed(screen: b.Screen) -> bytes:
    table = b.embedding_table(screen.vectors)
    return b.parquet_bytes(table.rename_columns(["Well ID", *table.column_names[1:]]))


CONTENTS: dict[str, Content] = {
    "of two groups of columns": lambda screen: b.parquet_bytes(
        b.embedding_table(screen.vectors, "a_").append_column(
            "b_0", pa.array([0.5] * len(screen.vectors))
        )
    ),
    "that are empty": lambda screen: b"",
    "that are cut": lambda screen: _whole(screen)[:-40],
    "with a flipped bit in the footer": lambda screen: flipped(_whole(screen), 0.95),
    "with a flipped bit in the pages": lambda screen: flipped(_whole(screen), 0.2),
    "that are zero": _filled(0.0),
    "that are not finite": _filled(np.inf),
    "that overflow": _filled(3e38),
    "of other wells": _own_ids("x"),
    "with HTML for ids": _own_ids("<b>"),
    "of lists of many lengths": _lists,
    "without a column of numbers": lambda screen: b.parquet_bytes(
        pa.table({"well_id": screen.ids})
    ),
    "of words": lambda screen: b.parquet_bytes(
        pa.table({"well_id": screen.ids, "feature_0": ["a"] * len(screen.ids)})
    ),
    "without a row": lambda screen: b.parquet_bytes(b.embedding_table(screen.vectors).slice(0, 0)),
    "with a column without a number": lambda screen: _changed(screen, lambda i: np.nan),
    "with one infinite number": lambda screen: _changed(screen, lambda i: np.inf if i else 1.0),
    "with a constant column": lambda screen: _changed(screen, lambda i: 1.0),
    "of whole numbers": lambda screen: _typed(screen, pa.int64()),
    "of half precision": lambda screen: _typed(screen, pa.float16()),
    "of double precision": lambda screen: _typed(screen, pa.float64()),
    "of decimal numbers": lambda screen: _typed(screen, pa.decimal128(20, 6)),
    "of categories": lambda screen: _typed(screen, pa.dictionary(pa.int32(), pa.float64())),
    "too large for single precision": _filled(1e300),
    "too small for single precision": _filled(1e-300),
    "of lists of one length": lambda screen: _as_lists(screen, pa.list_(pa.float32(), 8)),
    "of large lists of half precision": lambda screen: _as_lists(
        screen, pa.large_list(pa.float16())
    ),
    "of two columns of lists": lambda screen: b.parquet_bytes(
        pa.table({"well_id": screen.ids, "a": [[1.0]] * 4, "b": [[1.0]] * 4})
    ),
    "of bytes": lambda screen: b.parquet_bytes(
        pa.table({"well_id": screen.ids, "vector": [bytes(32)] * len(screen.ids)})
    ),
    "with ids in another spelling": lambda screen: b.embedding_bytes(
        {i.upper().replace("_B0", "_b"): v for i, v in screen.vectors.items()}
    ),
    "with another name for ids": _renamed,
    "of lists with a null in one": lambda screen: b.parquet_bytes(
        pa.table({"well_id": screen.ids, "v": [[None, *[1.5] * 7], *[[1.5] * 8] * 3]})
    ),
    "of lists of lists": lambda screen: b.parquet_bytes(
        pa.table({"well_id": screen.ids, "v": [[[1.5]] * 8] * len(screen.ids)})
    ),
    "of structs": lambda screen: b.parquet_bytes(
        pa.table({"well_id": screen.ids, "v": [{"a": 1.5, "b": 2.5}] * len(screen.ids)})
    ),
    "whose wells are in an index without a name": lambda screen: b.parquet_bytes(
        b.embedding_table(screen.vectors).rename_columns(
            ["__index_level_0__", *(f"feature_{i}" for i in range(8))]
        )
    ),
    "of 10,000 columns": lambda screen: b.embedding_bytes(
        {i: np.zeros(10_000) for i in screen.ids}
    ),
}


def _of_plate(content: Content) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        b.write(root / "embeddings/gene-001/Plate1/embeddings.parquet", content(screen))

    return make


def _as_own(content: Content) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        b.write(root / "own" / "mine.parquet", content(screen))

    return make


for _name, _content in CONTENTS.items():
    case(f"vectors of a plate {_name}")(_of_plate(_content))
    case(f"vectors of one's own {_name}", own="own/mine.parquet")(_as_own(_content))


@case("vectors in a tar with a member above it")
def _tar(root: Path, screen: b.Screen) -> None:
    path = screen.write_embeddings_tar(root / "embeddings.tar")
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("../../gene-001/Plate1/embeddings.parquet"))


@case("vectors in a CSV with words among the numbers", own="own/mine.csv")
def _csv(root: Path, screen: b.Screen) -> None:
    lines = ["well_id,a,b", *(f"{i},1.5,{'x' * (n % 2)}2" for n, i in enumerate(screen.ids))]
    b.write(root / "own" / "mine.csv", "\n".join(lines).encode())
