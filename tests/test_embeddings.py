"""Vectors: one's own files in any form, bad input, and files too large for memory."""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled, MapError, MetadataError
from test_cache import disk_full_after, files_in

PLATES = [("gene-001", 1), ("gene-001", 2), ("compound-004", 43)]
ADDRESSES = [f"{row}{column:02d}" for row in ("B", "H", "AA") for column in range(2, 6)]
ROWS = [b.guide_row(e, p, a, "PLK1") for e, p in PLATES for a in ADDRESSES]
IDS = [row["well_id"] for row in ROWS]
RNG = np.random.default_rng(5)
OWN = pd.DataFrame({"well_id": IDS, "size": RNG.normal(size=36), "PC 1": RNG.normal(size=36)})
OWN["µ,2"] = RNG.normal(size=36)
VALUES = OWN[["size", "PC 1", "µ,2"]].to_numpy(np.float32)


@pytest.fixture
def screen() -> b.Screen:
    return b.Screen.of(ROWS, dim=8)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Open a data set with metadata only; the tests that share it only add to it."""
    root = tmp_path_factory.mktemp("shared")
    b.write(root / "data" / "metadata.csv", b.csv_bytes(ROWS))
    return rx.open_dataset(root / "data", cache_dir=root / "cache")


def csv(table: pd.DataFrame, encoding: str = "utf-8", **options: Any) -> bytes:
    return table.to_csv(index=False, **options).encode(encoding)


def parquet(table: pd.DataFrame | pa.Table) -> bytes:
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    return b.parquet_bytes(table)


def vectors_of(ds: Any, name: str, ids: list[str] = IDS) -> np.ndarray:
    """Vectors of an embedding in the order of some wells; NaN where a well has none."""
    table = ds.embeddings[name]
    row = table.well_ids.get_indexer(ids)
    found = np.array(table.vectors)[row]
    found[row < 0] = np.nan
    return found


def details(ds: Any, name: str) -> str:
    return "\n".join(problem.detail for problem in ds.embeddings[name].problems)


def assert_one_sentence(error: pytest.ExceptionInfo[Any], *names: object) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    for name in names:
        assert str(name) in text


# --- one's own vectors: every form of file ------------------------------------------------------

TEXT = csv(OWN)
PLACES = pd.DataFrame(
    {
        "experiment": [row["experiment_name"] for row in ROWS],
        "plate": [row["plate"] for row in ROWS],
        "well": [row["address"] for row in ROWS],
    }
).join(OWN.drop(columns="well_id"))


def zipped(folder: Path) -> bytes:
    members = {"read me.csv": b"name,value\nx,1\n", "__MACOSX/v.csv": b"\x00", "v.csv": TEXT}
    return b.write_zip(folder / "made.zip", members).read_bytes()


FORMS: dict[str, bytes | Callable[[Path], bytes]] = {
    "plain.csv": TEXT,
    "packed.csv.gz": gzip.compress(TEXT),
    "packed.zip": zipped,
    "places.csv": csv(PLACES),
    "places.parquet": parquet(PLACES),
    "table.parquet": parquet(OWN),
    "categories.parquet": parquet(OWN.astype({"well_id": "category"})),
    "texts.parquet": parquet(OWN.astype("str")),
    "no ending": parquet(OWN),
}


@pytest.mark.parametrize("form", FORMS)
def test_vectors_of_ones_own_read_in_every_form(form: str, opened: Any, tmp_path: Path) -> None:
    content = FORMS[form]
    path = b.write(tmp_path / form, content if isinstance(content, bytes) else content(tmp_path))
    name = opened.add_embedding(path)
    np.testing.assert_array_equal(vectors_of(opened, name), VALUES)
    assert opened.embeddings[name].dimension == 3
    assert not opened.embeddings[name].problems


@pytest.mark.parametrize(
    "kind", ["int8", "uint16", "int64", "float16", "float32", "float64", "decimal128(30,3)"]
)
def test_numbers_of_every_width_become_vectors(kind: str, opened: Any, tmp_path: Path) -> None:
    values = np.arange(72).reshape(36, 2) + 1
    arrow = pa.decimal128(30, 3) if kind.startswith("decimal") else pa.type_for_alias(kind)
    columns = {f"x{i}": pa.array(values[:, i]).cast(arrow) for i in range(2)}
    path = b.write(tmp_path / "n.parquet", parquet(pa.table({"well_id": IDS, **columns})))
    name = opened.add_embedding(path)
    np.testing.assert_array_equal(vectors_of(opened, name), values.astype(np.float32))


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.list_(pa.float32(), 3)])
def test_a_column_of_lists_is_an_embedding(kind: Any, opened: Any, tmp_path: Path) -> None:
    table = pa.table({"well_id": IDS, "n": list(range(36)), "v": pa.array(VALUES.tolist(), kind)})
    name = opened.add_embedding(b.write(tmp_path / "lists.parquet", parquet(table)))
    np.testing.assert_array_equal(vectors_of(opened, name), VALUES)


def test_lists_of_another_length_are_counted_and_the_rest_is_used(
    opened: Any, tmp_path: Path
) -> None:
    lists: list[Any] = VALUES.tolist()
    lists[3], lists[4], lists[5], lists[6] = [1.0], None, [], [1.0, None, 2.0]
    table = pa.table({"well_id": IDS, "v": lists})
    name = opened.add_embedding(b.write(tmp_path / "ragged.parquet", parquet(table)))
    usable = [i for i in range(36) if i not in (3, 4, 5, 6)]
    np.testing.assert_array_equal(vectors_of(opened, name)[usable], VALUES[usable])
    assert opened.rows_of(name)[0].size == 32
    assert "not 3 long, which are no usable vectors: 1" in details(opened, name)


@pytest.mark.parametrize("write", [csv, parquet], ids=["csv", "parquet"])
def test_what_describes_wells_is_no_feature(
    write: Callable[[pd.DataFrame], bytes], opened: Any, tmp_path: Path
) -> None:
    table = OWN.assign(plate=1, row=2, Column=3, concentration=0.5, address="B02", note="good")
    table["experiment_name"], table["Metadata_Site"], table["flag"] = "gene-001", 4, True
    name = opened.add_embedding(b.write(tmp_path / "mixed.table", write(table)))
    np.testing.assert_array_equal(vectors_of(opened, name), VALUES)
    (problem,) = opened.embeddings[name].problems
    assert problem.kind == "metadata_columns"
    for column in table.columns.drop(OWN.columns):
        assert column in problem.detail


def test_an_index_that_pandas_wrote_is_no_feature(opened: Any, tmp_path: Path) -> None:
    name = opened.add_embedding(b.write(tmp_path / "index.csv", OWN.to_csv().encode()))
    np.testing.assert_array_equal(vectors_of(opened, name), VALUES)


def test_a_second_group_of_columns_is_named(tmp_path: Path) -> None:
    """A folder's vectors are the largest group; who has two shall not lose one unawares."""
    rows = [b.guide_row("gene-001", 1, f"B{c:02d}", "PLK1") for c in range(2, 9)]
    screen = b.Screen.of(rows, dim=8)
    screen.write_metadata(tmp_path / "metadata.csv")
    table = b.embedding_table(screen.vectors, "a_")
    for i in range(4):
        table = table.append_column(f"b_{i}", pa.array([0.5] * len(rows)))
    table = table.append_column("row_1", pa.array([1.0] * len(rows)))
    b.write(tmp_path / "embeddings.parquet", b.parquet_bytes(table))
    data = rx.open_dataset(tmp_path, cache_dir=tmp_path / "cache")
    data.read_vectors()
    details = data.check().problems["detail"]
    (said,) = details[details.str.contains("no part of the vectors")]
    assert said.endswith("b_0, b_1, b_2, b_3")


