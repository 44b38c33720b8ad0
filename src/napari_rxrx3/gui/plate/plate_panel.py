"""The plate: pickers, map, colors and the facts of the selected well."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_rxrx3.core.display import display
from napari_rxrx3.core.plate import N_COLUMNS, PlateId, format_address
from napari_rxrx3.core.plate_colors import (
    CategoricalLegend,
    NumericLegend,
    color_choices,
    color_plate,
)
from napari_rxrx3.core.plate_quality import (
    MEASURES_IN_WORDS,
    NUCLEI,
    OUT_OF_FOCUS,
    SATURATION,
    facts_of,
)
from napari_rxrx3.core.plate_view import VECTORS_NOT_READ, PlateView, WellState, describe_well
from napari_rxrx3.core.stains import dna_stain
from napari_rxrx3.core.words import DOSES_IN_WORDS, SCORES_IN_WORDS, name_of_well
from napari_rxrx3.gui.cells.counter import COUNTING
from napari_rxrx3.gui.line import Line
from napari_rxrx3.gui.plate.legend import Legend
from napari_rxrx3.gui.plate.plate_map import PlateMap
from napari_rxrx3.gui.strips.well_drag import drag_wells
from napari_rxrx3.gui.widgets import ShrinkingBox, call_later, tool_button
from napari_rxrx3.gui.words import wrapped_tooltip
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.hits.hit import tag_name
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    import pandas as pd

    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.maps.phenomap import PhenoMap

__all__ = ["PlatePanel"]

_LEGEND_LINES = 3


class PlatePanel(QWidget):
    """Follows the session's plate, well, selection and highlight, and sets them.

    Its height follows from its width alone: nothing that it shows moves the wells.
    """

    def __init__(self, session: Session, tasks: TaskGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tasks = session, tasks
        self._connections = tasks.connections(self)
        self._wells: pd.DataFrame | None = None
        self._view = PlateView.empty()
        self._position: dict[str, int] = {}
        """Of each well of the plate."""
        self._listed: tuple[Dataset, str] | None = None
        self._measures: pd.DataFrame | None = None
        """What is known of the cells on the plate."""
        self._measured: dict[str, str] = {}
        """Colors that are measured, and their columns in that."""
        self.experiment = ShrinkingBox()
        self.plate = ShrinkingBox()
        self.previous = tool_button("chevron_left", "Previous plate (Page Up in the map)")
        self.next = tool_button("chevron_right", "Next plate (Page Down in the map)")
        self.map = PlateMap()
        self.color_by = ShrinkingBox()
        self.legend = Legend(n_lines=_LEGEND_LINES)
        self.facts = Line()
        self._lay_out()
        self._connect()
        self._on_dataset(session.dataset)
        self._on_plate(session.plate)

    def _lay_out(self) -> None:
        self.experiment.setToolTip("Experiment: plates that were made and stained together")
        self.plate.setToolTip("Plate of the experiment")
        self.color_by.setToolTip("What the colors of the map mean")
        pick, color = QHBoxLayout(), QHBoxLayout()
        for widget, stretch in ((self.experiment, 3), (self.previous, 0), (self.plate, 3)):
            pick.addWidget(widget, stretch)
        pick.addWidget(self.next)
        color.addWidget(QLabel("color by"))
        color.addWidget(self.color_by, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(pick)
        layout.addWidget(self.map)
        layout.addLayout(color)
        layout.addWidget(self.legend)
        layout.addWidget(self.facts)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.map.minimumHeight() != self.map.heightForWidth(self.width()):
            call_later(self, self._fit_map)  # in the midst of a layout, Qt would not lay out again

    def _fit_map(self) -> None:
        self.map.setFixedHeight(self.map.heightForWidth(self.width()))

    def _connect(self) -> None:
        follow = self._connections.connect
        session = self._session
        follow(session.dataset_changed, self._on_dataset)
        follow(session.plate_changed, self._on_plate)
        follow(session.wells_changed, self._on_wells)
        follow(session.well_changed, self._on_well)
        follow(session.selection_changed, self._on_selection)
        follow(session.highlight_changed, self._on_highlight)
        follow(session.failures_changed, self._on_failures)
        follow(session.phenomap_changed, self._on_phenomap)
        follow(session.measures_changed, self._on_measures)
        follow(session.field_changed, self._on_field)
        for signal in (session.review_changed, session.tags_changed, display.tags_changed):
            follow(signal, self._on_tags)
        self.experiment.activated.connect(self._choose_experiment)
        self.plate.activated.connect(self._choose_plate)
        self.previous.clicked.connect(lambda: session.step_plate(-1))
        self.next.clicked.connect(lambda: session.step_plate(1))
        self.color_by.activated.connect(self._on_color)
        self.map.plateStepped.connect(session.step_plate)
        self.map.currentChanged.connect(self._choose_well)
        self.map.activated.connect(lambda position: session.open_well(self._well_at(position)))
        self.map.selectionChanged.connect(self._choose_wells)
        self.map.clicked.connect(self._say_if_empty)
        self.map.dragged.connect(self._drag_wells)
        self.map.setDescriber(self._describe)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        self._listed = None
        self.experiment.clear()
        if dataset is not None:
            self.experiment.addItems(dataset.known_plates["experiment_name"].unique().tolist())

    def _on_plate(self, plate: PlateId | None) -> None:
        dataset = self._session.dataset
        if dataset is None or plate is None:
            self._wells, self._position = None, {}
            self._view = PlateView.empty()
            self.map.clear()
            self.plate.clear()
            self.facts.setText("")
            return
        wells = dataset.wells_of_plate(plate)
        self._wells = self._with_scores(dataset, plate)
        self._view = PlateView.from_wells(wells, dataset.layout)
        self._position = dict(zip(wells.index.tolist(), _positions(wells), strict=True))
        self._list_plates(dataset, plate)
        self._list_colors(self._wells)
        colors = color_plate(self._view, self._wells, self.color_by.currentText())
        self.map.setPlate(self._view, colors)
        self.map.setFailed(self._positions(self._session.failures))
        self._show_legend(colors.legend)
        self._on_highlight(self._session.highlight)
        self._on_tags()
        self._on_well(self._session.well)
        self._on_selection(self._session.selection)

    def _on_wells(self, dataset: Dataset | None) -> None:
        """Say which wells have vectors, now that it is known."""
        self._on_plate(self._session.plate)

    def _on_phenomap(self, phenomap: PhenoMap | None) -> None:
        """Offer the scores of a map as colors."""
        plate, dataset = self._session.plate, self._session.dataset
        if plate is None or dataset is None or phenomap is None:
            return
        self._wells = self._with_scores(dataset, plate)
        before = self.color_by.currentText()
        self._list_colors(self._wells)
        if before in (*SCORES_IN_WORDS.values(), *DOSES_IN_WORDS.values()):
            self._recolor()

    def _on_measures(self, plates: frozenset[PlateId]) -> None:
        """Show what was measured of the plate on screen."""
        if self._session.plate in plates:
            self._on_plate(self._session.plate)

    def _on_field(self, field: int) -> None:
        """Show what was measured of another field of all wells."""
        self._on_plate(self._session.plate)

    def _with_scores(self, dataset: Dataset, plate: PlateId) -> pd.DataFrame:
        wells, phenomap = self._with_measures(dataset, plate), self._session.phenomap
        if phenomap is None:
            return wells
        here = dataset.listed.slices[plate]
        scores = phenomap.scores_at(np.arange(here.start, here.stop))
        doses = phenomap.doses_at(np.arange(here.start, here.stop))
        columns = {words: scores[name].to_numpy() for name, words in SCORES_IN_WORDS.items()}
        columns |= {words: doses[name].to_numpy() for name, words in DOSES_IN_WORDS.items()}
        return wells.assign(**columns)

    def _with_measures(self, dataset: Dataset, plate: PlateId) -> pd.DataFrame:
        """The wells with what is known of their cells by now, NaN where it can be asked for.

        A column of one's own that is called alike stays.
        """
        wells, known = dataset.wells_of_plate(plate), dataset.measured.loaded(plate)
        self._measures, self._measured = known, {}
        if plate in dataset.images.plates:
            has_dna = dna_stain(dataset.stains) is not None
            names = MEASURES_IN_WORDS if has_dna else {SATURATION: MEASURES_IN_WORDS[SATURATION]}
            self._measured = {words: n for n, words in names.items() if words not in wells}
        if known is None:
            return wells.assign(**dict.fromkeys(self._measured, np.nan))
        return wells.assign(**{w: known[name].to_numpy() for w, name in self._measured.items()})

    def _list_plates(self, dataset: Dataset, plate: PlateId) -> None:
        if self._listed != (dataset, plate.experiment):
            self._listed = dataset, plate.experiment
            plates = dataset.known_plates
            numbers = plates.loc[plates["experiment_name"] == plate.experiment, "plate"].tolist()
            self.experiment.setCurrentText(plate.experiment)
            self.plate.clear()
            for i, number in enumerate(numbers, start=1):
                of = f"of {len(numbers)}" if number == i else f"({i} of {len(numbers)})"
                self.plate.addItem(f"plate {number} {of}", number)
        self.plate.setCurrentIndex(self.plate.findData(plate.plate))

    def _list_colors(self, wells: pd.DataFrame) -> None:
        before = self.color_by.currentText()
        choices = color_choices(wells)
        choices += [words for words in self._measured if words not in choices]
        if choices == [self.color_by.itemText(i) for i in range(self.color_by.count())]:
            return
        self.color_by.clear()
        self.color_by.addItems(choices)
        if before in choices:
            self.color_by.setCurrentText(before)

    def _on_color(self) -> None:
        """Color the plate, by what has to be measured first if need be."""
        plate, dataset, by = self._session.plate, self._session.dataset, self.color_by.currentText()
        if plate is not None and dataset is not None and self._is_unmeasured(by):
            dna = dna_stain(dataset.stains)
            is_of_all = self._measured[by] == SATURATION
            stains = None if dna is None or is_of_all else [dna.name]
            self._session.want_measures([plate], stains)
        self._recolor()

    def _is_unmeasured(self, by: str) -> bool:
        """Whether wells with an image have none of a number that is measured."""
        wells = self._wells
        if wells is None or by not in self._measured:
            return False
        return bool((wells[by].isna() & wells["has_image"]).any())

    def _recolor(self) -> None:
        if self._wells is not None and len(self._wells):
            colors = color_plate(self._view, self._wells, self.color_by.currentText())
            self.map.setColors(colors)
            self._show_legend(colors.legend)

    def _show_legend(self, legend: CategoricalLegend | NumericLegend) -> None:
        states = {WellState(s) for s in set(self._view.states.tolist())}
        failed = bool(self._positions(self._session.failures))
        dataset = self._session.dataset
        is_known = dataset is None or dataset.vectors_are_read
        note = "" if is_known else VECTORS_NOT_READ
        if isinstance(legend, NumericLegend) and np.isnan(legend.low):
            if self._tasks.is_running(COUNTING):
                note = "being measured"
            elif self._is_unmeasured(self.color_by.currentText()):
                note = "choose it again to measure"
        self.legend.setLegend(legend, states, failed, note)

    def _on_well(self, well_id: str | None) -> None:
        position = self._position.get(well_id) if well_id is not None else None
        self.map.setCurrent(position)
        if well_id is None or position is None:
            self.facts.setText("")
            self.facts.setToolTip("")
            return
        row = self._session.well_row(well_id)
        lines = describe_well(row).split("\n")
        facts = [line.split(":")[0] for line in lines[2:]]  # what that means is in the tooltip
        measured = self._measured_facts(well_id)
        self.facts.setText(
            "  ·  ".join([str(row["address"]), name_of_well(row), *facts, *measured])
        )
        self.facts.setToolTip(wrapped_tooltip("\n".join([*lines, *measured])))

    def _measured_facts(self, well_id: str) -> list[str]:
        """What was measured of a well, in words."""
        if self._measures is None or well_id not in self._measures.index:
            return []
        known = self._measures.loc[well_id]
        return facts_of(known[NUCLEI], known[OUT_OF_FOCUS], known[SATURATION])

    def _on_selection(self, wells: frozenset[str]) -> None:
        self.map.setSelection(self._positions(wells))

    def _on_highlight(self, wells: frozenset[str]) -> None:
        self.map.setHighlighted(self._positions(wells))

    def _on_failures(self, failures: dict[str, str]) -> None:
        failed = self._positions(failures)
        self.map.setFailed(failed)
        if failed:
            self._recolor()

    def _on_tags(self, what: object = None) -> None:
        review = self._session.review
        hits = review.hits if review is not None else {}
        tags = {self._position[well]: hits[well].tag for well in hits if well in self._position}
        self.map.setTags({at: display.tags[tag - 1].color for at, tag in tags.items() if tag})

    def _choose_experiment(self) -> None:
        dataset = self._session.dataset
        if dataset is not None:
            rows = dataset.known_plates[
                dataset.known_plates["experiment_name"] == self.experiment.currentText()
            ]
            row = rows.iloc[int((rows["n_images"] > 0).to_numpy().argmax())]
            self._session.go_to_plate(PlateId(row["experiment_name"], int(row["plate"])))

    def _choose_plate(self) -> None:
        plate = PlateId(self.experiment.currentText(), int(self.plate.currentData()))
        self._session.go_to_plate(plate)

    def _choose_well(self, position: int) -> None:
        self._session.select_well(self._well_at(position))

    def _say_if_empty(self, position: int) -> None:
        if self._session.plate is not None and not self._view.is_listed(position):
            address = format_address(*divmod(position, N_COLUMNS))
            self._session.say(f"{address}: nothing was screened here.")

    def _choose_wells(self, positions: frozenset[int]) -> None:
        self._session.select_wells(self._well_at(p) for p in positions)

    def _drag_wells(self, positions: frozenset[int]) -> None:
        drag_wells(self.map, [self._well_at(p) for p in sorted(positions)])

    def _well_at(self, position: int) -> str:
        assert self._wells is not None
        return str(self._wells.index[self._view.rows[position]])

    def _positions(self, wells: Collection[str]) -> list[int]:
        """Those of the wells that are on this plate."""
        if len(wells) > len(self._position):
            return [position for well, position in self._position.items() if well in wells]
        return [self._position[well] for well in wells if well in self._position]

    def _describe(self, position: int) -> str:
        well_id = self._well_at(position)
        text = describe_well(self._session.well_row(well_id))
        review = self._session.review
        hit = review.hits.get(well_id) if review is not None else None
        decided = (tag_name(hit.tag), hit.note) if hit is not None else ()
        failure = self._session.failures.get(well_id, "")
        measured = self._measured_facts(well_id)
        return "\n".join(line for line in (text, *measured, *decided, failure) if line)


def _positions(wells: pd.DataFrame) -> list[int]:
    return (wells["row"] * N_COLUMNS + wells["column"]).tolist()
