"""One thing that is wrong with a data set."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Problem"]


class Problem(NamedTuple):
    """What is wrong, and where; what does not apply is empty or None.

    `kind` is one word for machines (``missing_plane``), `detail` a sentence for people.
    """

    kind: str
    experiment_name: str = ""
    plate: int | None = None
    well_id: str = ""
    channel: int | None = None
    detail: str = ""
