"""The metadata table: which perturbation each well received."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.perturbation import (
    CONTROL_NAME,
    CRISPR_CONTROL,
    EMPTY_CONTROL,
    gene_of_guide,
)
from napari_rxrx3.core.plate import parse_address, parse_well_id
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.core.spelling import normal_address, normal_experiment, plate_in
from napari_rxrx3.data.files.arrays import names_in
from napari_rxrx3.data.files.cells import Marks, is_missing
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import As, Block, Table, misread
from napari_rxrx3.data.files.tables import open_table
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.wells.columns import canonical, dose_unit, is_metadata, unread_columns
from napari_rxrx3.data.wells.readings import (
    KINDS,
    MAY_BE_OTHERS,
    WELL_TYPES,
    dose_in,
    is_error,
    is_like_control,
    is_marked,
    is_mass,
    is_spoiled_gene,
    micromolar,
    normal_ids,
    word_in,
)

__all__ = ["COLUMNS", "WellParts", "read_metadata", "repeated", "wells_from_ids"]

Array = np.ndarray[Any, Any]

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
    "well_type": As.TEXT,
    "concentration_unit": As.TEXT,
    "plate": As.NUMBER,
    "concentration": As.NUMBER,
}
_LABELS = ("well_type_label", CONTROL_NAME)
_PLACE = ("experiment_name", "plate", "address")
_GUIDE = re.compile(r"_guide_\d+$")
_WELL_ID = r"^(.+)_(\d{1,6})_([A-Z]{1,2}\d{1,2})$"
_POSITIVE_GENES = ("PLK1", "MTOR")
_ROWS_A_BLOCK = 131_072
_MOST_ODD = 20
_UNKNOWN = Marks()
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
    with open_table(storage, path, is_metadata) as table:
        wanted, unit, guesses = _wanted(table)
        parts = WellParts(path, unit, table.marks)
        parts.add(wanted, Block([names_in(pa.nulls(0))] * len(wanted), {}, ()))
        for block in table.blocks(list(wanted.values()), _ROWS_A_BLOCK):
            if progress is not None:
                progress(*table.done(), f"reading metadata: {path}")
            parts.add(wanted, block, table.row_word)
        notes, decimal = table.notes, table.decimal
        guesses += table.guesses
    if progress is not None:
        progress(0, 0, "telling controls, guides and compounds apart")
    wells, problems = parts.joined()
    if decimal == "," and "concentration" in wanted:
        what = "commas in its numbers are read as decimal marks: 0,25 as 0.25"
        problems.append(Problem("interpreted", detail=f"{path}: {what}"))
    problems += [Problem("interpreted", detail=f"{path}: {guess}") for guess in guesses]
    problems += [Problem("malformed_row", detail=f"{path}: {note}") for note in notes]
    if not len(wells) and not problems:
        raise MetadataError(f"{path} cannot be read (it has names of columns and no row).")
    return wells, problems


def _wanted(table: Table) -> tuple[dict[str, tuple[str | int, As]], str, list[str]]:
    """The columns of a table that say something of wells, by the names that RxRx3 uses.

    Also the unit that the name of the doses says, and what of this is a guess.
    """
    names = [column.name for column in table.columns]
    wanted: dict[str, tuple[str | int, As]] = {}
    guesses: list[str] = []
    # a name as it should be goes before one that is spelled otherwise
    for i in sorted(range(len(names)), key=lambda i: names[i] != canonical(names[i])):
        name = canonical(names[i])
        if name in wanted and names[int(wanted[name][0])] == names[i]:
            raise MetadataError(f"{table.name} has two columns of the same name, {name}.")
        if name in wanted:
            taken = names[int(wanted[name][0])]
            guesses.append(f"of the columns {taken!r} and {names[i]!r} the first is read")
        elif name in _READ_AS:
            wanted[name] = i, _READ_AS[name]
    guesses += unread_columns(names)
    if not wanted:
        raise MetadataError(f"{table.name} has neither well_id nor experiment, plate and address.")
    dosed = names[int(wanted["concentration"][0])] if "concentration" in wanted else ""
    unit = dose_unit(dosed)
    if unit:
        guesses.append(f"the numbers of the column {dosed!r} are read as doses in {unit}")
    return wanted, unit, guesses


def wells_from_ids(well_ids: pd.Index) -> pd.DataFrame:
    """Make a table of wells of which nothing but the id is known; ids that are none are dropped."""
    parts = WellParts("")
    ids = names_in(pa.array(well_ids, pa.string()))
    parts.add(("well_id",), Block([ids], {}, range(len(ids))))
    return parts.joined()[0]


class WellParts:
    """Takes in a table block by block, and makes one of wells of it."""

    def __init__(self, path: str, unit: str = "", marks: Marks = _UNKNOWN) -> None:
        self._path, self._row_word, self._marks = path, "line", marks
        self._factor = micromolar(unit) or 1.0
        self._frames: list[pd.DataFrame] = []
        self._lines: list[Array] = []
        self._problems: list[Problem] = []
        self._present = pd.Series(False, index=["well_id", *_PLACE])
        self._labels: list[str] = []
        self._n_odd = 0
        self._made: dict[tuple[str, str, str, str], list[int]] = {}
        """What was made of cells of a column that say so: how many, and the first one's line."""

    def add(self, names: Collection[str], block: Block, row_word: str = "line") -> None:
        """Take in some rows of columns of these names; the first block tells all columns."""
        columns = dict(zip(names, block.columns, strict=True))
        self._labels = [name for name in _LABELS if name in columns]
        frame = pd.DataFrame(index=pd.RangeIndex(len(block)))
        for name, kind in _READ_AS.items():
            if kind is As.NUMBER:
                frame[name] = columns.get(name, np.nan)
            else:
                frame[name] = _texts(columns.get(name), len(block))
        if CONTROL_NAME in columns:
            frame[CONTROL_NAME] = _texts(columns[CONTROL_NAME], len(block))
        self._row_word = row_word
        if self._factor != 1:
            frame["concentration"] *= self._factor
        self._read_odd(list(names), block, frame)
        self._convert(frame, block, list(names))
        self._leave_out_impossible_doses(frame, block.lines)
        self._make_normal(frame, block.lines)
        self._settle_places(frame, block.lines)
        # 0.1 as a 32-bit number is another number, but the same dose
        frame["concentration"] = _rounded(frame["concentration"]) + 0.0  # no -0
        self._present |= frame[self._present.index].notna().any()
        _fill_places(frame)
        _fill_types(frame)
        frame, problems = _placed(frame, f"{self._path}, {row_word}", block.lines)
        self._lines.append(np.asarray(block.lines, dtype=np.int64)[frame.index])
        frame["plate"] = frame["plate"].astype(np.int64)
        frame["row"], frame["column"] = _rows_and_columns(frame["address"])
        by_guide = _by_unique(frame["treatment"], gene_of_guide, None)
        self._note_contradictions(frame, by_guide, np.asarray(block.lines))
        frame["gene"] = frame["gene"].fillna(by_guide)
        self._frames.append(frame)
        self._problems += problems

    def _read_odd(self, names: Sequence[str], block: Block, frame: pd.DataFrame) -> None:
        """Take what is no number for one where it can be understood, and name the others."""
        for i, guessed in block.guessed.items():
            for text, rows in guessed.items():
                is_dose = names[i] == "concentration"
                read = float(block.columns[i][rows[0]]) * (self._factor if is_dose else 1)
                made = f"read as {read:g}{' uM' if is_dose else ''}"
                self._note(names[i], text, made, block.lines[rows[0]], len(rows))
        for i, cells in block.odd.items():
            name = names[i]
            understood = {t: self._number_in(name, t) for t in {cell.text for cell in cells}}
            left = [cell for cell in cells if understood[cell.text] is None]
            for row, text in cells:
                if (number := understood[text]) is not None:
                    frame.loc[row, name] = number
                    if name == "concentration":
                        self._note(name, text, f"read as {number:g} uM", block.lines[row])
            self._name_odd(
                name, ((text, block.lines[row]) for row, text in left), _why_no_dose, len(left)
            )

    def _number_in(self, name: str, text: str) -> float | None:
        return plate_in(text) if name == "plate" else dose_in(text, self._marks)

    def _convert(self, frame: pd.DataFrame, block: Block, names: Sequence[str]) -> None:
        """Take doses in the unit that another column says, but for those with one of their own."""
        if not {"concentration", "concentration_unit"} <= set(names):
            return
        with_own = [cell.row for cell in block.odd.get(names.index("concentration"), ())]
        dosed = frame["concentration"].notna().to_numpy(copy=True)
        dosed[with_own] = False
        for text, rows in _rows_by_text(frame["concentration_unit"], None):
            factor, rows = micromolar(text), rows[dosed[rows]]
            if not len(rows) or factor == 1:
                continue
            line, n = block.lines[rows[0]], len(rows)
            frame.loc[rows, "concentration"] *= np.nan if factor is None else factor
            if factor is None:
                said = "which cannot be converted to uM: doses are missing"
                self._note("concentration_unit", text, said, line, n, "not_a_number")
            else:
                self._note("concentration_unit", text, "the doses are read in it", line, n)

    def _name_odd(
        self,
        name: str,
        cells: Iterable[tuple[str, int]],
        why: Callable[[str, str], str],
        n_cells: int,
    ) -> None:
        n_named = max(0, _MOST_ODD - self._n_odd)
        self._n_odd += n_cells
        for text, line in islice(cells, n_named):
            where = f"{self._path}, {self._row_word} {line:,}"
            what = misread(where, name, text, why(name, text))
            self._problems.append(Problem("not_a_number", detail=what))

    def _leave_out_impossible_doses(
        self, frame: pd.DataFrame, lines: Sequence[int] | Array
    ) -> None:
        doses = frame["concentration"].to_numpy(float)
        rows = np.flatnonzero((doses < 0) | np.isinf(doses)).tolist()
        if len(rows):
            cells = [(f"{doses[row]:g}", int(lines[row])) for row in rows]
            self._name_odd("concentration", cells, _why_impossible, len(rows))
            frame.loc[rows, "concentration"] = np.nan

    def _make_normal(self, frame: pd.DataFrame, lines: Sequence[int] | Array) -> None:
        """Write what says where and what a well is as RxRx3 does; note what is a guess."""
        frame["well_id"] = _normal_ids(frame["well_id"])
        for name, make in _NORMAL.items():
            column = None
            for text, rows in _rows_by_text(frame[name], MAY_BE_OTHERS.get(name)):
                made = make(text)
                if made not in _WORDS_OF.get(name, (made,)):
                    words = _NOT_OF[name]
                    self._note(name, text, words, lines[rows[0]], len(rows), "unknown_word")
                if made != text:
                    column = frame[name].array.copy() if column is None else column
                    column[rows] = made
                    if name != "address" or not text[0].isalpha():
                        self._note(name, text, f"read as {made}", lines[rows[0]], len(rows))
            if column is not None:
                frame[name] = column
        self._leave_out_errors(frame, lines)
        self._read_words_for_nothing(frame, lines)

    def _leave_out_errors(self, frame: pd.DataFrame, lines: Sequence[int] | Array) -> None:
        """What a spreadsheet could not compute is missing, and no name."""
        for name in ("gene", "treatment", "SMILES", "cell_type", "well_type"):
            texts = pa.array(frame[name].array, pa.large_string())
            if not pc.any(pc.starts_with(texts, "#")).as_py():
                continue
            for text, rows in _rows_by_text(frame[name], "^#"):
                if is_error(text) and not is_missing(text):
                    frame.loc[rows, name] = None
                    how = "read as missing: it is an error of a spreadsheet"
                    self._note(name, text, how, lines[rows[0]], len(rows))

    def _note_contradictions(self, frame: pd.DataFrame, by_guide: pd.Series, lines: Array) -> None:
        """Name rows whose treatment is of another gene, or of another kind, than they say."""
        is_guide = by_guide.notna()
        gene, kind = frame["gene"], frame["perturbation_type"]
        others = is_guide & gene.notna() & np.asarray(gene.ne(by_guide))
        chemical = is_guide & kind.eq("COMPOUND")
        dosed = ~is_guide & kind.eq("CRISPR") & frame["concentration"].notna()
        for rows, column, why in (
            (others, "gene", "and the treatment a guide of another one; the gene is used"),
            (chemical, "treatment", "a guide, and perturbation_type COMPOUND"),
            (dosed, "treatment", "at a dose, and perturbation_type CRISPR"),
        ):
            places = frame.index[np.asarray(rows.fillna(False), dtype=bool)]
            if len(places):
                said = str(frame[column][places[0]])
                self._note(column, said, why, lines[places[0]], len(places), "disagreement")

    def _note_other_control(self, text: str, line: int, n: int) -> None:
        """Name a treatment that is called like controls elsewhere, and is none here."""
        if is_marked(text):
            self._note("treatment", text, _MARKED, line, n)
        elif is_like_control(text):
            said = "taken for a treatment: controls are EMPTY_control and CRISPR_control"
            self._note("treatment", text, said, line, n, "unknown_word")
        elif is_spoiled_gene(str(gene_of_guide(text) or "")):
            self._note("treatment", text, _SPOILED, line, n)

    def _read_words_for_nothing(self, frame: pd.DataFrame, lines: Sequence[int] | Array) -> None:
        """NA is a name where the treatment has it too, else it says that there is none.

        Genes that look like dates are noted on the way.
        """
        has_treatments = bool(frame["treatment"].notna().any())
        for name in ("treatment", "gene"):
            column = None
            for text, rows in _rows_by_text(frame[name], MAY_BE_OTHERS[name]):
                if is_missing(text) and has_treatments:
                    treated = frame["treatment"].iloc[rows].fillna("")
                    is_name = np.asarray(treated.str.startswith(f"{text}_guide_"))
                    rows = rows[~is_name] if name == "gene" else rows
                    if len(rows):
                        column = frame[name].array.copy() if column is None else column
                        column[rows] = None
                        self._note(name, text, "read as missing", lines[rows[0]], len(rows))
                elif name == "treatment":
                    self._note_other_control(text, lines[rows[0]], len(rows))
                elif is_missing(text):
                    self._note(name, text, "read as the name of a gene", lines[rows[0]], len(rows))
                elif is_spoiled_gene(text):
                    self._note(name, text, _SPOILED, lines[rows[0]], len(rows))
                elif is_marked(text):
                    self._note(name, text, _MARKED, lines[rows[0]], len(rows))
            if column is not None:
                frame[name] = column

    def _settle_places(self, frame: pd.DataFrame, lines: Sequence[int] | Array) -> None:
        """Where an id and the columns beside it name two places, take that of the id."""
        plate = frame["plate"].to_numpy(float)
        is_number = np.isfinite(plate) & (plate >= 0) & (plate < 1e6) & (plate % 1 == 0)
        numbers = pa.array(np.where(is_number, plate, 0).astype(np.int64), mask=~is_number)
        experiment, address, ids = (
            pa.array(frame[name].array, pa.string())
            for name in ("experiment_name", "address", "well_id")
        )
        composed = pc.binary_join_element_wise(experiment, numbers.cast(pa.string()), address, "_")
        differs = pc.fill_null(pc.not_equal(composed, ids), False)
        for row in np.flatnonzero(differs.to_numpy(zero_copy_only=False)).tolist():
            try:
                well, _ = parse_well_id(ids[row].as_py()), parse_address(address[row].as_py())
            except ValueError:  # an id of another kind, or a place that is named as impossible
                continue
            frame.loc[row, list(_PLACE)] = [well.experiment, float(well.plate), well.address]
            where = f"{self._path}, {self._row_word} {lines[row]:,}"
            what = f"well_id is {well}, the columns beside it say {composed[row].as_py()}"
            detail = f"{where}: {what}; the id is used"
            problem = Problem("disagreement", well.experiment, well.plate, str(well), None, detail)
            self._problems.append(problem)

    def _note(
        self, name: str, said: str, how: str, line: int, n: int = 1, kind: str = "interpreted"
    ) -> None:
        self._made.setdefault((kind, name, said, how), [0, int(line)])[0] += n

    def _interpreted(self) -> list[Problem]:
        """What was read and what was made of it, each once, the first ones of each column."""
        problems = []
        counts: Counter[tuple[str, str]] = Counter()
        for (kind, name, said, how), (n, line) in self._made.items():
            counts[kind, name] += 1
            if counts[kind, name] > _MOST_ODD:
                continue
            where = f"{self._path}, {self._row_word} {line:,}"
            more = f" ({n:,} cells)" if n > 1 else ""
            problems.append(Problem(kind, detail=f"{misread(where, name, said, how)}{more}"))
        for (kind, name), n in counts.items():
            if n > _MOST_ODD:
                what = f"{self._path}: {name} says {n - _MOST_ODD:,} more things like that"
                problems.append(Problem(kind, detail=what))
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
        lines = np.concatenate(self._lines)
        frame, repeats = _unrepeated(frame, f"{self._path}, {self._row_word}", lines)
        said = frame["well_type"]
        frame["well_type"] = _well_types(frame)  # before millions of ids are made an index
        self._problems += _settle_types(frame, said, self._path)
        self._problems += _alike(frame, "experiment_name", "experiments", self._path)
        self._problems += _alike(frame, "gene", "genes", self._path)
        frame = frame.set_index("well_id")
        return frame[[*COLUMNS, *self._labels]], self._problems + repeats


