"""Two maps compared, seen in two ways: as lists of what is nearest, and pair by pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_rxrx3.gui.compare.two_maps import TwoMapsChoice
from napari_rxrx3.gui.pages import Page, Pages
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.session import Session

if TYPE_CHECKING:  # a page is loaded and made when it is first looked at
    from napari_rxrx3.gui.compare.lists_page import ListsPage
    from napari_rxrx3.gui.compare.pairs.pairs_page import PairsPage

__all__ = ["ComparePanel"]

_LISTS = "What is nearest to the query in two maps, side by side"
_PAIRS = "How alike pairs are in two maps, or in two replicate experiments, against each other"


class ComparePanel(QWidget):
    """Two maps, A and B, which are the same ones in both views."""

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self.pages = Pages(
            {
                "lists": Page("Two lists", _LISTS, self._make_lists),
                "pairs": Page("Pair by pair", _PAIRS, self._make_pairs),
            }
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.pages)

    @property
    def lists(self) -> ListsPage:
        page: ListsPage = self.pages.page("lists")
        return page

    @property
    def pairs(self) -> PairsPage:
        page: PairsPage = self.pages.page("pairs")
        return page

    def _make_lists(self) -> ListsPage:
        from napari_rxrx3.gui.compare.lists_page import ListsPage

        page = ListsPage(self._session, self._tasks)
        self._share(page.maps, "pairs")
        return page

    def _make_pairs(self) -> PairsPage:
        from napari_rxrx3.gui.compare.pairs.pairs_page import PairsPage

        page = PairsPage(self._session, self._tasks)
        self._share(page.choice.maps, "lists")
        return page

    def _share(self, maps: TwoMapsChoice, other: str) -> None:
        """Let the other view, now or when it is made, have the maps that are chosen in one."""
        known = self._maps_of(other)
        if known is not None:
            maps.take(known)
        maps.changed.connect(lambda: self._pass_on(maps, other))

    def _pass_on(self, maps: TwoMapsChoice, other: str) -> None:
        known = self._maps_of(other)
        if known is not None:
            known.take(maps)

    def _maps_of(self, page: str) -> TwoMapsChoice | None:
        if not self.pages.is_made(page):
            return None
        return self.lists.maps if page == "lists" else self.pairs.choice.maps
