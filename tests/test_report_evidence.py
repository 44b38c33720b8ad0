"""What a report says of gene sets and of cells: numbers that are counted here another way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.progress import silent
from napari_rxrx3.data.files.remembered import remember_file
from napari_rxrx3.figures.reports.cells import CellCounts, of_likeness, of_pictures
from napari_rxrx3.figures.reports.content import Report, gather
from napari_rxrx3.figures.reports.gene_sets import AskedSets
from napari_rxrx3.figures.reports.sentence import Sentence
from napari_rxrx3.gui.share.report_of_query import save_report
from napari_rxrx3.maps.evidence.cell_count import NO_CHANGE
from napari_rxrx3.maps.neighbors import Neighbor
from napari_rxrx3.maps.phenomap import PhenoMap
from napari_rxrx3.maps.sets.gene_sets import read_gene_sets
from napari_rxrx3.maps.spec import Query
from test_cells_in_window import BLURRED, N_OF
from test_cells_in_window import a_screen as a_screen_with_nuclei
from test_gene_sets_panel import ALIKE, QUIET, gmt
from test_gene_sets_panel import a_screen as a_screen_with_sets

# --- gene sets -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def phenomap(tmp_path_factory: pytest.TempPathFactory) -> PhenoMap:
    return a_screen_with_sets().open(tmp_path_factory.mktemp("sets")).phenomap()


def said(phenomap: PhenoMap, key: str, file: str) -> Report:
    return gather(phenomap, key, 6, None, (), silent, AskedSets(read_gene_sets(file), 10))


def texts(report: Report, about: str, is_doubt: bool | None = None) -> list[str]:
    return [
        each.text
        for each in report.evidence
        if about in each.text and is_doubt in (None, each.is_doubt)
    ]


def test_the_sets_of_the_nearest_are_named_with_their_numbers(
    phenomap: PhenoMap, tmp_path: Path
) -> None:
    file = gmt(tmp_path)
    report = said(phenomap, ALIKE[0], file)
    (text,) = texts(report, "genes nearest to it, of", is_doubt=False)
    table = phenomap.enrichment_near(ALIKE[0], read_gene_sets(file), 20)
    first = table.iloc[0]
    assert first["set"] == "alike"
    assert f"alike ({first['n_found']} of its 11, q {first['q_value']:.2g}: " in text
    assert text.startswith("Among 20 genes nearest to it, of 51, 1 of 11 gene sets is over-")
    assert any(
        note.startswith("Gene sets are those of my.gmt; q is among 11 sets")
        for note in report.notes
    )


def test_where_none_is_over_represented_it_is_said_too(phenomap: PhenoMap, tmp_path: Path) -> None:
    (tmp_path / "none.gmt").write_text("quiet\t\t" + "\t".join(ALIKE[:2] + ["GENE"] * 9) + "\n")
    few = said(phenomap, ALIKE[0], str(tmp_path / "none.gmt"))
    assert not texts(few, "over-represented")
    assert any("has 10 genes in this map" in note for note in few.notes)
    (tmp_path / "other.gmt").write_text("other\t\t" + "\t".join(QUIET[:12]) + "\n")
    (text,) = texts(said(phenomap, ALIKE[0], str(tmp_path / "other.gmt")), "set")
    assert text.startswith("None of 1 set is over-represented among 20 genes nearest to it, of 51")


def test_without_sets_nothing_is_said_of_them(phenomap: PhenoMap) -> None:
    report = gather(phenomap, ALIKE[0], 6, None, (), silent)
    assert not texts(report, "gene set")
    assert not any("ene set" in note for note in report.notes)


def test_the_command_and_the_window_take_them(
    phenomap: PhenoMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file, page = gmt(tmp_path), tmp_path / "x.html"
    root = str(phenomap.dataset.root)
    assert main(["report", root, ALIKE[0], "--sets", file, "--out", str(page)]) == 0
    assert "1 of 11 gene sets is over-represented: alike (" in page.read_text("utf-8")
    query = Query(key=ALIKE[0])
    save_report(phenomap.dataset, query, page, silent)
    assert "over-represented" not in page.read_text("utf-8")
    remember_file("gene sets", file)
    save_report(phenomap.dataset, query, page, silent)
    assert "1 of 11 gene sets is over-represented: alike (" in page.read_text("utf-8")
    Path(file).unlink()
    save_report(phenomap.dataset, query, page, silent)
    assert "my.gmt" in page.read_text("utf-8")  # why there are none


# --- cells ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> rx.Dataset:
    folder = tmp_path_factory.mktemp("cells")
    dataset = rx.open_dataset(a_screen_with_nuclei().write_rxrx3(folder / "d"), folder / "cache")
    assert not texts(gather(dataset.phenomap(), "GENE1", 3, None, (), silent), "uclei")
    dataset.measures()
    return dataset


def test_nuclei_stand_beside_those_of_the_controls(counted: rx.Dataset) -> None:
    wells = counted.wells
    of = {
        name: np.median([N_OF[well[-3:]] for well in wells.index[wells[column] == value]])
        for name, column, value in (
            ("own", "gene", "GENE1"),
            ("controls", "treatment", "EMPTY_control"),
        )
    }
    report = gather(counted.phenomap(), "GENE1", 3, None, (), silent)
    (text,) = texts(report, "Nuclei: ")
    n = int((wells["gene"] == "GENE1").sum())
    assert f"Nuclei: {of['own']:,.0f} a well (median of {n} wells), " in text
    assert f", {of['controls']:,.0f} in the controls of its plates (13 wells)" in text


def test_a_picture_out_of_focus_is_named(counted: rx.Dataset) -> None:
    phenomap = counted.phenomap("guide")
    guide = counted.row(BLURRED)["treatment"]
    report = gather(phenomap, guide, 3, None, (), silent)
    (doubt,) = texts(report, "Of the wells shown: ", is_doubt=True)
    assert "(out of focus)" in doubt


def counts(own: list[float], controls: list[float], n: int = 3) -> Sentence:
    (sentence,) = CellCounts(np.array(own), np.array(controls), n).sentences()
    return sentence


def test_fewer_cells_than_controls_have_are_a_doubt() -> None:
    controls = list(np.linspace(100, 139, 40))
    few, usual = counts([20, 30, 50], controls), counts([110, 120, 130], controls)
    assert (few.is_doubt, usual.is_doubt) == (True, False)
    assert few.text.startswith("Nuclei: 30 a well (median of 3 wells), 120 in the controls of its")
    assert "90 % of them 102 to 137)" in few.text
    some = counts([20], controls[:3])
    assert not some.is_doubt
    assert some.text.startswith("Nuclei: 20 a well (median of 1 of 3 wells), 101 in the controls")
    assert counts([0, 0, 0], []).text.startswith("Nuclei: 0 a well")


def neighbor(name: str, value: float, of_count: float = np.nan, **rest: Any) -> Neighbor:
    found = Neighbor(1, name, name, "CRISPR", np.nan, value, 8, None, of_count=of_count)
    return replace(found, **rest)


def test_how_much_of_the_likeness_is_cell_count() -> None:
    little = [neighbor("A", 0.8, 0.1, without_count=0.75), neighbor("B", 0.6, without_count=0.5)]
    (good,) = of_likeness(little)
    assert (good.is_doubt, "it is 0.75, with it 0.80." in good.text) == (False, True)
    (bad,) = of_likeness([*little, neighbor("C", 0.8, 0.5, without_count=0.4)])
    assert bad == Sentence(
        "Half or more of the cosine goes with cell count: C (0.50 of 0.80).", True
    )
    note = f"{NO_CHANGE}, as far as 90 wells tell"
    assert [each.text for each in of_likeness([neighbor("A", 0.8, count_note=note)])] == [
        f"The likeness is not for cell count: {note}."
    ]
    assert not list(of_likeness([neighbor("A", 0.8, count_note="no nuclei are counted")]))


def row(focus: float, out: object = False, saturation: float = 0.0) -> Mapping[str, Any]:
    return {"n_nuclei": np.nan, "focus": focus, "saturation": saturation, "out_of_focus": out}


def test_of_what_is_shown_only_what_is_measured_is_judged() -> None:
    nothing = row(np.nan, None, np.nan)
    named = [("A", "a"), ("B", "b"), ("A", "a")]
    assert not list(of_pictures(named, {"a": nothing, "b": nothing}))
    (one,) = of_pictures(named, {"a": row(-2.0), "b": nothing})
    assert one == Sentence("Of the 2 wells shown 1 is measured: none is out of focus or saturated.")
    (dark,) = of_pictures(named, {"a": row(-2.0, saturation=np.nan), "b": row(-2.1)})
    assert dark == Sentence("None of the 2 wells shown is out of focus.")
    (bad,) = of_pictures(named, {"a": row(-2.0, saturation=0.034), "b": row(-3.0, True)})
    assert bad == Sentence("Of the wells shown: A (3.4 % saturated), B (out of focus).", True)
