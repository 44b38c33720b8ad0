"""The state of a window: what follows what, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import UnknownWell
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.plate import PlateId, parse_well_id
from napari_rxrx3.core.words import name_of_well
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.maps.spec import MapSpec
from napari_rxrx3.session import CONTRAST_RULES, CROPS, Query, Session
from napari_rxrx3.strips import arrange
from napari_rxrx3.strips.strip import Strip

GENE_1, GENE_2, GENE_10 = (PlateId("gene-001", n) for n in (1, 2, 10))
COMPOUND = PlateId("compound-001", 1)
OTHER = PlateId("gene-002", 1)
WITHOUT_IMAGES = PlateId("compound-002", 5)
PLATES = [COMPOUND, WITHOUT_IMAGES, GENE_1, GENE_2, GENE_10, OTHER]

ROWS = [
    b.guide_row(*GENE_1, "B02", "PLK1", 1),
    b.guide_row(*GENE_1, "AF47", "MTOR", 3),
    b.guide_row(*GENE_1, "C02", "RXRX3-43938", 6),
    b.well_row(*GENE_1, "C03"),
    b.control_row(*GENE_1, "B04"),
    b.control_row(*GENE_1, "B03"),  # nearer to B02, but without images
    b.control_row(*GENE_1, "AA40"),
    b.guide_row(*GENE_2, "B02", "PLK1", 2),
    b.guide_row(*GENE_2, "C02", "MTOR", 1),
    b.guide_row(*GENE_2, "C03", "MTOR", 2),
    b.control_row(*GENE_2, "D04"),
    b.guide_row(*GENE_10, "Z48", "PLK1", 1),
    b.guide_row(*OTHER, "B02", "PLK1", 1),
    b.dose_row(*COMPOUND, "B02", "Bortezomib", 2.5),
    b.dose_row(*COMPOUND, "B03", "Bortezomib", 0.0025),
    b.control_row(*COMPOUND, "C03"),
    b.dose_row(*WITHOUT_IMAGES, "E05", "Voglibose", 10),
]
BARE = {"gene-001_1_B03", "gene-001_2_C02", "compound-002_5_E05"}
SIGNALS = (
    "dataset_changed",
    "plate_changed",
    "well_changed",
    "selection_changed",
    "highlight_changed",
    "tiles_changed",
    "crop_changed",
    "difference_changed",
    "view_changed",
    "query_changed",
    "chosen_changed",
    "contrast_rule_changed",
    "limits_changed",
    "failures_changed",
    "message_changed",
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("session")
    screen = b.Screen.of(ROWS, size=4)
    screen.planes = {well: p for well, p in screen.planes.items() if well not in BARE}
    screen.write_metadata(folder / "metadata.csv")
    screen.write_folders(folder)
    return rx.open_dataset(folder, folder / "cache")


@pytest.fixture(scope="module")
def other_dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("other")
    b.Screen([b.guide_row("gene-009", 3, "D05", "TUBB")]).write_metadata(folder / "metadata.csv")
    return rx.open_dataset(folder, folder / "cache")


class Heard(list):
    """Records the signals of a session, in order, with what they carried."""

    def __init__(self, session: Session) -> None:
        for name in SIGNALS:
            getattr(session, name).connect(lambda value, name=name: self.append((name, value)))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self]

    def last(self, name: str) -> Any:
        return [value for heard, value in self if heard == name][-1]


@pytest.fixture
def session(dataset: Any) -> Session:
    session = Session()
    session.open(dataset)
    session.select_well("gene-001_1_B02")
    return session


@pytest.fixture
def heard(session: Session) -> Heard:
    return Heard(session)


# --- opening ---------------------------------------------------------------------------------


def test_a_new_session_is_empty_and_takes_no_harm_from_clicks() -> None:
    session = Session()
    session.go_to_plate(GENE_1)
    session.step_plate(1)
    session.back()
    session.show_beside_query("PLK1", None)
    session.set_level("guide")
    assert (session.dataset, session.plate, session.well, session.tiles) == (None, None, None, ())
    assert session.query.level == "guide"
    with pytest.raises(UnknownWell):
        session.select_well("gene-001_1_B02")


def test_opening_goes_to_the_first_plate_and_well_with_images(dataset: Any) -> None:
    session = Session()
    heard = Heard(session)
    session.open(dataset)
    assert session.plate == COMPOUND
    assert session.well == "compound-001_1_B02"
    assert session.query == Query("Bortezomib@2.5", "compound-001_1_B02")
    assert session.tiles == (Tile("compound-001_1_B02", "Bortezomib 2.5 µM"),)
    assert heard.names[:3] == ["dataset_changed", "plate_changed", "well_changed"]
    assert [v for n, v in heard if n == "plate_changed"] == [COMPOUND]
    assert [v for n, v in heard if n == "well_changed"] == ["compound-001_1_B02"]
    assert not session.history.can_go_back


@pytest.mark.parametrize("to_what", ["another", "none"])
def test_opening_another_data_set_forgets_the_first(
    session: Session, heard: Heard, other_dataset: Any, to_what: str
) -> None:
    session.light_up(["gene-001_2_B02"])
    session.note_failures({"gene-001_1_B02": "damaged"})
    session.set_limits(((0.0, 1.0),) * 6)
    session.ask(order="opposite", kind="genes", embedding="my own", control="CRISPR_control")
    session.select_well("gene-001_2_C03")
    session.back()
    assert session.history.can_go_forward
    heard.clear()
    new = other_dataset if to_what == "another" else None
    session.open(new)
    well = "gene-009_3_D05" if new is not None else None
    assert (session.dataset, session.well) == (new, well)
    assert session.selection == ({well} if well else set())
    assert (session.highlight, session.failures, session.limits) == (frozenset(), {}, None)
    assert not session.history.can_go_back
    assert not session.history.can_go_forward
    assert session.query == Query("TUBB" if well else "", well, order="opposite", kind="genes")
    assert (session.query.embedding, session.query.control) == ("", "EMPTY_control")
    for name in ("dataset", "plate", "well", "selection", "highlight", "failures", "tiles"):
        assert heard.last(f"{name}_changed") == getattr(session, name)
    assert heard.last("query_changed") == session.query


# --- a change is whole, and told once --------------------------------------------------------


ACTIONS: dict[str, Callable[[Session], object]] = {
    "a well of the plate": lambda s: s.select_well("gene-001_1_C02"),
    "a well of another plate": lambda s: s.select_well("gene-002_1_B02"),
    "the same well": lambda s: s.select_well("gene-001_1_B02"),
    "another plate": lambda s: s.go_to_plate(GENE_2),
    "the next plate": lambda s: s.step_plate(1),
    "a plate that is not listed": lambda s: s.go_to_plate(PlateId("gene-001", 7)),
    "the plate as a view": lambda s: s.set_view("plate"),
    "a well out of the plate": lambda s: s.open_well("gene-001_1_AF47"),
    "beside a control": lambda s: s.show_strip(arrange("control", s.dataset, s.well)),
    "flicker": lambda s: s.flicker(),
    "back": lambda s: s.back(),
    "forward": lambda s: s.forward(),
    "a level": lambda s: s.set_level("guide"),
    "difference": lambda s: s.set_difference(not s.difference),
    "selection": lambda s: s.select_wells(s.dataset.wells_of_plate(s.plate).index[:2]),
    "light": lambda s: s.light_up(["gene-001_1_B02"]),
    "limits": lambda s: s.set_limits(((0.0, 9.0),) * 6),
    "the data set anew": lambda s: s.open(s.dataset),
}


@given(names=st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_change_is_whole_before_it_is_told_and_told_once(
    dataset: Any, names: list[str]
) -> None:
    session = Session()
    session.open(dataset)
    session.select_well("gene-001_1_B02")
    heard: list[str] = []

    def look(name: str) -> None:
        heard.append(name)
        assert session.well is not None
        on_plate = parse_well_id(session.well).plate_id
        assert on_plate == session.plate
        assert {parse_well_id(well).plate_id for well in session.selection} == {on_plate}
        assert session.is_flickered or session.well in [tile.well_id for tile in session.tiles]

    for name in SIGNALS:
        getattr(session, name).connect(lambda _, name=name: look(name))
    for name in names:
        before = seen_of(session)
        heard.clear()
        ACTIONS[name](session)
        assert len(heard) == len(set(heard))
        if name != "the data set anew":
            is_news = seen_of(session) != before
            assert bool(set(heard) - {"message_changed"}) == is_news


def seen_of(session: Session) -> tuple[Any, ...]:
    """All that a session tells of, but its message."""
    names = [name.removesuffix("_changed") for name in SIGNALS if name != "message_changed"]
    return (*(getattr(session, name) for name in names), session.strip, session.is_flickered)


def test_who_hears_of_a_change_may_change_more(session: Session) -> None:
    """What another listener was still to be told, it is told once, with what holds by then."""
    session.well_changed.connect(lambda _: session.select_wells(["gene-002_1_B02"]))
    session.well_changed.connect(lambda _: session.set_crop(512))
    heard = Heard(session)
    session.select_well("gene-001_1_C02")
    assert session.selection == {"gene-002_1_B02"}
    assert len(set(heard.names)) == len(heard.names)
    assert heard.last("selection_changed") == {"gene-002_1_B02"}
    assert heard.last("crop_changed") == 512


def test_a_change_that_fails_half_way_changes_nothing(session: Session, heard: Heard) -> None:
    def change() -> None:
        with session.changing():
            session.select_well("gene-001_2_B02")
            session.choose_entries(["PLK1"], "one")
            session.set_crop(512)
            session.select_well("gene-001_2_B03")

    with pytest.raises(UnknownWell):
        change()
    assert heard == []
    assert (session.plate, session.well, session.crop) == (GENE_1, "gene-001_1_B02", 0)
    assert (session.chosen, session.chosen_title) == ((), "")


def test_another_data_set_is_news_of_all_that_is_called_the_same_in_it(
    session: Session, heard: Heard, dataset: Any, tmp_path: Path
) -> None:
    session.open(dataset)
    before = session.plate, session.well
    heard.clear()
    session.open(rx.open_dataset(dataset.root, tmp_path / "cache"))
    assert (session.plate, session.well) == before
    for name in ("dataset", "plate", "well", "selection", "tiles", "query"):
        assert heard.names.count(f"{name}_changed") == 1


# --- plates and wells ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "plate", "well"),
    [
        ("gene-001_1_B02", GENE_2, "gene-001_2_B02"),  # the same address
        ("gene-001_1_C02", GENE_2, "gene-001_2_C02"),  # even if it has no image
        ("gene-001_1_AF47", GENE_2, "gene-001_2_B02"),  # else the first with an image
        ("gene-001_1_B02", WITHOUT_IMAGES, "compound-002_5_E05"),  # else the first
    ],
)
def test_another_plate_shows_the_same_address_or_the_first_image(
    session: Session, start: str, plate: PlateId, well: str
) -> None:
    session.select_well(start)
    heard = Heard(session)
    session.go_to_plate(plate)
    assert (session.plate, session.well) == (plate, well)
    assert session.selection == {well}
    assert heard.names.count("plate_changed") == 1
    assert heard.names.count("well_changed") == 1
    assert heard.last("selection_changed") == {well}
    assert heard.last("query_changed").well == well


def test_the_plate_that_is_shown_already_is_no_news(session: Session, heard: Heard) -> None:
    session.select_wells(["gene-001_1_B02", "gene-001_1_B04"])
    heard.clear()
    session.go_to_plate(GENE_1)
    assert heard == []
    assert session.well == "gene-001_1_B02"
    assert len(session.selection) == 2


@pytest.mark.parametrize(
    ("step", "there"),
    [(1, GENE_2), (2, GENE_10), (-1, WITHOUT_IMAGES), (99, OTHER), (-99, COMPOUND)],
)
def test_steps_go_from_plate_to_plate_and_stop_at_the_ends(
    session: Session, step: int, there: PlateId
) -> None:
    session.step_plate(step)
    assert session.plate == there
    session.step_plate(99 if step > 0 else -99)
    assert session.plate == PLATES[-1 if step > 0 else 0]


def test_selecting_a_well_shows_it_on_its_plate_and_asks_about_it(
    session: Session, heard: Heard
) -> None:
    session.select_well("gene-002_1_B02")
    told = ("plate", "well", "selection", "tiles", "query")
    assert sorted(heard.names) == sorted(f"{name}_changed" for name in told)
    assert (heard.names[0], heard.names[-1]) == ("plate_changed", "query_changed")
    assert session.plate == OTHER
    assert session.selection == {"gene-002_1_B02"}
    assert session.tiles == (Tile("gene-002_1_B02", "PLK1 guide 1"),)
    assert session.query == Query("PLK1", "gene-002_1_B02")


def test_the_current_well_within_a_selection_leaves_it_as_it_is(session: Session) -> None:
    both = {"gene-001_1_B02", "gene-001_1_B04"}
    session.select_wells(both)
    session.select_well("gene-001_1_B04")
    assert session.selection == both
    session.select_well("gene-001_1_C02")
    assert session.selection == {"gene-001_1_C02"}


@pytest.mark.parametrize("well", ["gene-001_1_B47", "nonsense", ""])
def test_an_unknown_well_changes_nothing(session: Session, heard: Heard, well: str) -> None:
    for act in (session.select_well, session.well_row, session.key_of_well, session.control_of):
        with pytest.raises(UnknownWell, match=repr(well)):
            act(well)
    assert heard == []
    assert (session.plate, session.well) == (GENE_1, "gene-001_1_B02")


# --- the question and its history ------------------------------------------------------------


@pytest.mark.parametrize(
    ("well", "keys"),
    [
        ("gene-001_1_B02", ("gene-001_1_B02", "PLK1_guide_1", "PLK1", "PLK1")),
        ("gene-001_1_C02", ("gene-001_1_C02", "RXRX3-43938_guide_6", "RXRX3-43938", "RXRX3-43938")),
        ("gene-001_1_B04", ("gene-001_1_B04", *["EMPTY_control"] * 3)),
        (
            "compound-001_1_B03",
            ("compound-001_1_B03", *["Bortezomib@0.0025"] * 2, "Bortezomib"),
        ),
        ("gene-001_1_C03", ("gene-001_1_C03",) * 4),  # nobody says what it received
    ],
)
def test_each_level_has_its_own_key_of_a_well(
    session: Session, well: str, keys: tuple[str, ...]
) -> None:
    session.select_well(well)
    for level, key in zip(("well", "guide", "perturbation", "compound"), keys, strict=True):
        session.set_level(level)
        assert session.query == Query(key, well, level=level)
        assert session.well == well


def test_keys_are_those_of_the_maps(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "map"
    screen = b.Screen.of([row for row in ROWS if row["treatment"]])
    screen.write_rxrx3(folder)
    dataset = rx.open_dataset(folder, tmp_path / "cache")
    mapped = [well for well in screen.ids if well != "compound-001_1_C03"]  # a compound control
    for level in ("well", "guide", "perturbation", "compound"):
        phenomap = dataset.phenomap(level, "none")
        for well in mapped:
            assert well in phenomap.wells_of(session.key_of_well(well, level))


def test_a_neighbor_can_be_shown_under_another_key(session: Session) -> None:
    session.select_well("gene-001_2_B02", key="MTOR")
    assert session.well == "gene-001_2_B02"
    assert session.query == Query("MTOR", "gene-001_2_B02")


def test_the_same_question_is_no_news_and_no_step(session: Session, heard: Heard) -> None:
    session.ask(key=session.query.key)
    session.ask()
    assert heard == []
    session.ask(k=7, metric="euclidean")
    assert heard == [("query_changed", Query("PLK1", "gene-001_1_B02", metric="euclidean", k=7))]


def test_back_brings_the_question_and_its_well(session: Session, heard: Heard) -> None:
    session.select_well("compound-001_1_B02")
    session.ask(order="opposite")
    session.back()
    assert (session.plate, session.well) == (GENE_1, "gene-001_1_B02")
    assert session.tiles == (Tile("gene-001_1_B02", "PLK1 guide 1"),)
    assert session.query == Query("PLK1", "gene-001_1_B02", order="opposite")
    assert heard.last("query_changed") == session.query
    assert heard.last("well_changed") == "gene-001_1_B02"
    session.forward()
    assert session.well == "compound-001_1_B02"
    assert session.query.key == "Bortezomib@2.5"


def test_back_crosses_levels_and_keys_without_a_well(session: Session) -> None:
    session.set_level("guide")
    session.ask(key="MTOR_guide_1", well=None)
    assert session.well == "gene-001_1_B02"
    session.back()
    assert session.query == Query("PLK1_guide_1", "gene-001_1_B02", level="guide")
    session.forward()
    assert session.query == Query("MTOR_guide_1", None, level="guide")
    session.back()
    session.back()
    assert session.query == Query("PLK1", "gene-001_1_B02")


KEYED = {
    "gene-001_1_B02": "PLK1",
    "gene-001_2_C03": "MTOR",
    "compound-001_1_B02": "Bortezomib@2.5",
    "compound-001_1_B03": "Bortezomib@0.0025",
    "compound-002_5_E05": "Voglibose@10",
}


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(st.sampled_from([*KEYED, "back", "forward"]), max_size=25))
def test_history_works_as_in_a_browser(dataset: Any, steps: list[str]) -> None:
    session = Session()
    session.open(dataset)
    visited, here = [session.well], 0
    for step in steps:
        if step == "back":
            session.back()
            here = max(here - 1, 0)
        elif step == "forward":
            session.forward()
            here = min(here + 1, len(visited) - 1)
        else:
            session.select_well(step)
            if step != visited[here]:
                visited[here + 1 :] = [step]
                here += 1
        assert session.well == session.query.well == visited[here]
        assert session.query.key == KEYED[visited[here]]
        assert session.history.can_go_back == (here > 0)
        assert session.history.can_go_forward == (here < len(visited) - 1)


# --- what is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("well", "control"),
    [
        ("gene-001_1_B02", "gene-001_1_B04"),
        ("gene-001_1_AF47", "gene-001_1_AA40"),
        ("gene-001_1_B04", "gene-001_1_AA40"),  # never itself
        ("compound-001_1_B02", "compound-001_1_C03"),
        ("compound-001_1_C03", None),
        ("gene-001_10_Z48", None),
    ],
)
def test_the_nearest_control_with_an_image_stands_beside_a_well(
    session: Session, well: str, control: str | None
) -> None:
    assert session.control_of(well) == control


@pytest.mark.parametrize(
    ("here", "wells", "shown"),
    [
        ("gene-001_1_B02", ["gene-001_2_B02", "gene-001_1_B02"], "gene-001_2_B02"),
        ("gene-001_1_B02", ["gene-002_1_B02", "gene-001_10_Z48"], "gene-001_10_Z48"),
        ("compound-001_1_B02", ["gene-002_1_B02", "gene-001_10_Z48"], "gene-002_1_B02"),
        ("gene-001_2_B02", ["gene-001_2_C02", "gene-001_2_C03"], "gene-001_2_C03"),
        ("gene-001_2_B02", ["gene-001_2_C02", "gene-002_1_B02"], "gene-002_1_B02"),
        ("gene-001_2_B02", ["gene-001_2_C02"], None),
    ],
)
def test_the_picture_of_a_perturbation_is_its_first_in_the_experiment_that_is_shown(
    session: Session, dataset: Any, here: str, wells: list[str], shown: str | None
) -> None:
    session.select_well(here)
    assert session.picture_of(dataset.wells.index.get_indexer(wells)) == shown


def test_who_looks_for_a_picture_keeps_the_data_set_that_was_open(
    session: Session, dataset: Any, other_dataset: Any
) -> None:
    picture_of = session.picture_finder()
    last = len(dataset.wells) - 1
    session.open(other_dataset)
    assert len(other_dataset.wells) <= last
    well = picture_of(np.arange(last + 1)[::-1])
    assert well in dataset.wells.index
    assert well not in other_dataset.wells.index


def test_a_neighbor_is_shown_beside_the_query(session: Session, heard: Heard) -> None:
    session.show_beside_query("MTOR", "gene-001_2_C03")
    assert session.tiles == (
        Tile("gene-001_1_B02", "query: PLK1 guide 1", role="query"),
        Tile("gene-001_2_C03", "neighbor: MTOR", role="neighbor"),
    )
    assert session.strip == Strip("neighbors", "PLK1 and MTOR", session.tiles)
    assert heard == [("tiles_changed", session.tiles)]


def test_another_well_is_shown_beside_the_current_one(session: Session, heard: Heard) -> None:
    session.show_beside_well("gene-001_2_C03", "the other\none")
    assert session.tiles == (
        Tile("gene-001_1_B02", "PLK1 guide 1\nB02", role="query"),
        Tile("gene-001_2_C03", "the other\none", role="neighbor"),
    )
    assert session.strip == Strip("wells", "PLK1 guide 1 and the other", session.tiles)
    assert heard == [("tiles_changed", session.tiles)]


def test_without_a_current_well_none_is_shown_beside_it() -> None:
    session = Session()
    session.show_beside_well("gene-001_2_C03", "the other")
    assert session.tiles == ()
    assert session.strip is None


def test_the_map_of_a_question_is_told_by_the_name_of_its_vectors(
    session: Session, tmp_path: Path
) -> None:
    assert Session().map_spec is None
    assert session.map_spec == MapSpec()  # there are no vectors here
    screen = b.Screen.of(ROWS, size=4)
    screen.write_metadata(tmp_path / "metadata.csv")
    for name in ("first", "second"):
        screen.write_embeddings(tmp_path / f"{name}.parquet")
    dataset = rx.open_dataset(tmp_path, tmp_path / "cache")
    dataset.read_vectors()
    session.open(dataset)
    assert dataset.default_embedding in ("first", "second")
    assert session.map_spec == MapSpec(embedding=dataset.default_embedding)
    for name in ("first", "second"):
        session.ask(embedding=name, level="guide")
        assert session.map_spec == MapSpec(embedding=name, level="guide")


def test_what_is_not_there_has_a_tile_that_says_so(session: Session) -> None:
    session.select_well("gene-001_10_Z48")
    session.show_beside_query("Voglibose@10", None)
    assert session.tiles[1:] == (Tile(None, "neighbor: Voglibose 10 µM", role="neighbor"),)


def test_a_query_without_an_image_has_a_tile_that_says_so(session: Session) -> None:
    session.ask(key="Voglibose@10", well=None)
    session.show_beside_query("MTOR", "gene-001_2_C03")
    assert session.tiles == (
        Tile(None, "query: Voglibose 10 µM (no image of it is here)", role="query"),
        Tile("gene-001_2_C03", "neighbor: MTOR", role="neighbor"),
    )
    session.flicker()
    assert not session.is_flickered


def strip_of(session: Session, kind: str, well: str = "gene-001_1_B02") -> Strip:
    return arrange(kind, session.dataset, well)  # type: ignore[arg-type]


def test_a_strip_is_shown_until_something_else_is_and_leaves_the_overview(
    session: Session, heard: Heard
) -> None:
    session.set_view("plate")
    heard.clear()
    strip = strip_of(session, "control")
    session.show_strip(strip)
    assert heard == [("view_changed", "well"), ("tiles_changed", strip.tiles)]
    assert (session.strip, session.tiles) == (strip, strip.tiles)
    assert session.well == "gene-001_1_B02"
    session.show([("gene-001_1_B04", "any")])
    assert session.strip is None
    session.show_strip(strip)
    session.open_well("gene-001_1_B02")  # of the well itself, that stands beside its control
    assert (session.strip, len(session.tiles)) == (None, 1)
    session.show_strip(strip)
    session.open(None)
    assert (session.strip, session.tiles) == (None, ())


def test_anyone_may_ask_for_a_strip(session: Session) -> None:
    asked: list[tuple[str, object]] = []
    session.strip_wanted.connect(lambda kind, options: asked.append((kind, options)))
    session.want_strip("control")
    session.want_strip("wells", wells=["a", "b"])
    assert asked == [("control", {}), ("wells", {"wells": ["a", "b"]})]
    with pytest.raises(ValueError, match="unknown strip 'plate'; choose one of control"):
        session.want_strip("plate")


def test_a_well_alone_flickers_to_its_control_and_back(session: Session, heard: Heard) -> None:
    alone = session.tiles
    session.flicker()
    assert session.is_flickered
    control = Tile("gene-001_1_B04", "control, B04", role="control")
    assert session.tiles == (control,)
    assert session.well == "gene-001_1_B02"
    session.flicker()
    assert not session.is_flickered
    assert session.tiles == alone
    assert heard == [("tiles_changed", (control,)), ("tiles_changed", alone)]


def test_the_query_and_its_control_change_places_and_no_other_tile_does(session: Session) -> None:
    strip = strip_of(session, "guides")
    session.show_strip(strip)
    session.flicker()
    before, after = (
        {(t.row, t.column): t for t in tiles} for tiles in (strip.tiles, session.tiles)
    )
    query = next(place for place, tile in before.items() if tile.role == "query")
    control = next(place for place, tile in before.items() if tile.role == "control")
    for one, other in ((query, control), (control, query)):
        assert (after[one].well_id, after[one].label) == (
            before[other].well_id,
            before[other].label,
        )
    others = before.keys() - {query, control}
    assert {place: after[place] for place in others} == {p: before[p] for p in others}
    assert list(before) == list(after)
    assert session.strip is strip
    session.flicker()
    assert session.tiles == strip.tiles


def test_a_strip_without_a_control_lets_one_take_the_place_of_the_query(session: Session) -> None:
    strip = strip_of(session, "replicates")
    session.show_strip(strip)
    session.flicker()
    assert session.tiles == (
        Tile("gene-001_1_B04", "control, B04", role="control"),
        *strip.tiles[1:],
    )


def test_where_there_is_no_control_nothing_flickers_and_that_is_said(session: Session) -> None:
    for well in ("compound-001_1_C03", "gene-001_10_Z48"):
        session.select_well(well)
        tiles = session.tiles
        heard = Heard(session)
        session.flicker()
        assert (session.tiles, session.is_flickered) == (tiles, False)
        assert heard == [
            ("message_changed", "There is no control with an image to change places with.")
        ]
    session.open(None)
    session.flicker()
    assert not session.is_flickered


@pytest.mark.parametrize("end", ["select_well", "open_well", "show", "show_strip", "open"])
def test_anything_new_ends_flickering(session: Session, end: str) -> None:
    session.flicker()
    assert session.is_flickered
    if end == "show":
        session.show([("gene-001_1_B02", "again")])
    elif end == "show_strip":
        session.show_strip(strip_of(session, "control"))
    elif end == "open":
        session.open(None)
    else:
        getattr(session, end)("gene-001_1_B02")
        assert session.tiles == (Tile("gene-001_1_B02", "PLK1 guide 1"),)
    assert not session.is_flickered


def test_crop_and_difference_are_told_once_and_stay(session: Session, heard: Heard) -> None:
    for _ in range(2):
        session.set_crop(CROPS[2])
        session.set_difference(True)
    session.select_well("gene-001_2_C03")
    told = [item for item in heard if item[0] in ("crop_changed", "difference_changed")]
    assert told == [("crop_changed", 256), ("difference_changed", True)]
    assert (session.crop, session.difference) == (256, True)
    with pytest.raises(ValueError, match="unknown crop 100"):
        session.set_crop(100)
    session.open(None)  # there is nothing to subtract
    assert (session.crop, session.difference) == (256, False)


@pytest.mark.parametrize(
    ("well", "name"),
    [
        ("gene-001_1_C02", "RXRX3-43938 guide 6"),
        ("compound-001_1_B03", "Bortezomib 0.0025 µM"),
        ("compound-002_5_E05", "Voglibose 10 µM"),
        ("compound-001_1_C03", "EMPTY_control (no perturbation)"),
        ("gene-001_1_C03", "unknown perturbation"),
    ],
)
def test_wells_are_called_by_what_they_received(session: Session, well: str, name: str) -> None:
    assert name_of_well(session.well_row(well)) == name


# --- the rest of the state -------------------------------------------------------------------


def test_found_wells_light_up_and_stay_lit_from_plate_to_plate(
    session: Session, heard: Heard
) -> None:
    session.light_up(["gene-001_1_C02", "gene-002_1_B02"])
    session.go_to_plate(OTHER)
    assert session.highlight == {"gene-001_1_C02", "gene-002_1_B02"}
    session.light_up(())
    assert [v for n, v in heard if n == "highlight_changed"] == [
        {"gene-001_1_C02", "gene-002_1_B02"},
        frozenset(),
    ]


def test_failures_are_told_when_they_are_news(session: Session, heard: Heard) -> None:
    for failures in ({"a": "cut off"}, {"a": "cut off"}, {}, {"a": "cut off", "b": "empty"}):
        session.note_failures(failures)
    session.note_failures({"a": "gone"})
    assert session.failures == {"a": "gone", "b": "empty"}
    assert [value for _, value in heard] == [
        {"a": "cut off"},
        {"a": "cut off", "b": "empty"},
        {"a": "gone", "b": "empty"},
    ]


def test_a_set_of_entries_is_chosen_with_the_map_it_is_of_and_goes_with_the_data_set(
    session: Session, heard: Heard, dataset: Any
) -> None:
    session.ask(level="guide", align="none")
    session.choose_entries(["PLK1_guide_1", "MTOR_guide_3"], "2 guides")
    assert heard.last("chosen_changed") == ("PLK1_guide_1", "MTOR_guide_3")
    assert session.chosen == ("PLK1_guide_1", "MTOR_guide_3")
    assert session.chosen_title == "2 guides"
    assert session.chosen_spec == MapSpec(level="guide", align="none")
    session.ask(level="well")  # another map; the set stays one of its own map
    assert session.chosen_spec.level == "guide"
    session.open(dataset)
    assert (session.chosen, session.chosen_title) == ((), "")
    assert heard.last("chosen_changed") == ()


def test_contrast_and_messages_are_told_once(session: Session, heard: Heard) -> None:
    limits = ((0.0, 9.0),) * 6
    for _ in range(2):
        session.set_contrast_rule(CONTRAST_RULES[2])
        session.set_limits(limits)
    session.say("42 wells")
    assert heard == [
        ("contrast_rule_changed", CONTRAST_RULES[2]),
        ("limits_changed", limits),
        ("message_changed", "42 wells"),
    ]
    assert (session.contrast_rule, session.limits) == (CONTRAST_RULES[2], limits)
    assert session.message == "42 wells"
    with pytest.raises(ValueError, match="no such rule"):
        session.set_contrast_rule("no such rule")


def test_tags_are_told_by_the_review_that_is_worked_on(
    session: Session, dataset: Any, tmp_path: Path
) -> None:
    told: list[tuple[str, object]] = []
    session.review_changed.connect(lambda review: told.append(("review", review)))
    session.tags_changed.connect(lambda wells: told.append(("tags", wells)))
    ours, theirs = (open_review(dataset, name, tmp_path) for name in ("Ada", "Grace"))
    session.set_review(ours)
    session.set_review(ours)
    ours.tag("gene-001_1_B02", 2)
    session.set_review(theirs)
    ours.tag("gene-001_1_B02", 3)
    theirs.tag("gene-001_1_B04", 1)
    session.open(dataset)
    theirs.tag("gene-001_1_B04", 2)
    assert session.review is None
    assert told == [
        ("review", ours),
        ("tags", {"gene-001_1_B02"}),
        ("review", theirs),
        ("tags", {"gene-001_1_B04"}),
        ("review", None),
    ]
