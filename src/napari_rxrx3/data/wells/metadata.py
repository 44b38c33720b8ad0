"""The metadata table: which perturbation each well received."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.perturbation import CRISPR_CONTROL, EMPTY_CONTROL, gene_of_guide
from napari_rxrx3.core.plate import parse_address
from napari_rxrx3.core.spelling import normal_address, normal_experiment, plate_in
from napari_rxrx3.data.files.arrays import names_in
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import As, Block, Table, misread
from napari_rxrx3.data.files.tables import open_table
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.wells.columns import canonical, is_metadata
from napari_rxrx3.data.wells.readings import (
    MAY_BE_OTHERS,
    dose_in,
    is_mass,
    is_spoiled_gene,
    normal_ids,
    word_in,
)

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
_READ_AS = {
    "well_id": As.NAME,
    "experiment_name": As.NAME,
    "address": As.NAME,
    "gene": As.NAME,
    "treatment": As.NAME,
    "SMILES": As.TEXT,
    "perturbation_type": As.TEXT,
    "cell_type": As.TEXT,
    "well_type_label": As.TEXT,
    "plate": As.NUMBER,
    "concentration": As.NUMBER,
}
_PLACE = ("experiment_name", "plate", "address")
_GUIDE = re.compile(r"_guide_\d+$")
_WELL_ID = r"^(.+)_(\d{1,6})_([A-Z]{1,2}\d{1,2})$"
_POSITIVE_GENES = ("PLK1", "MTOR")
_ROWS_A_BLOCK = 131_072
_MOST_ODD = 20
_CUTTING_GENES = ("EIF3H", "SRC", "HCK", "CYP11B1")


def read_metadata(
    storage: Storage, path: str, progress: Progress | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read one metadata table in any form that `napari_rxrx3.data.files.tables` reads.

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
        Rows that were left out, and cells that were not understood.

    Raises
    ------
    MetadataError
        If the table cannot be read or has no way to tell its wells apart.
    """
    parts = _Parts(path)
    with open_table(storage, path, is_metadata) as table:
        wanted = _wanted(table)
        parts.add(wanted, Block([names_in(pa.nulls(0))] * len(wanted), {}, ()))
        for block in table.blocks(list(wanted.values()), _ROWS_A_BLOCK):
            if progress is not None:
                progress(*table.done(), f"reading metadata: {path}")
            parts.add(wanted, block, table.row_word)
        notes, decimal = table.notes, table.decimal
    if progress is not None:
        progress(0, 0, "telling controls, guides and compounds apart")
    wells, problems = parts.joined()
    if decimal == "," and "concentration" in wanted:
        what = "commas in its numbers are read as decimal marks: 0,25 as 0.25"
        problems.append(Problem("interpreted", detail=f"{path}: {what}"))
    problems += [Problem("malformed_row", detail=f"{path}: {note}") for note in notes]
    if not len(wells) and not problems:
        raise MetadataError(f"{path} cannot be read (it has names of columns and no row).")
    return wells, problems


def _wanted(table: Table) -> dict[str, tuple[str | int, As]]:
    """The columns of a table that say something of wells, by the names that RxRx3 uses."""
    wanted: dict[str, tuple[str | int, As]] = {}
    for i, column in enumerate(table.columns):
        name = canonical(column.name)
        if name in wanted:
            raise MetadataError(f"{table.name} has two columns of the same name, {name}.")
        if name in _READ_AS:
            wanted[name] = i, _READ_AS[name]
    if not wanted:
        raise MetadataError(f"{table.name} has neither well_id nor experiment, plate and address.")
    return wanted


def wells_from_ids(well_ids: pd.Index) -> pd.DataFrame:
    """Make a table of wells of which nothing but the id is known; ids that are none are dropped."""
    parts = _Parts("")
    ids = names_in(pa.array(well_ids, pa.string()))
    parts.add(("well_id",), Block([ids], {}, range(len(ids))))
    return parts.joined()[0]


