"""One thing that is wrong with a data set."""

from __future__ import annotations

from typing import NamedTuple

from napari_rxrx3.core.errors import printable
from napari_rxrx3.core.secrets import without_secrets

__all__ = ["Problem"]


class _Problem(NamedTuple):
    kind: str
    experiment_name: str = ""
    plate: int | None = None
    well_id: str = ""
    channel: int | None = None
    detail: str = ""


class Problem(_Problem):
    """What is wrong, and where; what does not apply is empty or None.

    `kind` is one word for machines (``missing_plane``), `detail` a sentence for people.
    """

    __slots__ = ()

    def __new__(
        cls,
        kind: str,
        experiment_name: str = "",
        plate: int | None = None,
        well_id: str = "",
        channel: int | None = None,
        detail: str = "",
    ) -> Problem:
        detail = printable(without_secrets(detail))
        return super().__new__(cls, kind, experiment_name, plate, well_id, channel, detail)
