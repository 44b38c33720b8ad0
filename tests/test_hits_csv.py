"""Hits as a table and as a CSV: written, spoiled by spreadsheet programs, and read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.data.files.cells import as_number
from napari_rxrx3.dataset import Dataset
from napari_rxrx3.hits.hit import Hit, clean_note
from napari_rxrx3.hits.review import Review, open_review
from napari_rxrx3.hits.sheet import disarmed, rearmed
from napari_rxrx3.hits.table import (
    COLUMNS,
    Imported,
    export_csv,
    hits_table,
    import_hits,
    read_hits_csv,
    scores_of,
)
from test_cache import disk_full_after

PLATE = ("gene-001", 1)
ROWS = [
    b.guide_row(*PLATE, "B02", "PLK1", 1),
    b.guide_row(*PLATE, "B03", "SEPT2", 3),
    b.well_row(*PLATE, "C03"),
    b.control_row(*PLATE, "C04"),
    b.dose_row("compound-001", 7, "D05", "Bortezomib", 2.5, "CC(=O)N,C |c:1|"),
    b.dose_row("compound-001", 7, "D06", "=odd", 0.25, "=C"),
]
PLK1, SEPT2, BARE, CONTROL, BORTEZOMIB, ODD = WELLS = tuple(row["well_id"] for row in ROWS)
KEYS = {
    **{PLK1: "PLK1", SEPT2: "SEPT2", BARE: "", CONTROL: "EMPTY_control"},
    **{BORTEZOMIB: "Bortezomib@2.5", ODD: "=odd@0.25"},
}
LIMITS = tuple((float(low), 100.5 + low) for low in range(6))
SCORES = {"strength": 4.5, "consistency": -0.125, "agreement": 1e-07}
DOSES = {
    **{"trend_p": 1e-05, "trend_q": 0.002, "ec50": 0.31, "ec50_low": 0.2, "ec50_high": 0.5},
    "lowest_active_dose": 0.1,
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("csv")
    b.Screen(ROWS).write_metadata(folder / "metadata.csv")
    return rx.open_dataset(folder, folder / "cache")


@pytest.fixture
def review(dataset: Dataset, tmp_path: Path) -> Review:
    review = open_review(dataset, "Ann", tmp_path / "hits")
    review.tag(PLK1, 1, LIMITS, SCORES)
    review.tag(BORTEZOMIB, 5, None, DOSES)
    review.set_note(BORTEZOMIB, '=HYPERLINK("http://x","y"); second,\nthird "line"')
    review.set_note(ODD, "'quoted'")
    review.tag(SEPT2, 2, None, {"strength": 1.25})
    return review


def empty_review(dataset: Dataset, tmp_path: Path, reviewer: str = "Ann") -> Review:
    return open_review(dataset, reviewer, tmp_path / "other place")


def exported(review: Review, tmp_path: Path) -> Path:
    path = tmp_path / "hits.csv"
    export_csv(review.hits.values(), review.dataset, review.reviewer, path)
    return path


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


# --- the table --------------------------------------------------------------------------------


def test_the_table_says_what_was_decided_and_what_the_wells_received(review: Review) -> None:
    table = hits_table(review.hits.values(), review.dataset, "Ann").set_index("well_id")
    assert list(table.index) == [PLK1, BORTEZOMIB, ODD, SEPT2]
    assert tuple(table.columns) == COLUMNS[1:]
    plk1, drug = table.loc[PLK1], table.loc[BORTEZOMIB]
    assert plk1[["experiment", "plate", "address"]].tolist() == ["gene-001", 1, "B02"]
    assert plk1[["perturbation", "guide", "SMILES"]].tolist() == ["PLK1", "PLK1_guide_1", ""]
    assert plk1[list(SCORES)].tolist() == list(SCORES.values())
    assert plk1[["tag", "tag_name", "note", "reviewer"]].tolist() == [1, "hit", "", "Ann"]
    assert plk1["contrast_limits"].startswith("DNA 0 to 100.5; ER 1 to 101.5; ")
    assert drug[["perturbation", "guide", "dose"]].tolist() == ["Bortezomib@2.5", "", 2.5]
    assert drug["SMILES"] == "CC(=O)N,C |c:1|"
    assert np.isnan([plk1["dose"], drug["strength"]]).all()
    assert drug[list(DOSES)].to_dict() == DOSES
    assert plk1[list(DOSES)].isna().all()
    assert set(table["plugin_version"]) == {rx.__version__}


def test_a_hit_on_a_well_that_is_gone_keeps_what_it_says(dataset: Dataset) -> None:
    hits = [Hit("gene-009_1_B02", "MTOR", 2, "here once"), Hit(PLK1, "PLK1", 1)]
    table = hits_table(hits, dataset, "Ann")
    assert table["perturbation"].tolist() == ["MTOR", "PLK1"]
    assert table["experiment"].tolist() == ["", "gene-001"]
    assert table["plate"].isna().tolist() == [True, False]
    assert hits_table([], dataset, "Ann").empty


def test_scores_come_from_a_map_as_far_as_it_has_them(tmp_path: Path) -> None:
    controls = [b.control_row(*PLATE, f"D{n:02d}") for n in range(2, 9)]
    guides = [b.guide_row(*PLATE, f"E{n:02d}", "PLK1", n % 3 + 1) for n in range(2, 9)]
    b.Screen.of([*controls, *guides, ROWS[0]], size=4).write_rxrx3(tmp_path)
    bare = b.Screen.of([*controls, *guides], size=4)
    bare.write_plate_embeddings(tmp_path / "embeddings")
    phenomap = rx.open_dataset(tmp_path, tmp_path / "cache").phenomap()
    well = guides[0]["well_id"]
    assert scores_of(None, well) == {}
    assert scores_of(phenomap, well) == {}  # not computed yet, and nobody waits
    scores = phenomap.scores
    assert scores_of(phenomap, well)["strength"] == scores.loc["PLK1", "strength"]
    assert scores_of(phenomap, "gene-009_1_B02") == {}


# --- export -----------------------------------------------------------------------------------


def test_the_csv_has_the_columns_and_can_be_read_by_anything(
    review: Review, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "hits.csv"
    assert export_csv(review.hits.values(), review.dataset, review.reviewer, path) == 4
    table = pd.read_csv(path)
    assert tuple(table.columns) == COLUMNS
    assert table["dose"].tolist()[1:3] == [2.5, 0.25]
    assert table["strength"].isna().tolist() == [False, True, True, False]
    assert path.read_bytes().startswith(b"\xef\xbb\xbfwell_id,")


def test_what_is_not_known_is_empty_in_the_csv_and_never_zero(
    review: Review, tmp_path: Path
) -> None:
    head, plk1, drug, *_ = cells(exported(review, tmp_path))
    numbers = [head.index(name) for name in DOSES]
    assert [plk1[at] for at in numbers] == [""] * 6
    assert [float(drug[at]) for at in numbers] == list(DOSES.values())
    assert [drug[head.index(name)] for name in (*SCORES, "n_nuclei", "focus")] == [""] * 5
    assert drug[head.index("field")] == "1"


def test_no_text_in_the_csv_is_a_formula(review: Review, tmp_path: Path) -> None:
    for well, note in zip(WELLS, ("=1", "+1", "-1", "@x", "\t=1", "＝1"), strict=True):
        review.set_note(well, note)
    rows = cells(exported(review, tmp_path))
    assert {row[COLUMNS.index("note")] for row in rows[1:]} == {
        *("'=1", "'+1", "'-1", "'@x", "'＝1"),
    }
    texts = [cell for row in rows for cell in row if as_number(cell) is None]
    assert not [text for text in texts if text.lstrip()[:1] in tuple("=+-@＝＋－＠")]
    odd = next(row for row in rows if row[0] == ODD)
    assert odd[COLUMNS.index("perturbation")] == "'=odd@0.25"
    assert odd[COLUMNS.index("SMILES")] == "'=C"


@given(st.text(st.sampled_from("'=+-@\t\r\n ax＝"), max_size=6))
def test_what_was_made_harmless_comes_back(text: str) -> None:
    assert rearmed(disarmed(text)) == text
    assert disarmed(text).lstrip()[:1] not in tuple("=+-@＝")


def test_a_csv_that_cannot_be_written_leaves_the_one_before(review: Review, tmp_path: Path) -> None:
    path = exported(review, tmp_path)
    before = path.read_bytes()
    with disk_full_after(100), pytest.raises(HitsError, match="cannot be written: ") as caught:
        export_csv(review.hits.values(), review.dataset, review.reviewer, path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


# --- import -----------------------------------------------------------------------------------


def test_a_csv_brings_the_hits_back(review: Review, dataset: Dataset, tmp_path: Path) -> None:
    imported = read_hits_csv(exported(review, tmp_path), dataset)
    assert dict(imported.hits) == dict(review.hits)
    assert imported == Imported(dict(review.hits), ("Ann",))
    other = empty_review(dataset, tmp_path)
    assert import_hits(other, imported) == "4 hits: 4 new."
    assert dict(other.hits) == dict(review.hits)
    assert dict(empty_review(dataset, tmp_path).hits) == dict(review.hits)
    assert other.undo() == set(review.hits)
    assert not other.hits


FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)
PAIRS = st.tuples(NUMBERS, NUMBERS).map(sorted).filter(lambda p: p[0] < p[1]).map(tuple)
ANY_HITS = st.dictionaries(
    st.sampled_from(WELLS),
    st.tuples(
        st.integers(0, 5),
        st.text(max_size=30).map(clean_note),
        st.none() | st.tuples(*[PAIRS] * 6),
        st.dictionaries(st.sampled_from(sorted({*SCORES, *DOSES})), FINITE),
        st.datetimes(datetime(1990, 1, 1), datetime(2999, 1, 1)),
    ),
    min_size=1,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=ANY_HITS, name=st.text(st.characters(exclude_categories=["C"]), max_size=12))
def test_any_hits_come_back_from_file_and_csv(
    dataset: Dataset, tmp_path_factory: pytest.TempPathFactory, drawn: dict, name: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    name = " ".join(name.split()) or "Ann"
    review = open_review(dataset, name, folder / "hits")
    review.decide(
        Hit(well, KEYS[well], tag, note, f"{time:%Y-%m-%dT%H:%M:%S.%f}Z", limits).scored(scores)
        for well, (tag, note, limits, scores, time) in drawn.items()
    )
    assert review.trouble == ""
    assert dict(open_review(dataset, name, folder / "hits").hits) == dict(review.hits)
    export_csv(review.hits.values(), review.dataset, review.reviewer, folder / "hits.csv")
    if review.hits:
        imported = read_hits_csv(folder / "hits.csv", dataset)
        assert dict(imported.hits) == dict(review.hits)
        assert imported.reviewers == (normalize("NFC", name),)


Table = list[list[str]]


def saved_again(
    rows: Table,
    separator: str = ",",
    encoding: str = "utf-8",
    head: str = "",
    quote_all: bool = False,
) -> bytes:
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=separator, quoting=quoting).writerows(rows)
    return (head + text.getvalue()).encode(encoding)


def with_commas(rows: Table) -> Table:
    """Decimal commas, as a German or French spreadsheet program writes numbers."""
    numbers = {COLUMNS.index(n) for n in ("dose", "strength", "consistency", "agreement")}
    return [
        [cell.replace(".", ",") if i in numbers else cell for i, cell in enumerate(row)]
        for row in rows
    ]


DAY = 24
"""No month; so it is known whether the day or the month comes first."""


def with_times(form: str) -> Callable[[Table], Table]:
    def rewritten(rows: Table) -> Table:
        place = COLUMNS.index("time")
        times = (datetime.fromisoformat(row[place]) for row in rows[1:])
        return [rows[0]] + [
            [*row[:place], f"{time.replace(day=DAY):{form}}", *row[place + 1 :]]
            for row, time in zip(rows[1:], times, strict=True)
        ]

    return rewritten


def as_serial_numbers(rows: Table) -> Table:
    place = COLUMNS.index("time")
    days = [
        (datetime.fromisoformat(row[place][:-1]) - datetime(1899, 12, 30)).total_seconds() / 86400
        for row in rows[1:]
    ]
    body = zip(rows[1:], days, strict=True)
    return [rows[0]] + [[*r[:place], f"{day:.10f}", *r[place + 1 :]] for r, day in body]


def with_names_spoiled(rows: Table) -> Table:
    """Turn a gene into a date, which Excel is known for."""
    return [["2-Sep" if cell == "SEPT2" else cell for cell in row] for row in rows]


def with_empty_columns(rows: Table) -> Table:
    return [["", *row, "", ""] for row in rows] + [[""] * (len(rows[0]) + 3)] * 2


def in_another_order(rows: Table) -> Table:
    return [row[::-1] for row in rows]


def cut(rows: Table) -> Table:
    """Leave only what is needed, in capitals."""
    places = [COLUMNS.index(name) for name in ("well_id", "tag", "note")]
    return [[rows[0][i].upper() for i in places], *([row[i] for i in places] for row in rows[1:])]


def with_names_for_numbers(rows: Table) -> Table:
    place = COLUMNS.index("tag")
    return [rows[0]] + [[*row[:place], "", *row[place + 1 :]] for row in rows[1:]]


def with_windows_lines(rows: Table) -> Table:
    return [[cell.replace("\n", "\r\n") for cell in row] for row in rows]


SPOILED: dict[str, tuple[Callable[[Table], Table], dict[str, object]]] = {
    "semicolons and decimal commas": (with_commas, {"separator": ";"}),
    "tabs, UTF-16": (with_commas, {"separator": "\t", "encoding": "utf-16"}),
    "a mark at the start": (list, {"encoding": "utf-8-sig", "separator": ";"}),
    "an old encoding": (list, {"encoding": "cp1252"}),
    "a separator line": (list, {"separator": "|", "head": "sep=|\r\n"}),
    "everything in quotes": (list, {"quote_all": True}),
    "US times": (with_times("%m/%d/%Y %I:%M %p"), {}),
    "German times": (with_times("%d.%m.%Y %H:%M"), {"separator": ";"}),
    "LibreOffice's times": (with_times("%Y-%m-%d %H:%M:%S"), {}),
    "days only": (with_times("%d/%m/%Y"), {}),
    "British times": (with_times("%d/%m/%Y %I:%M %p"), {}),
    "times as numbers": (as_serial_numbers, {}),
    "no times that make sense": (with_times("a while ago"), {}),
    "a gene as a date": (with_names_spoiled, {}),
    "empty columns and rows": (with_empty_columns, {}),
    "another order": (in_another_order, {}),
    "few columns": (cut, {}),
    "names of tags alone": (with_names_for_numbers, {}),
    "line ends in a note": (with_windows_lines, {}),
}


TIMES = {kind for kind in SPOILED if kind.startswith("days") or kind.endswith("times")}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_csv_that_a_spreadsheet_program_saved_is_read(
    review: Review, dataset: Dataset, tmp_path: Path, kind: str
) -> None:
    spoil, options = SPOILED[kind]
    rows = spoil(cells(exported(review, tmp_path)))
    path = b.write(tmp_path / "again.csv", saved_again(rows, **options))  # type: ignore[arg-type]
    other = empty_review(dataset, tmp_path)
    assert import_hits(other, read_hits_csv(path, dataset)) == "4 hits: 4 new."
    for well, hit in review.hits.items():
        got = other.hit(well)
        assert (got.tag, got.note) == (hit.tag, hit.note)
        assert got.perturbation == hit.perturbation
        if kind not in ("few columns", "no times that make sense"):
            day = DAY if kind in TIMES else int(hit.time[8:10])
            assert got.time[:10] == f"{hit.time[:8]}{day:02d}"
        if kind != "few columns":
            assert (got.limits, got.scores) == (hit.limits, hit.scores)
    # and nothing of it is news to whoever wrote it
    assert import_hits(review, read_hits_csv(path, dataset)) == "4 hits: 4 as they are here."


@pytest.mark.parametrize(
    ("times", "read", "guessed"),
    [
        (("02/01/2026", "24/01/2026"), "2026-01-02", ""),
        (("02/01/2026 09:30", "01/24/2026 09:30"), "2026-02-01", ""),
        (("02/01/26 9:30 AM", "13/01/26 9:30 PM"), "2026-01-02", ""),
        (("02/01/2026", "03/01/2026"), "2026-02-01", "02/01/2026"),
        (("02/02/2026", "03/03/2026"), "2026-02-02", ""),
        (("01/24/2026", "24/01/2026"), "2026-01-24", ""),
        (("02/01/2026", "2026-01-24"), "2026-02-01", "02/01/2026"),
    ],
)
def test_all_times_together_tell_whether_the_day_or_the_month_comes_first(
    review: Review,
    dataset: Dataset,
    tmp_path: Path,
    times: tuple[str, str],
    read: str,
    guessed: str,
) -> None:
    place = COLUMNS.index("time")
    rows = cells(exported(review, tmp_path))[:3]
    for row, time in zip(rows[1:], times, strict=True):
        row[place] = time
    imported = read_hits_csv(b.write(tmp_path / "again.csv", saved_again(rows)), dataset)
    assert imported.hits[rows[1][0]].time[:10] == read
    said = import_hits(empty_review(dataset, tmp_path), imported)
    sentence = f"Times such as {guessed} are read with the month first."
    assert said == f"2 hits: 2 new.{f' {sentence}' if guessed else ''}"


def test_a_gene_that_became_a_date_alone_is_no_other_data_set(
    review: Review, dataset: Dataset, tmp_path: Path
) -> None:
    rows = with_names_spoiled(cells(exported(review, tmp_path)))
    path = b.write(tmp_path / "again.csv", saved_again([rows[0], rows[4]]))
    assert list(read_hits_csv(path, dataset).hits) == [SEPT2]


def test_what_was_changed_in_a_spreadsheet_is_taken(
    review: Review, dataset: Dataset, tmp_path: Path
) -> None:
    rows = with_times("%m/%d/%Y %H:%M")(cells(exported(review, tmp_path)))
    note, tag = COLUMNS.index("note"), COLUMNS.index("tag")
    rows[1][note], rows[4][tag] = "typed in Excel", "3"
    path = b.write(tmp_path / "again.csv", saved_again(rows, ";"))
    before = review.hit(PLK1)
    assert import_hits(review, read_hits_csv(path, dataset)) == (
        "4 hits: 2 changed, 2 as they are here."
    )
    assert review.hit(PLK1).note == "typed in Excel"
    assert review.hit(PLK1).time > before.time
    assert review.hit(SEPT2).tag == 3
    assert review.undo() == {PLK1, SEPT2}
    assert review.hit(PLK1).note == ""


def test_what_was_decided_after_the_export_stays(
    review: Review, dataset: Dataset, tmp_path: Path
) -> None:
    other = empty_review(dataset, tmp_path)
    other.decide([Hit(PLK1, "PLK1", 4, "", "2020-01-01T00:00:00.000000Z")])
    path = exported(other, tmp_path)
    assert import_hits(review, read_hits_csv(path, dataset)) == (
        "1 hit: 1 older than here and left as they are."
    )
    assert review.hit(PLK1).tag == 1
    review.tag(BORTEZOMIB, 0)
    review.set_note(BORTEZOMIB, "")
    assert not review.hit(BORTEZOMIB).tag
    other.decide([Hit(BORTEZOMIB, "Bortezomib@2.5", 1, "", "2020-01-01T00:00:00.000000Z")])
    import_hits(review, read_hits_csv(exported(other, tmp_path), dataset))
    assert review.hit(BORTEZOMIB).is_empty  # what was taken back stays so as well


def test_what_cannot_be_used_is_counted_and_named(
    review: Review, dataset: Dataset, tmp_path: Path
) -> None:
    text = (
        "well_id,tag,note,reviewer,strength,contrast_limits\n"
        f"{PLK1},1,,Bo,x,DNA 1 to 2\n"
        f"{SEPT2},7,,Bo,,\n{CONTROL},great,,Cy,,\n"
        "gene-009_1_B02,1,,Bo,,\nX,1,,Bo,,\n"
        f"{BARE},2.0,seen,Cy,,\n{BORTEZOMIB},,only a note,,,\n"
        "too,short\n"
    )
    imported = read_hits_csv(b.write(tmp_path / "list.csv", text.encode()), dataset)
    assert {well: (h.tag, h.note) for well, h in imported.hits.items()} == {
        PLK1: (1, ""),
        BARE: (2, "seen"),
        BORTEZOMIB: (0, "only a note"),
    }
    assert imported.hits[PLK1].limits is None
    assert imported.hits[PLK1].scores == {}
    assert import_hits(empty_review(dataset, tmp_path), imported) == (
        "3 hits: 3 new. They are by Bo, Cy. 3 wells are not in this data set: "
        f"gene-009_1_B02, X, too. Not understood: {SEPT2}: tag '7', {CONTROL}: tag 'great'."
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("well_id,tag\ngene-009_1_B02,1\n", r"of another data set: .* \(gene-009_1_B02\)"),
        (f"well_id,tag,perturbation\n{PLK1},1,TUBB\n", "it says TUBB where this one has PLK1"),
        ("well_id,score\nX,1\n", "no column tag or note"),
        ("well,tag\nX,1\n", "no column well_id, or nothing in it"),
        ("well_id,tag\n", "no column well_id, or nothing in it"),
        ("", "it is empty"),
    ],
)
def test_a_file_without_hits_of_this_data_set_is_refused(
    dataset: Dataset, tmp_path: Path, text: str, why: str
) -> None:
    path = b.write(tmp_path / "list.csv", text.encode())
    with pytest.raises(HitsError, match=why) as caught:
        read_hits_csv(path, dataset)
    assert str(path) in str(caught.value)
