"""Keeps one contrast for everything that is shown, as the contrast rule says.

A data set begins with the limits that its file says, if they suit the controls of the plate that is
shown first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_rxrx3.core.contrast import Limits, limits_of, suits
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Progress
from napari_rxrx3.session import CONTRAST_RULES, Session
from napari_rxrx3.strips.strip import QUERY

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.gui.canvas.picture import Picture

__all__ = ["PlateContrast"]

_CONTROLS, _WELL, _HAND, _FILE = CONTRAST_RULES


class PlateContrast:
    """Sets the session's limits: from the plate's controls, or from the pictures that are shown."""

    def __init__(self, session: Session, tasks: TaskGroup) -> None:
        self._session, self._tasks = session, tasks
        self._plate: PlateId | None = None
        self._picture: Picture | None = None
        self._no_controls = self._is_new = False
        session.contrast_rule_changed.connect(self._on_rule)

    def forget(self) -> None:
        """Forget the data set."""
        self._tasks.cancel("contrast")
        self._plate = self._picture = None
        if self._session.contrast_rule == _FILE:  # what suited that data set
            self._session.set_contrast_rule(_CONTROLS)
        self._is_new = True

    def measure_again(self) -> None:
        """Measure the plate's controls again and use their limits."""
        if self._session.contrast_rule == _CONTROLS:
            self._measure()
        else:
            self._session.set_contrast_rule(_CONTROLS)

    def follow_plate(self) -> None:
        """Use the limits of the session's plate from now on."""
        if self._plate != self._session.plate:
            self._measure()

    def expect(self) -> None:
        """Another picture was asked for."""
        self._picture = None

    def note(self, picture: Picture) -> None:
        """A picture is about to be shown."""
        self._picture = picture
        rule = self._session.contrast_rule
        if (
            rule == _WELL
            or self._session.limits is None
            or (rule == _CONTROLS and self._no_controls)
        ):
            self._use_picture()

    def take_from_user(self, limits: Limits) -> None:
        """The user has set the limits."""
        self._session.set_contrast_rule(_HAND)
        self._session.set_limits(limits)

    def _on_rule(self, rule: str) -> None:
        self._is_new = False
        if rule in (_CONTROLS, _FILE):
            self._measure()
        elif rule == _WELL:
            self._use_picture()

    def _measure(self) -> None:
        dataset, plate = self._session.dataset, self._session.plate
        rule = self._session.contrast_rule
        if dataset is None or plate is None or rule not in (_CONTROLS, _FILE):
            return
        self._plate = plate
        self._no_controls = False
        if rule == _FILE:
            self._use_file(dataset, plate)
            return

        def work(progress: Progress) -> Limits | str:
            from napari_rxrx3.data.images.controls import control_limits

            return control_limits(dataset, plate, progress)

        self._tasks.run("contrast", work, self._measured, self._session.say)

    def _measured(self, limits: Limits | str) -> None:
        if self._session.contrast_rule != _CONTROLS:
            return
        self._no_controls = isinstance(limits, str)
        is_first, self._is_new = self._is_new, False
        if not isinstance(limits, str):
            windows = self._windows()
            if is_first and windows is not None and suits(windows, limits):
                self._session.set_contrast_rule(_FILE)
                return
            self._session.set_limits(limits)
        else:
            if limits:
                self._session.say(f"Contrast from each well: {limits}")
            self._use_picture()

    def _windows(self) -> Limits | None:
        dataset, plate = self._session.dataset, self._plate
        if dataset is None or plate is None:
            return None
        return dataset.images.windows_of(plate)

    def _use_file(self, dataset: Dataset, plate: PlateId) -> None:
        self._tasks.cancel("contrast")
        windows = dataset.images.windows_of(plate)
        if windows is not None:
            self._session.set_limits(windows)
            return
        self._session.say(f"The file of {plate} says no contrast: it is that of the controls.")
        self._session.set_contrast_rule(_CONTROLS)

    def _use_picture(self) -> None:
        """Take the limits from the query's tile; a stain it lacks keeps its own.

        While the query and a control have changed places, nothing else may change.
        """
        if self._picture is None or (
            self._session.is_flickered and self._session.limits is not None
        ):
            return
        tiles = self._picture.mosaic.tiles
        well = next((tile for tile in tiles if tile.role == QUERY), tiles[0]).well_id or ""
        planes = [
            self._picture.planes.get((well, c)) for c in range(1, len(self._picture.table) + 1)
        ]
        if any(plane is not None for plane in planes):
            before = self._session.shown_limits
            limits = (
                limits_of([plane]) if plane is not None else pair
                for plane, pair in zip(planes, before, strict=True)
            )
            self._session.set_limits(tuple(limits))