_WORDS_OF = {"perturbation_type": KINDS}
_NOT_OF = {"perturbation_type": "neither CRISPR nor COMPOUND"}
_MARKED = "left as it is: it begins with a mark of spreadsheets"
_SPOILED = "left as it is: a spreadsheet makes that of the names of some genes"


def _why_no_dose(name: str, text: str) -> str:
    is_weight = name == "concentration" and is_mass(text)
    return "which cannot be converted to uM" if is_weight else "not a number"


def _why_impossible(name: str, text: str) -> str:
    return "which is no dose" if text != "inf" else "or more than a number can be: no dose"


def _settle_types(frame: pd.DataFrame, said: pd.Series, path: str) -> list[Problem]:
    """Take types of wells that a table says where treatments tell none; name what they are not."""
    there = said.notna().to_numpy()
    if not there.any():
        return []
    told = frame["well_type"].notna().to_numpy()
    is_ours = said.isin(WELL_TYPES).to_numpy()
    fills = there & ~told & is_ours
    frame.loc[fills, "well_type"] = said[fills]
    problems = []
    differs = there & told & is_ours & np.asarray(frame["well_type"].ne(said))
    if differs.any():
        first = frame.iloc[int(np.flatnonzero(differs)[0])]
        what = f"well_type is another one than treatments tell for {int(differs.sum()):,} wells"
        example = f"{first['well_id']} is {first['well_type']}"
        detail = f"{path}: {what}; treatments are gone by: {example}"
        problems.append(Problem("disagreement", detail=detail))
    for word in sorted(set(said[there & ~told & ~is_ours])):
        problems.append(Problem("unknown_word", detail=f"{path}: well_type says {word[:40]!r}"))
    return problems[: _MOST_ODD + 1]


