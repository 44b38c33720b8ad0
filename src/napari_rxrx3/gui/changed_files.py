"""Says when files of the open data set have changed, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superqt.utils import ensure_main_thread

from napari_rxrx3.core.errors import CHANGED
from napari_rxrx3.session import Session

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.gui.canvas.picture import Picture

__all__ = ["ChangedFiles", "failures_of"]

_WAY_OUT = "F5 opens the data set again."


def failures_of(picture: Picture) -> dict[str, str]:
    """Why wells of a picture cannot be shown, by well; what was never there is no failure."""
    failures: dict[str, str] = {}
    for (well, _), error in sorted(picture.failures.items()):
        if not getattr(error, "missing", False):  # the map shows what is not there
            failures.setdefault(well, str(error))
    return failures


class ChangedFiles:
    """Follows the data set of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dataset: Dataset | None = None
        self._noted: set[str] = set()
        session.dataset_changed.connect(self._on_dataset)

    def say_failure(self, said: str) -> None:
        """Say what cannot be shown, and the way out if its file is another one by now."""
        is_changed = CHANGED in said or any(path in said for path in self._noted)
        self._session.say(f"{said} {_WAY_OUT}" if is_changed else said)

    def _on_dataset(self, dataset: Dataset | None) -> None:
        if self._dataset is not None:
            self._dataset.images.stamps.changed.disconnect(self._on_changed)
        self._dataset = dataset
        self._noted.clear()
        if dataset is not None:
            dataset.images.stamps.changed.connect(self._on_changed)

    def _on_changed(self, path: str) -> None:
        """Called by whichever thread noticed it."""
        dataset = self._dataset
        self._say(dataset, path)

    @ensure_main_thread
    def _say(self, dataset: Dataset | None, path: str) -> None:
        if dataset is not self._session.dataset:
            return
        self._noted.add(path)
        said = self._session.message
        if path not in said:
            self._session.say(f"{path} has changed since it was opened. {_WAY_OUT}")
        elif not said.endswith(_WAY_OUT):
            self._session.say(f"{said} {_WAY_OUT}")
