"""Candidates: wells with what says how alike they are, as the rows of a list with pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, Qt
from qtpy.QtWidgets import QWidget

from napari_rxrx3.core.words import count
from napari_rxrx3.gui.neighbors.candidate_pictures import CandidatePictures
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.hits.hit import tag_name

__all__ = ["Candidate", "CandidateModel"]

_ROOT = QModelIndex()


@dataclass(frozen=True)
class Candidate:
    """What is shown of one well, and why.

    Attributes
    ----------
    rank : int
        Its number in the list.
    key : str
        Tells it from all others of the list.
    name : str
        What it is, in words.
    well : str, optional
        The well that is shown for it; None if no image of it is here.
    lines : tuple of str
        What stands below the name, such as cosine and q.
    doubts : tuple of str
        Reasons not to trust it, a sentence each.
    tag : int
        Number of the well's tag, 0 if it has none.
    about : tuple of str
        More lines for the tooltip.
    """

    rank: int
    key: str
    name: str
    well: str | None
    lines: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    tag: int = 0
    about: tuple[str, ...] = ()


class CandidateModel(QAbstractListModel):
    """Candidates in their order; pictures and verdicts come later.

    Pictures are no data of it: Qt's lists lay out all rows again whenever data change.
    """

    def __init__(self, pictures: CandidatePictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pictures = pictures
        self.candidates: list[Candidate] = []

    def set_candidates(self, candidates: Iterable[Candidate]) -> None:
        """List others."""
        self.beginResetModel()
        self.candidates = list(candidates)
        self.endResetModel()

    def revise(self, candidates: Iterable[Candidate]) -> None:
        """Take what is new about those that are listed, by their keys."""
        new = {candidate.key: candidate for candidate in candidates}
        self.candidates = [new.get(candidate.key, candidate) for candidate in self.candidates]
        if self.candidates:
            self.dataChanged.emit(self.index(0), self.index(len(self.candidates) - 1))

    def row_of(self, key: str | None) -> int | None:
        """Row of a candidate; None if it is not listed."""
        return next((row for row, each in enumerate(self.candidates) if each.key == key), None)

    def is_missing(self, candidate: Candidate) -> bool:
        """Whether it is known that the stains shown of its well cannot be had."""
        return bool(self.pictures.thumbnails.why_missing(candidate.well))

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.candidates)

    def flags(self, index: QModelIndex) -> Any:
        return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        if not index.isValid():
            return None
        candidate = self.candidates[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return candidate.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return wrapped_tooltip("\n".join(self._in_words(candidate)))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join((f"{candidate.rank} {candidate.name}", *self._in_words(candidate)[1:]))
        return None

    def _in_words(self, candidate: Candidate) -> list[str]:
        thumbnails, well = self.pictures.thumbnails, candidate.well
        picture = "no image of it is here"
        if well is not None:
            picture = ", ".join(filter(None, (f"shown: well {well}", thumbnails.note(well))))
        lines = [candidate.name, *candidate.lines, *candidate.about, picture]
        lines += [thumbnails.why_missing(well), tag_name(candidate.tag)]
        if candidate.doubts:
            lines += [f"{count(len(candidate.doubts), 'reason')} to doubt:", *candidate.doubts]
        return [line for line in lines if line]
