"""The report of a perturbation: what it says is what the map says, in every form."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.progress import silent
from napari_rxrx3.data.images.controls import control_limits
from napari_rxrx3.figures.drawing import blank_figure, measure, own_style
from napari_rxrx3.figures.files import FigureError, FigureExists
from napari_rxrx3.figures.reports.content import Report, gather
from napari_rxrx3.figures.reports.page import ReportPage
from napari_rxrx3.figures.reports.pictures import Pictures, read_pictures
from napari_rxrx3.figures.reports.web_page import web_page
from napari_rxrx3.maps.dose_response.words import doses_in_words
from napari_rxrx3.maps.phenomap import PhenoMap
from samples import soak

GENE, COMPOUND, MARKUP = "gene-001", "compound-001", "<script>alert(1)</script>&amp;"
DIRECTIONS = {
    "PLK1": (9, 1),
    "AURKB": (8, 2),
    "TUBB": (-9, 1),
    MARKUP: (2, -8),
    "RXRX3-12345": (0, 0),
}
DOSES = {0.25: 2, 2.5: 8, 10: 9}
DATE = datetime(2026, 11, 30, tzinfo=UTC)
SIZE = 192


def a_screen(has_images: bool = True) -> b.Screen:
    """Genes of two guides with four wells each and a compound at three doses, and controls."""
    rows = [b.control_row(e, 1, f"C{c:02d}") for e in (GENE, COMPOUND) for c in range(3, 27)]
    rows += [
        b.guide_row(GENE, 1, f"{line}{4 * guide + n:02d}", gene, guide)
        for line, gene in zip("DEFGH", DIRECTIONS, strict=True)
        for guide in (1, 2)
        for n in range(4)
    ]
    rows += [
        b.dose_row(COMPOUND, 1, f"{line}{n + 4:02d}", "Bortezomib", dose)
        for line, dose in zip("DEF", DOSES, strict=True)
        for n in range(6)
    ]
    screen = b.Screen.of(rows, SIZE)
    rng = np.random.default_rng(5)
    for row in rows:
        effect = DIRECTIONS.get(row["gene"], (0, 0))
        if row["treatment"] == "Bortezomib":
            effect = (1, DOSES[float(row["concentration"])])
        vector = rng.normal(0, 0.3, 6) + [*effect, 0, 0, 0, 0] + 5
        screen.vectors[row["well_id"]] = vector.astype("float32")
    if not has_images:
        screen.planes.clear()
    return screen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_screen().write_rxrx3(tmp_path_factory.mktemp("report") / "screen")


@pytest.fixture(scope="module")
def phenomap(folder: Path) -> PhenoMap:
    return rx.open_dataset(folder).phenomap()


@pytest.fixture(scope="module")
def pictureless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "no images"
    screen = a_screen(has_images=False)
    screen.write_metadata(folder / "metadata.csv")
    screen.write_plate_embeddings(folder / "embeddings")
    return folder


def said_of(phenomap: PhenoMap, key: str, **options: Any) -> Report:
    return gather(phenomap, key, options.get("k", 6), None, (), silent)


class Page(HTMLParser):
    """What stands in a page: its tags with their attributes, its text, the rows of its tables."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def pictures(self) -> list[np.ndarray]:
        found = [str(image["src"]) for image in self.of("img")]
        return [np.asarray(Image.open(io.BytesIO(_bytes_of(source)))) for source in found]


def _bytes_of(source: str) -> bytes:
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    return base64.b64decode(data)


# --- what it says ---------------------------------------------------------------------------------


@pytest.mark.soak
def test_neighbors_are_those_of_the_map_with_its_numbers(phenomap: PhenoMap) -> None:
    content = said_of(phenomap, "PLK1")
    table = phenomap.nearest("PLK1", k=20).set_index("key")
    assert content.nearest[0].key == "AURKB"
    assert content.opposite[0].key == "TUBB"
    for each in content.nearest:
        assert each.value == pytest.approx(table.loc[each.key, "similarity"], abs=1e-6)
        assert each.flags == table.loc[each.key, "flags"]
    assert content.about == "gene knocked out; 2 guides, 8 wells in 1 experiment"