@pytest.mark.parametrize("write", [csv, parquet], ids=["csv", "parquet"])
def test_numbers_that_are_missing_make_a_vector_unusable(
    write: Callable[[pd.DataFrame], bytes], opened: Any, tmp_path: Path
) -> None:
    table = OWN.astype({"size": "str"})
    table["size"] = ["n/a", "", "unknown", "-inf", *table["size"][4:]]
    table["empty"] = ["n/a"] * 36
    name = opened.add_embedding(b.write(tmp_path / "gaps.table", write(table)))
    np.testing.assert_array_equal(vectors_of(opened, name)[4:], VALUES[4:])
    assert opened.rows_of(name)[0].size == 32
    assert "vectors that are zero or not finite: 4 of 36" in details(opened, name)
    assert "no part of the vectors: empty" in details(opened, name)


def test_a_number_after_a_thousand_texts_is_still_found(root: Path, cache: Path) -> None:
    ids = [b.well_name("gene-001", plate, a) for plate in range(200, 0, -1) for a in ADDRESSES]
    b.write(root / "metadata.csv", b.csv_bytes(ROWS))
    late = ["n/a"] * 2000 + ["1.5"] * (len(ids) - 2000)
    table = pd.DataFrame({"well_id": ids, "x": 1.0, "late": late, "text": "no"})
    ds = rx.open_dataset(root, cache_dir=cache)
    name = ds.add_embedding(b.write(root / "own" / "late.csv", csv(table)))
    assert ds.embeddings[name].dimension == 2
    assert ds.embeddings[name].is_usable.sum() == len(ids) - 2000