def _alike(frame: pd.DataFrame, column: str, called: str, path: str) -> list[Problem]:
    """Name what differs by case, by width, or by letters of another script that look the same.

    They are two, but need not be meant so. (Of compounds, 21 pairs differ by case on purpose.)
    """
    by_plain: dict[str, list[str]] = {}
    for name in frame[column].dropna().unique():
        plain = unicodedata.normalize("NFKC", str(name)).translate(_LATIN).casefold()
        by_plain.setdefault(plain, []).append(str(name))
    alike = [names for names in by_plain.values() if len(names) > 1]
    return [
        Problem("interpreted", detail=f"{path}: {' and '.join(names)} are read as two {called}")
        for names in alike[:_MOST_ODD]
    ]


_LATIN = str.maketrans(
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03bf",
    "ABEKMHOPCTXaeopcyxABEZHIKMNOPTXo",
)
"""Letters of Cyrillic and Greek that look like others."""
_NORMAL: dict[str, Callable[[str], str]] = {
    "experiment_name": normal_experiment,
    "address": normal_address,
    "perturbation_type": partial(word_in, "perturbation_type"),
    "treatment": partial(word_in, "treatment"),
    "cell_type": partial(word_in, "cell_type"),
    "well_type": partial(word_in, "well_type"),
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
        lacking = [name for name in _PLACE if pd.isna(row[name])]
        said = f"the place {row['address']} on plate {row['plate']:g} is on no 1536-well plate"
        if lacking:
            said = f"the row does not say {' nor '.join(lacking)}"
            said += "" if pd.isna(row["well_id"]) else f" (its well_id is {row['well_id'][:40]!r})"
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


def _unrepeated(
    frame: pd.DataFrame, where: str, lines: Array
) -> tuple[pd.DataFrame, list[Problem]]:
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
            f"{where} {line:,} lists {row['well_id']} once more; its first row is used",
        )
        for (_, row), line in zip(frame[is_repeat].iterrows(), lines[is_repeat], strict=True)
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
