"""Gene sets: files as people have them, and which are over-represented, with signal and without."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control, fisher_exact

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import MapError, MetadataError, UnknownKey
from napari_rxrx3.maps.sets.enrichment import SetsOfMap, enrichment_in_words
from napari_rxrx3.maps.sets.gene_sets import GeneSets, read_gene_sets
from napari_rxrx3.maps.sets.genes import genes_of, nearest_genes
from screens import gene_names, gene_screen

GMT = "one\tabout one\tPLK1\tAURKB\tKIF11\ntwo\t\tMTOR\nthree\tx\tPLK1\tMTOR\tRPTOR\tRHEB\n"
SETS = {
    "one": ("PLK1", "AURKB", "KIF11"),
    "two": ("MTOR",),
    "three": ("PLK1", "MTOR", "RPTOR", "RHEB"),
}


def read(folder: Path, content: str | bytes, name: str = "sets.gmt") -> GeneSets:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_gene_sets(path)


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        GMT,
        GMT.replace("\n", "\r\n"),
        f"\ufeff{GMT}",
        GMT.rstrip("\n"),
        GMT.replace("\n", "\t\t\n"),
        GMT.replace("\n", "\n\n"),
        GMT.encode("utf-16"),
        gzip.compress(GMT.encode(), mtime=0),
        GMT.replace("about one", "about one, two, three, four, five, six, seven"),
        GMT.replace("KIF11", "KIF11,0.7").replace("RHEB", " RHEB "),
    ],
)
def test_a_gmt_in_any_form(tmp_path: Path, content: str | bytes) -> None:
    sets = read(tmp_path, content)
    assert dict(sets.members) == SETS
    assert sets.notes == ()
    assert len(sets) == 3


def rows_of(sets: dict[str, Sequence[str]]) -> list[tuple[str, str]]:
    return [(name, gene) for name, genes in sets.items() for gene in genes]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "head", ["", "set{0}gene\n", "gs_name{0}Gene Symbol\n", "sep={0}\nterm{0}gene\n"]
)
def test_a_table_of_two_columns(tmp_path: Path, separator: str, head: str) -> None:
    lines = [f"{name}{separator}{gene}\n" for name, gene in rows_of(SETS)]
    sets = read(tmp_path, head.format(separator) + "".join(lines), "sets.csv")
    assert dict(sets.members) == SETS


def test_columns_are_found_by_their_names_among_others(tmp_path: Path) -> None:
    table = pd.DataFrame(rows_of(SETS), columns=["pathway", "symbol"])
    table = table.assign(evidence=0.5, source="me")[["symbol", "evidence", "pathway", "source"]]
    assert dict(read(tmp_path, table.to_csv(index=False)).members) == SETS
    table.to_parquet(tmp_path / "sets.parquet")
    assert dict(read_gene_sets(tmp_path / "sets.parquet").members) == SETS


@pytest.mark.parametrize("between", [" ", "; ", ",", "|"])
def test_a_cell_may_hold_all_genes_of_a_set(tmp_path: Path, between: str) -> None:
    lines = [f"{name}\t{between.join(genes)}\n" for name, genes in SETS.items()]
    assert dict(read(tmp_path, "".join(lines), "complexes.tsv").members) == SETS


def test_lines_that_are_no_set_are_left_out_and_said(tmp_path: Path) -> None:
    sets = read(tmp_path, f'{GMT}bare\tnothing\n\tno name\tPLK1\nopen\tx\t"PLK1\tMTOR\n')
    assert dict(sets.members) == SETS
    said = " ".join(sets.notes)
    assert "sets.gmt" in said
    assert "2 lines without a set or a gene left out (the first is line 4)" in said
    assert "line 6: a quote is opened that nothing closes" in said
    one = read(tmp_path, f"{GMT}bare\tnothing\n")
    assert one.notes[0].endswith("1 line without a set or a gene left out (line 4).")


def test_sets_of_one_name_are_one(tmp_path: Path) -> None:
    sets = read(tmp_path, "one\tx\tA\tB\ntwo\tx\tC\tD\none\tx\tB\tE\n")
    assert dict(sets.members) == {"one": ("A", "B", "E"), "two": ("C", "D")}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "neither parquet nor text"),
        (b"entity1,entity2\nPLK1,MTOR\n", "pairs of genes"),
        (b"one\tabout\n", "no gene sets"),
        (b"one\n", "no gene sets"),
        (b"\x1f\x8bbroken", "cannot be read"),
    ],
)
def test_what_is_no_file_of_sets_is_said(tmp_path: Path, content: bytes, why: str) -> None:
    if content == b"one\tabout\n":  # of two cells the second is a gene
        content = b"one\t\n"
    with pytest.raises(MetadataError, match=why) as error:
        read(tmp_path, content)
    assert "sets.gmt" in str(error.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"gone.gmt cannot be read \(it is not there\)"):
        read_gene_sets(tmp_path / "gone.gmt")


NAMES = st.text(st.characters(categories=["L", "N"], codec="utf-8"), min_size=1, max_size=6)


@given(st.dictionaries(NAMES, st.lists(NAMES, min_size=2, max_size=6, unique=True), min_size=1))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, sets: dict[str, list[str]]
) -> None:
    """Names that differ by how one letter is written, or that head a column, are no two names."""
    import unicodedata

    from napari_rxrx3.data.files.text_form import plain_name

    flat = [*sets, *(gene for genes in sets.values() for gene in genes)]
    if any(unicodedata.normalize("NFC", n) != n for n in flat):
        return
    if {plain_name(name) for name in flat} & {"set", "gene", "term", "genes", "wellid"}:
        return
    lines = ["\t".join([name, "about", *genes]) for name, genes in sets.items()]
    found = read(tmp_path_factory.mktemp("x"), "\n".join(lines) + "\n")
    assert dict(found.members) == {name: tuple(genes) for name, genes in sets.items()}


# --- a screen with complexes -------------------------------------------------------------------

COMPLEXES = {f"complex {i}": gene_names(12, f"C{i}x") for i in range(3)}
QUIET = gene_names(160)
BLINDED = [f"RXRX3-{10_000 + i}" for i in range(20)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three complexes of twelve genes that act alike, 160 genes that do nothing, 20 blinded."""
    genes = [*QUIET, *BLINDED, *(gene for genes in COMPLEXES.values() for gene in genes)]
    wells = gene_screen([], 0, plates=2, controls=30, dim=48)
    for i, members in enumerate(COMPLEXES.values()):
        effect = 4 * wells.direction(f"complex {i}")
        for gene in members:
            add(wells, gene, effect)
    for gene in genes[: len(QUIET) + len(BLINDED)]:
        add(wells, gene, 0.0)
    for dose in (1.0, 2.5):
        for _ in range(2):
            wells.dose("compound-001", 1, "Drug", dose)
    wells.control("compound-001", 1, 50)
    return wells.open(tmp_path_factory.mktemp("sets"))


