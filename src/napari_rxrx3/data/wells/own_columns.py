"""What the columns of a table of one's own say, guessed from their names and from what is in them.

A screen that is not RxRx3 calls its columns as it likes. What is guessed here is said to the user,
who may say otherwise, see `napari_rxrx3.data.screen_file`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from napari_rxrx3.core.plate import parse_address
from napari_rxrx3.core.spelling import normal_address, plate_in
from napari_rxrx3.data.files.text_form import plain_name
from napari_rxrx3.data.wells.columns import canonical, dose_unit

__all__ = ["Roles", "guess_roles", "is_control_word"]

Cells = Mapping[str, Sequence[str]]
"""Some rows of a table: the texts of each column, empty where nothing is said."""

_MOST = 0.8
_LOOKED_AT = 4096
_FEWEST_CONTROLS, _TIMES_OTHERS = 4, 3

_PLATE_NAME = re.compile(r"plate|barcode|platte|placa|plaque", re.IGNORECASE)
_TREATMENT_NAME = re.compile(
    r"treat|compound|drug|pert(?!_?type)|cmpd|molecule|reagent|substance|sample|sirna|sgrna|guide|"
    r"condition|behandl|ligand|agonist|antibody",
    re.IGNORECASE,
)
_GENE_NAME = re.compile(r"gene|symbol|target(?!_?ing)", re.IGNORECASE)
_KIND_NAME = re.compile(r"control|type|role|class|kind", re.IGNORECASE)
_DOSE_NAME = re.compile(r"conc|dos[ei]|molar|konz|\b[npu\u00b5m]M\b|_[npu]m\Z", re.IGNORECASE)
_SMILES_NAME = re.compile(r"smiles", re.IGNORECASE)
_NO_TREATMENT = re.compile(
    r"path|file|url|date|time|comment|note|smiles|inchi|cell.?(?:line|type)|batch|user|operator|"
    r"replicate|\bid\Z|_id\Z|index",
    re.IGNORECASE,
)
_CONTROL = re.compile(
    r"(?:dmso|empty(?:[ _-]?(?:control|well))?|untreated|vehicle|mock|neg(?:ative)?[ _-]?"
    r"(?:con(?:trol)?|ctrl|ctl)|neg(?:ative)?|control|ctrl|ctl|nt|ntc|non[ _-]?targeting"
    r"(?:[ _-]?(?:control|ctrl|sirna|sgrna))?|scrambled?|sc[ _-]?control|solvent|pbs|water|media|"
    r"medium|blank|untransfected|none)(?:[ _-]*[\d.,]+ ?%?)?\Z",
    re.IGNORECASE,
)
_FIRST_WORDS = ("dmso", "empty", "neg", "untreated", "vehicle", "mock", "non", "nt", "scram")
_ROWS = {"row", "wellrow", "rowname", "rowid", "metadatarow"}
_COLUMNS = {"column", "col", "wellcolumn", "wellcol", "columnname", "metadatacol", "metadatacolumn"}


@dataclass(frozen=True)
class Roles:
    """Which column says what; a name is empty where none does.

    Attributes
    ----------
    control_column : str
        Whose `controls` mark the wells that others are compared with.
    """

    well: str = ""
    row: str = ""
    column: str = ""
    plate: str = ""
    treatment: str = ""
    gene: str = ""
    dose: str = ""
    smiles: str = ""
    control_column: str = ""
    controls: tuple[str, ...] = ()

    @property
    def names_wells(self) -> bool:
        """A place on a plate can be told from each row."""
        return bool(self.well or (self.row and self.column))

    def of_table(self, names: Collection[str]) -> Roles:
        """These, as far as a table has columns of these names."""
        gone: dict[str, Any] = {
            f.name: ""
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), str) and value not in names
        }
        column = self.control_column or self.treatment
        if column and column not in names:
            gone["controls"] = ()  # they are in another table
        return replace(self, **gone)

    def over(self, other: Roles) -> Roles:
        """These, and what they leave open as another has it."""
        left = {f.name: getattr(other, f.name) for f in fields(self) if not getattr(self, f.name)}
        if self.controls and not self.control_column:
            left["control_column"] = self.treatment or other.treatment
        return replace(self, **left)

    @property
    def is_of_genes(self) -> bool:
        """Treatments are genes, or what acts on them, and no compounds."""
        return _GENE_NAME.search(self.treatment or self.gene) is not None

    @property
    def in_words(self) -> str:
        """What is read as what, for a sentence."""
        columns = ("plate", "well", "row", "column", "treatment", "gene", "dose", "smiles")
        said = [f"{getattr(self, name)!r} as {name}" for name in columns if getattr(self, name)]
        if not self.controls:
            return f"{', '.join(said)}; no control is known"
        listed = ", ".join(map(repr, self.controls))
        return (
            f"{', '.join(said)}; controls are the wells whose {self.control_column!r} is {listed}"
        )


def is_control_word(text: str) -> bool:
    """Whether a treatment is called as negative controls are: DMSO, untreated, negcon."""
    return _CONTROL.match(text.strip()) is not None


def guess_roles(cells: Cells, plates: Collection[str]) -> Roles:
    """Guess which column of a table says what, and which treatment is the control.

    Parameters
    ----------
    cells : mapping
        The first rows of the table, by column.
    plates : collection of str
        What the plates of the images are called.
    """
    well = _well_column(cells)
    row, column = ("", "") if well else (_called(cells, _ROWS), _called(cells, _COLUMNS))
    taken = {name for name in (well, row, column) if name}
    plate = _plate_column(_without(cells, taken), plates)
    dose = _dose_column(_without(cells, taken | {plate}))
    smiles = next((name for name in cells if _SMILES_NAME.search(name)), "")
    left = _without(cells, taken | {plate, dose, smiles})
    treatment = _treatment_column(left)
    gene = next((name for name in left if _GENE_NAME.search(name) and name != treatment), "")
    control_column, controls = _controls(left, treatment)
    places = {"well": well, "row": row, "column": column, "plate": plate}
    said = {"treatment": treatment, "gene": gene, "dose": dose, "smiles": smiles}
    return Roles(**places, **said, control_column=control_column, controls=controls)


def _without(cells: Cells, names: Collection[str]) -> dict[str, Sequence[str]]:
    return {name: texts for name, texts in cells.items() if name not in names}


def _called(cells: Cells, plain: Collection[str]) -> str:
    return next((name for name in cells if plain_name(name) in plain), "")


def _well_column(cells: Cells) -> str:
    """The column of which nearly all cells are addresses; of several, what is called so."""
    found = []
    for name, texts in cells.items():
        said = _distinct(texts)
        share = sum(map(_is_address, said)) / len(said) if said else 0.0
        if share >= _MOST:
            is_called = canonical(name) == "address" or "well" in name.lower()
            found.append((is_called, len(said), name))
    return max(found, default=(False, 0, ""), key=lambda each: each[:2])[2]


def _is_address(text: str) -> bool:
    try:
        parse_address(normal_address(text))
    except ValueError:
        return False
    return not text.strip().isdigit()


def _plate_column(cells: Cells, plates: Collection[str]) -> str:
    """The column that names the plates there are; failing that, what is called like one."""
    known = {_folded(plate) for plate in plates}
    best, most = "", 0.0
    for name, texts in cells.items():
        said = _distinct(texts)
        share = sum(_folded(text) in known for text in said) / len(said) if said else 0.0
        is_called = _PLATE_NAME.search(name) is not None
        if share + is_called / 2 > most and (share or is_called):
            best, most = name, share + is_called / 2
    return best


def _folded(text: str) -> str:
    number = plate_in(text)
    return str(number) if number is not None else re.sub(r"[^a-z0-9]", "", text.lower())


def _dose_column(cells: Cells) -> str:
    for name, texts in cells.items():
        is_called = canonical(name) == "concentration" or _DOSE_NAME.search(name) is not None
        said = _distinct(texts)
        numbers = [text for text in said if re.match(r"[-+]?[\d.,]+", text)]
        if (is_called or dose_unit(name)) and said and len(numbers) >= _MOST * len(said) - 1:
            return name
    return ""


def _treatment_column(cells: Cells) -> str:
    """The column of names that repeat, is called like treatments, and has a control among them."""
    ranked = []
    for name, texts in cells.items():
        said = [text for text in texts if text]
        distinct = _distinct(said)
        if len(distinct) < 2 or _is_numeric(distinct):
            continue
        is_called = _TREATMENT_NAME.search(name) is not None or canonical(name) == "treatment"
        is_gene = _GENE_NAME.search(name) is not None
        has_control = any(map(is_control_word, distinct))
        repeats = 1 - len(distinct) / len(said)
        if not (is_called or is_gene or has_control or repeats > 0):
            continue
        score = 3.0 * (canonical(name) == "treatment") + 2.0 * is_called + 1.5 * is_gene
        score += 2.0 * has_control + repeats + min(len(distinct), 20) / 20
        score -= 3.0 * (_NO_TREATMENT.search(name) is not None)
        # what tells kinds of wells apart has few names
        score -= 2.5 * (_KIND_NAME.search(name) is not None and not is_called)
        ranked.append((score, name))
    best = max(ranked, default=(0.0, ""), key=lambda each: each[0])
    return best[1] if best[0] > 0 else ""


def _is_numeric(texts: Collection[str]) -> bool:
    return all(re.fullmatch(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?", text, re.IGNORECASE) for text in texts)


def _controls(cells: Cells, treatment: str) -> tuple[str, tuple[str, ...]]:
    """The column and the value that mark the controls.

    What is called like a negative control among the treatments; else among kinds of wells; else
    a treatment that many more wells received than any other.
    """
    kinds = [name for name in cells if name != treatment and _KIND_NAME.search(name)]
    for name in [treatment, *kinds] if treatment else kinds:
        counts = Counter(text for text in cells[name] if is_control_word(text))
        if counts:
            return name, (max(counts, key=lambda text: (_rank(text), counts[text], text)),)
    if not treatment:
        return "", ()
    counts = Counter(text for text in cells[treatment] if text)
    first, *rest = [*counts.most_common(2), ("", 0)]
    is_most = first[1] >= max(_FEWEST_CONTROLS, _TIMES_OTHERS * rest[0][1])
    return (treatment, (first[0],)) if is_most else ("", ())


def _rank(text: str) -> int:
    """Words that say a negative control go before those that may be another one."""
    return text.strip().lower().startswith(_FIRST_WORDS)


def _distinct(texts: Sequence[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts[:_LOOKED_AT]) if text]
