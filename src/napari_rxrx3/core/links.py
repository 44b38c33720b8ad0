"""Where the web knows more about a gene or a compound; addresses only, nothing is opened here."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, quote_plus

from napari_rxrx3.core.perturbation import is_blinded

__all__ = ["Link", "links_for", "plain_smiles"]

_NCBI = "https://www.ncbi.nlm.nih.gov/gene/?term="
_UNIPROT = "https://www.uniprot.org/uniprotkb?query="
_PUBCHEM = "https://pubchem.ncbi.nlm.nih.gov/#query="

_MAX_QUERY = 2000
"""Longer text is no name and no molecule of a screen, and browsers refuse such addresses."""


class Link(NamedTuple):
    """A page about a perturbation: what its button says, the address, and what it leads to."""

    name: str
    url: str
    tip: str


def links_for(perturbation_type: str, gene: str, treatment: str, smiles: str) -> list[Link]:
    """Return pages about a perturbation; none for a control or a gene without a public name.

    Parameters
    ----------
    perturbation_type : str
        ``"CRISPR"`` or ``"COMPOUND"``; where it is empty, what is named decides.
    smiles : str
        With or without the CXSMILES tail of the data set.
    """
    if _is_control(gene) or _is_control(treatment):
        return []
    if gene and perturbation_type != "COMPOUND":
        return _gene_links(gene.strip())
    if perturbation_type == "COMPOUND" or smiles:
        return _compound_links(treatment.strip(), plain_smiles(smiles))
    return []


def plain_smiles(text: str) -> str:
    """Return a SMILES without the CXSMILES tail, e.g. ``"C1CC1 |c:0|"`` -> ``"C1CC1"``."""
    return text.partition(" |")[0].strip()


def _gene_links(gene: str) -> list[Link]:
    if is_blinded(gene) or not _can_ask(gene):
        return []
    ncbi = _NCBI + _plus_encoded(f"{gene}[sym] AND human[orgn]")
    uniprot = _UNIPROT + _plus_encoded(f"gene_exact:{gene} AND organism_id:9606")
    return [
        Link("NCBI Gene", ncbi, f"{gene} at NCBI Gene: what the human gene is and does"),
        Link("UniProt", uniprot, f"{gene} at UniProt: the human protein and its function"),
    ]


def _compound_links(name: str, smiles: str) -> list[Link]:
    links = []
    if _can_ask(name):
        tip = f"{name} at PubChem, searched by name"
        links.append(Link("PubChem", _PUBCHEM + _encoded(name), tip))
    if _can_ask(smiles):
        tip = "The molecule at PubChem, searched by its SMILES: finds it under any name"
        links.append(Link("SMILES", _PUBCHEM + _encoded(smiles), tip))
    return links


def _is_control(name: str) -> bool:
    return name.strip().endswith("_control")


def _can_ask(text: str) -> bool:
    return 0 < len(text) <= _MAX_QUERY


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="replace")  # a lone surrogate has no UTF-8


def _plus_encoded(text: str) -> str:
    return quote_plus(text, safe=":", errors="replace")
