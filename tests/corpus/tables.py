"""Metadata that somebody has exported, mailed, opened in a spreadsheet, or cut."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import builders as b
from corpus.bombs import gzip_bomb
from corpus.case import SOUND, case

ROWS = [dict(row) for row in SOUND]
TABLE = pd.DataFrame(ROWS, dtype=object)


def _is(content: Callable[[], bytes], name: str = "metadata.csv") -> Any:
    def make(root: Path, screen: b.Screen) -> None:
        (root / "metadata.csv").unlink()
        b.write(root / name, content())

    return make


def _with(**values: Any) -> Callable[[], bytes]:
    """One more row that says this, beside the sound ones."""
    more = b.well_row("gene-001", 1, "C07", treatment="X") | values
    return lambda: b.csv_bytes([*ROWS, more])


def _text(change: Callable[[str], str], encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: change(b.csv_bytes(ROWS).decode()).encode(encoding)


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _large_zip(spoil: Callable[[bytearray], None]) -> bytes:
    """More than is looked at to tell what a file is."""
    noise = b.noise("smiles", 900).tobytes().hex()
    some = [noise[i : i + 200] for i in range(0, 2_000_000, 200)]
    rows = [b.well_row("gene-009", i + 1, "C07", SMILES=text) for i, text in enumerate(some)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.csv", b.csv_bytes([*ROWS, *rows]))
    data = bytearray(buffer.getvalue())
    spoil(data)
    return bytes(data)


def _overwrite(data: bytearray) -> None:
    """What is no deflated block, near the end."""
    at = len(data) * 9 // 10
    data[at : at + 200] = b"\xff" * 200


def _lock(data: bytearray) -> None:
    """Say that a password is needed, here and in the list at the end."""
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(sign) + at] |= 1


WHOLE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "of a header alone": lambda: b.csv_bytes(TABLE[:0]),
    "with a BOM and CRLF": lambda: b.csv_bytes(ROWS, bom=True, crlf=True),
    "with semicolons": _text(lambda text: text.replace(",", ";")),
    "with tabs": _text(lambda text: text.replace(",", "\t")),
    "in UTF-16": _text(str, "utf-16"),
    "in Latin-1": _text(lambda text: text.replace("MTOR", "MTÖR"), "latin-1"),
    "with null bytes": _text(lambda text: text.replace("MTOR", "MT\0OR")),
    "of random bytes": lambda: b.noise("csv", 64).tobytes(),
    "of a line of 10 MB": _text(lambda text: text + "x" * 10_000_000),
    "with a quote that nothing ends": _text(lambda text: text.replace("MTOR", '"MTOR', 1)),
    "cut in a row": lambda: b.csv_bytes(ROWS)[:-20],
    "with rows that are too long": _text(lambda text: text + "a,b" * 40 + "\n"),
    "in another order of columns": lambda: b.csv_bytes(TABLE[list(TABLE.columns[::-1])]),
    "with a column twice": lambda: b.csv_bytes(pd.concat([TABLE, TABLE[["gene"]]], axis=1)),
    "without addresses": lambda: b.csv_bytes(TABLE.drop(columns="address")),
    "without plates": lambda: b.csv_bytes(TABLE.drop(columns="plate")),
    "without well ids": lambda: b.csv_bytes(TABLE.drop(columns="well_id")),
    "with other names": lambda: b.csv_bytes(TABLE.rename(columns=lambda name: f"col_{name}")),
    "with names as profiles have them": lambda: b.csv_bytes(TABLE.add_prefix("Metadata_")),
    "with units in a column of their own": lambda: b.csv_bytes(TABLE.assign(unit="nM")),
    "with names in capitals": lambda: b.csv_bytes(TABLE.rename(columns=str.upper)),
    "with wells listed twice": lambda: b.csv_bytes([*ROWS, *ROWS]),
    "with plates as 1.0": lambda: b.csv_bytes(
        TABLE.assign(plate=TABLE["plate"].map("{}.0".format))
    ),
    "with plates as words": lambda: b.csv_bytes(TABLE.assign(plate="first")),
    "with a huge plate": _with(plate=10**30),
    "with a plate below zero": _with(plate=-1),
    "with an address AG01": _with(address="AG01", well_id="gene-001_1_AG01"),
    "with an address A49": _with(address="A49", well_id="gene-001_1_A49"),
    "with an address a1": _with(address="a1", well_id="gene-001_1_a1"),
    "with a huge concentration": _with(concentration="1e400", perturbation_type="COMPOUND"),
    "with a concentration of words": _with(concentration="a lot", perturbation_type="COMPOUND"),
    "with a concentration below zero": _with(concentration=-5, perturbation_type="COMPOUND"),
    "with text of 10 MB": _with(gene="G" * 10_000_000),
    "with an experiment that nobody can print": _with(
        experiment_name="a\nb\x1b[31m", well_id="a\nb\x1b[31m_1_C07"
    ),
    "with HTML for a gene": _with(gene="<img src=x onerror=alert(1)>"),
    "with control characters": _with(gene="\x1b[2J\x07\r"),
    "with a formula": _with(gene="=cmd|' /C calc'!A0"),
    "with a SMILES that is none": _with(SMILES="((((C" * 5000, perturbation_type="COMPOUND"),
    "with right-to-left marks": _with(gene="\u202eKLP\u2066"),
    "with bars": _text(lambda text: text.replace(",", "|")),
    "with a line that says the separator": _text(lambda text: "sep=;\n" + text.replace(",", ";")),
    "with such a line in quotes": _text(lambda text: '"sep=;"\n' + text.replace(",", ";")),
    "in UTF-16 without a mark": _text(str, "utf-16-be"),
    "in UTF-32": _text(str, "utf-32"),
    "in an encoding of Japan": _text(lambda text: text.replace("MTOR", "薬"), "shift_jis"),
    "with line ends of a Mac": _text(lambda text: text.replace("\n", "\r")),
    "with a title above": _text(lambda text: "My plates, exported today\n\n" + text),
    "with comments above": _text(lambda text: "# by a program\n# 2026-01-01\n" + text),
    "with names of groups above": _text(lambda text: "Where,,,,What,,,\n" + text),
    "with units below the names": _text(lambda text: text.replace("\n", "\n,,,,,,,uM,,\n", 1)),
    "with a sum below": _text(lambda text: text + "Total,,,4,,,,,,\n"),
    "with names of rows": _text(
        lambda text: "\n".join(f"{i},{x}" if i else x for i, x in enumerate(text.splitlines()))
    ),
    "with columns without a name": _text(lambda text: text.replace("\n", ",,\n")),
    "with one column without a name": _text(lambda text: text.replace("\n", ",\n", 1)),
    "with names of columns in words": _text(lambda text: text.replace("_", " ", 1)),
    "with a unit in the name of doses": _text(
        lambda text: text.replace("concentration", "Concentration (nM)")
    ),
    "with a column in two spellings": lambda: b.csv_bytes(TABLE.assign(Gene="x")),
    "with types of wells": lambda: b.csv_bytes(
        TABLE.assign(well_type=["Guide", "guide", "EMPTY", "?"])
    ),
    "with blanks between columns": _text(lambda text: text.replace(",,", ",NA,").replace(",", " ")),
    "with columns of one width": _text(
        lambda text: "\n".join(
            "".join((cell or "NA").ljust(20) for cell in line.split(","))
            for line in text.splitlines()
        )
    ),
    "with colons": _text(lambda text: text.replace(",", ":")),
    "with a line that says another separator": _text(lambda text: "sep=;\n" + text),
    "with zeros at the end": _text(lambda text: text + "\0" * 4096),
    "with cells at the end of rows alone": _text(
        lambda text: text.replace("\n", ",x\n").replace(",x", "", 1)
    ),
    "with quotes behind backslashes": _text(lambda text: text.replace("MTOR", r'"MT \"O\" R"')),
    "with its header twice": _text(lambda text: text + text),
    "as a table of Markdown": _text(
        lambda text: "\n".join(f"| {line.replace(',', ' | ')} |" for line in text.splitlines())
    ),
    "as a page of HTML": lambda: TABLE.to_html().encode(),
    "as JSON": lambda: TABLE.to_json(orient="records").encode(),
    "that is a pointer of Git LFS": lambda: b"version https://git-lfs.github.com/spec/v1\n",
    "that is an error of a server": lambda: b'<?xml version="1.0"?><Error>AccessDenied</Error>',
    "with the names of columns in German": _text(
        lambda text: text.replace("treatment", "Behandlung").replace("concentration", "Dosis")
    ),
    "with doses in percent": _text(lambda text: text.replace("concentration", "concentration (%)")),
    "with doses by their logarithm": _text(
        lambda text: text.replace("concentration", "log10_dose")
    ),
    "with a lone surrogate": lambda: b.csv_bytes(ROWS).replace(b"MTOR", b"MT\xed\xa0\x80OR"),
}

for _name, _content in WHOLE.items():
    case(f"metadata {_name}")(_is(_content))
for _name, (_file, _content) in {
    "in gzip that is cut": ("metadata.csv.gz", lambda: gzip.compress(b.csv_bytes(ROWS))[:-30]),
    "in a zip with a damaged end": ("metadata.zip", lambda: _large_zip(_overwrite)),
    "in a zip with a password": ("metadata.zip", lambda: _large_zip(_lock)),
    "in a zip that is cut": ("metadata.zip", lambda: b"PK\x03\x04" + bytes(60)),
    "in gzip that is a bomb": (
        "metadata.csv.gz",
        lambda: gzip_bomb(b.csv_bytes(ROWS), 120),
    ),
    "in parquet that is cut": (
        "metadata.parquet",
        lambda: _parquet(pa.Table.from_pandas(TABLE.astype(str)))[:-60],
    ),
    "in parquet with lists": (
        "metadata.parquet",
        lambda: _parquet(
            pa.table({name: [[str(x)] for x in TABLE[name]] for name in TABLE.columns})
        ),
    ),
    "in parquet with numbers only": (
        "metadata.parquet",
        lambda: _parquet(pa.table({name: [1.5, 2.5] for name in TABLE.columns})),
    ),
}.items():
    case(f"metadata {_name}")(_is(_content, _file))


def _spelled(**changes: Callable[[str], str]) -> Callable[[], bytes]:
    """The sound rows with some columns in another spelling."""
    rows = [{k: changes.get(k, str)(v) if v else v for k, v in row.items()} for row in ROWS]
    return lambda: b.csv_bytes(rows)


for _name, _changes in {
    "addresses that are not padded": {"address": lambda a: a.replace("0", "")},
    "small addresses": {"address": str.lower},
    "plates in words": {"plate": lambda n: f"Plate{n}"},
    "plates with a letter": {"plate": lambda n: f"P0{n}"},
    "plates with a point": {"plate": lambda n: f"{n}.0"},
    "experiments in capitals": {"experiment_name": str.upper},
    "experiments with another dash": {"experiment_name": lambda e: e.replace("-", "\u2013")},
    "ids in another spelling": {"well_id": lambda i: i.replace("_1_", "_P01_").lower()},
    "kinds in small letters": {"perturbation_type": str.lower},
    "genes that are dates": {"gene": lambda g: {"MTOR": "1-Sep"}.get(g, g)},
    "genes that are days": {"gene": lambda g: {"MTOR": "01/03/2021"}.get(g, g)},
    "genes that are numbers of days": {"gene": lambda g: {"MTOR": "43891"}.get(g, g)},
    "genes that are days in Spanish": {"gene": lambda g: {"MTOR": "1-dic"}.get(g, g)},
    "genes that are days in Chinese": {"gene": lambda g: {"MTOR": "3\u67081\u65e5"}.get(g, g)},
    "genes that are levels of a factor": {"gene": lambda g: {"MTOR": "17"}.get(g, g)},
    "genes that could not be computed": {"gene": lambda g: {"MTOR": "#NAME?"}.get(g, g)},
    "genes that are days in Turkish": {"gene": lambda g: {"MTOR": "2-Eyl"}.get(g, g)},
    "genes that are times": {"gene": lambda g: {"MTOR": "2021-09-01T00:00:00"}.get(g, g)},
    "genes of full width": {"gene": lambda g: {"MTOR": "\uff30\uff2c\uff2b\uff11"}.get(g, g)},
    "genes that a database has not": {"gene": lambda g: {"MTOR": "\\N"}.get(g, g)},
    "ids in capitals": {"well_id": str.upper},
    "genes in two cases": {"gene": lambda g: {"MTOR": "plk1"}.get(g, g)},
    "controls that others have": {"treatment": lambda t: t.replace("EMPTY_control", "DMSO")},
    "addresses in words": {"address": lambda a: f"Well {a}"},
    "addresses of full width": {
        "address": lambda a: "".join(chr(ord(letter) + 0xFEE0) for letter in a)
    },
    "addresses in Cyrillic": {"address": lambda a: a.replace("B", "\u0412")},
    "addresses that are days": {"address": lambda a: a.replace("B02", "Feb-02")},
    "plates with a number sign": {"plate": lambda n: f"Plate #{n}"},
    "experiments with a soft hyphen": {"experiment_name": lambda e: e.replace("-", "\u00ad")},
    "genes that are powers of ten": {"gene": lambda g: {"MTOR": "2.31E+13"}.get(g, g)},
    "a gene called NA": {"gene": lambda g: {"MTOR": "NA"}.get(g, g)},
    "treatments called None": {"treatment": lambda t: "None"},
    "guides in another spelling": {"treatment": lambda t: t.replace("_guide_", "-Guide 0")},
    "controls in another spelling": {"treatment": lambda t: t.replace("_control", "")},
    "kinds that are none": {"perturbation_type": lambda kind: "siRNA"},
    "kinds in other words": {"perturbation_type": lambda kind: "Knock-out"},
    "cells in small letters": {"cell_type": str.lower},
    "experiments with a point": {"experiment_name": lambda e: e.replace("-", ".")},
    "experiments of two cases": {"experiment_name": lambda e: {"gene-001": "My-1"}.get(e, "mY-1")},
    "places that contradict their ids": {"address": lambda a: "C09"},
    "cells that keep a spreadsheet from reading them": {"gene": lambda g: f'="{g}"'},
    "blanks that nobody sees": {"gene": lambda g: f"\u200b{g}\ufeff"},
    "names in Chinese": {"gene": lambda g: "\u836f\u7269"},
    "names in Arabic": {"gene": lambda g: "\u062f\u0648\u0627\u0621"},
    "names of a pill": {"gene": lambda g: "\U0001f48a"},
}.items():
    case(f"metadata with {_name}")(_is(_spelled(**_changes)))
for _dose in (
    *("100 nM", "2.5 µM", "1 mM", "5 ug/ml", "1,000 nM", "low", "10 %"),
    *("1,000", "1.000,5", "1 000", "1'000", "0,25", "10nM", "1,5 µM", "2.5 μM", "3 µmol/L"),
    *(
        "1.125 uM",
        "10 fM",
        "3 \u00b5mol\u00b7L\u207b\u00b9",
        "1e-5 M",
        "~3",
        "1-3",
        "2.5 \u00b1 0.1",
        "#REF!",
    ),
    *("-0", "\uff12.\uff15", "0.1 % DMSO", "10 uM; 20 uM", "Wahr", "1/2", "2021-01-05"),
    *("5 nanomolar", "10 (uM)", "inf", "-1", ">10", "1:1000", '""', "#N/A", "NULL", "½", "٢٫٥"),
):
    case(f"metadata with a dose of {_dose}")(_is(_with(concentration=_dose)))