@pytest.mark.soak
def test_a_control_of_the_same_plate_stands_beside_it(phenomap: PhenoMap) -> None:
    query, control = said_of(phenomap, "Bortezomib@2.5").pair
    row = phenomap.dataset.row(control.well)
    assert row["treatment"] == "EMPTY_control"
    assert row["experiment_name"] == phenomap.dataset.row(query.well)["experiment_name"]


def test_doses_rise_and_its_own_is_marked(phenomap: PhenoMap) -> None:
    content = said_of(phenomap, "Bortezomib@2.5")
    assert [item.name for item in content.series.items] == ["0.25 µM", "2.5 µM", "10 µM"]
    assert [item.is_own for item in content.series.items] == [False, True, False]
    distances = [float(item.lines[0]) for item in content.series.items]
    assert distances == sorted(distances)
    assert not any(each.name == "Bortezomib" for each in content.nearest)
    said = doses_in_words(phenomap.dose_response.loc["Bortezomib"])
    assert f"{said[:1].upper()}{said[1:]}." in [each.text for each in content.evidence]


def test_guides_are_listed_with_their_gene_and_alone(phenomap: PhenoMap) -> None:
    gene, guide = said_of(phenomap, "PLK1"), said_of(phenomap, "PLK1 guide 2")
    names = ["PLK1 guide 1", "PLK1 guide 2"]
    assert [item.name for item in gene.series.items] == names
    assert [item.is_own for item in guide.series.items] == [False, True]
    assert guide.phenomap.level == "guide"
    assert guide.about == "one guide of PLK1; 4 wells in 1 experiment"


def test_of_a_compound_without_a_dose_the_strongest_is_taken_and_said(phenomap: PhenoMap) -> None:
    content = said_of(phenomap, "Bortezomib")
    assert content.key == "Bortezomib@10"
    said = "Of the 3 doses of Bortezomib the one furthest from the controls: Bortezomib 10 µM."
    assert said in content.notes


def test_what_acts_is_said_to_and_what_does_not_is_doubted(phenomap: PhenoMap) -> None:
    strong, inert = said_of(phenomap, "PLK1"), said_of(phenomap, "RXRX3-12345")
    assert strong.evidence[0].text.startswith("It is active")
    assert not strong.evidence[0].is_doubt
    assert inert.evidence[0].text.startswith("It does not count as active")
    assert inert.evidence[0].is_doubt
    assert inert.about.startswith("blinded gene knocked out: its name is withheld")
    doubts = {each.text.partition(":")[0] for each in inert.evidence if each.is_doubt}
    assert "Like controls" in doubts


def test_numbers_of_the_evidence_are_those_of_the_map(phenomap: PhenoMap) -> None:
    scores = phenomap.scores.loc["PLK1"]
    said = " ".join(each.text for each in said_of(phenomap, "PLK1").evidence)
    assert f"q {scores['activity_q']:.2g}" in said
    assert f"energy distance {scores['strength']:.3g}" in said
    assert f"mean cosine {scores['consistency']:.2f}" in said


def test_the_control_has_no_neighbors_and_no_evidence(phenomap: PhenoMap) -> None:
    content = said_of(phenomap, "EMPTY_control")
    assert content.nearest == content.opposite == content.evidence == ()
    assert "EMPTY_control is what all others are compared with." in content.notes
    assert "control" in content.about


