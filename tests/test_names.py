"""Names as people type them: what a list holds, and that all who look for one find the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.names import name_and_dose, resolve, rows_with, split_names, ways_to_read
from napari_rxrx3.core.words import key_in_words
from napari_rxrx3.data.search import Match, SearchIndex
from napari_rxrx3.hits.names import find_wells
from napari_rxrx3.maps.entry_names import find_entries

# --- lists ---------------------------------------------------------------------------------------


def test_a_list_is_split_by_lines_semicolons_tabs_and_commas() -> None:
    text = ' PLK1, AURKB;Bortezomib@2.5\r\n"mTOR"\tPLK1\n\n,;x y '
    assert split_names(text) == ["PLK1", "AURKB", "Bortezomib@2.5", "mTOR", "x y"]
    assert split_names("") == []


def test_a_name_with_a_comma_stays_whole_if_it_is_known() -> None:
    names = split_names("N-(1,2-thing)@1\nGENE000,GENE001", {"N-(1,2-thing)@1"}.__contains__)
    assert names == ["N-(1,2-thing)@1", "GENE000", "GENE001"]


@given(st.text(max_size=80))
def test_any_text_is_a_list_of_names_each_once(text: str) -> None:
    names = split_names(text)
    assert len(set(names)) == len(names)
    assert all(name == name.strip() and name for name in names)
    assert not set("".join(names)) & set("\n\r;\t,")


# --- what a name may mean ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("PLK1", ["PLK1"]),
        ("PLK1 guide 1", ["PLK1 guide 1", "PLK1_guide_1", "PLK1 guide@1"]),
        ("Bortezomib 2.5 µM", ["Bortezomib 2.5 µM", "Bortezomib@2.5"]),
        ("U\u0308x@1", ["U\u0308x@1", "\u00dcx@1"]),
        ("Bortezomib 2,50uM", ["Bortezomib 2,50uM", "Bortezomib@2.5"]),
        ("Bortezomib 1,000", ["Bortezomib 1,000", "Bortezomib@1000", "Bortezomib@1"]),
        ("Bortezomib 1,000.5", ["Bortezomib 1,000.5", "Bortezomib@1000.5"]),
        ("Bortezomib 0,250", ["Bortezomib 0,250", "Bortezomib@0.25"]),
        ("Bortezomib@0.250", ["Bortezomib@0.250", "Bortezomib@0.25"]),
        ("Bortezomib@1.2.3", ["Bortezomib@1.2.3"]),
        ("Bortezomib .", ["Bortezomib ."]),
        ("", [""]),
    ],
)
def test_the_ways_to_read_a_name(name: str, ways: list[str]) -> None:
    assert ways_to_read(name) == ways


@pytest.mark.parametrize("key", ["PLK1", "PLK1_guide_12", "Bortezomib@2.5", "a@b@10", "x y@0.01"])
def test_what_the_window_shows_can_be_typed(key: str) -> None:
    assert key in ways_to_read(key_in_words(key))


@given(st.text())
def test_any_text_is_a_way_to_read_itself_before_all_others(text: str) -> None:
    assert ways_to_read(text)[0] == text
    name_and_dose(text)


def test_an_identity_that_is_there_is_taken_as_it_is_written() -> None:
    keys = {"voglibose": 1, "Voglibose": 2, "Mtor": 3, "Bortezomib@2.5": 4, "x 1": 5, "x@1": 6}

    def find(asked: list[str]) -> dict[str, int]:
        return {key: keys[key] for key in asked if key in keys}

    def alike(folded: set[str]) -> dict[str, set[str]]:
        return {text: {key for key in keys if key.casefold() == text} for text in folded}

    asked = ["voglibose", "Voglibose", "VOGLIBOSE", "MTOR", "bortezomib 2.5 µM", "x 1", "y"]
    assert resolve(asked, find, alike) == [1, 2, None, 3, 4, 5, None]


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=12))
def test_rows_with_some_texts(texts: list[str | None]) -> None:
    found = rows_with(pd.Series(texts, dtype="str"), ["a", "c", "z"])
    expected = {t: [i for i, x in enumerate(texts) if x == t] for t in ("a", "c") if t in texts}
    assert {text: rows.tolist() for text, rows in found.items()} == expected


# --- all who look for one ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    rows = [b.control_row("compound-001", 1, f"C{c:02d}") for c in range(3, 9)]
    rows += [b.guide_row("compound-001", 1, f"D{c:02d}", "PLK1", c) for c in (2, 3)]
    doses = enumerate((0.25, 2.5, 10), start=2)
    rows += [b.dose_row("compound-001", 1, f"E{c:02d}", "Bortezomib", d) for c, d in doses]
    rows += [b.dose_row("compound-001", 1, f"F{c:02d}", n, 1) for c, n in ((2, "Vo"), (3, "vo"))]
    folder: Path = b.Screen.of(rows, 8, dim=4).write_rxrx3(tmp_path_factory.mktemp("names") / "s")
    return rx.open_dataset(folder, cache_dir=folder.parent / "cache")


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("PLK1", {"D02", "D03"}),
        ("plk1", {"D02", "D03"}),
        ("Bortezomib", {"E02", "E03", "E04"}),
        ("Bortezomib@2.5", {"E03"}),
        ("Bortezomib 2.5 µM", {"E03"}),
        ("bortezomib 2.50uM", {"E03"}),
        ("Bortezomib 3 µM", set()),
        ("Vo", {"F02"}),
        ("vo", {"F03"}),
        ("VO", set()),
        ("who", set()),
    ],
)
def test_lists_maps_and_the_find_box_find_the_same(
    dataset: Any, name: str, addresses: set[str]
) -> None:
    wells = dataset.wells
    phenomap = dataset.phenomap("perturbation", "none")
    (of_list,) = find_wells(dataset, [name])
    (of_list_with_map,) = find_wells(dataset, [name], phenomap)
    index = SearchIndex(wells)
    match = index.find(name)
    of_box = index.positions_of(match) if match is not None else np.zeros(0, int)
    (entries,) = find_entries(phenomap, [name])
    of_map = [p for row in entries for p in phenomap.positions_of(int(row))]
    for positions in (of_list, of_list_with_map, of_box, of_map):
        assert set(wells["address"].iloc[list(positions)]) == addresses
    assert match is None or match.n_wells == len(addresses)


def test_guides_are_found_as_the_window_writes_them(dataset: Any) -> None:
    (rows,) = find_wells(dataset, ["PLK1 guide 2"])
    assert dataset.wells["treatment"].iloc[rows].tolist() == ["PLK1_guide_2"]
    match = SearchIndex(dataset.wells).find("plk1 guide 2")
    assert match is not None
    assert (match.name, match.words) == ("PLK1_guide_2", "PLK1 guide 2")


def test_a_dose_in_the_find_box_is_a_match_of_its_own(dataset: Any) -> None:
    wells = dataset.wells.copy()
    wells.loc[wells["address"] == "D02", "gene"] = "Bortezomib"  # a gene of the same name
    index = SearchIndex(wells)
    assert index.find("Bortezomib") == Match("Bortezomib", "gene", 1)
    match = index.find("bortezomib 10 µM")
    assert match is not None
    assert match.words == "Bortezomib 10 µM"
    assert [plate.n_wells for plate in index.where(match).plates] == [1]
