"""The metadata table: which perturbation each well received."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
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
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.tables import mended_batch
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.wells.columns import ALIASES

__all__ = ["COLUMNS", "read_metadata", "repeated", "wells_from_ids"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int, str], None]

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
_PLACE = ("experiment_name", "plate", "address")
_GUIDE = re.compile(r"_guide_\d+$")
_WELL_ID = r"^(.+)_(\d{1,6})_([A-Z]{1,2}\d{1,2})$"
_POSITIVE_GENES = ("PLK1", "MTOR")
_DAMAGE = (
    pa.ArrowException,
    OSError,
    EOFError,
    UnicodeError,
    RuntimeError,  # a zip with a password
    zipfile.BadZipFile,
    zlib.error,
)
_HEAD, _ROWS_A_BLOCK, _BYTES_A_BLOCK = 65_536, 131_072, 2**23
_CUTTING_GENES = ("EIF3H", "SRC", "HCK", "CYP11B1")


def read_metadata(
    storage: Storage, path: str, progress: Progress | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read one metadata table: CSV, CSV in a zip, or parquet.

    Parameters
    ----------
    progress : callable, optional
        Called with (done, total, text) after each block of rows; may raise to stop.

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
    parts = _Parts(path)
    try:
        for table, done, total in _blocks(storage, path, bad_lines):
            if progress is not None:
                progress(done, total, f"reading metadata: {path}")
            parts.add(table)
    except _DAMAGE as error:
        raise MetadataError(f"{path} cannot be read ({_one_line(error)}).") from error
    if progress is not None:
        progress(0, 0, "telling controls, guides and compounds apart")
    wells, problems = parts.joined()
    problems += [Problem("malformed_row", detail=f"{path}: {line}") for line in bad_lines]
    return wells, problems


def wells_from_ids(well_ids: pd.Index) -> pd.DataFrame:
    """Make a table of wells of which nothing but the id is known; ids that are none are dropped."""
    parts = _Parts("")
    parts.add(pa.table({"well_id": pa.array(well_ids, pa.string())}))
    return parts.joined()[0]


def _blocks(
    storage: Storage, path: str, bad_lines: list[str]
) -> Iterator[tuple[pa.Table, int, int]]:
    """Yield blocks of rows, how much of the file has been read, and how much it is."""
    with storage.open(path) as file:
        head = file.read(4)
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if head == b"PAR1":
            parquet = pq.ParquetFile(file)
            n_rows, n_read = parquet.metadata.num_rows, 0
            yield parquet.schema_arrow.empty_table(), 0, n_rows
            for batch in parquet.iter_batches(_ROWS_A_BLOCK):
                n_read += batch.num_rows
                yield pa.Table.from_batches([mended_batch(batch)]), n_read, n_rows
        elif head == b"PK\x03\x04":
            with zipfile.ZipFile(file) as archive:
                names = [n for n in archive.namelist() if n.lower().endswith(".csv")]
                wanted = [n for n in names if not n.startswith("__MACOSX")]
                if not wanted:
                    raise zipfile.BadZipFile("it holds no CSV")
                with archive.open(wanted[0]) as member:
                    for table in _csv_blocks(member, bad_lines):
                        yield table, file.tell(), size
        else:
            for table in _csv_blocks(file, bad_lines):
                yield table, file.tell(), size


def _csv_blocks(file: Any, bad_lines: list[str]) -> Iterator[pa.Table]:
    head = file.read(_HEAD)
    file.seek(0)
    first = head.split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip()
    separator = max(",;\t", key=first.count)
    names = [n.strip('"') for n in first.split(separator)]

    def skip(row: Any) -> str:
        bad_lines.append(f"row {row.number} has {row.actual_columns} columns, not {len(names)}")
        return "skip"

    reader = pa_csv.open_csv(
        file,
        read_options=pa_csv.ReadOptions(
            encoding=_encoding(head),
            block_size=_BYTES_A_BLOCK,
            use_threads=False,  # else broken rows are not numbered
        ),
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
    yield reader.schema.empty_table()
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _encoding(head: bytes) -> str:
    whole = head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1]
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


class _Parts:
    """Takes in a table block by block, and makes one of wells of it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._frames: list[pd.DataFrame] = []
        self._problems: list[Problem] = []
        self._present = pd.Series(False, index=["well_id", *_PLACE])
        self._labels: list[str] = []

    def add(self, block: pa.Table) -> None:
        """Take in some rows; the first block, which may have none, tells the columns."""
        names = [name.strip() for name in block.column_names]
        block = block.rename_columns([ALIASES.get(name, name) for name in names])
        if len(set(block.column_names)) < len(block.column_names):
            raise MetadataError(f"{self._path} has two columns of the same name.")
        self._labels = [name for name in ("well_type_label",) if name in block.column_names]
        frame = pd.DataFrame(index=pd.RangeIndex(block.num_rows))
        for name in ("well_id", *_TEXT):
            frame[name] = _text(block, name)
        frame["plate"] = _numbers(block, "plate")
        # 0.1 as a 32-bit number is another number, but the same dose
        frame["concentration"] = _rounded(_numbers(block, "concentration"))
        self._present |= frame[self._present.index].notna().any()
        _fill_places(frame)
        _fill_types(frame)
        frame, problems = _placed(frame, self._path)
        frame["plate"] = frame["plate"].astype(np.int64)
        frame["row"], frame["column"] = _rows_and_columns(frame["address"])
        by_guide = _by_unique(frame["treatment"], gene_of_guide, None)
        frame["gene"] = frame["gene"].fillna(by_guide)
        self._frames.append(frame)
        self._problems += problems

    def joined(self) -> tuple[pd.DataFrame, list[Problem]]:
        """All wells without repeats, and what was left out and why."""
        frame = pd.concat(self._frames, ignore_index=True)
        self._frames.clear()
        has_place = self._present[list(_PLACE)].all()
        if not (self._present["well_id"] or has_place) and (len(frame) or self._problems):
            raise MetadataError(
                f"{self._path} has neither well_id nor experiment, plate and address."
            )
        frame, repeats = _unrepeated(frame, self._path)
        frame["well_type"] = _well_types(frame)  # before millions of ids are made an index
        frame = frame.set_index("well_id")
        return frame[[*COLUMNS, *self._labels]], self._problems + repeats


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


