"""A table about a map that takes seconds to compute: made when first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.progress import Progress, holding, silent

if TYPE_CHECKING:
    from napari_rxrx3.maps.entries import Entries

__all__ = ["KeptTable"]

Array = np.ndarray[Any, Any]


class KeptTable:
    """Computes a table once, for whoever asks, and keeps it on disk.

    Parameters
    ----------
    entries : Entries
    kind : str
        What it is kept as.
    compute : callable
        Makes the table of the entries; is given a progress, which may raise to stop.
    columns : sequence of str
        Of the table: numbers, truth values, and texts, of which none is empty.
    index : pandas.Index
        Of the table.
    version : int
        Of what is kept: raise it when a number is computed in another way.
    """

    def __init__(
        self,
        entries: Entries,
        kind: str,
        compute: Callable[[Entries, Progress], pd.DataFrame],
        columns: Sequence[str],
        index: pd.Index,
        version: int,
    ) -> None:
        self._entries, self._kind, self._compute = entries, kind, compute
        self._columns, self._index = list(columns), index
        self._key = f"{entries.fingerprint}|{version}" if entries.fingerprint else ""
        self._table: pd.DataFrame | None = None
        self._lock = Lock()

    @property
    def is_ready(self) -> bool:
        return self._table is not None

    def get(self, progress: Progress | None = None) -> pd.DataFrame:
        """The table, the same one each time.

        Parameters
        ----------
        progress : callable, optional
            Called with (done, total, text) while it is computed; may raise to stop.
        """
        report = progress or silent
        with holding(self._lock, report):
            if self._table is None:
                self._table = self._loaded()
            if self._table is None:
                table = self._compute(self._entries, report)
                self._save(table)
                self._table = table
            return self._table

    def _save(self, table: pd.DataFrame) -> None:
        if self._key:
            columns = {name: _plain(table[name]) for name in self._columns}
            self._entries.cache.save(self._kind, self._key, columns)

    def _loaded(self) -> pd.DataFrame | None:
        stored = self._entries.cache.load(self._kind, self._key) if self._key else None
        if stored is None:
            return None
        if any(len(stored.get(name, ())) != len(self._index) for name in self._columns):
            return None
        table = pd.DataFrame(index=self._index)
        for name in self._columns:
            values = stored[name]
            table[name] = _texts(values) if values.dtype.kind == "U" else values
        return table


def _plain(column: pd.Series) -> Array:
    """Without objects; a missing text is an empty one."""
    if column.dtype.kind in "fiub":
        return np.asarray(column)
    return np.array(column.fillna("").tolist(), dtype=np.str_)


def _texts(values: Array) -> Any:
    column = pd.array(values.tolist(), dtype="str")
    column[values == ""] = pd.NA
    return column
