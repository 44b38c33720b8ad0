"""Reasons to doubt a neighbor: each appears when it should, and only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.maps.evidence.doubts import DOUBTS

ALL = 10**6
PLACES = [(experiment, plate) for experiment in s.PAIR for plate in (1, 2, 3)]

Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return lambda name: tmp_path_factory.mktemp(name)


def answers(m: Any, query: str, **options: Any) -> pd.DataFrame:
    """Return the whole list of a query, indexed by key."""
    return m.nearest(query, k=ALL, **options).set_index("key")


def flags(m: Any, query: str, key: str, **options: Any) -> set[str]:
    return set(answers(m, query, **options).loc[key, "flags"])


def has(table: pd.DataFrame, flag: str) -> pd.Series:
    """Return which rows have a flag."""
    return table["flags"].map(lambda names: flag in names)


# --- where the wells are -----------------------------------------------------------------------

FIRST, SECOND = "gene-001", "gene-143"
QUESTIONS = [(m, o) for m in ("cosine", "euclidean") for o in (False, True)]
WELLS_OF = {
    "ON1": [(FIRST, 1, "")] * 4,
    "ALSO_ON1": [(FIRST, 1, "")] * 4,
    "ON2": [(FIRST, 2, "")] * 4,
    "ON1_AND2": [(FIRST, 1, ""), (FIRST, 2, "")],
    "ALSO_ON1_AND2": [(FIRST, 1, ""), (FIRST, 2, "")] * 2,
    "ON1_OF_SECOND": [(SECOND, 1, "")] * 4,
    "AT_C05": [(FIRST, 1, "C05"), (FIRST, 2, "C05"), (SECOND, 1, "C05")],
    "ALSO_AT_C05": [(FIRST, 3, "C05"), (SECOND, 2, "C05"), (SECOND, 3, "C05")],
    "AT_D06": [(FIRST, 1, "D06"), (FIRST, 2, "D06"), (SECOND, 1, "D06")],
    "AT_D06_AND_07": [(FIRST, 3, "D06"), (SECOND, 2, "D06"), (SECOND, 3, "D07")],
    "ALSO_AT_D06_AND_07": [(SECOND, 3, "D06"), (FIRST, 2, "D07"), (SECOND, 2, "D07")],
    "HALF_AT_F": [(FIRST, 1, "F06"), (FIRST, 2, "F07"), (FIRST, 3, "F20"), (SECOND, 1, "F21")],
    "ALSO_HALF_AT_F": [
        (FIRST, 3, "F06"),
        (SECOND, 1, "F07"),
        (SECOND, 2, "F30"),
        (SECOND, 3, "F31"),
    ],
    "AT_E05_AND_C06": [(FIRST, 1, "E05"), (FIRST, 1, "C06")],
}


@pytest.fixture(scope="module")
def placed(new_folder: Folder) -> Any:
    """Genes at chosen places, beside ten that are everywhere."""
    wells = s.Wells(1)
    for gene, places in WELLS_OF.items():
        for experiment, plate, address in places:
            if address:
                wells.guide(experiment, plate, gene, 1, address=address)
    for gene, places in WELLS_OF.items():
        for experiment, plate, address in places:
            if not address:
                wells.guide(experiment, plate, gene, 1)
    for place in PLACES:
        wells.control(*place, 16)
        for gene in s.gene_names(10):
            wells.guide(*place, gene, 1)
    return wells.open(new_folder("places"))


@pytest.mark.parametrize(
    ("query", "key", "expected"),
    [
        ("ON1", "ALSO_ON1", {"same plate", "one experiment"}),
        ("ON1", "ON2", {"one experiment"}),
        ("ON1", "ON1_AND2", {"one experiment", "few wells"}),
        ("ON1_AND2", "ALSO_ON1_AND2", {"one experiment"}),
        ("ON1", "ON1_OF_SECOND", set()),
        ("ON1", "GENE001", set()),
        ("AT_C05", "ALSO_AT_C05", {"same position"}),
        ("AT_D06", "AT_D06_AND_07", {"same position"}),
        ("AT_D06_AND_07", "ALSO_AT_D06_AND_07", {"same position"}),
        ("HALF_AT_F", "ALSO_HALF_AT_F", set()),
        ("AT_C05", "AT_D06", set()),
    ],
)
def test_flags_of_places(query: str, key: str, expected: set[str], placed: Any) -> None:
    m = placed.phenomap()
    about_places = {"same plate", "same position", "one experiment"}
    assert flags(m, query, key) & (about_places | {"few wells"}) == expected
    assert flags(m, key, query) & about_places == expected & about_places


@pytest.mark.first_example
@pytest.mark.parametrize("level", ["perturbation", "well"])
def test_flags_of_places_are_those_that_the_metadata_give(level: str, placed: Any) -> None:
    m, wells = placed.phenomap(level), placed.wells
    where = pd.DataFrame(
        {
            "same plate": wells["experiment_name"] + " " + wells["plate"].astype(str),
            "same position": wells["address"],
            "one experiment": wells["experiment_name"],
        }
    )
    sets = {key: where.loc[m.wells_of(key)] for key in m.labels.index}
    queries = m.labels.index[::9] if level == "well" else m.labels.index
    for query in queries:
        table = answers(m, query)
        for flag in where:
            pairs = [(sets[query][flag], sets[key][flag]) for key in table.index]
            same = shares_most if flag == "same position" else are_all_the_same
            assert has(table, flag).tolist() == [same(*pair) for pair in pairs]


def are_all_the_same(a: pd.Series, b: pd.Series) -> bool:
    return len(set(a) | set(b)) == 1


def shares_most(a: pd.Series, b: pd.Series) -> bool:
    return bool(a.isin(set(b)).mean() > 0.5 and b.isin(set(a)).mean() > 0.5)


def test_most_wells_at_the_edge_are_a_reason_to_doubt(new_folder: Folder) -> None:
    """The edge is where the screen ends; RxRx3 leaves the outermost wells of its plates empty."""
    places = {
        "OUTSIDE": ["B02", "B20", "AE33", "C40", "P47"],
        "MOSTLY": ["B03", "C20", "Q03", "P20", "R21"],
        "HALF": ["B04", "C21", "P22", "Q23"],
        "INSIDE": ["D04", "E20", "P24", "Q25", "AC44"],
    }
    wells = s.Wells(2)
    for gene, addresses in places.items():
        for place, address in zip(PLACES, addresses, strict=False):
            wells.guide(*place, gene, 1, address=address)
    for place in PLACES:
        wells.control(*place, 40)
    m = wells.open(new_folder("edge")).phenomap()
    table = answers(m, "INSIDE")
    assert set(table.index[has(table, "edge")]) & places.keys() == {"OUTSIDE", "MOSTLY"}
    assert "edge" in flags(m, "OUTSIDE", "MOSTLY")
    assert "edge" in m.doubts_of("MOSTLY")
    assert "edge" not in m.doubts_of("HALF")


def test_genes_of_one_layout_are_at_the_same_positions(new_folder: Folder) -> None:
    """Two genes whose guides lie where those of the other do in the other experiment."""
    wells = s.Wells(3)
    here, there = ["D10", "E11", "F12"], ["M20", "N21", "O22"]
    for (experiment, first), places in zip(
        ((FIRST, "A"), (SECOND, "B")), (here, here), strict=True
    ):
        for plate in (1, 2):
            for gene, own in ((first, places), ("OTHER", there)):
                for guide, address in enumerate(own, start=1):
                    wells.guide(experiment, plate, gene, guide, address=address)
            wells.control(experiment, plate, 12)
    m = wells.open(new_folder("layout")).phenomap()
    assert "same position" in flags(m, "A", "B")
    assert "same position" not in flags(m, "A", "OTHER")


def test_fewer_than_three_wells_are_few(placed: Any) -> None:
    for query in ("ON1", "ON1_AND2"):
        table = answers(placed.phenomap(), query)
        assert has(table, "few wells").equals(table["n_wells"] < 3)
    assert not has(answers(placed.phenomap("well"), placed.wells.index[0]), "few wells").any()


# --- guides and controls -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def active(new_folder: Folder) -> Any:
    """Ten genes whose guides agree, two whose guides do not, ten without effect, a compound."""
    wells = s.Wells(2)
    effects: dict[str, s.Effect] = {
        gene: 6 * wells.direction(gene) for gene in s.gene_names(10, "AGREE")
    }
    torn = s.gene_names(2, "TORN")
    for name in (f"{gene}_guide_{guide}" for gene in torn for guide in (1, 2, 3)):
        effects[name] = 6 * wells.direction(name)
    names = [*s.gene_names(10, "AGREE"), *torn, *s.gene_names(10, "SILENT")]
    wells = s.gene_screen(names, effects=effects, seed=2, controls=60)
    wells.control("compound-001", 1, 60)
    for name, strength in (("active", 6), ("inert", 0)):
        for _ in range(6):
            wells.dose("compound-001", 1, name, 1.0, strength * wells.direction(name))
    return wells.open(new_folder("active"))


def test_guides_that_disagree_are_named(active: Any) -> None:
    table = answers(active.phenomap(), "AGREE000").drop("EMPTY_control")
    disagree = has(table, "guides disagree")
    assert disagree[["TORN000", "TORN001"]].all()
    assert not disagree[disagree.index.str.startswith("AGREE")].any()
    assert disagree[disagree.index.str.startswith("SILENT")].mean() > 0.7
    assert not disagree[["active@1", "inert@1"]].any()
    assert not has(answers(active.phenomap("guide"), "AGREE000_guide_1"), "guides disagree").any()


def test_what_is_no_further_than_controls_is_like_them(active: Any) -> None:
    table = answers(active.phenomap(), "AGREE000").drop("EMPTY_control")
    alike = has(table, "like controls")
    has_effect = ~(alike.index.str.startswith("SILENT") | (alike.index == "inert@1"))
    assert not alike[has_effect].any()
    assert alike[~has_effect].mean() > 0.7


def test_own_flags_are_those_of_the_scores(active: Any) -> None:
    for level in ("guide", "perturbation", "compound", "well"):
        m = active.phenomap(level)
        table = answers(m, m.labels.index[-1])
        scores = m.scores.loc[table.index]
        assert has(table, "like controls").equals(scores["strength_p"] > 0.05)
        assert has(table, "guides disagree").equals(scores["agreement_p"] > 0.05)


def test_flags_are_of_the_neighbor_not_of_the_query(active: Any) -> None:
    assert not flags(active.phenomap(), "SILENT000", "AGREE001")
    assert not flags(active.phenomap(), "TORN000", "AGREE001")


def test_all_flags_are_explained(active: Any, placed: Any) -> None:
    seen = set()
    for m in (active.phenomap(), placed.phenomap()):
        for query in m.labels.index[::5]:
            seen |= {flag for names in answers(m, query)["flags"] for flag in names}
    assert seen <= set(DOUBTS)
    assert len(seen) >= 6
    assert all(text.endswith(".") for text in DOUBTS.values())


# --- effects of batches ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scattered(new_folder: Folder) -> Any:
    """Twelve experiments of five genes each: before alignment, those of one are alike."""
    wells = s.Wells(4, batch=2.0)
    for number in range(1, 13):
        experiment = f"gene-{number:03d}"
        wells.control(experiment, 1, 30)
        for gene in s.gene_names(5, f"E{number:02d}GENE"):
            for _ in range(4):
                wells.guide(experiment, 1, gene, 1, 2 * wells.direction(gene))
    return wells.open(new_folder("scattered"))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_likeness_that_alignment_takes_away_is_doubted(metric: str, scattered: Any) -> None:
    raw, aligned = scattered.phenomap(align="none"), scattered.phenomap(align="pca-centerscale")
    n_doubted = 0
    for query in aligned.labels.index.drop("EMPTY_control")[::6]:
        before = answers(raw, query, metric=metric).drop("EMPTY_control")
        after = answers(aligned, query, metric=metric).loc[before.index]
        artifact = (before["percentile"] <= 0.05) & (after["percentile"] > 0.05)
        assert has(after, "only unaligned").equals(artifact)
        assert has(before, "only unaligned").equals(artifact)
        n_doubted += artifact[artifact.index.str[:3] == query[:3]].sum()
    assert n_doubted >= 5


@pytest.mark.soak
def test_who_stops_a_question_stops_no_later_one(
    new_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # in this thread: all steps are counted
    wells = s.Wells(6)
    for plate in (1, 2):
        wells.control(FIRST, plate, 12)
        for gene in s.gene_names(8):
            wells.guide(FIRST, plate, gene, 1, 2 * wells.direction(gene))
    folder = new_folder("stopped")
    key = s.gene_names(8)[0]
    wanted = answers(wells.open(folder).phenomap(), key)
    n_steps = 0

    def count(done: int, total: int, text: str) -> None:
        nonlocal n_steps
        n_steps += 1

    fresh = rx.open_dataset(folder, cache_dir=folder / "other cache").phenomap()
    fresh.nearest(key, k=ALL, progress=count)
    for last in range(0, n_steps, max(1, n_steps // 12)):
        m = rx.open_dataset(folder, cache_dir=folder / f"cache {last}").phenomap()
        left = last

        def stop(done: int, total: int, text: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Cancelled("enough")

        with pytest.raises(Cancelled):
            m.nearest(key, k=ALL, progress=stop)
        assert answers(m, key).equals(wanted), last


def test_what_was_prepared_for_a_question_outlives_it(new_folder: Folder) -> None:
    """A few genes have more wells than most: questions about them draw pairs of their own."""
    wells = s.Wells(6)
    keys = s.gene_names(300)
    for plate in (1, 2):
        wells.control(FIRST, plate, 12)
        for number, gene in enumerate(keys):
            for _ in range(2 if number < 13 else 1):
                wells.guide(FIRST, plate, gene, 1, 2 * wells.direction(gene))
    m = wells.open(new_folder("outlived")).phenomap()
    is_over = False

    def progress(done: int, total: int, text: str) -> None:
        if is_over:
            raise Cancelled("A newer request took over.")

    m.nearest(keys[-1], k=3, progress=progress)
    is_over = True
    for key in keys[:3]:
        assert len(answers(m, key)) == len(m.labels) - 1


def test_without_controls_nothing_is_said_of_alignment(new_folder: Folder) -> None:
    m = s.gene_screen(8, controls=0).open(new_folder("bare")).phenomap(align="none")
    table = answers(m, "GENE000")
    assert not has(table, "only unaligned").any()
    assert not has(table, "like controls").any()
