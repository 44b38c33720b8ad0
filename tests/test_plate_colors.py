"""A plate as a grid, its colors, the words for a well, and moving about on it."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_rxrx3.core.plate import N_COLUMNS, N_POSITIONS, format_address
from napari_rxrx3.core.plate_colors import (
    CategoricalLegend,
    NumericLegend,
    color_choices,
    color_plate,
    hatch_mask,
    paint_plate,
    paint_wells,
)
from napari_rxrx3.core.plate_view import (
    PlateGrid,
    PlateView,
    WellSelection,
    WellState,
    describe_well,
)
from sight import SIGHTS

INKS = ((240, 241, 242), (35, 36, 43))
MISSING = [WellState.NO_IMAGE, WellState.NO_EMBEDDING, WellState.NEITHER, WellState.FAILED]


def well(position: int, treatment: str = "EMPTY_control", /, **changes: Any) -> dict[str, Any]:
    """One row of a well table; what kind of well it is follows from the treatment."""
    row, column = divmod(position, N_COLUMNS)
    is_guide = "_guide_" in treatment
    is_control = treatment.endswith("_control")
    return {
        "experiment_name": "gene-001" if is_guide else "compound-001",
        "plate": 7,
        "address": format_address(row, column),
        "row": row,
        "column": column,
        "gene": treatment.split("_guide_")[0] if is_guide else np.nan,
        "treatment": treatment,
        "SMILES": np.nan,
        "concentration": np.nan,
        "perturbation_type": "CRISPR" if is_guide else "COMPOUND",
        "cell_type": "HUVEC",
        "well_type": treatment if is_control else "guide" if is_guide else "compound",
        "has_image": True,
        "has_embedding": True,
    } | changes


def table(*wells: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(list(wells), columns=list(well(0)) if not wells else None)
    ids = frame["experiment_name"] + "_" + frame["plate"].astype(str) + "_" + frame["address"]
    return frame.set_index(pd.Index(ids, name="well_id"))


def colors_of(wells: pd.DataFrame, by: str) -> dict[int, tuple[int, ...]]:
    """RGBA by position, of the listed wells."""
    view = PlateView.from_wells(wells)
    rgba = color_plate(view, wells, by).rgba
    return {int(p): tuple(rgba[p].tolist()) for p in view.listed}


CRISPR = table(
    well(49),
    well(50, "PLK1_guide_1", well_type="positive_control"),
    well(51, "SRC_guide_1", well_type="cutting_control"),
    well(52, "RPS15_guide_2"),
    well(53, "RPS15_guide_3"),
)
COMPOUND = table(
    well(49),
    well(50, "CRISPR_control"),
    well(51, "Voglibose", concentration=0.01),
    well(52, "voglibose", concentration=0.1),
    well(53, "Bortezomib", concentration=1.0),
)


# -- the grid -------------------------------------------------------------------------------------


def test_wells_stand_at_their_positions_in_their_states() -> None:
    view = PlateView.from_wells(
        table(
            well(1535),
            well(0, has_image=False),
            well(49, has_embedding=False),
            well(50, has_image=False, has_embedding=False),
        )
    )
    assert view.listed.tolist() == [0, 49, 50, 1535]
    assert view.rows[[1535, 0, 49, 50]].tolist() == [0, 1, 2, 3]
    assert view.states[[1535, 0, 49, 50]].tolist() == [
        WellState.COMPLETE,
        WellState.NO_IMAGE,
        WellState.NO_EMBEDDING,
        WellState.NEITHER,
    ]
    assert (np.delete(view.states, [0, 49, 50, 1535]) == WellState.EMPTY).all()
    with pytest.raises(ValueError, match="read-only"):
        view.rows[0] = 3


def test_a_plate_without_wells_lists_none() -> None:
    for view in (PlateView.empty(), PlateView.from_wells(table())):
        assert not len(view.listed)
        assert view.rows.shape == view.states.shape == (N_POSITIONS,)
        assert not view.is_listed(0)
        assert not view.is_listed(-1)


@given(
    st.integers(4, 40),
    st.integers(0, 60),
    st.integers(0, N_POSITIONS - 1),
    st.floats(0, 0.99),
)
def test_a_pixel_finds_the_well_that_is_drawn_there(
    pitch: int, margin: int, position: int, inside: float
) -> None:
    grid = PlateGrid.fit(pitch * 48 + margin, pitch * 32 + margin, 20, 15, 1)
    assert grid.pitch == pitch + margin // 48
    x, y = grid.corner(position)
    assert grid.at(x + inside * grid.pitch, y + inside * grid.pitch) == position
    assert grid.at(grid.left - 0.5, y) == grid.at(x, grid.top - 0.5) == -1
    assert grid.at(grid.left + 48 * grid.pitch, y) == -1
    assert grid.nearest(-1e6, -1e6) == 0
    assert grid.nearest(1e6, 1e6) == N_POSITIONS - 1


@given(st.integers(4, 30), st.floats(5, 40), st.none() | st.integers(0, 31))
def test_labels_keep_their_distance_and_the_current_one_is_there(
    pitch: int, space: float, current: int | None
) -> None:
    grid = PlateGrid(pitch, 0, 0, 1)
    rows, columns = grid.labeled_rows(space, current), grid.labeled_columns(space, current)
    for lines in (rows, columns):
        assert current is None or current in lines
        assert all((b - a) * pitch >= min(space, 8 * pitch) for a, b in pairwise(sorted(lines)))
    assert len(rows) > 1
    assert len(columns) > 1


# -- moving about ---------------------------------------------------------------------------------

POSITIONS = st.integers(0, N_POSITIONS - 1)
DIRECTIONS = st.sampled_from([(0, 1), (0, -1), (1, 0), (-1, 0)])
ACTS = st.one_of(
    st.tuples(st.just("go"), POSITIONS),
    st.tuples(st.just("toggle"), POSITIONS),
    st.tuples(st.just("extend"), POSITIONS),
    st.tuples(st.just("span"), POSITIONS, POSITIONS),
    st.tuples(st.just("jump"), st.sampled_from([0, -1]), st.booleans()),
    DIRECTIONS.flatmap(lambda d: st.tuples(st.just("step"), *map(st.just, d), st.booleans())),
)


def view_of(positions: set[int]) -> PlateView:
    row, column = np.divmod(sorted(positions), N_COLUMNS)
    there = {"has_image": True, "has_embedding": True}
    return PlateView.from_wells(pd.DataFrame({"row": row, "column": column, **there}))


@given(st.sets(POSITIONS, max_size=60), st.lists(ACTS, max_size=30))
def test_only_listed_wells_are_ever_chosen(listed: set[int], acts: list[tuple[Any, ...]]) -> None:
    chosen = WellSelection(view_of(listed))
    for name, *args in acts:
        getattr(chosen, name)(*args)
        assert chosen.wells <= listed
        assert (chosen.current is None) == (not chosen.wells)
        assert chosen.current is None or chosen.current in chosen.wells


@given(st.sets(POSITIONS, min_size=1, max_size=200), st.data(), DIRECTIONS)
def test_a_step_goes_to_the_next_listed_well_of_the_line(
    listed: set[int], data: st.DataObject, direction: tuple[int, int]
) -> None:
    start = data.draw(st.sampled_from(sorted(listed)))
    by = direction[0] * N_COLUMNS + direction[1]
    line = start % N_COLUMNS if direction[0] else start // N_COLUMNS
    ahead = [
        p
        for p in listed
        if (p - start) * by > 0 and line == (p % N_COLUMNS if direction[0] else p // N_COLUMNS)
    ]
    expected = min(ahead, key=lambda p: abs(p - start), default=start)
    assert view_of(listed).step(start, *direction) == expected


def test_extending_keeps_the_anchor_and_moves_the_other_corner() -> None:
    chosen = WellSelection(view_of({49, 50, 51, 97, 98, 99}))
    chosen.go(50)
    chosen.step(0, 1, extend=True)
    chosen.step(1, 0, extend=True)
    assert (chosen.current, chosen.wells) == (50, {50, 51, 98, 99})
    chosen.step(0, -1, extend=True)
    chosen.step(0, -1, extend=True)
    assert (chosen.current, chosen.wells) == (50, {49, 50, 97, 98})


def test_letting_go_of_the_current_well_makes_another_one_current() -> None:
    chosen = WellSelection(view_of({49, 50, 51}))
    chosen.go(51)
    chosen.toggle(49)
    assert (chosen.current, chosen.wells) == (51, {49, 51})
    chosen.toggle(51)
    assert (chosen.current, chosen.wells) == (49, {49})
    chosen.toggle(49)
    assert (chosen.current, chosen.wells) == (49, {49})


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            well(30 * 48 + 22, "Bortezomib", concentration=2.5),
            ["AE23   compound-001_7_AE23", "Bortezomib, 2.5 µM", "compound"],
        ),
        (well(49, "Bortezomib"), ["B02   compound-001_7_B02", "Bortezomib", "compound"]),
        (
            well(49, "PLK1_guide_3", well_type="positive_control"),
            [
                "B02   gene-001_7_B02",
                "PLK1, guide 3",
                "positive control: a guide with a known strong effect",
            ],
        ),
        (
            well(49, "RXRX3-43938_guide_6"),
            ["B02   gene-001_7_B02", "blinded gene RXRX3-43938, guide 6", "guide"],
        ),
        (
            well(49, has_image=False, has_embedding=False),
            [
                "B02   compound-001_7_B02",
                "EMPTY_control: no perturbation",
                "no image on disk",
                "no embedding",
            ],
        ),
        (
            well(49, "PLK1_guide_1", treatment=np.nan, well_type=np.nan),
            ["B02   gene-001_7_B02", "PLK1", "well type unknown"],
        ),
    ],
)
def test_a_well_in_words(row: dict[str, Any], words: list[str]) -> None:
    assert describe_well(table(row).iloc[0]).split("\n") == words


def test_the_undocumented_control_is_said_to_be_so() -> None:
    text = describe_well(table(well(49, "CRISPR_control")).iloc[0])
    assert "CRISPR_control: a control class of compound plates" in text
    assert "no perturbation" not in text


# -- colors ---------------------------------------------------------------------------------------


def test_only_what_makes_sense_for_a_plate_is_offered() -> None:
    assert color_choices(CRISPR) == ["well type", "gene", "perturbation"]
    assert color_choices(COMPOUND) == ["well type", "compound", "dose"]
    assert color_choices(table()) == ["well type"]
    more = COMPOUND.assign(count=[1, 2, 3, 4, 5], none=np.nan, flag=True, words="text", age=0.5)
    assert color_choices(more) == ["well type", "compound", "dose", "count", "age"]


def test_a_well_type_has_one_color_on_every_plate() -> None:
    crispr, compound = colors_of(CRISPR, "well type"), colors_of(COMPOUND, "well type")
    assert crispr[49] == compound[49] == (86, 180, 233, 255)
    assert len(set(crispr.values())) == 4
    assert crispr[52] == crispr[53]
    assert len(set(compound.values())) == 3


@pytest.mark.parametrize("by", ["gene", "perturbation", "compound"])
def test_controls_keep_their_colors(by: str) -> None:
    for wells in (CRISPR, COMPOUND):
        types, names = colors_of(wells, "well type"), colors_of(wells, by)
        controls = [p for p, t in zip(types, wells["well_type"], strict=True) if "_control" in t]
        assert controls
        assert all(names[p] == types[p] for p in controls)


def test_guides_share_the_color_of_their_gene_only_by_gene() -> None:
    by_gene, by_guide = colors_of(CRISPR, "gene"), colors_of(CRISPR, "perturbation")
    assert by_gene[52] == by_gene[53]
    assert by_guide[52] != by_guide[53]


def test_names_that_differ_by_case_differ_in_color() -> None:
    by_compound = colors_of(COMPOUND, "compound")
    assert by_compound[51] != by_compound[52]


def test_a_name_has_the_same_color_on_every_plate_and_every_day() -> None:
    other = table(well(700, "Bortezomib"), well(701, "Clozapine"))
    assert colors_of(COMPOUND, "compound")[53] == colors_of(other, "compound")[700]
    # Written down here: a new version of the plugin must not recolor yesterday's figure.
    assert colors_of(other, "compound") == {
        700: (95, 155, 123, 255),
        701: (169, 122, 163, 255),
    }


def test_what_has_no_value_has_no_color() -> None:
    assert colors_of(COMPOUND, "gene")[53] == (0, 0, 0, 0)
    assert colors_of(CRISPR, "compound")[52] == (0, 0, 0, 0)
    legend = color_plate(PlateView.from_wells(COMPOUND), COMPOUND, "gene").legend
    assert legend.n_without == 3


def test_a_long_legend_is_cut() -> None:
    wells = table(
        well(49),
        *(well(100 + n, f"Drug {n:02}") for n in range(32)),
        *(well(200 + n, "Frequent") for n in range(3)),
    )
    legend = color_plate(PlateView.from_wells(wells), wells, "compound").legend
    assert isinstance(legend, CategoricalLegend)
    assert [(label, count) for label, _, count in legend.entries[:3]] == [
        ("EMPTY_control", 1),
        ("Frequent", 3),
        ("Drug 00", 1),
    ]
    assert len(legend.entries) + legend.n_more == 34
    assert legend.n_more > 20


def test_the_legend_shows_the_colors_of_the_plate() -> None:
    legend = color_plate(PlateView.from_wells(COMPOUND), COMPOUND, "compound").legend
    assert isinstance(legend, CategoricalLegend)
    shown = {label: (*rgb, 255) for label, rgb, _ in legend.entries}
    assert shown["Bortezomib"] == colors_of(COMPOUND, "compound")[53]
    assert {count for _, _, count in legend.entries} == {1}


def test_doses_are_colored_by_their_logarithm() -> None:
    view = PlateView.from_wells(COMPOUND)
    plate = color_plate(view, COMPOUND, "dose")
    assert isinstance(plate.legend, NumericLegend)
    assert (plate.legend.low, plate.legend.high, plate.legend.n_without) == (0.01, 1.0, 2)
    scale = plate.legend.colors
    assert [tuple(plate.rgba[p, :3].tolist()) for p in (51, 52, 53)] == [
        scale[0],
        scale[len(scale) // 2],
        scale[-1],
    ]
    assert plate.rgba[49, 3] == 0
    zero = COMPOUND.assign(concentration=0.0)
    assert color_plate(view, zero, "dose").legend.n_without == 5


@pytest.mark.parametrize(
    ("values", "low", "high", "n_without"),
    [
        ([3, 3, 3, 3, 3], 3, 3, 0),
        ([1.0, np.nan, np.inf, -np.inf, 2.0], 1, 2, 3),
        (pd.array([1, None, 5, None, 2], "Int64"), 1, 5, 2),
    ],
)
def test_any_column_of_numbers_has_a_scale(
    values: Any, low: float, high: float, n_without: int
) -> None:
    wells = COMPOUND.assign(count=values)
    plate = color_plate(PlateView.from_wells(wells), wells, "count")
    assert isinstance(plate.legend, NumericLegend)
    assert (plate.legend.low, plate.legend.high, plate.legend.n_without) == (low, high, n_without)
    assert (plate.rgba[:, 3] > 0).sum() == 5 - n_without


def test_a_plate_without_any_value_says_so() -> None:
    legend = color_plate(PlateView.from_wells(CRISPR), CRISPR, "dose").legend
    assert isinstance(legend, NumericLegend)
    assert np.isnan(legend.low)
    assert legend.n_without == 5


@pytest.mark.parametrize("by", ["SMILES", "no such column", ""])
def test_what_is_no_number_is_refused(by: str) -> None:
    wells = COMPOUND.assign(SMILES="CCO")
    with pytest.raises(ValueError, match="cannot be colored by"):
        color_plate(PlateView.from_wells(wells), wells, by)


@given(st.lists(st.floats(allow_nan=True, width=32), min_size=1, max_size=40))
def test_greater_is_lighter(values: list[float]) -> None:
    wells = table(*(well(p, "Drug") for p in range(len(values)))).assign(value=values)
    rgba = color_plate(PlateView.from_wells(wells), wells, "value").rgba[: len(values)]
    known = np.isfinite(values)
    assert ((rgba[:, 3] > 0) == known).all()
    lightness = oklab(rgba[known, :3])[:, 0]
    assert (np.diff(lightness[np.argsort(np.array(values)[known])]) > -0.01).all()


# -- color vision ---------------------------------------------------------------------------------


def oklab(rgb: Any, vision: str = "all cones") -> np.ndarray:
    """Perceptual coordinates (n, 3) of sRGB colors as they are seen with a kind of vision."""
    srgb = np.asarray(rgb, float).reshape(-1, 3) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ SIGHTS[vision].T, 0, 1)
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(linear @ np.transpose(to_lms)) @ np.transpose(to_lab)


@pytest.mark.parametrize("vision", SIGHTS)
@pytest.mark.parametrize(("wells", "n_types"), [(CRISPR, 4), (COMPOUND, 3)])
def test_the_well_types_of_a_plate_are_told_apart_with_any_color_vision(
    wells: pd.DataFrame, n_types: int, vision: str
) -> None:
    colors = sorted(set(colors_of(wells, "well type").values()))
    assert len(colors) == n_types
    seen = oklab([color[:3] for color in colors], vision)
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.09


@pytest.mark.parametrize("vision", SIGHTS)
def test_the_scale_has_equal_steps_of_lightness(vision: str) -> None:
    legend = color_plate(PlateView.from_wells(COMPOUND), COMPOUND, "dose").legend
    assert isinstance(legend, NumericLegend)
    steps = np.diff(oklab(legend.colors, vision)[:, 0])
    assert (steps > 0).all()
    if vision == "all cones":
        assert steps.max() < 1.5 * steps.min()


# -- pixels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 5, 6, 8, 9, 13, 26])
def test_hatches_differ_and_leave_the_color_to_be_seen(size: int) -> None:
    masks = [hatch_mask(state, size) for state in MISSING]
    assert all((a != b).sum() >= size / 2 for a, b in combinations(masks, 2))
    assert all(0.1 < mask.mean() < 0.75 for mask in masks)
    assert not hatch_mask(WellState.COMPLETE, size).any()
    assert not hatch_mask(WellState.EMPTY, size).any()


@pytest.mark.parametrize("inks", [INKS, INKS[::-1]])
@given(color=st.tuples(*[st.integers(0, 255)] * 3), state=st.sampled_from(MISSING))
def test_a_hatch_is_seen_on_any_color(
    inks: Any, color: tuple[int, int, int], state: WellState
) -> None:
    pixels = paint_wells(
        np.array([(*color, 255)], np.uint8), np.array([state], np.uint8), 7, 1, inks
    )
    drawn = pixels[0, :6, :6][hatch_mask(state, 6)]
    assert len(np.unique(drawn, axis=0)) == 1
    assert tuple(drawn[0, :3].tolist()) in inks
    luma = np.array([0.299, 0.587, 0.114])
    assert abs(float((drawn[0, :3] - np.array(color, float)) @ luma)) > 90
    assert (pixels[0, :6, :6][~hatch_mask(state, 6)] == (*color, 255)).all()
    assert not pixels[0, 6].any()


def test_a_whole_well_is_filled_and_one_without_a_value_is_an_outline() -> None:
    colors = np.array([(10, 20, 30, 255), (0, 0, 0, 0), (0, 0, 0, 0)], np.uint8)
    states = np.array([WellState.COMPLETE, WellState.COMPLETE, WellState.EMPTY], np.uint8)
    full, bare, dot = paint_wells(colors, states, 8, 1, INKS)[:, :7, :7]
    assert (full == (10, 20, 30, 255)).all()
    assert bare[0].any(axis=-1).all()
    assert not bare[1:-1, 1:-1].any()
    assert dot[3, 3].any()
    assert (dot[..., 3] > 0).sum() < 10


def test_a_hatch_that_all_wells_have_is_faint() -> None:
    wells = table(*(well(p, "Drug", has_embedding=False) for p in range(20)))
    one_whole = table(*(well(p, "Drug", has_embedding=p == 19) for p in range(20)))
    changes = []
    for listed in (wells, one_whole):
        view = PlateView.from_wells(listed)
        colors = color_plate(view, listed, "well type")
        first = paint_plate(view, colors, 8, 1, INKS)[:7, :7, :3].astype(int)
        changes.append(np.abs(first - colors.rgba[0, :3].astype(int)).max())
    assert 0 < changes[0] < changes[1] / 2


@pytest.mark.parametrize("inks", [INKS, INKS[::-1]])
@pytest.mark.parametrize("state", [state for state in MISSING if state != WellState.FAILED])
def test_a_faint_hatch_on_plate_colors_lies_between_the_color_and_the_ink(
    inks: Any, state: WellState
) -> None:
    colors = np.random.default_rng(1).integers(0, 256, (300, 4), dtype=np.uint8)
    colors[:, 3] = 255
    one_is_whole = np.full(len(colors), state, np.uint8)
    one_is_whole[0] = WellState.COMPLETE
    drawn = [
        paint_wells(colors, states, 7, 1, inks)[1:, :6, :6][:, hatch_mask(state, 6)].astype(int)
        for states in (np.full(len(colors), state, np.uint8), one_is_whole)
    ]
    faint, strong = (pixels[:, 0] for pixels in drawn)
    colors = colors[1:].astype(int)
    assert (np.minimum(colors, strong) <= faint + 1).all()  # a part of a step is cut off
    assert (faint <= np.maximum(colors, strong)).all()
    assert (abs(faint - colors) <= 0.6 * abs(strong - colors) + 1).all()


def test_a_plate_is_drawn_well_by_well() -> None:
    view = PlateView.from_wells(COMPOUND)
    colors = color_plate(view, COMPOUND, "compound")
    pixels = paint_plate(view, colors, 6, 1, INKS, failed=[51], highlighted=[51, 53])
    assert pixels.shape == (32 * 6, 48 * 6, 4)
    tiles = {p: pixels[6 : 6 + 5, 6 * (p - 48) : 6 * (p - 48) + 5] for p in range(49, 54)}
    assert (tiles[53] == colors.rgba[53]).all()
    assert (tiles[51] != colors.rgba[51]).any()
    assert (tiles[52][..., :3] == colors.rgba[52, :3]).all()
    assert (tiles[52][..., 3] < 80).all()
