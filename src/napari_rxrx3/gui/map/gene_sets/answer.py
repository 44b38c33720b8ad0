"""Which gene sets some genes have in common: computed in threads, and put in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_rxrx3.core.errors import MapError
from napari_rxrx3.core.words import are, count, key_in_words, some
from napari_rxrx3.data.files.remembered import remembered_file
from napari_rxrx3.gui.results import Column, Row
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.maps.spec import MapSpec

if TYPE_CHECKING:  # what tests them is loaded by the thread that does
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.sets.enrichment import Enrichment, SetsOfMap
    from napari_rxrx3.maps.sets.gene_sets import GeneSets

__all__ = [
    "CHOSEN",
    "COLUMNS",
    "OPPOSITE",
    "SIMILAR",
    "WHAT",
    "SetsAnswer",
    "SetsQuestion",
    "answered",
    "as_csv",
    "as_rows",
    "file_at_hand",
    "in_brief",
    "in_full",
    "sets_beside",
    "title_of",
    "words_of_query",
]

SIMILAR, OPPOSITE, CHOSEN = "similar", "opposite", "chosen"
"""Of which genes: nearest to the query, least like it, chosen on the map. Tags are by number."""

WHAT = "gene sets"
"""The name of the task, and what the file is remembered as."""
_MOST_ROWS = 500
_NAMED = 12

COLUMNS = (
    Column("set", "Name of the gene set in the file", False),
    Column("here", "How many of its genes are among those that are asked about"),
    Column("chance", "How many genes would be, if as many were drawn at random"),
    Column(
        "q",
        "Share of false finds among the sets down to this one, over all that were tested "
        "(hypergeometric distribution, Benjamini and Hochberg)",
    ),
)


@dataclass(frozen=True)
class SetsQuestion:
    """Genes, the map that they are of, and the file of sets.

    Attributes
    ----------
    of : str
        `SIMILAR`, `OPPOSITE`, `CHOSEN` or the number of a tag.
    key, well, metric, n : str, str or None, str, int
        What the genes are nearest to, and how many of them.
    keys : tuple of str
        Entries that were chosen.
    wells : tuple of str
        Wells that have the tag.
    words : str
        Which genes, e.g. ``"nearest to PLK1"``.
    """

    path: str
    of: str
    spec: MapSpec
    min_genes: int
    key: str = ""
    well: str | None = None
    metric: str = "cosine"
    n: int = 0
    keys: tuple[str, ...] = ()
    wells: tuple[str, ...] = ()
    words: str = field(default="", compare=False)


@dataclass(frozen=True, eq=False)
class SetsAnswer:
    """What was found, and in which map; `note` says why it is another one than asked for."""

    question: SetsQuestion
    phenomap: PhenoMap
    sets: SetsOfMap
    found: Enrichment
    note: str


def file_at_hand(folder: str) -> str:
    """The file of sets that was opened last, or lies beside the data; empty if there is none."""
    return remembered_file(WHAT) or sets_beside(folder)


def sets_beside(folder: str) -> str:
    """The first GMT that lies in the folder of a data set; empty if there is none."""
    try:
        found = sorted(path for path in Path(folder).glob("*.gmt") if path.is_file())
    except (OSError, ValueError):  # e.g. an address
        return ""
    return str(found[0]) if found else ""


def answered(
    dataset: Dataset,
    question: SetsQuestion,
    read: GeneSets | None,
    before: SetsAnswer | None,
    progress: Progress,
) -> SetsAnswer:
    """Test which sets are over-represented.

    Parameters
    ----------
    read : GeneSets, optional
        What the file holds, if it was read before.
    before : SetsAnswer, optional
        The last answer: sets that were looked up in the same map are taken from it.

    Raises
    ------
    RxRx3Error
        If the file, the map or the genes are not fit for it; why is said.
    """
    from napari_rxrx3.maps.sets.enrichment import SetsOfMap
    from napari_rxrx3.maps.sets.gene_sets import read_gene_sets

    progress(0, 0, f"reading {question.path}")
    read = read or read_gene_sets(question.path)
    phenomap, note = dataset.map_or_fallback(question.spec, progress)
    progress(0, 0, "looking for gene sets")
    if before is not None and before.phenomap is phenomap and before.sets.sets is read:
        sets = before.sets
    else:
        sets = SetsOfMap(read, phenomap)
    found = _found(sets, phenomap, question)
    return SetsAnswer(question, phenomap, sets, found, note)


def _found(sets: SetsOfMap, phenomap: PhenoMap, question: SetsQuestion) -> Enrichment:
    if question.of in (SIMILAR, OPPOSITE):
        key = question.key
        if phenomap.find(key) is None and question.well is not None:
            key = phenomap.key_of_well(question.well) or key
        opposite = question.of == OPPOSITE
        return sets.near(key, question.n, opposite, question.metric, question.min_genes)
    keys = list(question.keys)
    if question.wells:
        places = phenomap.find_wells(question.wells)
        rows = phenomap.entry_of_position[places[places >= 0]]
        keys = phenomap.labels.index[rows[rows >= 0]].unique().tolist()
        if not keys:
            raise MapError("None of the wells with this tag is in the map.")
    return sets.among(keys, question.min_genes)


def as_rows(answer: SetsAnswer) -> list[Row]:
    """The sets, the most surely over-represented first."""
    return [
        Row(
            (row.set, f"{row.n_found} of {row.n_chosen}", f"{row.expected:.1f}", _q(row)), _tip(row)
        )
        for row in answer.found.table.head(_MOST_ROWS).itertuples()
    ]


def _q(row: object) -> str:
    q = float(row.q_value)  # type: ignore[attr-defined]
    return "<.001" if q < 0.001 else f"{q:.3f}" if q < 0.01 else f"{q:.2f}"


def _tip(row: object) -> str:
    said = row._asdict()  # type: ignore[attr-defined]
    genes = f"Found: {some(said['members'], _NAMED)}. " if said["members"] else ""
    return (
        f"{said['set']}\n{genes}"
        f"{count(said['n_set'], 'gene')} of it {are(said['n_set'])} among the "
        f"{said['n_background']:,} of the map that count; {said['fold']:.1f} times as many as by "
        f"chance, p = {said['p_value']:.2g}.\nA click lights up all of its genes."
    )


def in_brief(answer: SetsAnswer) -> str:
    """What came out, in the least words."""
    from napari_rxrx3.maps.sets.enrichment import finds_in_words

    found = answer.found
    said = finds_in_words(found, answer.question.words)
    left_out = {
        "too small": found.n_small,
        "blinded": found.n_blinded,
        "no gene": found.n_others,
    }
    also = ", ".join(f"{n:,} {what}" for what, n in left_out.items() if n)
    return f"{said} Left out: {also}." if also else said


def in_full(answer: SetsAnswer) -> str:
    """What came out, of which genes, and what was left out."""
    from napari_rxrx3.maps.sets.enrichment import enrichment_in_words

    said = enrichment_in_words(answer.found, answer.question.words)
    more = len(answer.found.table) - _MOST_ROWS
    shown = f"{more:,} more sets are in the CSV alone." if more > 0 else ""
    lines = (answer.note, said, shown, *answer.sets.sets.notes, *answer.phenomap.notes)
    return "\n".join(filter(None, lines))


def as_csv(answer: SetsAnswer, delimiter: str = ",") -> str:
    """All sets that were tested, with the question in every row."""
    question = answer.question
    table: pd.DataFrame = answer.found.table.copy()
    table["members"] = [" ".join(genes) for genes in table["members"]]
    made_of = {"genes": question.words, "file": question.path, **asdict(answer.phenomap.spec)}
    return str(table.assign(**made_of).to_csv(sep=delimiter, index=False, lineterminator="\n"))


def title_of(name: str, n: int) -> str:
    """What the genes of a set are called once they are chosen."""
    return f"{name}: {count(n, 'entry')} of the map"


def words_of_query(of: str, key: str) -> str:
    """Which genes are near to a query, or far from it."""
    return f"{'least like' if of == OPPOSITE else 'nearest to'} {key_in_words(key)}"
