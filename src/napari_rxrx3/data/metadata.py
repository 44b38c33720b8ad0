"""The metadata table: which perturbation each well received."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.perturbation import CRISPR_CONTROL, EMPTY_CONTROL, gene_of_guide
from napari_rxrx3.core.plate import parse_address
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.storage import Storage
from napari_rxrx3.data.tables import ALIASES

__all__ = ["COLUMNS", "read_metadata", "wells_from_ids"]

COLUMNS = (
    "experiment_name",
    "plate",
    "address",
    "row",
    "column",
    "gene",
    "treatment",
    "SMILES",
    "concentration",
    "perturbation_type",
    "cell_type",
    "well_type",
)
_TEXT = (
    "experiment_name",
    "address",
    "gene",
    "treatment",
    "SMILES",
    "perturbation_type",
    "cell_type",
    "well_type_label",
)
_WELL_ID = r"^(.+)_(\d{1,6})_([A-Z]{1,2}\d{1,2})$"
_POSITIVE_GENES = ("PLK1", "MTOR")
_CUTTING_GENES = ("EIF3H", "SRC", "HCK", "CYP11B1")


def read_metadata(storage: Storage, path: str) -> tuple[pd.DataFrame, list[Problem]]:
    """Read one metadata table: CSV, CSV in a zip, or parquet.

    Returns
    -------
    wells : pandas.DataFrame
        Indexed by well_id, with the columns `COLUMNS` (and ``well_type_label`` if the table has
        one). Text that is not there is NaN; ``plate``, ``row`` and ``column`` are integers.
    problems : list of Problem
        Rows that were left out and why.

    Raises
    ------
    MetadataError
        If the table cannot be read or has no way to tell its wells apart.
    """
    bad_lines: list[str] = []
    try:
        table = _read_table(storage, path, bad_lines)
    except (pa.ArrowException, OSError, zipfile.BadZipFile, UnicodeError) as error:
        raise MetadataError(f"{path} cannot be read ({_one_line(error)}).") from error
    names = [name.strip() for name in table.column_names]
    table = table.rename_columns([ALIASES.get(name, name) for name in names])
    if len(set(table.column_names)) < len(table.column_names):
        raise MetadataError(f"{path} has two columns of the same name.")
    wells, problems = _normalize(table, path)
    problems += [Problem("malformed_row", detail=f"{path}: {line}") for line in bad_lines]
    return wells, problems


def wells_from_ids(well_ids: pd.Index) -> pd.DataFrame:
    """Make a table of wells of which nothing but the id is known; ids that are none are dropped."""
    return _normalize(pa.table({"well_id": pa.array(well_ids, pa.string())}), "")[0]


def _read_table(storage: Storage, path: str, bad_lines: list[str]) -> pa.Table:
    with storage.open(path) as file:
        head = file.read(4)
        file.seek(0)
        if head == b"PAR1":
            return pq.read_table(file)
        if head == b"PK\x03\x04":
            with zipfile.ZipFile(file) as archive:
                names = [n for n in archive.namelist() if n.lower().endswith(".csv")]
                wanted = [n for n in names if not n.startswith("__MACOSX")]
                with archive.open(wanted[0]) as member:
                    return _read_csv(member, bad_lines)
        return _read_csv(file, bad_lines)


def _read_csv(file: Any, bad_lines: list[str]) -> pa.Table:
    head = file.read(65536)
    file.seek(0)
    first = head.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip()
    separator = max(",;\t", key=first.count)
    names = [n.strip('"') for n in first.split(separator)]

    def skip(row: Any) -> str:
        bad_lines.append(f"row {row.number} has {row.actual_columns} columns, not {len(names)}")
        return "skip"

    return pa_csv.read_csv(
        file,
        read_options=pa_csv.ReadOptions(encoding=_encoding(head)),
        parse_options=pa_csv.ParseOptions(
            delimiter=separator, newlines_in_values=False, invalid_row_handler=skip
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types={n: pa.string() for n in names},
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=True,
        ),
    )


def _encoding(head: bytes) -> str:
    try:
        head[: head.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _normalize(table: pa.Table, path: str) -> tuple[pd.DataFrame, list[Problem]]:
    frame = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    for name in ("well_id", *_TEXT):
        frame[name] = _text(table, name)
    frame["plate"] = _numbers(table, "plate")
    # 0.1 as a 32-bit number is another number, but the same dose
    frame["concentration"] = _rounded(_numbers(table, "concentration"))
    _fill_places(frame, path)
    _fill_types(frame)
    frame, unplaced = _placed(frame, path)
    frame, repeated = _unrepeated(frame, path)
    frame = frame.set_index("well_id")
    frame["plate"] = frame["plate"].astype(np.int64)
    row_column = _by_unique(frame["address"], lambda a: parse_address(a), (-1, -1))
    frame["row"] = row_column.map(lambda rc: rc[0]).astype(np.int64)
    frame["column"] = row_column.map(lambda rc: rc[1]).astype(np.int64)
    frame["gene"] = frame["gene"].fillna(_by_unique(frame["treatment"], gene_of_guide, None))
    frame["well_type"] = _well_types(frame)
    labels = ["well_type_label"] if "well_type_label" in table.column_names else []
    return frame[[*COLUMNS, *labels]], unplaced + repeated


def _text(table: pa.Table, name: str) -> pd.Series:
    if name not in table.column_names:
        return pd.Series(pd.NA, index=range(table.num_rows), dtype="str")
    column = pc.cast(table.column(name), pa.string())
    return pd.Series(pc.utf8_trim_whitespace(column).to_pandas(), dtype="str").replace("", np.nan)


def _numbers(table: pa.Table, name: str) -> pd.Series:
    if name not in table.column_names:
        return pd.Series(np.nan, index=range(table.num_rows))
    column = table.column(name).to_pandas()
    return pd.to_numeric(column, errors="coerce").astype(np.float64)


def _rounded(values: pd.Series) -> pd.Series:
    """Round to six digits, each distinct number once."""
    codes, unique = pd.factorize(values)
    rounded = np.array([*(float(f"{number:.6g}") for number in unique), np.nan])
    return pd.Series(rounded[codes], index=values.index)


def _by_unique(column: pd.Series, function: Callable[[str], Any], missing: Any) -> pd.Series:
    """Apply a function to each distinct text once: addresses repeat a thousandfold."""

    def safe(text: str) -> Any:
        try:
            return function(text)
        except ValueError:
            return missing

    codes, unique = pd.factorize(column)
    results = np.empty(len(unique) + 1, dtype=object)
    for i, text in enumerate(unique):
        results[i] = safe(text)
    results[-1] = missing  # code -1: no text
    return pd.Series(results[codes], index=column.index, dtype=object)


def _fill_places(frame: pd.DataFrame, path: str) -> None:
    """Fill in well ids from places, or places from well ids, whichever the table lacks."""
    places = frame[["experiment_name", "plate", "address"]]
    if frame["well_id"].isna().all() and len(frame) and places.isna().all().any():
        raise MetadataError(f"{path} has neither well_id nor experiment, plate and address.")
    parts = frame["well_id"].str.extract(_WELL_ID)
    frame["experiment_name"] = frame["experiment_name"].fillna(parts[0])
    frame["plate"] = frame["plate"].fillna(pd.to_numeric(parts[1]))
    frame["address"] = frame["address"].fillna(parts[2])
    number = frame["plate"].fillna(0).astype(np.int64).astype("str")
    composed = frame["experiment_name"] + "_" + number + "_" + frame["address"]
    frame["well_id"] = frame["well_id"].fillna(composed.where(frame["plate"].notna()))


def _fill_types(frame: pd.DataFrame) -> None:
    """Tell guides and doses by their look where the table has no perturbation type."""
    is_guide = frame["treatment"].str.contains(r"_guide_\d+$", na=False)
    is_dose = frame["concentration"].notna() & frame["treatment"].notna() & ~is_guide
    unknown = frame["perturbation_type"].isna()
    frame.loc[unknown & is_guide, "perturbation_type"] = "CRISPR"
    frame.loc[unknown & is_dose, "perturbation_type"] = "COMPOUND"


def _placed(frame: pd.DataFrame, path: str) -> tuple[pd.DataFrame, list[Problem]]:
    known = _by_unique(frame["address"], lambda a: bool(parse_address(a)), False).astype(bool)
    whole = frame["plate"].notna() & (frame["plate"] % 1 == 0) & (frame["plate"] >= 0)
    placed = known & whole & frame["well_id"].notna() & frame["experiment_name"].notna()
    problems = []
    for _, row in frame[~placed].iterrows():
        address = row["address"] if isinstance(row["address"], str) else "nothing"
        detail = f"{path}: the place {address} on plate {row['plate']:g} is on no 1536-well plate"
        problems.append(
            Problem(
                "impossible_address",
                _or_empty(row["experiment_name"]),
                None,
                _or_empty(row["well_id"]),
                None,
                detail,
            )
        )
    return frame[placed], problems


def _unrepeated(frame: pd.DataFrame, path: str) -> tuple[pd.DataFrame, list[Problem]]:
    repeated = frame["well_id"].duplicated()
    problems = [
        Problem(
            "duplicate_well_id",
            row["experiment_name"],
            int(row["plate"]),
            row["well_id"],
            None,
            f"{path} lists the well more than once; its first row is used",
        )
        for _, row in frame[repeated].iterrows()
    ]
    return frame[~repeated], problems


def _well_types(frame: pd.DataFrame) -> pd.Series:
    """Name the kind of each well.

    Control guides are known by name (dataset documentation): all guides of PLK1 and MTOR, and
    guide 1 of four genes, unless the experiment screens that gene with its other guides too.
    """
    treatment, gene = frame["treatment"], frame["gene"]
    kind = pd.Series(np.nan, index=frame.index, dtype="str")
    kind[(frame["perturbation_type"] == "COMPOUND") & treatment.notna()] = "compound"
    kind[treatment.str.contains(r"_guide_\d+$", na=False)] = "guide"
    kind[gene.isin(_POSITIVE_GENES) & (kind == "guide")] = "positive_control"
    kind[_is_cutting(frame)] = "cutting_control"
    for control in (EMPTY_CONTROL, CRISPR_CONTROL):
        kind[treatment == control] = control
    return kind


def _is_cutting(frame: pd.DataFrame) -> pd.Series:
    candidates = frame["gene"].isin(_CUTTING_GENES)
    first_guide = candidates & frame["treatment"].str.endswith("_guide_1", na=False)
    others = frame[candidates & ~first_guide]
    screened = pd.MultiIndex.from_frame(others[["experiment_name", "gene"]])
    here = pd.MultiIndex.from_frame(frame[["experiment_name", "gene"]])
    return first_guide & ~pd.Series(here.isin(screened), index=frame.index)


def _or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