names_of_columns = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='",;'),
    min_size=1,
    max_size=8,
).filter(lambda name: not name[-1].isspace())
numbers = st.floats(width=32, allow_subnormal=False)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(names_of_columns.map("v_{}".format), min_size=1, max_size=5, unique=True),
    cells=st.lists(numbers, min_size=15, max_size=15),
    form=st.sampled_from(["csv", "semicolons", "gz", "parquet"]),
    order=st.permutations(range(3)),
)
def test_any_numbers_come_back(
    names: list[str],
    cells: list[float],
    form: str,
    order: list[int],
    opened: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    values = np.array(cells, np.float32).reshape(3, 5)[:, : len(names)]
    values[:, np.isnan(values).all(axis=0)] = 1  # a column without a number is no feature
    values[0, 0] = 2
    table = pd.DataFrame(values, columns=names)
    table.insert(0, "well_id", [IDS[i] for i in order])
    content = {
        "csv": lambda: csv(table),
        "semicolons": lambda: csv(table, sep=";"),
        "gz": lambda: gzip.compress(csv(table)),
        "parquet": lambda: parquet(table),
    }[form]()
    path = b.write(tmp_path_factory.mktemp("any") / "table", content)
    usable = np.isfinite(values).all(axis=1) & (values != 0).any(axis=1)
    if not usable.any():
        with pytest.raises(MetadataError, match=r"not finite|no column of numbers"):
            opened.add_embedding(path)
        return
    name = opened.add_embedding(path)
    np.testing.assert_array_equal(vectors_of(opened, name, list(table["well_id"])), values)
    np.testing.assert_array_equal(opened.embeddings[name].is_usable, usable)


# --- one's own vectors: what they change ---------------------------------------------------------


def test_a_name_that_is_taken_gets_a_number(root: Path, cache: Path, tmp_path: Path) -> None:
    b.Screen.of(ROWS).write_rxrx3(root)
    ds = rx.open_dataset(root, cache_dir=cache)
    own = b.write(tmp_path / "embeddings.csv.gz", gzip.compress(TEXT))
    assert [ds.add_embedding(own) for _ in range(2)] == ["embeddings (2)", "embeddings (3)"]
    assert [ds.add_embedding(own, "mine") for _ in range(2)] == ["mine", "mine (2)"]
    assert ds.embeddings["mine (2)"].name == "mine (2)"
    assert list(ds.embeddings) == [
        "embeddings",
        "embeddings (2)",
        "embeddings (3)",
        *("mine", "mine (2)"),
    ]


def test_only_wells_that_gained_a_vector_change(
    screen: b.Screen, root: Path, cache: Path, tmp_path: Path
) -> None:
    for well_id in IDS[:14]:
        del screen.vectors[well_id]
    screen.write_rxrx3(root)
    ds = rx.open_dataset(root, cache_dir=cache)
    before, plates = ds.wells, ds.plates
    assert plates["n_embeddings"].tolist() == [12, 0, 10]
    table = OWN.iloc[:13].assign(size=[np.nan, *OWN["size"][1:13]])
    ds.add_embedding(b.write(tmp_path / "part.csv", csv(table)))
    changed = before.index[before["has_embedding"] != ds.wells["has_embedding"]]
    assert set(changed) == set(IDS[1:13])
    assert ds.plates["n_embeddings"].tolist() == [12, 11, 11]
    pd.testing.assert_frame_equal(
        before.drop(columns="has_embedding"), ds.wells.drop(columns="has_embedding")
    )
    assert ds.default_embedding == "embeddings"


def test_the_default_is_the_one_that_covers_most_wells(
    root: Path, cache: Path, tmp_path: Path
) -> None:
    b.write(root / "metadata.csv", b.csv_bytes(ROWS))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert ds.default_embedding is None
    for name, n in (("few", 3), ("many", 30), ("some", 9)):
        ds.add_embedding(b.write(tmp_path / f"{name}.csv", csv(OWN[:n])))
    assert ds.default_embedding == "many"


def test_a_map_of_ones_own_vectors(opened: Any, tmp_path: Path) -> None:
    name = opened.add_embedding(b.write(tmp_path / "to map.csv", TEXT))
    phenomap = opened.phenomap("well", "none", name)
    np.testing.assert_array_equal(phenomap.vectors[phenomap.labels.index.get_indexer(IDS)], VALUES)


def test_threads_may_add_at_once(root: Path, cache: Path, tmp_path: Path) -> None:
    b.Screen.of(ROWS).write_metadata(root / "metadata.csv")
    ds = rx.open_dataset(root, cache_dir=cache)
    paths = [b.write(tmp_path / f"{i}" / "own.csv", csv(OWN[i::6])) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        names = list(pool.map(ds.add_embedding, paths))
    assert sorted(names) == sorted(ds.embeddings)
    assert len(set(names)) == 6
    assert ds.wells["has_embedding"].all()
    assert ds.plates["n_embeddings"].tolist() == [12, 12, 12]


def test_an_embedding_by_url(opened: Any, tmp_path: Path) -> None:
    b.write(tmp_path / "own.csv", TEXT)
    name = opened.add_embedding(b.to_memory(tmp_path, "memory://vectors") + "/own.csv")
    np.testing.assert_array_equal(vectors_of(opened, name), VALUES)


def test_rows_of_joins_in_the_order_of_the_wells(screen: b.Screen, root: Path, cache: Path) -> None:
    screen.vectors = dict(reversed(screen.vectors.items()))
    screen.vectors["gene-099_1_B02"] = np.ones(8, np.float32)
    screen.vectors[IDS[7]][:] = 0
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    ds = rx.open_dataset(root, cache_dir=cache)
    positions, rows = ds.rows_of("vectors")
    assert (np.diff(positions) > 0).all()
    wells = ds.wells.index[positions]
    assert set(wells) == set(IDS) - {IDS[7]}
    expected = np.array([screen.vectors[well] for well in wells])
    np.testing.assert_array_equal(ds.embeddings["vectors"].vectors[rows], expected)
    assert ds.rows_of("vectors")[0] is positions
    with pytest.raises(MapError, match="vectorz"):
        ds.rows_of("vectorz")


# --- one's own vectors: what is refused ----------------------------------------------------------

NUMBER = "gene-001_1_B02,1,2\n"
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "empty"),
    "names only": (b"well_id,f0,f1\n", "no column of numbers"),
    "no id": (b"name,f0\na,1\n", "well_id"),
    "texts only": (b"well_id,note,plate\ngene-001_1_B02,good,1\n", "no column of numbers"),
    "truths only": (parquet(OWN[["well_id"]].assign(flag=True)), "no column of numbers"),
    "other wells": (b"well_id,f0\nHUVEC-1_1_B02,1\n", "'HUVEC-1_1_B02'.*'compound-004_43_B02'"),
    "zeros": (csv(OWN.assign(**dict.fromkeys(OWN.columns[1:], 0))), "zero"),
    "too large": (csv(OWN.assign(size=1e300)), "finite"),
    "one column twice": (b"well_id,a,a\ngene-001_1_B02,1,2\n", "same name"),
    "two columns of lists": (
        parquet(pa.table({"well_id": IDS, "a": [[1.0]] * 36, "b": [[2.0]] * 36})),
        "no column of numbers",
    ),
    "empty lists": (parquet(pa.table({"well_id": IDS, "a": [None, [1.0][:0]] * 18})), "a"),
    "parquet cut off": (parquet(OWN)[:300], "cannot be read"),
    "parquet in name": (b"PAR1", "cannot be read"),
    "gzip cut off": (gzip.compress(TEXT)[:100], "cannot be read"),
    "gzip of nothing": (gzip.compress(b""), "empty"),
    "zip cut off": (b"PK\x03\x04 cut off", "cannot be read"),
    "numpy": (b"\x93NUMPY\x01\x00" + bytes(60), "an array of numpy, which names no wells"),
    "pickle": (b"\x80\x04\x95\x00well_id,a\n", "."),
    "bytes": (bytes(range(256)) * 9, "neither parquet nor text"),
}