def _rows_and_columns(addresses: pd.Series) -> tuple[Array, Array]:
    codes, unique = pd.factorize(addresses)
    places = np.array([parse_address(text) for text in unique], dtype=np.int64).reshape(-1, 2)
    return places[codes, 0], places[codes, 1]


def _fill_places(frame: pd.DataFrame) -> None:
    """Fill in well ids from places, or places from well ids, whichever a row lacks."""
    lacking = frame[list(_PLACE)].isna().any(axis=1)
    if lacking.any():
        parts = frame["well_id"].where(lacking).str.extract(_WELL_ID)
        frame["experiment_name"] = frame["experiment_name"].fillna(parts[0])
        frame["plate"] = frame["plate"].fillna(pd.to_numeric(parts[1]))
        frame["address"] = frame["address"].fillna(parts[2])
    if frame["well_id"].isna().any():
        number = frame["plate"].fillna(0).astype(np.int64).astype("str")
        composed = frame["experiment_name"] + "_" + number + "_" + frame["address"]
        frame["well_id"] = frame["well_id"].fillna(composed.where(frame["plate"].notna()))


def _fill_types(frame: pd.DataFrame) -> None:
    """Tell guides and doses by their look where the table has no perturbation type."""
    unknown = frame["perturbation_type"].isna()
    if unknown.any():
        is_guide = _is_guide(frame["treatment"])
        is_dose = frame["concentration"].notna() & frame["treatment"].notna() & ~is_guide
        frame.loc[unknown & is_guide, "perturbation_type"] = "CRISPR"
        frame.loc[unknown & is_dose, "perturbation_type"] = "COMPOUND"


def _is_guide(treatments: pd.Series) -> pd.Series:
    return _by_unique(treatments, lambda t: _GUIDE.search(t) is not None, False).astype(bool)


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
    is_repeat = repeated(frame["well_id"])
    if not is_repeat.any():
        return frame, []
    problems = [
        Problem(
            "duplicate_well_id",
            row["experiment_name"],
            int(row["plate"]),
            row["well_id"],
            None,
            f"{path} lists the well more than once; its first row is used",
        )
        for _, row in frame[is_repeat].iterrows()
    ]
    return frame[~is_repeat], problems


def repeated(texts: pd.Series | pd.Index) -> Array:
    """Bool (n,): a text before is the same. Quick if none is."""
    if pc.count_distinct(pa.array(texts.array, pa.large_string())).as_py() == len(texts):
        return np.zeros(len(texts), dtype=bool)
    return np.asarray(texts.duplicated())


def _well_types(frame: pd.DataFrame) -> pd.Series:
    """Name the kind of each well.

    Control guides are known by name (dataset documentation): all guides of PLK1 and MTOR, and
    guide 1 of four genes, unless the experiment screens that gene with its other guides too.
    """
    treatment, gene = frame["treatment"], frame["gene"]
    is_guide = _is_guide(treatment).to_numpy()
    is_kind = {
        EMPTY_CONTROL: treatment == EMPTY_CONTROL,
        CRISPR_CONTROL: treatment == CRISPR_CONTROL,
        "cutting_control": _is_cutting(frame),
        "positive_control": gene.isin(_POSITIVE_GENES) & is_guide,
        "guide": is_guide,
        "compound": (frame["perturbation_type"] == "COMPOUND") & treatment.notna(),
    }
    chosen = [np.array(mask, dtype=bool) for mask in is_kind.values()]
    number = np.select(chosen, list(range(len(is_kind))), -1)
    names = np.array([*is_kind, np.nan], dtype=object)
    return pd.Series(names[number], index=frame.index, dtype="str")


def _is_cutting(frame: pd.DataFrame) -> Array:
    candidates = frame["gene"].isin(_CUTTING_GENES).to_numpy(dtype=bool)
    first = frame["treatment"][candidates].str.endswith("_guide_1", na=False).to_numpy(dtype=bool)
    pairs = pd.MultiIndex.from_frame(frame.loc[candidates, ["experiment_name", "gene"]])
    is_cutting = np.zeros(len(frame), dtype=bool)
    is_cutting[np.flatnonzero(candidates)[first & ~pairs.isin(pairs[~first])]] = True
    return is_cutting


def _or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
