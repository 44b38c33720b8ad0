"""Finding names: any part of them, in any case, without ever mixing up two names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.search import FoundPlate, Match, SearchIndex

COMPOUNDS = (
    "Voglibose",
    "voglibose",
    "atenolol-(+/-)",
    "Lorlatinib?(PF-6463922)",
    "4-[(7-chloro-2-methoxybenzo[b][1",
    "DNA-PK inhibitor",
    "Nu7441.*",
    "β-Estradiol",
    "PSMB5",  # named like a gene
)
ROWS = [
    *(b.guide_row("gene-001", 1, f"B{g + 1:02d}", "PLK1", g) for g in range(1, 7)),
    *(b.guide_row("gene-002", 1, f"B{g + 1:02d}", "PLK1", g) for g in (1, 2)),
    b.guide_row("gene-001", 1, "C02", "PSMB5", 1),
    b.guide_row("gene-001", 1, "C03", "SPLKR", 1),
    b.guide_row("gene-001", 1, "C04", "RXRX3-43938", 6),
    b.control_row("gene-001", 1, "D02"),
    b.control_row("gene-001", 1, "D03"),
    b.control_row("compound-001", 7, "D02"),
    b.control_row("compound-001", 7, "D03", "CRISPR_control"),
    *(
        b.dose_row("compound-001", 7, f"E{2 * i + j:02d}", name, dose)
        for i, name in enumerate(COMPOUNDS, 1)
        for j, dose in enumerate((0.25, 2.5))
    ),
    b.well_row("gene-001", 1, "AF47"),  # nobody says what it received
]


@pytest.fixture(scope="module")
def wells(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("search")
    path = b.Screen(ROWS).write_metadata(folder / "metadata.csv")
    return rx.open_dataset(path, folder / "cache").wells


@pytest.fixture(scope="module")
def index(wells: pd.DataFrame) -> SearchIndex:
    return SearchIndex(wells)


def table_of(names: list[str]) -> pd.DataFrame:
    """Return as much of a table of wells as a search needs, a well a name."""
    ids = [f"compound-001_1_{row}{c:02d}" for row in b.ROWS for c in range(1, 49)][: len(names)]
    columns = {"gene": None, "treatment": names, "perturbation_type": "COMPOUND"}
    return pd.DataFrame(columns, index=pd.Index(ids, dtype="str"), dtype="str")


def names_of(hits: list[Match]) -> list[str]:
    return [hit.name for hit in hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plk1", [("PLK1", "gene", 8), ("PLK1_guide_1", "guide", 2), ("PLK1_guide_2", "guide", 2)]),
        ("PLK1_guide_6", [("PLK1_guide_6", "guide", 1)]),
        ("43938", [("RXRX3-43938", "gene", 1), ("RXRX3-43938_guide_6", "guide", 1)]),
        ("VOGLI", [("Voglibose", "compound", 2), ("voglibose", "compound", 2)]),
        ("empty_control", [("EMPTY_control", "control", 3)]),
        ("crispr_c", [("CRISPR_control", "control", 1)]),
        ("  β-ESTRA ", [("β-Estradiol", "compound", 2)]),
        ("gene-001_1_af", [("gene-001_1_AF47", "well", 1)]),
        ("7_D0", [("compound-001_7_D02", "well", 1), ("compound-001_7_D03", "well", 1)]),
    ],
)
def test_a_text_finds_names_in_order(
    index: SearchIndex, text: str, expected: list[tuple[str, str, int]]
) -> None:
    assert index.search(text)[: len(expected)] == [Match(*hit) for hit in expected]


def test_names_that_start_with_the_text_come_first_and_wells_last(index: SearchIndex) -> None:
    hits = index.search("plk", 100)
    assert names_of(hits)[0] == "PLK1"
    assert names_of(hits)[-2:] == ["SPLKR", "SPLKR_guide_1"]
    kinds = [hit.kind for hit in index.search("e", 1000)]
    assert "well" in kinds
    assert set(kinds[kinds.index("well") :]) == {"well"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".*", ["Nu7441.*"]),
        ("(+/-)", ["atenolol-(+/-)"]),
        ("?(", ["Lorlatinib?(PF-6463922)"]),
        ("[b][1", ["4-[(7-chloro-2-methoxybenzo[b][1"]),
        ("^PLK", []),
        ("001_._B", []),
        ("\\d", []),
        ("$", []),
    ],
)
def test_signs_of_regular_expressions_stand_for_themselves(
    index: SearchIndex, text: str, expected: list[str]
) -> None:
    assert names_of(index.search(text)) == expected


@pytest.mark.parametrize("text", ["", "  ", "\t\n", "no such name"])
def test_nothing_is_found_for_nothing(index: SearchIndex, text: str) -> None:
    assert index.search(text) == []


@pytest.mark.parametrize("limit", [0, 1, 3, 25])
def test_the_best_are_kept_when_there_are_too_many(index: SearchIndex, limit: int) -> None:
    everything = index.search("e", 1000)
    assert len(everything) > 25
    assert index.search("e", limit) == everything[:limit]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Voglibose", Match("Voglibose", "compound", 2)),
        ("voglibose", Match("voglibose", "compound", 2)),
        (" Voglibose ", Match("Voglibose", "compound", 2)),
        ("VOGLIBOSE", None),  # two molecules: neither is meant for sure
        ("mtor", None),
        ("plk1", Match("PLK1", "gene", 8)),
        ("dna-pk INHIBITOR", Match("DNA-PK inhibitor", "compound", 2)),
        ("PSMB5", Match("PSMB5", "gene", 1)),
        ("EMPTY_control", Match("EMPTY_control", "control", 3)),
        ("gene-001_1_AF47", Match("gene-001_1_AF47", "well", 1)),
        ("gene-001_1_AF48", None),
        ("Voglib", None),
        ("", None),
    ],
)
def test_a_whole_name_is_found_exactly(
    index: SearchIndex, name: str, expected: Match | None
) -> None:
    assert index.find(name) == expected


@pytest.mark.parametrize(
    ("hit", "addresses"),
    [
        (Match("PLK1_guide_2", "guide", 2), ["gene-001_1_B03", "gene-002_1_B03"]),
        (Match("RXRX3-43938", "gene", 1), ["gene-001_1_C04"]),
        (Match("PSMB5", "gene", 1), ["gene-001_1_C02"]),
        (Match("PSMB5", "compound", 2), ["compound-001_7_E18", "compound-001_7_E19"]),
        (Match("voglibose", "compound", 2), ["compound-001_7_E04", "compound-001_7_E05"]),
        (Match("EMPTY_control", "control", 3), ["compound-001_7_D02", "gene-001_1_D02"]),
        (Match("gene-001_1_AF47", "well", 1), ["gene-001_1_AF47"]),
    ],
)
def test_the_wells_of_a_name(index: SearchIndex, hit: Match, addresses: list[str]) -> None:
    found = index.wells_of(hit)
    assert set(addresses) <= set(found.index)
    assert len(found) == hit.n_wells


def test_every_hit_stands_for_as_many_wells_as_it_says(index: SearchIndex) -> None:
    hits = [hit for text in "aeiou1" for hit in index.search(text, 1000)]
    assert {hit.kind for hit in hits} == {"gene", "guide", "compound", "control", "well"}
    for hit in hits:
        assert len(index.wells_of(hit)) == hit.n_wells, hit


@pytest.mark.parametrize("column_is_there", [True, False])
def test_names_are_found_where_the_type_of_perturbation_is_unknown(
    tmp_path: Path, column_is_there: bool
) -> None:
    rows = [row | {"perturbation_type": None} for row in ROWS]
    if not column_is_there:
        rows = [{k: v for k, v in row.items() if k != "perturbation_type"} for row in rows]
    path = b.Screen(rows).write_metadata(tmp_path / "metadata.csv")
    index = SearchIndex(rx.open_dataset(path, tmp_path / "cache").wells)
    for name, kind, n in (
        ("PLK1_guide_1", "guide", 2),
        ("Voglibose", "compound", 2),
        ("EMPTY_control", "control", 3),
    ):
        hit = Match(name, kind, n)
        assert index.search(name)[0] == index.find(name) == hit
        assert len(index.wells_of(hit)) == n


def test_wells_without_names_are_found_by_their_ids() -> None:
    index = SearchIndex(table_of(["x", "y"]).assign(treatment=np.nan).astype("str"))
    assert index.search("a02") == [Match("compound-001_1_A02", "well", 1)]
    assert SearchIndex(table_of([])).search("a") == []


NAME = st.text(
    st.sampled_from("abcABCéßΣς 019-_.*+?^$()[]{}|\\/%,'\"µ"), min_size=1, max_size=12
).filter(lambda name: name == name.strip())


@settings(deadline=None, max_examples=80)
@given(names=st.lists(NAME, min_size=1, max_size=8, unique=True), data=st.data())
def test_any_part_of_any_name_finds_it_in_any_case(names: list[str], data: st.DataObject) -> None:
    index = SearchIndex(table_of(names))
    name = data.draw(st.sampled_from(names))
    start = data.draw(st.integers(0, len(name) - 1))
    part = name[start : data.draw(st.integers(start + 1, len(name)))]
    text = data.draw(st.sampled_from([part, part.upper(), part.lower(), part.swapcase()]))
    hits = names_of(index.search(text, 1000))
    assert name in hits or not part.strip()
    found = [hit for hit in hits if hit in names]
    assert all(text.strip().casefold() in hit.casefold() for hit in found)
    starts = [hit.casefold().startswith(text.strip().casefold()) for hit in found]
    assert starts == sorted(starts, reverse=True)
    assert index.find(name) == Match(name, index.search(name, 1000)[0].kind, 1)


def test_where_a_name_is_plate_by_plate(wells: pd.DataFrame) -> None:
    pictured = ["gene-001_1_B04", "gene-001_1_B06", "compound-001_7_D02"]
    table = wells.assign(has_image=wells.index.isin(pictured))
    index = SearchIndex(table)
    found = index.where(Match("PLK1", "gene", 8))
    first, second = PlateId("gene-001", 1), PlateId("gene-002", 1)
    assert found.plates == (
        FoundPlate(first, 6, 2, "gene-001_1_B04"),  # the first that has an image
        FoundPlate(second, 2, 0, "gene-002_1_B02"),
    )
    assert list(table.index[found.positions]) == [*found.on(first), *found.on(second)]
    assert found.on(second) == ["gene-002_1_B02", "gene-002_1_B03"]
    assert found.plate(second) == found.plates[1]
    elsewhere = PlateId("compound-001", 7)
    assert found.on(elsewhere) == found.on(None) == []
    assert found.plate(elsewhere) is None
    controls = index.where(index.find("EMPTY_control") or pytest.fail("it is there"))
    assert [found.n_wells for found in controls.plates] == [1, 2]
    assert [found.n_images for found in controls.plates] == [1, 0]
    well = index.where(Match("compound-001_7_E06", "well", 1))
    assert well.plates == (FoundPlate(elsewhere, 1, 0, "compound-001_7_E06"),)


@pytest.mark.parametrize(
    ("plate", "row", "column", "name"),
    [
        (PlateId("gene-001", 1), 31, 46, "gene-001_1_AF47"),
        (PlateId("compound-001", 7), 3, 1, "compound-001_7_D02"),
        (PlateId("gene-001", 1), 0, 0, None),
        (PlateId("gene-001", 2), 31, 46, None),
    ],
)
def test_the_well_at_a_position(
    index: SearchIndex, plate: PlateId, row: int, column: int, name: str | None
) -> None:
    assert index.at(plate, row, column) == (Match(name, "well", 1) if name else None)


def test_every_hit_is_found_where_its_wells_are(index: SearchIndex) -> None:
    for hit in {hit for text in "aeiou1" for hit in index.search(text, 1000)}:
        found, rows = index.where(hit), index.wells_of(hit)
        assert [well for plate in found.plates for well in found.on(plate.plate)] == list(
            rows.index
        )
        assert sum(plate.n_wells for plate in found.plates) == hit.n_wells
        assert len({plate.plate for plate in found.plates}) == len(found.plates)


def test_a_search_can_be_stopped(index: SearchIndex) -> None:
    def stop() -> None:
        raise Cancelled("A newer request took over.")

    with pytest.raises(Cancelled):
        index.search("no such name", go_on=stop)
