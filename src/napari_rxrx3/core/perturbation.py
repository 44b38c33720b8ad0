"""What a well's treatment is called, and what kind of well that makes it."""

from __future__ import annotations

import re

__all__ = [
    "CONTROL_MEANING",
    "CONTROL_NAME",
    "CRISPR_CONTROL",
    "EMPTY_CONTROL",
    "OWN_CONTROL",
    "compound_key",
    "gene_of_guide",
    "gene_of_treatment",
    "is_blinded",
]

EMPTY_CONTROL = "EMPTY_control"
CRISPR_CONTROL = "CRISPR_control"

CONTROL_NAME = "control_name"
"""The column of wells that says what a screen of one's own calls its controls, such as DMSO."""

OWN_CONTROL = " (control)"
"""What stands behind such a name wherever it could be taken for a treatment."""

CONTROL_MEANING = {
    EMPTY_CONTROL: "no perturbation",
    CRISPR_CONTROL: "a control class of compound plates that the data set does not explain",
    "positive_control": "a guide with a known strong effect",
    "cutting_control": "a guide that cuts but should change nothing",
}
"""Plain words for every `well_type` that is a control."""

_GUIDE = re.compile(r"(.+)_guide_(\d+)\Z", re.ASCII)
_BLINDED = re.compile(r"RXRX3-\d+\Z", re.ASCII)


def gene_of_guide(treatment: str) -> str | None:
    """Return ``"PLK1"`` for ``"PLK1_guide_1"``, None for a treatment that is no guide."""
    match = _GUIDE.match(treatment)
    return match[1] if match else None


def gene_of_treatment(treatment: str) -> str | None:
    """The gene of a guide, or of a CRISPR well that names it alone; None for a control."""
    return None if "_control" in treatment else gene_of_guide(treatment) or treatment


def compound_key(name: str, concentration: float) -> str:
    """Key of a compound at a dose in uM, e.g. ``"Bortezomib@2.5"``; the name alone if NaN."""
    return name if concentration != concentration else f"{name}@{concentration:g}"


def is_blinded(gene: str) -> bool:
    """Whether a gene's name is one of the data set's stand-ins, e.g. ``RXRX3-43938``."""
    return _BLINDED.match(gene) is not None