class _Parts:
    """Takes in a table block by block, and makes one of wells of it."""

    def __init__(self, path: str) -> None:
        self._path, self._row_word = path, "line"
        self._frames: list[pd.DataFrame] = []
        self._problems: list[Problem] = []
        self._present = pd.Series(False, index=["well_id", *_PLACE])
        self._labels: list[str] = []
        self._n_odd = 0
        self._made: dict[tuple[str, str, str], list[int]] = {}
        """What was made of cells of a column that say so: how many, and the first one's line."""

    def add(self, names: Collection[str], block: Block, row_word: str = "line") -> None:
        """Take in some rows of columns of these names; the first block tells all columns."""
        columns = dict(zip(names, block.columns, strict=True))
        self._labels = [name for name in ("well_type_label",) if name in columns]
        frame = pd.DataFrame(index=pd.RangeIndex(len(block)))
        for name, kind in _READ_AS.items():
            if kind is As.NUMBER:
                frame[name] = columns.get(name, np.nan)
            else:
                frame[name] = _texts(columns.get(name), len(block))
        self._row_word = row_word
        self._read_odd(list(names), block, frame)
        self._make_normal(frame, block.lines)
        # 0.1 as a 32-bit number is another number, but the same dose
        frame["concentration"] = _rounded(frame["concentration"])
        self._present |= frame[self._present.index].notna().any()
        _fill_places(frame)
        _fill_types(frame)
        frame, problems = _placed(frame, f"{self._path}, {row_word}", block.lines)
        frame["plate"] = frame["plate"].astype(np.int64)
        frame["row"], frame["column"] = _rows_and_columns(frame["address"])
        by_guide = _by_unique(frame["treatment"], gene_of_guide, None)
        frame["gene"] = frame["gene"].fillna(by_guide)
        self._frames.append(frame)
        self._problems += problems

    def _read_odd(self, names: Sequence[str], block: Block, frame: pd.DataFrame) -> None:
        """Take what is no number for one where it can be understood, and name the others."""
        for i, cells in block.odd.items():
            name = names[i]
            understood = {t: _NUMBER_IN[name](t) for t in {cell.text for cell in cells}}
            left = [cell for cell in cells if understood[cell.text] is None]
            for row, text in cells:
                if (number := understood[text]) is not None:
                    frame.loc[row, name] = number
                    if name == "concentration":
                        self._note_made(name, text, f"{number:g} uM", block.lines[row])
            named = left[: max(0, _MOST_ODD - self._n_odd)]
            self._n_odd += len(left)
            for row, text in named:
                where = f"{self._path}, {self._row_word} {block.lines[row]:,}"
                is_weight = name == "concentration" and is_mass(text)
                why = "not a number" if not is_weight else "which cannot be converted to uM"
                what = misread(where, name, text, why)
                self._problems.append(Problem("not_a_number", detail=what))

    def _make_normal(self, frame: pd.DataFrame, lines: Sequence[int] | Array) -> None:
        """Write what says where and what a well is as RxRx3 does; note what is a guess."""
        frame["well_id"] = _normal_ids(frame["well_id"])
        for name, make in _NORMAL.items():
            column = None
            for text, rows in _rows_by_text(frame[name], MAY_BE_OTHERS.get(name)):
                if (made := make(text)) != text:
                    column = frame[name].array.copy() if column is None else column
                    column[rows] = made
                    if name != "address" or not text[0].isalpha():
                        self._note_made(name, text, made, lines[rows[0]], len(rows))
            if column is not None:
                frame[name] = column
        for text, rows in _rows_by_text(frame["gene"], MAY_BE_OTHERS["gene"]):
            if is_spoiled_gene(text):
                what = "left as it is: a spreadsheet makes that of the names of some genes"
                self._note_made("gene", text, what, lines[rows[0]], len(rows))

    def _note_made(self, name: str, said: str, made: str, line: int, n: int = 1) -> None:
        self._made.setdefault((name, said, made), [0, int(line)])[0] += n

    def _interpreted(self) -> list[Problem]:
        """What was read and what was made of it, each once."""
        problems = []
        for (name, said, made), (n, line) in self._made.items():
            where = f"{self._path}, {self._row_word} {line:,}"
            more = f" ({n:,} cells)" if n > 1 else ""
            how = made if made.startswith("left") else f"read as {made}"
            detail = f"{misread(where, name, said, how)}{more}"
            problems.append(Problem("interpreted", detail=detail))
        return problems

    def joined(self) -> tuple[pd.DataFrame, list[Problem]]:
        """All wells without repeats, and what was left out or not understood."""
        self._problems += self._interpreted()
        if self._n_odd > _MOST_ODD:
            what = f"{self._path}: {self._n_odd - _MOST_ODD:,} more cells are no numbers"
            self._problems.append(Problem("not_a_number", detail=what))
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


_NUMBER_IN: dict[str, Callable[[str], float | None]] = {"plate": plate_in, "concentration": dose_in}
_NORMAL: dict[str, Callable[[str], str]] = {
    "experiment_name": normal_experiment,
    "address": normal_address,
    "perturbation_type": partial(word_in, "perturbation_type"),
    "treatment": partial(word_in, "treatment"),
}


def _rows_by_text(column: pd.Series, pattern: str | None) -> Iterator[tuple[str, Array]]:
    """Yield each distinct text, of those that match a pattern, and the rows that say it."""
    rows = np.arange(len(column))
    if pattern is not None:
        found = pc.match_substring_regex(pa.array(column.array, pa.large_string()), pattern)
        rows = np.flatnonzero(pc.fill_null(found, False).to_numpy(zero_copy_only=False))
    codes, unique = pd.factorize(column.array[rows])
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(unique) + 1))
    for code, text in enumerate(unique):
        yield str(text), rows[order[ends[code] : ends[code + 1]]]


def _normal_ids(ids: pd.Series) -> pd.Series:
    texts = pa.array(ids.array, pa.large_string())
    normal = normal_ids(texts)
    return ids if normal is texts else pd.Series(normal.to_pandas(), index=ids.index, dtype="str")


def _texts(column: pa.Array | None, n_rows: int) -> pd.Series:
    if column is None:
        return pd.Series(pd.NA, index=range(n_rows), dtype="str")
    return pd.Series(column.to_pandas(), dtype="str")


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


def _placed(
    frame: pd.DataFrame, where: str, lines: Sequence[int] | Array
) -> tuple[pd.DataFrame, list[Problem]]:
    known = _by_unique(frame["address"], lambda a: bool(parse_address(a)), False).astype(bool)
    whole = frame["plate"].notna() & (frame["plate"] % 1 == 0) & (frame["plate"] >= 0)
    placed = known & whole & frame["well_id"].notna() & frame["experiment_name"].notna()
    problems = []
    for place, row in frame[~placed].iterrows():
        address = row["address"] if isinstance(row["address"], str) else "nothing"
        said = f"the place {address} on plate {row['plate']:g} is on no 1536-well plate"
        detail = f"{where} {lines[place]:,}: {said}"
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