@pytest.mark.parametrize("key", ["PLK2", "PLK1_guide_9", "Bortezomib@3", "", "gene-001_1_D04"])
def test_what_is_not_in_the_map_is_refused_in_a_sentence(
    phenomap: PhenoMap, key: str, tmp_path: Path
) -> None:
    with pytest.raises(rx.UnknownKey, match="is not in this map"):
        rx.report(phenomap, key, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


# --- how it is drawn and written ------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(phenomap: PhenoMap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of PLK1 in each form."""
    folder = tmp_path_factory.mktemp("written")
    for ending in ("png", "svg", "pdf", "html"):
        rx.report(phenomap, "PLK1", folder / f"PLK1.{ending}", date=DATE)
    return folder


@pytest.mark.soak
def test_a_page_has_the_shape_of_a_slide(written: Path) -> None:
    with Image.open(written / "PLK1.png") as page:
        width, height = page.size
    assert (width, height >= 1500) == (2666, True)  # at 200 dpi; more to say, more height


def test_what_fits_a_slide_has_its_shape(phenomap: PhenoMap) -> None:
    content = said_of(phenomap, "EMPTY_control")
    page = ReportPage(content, NO_PICTURES, "png", DATE)
    assert page.width / page.height == pytest.approx(16 / 9)


@pytest.mark.soak
def test_a_pdf_has_fonts_for_its_letters(written: Path) -> None:
    data = (written / "PLK1.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert b"/FontFile2" in data


def test_letters_of_the_page_are_text(written: Path) -> None:
    root = ET.parse(written / "PLK1.svg").getroot()
    texts = {"".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"PLK1", "AURKB", "What speaks for it", "control of the same plate"} <= texts
    assert any("2026-11-30" in text for text in texts)


def test_the_web_page_needs_nothing_but_itself(written: Path) -> None:
    page = Page(written / "PLK1.html")
    assert not {"script", "link", "iframe", "a", "object"} & {tag for tag, _ in page.tags}
    text = (written / "PLK1.html").read_text("utf-8")
    assert not re.search(r"""https?:|url\(|(?:src|href)=["']?//""", text)
    assert "default-src 'none'" in text
    assert all(image["alt"] and str(image["src"]).startswith("data:") for image in page.of("img"))
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.of("meta")


def test_numbers_of_the_web_page_are_a_table(written: Path, phenomap: PhenoMap) -> None:
    head, *rows = Page(written / "PLK1.html").rows
    first = dict(zip(head, rows[0], strict=True))
    nearest = phenomap.nearest("PLK1", k=1).iloc[0]
    assert first["key"] == "AURKB"
    assert first["cosine"] == f"{nearest['similarity']:.2f}"
    assert int(first["wells"]) == nearest["n_wells"]
    assert first["flags"] == ", ".join(nearest["flags"])


def test_names_out_of_files_are_never_markup(phenomap: PhenoMap, tmp_path: Path) -> None:
    rx.report(phenomap, MARKUP, tmp_path / "x.html", date=DATE)
    page = Page(tmp_path / "x.html")
    assert MARKUP in page.text
    assert not page.of("script")


def test_all_pictures_are_in_the_contrast_of_the_controls(
    phenomap: PhenoMap, written: Path
) -> None:
    dataset, content = phenomap.dataset, said_of(phenomap, "PLK1")
    pictures = read_pictures(dataset, content.wells, silent)
    limits = control_limits(dataset, PlateId(GENE, 1), silent)
    assert tuple(look.limits for look in pictures.looks) == limits
    page = Page(written / "PLK1.html")
    query = pictures.of[content.pair[0].well or ""]
    np.testing.assert_array_equal(page.pictures()[0], query)
    assert f"{limits[0][0]:g}–{limits[0][1]:g}" in page.text
    assert f"from EMPTY_control wells of {GENE} plate 1" in page.text


def test_a_piece_is_as_wide_as_is_said(phenomap: PhenoMap) -> None:
    pictures = read_pictures(phenomap.dataset, said_of(phenomap, "PLK1").wells, silent)
    shown = next(iter(pictures.of.values())).shape[1]
    assert pictures.width_um == pytest.approx(shown * rx.display.pixel_size_um)


@pytest.mark.parametrize("ending", ["html", *map(soak, ("png", "pdf"))])
def test_the_same_data_give_the_same_bytes(
    phenomap: PhenoMap, written: Path, tmp_path: Path, ending: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(DATE.timestamp())))
    path = tmp_path / f"PLK1.{ending}"
    rx.report(phenomap, "PLK1", path)
    assert path.read_bytes() == (written / path.name).read_bytes()


@pytest.mark.soak
def test_without_images_the_map_and_the_numbers_are_shown(
    pictureless: Path, tmp_path: Path
) -> None:
    phenomap = rx.open_dataset(pictureless).phenomap()
    said = rx.report(phenomap, "PLK1", tmp_path / "x.html", date=DATE)
    assert "This data set has no images." in said
    page = Page(tmp_path / "x.html")
    assert len(page.of("img")) == 1  # the map
    assert page.rows[1][1] == "AURKB"
    rx.report(phenomap, "PLK1", tmp_path / "x.png", date=DATE)
    assert (tmp_path / "x.png").stat().st_size > 10_000


@pytest.mark.soak
def test_what_cannot_be_read_is_hatched_and_named(
    phenomap: PhenoMap, folder: Path, tmp_path: Path
) -> None:
    screen = a_screen()
    screen.write_metadata(tmp_path / "d" / "metadata.csv")
    screen.write_folders(tmp_path / "d")
    screen.write_plate_embeddings(tmp_path / "d" / "embeddings")
    query = said_of(phenomap, "PLK1").pair[0].well or ""
    address = query.rsplit("_", 1)[-1]
    for file in (tmp_path / "d").rglob(f"{address}_s1_w3.png"):
        file.write_bytes(file.read_bytes()[:60])
    made = rx.open_dataset(tmp_path / "d").phenomap()
    rx.report(made, "PLK1", tmp_path / "x.html", date=DATE)
    assert f"Hatched, as they could not be shown: {query} (Actin:" in Page(tmp_path / "x.html").text


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(
    phenomap: PhenoMap, tmp_path: Path
) -> None:
    path = b.write(tmp_path / "x.html", b"mine")
    with pytest.raises(FigureExists):
        rx.report(phenomap, "PLK1", path)
    assert path.read_bytes() == b"mine"
    rx.report(phenomap, "PLK1", path, overwrite=True)
    assert path.read_bytes() != b"mine"


def test_an_ending_that_is_none_is_said_before_the_map_is_asked(
    phenomap: PhenoMap, tmp_path: Path
) -> None:
    told: list[str] = []
    with pytest.raises(FigureError, match=r"choose one of .*\.html"):
        rx.report(phenomap, "PLK1", tmp_path / "x.docx", progress=lambda *c: told.append(c[2]))
    assert told == []


def test_no_more_are_shown_than_there_is_room_for(phenomap: PhenoMap, tmp_path: Path) -> None:
    with pytest.raises(FigureError, match="1 to 12"):
        rx.report(phenomap, "PLK1", tmp_path / "x.html", k=13)
    rx.report(phenomap, "PLK1", tmp_path / "x.html", k=1)
    assert len(Page(tmp_path / "x.html").rows) == 1 + 1 + 1 + 3


@pytest.mark.parametrize("ending", ["html", soak("png")])
def test_stopping_leaves_nothing(phenomap: PhenoMap, tmp_path: Path, ending: str) -> None:
    steps: list[str] = []
    rx.report(phenomap, "PLK1", tmp_path / f"x.{ending}", progress=lambda *c: steps.append(c[2]))
    for at in range(0, len(steps), max(1, len(steps) // 5)):
        count = iter(range(len(steps) + 1))

        def stop(*_: Any, count: Iterator[int] = count, at: int = at) -> None:
            if next(count) >= at:
                raise Cancelled("Stopped.")

        with pytest.raises(Cancelled):
            rx.report(phenomap, "PLK1", tmp_path / f"y.{ending}", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == [f"x.{ending}"]


@settings(max_examples=20)
@given(st.text(min_size=1, max_size=300))
@example("a" * 300)
@example("naïve <b> $x$ دواء 紫")
def test_nothing_is_beyond_the_page_however_long_a_name_is(phenomap: PhenoMap, name: str) -> None:
    page = ReportPage(renamed(said_of_plk1(phenomap), name), NO_PICTURES, "png", DATE)
    for line in page._lines:
        wide = measure(line.text, line.size) * (1.15 if line.is_bold else 1)
        assert line.left + wide <= page.width
        assert 0 < line.top <= page.height


NO_PICTURES = Pictures({}, (), "", 166.4, {})
_kept: dict[int, Report] = {}


def said_of_plk1(phenomap: PhenoMap) -> Report:
    if id(phenomap) not in _kept:
        _kept[id(phenomap)] = said_of(phenomap, "PLK1")
    return _kept[id(phenomap)]


def renamed(content: Report, name: str) -> Report:
    nearest = tuple(replace(each, name=name) for each in content.nearest)
    return replace(content, name=name, about=name, nearest=nearest)


def test_one_picture_has_a_scale_bar_and_those_that_are_missing_are_hatched(
    phenomap: PhenoMap,
) -> None:
    content = said_of_plk1(phenomap)
    pictures = read_pictures(phenomap.dataset, content.wells, silent)
    missing = content.nearest[0].well
    pictures = replace(pictures, of={w: p for w, p in pictures.of.items() if w != missing})
    page = ReportPage(content, pictures, "png", DATE)
    with own_style():
        figure = blank_figure(page.width, page.height, 50)
        page.draw(figure)
    shown = figure.axes[: len(page._shown)]
    assert len(figure.axes) == len(page._shown) + len(page._swatches) + 1, "the map is the last"
    wells = [item.well for _, item in page._shown]
    assert [bool(axes.images) for axes in shown] == [well != missing for well in wells]
    assert [bool(axes.patches) for axes in shown if axes.images] == [True] + [False] * (
        len(wells) - wells.count(missing) - 1
    )


def test_what_of_a_likeness_is_cell_count_stands_in_the_table(
    phenomap: PhenoMap, tmp_path: Path
) -> None:
    content = said_of_plk1(phenomap)
    first = replace(content.nearest[0], of_count=0.256, without_count=0.432)
    told = replace(content, nearest=(first, *content.nearest[1:]))
    b.write(tmp_path / "x.html", web_page(told, NO_PICTURES, DATE).encode())
    head, *rows = Page(tmp_path / "x.html").rows
    row = dict(zip(head, rows[0], strict=True))
    assert (row["of cell count"], row["without cell count"]) == ("0.26", "0.43")


# --- by the command line --------------------------------------------------------------------------


def test_the_command_writes_a_page(
    folder: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(folder), "plk1 guide 1"]) == 0
    assert capsys.readouterr().out == "plk1 guide 1-report.html written.\n"
    assert (tmp_path / "plk1 guide 1-report.html").is_file()
    asked = ["report", str(folder), "PLK1", "--align", "none", "-k", "2", "--out", "x.pdf"]
    assert main(asked) == 0
    assert main(asked) == 1
    assert capsys.readouterr().err.endswith("\nnapari-rxrx3: x.pdf exists already.\n")
    assert main([*asked, "--replace"]) == 0


def test_the_command_says_what_it_cannot_report(folder: Path, tmp_path: Path, capsys: Any) -> None:
    out = str(tmp_path / "x.png")
    assert main(["report", str(folder), "PLK2", "--out", out]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    bare = b.Screen.of([b.guide_row(GENE, 1, "D04", "PLK1")])
    bare.write_metadata(tmp_path / "d" / "metadata.csv")
    bare.write_folders(tmp_path / "d")
    assert main(["report", str(tmp_path / "d"), "PLK1", "--out", out]) == 1
    assert "There are no embeddings in" in capsys.readouterr().err
    assert not Path(out).exists()
