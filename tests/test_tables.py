"""One reader of tables: however a table is written, whoever asks for it, the same is read."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.discovery.file_kinds import kind_of_file
from napari_rxrx3.data.files.cells import MISSING, Marks, as_number, is_missing, marks_of
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import As, TableError
from napari_rxrx3.data.files.tables import open_table, opened_table
from napari_rxrx3.data.files.text_form import text_form
from napari_rxrx3.data.files.text_table import _as_utf_8
from napari_rxrx3.data.vectors.embeddings import own_embedding
from napari_rxrx3.data.wells.metadata import read_metadata
from napari_rxrx3.hits.sheet import read_sheet
from napari_rxrx3.maps.benchmark.known import read_interactions, read_pairs

Rows = Sequence[Sequence[str]]

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")
ENDS = ("\n", "\r\n", "\r")


def written(
    rows: Rows,
    separator: str = ",",
    encoding: str = "utf-8",
    end: str = "\n",
    quoting: Any = csv.QUOTE_MINIMAL,
    head: str = "",
) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
    return (head + text.getvalue()).encode(encoding)


def read(content: bytes, wanted: Sequence[tuple[str, As]], **options: Any) -> dict[str, list[Any]]:
    """All values of some columns, with the lines of the rows and what is odd, by column."""
    found: dict[str, list[Any]] = {name: [] for name, _ in wanted}
    found |= {"lines": [], "odd": [], "notes": []}
    with opened_table(io.BytesIO(content), "a table", **options) as table:
        for block in table.blocks(wanted, 3):
            for (name, _), column in zip(wanted, block.columns, strict=True):
                found[name] += column.tolist()
            found["lines"] += list(block.lines)
            for i, cells in block.odd.items():
                name = wanted[i][0]
                found["odd"] += [(block.lines[row], name, text) for row, text in cells]
        found["notes"] = table.notes
    return found


WANTED = (("name", As.NAME), ("text", As.TEXT), ("number", As.NUMBER))

# --- cells --------------------------------------------------------------------------------------

NUMBERS = {
    **{"1.5": 1.5, "1,5": 1.5, "0,025": 0.025, ".5": 0.5, ",5": 0.5, "5.": 5.0, "007": 7.0},
    **{"1.234,5": 1234.5, "1,234.5": 1234.5, "1,234,567": 1234567.0, "1.234.567,8": 1234567.8},
    **{"1 234,5": 1234.5, "1\u202f234": 1234.0, "1'234.5": 1234.5, "1\u00a0234\u00a0567": 1234567},
    **{"-2": -2.0, "\u22122": -2.0, "+2,5": 2.5, " 3 ": 3.0, "1E-07": 1e-07, "2,5e3": 2500.0},
    **{"inf": math.inf, "-Infinity": -math.inf, "1e400": math.inf},
    **dict.fromkeys(
        ("x", "", "nan", "1,2,3", "1.2.3", "12,34.5", "1_000", "1 2", "2-Sep", ","), None
    ),
    **dict.fromkeys(("29.11.2026", "0x10", ">1", "5 uM", "1..2", "--1", "e5"), None),
}


@pytest.mark.parametrize("cell", NUMBERS)
def test_numbers_are_read_as_people_write_them(cell: str) -> None:
    assert as_number(cell) == NUMBERS[cell]


@pytest.mark.parametrize(
    ("cells", "separator", "expected"),
    [
        (["0,25", "x", "10"], ";", Marks(",", ".")),
        (["0,25", "1.234"], ";", Marks(",", ".")),
        (["1.234,5"], "\t", Marks(",", ".")),
        (["0.25", "1,234"], ";", Marks(".", ",")),
        (["1,234"], ",", Marks(".", ",")),
        (["1,234", "5"], ";", Marks()),
        (["0,25", "0,5", "1.5"], ";", Marks(",")),
        (["0,25", "1.5", "0.5"], ";", Marks(".")),
        (["29.11.2026", "a,b", ""], ";", Marks()),
    ],
)
def test_marks_are_those_that_the_table_uses(
    cells: list[str], separator: str, expected: Marks
) -> None:
    assert marks_of(cells, separator) == expected


@pytest.mark.parametrize(
    ("marks", "expected"),
    [(Marks(".", ","), 1234.0), (Marks(",", "."), 1.234), (Marks(","), 1.234), (Marks(), 1.234)],
)
def test_one_mark_groups_thousands_only_where_the_other_is_decimal(
    marks: Marks, expected: float
) -> None:
    assert as_number("1,234", marks) == expected


def test_words_for_what_is_missing_count_in_any_case() -> None:
    for word in MISSING:
        assert is_missing(f" {word.upper()} ")
        assert as_number(word) is None
    assert not is_missing("NaCl")


# --- any table, written in any way --------------------------------------------------------------

LETTERS = st.text(st.sampled_from("aZéß '\";,\t\n0-"), min_size=1, max_size=5)
NAMES = LETTERS.map(str.strip).filter(
    lambda text: text and not text.startswith("'") and text not in MISSING
)
VALUES = st.floats(-1e6, 1e6).map(lambda x: round(x, 4)) | st.integers(-99999, 99999).map(float)
WORDS = st.sampled_from([*sorted(MISSING), "NaN", "NULL", " "])


def as_text(value: float, decimal: str) -> str:
    return repr(value).removesuffix(".0").replace(".", decimal)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(NAMES, NAMES | WORDS, VALUES | WORDS), min_size=1, max_size=9),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(ENCODINGS),
    decimal=st.sampled_from(".,"),
    end=st.sampled_from(ENDS),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    is_packed=st.booleans(),
)
@example([("NA", "NA", "NA"), ("µ", "€", 0.5)], ";", "cp1252", ",", "\n", 0, False)
@example([("NaN", "x", 1.0), ("é", "y", "-")], "\t", "cp1252", ".", "\r", csv.QUOTE_ALL, True)
def test_any_table_is_read_however_it_is_written(
    rows: list[tuple[str, str, float | str]],
    separator: str,
    encoding: str,
    decimal: str,
    end: str,
    quoting: Any,
    is_packed: bool,
) -> None:
    cells = [
        [name, text, as_text(value, decimal) if isinstance(value, float) else value]
        for name, text, value in rows
    ]
    # a decimal mark that nothing else can be
    cells = [["first", "row", f"0{decimal}25"], *cells]
    if end == "\r":  # the writer leaves LF without quotes
        quoting = csv.QUOTE_ALL
    content = written([["name", "text", "number"], *cells], separator, encoding, end, quoting)
    found = read(gzip.compress(content) if is_packed else content, WANTED)
    assert found["name"] == ["first", *(name for name, _, _ in rows)]
    assert found["text"] == ["row", *(None if is_missing(t) else t.strip() for _, t, _ in rows)]
    expected = [0.25, *(x if isinstance(x, float) else np.nan for _, _, x in rows)]
    np.testing.assert_array_equal(found["number"], expected)
    assert not found["odd"]
    assert not found["notes"]


TITLES = [
    "",
    "My plates, exported 2026\n",
    "Of;Ann\n\n",
    "# a comment\n# more\n",
    "A,,,\nPlate,7\n",
]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "released": str,
    "capitals": str.upper,
    "title": lambda name: name.replace("_", " ").title(),
    "joined": lambda name: name.replace("_", ""),
    "blanks": lambda name: f" {name} ",
    "points": lambda name: name.replace("_", "."),
}
NAMES_OF_METADATA = ["well_id", "treatment", "concentration", "perturbation_type", "cell_type"]


@settings(max_examples=60, deadline=None)
@given(
    title=st.sampled_from(TITLES),
    spelling=st.sampled_from(sorted(SPELLINGS)),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "cp1252"]),
    end=st.sampled_from(ENDS),
    more=st.sampled_from(["", "trailing", "row names", "named rows"]),
    is_said=st.booleans(),
)
def test_metadata_are_read_whatever_stands_around_them(
    tmp_path_factory: pytest.TempPathFactory,
    title: str,
    spelling: str,
    separator: str,
    encoding: str,
    end: str,
    more: str,
    is_said: bool,
) -> None:
    rows = [
        ["gene-001_1_B02", "PLK1_guide_1", "", "CRISPR", "HUVEC"],
        ["compound-001_1_B03", "\u00b5-Drug", "0.25", "COMPOUND", "HUVEC"],
    ]
    names = list(map(SPELLINGS[spelling], NAMES_OF_METADATA))
    table = [names, *rows]
    if more == "trailing":
        table = [[*row, "", ""] for row in table]
    if more == "row names":
        table = [names, *([str(i), *row] for i, row in enumerate(rows, 1))]
    if more == "named rows":
        table = [["", *names], *([str(i), *row] for i, row in enumerate(rows, 1))]
    head = title.replace("\n", end)
    head = f"sep={separator}{end}{head}" if is_said else head
    folder = tmp_path_factory.mktemp("x")
    path = b.write(folder / "metadata.csv", written(table, separator, encoding, end, head=head))
    wells, problems = read_metadata(*Storage.of(path))
    assert wells.index.tolist() == [row[0] for row in rows]
    assert wells["treatment"].tolist() == [row[1] for row in rows]
    np.testing.assert_array_equal(wells["concentration"], [np.nan, 0.25])
    assert wells["perturbation_type"].tolist() == ["CRISPR", "COMPOUND"]
    said = " ".join(problem.detail for problem in problems)
    assert {problem.kind for problem in problems} <= {"interpreted"}
    assert ("is a title" in said) == bool(title)
    assert ("read as Windows-1252" in said) == (encoding == "cp1252")


UNITS = {"(nM)": 1e-3, "_uM": 1.0, "[\u00b5M]": 1.0, " mM": 1e3, "_nmol/L": 1e-3}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", ["concentration", "Concentration", "Dose", "conc"])
def test_a_name_may_say_the_unit_of_doses(tmp_path: Path, name: str, unit: str) -> None:
    text = f"well_id,treatment,{name}{unit}\ngene-001_1_B02,X,25\ngene-001_1_B03,X,1 uM\n"
    wells, problems = read_metadata(*Storage.of(b.write(tmp_path / "m.csv", text.encode())))
    assert wells["concentration"].tolist() == pytest.approx([25 * UNITS[unit], 1])
    assert any(f"{name}{unit}" in problem.detail for problem in problems)


def test_of_two_columns_of_one_name_the_released_one_is_read(tmp_path: Path) -> None:
    text = "well_id,Gene,gene\ngene-001_1_B02,OTHER,PLK1\n"
    wells, problems = read_metadata(*Storage.of(b.write(tmp_path / "m.csv", text.encode())))
    assert wells["gene"].tolist() == ["PLK1"]
    (problem,) = problems
    assert "of the columns 'gene' and 'Gene' the first is read" in problem.detail


@pytest.mark.parametrize("cell", ['="PLK1"', "\u200bPLK1", "PLK1\ufeff", "\u00a0PLK1 "])
def test_what_nobody_sees_is_no_part_of_a_name(tmp_path: Path, cell: str) -> None:
    text = f"well_id,gene\ngene-001_1_B02,{cell}\n"
    wells, _ = read_metadata(*Storage.of(b.write(tmp_path / "m.csv", text.encode())))
    assert wells["gene"].tolist() == ["PLK1"]


def test_one_letter_in_two_ways_is_one_name(tmp_path: Path) -> None:
    text = "well_id,gene\ngene-001_1_B02,M\u00fc\ngene-001_1_B03,Mu\u0308\n"
    wells, _ = read_metadata(*Storage.of(b.write(tmp_path / "m.csv", text.encode())))
    assert wells["gene"].nunique() == 1


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(NAMES, NAMES | WORDS, VALUES.map(str) | WORDS | NAMES), max_size=9),
    separator=st.sampled_from(",;"),
)
def test_slow_lines_say_the_same_as_fast_ones(
    rows: list[tuple[str, str, str]], separator: str
) -> None:
    """A cell that holds a line end has a whole stretch of lines read in another way."""
    plain = [[cell.replace("\n", " ").replace('"', "") or "x" for cell in row] for row in rows]
    table = [["name", "text", "number"], *plain]
    fast = read(written(table, separator), WANTED)
    slow = read(written([*table, ["two\nlines", "x", "1"]], separator), WANTED)
    assert slow["name"].pop() == "two\nlines"
    assert (slow["text"].pop(), slow["number"].pop()) == ("x", 1.0)
    assert slow["lines"].pop() == len(table) + 1
    np.testing.assert_array_equal(slow.pop("number"), fast.pop("number"))
    assert slow == fast


def test_a_line_says_its_separator() -> None:
    rows = [["name", "text", "number"], ["a;b", "c,d", "1,5"]]
    for end in ENDS:
        content = written(rows, "|", end=end, head=f"{end}sep=|{end}")
        assert read(content, WANTED)["name"] == ["a;b"]
        assert read(content, WANTED)["number"] == [1.5]


def test_names_in_quotes_may_hold_the_separator_and_line_ends() -> None:
    content = b'name;"text, of; some\nlines";number\na;b;0,5\n'
    form = text_form(content)
    assert form.names == ("name", "text, of; some\nlines", "number")
    found = read(content, (("name", As.NAME), ("number", As.NUMBER)))
    assert (found["name"], found["number"], found["lines"]) == (["a"], [0.5], [3])


def test_na_without_quotes_is_no_name_where_texts_are_quoted() -> None:
    """R writes so."""
    rows = b'"","name","text","number"\n"1","PLK1","x",NA\n"2",NA,NA,2.5\n"3","NA","NA",1\n'
    for content in (rows, rows + b'"4","two\nlines",NA,1\n'):
        found = read(content, WANTED)
        assert found["name"][:3] == ["PLK1", None, "NA"]
        assert found["number"][1:3] == [2.5, 1.0]
        assert not found["odd"]
    for heading in (b"name,text,number", b'"name",text,number'):
        assert read(heading + b"\nNA,x,1\n", WANTED)["name"] == ["NA"]


def test_bytes_that_are_not_utf_8_are_read_wherever_they_are() -> None:
    rows = [["name", "text", "number"], *([f"n{i}", "x" * 90, "1"] for i in range(60_000))]
    content = written(rows) + "µ,é,2\n".encode("cp1252") + "µ,é,3\n".encode()
    found = read(content, WANTED)
    assert found["name"][-2:] == ["µ", "µ"]
    assert found["lines"][-2:] == [60_002, 60_003]
    assert found["number"][-2:] == [2.0, 3.0]


def test_text_table_tells_the_first_line_that_is_not_utf_8_and_no_other() -> None:
    odd = "µ,é,2\n".encode("cp1252")
    content = b"name,text,number\n" + odd + b"a,b,1\n" * 800_000 + odd  # in two parts
    told: list[tuple[int, str]] = []
    text = b"".join(part for part, _ in _as_utf_8(io.BytesIO(content), "utf-8", note_to(told)))
    assert text.decode().count("µ,é,2\n") == 2
    assert told == [(2, "µ,é,2")]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_text_table_in_an_encoding_that_is_known_tells_of_no_line(encoding: str) -> None:
    told: list[tuple[int, str]] = []
    content = "name,text\nµ,é\n".encode(encoding)
    text = b"".join(part for part, _ in _as_utf_8(io.BytesIO(content), encoding, note_to(told)))
    assert text.decode() == "name,text\nµ,é\n"
    assert told == []


def note_to(told: list[tuple[int, str]]) -> Any:
    return lambda line, text: told.append((line, text))


# --- rows, and where they are ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ENDS)
def test_lines_are_those_of_the_file(end: str) -> None:
    text = '\n\nname,text,number\n\na,b,far\n,,\n"c\nd",e,1\n\n\nf,"g",near\n'
    found = read(text.replace("\n", end).encode(), WANTED)
    assert found["name"] == ["a", "c\nd", "f"]
    assert found["lines"] == [5, 7, 11]
    assert found["odd"] == [(5, "number", "far"), (11, "number", "near")]


def test_odd_cells_are_named_in_tables_without_any_fault_in_their_lines() -> None:
    rows = [["name", "text", "number"], *([f"n{i}", "t", "1.5"] for i in range(100))]
    rows[40][2], rows[70][2], rows[71][2] = "5 uM", "N/A", "1,5"
    found = read(written(rows), WANTED)
    assert found["odd"] == [(41, "number", "5 uM")]
    assert found["lines"] == list(range(2, 102))
    assert np.isnan(found["number"]).sum() == 2
    assert found["number"][70] == 1.5


def test_rows_that_do_not_fit_are_left_out_and_named() -> None:
    content = b'name,text,number\na,b,1\nc,d\ne,f,2,3\ng,h,4,,\n"i\nj",k,5\nl\n'
    found = read(content, WANTED)
    assert found["name"] == ["a", "g", "i\nj"]
    assert found["notes"] == [
        "line 3 has 2 columns, not 3",
        "line 4 has 4 columns, not 3",
        "line 8 has 1 columns, not 3",
    ]


def test_rows_that_do_not_fit_are_taken_if_so_asked() -> None:
    found = read(b"name,text,number\na,b,1\nc,d\ne,f,2,3\n", WANTED, ragged=True)
    assert found["name"] == ["a", "c", "e"]
    np.testing.assert_array_equal(found["number"], [1, np.nan, 2])
    assert not found["notes"]


def test_a_quote_without_end_costs_one_line() -> None:
    rows = [["name", "text", "number"], *([f"n{i}", "t", str(i)] for i in range(9))]
    content = written(rows).replace(b"n3,", b'"n3,') + b"m,5,7\n"
    found = read(content, WANTED)
    assert found["name"] == ["n0", "n1", "n2", "n4", "n5", "n6", "n7", "n8", "m"]
    assert found["notes"] == ["line 5: a quote is opened that nothing closes"]


def test_a_cell_may_go_on_where_a_stretch_of_lines_ends() -> None:
    """Files are read a few million bytes at a time."""
    rows = [[f"n{i}", ("a" * 50 + "\n") * 5 + "b", str(i)] for i in range(20_000)]
    found = read(written([["name", "text", "number"], *rows]), (("name", As.NAME), WANTED[2]))
    assert found["name"] == [row[0] for row in rows]
    assert found["lines"] == list(range(2, 2 + 6 * len(rows), 6))
    assert not found["notes"]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_parquet_follows_the_same_rule_for_cells(kind: pa.DataType) -> None:
    names = pa.array(["a", " NA ", "", None, "b", None]).cast(pa.string()).cast(kind)
    numbers = pa.array(["1.5", "NaN", "x", None, "2,5", " "])
    buffer = io.BytesIO()
    pq.write_table(pa.table({"name": names, "text": names, "number": numbers}), buffer)
    found = read(buffer.getvalue(), WANTED)
    assert found["name"] == ["a", "NA", None, "b"]
    assert found["text"] == ["a", None, None, "b"]
    np.testing.assert_array_equal(found["number"], [1.5, np.nan, np.nan, 2.5])
    assert found["odd"] == [(3, "number", "x")]
    assert found["lines"] == [1, 2, 3, 5]


# --- what cannot be read --------------------------------------------------------------------------


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


REFUSED = {
    "nothing": (b"", "it is empty"),
    "blanks": (b" ;; \r\n\t\n", "it is empty"),
    "bytes": (bytes(range(256)) * 20, "it is neither parquet nor text"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(200)), "neither parquet nor"),
    "an old workbook": (
        b"\xd0\xcf\x11\xe0rest",
        "it is a file of Excel or LibreOffice: save the table in it as CSV",
    ),
    "a workbook": (zip_of({"[Content_Types].xml": b""}), "it is an Excel or LibreOffice file"),
    "a zip of other things": (zip_of({"a.txt": b"name"}), "it holds no CSV"),
    "a cut zip": (zip_of({"a.csv": b"name,text,number\n"})[:40], "zip"),
    "a cut gzip": (gzip.compress(b"name,text,number\n" * 99)[:30], "."),
    "cut parquet": (b"PAR1 and no more", "."),
    "two columns of a name": (
        b"name,text,number,number\n",
        "two columns of the same name, 'number'",
    ),
    "no such column": (b"name,text\na,b\n", "it has no column 'number'"),
    "names without an end": (b'name,"text,number\na,b,1\n', "line 1: a quote is opened"),
    "a line without an end": (b"name,text,number\n" + b"x" * 70_000_000, "longer than 64 MB"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_said_in_one_sentence(what: str) -> None:
    content, why = REFUSED[what]
    with pytest.raises(TableError, match=why) as caught:
        read(content, WANTED)
    sentence = str(caught.value)
    assert sentence.startswith("a table cannot be read (")
    assert sentence.endswith(").")
    assert "\n" not in sentence


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    storage, path = Storage.of(tmp_path / "none.csv")
    why = r"none\.csv cannot be read \(it is not there\)\.$"
    with pytest.raises(TableError, match=why), open_table(storage, path):
        pass


def test_the_table_in_a_zip_is_the_one_that_suits() -> None:
    content = zip_of({"a.csv": b"x,y\n1,2\n", "b.tsv": b"name\ttext\tnumber\na\tb\t1\n"})
    assert read(content, WANTED, suits=lambda names: "name" in names)["name"] == ["a"]
    assert read(content, [("x", As.NUMBER)])["x"] == [1.0]


# --- all that read tables ------------------------------------------------------------------------

WELLS = [f"compound-001_1_B{column:02d}" for column in range(2, 6)]
TABLE = [
    [
        "well_id",
        "treatment",
        "gene_symbol",
        "entity1",
        "entity2",
        "concentration",
        "nM_value",
        "f1",
    ],
    [WELLS[0], "A µ", "NA", "A", "B", "0.25", "0.25", "0.25"],
    [WELLS[1], "B, x", "PLK1", "B", "C", "2.5", "2.5", "2.5"],
    [WELLS[2], "C", "MTOR", "nan", "NA", "n/a", "n/a", "n/a"],
    [WELLS[3], "D", "é", "D", "D", "1234.5", "1234.5", "1234.5"],
]
DOSES = [0.25, 2.5, np.nan, 1234.5]


def with_decimal(rows: Rows, decimal: str) -> Rows:
    body = [[*row[:5], *(cell.replace(".", decimal) for cell in row[5:])] for row in rows[1:]]
    return [rows[0], *body]


FORMS: dict[str, bytes] = {
    "plain": written(TABLE),
    "a mark at the start": written(TABLE, encoding="utf-8-sig"),
    "semicolons": written(TABLE, ";"),
    "decimal commas": written(with_decimal(TABLE, ","), ";"),
    "tabs": written(TABLE, "\t"),
    "Excel's Unicode text": written(with_decimal(TABLE, ","), "\t", "utf-16", "\r\n"),
    "an old encoding": written(TABLE, encoding="cp1252"),
    "CRLF": written(TABLE, end="\r\n"),
    "CR": written(TABLE, end="\r"),
    "everything in quotes": written(TABLE, quoting=csv.QUOTE_ALL),
    "a separator line": written(with_decimal(TABLE, ","), ";", end="\r\n", head="sep=;\r\n"),
    "blank lines": written(TABLE, end="\n\n"),
    "empty rows at the end": written(TABLE) + b",,,,,,,\n" * 5,
    "last line open": written(TABLE).rstrip(),
    "thousands": written([*TABLE[:-1], [*TABLE[-1][:5], *["1,234.5"] * 3]]),
    "gzip": gzip.compress(written(TABLE)),
    "zip": zip_of({"__MACOSX/a.csv": b"\0", "a.csv": written(TABLE)}),
}


def doses_of_metadata(path: Path) -> list[float]:
    wells, problems = read_metadata(*Storage.of(path))
    assert wells.index.tolist() == WELLS
    assert wells["treatment"].tolist() == [row[1] for row in TABLE[1:]]
    assert {problem.kind for problem in problems} <= {"interpreted"}
    return wells["concentration"].tolist()


def doses_of_vectors(path: Path) -> list[float]:
    table = own_embedding(*Storage.of(path), DiskCache(path.parent / "cache"))
    assert table.well_ids.tolist() == WELLS
    return table.vectors[:, -1].tolist()


def doses_of_interactions(path: Path) -> list[float]:
    table = read_interactions(path)
    assert table["gene_symbol"].tolist() == ["NA", "PLK1", "é"]
    assert read_pairs(path).to_numpy().tolist() == [["A", "B"], ["B", "C"], ["NA", "nan"]]
    return [*table["nM_value"][:2], np.nan, *table["nM_value"][2:]]


def doses_of_a_list(path: Path) -> list[float]:
    rows = read_sheet(path).named()
    assert [row["treatment"] for row in rows] == [row[1] for row in TABLE[1:]]
    numbers = [as_number(row["concentration"]) for row in rows]
    return [np.nan if number is None else number for number in numbers]


READERS: dict[str, Callable[[Path], list[float]]] = {
    "metadata": doses_of_metadata,
    "vectors": doses_of_vectors,
    "what is known": doses_of_interactions,
    "a list": doses_of_a_list,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", FORMS)
def test_every_reader_reads_every_form(form: str, reader: str, tmp_path: Path) -> None:
    path = b.write(tmp_path / "a table", FORMS[form])
    np.testing.assert_array_equal(READERS[reader](path), DOSES)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_to_be_metadata(form: str, tmp_path: Path) -> None:
    assert kind_of_file(*Storage.of(b.write(tmp_path / "a table", FORMS[form]))) == "metadata"


def test_a_dose_that_is_no_number_is_a_problem_of_the_data(tmp_path: Path) -> None:
    rows = [[*row] for row in TABLE]
    rows[2][5] = "a lot"
    path = b.write(tmp_path / "metadata.csv", written(rows))
    _, problems = read_metadata(*Storage.of(path))
    assert [(p.kind, p.detail) for p in problems] == [
        ("not_a_number", f"{path}, line 3: concentration is 'a lot', not a number")
    ]


def test_of_many_doses_that_are_no_numbers_a_few_are_named(tmp_path: Path) -> None:
    wells = [f"compound-001_1_B{column:02d}" for column in range(2, 48)]
    rows = [["well_id", "treatment", "concentration"], *([well, "A", "x"] for well in wells)]
    path = b.write(tmp_path / "metadata.csv", written(rows))
    _, problems = read_metadata(*Storage.of(path))
    assert len(problems) == 21
    assert problems[-1].detail.endswith("26 more cells are no numbers")


def test_vectors_tell_where_a_cell_is_no_number(tmp_path: Path) -> None:
    rows = [["well_id", "a", "b"], *([well, "1.5", "2"] for well in WELLS)]
    rows[3][2] = "big"
    path = b.write(tmp_path / "own.csv", written(rows))
    table = own_embedding(*Storage.of(path), DiskCache(tmp_path / "cache"))
    said = "cells that are no numbers: 1, the first is 'big' in line 4, column b"
    assert said in table.problems[0].detail


@pytest.mark.parametrize("write", [pd.DataFrame.to_csv, pd.DataFrame.to_parquet])
def test_a_column_without_any_number_is_no_part_of_vectors(write: Any, tmp_path: Path) -> None:
    table = pd.DataFrame({"well_id": WELLS, "a": [1.0, 2, 3, np.inf], "b": 2.0, "none": np.nan})
    write(table, tmp_path / "own", index=False)
    made = own_embedding(*Storage.of(tmp_path / "own"), DiskCache(tmp_path / "cache"))
    assert made.dimension == 2
    said = " ".join(problem.detail for problem in made.problems)
    assert "columns that are no part of the vectors: none" in said
    assert "zero or not finite: 1 of 4 (not finite in a)" in said


def test_known_pairs_that_cannot_be_read_name_their_line(tmp_path: Path) -> None:
    path = b.write(tmp_path / "known.csv", b"treatment,gene,nM_value\nX,A,1\n\nX,B,>100\n")
    with pytest.raises(MetadataError) as caught:
        read_interactions(path)
    assert str(caught.value) == (f"{path}, line 4: nM_value is '>100', not a number from 0 on.")


# --- other ways to write a table ----------------------------------------------------------------

PLAIN = "well_id,gene,treatment,concentration\ngene-001_1_B02,PLK1,PLK1_guide_1,\n"
COMPOUND = "compound-001_1_B03,,DrugB,2.5\n"


def metadata_of(tmp_path: Path, text: str | bytes) -> tuple[pd.DataFrame, str]:
    content = text if isinstance(text, bytes) else text.encode()
    wells, problems = read_metadata(*Storage.of(b.write(tmp_path / "metadata.csv", content)))
    return wells, "\n".join(problem.detail for problem in problems)


@pytest.mark.parametrize("gap", [" ", "    "])
@pytest.mark.parametrize("title", ["", "Plate 7 of a gene screen\n"])
def test_blanks_may_separate_columns(tmp_path: Path, gap: str, title: str) -> None:
    text = f"{PLAIN.replace('guide_1,', 'guide_1,NA')}{COMPOUND.replace(',,', ',NA,')}"
    wells, said = metadata_of(tmp_path, title + text.replace(",", gap))
    assert wells["treatment"].tolist() == ["PLK1_guide_1", "DrugB"]
    np.testing.assert_array_equal(wells["concentration"], [np.nan, 2.5])
    assert "blanks are read as what separates its columns" in said


def test_r_writes_quotes_blanks_and_names_of_rows(tmp_path: Path) -> None:
    text = '"well_id" "treatment" "concentration"\n"1" "compound-001_1_B03" "Drug B" 2.5\n'
    wells, _ = metadata_of(tmp_path, text)
    assert wells["treatment"].tolist() == ["Drug B"]
    assert wells["concentration"].tolist() == [2.5]


@pytest.mark.parametrize("said", ["sep=;", "sep=", "sep= ", '"sep=|"'])
def test_a_line_that_says_another_separator_is_passed_over(tmp_path: Path, said: str) -> None:
    wells, _ = metadata_of(tmp_path, f"{said}\n{PLAIN}{COMPOUND}")
    assert wells["treatment"].tolist() == ["PLK1_guide_1", "DrugB"]


@pytest.mark.parametrize("text", [PLAIN.replace("PLK1,", "PL\0K1,"), PLAIN + "\0" * 500])
def test_zero_bytes_are_left_out_and_named(tmp_path: Path, text: str) -> None:
    wells, said = metadata_of(tmp_path, text)
    assert wells["gene"].tolist() == ["PLK1"]
    assert "holds zero bytes, which are left out" in said


def test_cells_at_the_end_of_rows_do_not_shift_them(tmp_path: Path) -> None:
    text = PLAIN + "gene-001_1_B03,MTOR,MTOR_guide_1,,mine\n"
    wells, said = metadata_of(tmp_path, text)
    assert wells["gene"].tolist() == ["PLK1"]
    assert "line 3 has 5 columns, not 4" in said
    wells, said = metadata_of(tmp_path, text.replace("guide_1,\n", "guide_1,,mine\n", 1))
    assert not len(wells)
    assert "line 2 has 5 columns, not 4" in said


def test_a_backslash_before_a_quote_is_named(tmp_path: Path) -> None:
    _, said = metadata_of(tmp_path, PLAIN + COMPOUND.replace("DrugB", r'"a \"B\" c"'))
    assert "line 3 has a backslash before a quote" in said


@pytest.mark.parametrize(
    ("name", "dose"),
    [
        ("Concentration (nM)", 0.0025),
        ("Dose, nM", 0.0025),
        ("dose in nM", 0.0025),
        ("conc. [\u00b5M]", 2.5),
        ("concentration / mM", 2500),
        ("concentration (micromolar)", 2.5),
        ("concentration (%)", None),
        ("Concentration (ug/ml)", None),
        ("log10 concentration", None),
        ("Konzentration", None),
    ],
)
def test_names_of_doses_say_a_unit_or_are_named(
    tmp_path: Path, name: str, dose: float | None
) -> None:
    text = f"{PLAIN}{COMPOUND}".replace("concentration", f'"{name}"')
    wells, said = metadata_of(tmp_path, text)
    assert repr(name) in said
    assert wells["concentration"].iloc[1] == pytest.approx(dose, nan_ok=True) or dose is None
    assert dose is not None or wells["concentration"].isna().all()


def test_columns_that_may_be_meant_are_named(tmp_path: Path) -> None:
    _, said = metadata_of(tmp_path, PLAIN.replace("treatment", "Compound name"))
    assert "no column called treatment; 'Compound name' may be that, and is not read" in said


def test_of_two_tables_in_a_zip_the_other_is_named(tmp_path: Path) -> None:
    content = zip_of({"a.csv": PLAIN.encode(), "b.csv": PLAIN.encode(), "notes.csv": b"x,y\n1,2\n"})
    _, said = metadata_of(tmp_path, content)
    assert "a.csv is read and b.csv is not" in said
    assert "notes" not in said


def test_a_dose_of_minus_zero_is_zero(tmp_path: Path) -> None:
    wells, _ = metadata_of(tmp_path, PLAIN + COMPOUND.replace("2.5", "-0"))
    assert str(wells["concentration"].iloc[1]) == "0.0"


def foreign() -> dict[str, tuple[str, bytes, str]]:
    frame = pd.DataFrame({"well_id": ["gene-001_1_B02"], "gene": ["PLK1"]})
    feather, pickled = io.BytesIO(), io.BytesIO()
    frame.to_feather(feather)
    frame.to_pickle(pickled)
    arrays = io.BytesIO()
    np.savez(arrays, well_id=np.array(["a"]), vectors=np.zeros((1, 4)))
    sheet = zip_of({"[Content_Types].xml": b"", "xl/sharedStrings.xml": b"<t>Well ID</t>"})
    return {
        "a workbook": ("x.xlsx", sheet, "Excel or LibreOffice"),
        "a workbook called CSV": ("x.csv", zip_of({"[Content_Types].xml": b""}), "Excel"),
        "an old workbook": ("metadata.xls", b"\xd0\xcf\x11\xe0" + bytes(99), "Excel"),
        "Feather": ("x.feather", feather.getvalue(), "Arrow"),
        "a pickle": ("x.pkl", pickled.getvalue(), "a pickle of Python"),
        "arrays": ("x.npz", arrays.getvalue(), "arrays of numpy"),
        "an array": ("embeddings.npy", b"\x93NUMPY\1\0" + bytes(99), "an array of numpy"),
        "HDF5": ("metadata.h5", b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
        "JSON": ("x.json", frame.to_json(orient="records").encode(), "JSON"),
        "a page": ("metadata.csv", b"<!DOCTYPE html><html>Sign in</html>", "HTML"),
        "a pointer": ("metadata.csv", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        "colons": ("x.csv", PLAIN.replace(",", ":").encode(), "not separated"),
    }


@pytest.mark.parametrize("name", foreign())
def test_tables_in_other_forms_are_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    file, content, what = foreign()[name]
    b.write(tmp_path / "x" / "own.csv", PLAIN.encode())
    path = b.write(tmp_path / "x" / file, content)
    problems = rx.open_dataset(tmp_path / "x", cache_dir=tmp_path / "c").check().problems
    ((kind, detail),) = problems[["kind", "detail"]].to_numpy().tolist()
    assert kind == "odd_file"
    assert detail.startswith(f"{path} is not read: ")
    assert what in detail
    with pytest.raises(rx.RxRx3Error) as error:
        rx.open_dataset(path, cache_dir=tmp_path / "c")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("file", ["notes.xlsx", "model.pkl", "readme.html", "a.json", "b.npy"])
def test_files_that_have_nothing_to_do_with_it_are_not_named(tmp_path: Path, file: str) -> None:
    content = {
        "notes.xlsx": zip_of({"[Content_Types].xml": b"", "xl/sharedStrings.xml": b"<t>Bill</t>"}),
        "model.pkl": b"\x80\x04K\x01.",
        "readme.html": b"<html>Hello</html>",
        "a.json": b"{}",
        "b.npy": b"\x93NUMPY\1\0" + bytes(99),
    }
    b.write(tmp_path / "x" / "metadata.csv", PLAIN.encode())
    b.write(tmp_path / "x" / file, content[file])
    assert rx.open_dataset(tmp_path / "x", cache_dir=tmp_path / "c").check().is_clean


NESTED = {
    "lists": pa.array([["PLK1"]]),
    "structs": pa.array([{"name": "PLK1"}]),
    "bytes that are no text": pa.array([b"\xff\xfe\xfd"]),
}


@pytest.mark.parametrize("name", NESTED)
def test_columns_of_parquet_that_hold_no_names_are_named(tmp_path: Path, name: str) -> None:
    table = pa.table({"well_id": ["gene-001_1_B02"], "gene": NESTED[name], "treatment": ["X"]})
    path = b.write(tmp_path / "x" / "metadata.parquet", b.parquet_bytes(table))
    data = rx.open_dataset(path, cache_dir=tmp_path / "c")
    assert data.wells["gene"].isna().all()
    (detail,) = data.check().problems["detail"]
    assert "the column 'gene' is of" in detail
    assert "is not read" in detail


def test_texts_of_parquet_that_are_bytes_are_read(tmp_path: Path) -> None:
    table = pa.table({"well_id": [b"gene-001_1_B02"], "gene": ["\u03b1".encode()], "plate": [1]})
    path = b.write(tmp_path / "x" / "metadata.parquet", b.parquet_bytes(table))
    data = rx.open_dataset(path, cache_dir=tmp_path / "c")
    assert data.wells["gene"].to_dict() == {"gene-001_1_B02": "\u03b1"}
    assert data.check().is_clean


@pytest.mark.parametrize("index", ["__index_level_0__", "", "name"])
def test_tables_that_do_not_say_which_wells_are_named(tmp_path: Path, index: str) -> None:
    table = pa.table(
        {index: ["gene-001_1_B02"], "gene": ["PLK1"], "treatment": ["PLK1_guide_1"]}
        | {"perturbation_type": ["CRISPR"], "cell_type": ["HUVEC"]}
    )
    b.write(tmp_path / "x" / "metadata.parquet", b.parquet_bytes(table))
    with pytest.raises(rx.RxRx3Error, match="but not which: call a column well_id"):
        rx.open_dataset(tmp_path / "x", cache_dir=tmp_path / "c")


@pytest.mark.parametrize(
    ("unit", "dose"), [("nM", 0.0025), ("\u00b5M", 2.5), ("mmol/L", 2500), ("ug/ml", None)]
)
@pytest.mark.parametrize(
    "name", ["concentration_unit", "Conc. units", "dose unit", "Unit", "units"]
)
def test_a_column_may_say_the_unit_of_doses(
    tmp_path: Path, name: str, unit: str, dose: float | None
) -> None:
    rows = ["compound-001_1_B03,DrugB,2.5", "compound-001_1_B04,DrugB,2 mM"]
    text = "\n".join([f"well_id,treatment,concentration,{name}", *(f"{r},{unit}" for r in rows)])
    wells, said = metadata_of(tmp_path, f"{text}\n")
    np.testing.assert_allclose(wells["concentration"], [dose or np.nan, 2000])
    assert (f"concentration_unit is {unit!r}" in said) == (dose != 2.5)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("gene-001_1_B02,MTOR,PLK1_guide_1,,CRISPR", "gene is 'MTOR', and the treatment a guide"),
        ("gene-001_1_B02,,PLK1_guide_1,,COMPOUND", "a guide, and perturbation_type COMPOUND"),
        ("gene-001_1_B02,,DrugA,2.5,CRISPR", "at a dose, and perturbation_type CRISPR"),
        ("gene-001_1_B02,=PLK1,,,CRISPR", "begins with a mark of spreadsheets"),
        ("gene-001_1_B02,'PLK1,,,CRISPR", "begins with a mark of spreadsheets"),
    ],
)
def test_rows_that_contradict_themselves_are_named(
    tmp_path: Path, changed: str, words: str
) -> None:
    head = "well_id,gene,treatment,concentration,perturbation_type"
    sound = "gene-001_1_B03,MTOR,MTOR_guide_1,,CRISPR"
    _, said = metadata_of(tmp_path, f"{head}\n{sound}\n{changed}\n")
    assert words in said
    assert "line 3" in said
    assert not metadata_of(tmp_path, f"{head}\n{sound}\n")[1]


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", "\u3000", "\u2009"])
def test_another_blank_makes_no_other_name(tmp_path: Path, blank: str) -> None:
    wells, _ = metadata_of(tmp_path, PLAIN + COMPOUND.replace("DrugB", f"Drug{blank}B"))
    assert wells["treatment"].tolist() == ["PLK1_guide_1", "Drug B"]
