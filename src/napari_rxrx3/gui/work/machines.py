"""Where the window's long work is done: on this computer, or by a dask cluster that was named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QInputDialog, QWidget

from napari_rxrx3.gui.preferences import chosen_settings
from napari_rxrx3.gui.work.tasks import Progress

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ask_for_scheduler", "chosen_cluster", "scheduler", "where_in_words"]

_QUESTION = (
    "Address of a dask scheduler, such as tcp://10.0.0.5:8786.\n"
    "Its workers must see the data and the folder under the same path.\n"
    "Empty: this computer does it."
)
_LONGEST = 40


def scheduler() -> str | None:
    """Address that was chosen last, empty for this computer; None if napari keeps no choice."""
    group = _group()
    return str(group.scheduler).strip() if group is not None else None


def where_in_words() -> str:
    """Where it is, for a menu."""
    address = scheduler()
    if not address:
        return "this computer"
    return address if len(address) <= _LONGEST else f"{address[: _LONGEST - 1]}…"


def ask_for_scheduler(parent: QWidget) -> None:
    """Have an address typed, and keep it for all windows and for the next start."""
    group = _group()
    if group is None:
        return
    dialog = QInputDialog(parent)
    dialog.setWindowTitle("Run long work on")
    dialog.setLabelText(_QUESTION)
    dialog.setTextValue(scheduler() or "")
    if dialog.exec():
        group.scheduler = dialog.textValue().strip()


@contextmanager
def chosen_cluster(address: str | None, progress: Progress) -> Iterator[Client | None]:
    """The cluster that does the work of a task; None: this computer does it.

    Parameters
    ----------
    address : str or None
        What `scheduler` said when the task was asked for.

    Raises
    ------
    RxRx3Error
        If it does not answer.
    """
    if not address:
        yield None
        return
    from napari_rxrx3.data.passes import cluster

    progress(0, 0, f"reaching {address}")
    with cluster(address) as client:
        yield client


def _group() -> Any:
    """The group of settings `machines` of the manifest; None if napari does not have it."""
    return getattr(chosen_settings(), "machines", None)
