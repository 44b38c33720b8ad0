"""The strips that can be asked for, in words, and why one cannot be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_rxrx3.core.perturbation import EMPTY_CONTROL, gene_of_guide
from napari_rxrx3.core.words import name_of_well
from napari_rxrx3.session import CROPS, Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset

__all__ = [
    "CHOICES",
    "StripChoice",
    "next_crop",
    "series_of",
    "show_alone",
    "why_no_control",
    "why_not",
    "without_controls",
]


@dataclass(frozen=True)
class StripChoice:
    """A kind of strip: the word on its button, its key, and what it is for."""

    kind: str
    word: str
    key: str
    tip: str


CHOICES = {
    choice.kind: choice
    for choice in (
        StripChoice(
            "control",
            "Control",
            "C",
            "The nearest EMPTY_control of the plate beside the well; once more: another one",
        ),
        StripChoice(
            "neighbors",
            "Nearest",
            "N",
            "The well, its control, and the perturbations that look most like it",
        ),
        StripChoice("replicates", "Replicates", "R", "The other wells that received the same"),
        StripChoice(
            "guides",
            "Guides",
            "G",
            "All guides of the gene, a row each, the strongest first, controls in the last row",
        ),
        StripChoice(
            "doses",
            "Doses",
            "G",
            "All doses of the compound after a control, and how far each is from the controls",
        ),
        StripChoice(
            "position",
            "Position",
            "P",
            "The same position on other plates: what all of them show is the plate's, not the "
            "perturbation's",
        ),
        StripChoice(
            "wells",
            "Wells",
            "W",
            "The wells that are selected on the map; they can also be dragged onto the canvas",
        ),
    )
}


_SELECT_FIRST = "Select several wells on the map first: Ctrl+click, Shift+click or drag."


def why_not(session: Session, kind: str, wells: Sequence[str] | None = None) -> str:
    """Why there is no strip of this kind for the well that is looked at; empty if there is.

    Parameters
    ----------
    wells : sequence of str, optional
        For a strip of wells: these, rather than those that are selected.
    """
    dataset, well = session.dataset, session.well
    if dataset is None:
        return "No data set is open."
    if kind == "wells":
        enough = wells or len(session.selection) > 1
        return "" if enough else _SELECT_FIRST
    if well is None:
        return "No well is selected."
    row = dataset.row(well)
    if kind == "control":
        return why_no_control(session)
    if kind == "neighbors":
        return _why_no_neighbors(dataset)
    if kind == "position":
        return "There is only one plate." if len(dataset.listed.slices) < 2 else ""
    return _why_not_of(kind, row)


def _why_no_neighbors(dataset: Dataset) -> str:
    if dataset.vectors_are_read and dataset.known_default is None:
        return "There are no embeddings, which would say what looks alike."
    return ""


def _why_not_of(kind: str, row: pd.Series) -> str:
    """Of strips that follow from what a well received."""
    if not isinstance(row["treatment"], str):
        return "It is not known what this well received."
    if kind == "doses" and row["well_type"] != "compound":
        return f"{name_of_well(row)} is no compound: it has no doses."
    if kind == "guides" and gene_of_guide(row["treatment"]) is None:
        return f"{name_of_well(row)} is no gene: it has no guides."
    return ""


def why_no_control(session: Session) -> str:
    """Why nothing can be held against a control of the plate; empty if something can."""
    if session.dataset is None or session.well is None:
        return "No well is selected."
    if session.control_of(session.well) is None:
        return without_controls(session, session.well)
    return ""


def without_controls(session: Session, well: str) -> str:
    """That there is no control on the plate of a well, which may be the only one itself."""
    is_control = str(session.well_row(well)["treatment"]) == EMPTY_CONTROL
    return f"{session.plate} has no {'other ' * is_control}EMPTY_control with an image."


def series_of(session: Session) -> str:
    """The kind of strip that takes apart what the well received: "guides" or "doses"."""
    if session.dataset is None or session.well is None:
        return "guides"
    return "doses" if session.well_row(session.well)["well_type"] == "compound" else "guides"


def next_crop(crop: int) -> int:
    """The crop that comes after one, in a circle."""
    return CROPS[(CROPS.index(crop) + 1) % len(CROPS)]


def show_alone(session: Session) -> None:
    """Show the current well and nothing else, as it is; the question to the map stays.

    Wells that are gone to are shown alone as well, until a control is asked for.
    """
    session.want_strip("")
    session.set_beside_control(False)
    session.set_difference(False)
    if session.chosen:
        session.light_up(())  # the set stays
    if session.dataset is None or session.well is None:
        return
    name = name_of_well(session.well_row(session.well))
    if session.strip is not None or session.is_flickered or len(session.tiles) != 1:
        session.show([(session.well, name)])
    session.set_view("well")