@pytest.mark.parametrize("bad", REFUSED)
def test_a_file_of_no_use_is_refused_in_one_sentence(bad: str, opened: Any, tmp_path: Path) -> None:
    content, why = REFUSED[bad]
    path = b.write(tmp_path / "own.table", content)
    before, wells = dict(opened.embeddings), opened.known_wells
    with pytest.raises(MetadataError, match=why) as error:
        opened.add_embedding(path)
    assert_one_sentence(error, path)
    assert opened.embeddings == before
    assert opened.known_wells.equals(wells)


@pytest.mark.parametrize("place", ["nothing.csv", "", "memory://vectors/nothing.csv"])
def test_a_path_without_a_file_is_refused(place: str, opened: Any, tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="not there") as error:
        opened.add_embedding(place if "://" in place else tmp_path / place)
    assert_one_sentence(error)


@settings(max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=300) | st.text(max_size=200).map(lambda t: f"well_id,{t}".encode())
)
def test_whatever_the_bytes_it_is_our_error(
    content: bytes, opened: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(MetadataError):
        opened.add_embedding(b.write(tmp_path_factory.getbasetemp() / "bytes", content))


@settings(max_examples=150, deadline=None)
@given(share=st.floats(0, 1), byte=st.integers(0, 255))
@pytest.mark.parametrize("form", ["parquet", "csv", "gz"])
def test_a_changed_byte_is_no_reason_to_crash(
    form: str, share: float, byte: int, opened: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = {"parquet": parquet(OWN), "csv": TEXT, "gz": gzip.compress(TEXT)}[form]
    at = int(share * (len(content) - 1))
    path = tmp_path_factory.getbasetemp() / "changed"
    path.write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
    try:
        name = opened.add_embedding(path)
    except MetadataError:
        return
    assert opened.embeddings[name].vectors.shape[1] in (1, 2, 3)


# --- a table with faults: the rest is used -------------------------------------------------------


def test_rows_without_an_id_are_counted(opened: Any, tmp_path: Path) -> None:
    table = OWN.assign(well_id=[None, " ", *IDS[2:]])
    name = opened.add_embedding(b.write(tmp_path / "ids.csv", csv(table)))
    np.testing.assert_array_equal(vectors_of(opened, name)[2:], VALUES[2:])
    assert len(opened.embeddings[name].well_ids) == 34
    assert "without a well id, which are left out: 2" in details(opened, name)


def test_broken_lines_are_named_and_the_rest_is_read(opened: Any, tmp_path: Path) -> None:
    lines = TEXT.splitlines(keepends=True)
    lines[3] = lines[3].replace(b",", b",1,")
    lines[5] = b"\xff\xfe,nothing\n"
    lines[7] = lines[7][:20] + b"\n"
    name = opened.add_embedding(b.write(tmp_path / "lines.csv", b"".join(lines)))
    good = [i for i in range(36) if i not in (2, 4, 6)]
    np.testing.assert_array_equal(vectors_of(opened, name)[good], VALUES[good])
    assert len(opened.embeddings[name].well_ids) == 33
    for said in ("line 4 has 7 columns, not 4", "line 6 has 2 columns, not 4", "line 8"):
        assert said in details(opened, name)


def test_of_many_broken_lines_a_few_are_named(opened: Any, tmp_path: Path) -> None:
    path = b.write(tmp_path / "lines.csv", TEXT + b"gene-001_1_B02,1\n" * 500)
    name = opened.add_embedding(path)
    assert len(opened.embeddings[name].problems) == 21
    assert "480 more rows" in details(opened, name)


def test_the_first_of_several_vectors_is_used(root: Path, cache: Path) -> None:
    plates = {p: {i: np.full(2, p, np.float32) for i in IDS[p : p + 4]} for p in (1, 2, 3)}
    for p, vectors in plates.items():
        table = b.embedding_table(vectors)
        twice = pa.concat_tables([table, table.slice(0, p - 1)])
        b.write(root / f"gene-001/Plate{p}/embeddings.parquet", b.parquet_bytes(twice))
    for _ in range(2):  # read, and read back
        ds = rx.open_dataset(root, cache_dir=cache)
        table = ds.embeddings["embeddings"]
        assert list(table.well_ids) == IDS[1:7]
        np.testing.assert_array_equal(table.vectors[:, 0], [1, 1, 1, 1, 2, 3])
        assert table.is_usable.all()
        repeats = [p for p in table.problems if p.kind == "duplicate_vector"]
        assert [p.well_id for p in repeats] == [IDS[i] for i in (2, 3, 4, 2, 3, 4, 5, 3, 4)]
        assert ["Plate2" in p.detail for p in repeats] == [True] * 4 + [False] * 5


def test_of_many_repeats_a_thousand_are_listed(root: Path, cache: Path) -> None:
    table = b.embedding_table({IDS[0]: np.ones(2), IDS[1]: np.ones(2)})
    b.write(root / "v.parquet", b.parquet_bytes(pa.concat_tables([table] * 800)))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert ds.embeddings["v"].vectors.shape == (2, 2)
    assert len(ds.embeddings["v"].problems) == 1001
    assert "598 more" in ds.embeddings["v"].problems[-1].detail


@settings(max_examples=40, deadline=None)
@given(files=st.lists(st.lists(st.integers(0, 6), max_size=8), min_size=1, max_size=4))
def test_any_repeats_leave_the_first(
    files: list[list[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("repeats")
    first: dict[int, int] = {}
    row = 0
    for n, wells in enumerate(files):
        values = np.arange(row, row + len(wells)) + 1.0
        for well, value in zip(wells, values, strict=True):
            first.setdefault(well, int(value))
        ids = pa.array([IDS[w] for w in wells], pa.string())
        path = folder / "data" / f"gene-001/Plate{n}/embeddings.parquet"
        b.write(path, parquet(pa.table({"well_id": ids, "f1": values, "f2": values})))
        row += len(wells)
    if not first:
        with pytest.raises(MetadataError, match="No vector"):
            rx.open_dataset(folder / "data", cache_dir=folder / "cache")
        return
    for place in (folder / "cache", b.write(folder / "file", b"") / "locked"):
        table = rx.open_dataset(folder / "data", cache_dir=place).embeddings["embeddings"]
        assert list(table.well_ids) == [IDS[w] for w in first]
        assert table.vectors[:, 1].tolist() == list(first.values())


@pytest.mark.parametrize("tar", [False, True], ids=["folder", "tar"])
@pytest.mark.parametrize("odd", ["gene-001_1", "compound-004_43"])
def test_a_plate_of_another_dimension_is_named_and_left_out(
    tar: bool, odd: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    for well_id in IDS:
        if well_id.startswith(odd):
            screen.vectors[well_id] = np.ones(5, np.float32)
    screen.write_metadata(root / "metadata.csv")
    if tar:
        screen.write_embeddings_tar(root / "embeddings.tar")
    else:
        screen.write_plate_embeddings(root / "embeddings")
    ds = rx.open_dataset(root, cache_dir=cache)
    assert list(ds.embeddings) == ["embeddings"]
    assert ds.embeddings["embeddings"].dimension == 8
    with_vector = ds.wells.index[ds.wells["has_embedding"]]
    assert set(with_vector) == {i for i in IDS if not i.startswith(odd)}
    said = [d for d in ds.check().problems["detail"] if odd.replace("_", "/Plate") in d]
    assert len(said) == 1
    assert re.search(r"\b5 numbers where .*\b8\b", said[0])


def test_tables_of_two_dimensions_are_two_embeddings(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    for folder, dim in (("phenom-1", 4), ("phenom-2", 8)):
        b.Screen.of(ROWS, dim=dim).write_embeddings(root / folder / "vectors.parquet")
    ds = rx.open_dataset(root, cache_dir=cache)
    assert {n: t.dimension for n, t in ds.embeddings.items()} == {"vectors": 4, "vectors (8)": 8}


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"PAR1 cut off", "cannot be read"), (b"text", "not a parquet file")],
)
def test_a_broken_plate_is_named_and_the_rest_is_read(
    content: bytes, said: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_rxrx3(root)
    b.write(root / "embeddings/gene-001/Plate2/embeddings.parquet", content)
    ds = rx.open_dataset(root, cache_dir=cache)
    assert ds.wells["has_embedding"].sum() == 24
    assert ds.check().problems["detail"].str.contains(f"Plate2.*{said}").any()


# --- what a folder holds -------------------------------------------------------------------------


def wide(dim: int, prefix: str = "f") -> pd.DataFrame:
    vectors = np.random.default_rng(1).normal(size=(36, dim)).astype(np.float32)
    table = pd.DataFrame(vectors, columns=[f"{prefix}{i}" for i in range(dim)])
    table.insert(0, "well_id", IDS)
    return table


def without_first(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[:1, :1].merge(table.iloc[1:], how="outer", sort=False).iloc[[*range(36)]]


FOUND: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "csv": ("vectors.csv", csv),
    "semicolons": ("vectors.csv", lambda table: csv(table, sep=";", decimal=",")),
    "tabs": ("vectors.tsv", lambda table: csv(table, sep="\t")),
    "bom": ("vectors.csv", lambda table: b"\xef\xbb\xbf" + csv(table, lineterminator="\r\n")),
    "gzip": ("vectors.csv.gz", lambda table: gzip.compress(csv(table))),
    "first well missing": ("vectors.csv", lambda table: csv(without_first(table))),
    "half precision": (
        "vectors.parquet",
        lambda table: parquet(table.astype(dict.fromkeys(table.columns[1:], "float16"))),
    ),
    "lists": (
        "vectors.parquet",
        lambda table: parquet(pa.table({"well_id": IDS, "v": table.iloc[:, 1:].values.tolist()})),
    ),
}


@pytest.mark.each(4)
@pytest.mark.parametrize("dim", [2, 384, 1664])
@pytest.mark.parametrize("form", FOUND)
def test_vectors_beside_metadata_are_found(form: str, dim: int, root: Path, cache: Path) -> None:
    file, write = FOUND[form]
    table = wide(dim)
    b.write(root / "metadata.csv", b.csv_bytes(ROWS))
    b.write(root / file, write(table))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert {name: t.dimension for name, t in ds.embeddings.items()} == {"vectors": dim}
    assert (ds.wells["gene"] == "PLK1").all()
    expected = table.iloc[:, 1:].to_numpy()
    if form == "half precision":
        expected = expected.astype(np.float16)
    np.testing.assert_array_equal(vectors_of(ds, "vectors")[1:], expected[1:])
    assert ds.wells["has_embedding"].sum() in (35, 36)


def test_vectors_in_a_zip_are_found(root: Path, cache: Path) -> None:
    b.write(root / "metadata.csv", b.csv_bytes(ROWS))
    b.write_zip(root / "vectors.zip", {"about.csv": b"a,b\n", "vectors.csv": csv(wide(12))})
    assert rx.open_dataset(root, cache_dir=cache).embeddings["vectors"].dimension == 12


@pytest.mark.parametrize("write", [csv, parquet], ids=["csv", "parquet"])
def test_metadata_with_scores_stay_metadata(
    write: Callable[[pd.DataFrame], bytes], root: Path, cache: Path
) -> None:
    scores = {"score_1": RNG.normal(size=36), "score_2": RNG.normal(size=36)}
    b.write(root / "metadata.table", write(pd.DataFrame(ROWS).assign(**scores)))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert not ds.embeddings
    assert (ds.wells["gene"] == "PLK1").all()


def test_vectors_that_carry_metadata_stay_vectors(root: Path, cache: Path) -> None:
    b.write(root / "metadata.csv", b.csv_bytes(ROWS[:9]))
    both = pd.DataFrame(ROWS).assign(treatment="another").merge(wide(30), on="well_id")
    b.write(root / "with treatments.csv", csv(both))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert ds.embeddings["with treatments"].dimension == 30
    assert (ds.wells["treatment"] == "PLK1_guide_1").all()


@pytest.mark.parametrize(
    "content",
    [
        b"well_id,site_1,site_2\ngene-001_1_B02,1,2\n",
        b"well_id,note1,note2\ngene-001_1_B02,good,bad\n",
        b"well_id,f0,f1\n",
        b"name,f0,f1\nx,0.5,0.5\n",
    ],
)
def test_a_csv_without_vectors_is_not_taken_for_some(
    content: bytes, root: Path, cache: Path
) -> None:
    b.write(root / "metadata.csv", b.csv_bytes(ROWS))
    b.write(root / "other.csv", content)
    assert not rx.open_dataset(root, cache_dir=cache).embeddings


def test_one_table_in_two_formats_is_two_embeddings(root: Path, cache: Path) -> None:
    b.write(root / "v.csv", csv(wide(4)))
    b.write(root / "v.parquet", parquet(wide(4)))
    ds = rx.open_dataset(root, cache_dir=cache)
    assert len(ds.embeddings) == 2
    assert not any(table.problems for table in ds.embeddings.values() if len(table.well_ids))


# --- the file that vectors are kept in -----------------------------------------------------------


def plates_of(root: Path, n: int, dim: int) -> list[str]:
    rng = np.random.default_rng(2)
    for plate in range(n):
        ids = [b.well_name("gene-001", plate, f"{r}{c:02d}") for r in b.ROWS for c in range(1, 49)]
        vectors = dict(zip(ids, rng.normal(size=(1536, dim)).astype("f4"), strict=True))
        path = root / f"gene-001/Plate{plate}/embeddings.parquet"
        b.write(path, b.embedding_bytes(vectors))
    return ids


MEASURED = """
import sys, tracemalloc
from pathlib import Path
import numpy as np
from napari_rxrx3.data.discovery.discover import discover
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.vectors.embeddings import find_embeddings

cache = DiskCache(Path(sys.argv[2]))
storage, path = Storage.of(sys.argv[1])
table = find_embeddings(storage, discover(storage, path, cache), cache)[0]["embeddings"]
tracemalloc.start()
assert len(table.well_ids) == 20 * 1536
peak = tracemalloc.get_traced_memory()[1]
assert table.vectors.shape == (20 * 1536, 128)
assert isinstance(table.vectors, np.memmap)
print(peak, table.vectors.nbytes)
"""


@pytest.mark.soak
def test_vectors_are_never_in_memory_as_a_whole(root: Path, cache: Path) -> None:
    plates_of(root, 20, 128)  # 15.7 MB
    # in a process of its own: threads that other tests left take memory as well
    command = [sys.executable, "-c", MEASURED, str(root), str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, whole = map(int, done.stdout.split())
    assert peak < whole / 2


def test_the_second_opening_reads_no_table(root: Path, cache: Path) -> None:
    ids = plates_of(root, 2, 4)
    first = rx.open_dataset(root, cache_dir=cache)
    want = np.array(first.embeddings["embeddings"].vectors)
    again = rx.open_dataset(root, cache_dir=cache)
    for path in root.rglob("*.parquet"):
        stat = path.stat()
        path.write_bytes(bytes(stat.st_size))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    table = again.embeddings["embeddings"]
    np.testing.assert_array_equal(table.vectors, want)
    assert list(table.well_ids[-1536:]) == ids
    assert table.is_usable.all()


def lock(cache: Path) -> Path:
    return b.write(cache, b"in the way") / "cache"


@pytest.mark.parametrize("limit", [0, 100, 3000, 1_000_000])
def test_a_full_disk_costs_memory_only(limit: int, root: Path, cache: Path) -> None:
    plates_of(root, 4, 16)
    with disk_full_after(limit):
        ds = rx.open_dataset(root, cache_dir=cache)
        full = np.array(ds.embeddings["embeddings"].vectors)
    again = rx.open_dataset(root, cache_dir=cache).embeddings["embeddings"]
    assert len(full) == 4 * 1536
    np.testing.assert_array_equal(full, again.vectors)
    assert not [path for path in files_in(cache) if path.suffix == ".part"]


def test_a_locked_cache_costs_memory_only(root: Path, cache: Path) -> None:
    plates_of(root, 2, 4)
    ds = rx.open_dataset(root, cache_dir=lock(cache))
    assert ds.wells["has_embedding"].all()
    assert len(ds.embeddings["embeddings"].vectors) == 2 * 1536


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "gone": lambda _: b"",
    "half": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-4],
    "other bytes": lambda content: b"x" * len(content),
    "objects": lambda content: np_bytes(np.array([{}], dtype=object)),
    "other shape": lambda content: np_bytes(np.zeros((3, 4), np.float32)),
}


def np_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [".npy", ".arrow"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_kept_vectors_that_are_damaged_are_made_anew(
    damage: str, kind: str, screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_rxrx3(root)
    rx.open_dataset(root, cache_dir=cache).wells  # noqa: B018
    (path,) = [p for p in files_in(cache) if p.suffix == kind and p.parent.name != "wells"]
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    ds = rx.open_dataset(root, cache_dir=cache)
    expected = np.array([screen.vectors[i] for i in IDS])
    np.testing.assert_array_equal(vectors_of(ds, "embeddings"), expected)


@pytest.mark.parametrize("stop_at", [0, 3])
def test_reading_can_be_stopped_and_begun_again(stop_at: int, root: Path, cache: Path) -> None:
    plates_of(root, 5, 4)
    b.write(root / "metadata.csv", b.csv_bytes([b.guide_row("gene-001", 1, "B02", "PLK1")]))
    seen: list[tuple[int, int, str]] = []
    allowed = stop_at

    def progress(done: int, total: int, text: str) -> None:
        seen.append((done, total, text))
        if "vectors" in text and done >= allowed:
            raise Cancelled("stopped")

    ds = rx.open_dataset(root, cache_dir=cache)
    with pytest.raises(Cancelled):
        ds.read_vectors(progress)
    assert {path.parent.name for path in files_in(cache)} == {"files", "wells"}
    assert list(ds.embeddings) == ["embeddings"]
    allowed = 5
    ds.read_vectors(progress)
    assert ds.wells["has_embedding"].all()
    read = [(done, total) for done, total, text in seen if "reading vectors" in text]
    assert read[-5:] == [(i, 5) for i in range(5)]


def test_who_opened_hears_of_nothing_that_is_done_later(root: Path, cache: Path) -> None:
    plates_of(root, 5, 4)
    seen: list[str] = []
    ds = rx.open_dataset(root, cache_dir=cache, progress=lambda *step: seen.append(step[-1]))
    assert seen
    seen.clear()
    assert not ds.vectors_are_read
    assert ds.wells["has_embedding"].all()
    assert ds.plates["n_embeddings"].tolist() == [1536] * 5
    assert ds.default_embedding == "embeddings"
    assert ds.check().summary()
    assert seen == []


def test_adding_can_be_stopped(opened: Any, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        assert "own.csv" in text
        raise Cancelled("stopped")

    before = dict(opened.embeddings)
    with pytest.raises(Cancelled):
        opened.add_embedding(b.write(tmp_path / "own.csv", TEXT), progress=stop)
    assert opened.embeddings == before


def test_a_table_that_went_away_leaves_the_others(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "stays.parquet")
    screen.write_embeddings(root / "goes.parquet")
    ds = rx.open_dataset(root, cache_dir=cache)
    (root / "goes.parquet").unlink()
    assert ds.wells["has_embedding"].all()
    assert list(ds.embeddings) == ["stays"]
    assert any("goes" in problem.detail for problem in ds.problems)
