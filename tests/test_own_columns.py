"""What the columns of a table of one's own are taken for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.plate import Layout
from napari_rxrx3.core.stains import stains_called
from napari_rxrx3.data.screen_file import ScreenFile
from napari_rxrx3.data.wells.own_columns import Roles, guess_roles, is_control_word

WELLS = [f"{row}{column}" for row in "ABCDEFGH" for column in range(1, 13)]
DRUGS = ["DMSO" if i % 6 == 0 else f"drug {i % 7}" for i in range(96)]


def table(**columns: list[str]) -> dict[str, list[str]]:
    return {"Well": WELLS, **columns}


def test_a_usual_table() -> None:
    cells = table(Plate=["P1"] * 96, Compound=DRUGS, dose_uM=["1"] * 96, note=["ok"] * 96)
    roles = guess_roles(cells, ["P1", "P2"])
    assert roles == Roles(
        well="Well",
        plate="Plate",
        treatment="Compound",
        dose="dose_uM",
        control_column="Compound",
        controls=("DMSO",),
    )


@pytest.mark.parametrize(
    "word",
    [
        "DMSO",
        "EMPTY",
        "negcon",
        "control",
        "untreated",
        "NTC",
        "mock",
        "non-targeting",
        "DMSO 0.1%",
        "Neg. control",
        "scrambled",
    ],
)
def test_control_words(word: str) -> None:
    assert is_control_word(word.replace(".", ""))
    drugs = [word.replace(".", "") if i < 9 else f"x{i % 30}" for i in range(96)]
    assert guess_roles(table(reagent=drugs), []).controls == (word.replace(".", ""),)


@pytest.mark.parametrize("word", ["taxol", "positive control", "poscon", "PLK1", "controlled", ""])
def test_words_that_are_no_negative_controls(word: str) -> None:
    assert not is_control_word(word)


def test_rows_and_columns_apart() -> None:
    cells = {"row": ["A", "B"], "col": ["1", "2"], "drug": ["DMSO", "x"]}
    roles = guess_roles(cells, [])
    assert (roles.well, roles.row, roles.column) == ("", "row", "col")
    assert roles.names_wells


def test_kinds_of_wells_mark_controls_where_treatments_do_not() -> None:
    kinds = ["negcon" if i % 8 == 0 else "trt" for i in range(96)]
    cells = table(pert_iname=[f"BRD-{i % 11}" for i in range(96)], pert_type=kinds)
    roles = guess_roles(cells, [])
    assert roles.treatment == "pert_iname"
    assert (roles.control_column, roles.controls) == ("pert_type", ("negcon",))


def test_the_treatment_of_most_wells_is_the_control_where_no_word_says() -> None:
    drugs = ["BRD-0" if i % 2 else f"BRD-{i}" for i in range(96)]
    assert guess_roles(table(treatment=drugs), []).controls == ("BRD-0",)
    assert guess_roles(table(treatment=[f"BRD-{i % 8}" for i in range(96)]), []).controls == ()


def test_plates_are_found_by_what_they_are_called() -> None:
    cells = table(run=["a"] * 96, assay=["BR001"] * 48 + ["BR002"] * 48, drug=DRUGS)
    assert guess_roles(cells, ["BR001", "BR002"]).plate == "assay"


TEXTS = st.text(max_size=12)


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(st.text(min_size=1, max_size=12), st.lists(TEXTS, min_size=3, max_size=3)),
    st.lists(TEXTS, max_size=3),
)
def test_any_table_has_an_answer_of_its_own_columns(
    cells: dict[str, list[str]], plates: list[str]
) -> None:
    roles = guess_roles(cells, plates)
    for name in ("well", "row", "column", "plate", "treatment", "gene", "dose", "smiles"):
        assert getattr(roles, name) in {"", *cells}
    if roles.controls:
        assert set(roles.controls) <= set(cells[roles.control_column])
    assert roles.in_words


@settings(deadline=None, max_examples=80)
@given(st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_columns_and_rows_does_not_matter(random: object, with_types: bool) -> None:
    cells = table(Plate=["P1"] * 96, Compound=DRUGS, conc=["1", "2"] * 48)
    if with_types:
        cells["well_kind"] = ["a", "b", "c"] * 32
    expected = guess_roles(cells, ["P1"])
    order = list(range(96))
    random.shuffle(order)  # type: ignore[attr-defined]
    names = list(cells)
    random.shuffle(names)  # type: ignore[attr-defined]
    shuffled = {name: [cells[name][i] for i in order] for name in names}
    assert guess_roles(shuffled, ["P1"]) == expected


# --- the file ---------------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, max_examples=100)
@given(
    NAMES,
    NAMES,
    st.lists(NAMES, max_size=3),
    st.integers(1, 5),
    st.lists(NAMES, max_size=4),
    st.none() | st.floats(0.01, 100),
)
def test_what_is_written_is_read_again(
    well: str,
    drug: str,
    controls: list[str],
    field: int,
    stains: list[str],
    pixel_um: float | None,
) -> None:
    roles = Roles(well=well, treatment=drug, controls=tuple(controls))
    colors = ((1.0, 0.0, 0.0), None)
    said = ScreenFile(roles, Layout(16, 24), field, tuple(stains), colors, pixel_um)
    assert ScreenFile.from_toml(said.to_toml()) == said


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[columns", "TOML"),
        ("[other]", "other"),
        ("columns = 3", "columns"),
        ("[columns]\nwell = 1", "well"),
        ("[columns]\nwells = 'a'", "wells"),
        ("[controls]\nvalues = 'DMSO'", "values"),
        ("[layout]\nwells = 100", "wells"),
        ("[layout]\nrows = 40\ncolumns = 3", "40"),
        ("[images]\nfield = 0", "field"),
        ("[images]\npixel_um = 0", "pixel_um is 0, not 0.01 to 100"),
        ("[images]\npixel_um = '1'", "pixel_um"),
        ("[images]\npixel_um = nan", "pixel_um"),
        ("[stains]\ncolors = ['red']", "red"),
    ],
)
def test_what_is_wrong_is_named(text: str, word: str) -> None:
    with pytest.raises(MetadataError, match=word):
        ScreenFile.from_toml(text)


def test_stains_are_called_as_the_user_says() -> None:
    stains = stains_called(["a", "b"])
    said = ScreenFile(names=("DNA",), colors=(None, (0.0, 1.0, 0.0)))
    named = said.stains_over(stains)
    assert [s.name for s in named] == ["DNA", "b"]
    assert (named[0].color, named[1].color) == (stains[0].color, (0.0, 1.0, 0.0))
