"""What is open, selected and shown: the one state that all parts of a window share.

Parts set it and follow its signals; they do not know each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from psygnal import Signal

from napari_rxrx3.core.contrast import Limits, default_limits
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import UnknownWell
from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.core.perturbation import EMPTY_CONTROL
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.core.secrets import without_secrets
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.core.words import name_of_well
from napari_rxrx3.maps.spec import MapSpec, Query, spec_of
from napari_rxrx3.strips.neighbors import beside_control, beside_query, beside_well
from napari_rxrx3.strips.strip import STRIP_KINDS, Strip
from napari_rxrx3.strips.wells import (
    best_plate,
    key_of_well,
    nearest_controls,
    picture_of,
    plate_of,
    swapped,
    well_to_land_on,
)

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.hits.review import Review
    from napari_rxrx3.maps.card import Card
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.sets.arms import GeneArms

__all__ = ["CONTRAST_RULES", "CROPS", "VIEWS", "History", "Query", "Session", "WellsByPlate"]


class WellsByPlate(Protocol):
    """Wells that were found or chosen, of which those of a plate can be told."""

    @property
    def words(self) -> str:
        """What they are, and how many."""
        ...

    def on(self, plate: PlateId | None) -> list[str]:
        """Ids of those on a plate."""
        ...

    def everywhere(self) -> list[str]:
        """Ids of all, in the order of the table of wells; may take long."""
        ...


class History:
    """Questions before and after the one that is asked now."""

    def __init__(self) -> None:
        self._past: list[Query] = []
        self._future: list[Query] = []

    @property
    def can_go_back(self) -> bool:
        return bool(self._past)

    @property
    def can_go_forward(self) -> bool:
        return bool(self._future)

    def clear(self) -> None:
        self._past, self._future = [], []

    def leave(self, query: Query) -> None:
        """Remember a question that another one takes the place of."""
        self._past.append(query)
        self._future.clear()

    def back(self, query: Query) -> Query | None:
        """The question before this one; None if there is none."""
        return _step(query, self._past, self._future)

    def forward(self, query: Query) -> Query | None:
        """The question that `back` led away from; None if there is none."""
        return _step(query, self._future, self._past)


def _step(query: Query, source: list[Query], target: list[Query]) -> Query | None:
    if not source:
        return None
    target.append(query)
    return source.pop()


CONTRAST_RULES = ("from controls", "from this well", "by hand", "as its file says")
VIEWS = ("well", "plate")
"""What the canvas shows: the tiles, or all wells of the plate."""
CROPS = (0, 512, 256)
"""How much of a well is shown: the whole, or so many pixels in its middle."""


class Session:
    """State of one viewer. Every attribute is changed by a method.

    A change is whole before anybody hears of it: its signals are told when everything is set, in
    the order of `_TOLD`, each once and only if there is news. Where a change fails, all of these
    are as before, and nothing is told.
    """

    dataset_changed = Signal(object)
    wells_changed = Signal(object)
    vectors_wanted = Signal(object)
    plate_changed = Signal(object)
    well_changed = Signal(object)
    selection_changed = Signal(object)
    highlight_changed = Signal(object)
    tiles_changed = Signal(object)
    strip_wanted = Signal(str, object)
    review_wanted = Signal(object, str)
    report_wanted = Signal()
    sets_wanted = Signal(str)
    measures_wanted = Signal(object, object)
    measures_changed = Signal(object)
    crop_changed = Signal(int)
    field_changed = Signal(int)
    difference_changed = Signal(bool)
    view_changed = Signal(str)
    query_changed = Signal(object)
    chosen_changed = Signal(object)
    contrast_rule_changed = Signal(str)
    limits_changed = Signal(object)
    failures_changed = Signal(object)
    card_changed = Signal(object)
    phenomap_changed = Signal(object)
    arms_changed = Signal(object)
    review_changed = Signal(object)
    tags_changed = Signal(object)
    message_changed = Signal(str)

    def __init__(self) -> None:
        self.dataset: Dataset | None = None
        self.plate: PlateId | None = None
        self.well: str | None = None
        self.selection: frozenset[str] = frozenset()
        self.highlight: frozenset[str] = frozenset()
        self.tiles: tuple[Tile, ...] = ()
        self.strip: Strip | None = None
        self.beside_control = False
        """Wells that are gone to are shown beside a control of their plate."""
        self.view = VIEWS[0]
        self.crop = CROPS[0]
        self.field = 1
        """Of several images of a well the one that is shown."""
        self.difference = False
        self.query = Query()
        self.contrast_rule = CONTRAST_RULES[0]
        self.limits: Limits | None = None
        self.failures: dict[str, str] = {}
        self.message = ""
        self.card: Card | None = None
        self.phenomap: PhenoMap | None = None
        self.arms: GeneArms | None = None
        self.review: Review | None = None
        self._unflickered: tuple[Tile, ...] | None = None
        self._lit: WellsByPlate | None = None
        self.history = History()
        self.chosen: tuple[str, ...] = ()
        self.chosen_title = ""
        self.chosen_spec = MapSpec()
        self._n_changing = self._n_chosen = 0
        self._has_said = False
        self._untold: list[str] = []

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the signals of all changes within back, and tell at the end what is new."""
        before = self._state() if self._n_changing == 0 else None
        self._n_changing += 1
        try:
            yield
        except BaseException:
            if before is not None:
                vars(self).update(before)
                self._has_said = False
            raise
        finally:
            self._n_changing -= 1
        if before is not None:
            self._end_message(before)
            self._tell(before)

    def _end_message(self, before: dict[str, Any]) -> None:
        """Take away what was said before what the user did now."""
        has_said, self._has_said = self._has_said, False
        is_ended = any(_is_new(before[name], getattr(self, name)) for name in _ENDS_MESSAGE)
        if is_ended and self.message and not has_said:
            self.say("")

    def _state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for names in _TOLD.values() for name in names}

    def _tell(self, before: dict[str, Any]) -> None:
        """Emit what is new. Who listens may change more: it is told at once, with what is left."""
        news = {
            told
            for told, names in _TOLD.items()
            if any(_is_new(before[name], getattr(self, name)) for name in names)
        }
        if "dataset" in news:
            news |= _OF_DATASET
        self._untold = [told for told in _TOLD if told in news or told in self._untold]
        while self._untold:
            told = self._untold.pop(0)
            value = self.shown_limits if told == "limits" else getattr(self, told)
            getattr(self, f"{told}_changed").emit(value)

    def open(self, dataset: Dataset | None) -> None:
        """Show another data set (None: none); everything that belonged to the old one goes."""
        with self.changing():
            self.dataset = dataset
            self.field = dataset.field if dataset is not None else 1
            if dataset is not None and self.arms is not None:
                dataset.arms = self.arms
            self.plate, self.well = None, None
            self.selection = self.highlight = frozenset()
            self._lit = None
            self.tiles, self.limits, self.failures = (), None, {}
            self.strip, self._unflickered = None, None
            self.view, self.difference = VIEWS[0], False
            self.history.clear()
            nothing = {"key": "", "well": None, "embedding": "", "arm_tables": ""}
            nothing["control"] = EMPTY_CONTROL
            self.query = replace(self.query, **nothing)  # type: ignore[arg-type]
            self.card, self.phenomap = None, None
            self.chosen, self.chosen_title = (), ""
            self.set_review(None)
            if dataset is not None and len(dataset.known_plates):
                self.go_to_plate(best_plate(dataset))

    def note_wells(self) -> None:
        """Tell that more is known about the wells: their vectors have been read."""
        self.wells_changed.emit(self.dataset)

    def want_vectors(self) -> None:
        """Have the vectors read in the background, if they are not."""
        if self.dataset is not None and not self.dataset.vectors_are_read:
            self.vectors_wanted.emit(self.dataset)

    def go_to_plate(self, plate: PlateId) -> None:
        """Show a plate's map; the well of the same address is selected if there is one."""
        if self.dataset is None or plate == self.plate:
            return
        wells = self.dataset.wells_of_plate(plate)
        if len(wells):
            self.select_well(well_to_land_on(self.dataset, wells, self.well))

    def step_plate(self, step: int) -> None:
        """Go `step` plates on in the order of the list, as far as there are plates."""
        if self.dataset is None or self.plate is None:
            return
        plates = list(self.dataset.listed.slices)
        there = min(max(plates.index(self.plate) + step, 0), len(plates) - 1)
        self.go_to_plate(plates[there])

    def select_well(self, well_id: str, key: str | None = None) -> None:
        """Make a well the current one, show its plate and its image, and ask for its neighbors.

        Parameters
        ----------
        key : str, optional
            What to ask the map for; the well's own perturbation if None.

        Raises
        ------
        UnknownWell
            If the data set has no such well.
        """
        with self.changing():
            self._land_on(well_id)
            self.ask(key=key if key is not None else self.key_of_well(well_id), well=well_id)

    def select_wells(self, wells: Iterable[str]) -> None:
        """Mark several wells of the plate."""
        with self.changing():
            self.selection = frozenset(wells)

    def light_up(self, wells: Iterable[str] | WellsByPlate) -> None:
        """Highlight wells on the map, e.g. what a search found; none: the map is as usual.

        Of wells that are known by plate those of each plate that is gone to are highlighted, until
        others take over.
        """
        with self.changing():
            self._lit = None if isinstance(wells, Iterable) else wells
            self._light()
            if isinstance(wells, Iterable):
                self.highlight = frozenset(wells)

    @property
    def lit(self) -> WellsByPlate | None:
        """What is highlighted on every plate."""
        return self._lit

    def _light(self) -> None:
        if self._lit is not None:
            self.highlight = frozenset(self._lit.on(self.plate))

    def show(self, wells: list[tuple[str | None, str]]) -> None:
        """Show wells side by side in the canvas: pairs of well id and label."""
        self._show(tuple(Tile(well, label) for well, label in wells), None)

    def show_strip(self, strip: Strip) -> None:
        """Show wells that were arranged to be compared, and leave the overview for them."""
        with self.changing():
            self._show(strip.tiles, strip)
            self.set_view("well")

    def set_beside_control(self, on: bool) -> None:
        """Show the wells that are gone to from now on beside a control, or alone."""
        self.beside_control = on

    def want_strip(self, kind: str, **options: object) -> None:
        """Ask whoever arranges strips for one of `STRIP_KINDS`; with an empty kind for none, even
        if one is being arranged.

        Parameters
        ----------
        options : object
            For `napari_rxrx3.strips.arrange`, e.g. ``wells``.
        """
        if kind and kind not in STRIP_KINDS:
            raise ValueError(f"unknown strip {kind!r}; choose one of {', '.join(STRIP_KINDS)}")
        self.strip_wanted.emit(kind, options)

    @property
    def is_flickered(self) -> bool:
        """The query and its control have changed places."""
        return self._unflickered is not None

    def flicker(self) -> None:
        """Let the query and its control change places, or go back to theirs.

        Where no control is shown, that of the query's plate takes the place of the query.
        """
        with self.changing():
            if self._unflickered is not None:
                self.tiles, self._unflickered = self._unflickered, None
            elif self.dataset is None or (tiles := swapped(self.dataset, self.tiles)) is None:
                self.say("There is no control with an image to change places with.")
            else:
                self.tiles, self._unflickered = tiles, self.tiles

    def set_crop(self, crop: int) -> None:
        """Show the whole of each well (0) or so many pixels in its middle: one of `CROPS`."""
        if crop not in CROPS:
            raise ValueError(f"unknown crop {crop!r}")
        with self.changing():
            self.crop = crop

    def set_field(self, field: int) -> None:
        """Show another field of all wells.

        Raises
        ------
        RxRx3Error
            If no well has it.
        """
        if self.dataset is not None:
            with self.changing():
                self.dataset.show_field(field)
                self.field, self.failures = field, {}

    def step_field(self, step: int) -> None:
        """Show the field so many on, of one that is after the last one the first."""
        if self.dataset is not None and len(self.dataset.fields) > 1:
            self.set_field((self.field - 1 + step) % len(self.dataset.fields) + 1)

    def set_difference(self, difference: bool) -> None:
        """Show images as they are, or what differs from the mean of the plate's controls."""
        with self.changing():
            self.difference = difference

    def set_view(self, view: str) -> None:
        """Fill the canvas with the tiles ("well") or with all wells of the plate ("plate")."""
        if view not in VIEWS:
            raise ValueError(f"unknown view {view!r}")
        with self.changing():
            self.view = view

    def open_well(self, well_id: str) -> None:
        """Make a well the current one and leave the overview of its plate for it."""
        with self.changing():
            if well_id != self.well or len(self.tiles) > 1 or self.is_flickered:
                self.select_well(well_id)
            self.set_view("well")

    def show_beside_query(self, key: str, well: str | None) -> None:
        """Show the query's well beside that of one of its neighbors, which is told by its key."""
        if self.dataset is not None and self.query.key:
            self.show_strip(beside_query(self.dataset, self.query, key, well))

    def show_beside_well(self, well: str, label: str) -> None:
        """Show the current well beside another one, under a label of one line or two."""
        if self.dataset is not None and self.well is not None:
            self.show_strip(beside_well(self.dataset, self.well, well, label))

    def ask(self, **changes: object) -> None:
        """Change the question to the map. A new key is a step in the history."""
        query = replace(self.query, **changes)  # type: ignore[arg-type]
        if query == self.query:
            return
        if query.key != self.query.key and self.query.key:
            self.history.leave(self.query)
        with self.changing():
            self.query = query

    def set_level(self, level: str) -> None:
        """Ask about the same well at another level: its guide, its gene, the well itself."""
        if self.query.well is None:
            self.ask(level=level)
        else:
            self.ask(level=level, key=self.key_of_well(self.query.well, level))

    def back(self) -> None:
        """Return to the perturbation that was asked about before."""
        self._go_to(self.history.back(self.query))

    def forward(self) -> None:
        """Undo one `back`."""
        self._go_to(self.history.forward(self.query))

    def choose_entries(self, keys: Iterable[str], title: str = "") -> None:
        """Choose a set of entries of the map that is asked now; without keys, none.

        To choose the same again is news too: its wells may not be lit any more.

        Parameters
        ----------
        keys : iterable of str
            As the map has them, each once.
        title : str
            What they are, e.g. ``"12 around PLK1"``.
        """
        with self.changing():
            self.chosen, self.chosen_title = tuple(keys), title
            self.chosen_spec = spec_of(self.query)
            self._n_chosen += 1

    def set_contrast_rule(self, rule: str) -> None:
        if rule not in CONTRAST_RULES:
            raise ValueError(f"unknown contrast rule {rule!r}")
        with self.changing():
            self.contrast_rule = rule

    def set_limits(self, limits: Limits) -> None:
        """Set the contrast limits of the stains, for everything that is shown."""
        with self.changing():
            self.limits = limits

    @property
    def shown_limits(self) -> Limits:
        """The limits, or those of an 8-bit image as long as there are none."""
        return self.limits or default_limits(len(self.stains))

    @property
    def stains(self) -> tuple[Stain, ...]:
        """Those of the data set; of RxRx3 as long as there is none."""
        return self.dataset.stains if self.dataset is not None else STAINS

    @property
    def pixel_um(self) -> float:
        """Width of a pixel of the wells: the data set's own; without one, as it is preferred."""
        return self.dataset.drawn_pixel_um if self.dataset is not None else display.pixel_size_um

    def note_failures(self, failures: dict[str, str]) -> None:
        """Remember wells whose images could not be read, and why."""
        with self.changing():
            self.failures = {**self.failures, **failures}

    def set_card(self, card: Card | None) -> None:
        """What is known of the perturbation that is asked about; None: nothing yet."""
        with self.changing():
            self.card = card

    def want_measures(self, plates: Iterable[PlateId], stains: Iterable[str] | None = None) -> None:
        """Ask for the cells of some plates to be counted, or for what all stains tell if None."""
        wanted = tuple(dict.fromkeys(plates))
        if wanted:
            self.measures_wanted.emit(wanted, None if stains is None else tuple(stains))

    def note_measures(self, plates: Iterable[PlateId]) -> None:
        """Say that more is known of the cells of some plates: `Dataset.measured` tells it."""
        self.measures_changed.emit(frozenset(plates))

    def want_review(self, wells: Iterable[str] | None = None, title: str = "") -> None:
        """Ask whoever reviews to put wells into the queue; None: to queue the chosen entries.

        With a title they are a queue of their own, which is begun.
        """
        self.review_wanted.emit(None if wells is None else tuple(wells), title)

    def want_report(self) -> None:
        """Ask whoever writes reports for one of the perturbation that is asked about."""
        self.report_wanted.emit()

    def want_sets(self, of: str) -> None:
        """Ask whoever knows gene sets which ones some genes have in common.

        Parameters
        ----------
        of : str
            ``"similar"`` or ``"opposite"``: nearest to the query, or least like it; ``"chosen"``;
            or the number of a tag, ``"1"`` to ``"5"``.
        """
        self.sets_wanted.emit(of)

    def set_phenomap(self, phenomap: PhenoMap) -> None:
        """The map that was asked last, with its scores, for whoever shows them."""
        with self.changing():
            self.phenomap = phenomap

    def set_arms(self, arms: GeneArms | None) -> None:
        """On which chromosome arms genes are, for this data set and those that are opened later."""
        with self.changing():
            self.arms = arms
            if self.dataset is not None:
                self.dataset.arms = arms

    def set_review(self, review: Review | None) -> None:
        """The hits and the queue that are worked on; its changes are told as `tags_changed`."""
        if review is not self.review:
            if self.review is not None:
                self.review.changed.disconnect(self._note_tags)
            with self.changing():
                self.review = review
            if review is not None:
                review.changed.connect(self._note_tags)

    def say(self, message: str) -> None:
        """Show one line to the user, until the next one, the next well or the next question."""
        message = without_secrets(message)
        self.message, self._has_said = message, self._n_changing > 0
        self.message_changed.emit(message)

    def well_row(self, well_id: str) -> pd.Series:
        """Metadata of a well.

        Raises
        ------
        UnknownWell
        """
        if self.dataset is None:
            raise UnknownWell(well_id)
        return self.dataset.row(well_id)

    def key_of_well(self, well_id: str, level: str | None = None) -> str:
        """Key under which a map of the query's level holds a well's perturbation."""
        return key_of_well(self.well_row(well_id), level or self.query.level)

    def control_of(self, well_id: str) -> str | None:
        """The EMPTY_control with an image that is nearest to a well on its plate."""
        assert self.dataset is not None
        return next(iter(nearest_controls(self.dataset, well_id)), None)

    def picture_of(self, positions: np.ndarray[Any, Any]) -> str | None:
        """The well to show for a perturbation, of this experiment if there is one."""
        return self.picture_finder()(positions)

    @property
    def map_spec(self) -> MapSpec | None:
        """The map that the query goes to, by the name of its vectors; None without a data set.

        As long as it is not known which vectors are the default they have no name.
        """
        if self.dataset is None:
            return None
        spec = spec_of(self.query)
        return replace(spec, embedding=spec.embedding or self.dataset.known_default or "")

    def picture_finder(self) -> Callable[[np.ndarray[Any, Any]], str | None]:
        """`picture_of` for threads: it stays with this data set when another is opened."""
        dataset = self.dataset
        assert dataset is not None

        def find(positions: np.ndarray[Any, Any]) -> str | None:
            experiment = self.plate.experiment if self.plate is not None else None
            return picture_of(dataset, positions, experiment)

        return find

    def _show(self, tiles: tuple[Tile, ...], strip: Strip | None) -> None:
        with self.changing():
            self.tiles, self.strip, self._unflickered = tiles, strip, None

    def _note_tags(self, wells: frozenset[str]) -> None:
        self.tags_changed.emit(wells)

    def _go_to(self, then: Query | None) -> None:
        if then is None:
            return
        with self.changing():
            if then.well is not None:
                self._land_on(then.well)
            self.query = replace(self.query, key=then.key, well=then.well, level=then.level)

    def _land_on(self, well_id: str) -> None:
        row = self.well_row(well_id)
        with self.changing():
            if plate_of(row) != self.plate or well_id not in self.selection:
                self.selection = frozenset([well_id])
            self.plate, self.well = plate_of(row), well_id
            self._light()
            self._show_landed(well_id, name_of_well(row))

    def _show_landed(self, well_id: str, name: str) -> None:
        assert self.dataset is not None
        strip = beside_control(self.dataset, well_id) if self.beside_control else None
        tiles = (Tile(well_id, name),) if strip is None else strip.tiles
        self._show(tiles, strip)


_OF_DATASET = {
    *(
        "phenomap",
        "card",
        "plate",
        "well",
        "selection",
        "highlight",
        "failures",
        "tiles",
        "query",
        "chosen",
    )
}
"""What another data set is news of, even where it is called the same in both."""

_ENDS_MESSAGE = ("dataset", "well", "query")
"""Whose change ends a message: it is not about that."""

_TOLD = {
    "dataset": ("dataset",),
    "review": ("review",),
    "phenomap": ("phenomap",),
    "arms": ("arms",),
    "card": ("card",),
    "plate": ("plate",),
    "well": ("well",),
    "selection": ("selection",),
    "highlight": ("highlight", "_lit"),
    "failures": ("failures",),
    "crop": ("crop",),
    "field": ("field",),
    "view": ("view",),
    "tiles": ("tiles", "strip", "_unflickered"),
    "difference": ("difference",),
    "query": ("query",),
    "chosen": ("chosen", "chosen_title", "chosen_spec", "_n_chosen"),
    "contrast_rule": ("contrast_rule",),
    "limits": ("limits",),
}
"""What is told, in this order, and the attributes of a `Session` whose change is news of it."""


def _is_new(before: Any, now: Any) -> bool:
    return before is not now and before != now
