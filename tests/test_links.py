"""Links to public pages: right for what real names hold, and never to anywhere else."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_rxrx3.core.links import Link, links_for, plain_smiles

HOSTS = {"www.ncbi.nlm.nih.gov", "www.uniprot.org", "pubchem.ncbi.nlm.nih.gov"}
KINDS = st.sampled_from(["CRISPR", "COMPOUND", "", "something else"])
ANY_TEXT = st.text(st.characters())  # lone surrogates as well
NAMES = [
    "atenolol-(+/-)",
    "Lorlatinib?(PF-6463922)",
    "4-[(7-chloro-2-methoxybenzo[b][1",
    "Ripasudil (K-115) hydrochloride dihydrate",
    "β-Estradiol & 50% #1 +1=2",
    "<b onclick='x'>\"name\"</b>",
    "https://evil.example/@x\\y",
    "a\nb\tc\0d",
]


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, strict_parsing=True)


def searched(link: Link) -> str:
    """What PubChem's page reads from the fragment of its address."""
    key, _, value = urlsplit(link.url).fragment.partition("=")
    assert key == "query"
    return unquote(value, errors="strict")


def test_a_gene_is_searched_by_its_symbol_among_human_genes() -> None:
    ncbi, uniprot = links_for("CRISPR", "PLK1", "PLK1_guide_1", "")
    assert (ncbi.name, uniprot.name) == ("NCBI Gene", "UniProt")
    assert ncbi.url == "https://www.ncbi.nlm.nih.gov/gene/?term=PLK1%5Bsym%5D+AND+human%5Borgn%5D"
    assert uniprot.url == (
        "https://www.uniprot.org/uniprotkb?query=gene_exact:PLK1+AND+organism_id:9606"
    )
    assert "PLK1" in ncbi.tip
    assert "PLK1" in uniprot.tip


@pytest.mark.parametrize("gene", ["HLA-A", "C1orf112", "A&B=C", "x+y z", "é#?"])
def test_the_search_holds_the_symbol_and_nothing_of_it_escapes(gene: str) -> None:
    ncbi, uniprot = links_for("CRISPR", gene, gene, "")
    assert query_of(ncbi.url) == {"term": [f"{gene}[sym] AND human[orgn]"]}
    assert query_of(uniprot.url) == {"query": [f"gene_exact:{gene} AND organism_id:9606"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_compound_is_searched_by_name_and_by_smiles(name: str) -> None:
    smiles = "C/C=C\\[C@@H](N)C#N.[Na+] |c:1,t:3|"
    by_name, by_smiles = links_for("COMPOUND", "", name, smiles)
    assert searched(by_name) == name
    assert searched(by_smiles) == "C/C=C\\[C@@H](N)C#N.[Na+]"
    assert by_name.name != by_smiles.name


def test_a_known_compound_gets_the_expected_addresses() -> None:
    by_name, by_smiles = links_for("COMPOUND", "", "atenolol-(+/-)", "OC(=O)C |t:1|")
    assert by_name.url == "https://pubchem.ncbi.nlm.nih.gov/#query=atenolol-%28%2B%2F-%29"
    assert by_smiles.url == "https://pubchem.ncbi.nlm.nih.gov/#query=OC%28%3DO%29C"


def test_compounds_that_differ_only_by_case_are_searched_as_they_are_written() -> None:
    names = [searched(links_for("COMPOUND", "", n, "")[0]) for n in ("Voglibose", "voglibose")]
    assert names == ["Voglibose", "voglibose"]


@pytest.mark.parametrize(
    ("kind", "gene", "treatment"),
    [
        ("CRISPR", "RXRX3-43938", "RXRX3-43938_guide_6"),
        ("CRISPR", "EMPTY_control", "EMPTY_control"),
        ("CRISPR", "", "EMPTY_control"),
        ("COMPOUND", "", "EMPTY_control"),
        ("COMPOUND", "", "CRISPR_control"),
        ("CRISPR", " ", ""),
        ("COMPOUND", "", " "),
        ("", "", "DMSO"),
        ("", "", ""),
    ],
)
def test_blinded_genes_controls_and_the_nameless_have_no_page(
    kind: str, gene: str, treatment: str
) -> None:
    assert links_for(kind, gene, treatment, "") == []


def test_what_is_missing_is_not_searched() -> None:
    assert [link.name for link in links_for("COMPOUND", "", "Mystery", "")] == ["PubChem"]
    assert [searched(link) for link in links_for("COMPOUND", "", "", "CCO |x|")] == ["CCO"]


def test_without_a_kind_the_names_decide() -> None:
    assert [link.name for link in links_for("", "TP53", "TP53", "")] == ["NCBI Gene", "UniProt"]
    assert len(links_for("", "", "Aspirin", "CC(=O)Oc1ccccc1C(=O)O")) == 2


def test_a_text_that_no_address_can_hold_gives_no_link() -> None:
    assert links_for("COMPOUND", "", "x" * 2001, "C" * 2001) == []
    assert links_for("CRISPR", "x" * 2001, "", "") == []


@given(KINDS, ANY_TEXT, ANY_TEXT, ANY_TEXT)
@example("CRISPR", "@evil.example/", "", "")
@example("COMPOUND", "", "#\\\\evil.example", "\ud800 |")
@example("COMPOUND", "", "javascript:alert(1)", "%0d%0aHost:")
def test_only_https_addresses_of_the_three_sites_come_out(
    kind: str, gene: str, treatment: str, smiles: str
) -> None:
    for link in links_for(kind, gene, treatment, smiles):
        parts = urlsplit(link.url)
        assert parts.scheme == "https"
        assert parts.netloc in HOSTS
        assert parts.path in ("/gene/", "/uniprotkb", "/")
        assert link.url.isascii()
        assert link.url.isprintable()
        assert not set(link.url) & set(" \"<>\\^`{|}'")
        assert link.name


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_whatever_a_compound_is_called_is_what_is_searched(name: str) -> None:
    found = links_for("COMPOUND", "", name, "")
    if found:
        assert searched(found[0]) == name.strip()
    else:
        assert not name.strip() or name.strip().endswith("_control")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("C1CC1 |c:0|", "C1CC1"),
        ("C1CC1", "C1CC1"),
        (" CCO\n", "CCO"),
        ("CC |r,c:46,t:43| |x|", "CC"),
        ("", ""),
        ("|c:0|", "|c:0|"),
    ],
)
def test_the_cxsmiles_tail_is_cut(text: str, plain: str) -> None:
    assert plain_smiles(text) == plain


@given(ANY_TEXT)
def test_cutting_twice_changes_nothing(text: str) -> None:
    assert plain_smiles(plain_smiles(text)) == plain_smiles(text)
