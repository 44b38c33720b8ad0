"""The heat map: cosines of the map's own vectors, in order, as a table and as a figure."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.cluster.hierarchy import average, cophenet, dendrogram
from scipy.spatial.distance import squareform

import napari_rxrx3.maps.heat_map as heat
from napari_rxrx3.core.diverging import BLANK, N_COLORS, color_index, diverging
from napari_rxrx3.core.errors import Cancelled, MapError, UnknownKey
from napari_rxrx3.figures.drawing import own_style
from napari_rxrx3.figures.files import FigureError, FigureExists, Paper
from napari_rxrx3.figures.fonts import written
from napari_rxrx3.figures.heat_map import _HeatMapChart, save_heat_map
from napari_rxrx3.maps.entry_names import find_entries
from napari_rxrx3.maps.heat_map import HeatMap, heat_map, judge_pair
from samples import soak
from screens import Wells, gene_names
from sight import SIGHTS
from test_display import seen
from test_figures import NAMES, is_spelled_in, opened

DATE = datetime(2026, 11, 22, 12, tzinfo=UTC)
GENES = gene_names(24)


def screen() -> Wells:
    """Genes of three groups by their number, a compound at four doses, two of names alike."""
    wells = Wells(seed=3, batch=0.0)
    for plate in (1, 2):
        wells.control("gene-001", plate, 16)
        for i, gene in enumerate(GENES):
            for guide in (1, 2):
                wells.guide("gene-001", plate, gene, guide, 4 * wells.direction(f"group {i % 3}"))
        wells.control("compound-001", plate, 16)
        for dose in (0.25, 2.5, 0.01, 10):
            effect = dose * wells.direction("group 0")
            wells.dose("compound-001", plate, "Bortezomib", dose, effect)
        for name in ("Voglibose", "voglibose"):
            wells.dose("compound-001", plate, name, 1, wells.direction(name))
        wells.dose("compound-001", plate, "N-(1,2-thing)", 1, wells.direction("thing"))
    return wells


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return screen().open(tmp_path_factory.mktemp("heat"))


@pytest.fixture(scope="module")
def phenomap(data: Any) -> Any:
    return data.phenomap()


def cosine(phenomap: Any, a: str, b: str) -> float:
    one, other = (
        phenomap.vectors[phenomap.labels.index.get_loc(key)].astype(float) for key in (a, b)
    )
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


# --- cosines and their order -----------------------------------------------------------------


def test_the_matrix_holds_the_cosines_of_the_maps_own_vectors(phenomap: Any) -> None:
    made = heat_map(phenomap, GENES[:9])
    assert set(made.keys) == set(GENES[:9])
    assert made.matrix.shape == (9, 9)
    for i, a in enumerate(made.keys):
        assert made.matrix[i, i] == 1
        for j, b in enumerate(made.keys):
            assert made.matrix[i, j] == pytest.approx(cosine(phenomap, a, b), abs=1e-6)
            assert made.matrix[i, j] == made.matrix[j, i]
    nearest = phenomap.nearest(made.keys[0], judged=False).set_index("key")["similarity"]
    assert made.matrix[0, 1] == pytest.approx(nearest[made.keys[1]], abs=1e-6)


def test_clustering_brings_the_planted_groups_together(phenomap: Any) -> None:
    made = heat_map(phenomap, GENES)
    groups = [int(key.removeprefix("GENE")) % 3 for key in made.keys]
    assert sum(a != b for a, b in pairwise(groups)) == 2
    given_order = heat_map(phenomap, GENES, "given")
    assert given_order.keys == tuple(GENES)
    assert given_order.linkage is None
    assert len(given_order.branches) == 0


def test_the_tree_is_that_of_scipy_with_leaves_numbered_as_the_keys(phenomap: Any) -> None:
    made = heat_map(phenomap, GENES)
    distances = squareform(1 - made.matrix.astype(float) * 1.0, checks=False)
    assert np.allclose(cophenet(made.linkage), cophenet(average(distances)), atol=1e-6)
    assert dendrogram(made.linkage, no_plot=True)["leaves"] == list(range(len(made)))


def test_branches_are_what_scipy_draws(phenomap: Any) -> None:
    made = heat_map(phenomap, GENES)
    drawn = dendrogram(made.linkage, no_plot=True)
    theirs = sorted(
        (x[0] / 10, x[2] / 10, y[0], y[3], y[1])
        for x, y in zip(drawn["icoord"], drawn["dcoord"], strict=True)
    )
    assert np.allclose(sorted(map(tuple, made.branches)), theirs)


def test_the_best_order_is_sought_only_up_to_a_bound(
    phenomap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "best order" in heat_map(phenomap, GENES).order_in_words()
    monkeypatch.setattr(heat, "MOST_OPTIMAL", 5)
    made = heat_map(phenomap, GENES)
    assert "clustered" in made.order_in_words()
    assert "best order" not in made.order_in_words()
    assert "best order" in heat_map(phenomap, GENES[:5]).order_in_words()


def test_what_has_no_direction_is_blank_and_comes_last(phenomap: Any) -> None:
    made = heat_map(phenomap, ["EMPTY_control", *GENES[:4]])
    assert made.keys[-1] == "EMPTY_control"
    assert made.is_blank.tolist() == [False] * 4 + [True]
    assert np.isnan(made.matrix[-1]).all()
    assert np.isnan(made.matrix[:, -1]).all()
    assert len(made.linkage) == 3


def test_what_is_listed_without_a_vector_is_shown_blank(phenomap: Any) -> None:
    names = ["MISSING", *GENES[:3], "NOWHERE"]
    made = heat_map(phenomap, names, "given", find_bare=lambda lacking: {"MISSING"} & {*lacking})
    assert made.keys == ("MISSING", *GENES[:3])
    assert made.rows[0] == -1
    assert made.is_blank.tolist() == [True, False, False, False]
    assert made.unknown == ("NOWHERE",)


def test_nothing_to_compare_is_said_in_a_sentence(phenomap: Any) -> None:
    with pytest.raises(MapError, match=r"two entries or more to compare\. Not in .*: X, Y\."):
        heat_map(phenomap, ["X", "Y"])
    with pytest.raises(MapError, match="two entries"):
        heat_map(phenomap, [])
    with pytest.raises(MapError, match="one of them has a direction"):
        heat_map(phenomap, ["EMPTY_control", "GENE000"])
    with pytest.raises(MapError, match="no order 'sideways'; choose one of clustered, given"):
        heat_map(phenomap, GENES, "sideways")


def test_of_too_many_an_even_choice_is_taken(
    phenomap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heat, "MOST", 6)
    made = heat_map(phenomap, GENES, "given")
    assert made.keys == tuple(GENES[::4])
    assert made.notes == ("6 of 24 entries, spread evenly over them, are shown.",)
    doses = heat_map(phenomap, ["Bortezomib", *GENES[:4]], "given")
    assert len(doses) == 6
    assert "6 of 8 entries" in doses.notes[0]


def test_a_thousand_wells(data: Any) -> None:
    wells = data.phenomap(level="well", align="none")
    made = heat_map(wells, wells.labels.index[:120])
    assert len(made) == 120
    assert made.spec.level == "well"
    assert "mean" not in made.in_words()


def test_it_can_be_stopped_at_any_step(phenomap: Any) -> None:
    steps: list[str] = []
    heat_map(phenomap, GENES, progress=lambda done, total, text: steps.append(text))
    assert len(steps) == 3
    for last in steps:

        def stop(done: int, total: int, text: str, last: str = last) -> None:
            if text == last:
                raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            heat_map(phenomap, GENES, progress=stop)


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("GENE000", ["GENE000"]),
        ("gene000", ["GENE000"]),
        ("Bortezomib@2.5", ["Bortezomib@2.5"]),
        ("Bortezomib 2.5 µM", ["Bortezomib@2.5"]),
        ("bortezomib 2.50 uM", ["Bortezomib@2.5"]),
        ("Bortezomib@0.250", ["Bortezomib@0.25"]),
        ("Bortezomib", [f"Bortezomib@{dose}" for dose in ("0.01", "0.25", "2.5", "10")]),
        ("BORTEZOMIB", [f"Bortezomib@{dose}" for dose in ("0.01", "0.25", "2.5", "10")]),
        ("Voglibose", ["Voglibose@1"]),
        ("voglibose", ["voglibose@1"]),
        ("VOGLIBOSE", []),  # which of the two?
        ("GENE000_guide_1", []),
        ("Bortezomib@3", []),
        ("Bortezomib@1.2.3", []),
        ("nan", []),
        ("", []),
    ],
)
def test_names_stand_for_entries(phenomap: Any, name: str, keys: list[str]) -> None:
    (rows,) = find_entries(phenomap, [name])
    assert phenomap.labels.index[rows].tolist() == keys


def test_names_at_the_level_of_guides_and_of_wells(data: Any) -> None:
    guides = data.phenomap(level="guide")
    found = find_entries(guides, ["GENE003", "GENE003 guide 2", "gene003_GUIDE_1", "Bortezomib"])
    keys = [guides.labels.index[rows].tolist() for rows in found]
    assert keys[:3] == [
        ["GENE003_guide_1", "GENE003_guide_2"],
        ["GENE003_guide_2"],
        ["GENE003_guide_1"],
    ]
    assert len(keys[3]) == 4
    wells = data.phenomap(level="well")
    (rows,) = find_entries(wells, ["GENE003"])
    assert (data.wells.loc[wells.labels.index[rows], "gene"] == "GENE003").all()
    assert len(rows) == 4


# --- how far a pair can be trusted -----------------------------------------------------------


def test_a_pair_is_judged_as_in_the_list_of_neighbors(phenomap: Any) -> None:
    table = phenomap.nearest("GENE000", k=30, scored=False).set_index("key")
    verdict = judge_pair(phenomap, "GENE000", "GENE003")
    row = table.loc["GENE003"]
    assert verdict.value == pytest.approx(row["similarity"], abs=1e-6)
    assert (verdict.p_value, verdict.q_value) == (row["p_value"], row["q_value"])
    assert verdict.flags == row["flags"]


def test_a_negative_pair_is_judged_as_an_opposite(phenomap: Any) -> None:
    table = phenomap.nearest("GENE000", k=5, opposite=True, scored=False).set_index("key")
    other = str(table.index[0])
    verdict = judge_pair(phenomap, "GENE000", other)
    assert verdict.value < 0
    assert verdict.p_value == table.loc[other, "p_value"]
    with pytest.raises(UnknownKey):
        judge_pair(phenomap, "GENE000", "NOWHERE")


# --- table -----------------------------------------------------------------------------------


def test_the_table_can_be_read_again(phenomap: Any) -> None:
    made = heat_map(phenomap, [*GENES[:5], "N-(1,2-thing)@1", "EMPTY_control"])
    frame = pd.read_csv(io.StringIO(made.to_csv()), index_col=0)
    assert frame.index.tolist() == frame.columns.tolist() == list(made.keys)
    assert np.allclose(frame.to_numpy(), made.matrix, atol=1e-6, equal_nan=True)
    assert frame.index.name == "cosine · perturbation · pca-centerscale · mean · embeddings"
    rows = list(csv.reader(io.StringIO(made.to_csv("\t")), delimiter="\t"))
    assert len(rows) == len(rows[0]) == len(made) + 1


# --- colors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("is_dark", [False, True])
def test_the_sign_and_the_size_of_a_cosine_are_seen_by_everybody(sight: str, is_dark: bool) -> None:
    looks = np.array([seen(color, sight) for color in diverging(is_dark) / 255])
    zero = N_COLORS // 2
    for cosine in (0.1, 0.3, 0.6, 1.0):
        step = round(cosine * zero)
        apart = np.linalg.norm(looks[zero - step] - looks[zero + step])
        assert apart > 10  # 2.3 is just noticed
    away = 1 if is_dark else -1
    for side in (looks[zero:, 0], looks[zero::-1, 0]):
        assert (away * np.diff(side) > 0).all()


@pytest.mark.parametrize("is_dark", [False, True])
def test_both_signs_are_equally_loud_and_zero_has_no_hue(is_dark: bool) -> None:
    colors = diverging(is_dark)
    lightness = np.array([seen(color, "all cones")[0] for color in colors / 255])
    assert np.abs(lightness - lightness[::-1]).max() < 5
    zero = colors[N_COLORS // 2].astype(int)
    assert np.ptp(zero) < 10


def test_values_have_the_color_of_their_place() -> None:
    values = np.array([-1, 0, 1, np.nan, 2, -3, 1 / 127], np.float32)
    assert color_index(values).tolist() == [0, 127, 254, BLANK, 254, 0, 128]


# --- figure ----------------------------------------------------------------------------------


@pytest.fixture
def made(phenomap: Any) -> HeatMap:
    return heat_map(phenomap, ["EMPTY_control", *GENES])


@pytest.mark.parametrize("ending", ["png", *map(soak, ("tif", "svg", "pdf"))])
def test_a_figure_is_the_same_bytes_each_time(made: HeatMap, tmp_path: Path, ending: str) -> None:
    paths = [tmp_path / f"{name}.{ending}" for name in "abcd"]
    for path, date in zip(paths, (DATE, DATE, None, None), strict=True):
        save_heat_map(path, made, "Groups", ["A note."], Paper(dpi=72), date=date)
        time.sleep(0.6)  # two that are undated are not made in one second
    a, b, c, d = (path.read_bytes() for path in paths)
    assert a == b
    assert c == d
    assert a != c
    assert len(list(tmp_path.iterdir())) == 4


def test_a_figure_has_the_colors_of_the_cosines(made: HeatMap, tmp_path: Path) -> None:
    save_heat_map(tmp_path / "a.png", made, "Groups", paper=Paper(dpi=100), date=DATE)
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3)
    shown = {tuple(color) for color in np.unique(pixels, axis=0).tolist()}
    expected = diverging(False)[color_index(made.matrix[:-1, :-1])].reshape(-1, 3).tolist()
    assert {tuple(color) for color in expected} <= shown


def drawn(chart: Any) -> tuple[Any, np.ndarray]:
    """The figure of a chart and its pixels, uint8 (Y, X, 3), from below."""
    with own_style():
        figure = chart.figure()
        figure.canvas.draw()
        return figure, np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3]


def extents(figure: Any, artists: list[Any]) -> list[Any]:
    with own_style():
        return [artist.get_window_extent(figure.canvas.get_renderer()) for artist in artists]


@pytest.mark.parametrize("width", [60, 180])
def test_a_heat_map_has_each_cosine_in_its_cell_and_its_name_beside_it(
    made: HeatMap, width: float
) -> None:
    chart = _HeatMapChart(made, "Groups", ["A note."], Paper(dpi=200, width_mm=width))
    figure, pixels = drawn(chart)
    axes = next(axes for axes in figure.axes if len(axes.get_yticks()))
    n = len(made)
    expected = diverging(False)[color_index(made.matrix[:-1, :-1])]
    for i in range(n - 1):  # the last one is blank
        for j in range(n - 1):
            for share in (0.2, 0.5, 0.8):
                x, y = axes.transData.transform((j + share, i + share)).astype(int)
                assert pixels[y, x].tolist() == expected[i, j].tolist()
    page = figure.bbox
    for labels, across in ((axes.get_yticklabels(), 0), (axes.get_xticklabels(), 1)):
        assert [label.get_text() for label in labels] == chart.shown_names
        for i, box in enumerate(extents(figure, labels)):
            assert page.x0 <= box.x0 < box.x1 <= page.x1
            assert page.y0 <= box.y0 < box.y1 <= page.y1
            place = axes.transData.transform((i + 0.5, i + 0.5))[1 - across]
            middle = (box.y0 + box.y1, box.x0 + box.x1)[across] / 2
            assert middle == pytest.approx(place, abs=0.2 * chart.cell * 200 / 72)


@pytest.mark.parametrize("width", [60, 90, 180])
def test_a_chart_has_no_line_of_text_on_another(made: HeatMap, width: float) -> None:
    chart = _HeatMapChart(made, "Groups", ["A note. " * 20], Paper(dpi=100, width_mm=width))
    figure, _ = drawn(chart)
    boxes = extents(figure, figure.texts)
    assert len(boxes) >= 4
    for i, box in enumerate(boxes):
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(
            box.y1 - 1 > o.y0 + 1
            and o.y1 - 1 > box.y0 + 1
            and o.x0 < box.x1 > o.x0
            and o.x1 > box.x0
            for o in boxes[:i]
        )


def test_an_svg_says_what_it_is_in_letters(made: HeatMap, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    save_heat_map(path, made, "One $group$", ["It is a test."], date=DATE)
    text = path.read_text(encoding="utf-8")
    for words in ("One $group$", "GENE007", "pca-centerscale", "average linkage", "It is a test."):
        assert words in text
    assert "Hatched, without a vector or a direction: EMPTY_control." in text


@pytest.mark.each(4)
@pytest.mark.parametrize("name", NAMES)
def test_names_in_any_script_are_as_they_are_or_it_is_said(
    made: HeatMap, tmp_path: Path, name: str
) -> None:
    """Also where the title alone has such letters, or only the names."""
    keys = (f"{name}@2.5", *made.keys[1:])
    for i, (shown, title) in enumerate(((replace(made, keys=keys), ""), (made, name))):
        for ending in ("png", "svg"):
            save_heat_map(tmp_path / f"{i}.{ending}", shown, title, paper=Paper(dpi=50))
        said = opened(tmp_path / f"{i}.png").info["Description"]
        assert is_spelled_in(said) == (written(name) != name)
        text = (tmp_path / f"{i}.svg").read_text(encoding="utf-8")
        assert name in text
        assert not is_spelled_in(text)


def test_names_that_cannot_be_read_are_left_out_and_the_caption_says_so(
    phenomap: Any, tmp_path: Path
) -> None:
    made = heat_map(phenomap, list(phenomap.labels.index))
    path = tmp_path / "a.svg"
    save_heat_map(path, made, paper=Paper(width_mm=40), date=DATE)
    text = path.read_text(encoding="utf-8")
    assert "GENE007" not in text
    assert "too small" in text


def test_a_file_that_is_there_is_not_replaced_unless_asked(made: HeatMap, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("precious")
    with pytest.raises(FigureExists, match="exists already"):
        save_heat_map(path, made)
    assert path.read_text() == "precious"
    save_heat_map(path, made, overwrite=True, paper=Paper(dpi=50))
    assert path.read_bytes()[1:4] == b"PNG"


def test_what_cannot_be_written_is_said_and_leaves_nothing(made: HeatMap, tmp_path: Path) -> None:
    with pytest.raises(FigureError, match=r"no ending of a figure: choose one of \.png"):
        save_heat_map(tmp_path / "a.docx", made)
    (tmp_path / "b.png").mkdir()
    with pytest.raises(FigureError, match="is a folder"):
        save_heat_map(tmp_path / "b.png", made)
    (tmp_path / "file").write_text("")
    with pytest.raises(FigureError, match="cannot be written"):
        save_heat_map(tmp_path / "file" / "a.png", made, paper=Paper(dpi=50))
    with pytest.raises(Cancelled):
        save_heat_map(tmp_path / "c.png", made, progress=_stopped, paper=Paper(dpi=50))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "file"]


def _stopped(done: int, total: int, text: str) -> None:
    if text.startswith("writing"):
        raise Cancelled("stopped")


def test_the_longer_the_names_the_less_room_there_is_for_cells(made: HeatMap) -> None:
    """Names are as high as cells, but for a small gap: what they leave of the width is cells."""
    chart = _HeatMapChart(made, "", [], Paper(width_mm=90))
    assert chart.name_size == pytest.approx(0.9 * chart.cell, rel=0.1)
    assert chart.beside + len(made) * chart.cell == pytest.approx(chart.inner_width)