def add(wells: Any, gene: str, effect: Any) -> None:
    for experiment in ("gene-001", "gene-143"):
        for plate in (1, 2):
            for guide in (1, 2):
                wells.guide(experiment, plate, gene, guide, effect)


@pytest.fixture(scope="module")
def m(data: Any) -> Any:
    return data.phenomap()


def random_sets(n: int, genes: Sequence[str], seed: int = 0) -> dict[str, tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(10, 40, n)
    return {f"random {i}": tuple(rng.choice(genes, k, replace=False)) for i, k in enumerate(sizes)}


@pytest.fixture(scope="module")
def sets() -> GeneSets:
    named = [*QUIET, *(gene for genes in COMPLEXES.values() for gene in genes)]
    known = {name: tuple(genes) for name, genes in COMPLEXES.items()}
    small = {"small": tuple(QUIET[:9]), "elsewhere": tuple(f"ELSE{i}" for i in range(30))}
    return GeneSets("my.gmt", known | random_sets(40, named) | small)


# --- the statistic -----------------------------------------------------------------------------


def test_p_is_that_of_fishers_exact_test(m: Any, sets: GeneSets) -> None:
    """Scipy's own test of the table of two by two, counted here by hand."""
    chosen = [*COMPLEXES["complex 0"][:7], *QUIET[:13]]
    named = {*QUIET, *(gene for genes in COMPLEXES.values() for gene in genes)}
    table = m.enrichment(chosen, sets).set_index("set")
    assert len(table) == 43
    for name, row in table.iterrows():
        members = set(sets.members[str(name)])
        a = len(members & set(chosen))
        assert (row["n_found"], row["n_chosen"]) == (a, 20)
        assert (row["n_set"], row["n_background"]) == (len(members), len(named))
        square = [[a, 20 - a], [len(members) - a, len(named) - 20 - len(members) + a]]
        assert row["p_value"] == pytest.approx(fisher_exact(square, "greater").pvalue)
        assert row["expected"] == pytest.approx(20 * len(members) / len(named))
        assert row["fold"] == pytest.approx(a / row["expected"])
        assert row["members"] == tuple(gene for gene in chosen if gene in members)
    assert table["p_value"].is_monotonic_increasing
    assert table["q_value"].to_numpy() == pytest.approx(false_discovery_control(table["p_value"]))
    assert table.index[0] == "complex 0"


def test_sets_with_few_genes_in_the_map_are_not_tested(m: Any, sets: GeneSets) -> None:
    found = SetsOfMap(sets, m).among(QUIET[:20])
    assert found.n_small == 2
    assert not {"small", "elsewhere"} & set(found.table["set"])
    assert "small" in set(m.enrichment(QUIET[:20], sets, min_genes=9)["set"])


def test_planted_complexes_are_found(m: Any, sets: GeneSets) -> None:
    for name, members in COMPLEXES.items():
        for gene in members[:3]:
            table = m.enrichment_near(gene, sets, k=15)
            assert table.loc[0, "set"] == name
            assert table.loc[0, "q_value"] < 1e-6
            assert table.loc[0, "n_found"] >= 9
            assert table.loc[0, "n_set"] == 11, "its own gene could not be chosen"
            assert gene not in table.loc[0, "members"]
            assert table.loc[0, "n_background"] == 160 + 36 - 1


def test_of_genes_without_effect_nothing_is_found(m: Any) -> None:
    """Of 180 questions one in twenty may have a false find, and no p is too small too often."""
    looked_up = SetsOfMap(GeneSets("x", random_sets(30, QUIET, seed=5)), m)
    asked = [*QUIET, *BLINDED]
    tables = [looked_up.near(gene, 20).table for gene in asked]
    n_false = sum((table["q_value"] <= 0.05).any() for table in tables)
    assert binomtest(n_false, len(asked), 0.05, "greater").pvalue > 0.01
    p = np.concatenate([table["p_value"] for table in tables])
    assert np.mean(p <= 0.05) <= 0.06
    assert np.mean(p <= 0.5) > 0.25, "nor is it always 1"


def test_the_opposite_genes_are_asked_apart(m: Any, sets: GeneSets) -> None:
    gene = COMPLEXES["complex 1"][0]
    opposite = m.enrichment_near(gene, sets, k=15, opposite=True).set_index("set")
    assert opposite.loc["complex 1", "n_found"] == 0
    assert opposite.loc["complex 1", "p_value"] == 1


# --- what counts -------------------------------------------------------------------------------


def test_blinded_genes_do_not_count_unless_the_file_names_them(m: Any, sets: GeneSets) -> None:
    chosen = [*QUIET[:10], *BLINDED[:5]]
    found = SetsOfMap(sets, m).among(chosen)
    assert (len(found.chosen), found.n_blinded, found.n_background) == (10, 5, 196)
    named = GeneSets("x", {**sets.members, "mine": tuple(BLINDED[:12])})
    found = SetsOfMap(named, m).among(chosen)
    assert (len(found.chosen), found.n_blinded, found.n_background) == (15, 0, 208)
    assert found.table.loc[0, "set"] == "mine"


def test_compounds_and_controls_do_not_count_and_are_said(m: Any, sets: GeneSets) -> None:
    found = SetsOfMap(sets, m).among([*QUIET[:10], "Drug@1", "Drug@2.5", "EMPTY_control"])
    assert (len(found.chosen), found.n_others) == (10, 3)
    assert "Not counted: 3 entries that are no gene." in enrichment_in_words(found, "here")
    with pytest.raises(MapError, match="no gene, so"):
        m.enrichment(["Drug@1"], sets)


@pytest.mark.parametrize("level", ["guide", "well", "compound"])
def test_a_gene_counts_once_at_every_level(data: Any, m: Any, sets: GeneSets, level: str) -> None:
    other = data.phenomap(level)
    genes = genes_of(other)
    assert set(genes.names) == set(genes_of(m).names)
    keys = other.labels.index[np.isin(genes.of_entry, genes.rows_of(COMPLEXES["complex 2"]))]
    assert len(keys) == {"guide": 24, "well": 96, "compound": 12}[level]
    table = other.enrichment(list(keys), sets)
    assert table.loc[0, "set"] == "complex 2"
    assert (table.loc[0, "n_found"], table.loc[0, "n_chosen"]) == (12, 12)
    expected = m.enrichment(COMPLEXES["complex 2"], sets)
    pd.testing.assert_frame_equal(table.drop(columns="members"), expected.drop(columns="members"))
    looked_up = SetsOfMap(sets, other)
    assert set(looked_up.keys_of("complex 2")) == set(keys)
    near = nearest_genes(other, genes, str(keys[0]), 9, False)
    assert len(set(near)) == 9
    assert genes.of_entry[other.row(str(keys[0]))] not in near


def test_nearest_genes_are_those_of_the_list_of_neighbors(m: Any) -> None:
    genes = genes_of(m)
    for metric in ("cosine", "euclidean"):
        for opposite in (False, True):
            near = nearest_genes(m, genes, "GENE003", 12, opposite, metric)
            listed = m.nearest("GENE003", 14, metric, opposite, kind="CRISPR", judged=False)["key"]
            listed = [key for key in listed if key != "EMPTY_control"][:12]
            assert genes.names[near].tolist() == listed


def test_a_compound_can_be_asked_about(m: Any, sets: GeneSets) -> None:
    table = m.enrichment_near("Drug@1", sets, k=20)
    assert (table.loc[0, "n_chosen"], table.loc[0, "n_background"]) == (
        20 - SetsOfMap(sets, m).near("Drug@1", 20).n_blinded,
        196,
    )


def test_what_cannot_be_compared_is_said(m: Any, sets: GeneSets) -> None:
    with pytest.raises(UnknownKey, match="PLK9"):
        m.enrichment(["GENE001", "PLK9"], sets)
    with pytest.raises(UnknownKey, match="PLK9"):
        m.enrichment_near("PLK9", sets)
    with pytest.raises(MapError, match="no direction"):
        m.enrichment_near("EMPTY_control", sets)
    with pytest.raises(MapError, match=r"None of the 30 genes of x.gmt is in this map: E0, E1, E2"):
        m.enrichment(QUIET[:3], GeneSets("x.gmt", {"a": tuple(f"E{i}" for i in range(30))}))
    few = GeneSets("x.gmt", {"a": ("GENE001", "E1"), "b": ("GENE001", "GENE002")})
    with pytest.raises(MapError, match=r"None of the 2 sets .* has 10 genes .*; b has most, 2"):
        m.enrichment(QUIET[:3], few)
    with pytest.raises(MapError, match="blinded"):
        m.enrichment(BLINDED[:3], sets)


def test_all_genes_chosen_is_no_finding(m: Any, sets: GeneSets) -> None:
    table = m.enrichment_near("GENE000", sets, k=10_000)
    assert (table["p_value"] == 1).all()
    assert (table["fold"].round(6) == 1).all()


def test_it_is_said_in_words(m: Any, sets: GeneSets) -> None:
    looked_up = SetsOfMap(sets, m)
    some = enrichment_in_words(looked_up.near("C0x000", 15), "nearest to C0x000")
    assert some.startswith("1 of 43 sets is over-represented among 1")
    assert "genes nearest to C0x000, of 195 (q ≤ 0.05)." in some
    assert "Not tested: 2 sets with fewer than 10 genes in the map." in some
    nothing = enrichment_in_words(looked_up.among(QUIET[:12]), "of mine")
    assert (
        "None of 43 sets is over-represented among 12 genes of mine, of 196: the least q is"
        in nothing
    )


# --- the command line --------------------------------------------------------------------------


def write_gmt(path: Path, sets: GeneSets) -> str:
    lines = ["\t".join([name, "", *genes]) for name, genes in sets.members.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def files(data: Any, sets: GeneSets, tmp_path: Path) -> tuple[str, str]:
    return str(data.address), write_gmt(tmp_path / "my.gmt", sets)


def test_the_command_prints_the_sets(
    files: tuple[str, str], m: Any, sets: GeneSets, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sets", files[0], "C1x004", "--sets", files[1], "-k", "15"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].split()[:2] == ["complex", "1"]
    assert "1 of 43 sets is over-represented" in out
    options = ["--json", "--opposite", "--min-genes", "9", "--metric", "euclidean"]
    assert main(["sets", files[0], "C1x004", "--sets", files[1], *options]) == 0
    report = json.loads(capsys.readouterr().out)
    expected = SetsOfMap(sets, m).near("C1x004", 20, True, "euclidean", 9)
    assert [row["set"] for row in report["sets"]] == expected.table["set"].tolist()
    assert [row["q_value"] for row in report["sets"]] == expected.table["q_value"].tolist()
    assert report["genes"] == list(expected.chosen)
    assert report["n_not_tested"] == 1


def test_the_command_says_what_is_wrong(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sets", files[0], "C1x004", "--sets", str(tmp_path / "gone.gmt")]) == 1
    assert "gone.gmt cannot be read (it is not there)" in capsys.readouterr().err
    b.write(tmp_path / "bare.gmt", b"one\tx\tC1x004\ntwo\t\n")
    assert main(["sets", files[0], "C1x004", "--sets", str(tmp_path / "bare.gmt")]) == 1
    said = capsys.readouterr().err
    assert "1 line without a set or a gene left out (line 2)" in said
    assert "has 10 genes in this map" in said


def test_they_are_names_of_the_library() -> None:
    assert rx.read_gene_sets is read_gene_sets
    assert rx.GeneSets is GeneSets
