"""Tables of vectors, one a well: read once into one file that is then mapped into memory."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.progress import Progress
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.claims import name_without_copy
from napari_rxrx3.data.discovery.contents import Contents
from napari_rxrx3.data.files.fetching import FETCHED_FROM, Fetch
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.files.table import Table, TableError, reason
from napari_rxrx3.data.files.tables import RULE
from napari_rxrx3.data.images.plate_names import plate_of_path
from napari_rxrx3.data.images.tars import iter_members
from napari_rxrx3.data.problems import Problem
from napari_rxrx3.data.vectors.vector_files import (
    EmbeddingFile,
    NameWells,
    VectorLayout,
    found_layout,
    own_layout,
    vector_blocks,
)
from napari_rxrx3.data.vectors.vector_store import StoredVectors, VectorRows, VectorStore

__all__ = ["EmbeddingTable", "find_embeddings", "free_name", "own_embedding"]

Array = np.ndarray[Any, Any]

_PACKED = (".gz", ".zip")
_TABLES = (".parquet", ".csv", ".tsv", ".txt")
_ASKED_OF_A_TAR = 5
_NAMED = 3
_LOOKED_AT = 4096


@dataclass
class EmbeddingTable:
    """Vectors of one embedding, from one file or from one file a plate.

    Attributes
    ----------
    name : str
        The files' stem, e.g. ``"OpenPhenom_rxrx3_core_embeddings"``.
    dimension : int
    layout : VectorLayout or None
        The columns of the only file; None: each file's own, as `found_layout` says.
    name_wells : callable, optional
        Of a screen of one's own: gives the ids of wells that a table calls otherwise.
    named_by : str
        What these ids depend on.
    problems : list of Problem
        Files and rows that could not be used; complete once `vectors` was read.
    """

    name: str
    dimension: int
    files: list[EmbeddingFile]
    storage: Storage
    cache: DiskCache
    problems: list[Problem] = field(default_factory=list)
    layout: VectorLayout | None = None
    name_wells: NameWells | None = None
    named_by: str = ""
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)
    _kept: StoredVectors | None = field(default=None, init=False, repr=False)
    _print: str = field(default="", init=False, repr=False)

    @cached_property
    def well_ids(self) -> pd.Index:
        """The well of each row, without repeats."""
        return pd.Index(pd.Series(self._loaded.well_ids.to_pandas(), dtype="str"))

    @property
    def vectors(self) -> Array:
        """float32 (n, dimension), mapped into memory; rows as in `well_ids`. Do not write.

        float64 if the file is in double precision, and single precision would lose what vectors
        differ by.
        """
        return self._loaded.vectors

    @property
    def is_usable(self) -> Array:
        """Bool (n,): the vector is finite and not zero."""
        return self._loaded.is_usable

    @property
    def fingerprint(self) -> str:
        """What identifies the files as they were when they were read."""
        _ = self._loaded
        return self._print

    @cached_property
    def claim(self) -> tuple[str, float, bool, str]:
        """Among copies of an embedding, which have the same first part, the largest holds."""
        plain = name_without_copy(self.name)
        changed = self.storage.changed_at(self.files[0].path)
        return plain, changed, plain == self.name, self.name

    def read(self, progress: Progress | None = None) -> None:
        """Read the files, or what the cache holds of them, if that was not done before.

        Raises
        ------
        MetadataError
            If no vector can be read.
        """
        with self._lock:  # one reads, the others wait for it
            if self._kept is None:
                store = self._store()
                self._keep(store.open() or self._build(store, progress))

    def open_kept(self) -> bool:
        """Take the vectors from the cache; False if they would have to be read."""
        with self._lock, suppress(MetadataError):
            if self._kept is None and (kept := self._store().open()) is not None:
                self._keep(kept)
        return self._kept is not None

    def rows_in(self, wells: pa.ChunkedArray) -> tuple[Array, Array]:
        """Find the usable vectors of some wells.

        Parameters
        ----------
        wells : pyarrow.ChunkedArray
            Ids of wells, as large_string.

        Returns
        -------
        positions : int (n,)
            Positions in `wells`, ascending.
        rows : int (n,)
            The rows of `vectors` that belong to them.
        """
        place = self.places_in(wells)
        rows = np.flatnonzero((place >= 0) & self.is_usable)
        rows = rows[np.argsort(place[rows], kind="stable")]
        return place[rows].astype(np.intp), rows

    def why_not(self, row: int) -> str:
        """Say which numbers of a vector are not finite, for the end of a sentence."""
        bad = np.flatnonzero(~np.isfinite(self.vectors[row]))
        if not len(bad) or len(bad) == self.dimension:
            return " (no number of it is finite)" if len(bad) else " (all of it is zero)"
        named = ", ".join(self._feature_names[i][:40] for i in bad[:_NAMED])
        more = f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
        return f" (not finite in {named}{more})"

    @cached_property
    def _feature_names(self) -> Sequence[str]:
        """Names of the columns, or numbers from 1 where these are in one column of lists."""
        layout = self.layout
        with suppress(TableError):
            if layout is None:
                with self.files[0].table(self.storage) as table:
                    layout = found_layout(table)
        names = layout.features if layout is not None else ()
        if len(names) == self.dimension:
            return names
        return [f"number {i}" for i in range(1, self.dimension + 1)]

    def why_none_of(self, wells: pa.ChunkedArray) -> str:
        """Say why no well of some has a usable vector."""
        path = self.files[0].name
        if (self.places_in(wells) >= 0).any():
            return f"{path} has only vectors that are zero or not finite for the wells listed here."
        own, listed = self.well_ids[0], wells[0].as_py()
        return f"{path} is about other wells: they are called {own!r}, those here {listed!r}."

    def places_in(self, wells: pa.ChunkedArray) -> Array:
        """Position among some wells of each row's well, int (n,); -1 where it is none of them."""
        place = pc.index_in(self._loaded.well_ids.cast(pa.large_string()), value_set=wells)
        return np.asarray(place.fill_null(-1).to_numpy())

    @property
    def _loaded(self) -> StoredVectors:
        if self._kept is None:
            self.read()
        assert self._kept is not None
        return self._kept

    def _store(self) -> VectorStore:
        self._print = self._fingerprint()
        return VectorStore(self.cache, self._print, self.dimension)

    def _keep(self, stored: StoredVectors) -> None:
        stored.is_usable.flags.writeable = False
        self._kept = stored
        self.problems += stored.problems

    def _fingerprint(self) -> str:
        try:
            prints = [self.storage.fingerprint(p) for p in sorted({f.path for f in self.files})]
        except OSError as error:
            raise MetadataError(f"{self.name} cannot be read ({reason(error)}).") from error
        made_of = [str(RULE), str(self.layout or self.name), str(self.dimension)]
        made_of += [self.named_by] if self.named_by else []
        return "|".join([*made_of, *prints])

    def _build(self, store: VectorStore, progress: Progress | None) -> StoredVectors:
        """Read the files; large ones of a server are fetched before, which goes on if stopped."""
        fetches: dict[str, Fetch] = {}
        try:
            stored = store.build(partial(self._read_all, progress, fetches))
        except MetadataError:
            for fetch in fetches.values():
                if fetch.is_whole:  # then it is damaged
                    fetch.remove()
            raise
        for fetch in fetches.values():
            fetch.remove()
        return stored

    def _fetched(
        self, file: EmbeddingFile, fetches: dict[str, Fetch], progress: Progress | None
    ) -> Path | None:
        """A copy of a large file of a server; None if it is to be read where it is."""
        storage = self.storage
        try:
            if storage.is_local or file.member or storage.size(file.path) < FETCHED_FROM:
                return None
            if file.path not in fetches:
                fetches[file.path] = Fetch(storage, file.path, self.cache)
            return fetches[file.path].run(progress)
        except OSError as error:
            if error.errno is None:  # of the server, not of the disk
                raise TableError(file.name, reason(error)) from error
        if file.path in fetches:
            fetches.pop(file.path).remove()
        return None

    def _read_all(
        self, progress: Progress | None, fetches: dict[str, Fetch], rows: VectorRows
    ) -> None:
        for i, file in enumerate(self.files):
            _say(progress, i, len(self.files), file)
            rows.begin(file.name)
            try:
                copy = self._fetched(file, fetches, progress)
                with file.table(self.storage, copy) as table:
                    self._read_one(file, table, rows, progress)
                    notes = table.notes
            except TableError as error:
                notes = [f"it cannot be read ({error.why})"]
            rows.problems += [_unusable(file, note) for note in notes]
        if not len(rows):
            why = f" ({rows.problems[0].detail})" if rows.problems else ""
            raise MetadataError(f"No vector of the embedding {self.name!r} can be read{why}.")

    def _read_one(
        self, file: EmbeddingFile, table: Table, rows: VectorRows, progress: Progress | None
    ) -> None:
        layout = self.layout or found_layout(table)
        if layout.dimension != self.dimension:
            what = f"vectors of {layout.dimension} numbers where {self.dimension} belong"
            raise TableError(table.name, what)
        if self.layout is None and layout.left_out:
            what = f"columns that are no part of the vectors: {_listed(layout.left_out)}"
            detail = f"{file.name}: {what}"
            rows.problems.append(Problem("metadata_columns", detail=detail))
        rows.problems += [
            Problem("interpreted", detail=f"{file.name}: {guess}") for guess in table.guesses
        ]
        for well_ids, vectors in vector_blocks(table, layout, self.name_wells):
            rows.add(well_ids, vectors)
            if len(self.files) == 1:
                _say(progress, *table.done(), file)


def own_embedding(
    storage: Storage, path: str, cache: DiskCache, progress: Progress | None = None
) -> EmbeddingTable:
    """Take a file of the user's for an embedding: every column of numbers is a feature.

    Raises
    ------
    MetadataError
        If it cannot be read, does not name its wells, or holds no vector.
    """
    file = EmbeddingFile(path)
    if storage.is_local and not Path(path).is_file():
        raise MetadataError(f"{path} is not there, or is no file.")
    with file.table(storage) as opened:
        layout = own_layout(opened, path, lambda: _say(progress, *opened.done(), file))
    table = EmbeddingTable(_stem(path), layout.dimension, [file], storage, cache, layout=layout)
    table.read(progress)
    if layout.left_out:
        what = f"columns that are no part of the vectors: {_listed(layout.left_out)}"
        table.problems.append(Problem("metadata_columns", detail=f"{path}: {what}"))
    n_unusable = int((~table.is_usable).sum())
    where = _not_finite_in(table, layout) if n_unusable else ""
    if n_unusable == len(table.is_usable):
        why = next(
            (
                f": {p.detail.removeprefix(f'{path}: ')}"
                for p in table.problems
                if p.kind == "too_large"
            ),
            where,
        )
        raise MetadataError(f"All vectors of {path} are zero or not finite{why}.")
    if n_unusable:
        n_all = len(table.is_usable)
        what = f"vectors that are zero or not finite: {n_unusable:,} of {n_all:,}{where}"
        table.problems.append(Problem("unusable_vectors", detail=f"{path}: {what}"))
    return table


def _listed(names: Collection[str]) -> str:
    return ", ".join(name or "one without a name" for name in names)


def _not_finite_in(table: EmbeddingTable, layout: VectorLayout) -> str:
    """Name the columns that make most vectors unusable, for the end of a sentence."""
    names = layout.features
    if len(names) != layout.dimension:
        names = tuple(f"number {i} of {names[0]}" for i in range(1, layout.dimension + 1))
    rows = np.flatnonzero(~table.is_usable)[:_LOOKED_AT]
    counts = (~np.isfinite(table.vectors[rows])).sum(axis=0)
    worst = [i for i in np.argsort(-counts, kind="stable")[:_NAMED].tolist() if counts[i]]
    if not worst:
        return ""
    n_more = int((counts > 0).sum()) - len(worst)
    more = f" and {n_more:,} more" if n_more else ""
    return f" (not finite in {', '.join(names[i][:40] for i in worst)}{more})"


def find_embeddings(
    storage: Storage, contents: Contents, cache: DiskCache
) -> tuple[dict[str, EmbeddingTable], list[Problem]]:
    """Group the files that belong to one embedding: same stem, same dimension, same format."""
    problems: list[Problem] = []
    groups: dict[tuple[str, bool], list[tuple[EmbeddingFile, int]]] = {}
    for file, dimension in _measured_files(storage, contents, problems):
        path = file.member or file.path
        groups.setdefault((_stem(path), path.endswith(".parquet")), []).append((file, dimension))
    tables: dict[str, EmbeddingTable] = {}
    for (stem, _), measured in groups.items():
        measured = _newer_first(storage, measured)
        kept = _without_odd_plates(measured, problems)
        for dimension in dict.fromkeys(dimension for _, dimension in kept):
            files = [file for file, d in kept if d == dimension]
            name = free_name(stem, tables, f"{stem} ({dimension})")
            tables[name] = EmbeddingTable(name, dimension, files, storage, cache)
    return tables, problems


def _newer_first(
    storage: Storage, measured: list[tuple[EmbeddingFile, int]]
) -> list[tuple[EmbeddingFile, int]]:
    """Where several files are of one plate, put the newer ones first, which then hold."""
    plates = Counter((plate_of_path(posixpath.dirname(f.member or f.path)), d) for f, d in measured)
    if max(plates.values(), default=0) < 2:
        return measured
    return sorted(measured, key=lambda found: -storage.changed_at(found[0].path))


def free_name(name: str, taken: Collection[str], second: str = "") -> str:
    """Return the name, else the second choice, else the name with a number, whichever is free."""
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return next(n for n in (name, second, *numbered) if n and n not in taken)


def _measured_files(
    storage: Storage, contents: Contents, problems: list[Problem]
) -> Iterator[tuple[EmbeddingFile, int]]:
    """Yield each file of vectors with its dimension."""
    for path in contents.embeddings:
        dimension = contents.dimensions.get(path) or _dimension(
            storage, EmbeddingFile(path), problems
        )
        if dimension:
            yield EmbeddingFile(path), dimension
    for path in contents.embedding_tars:
        stems: dict[str, list[EmbeddingFile]] = {}
        for file in _members(storage, path, problems):
            stems.setdefault(_stem(file.member), []).append(file)
        for files in stems.values():
            dimension = _dimension_of_most(storage, files, problems)
            if dimension:
                yield from ((file, dimension) for file in files)


def _members(storage: Storage, path: str, problems: list[Problem]) -> Iterator[EmbeddingFile]:
    notes: list[str] = []
    try:
        with storage.open(path) as file:
            for member in iter_members(file, notes):
                if member.name.endswith(".parquet"):
                    yield EmbeddingFile(path, member.name, member.offset_data, member.size)
    except OSError as error:
        notes.append(f"it cannot be read ({error})")
    problems += [Problem("unreadable_file", detail=f"{path}: {note}") for note in notes]


def _dimension_of_most(
    storage: Storage, files: list[EmbeddingFile], problems: list[Problem]
) -> int:
    """Dimension of the members of a tar, asked of a few; one of them may be damaged or odd."""
    spread = files[:: max(1, len(files) // _ASKED_OF_A_TAR)]
    unread: list[Problem] = []
    found = [d for file in spread if (d := _dimension(storage, file, unread))]
    if not found:
        rest = (_dimension(storage, file, unread) for file in files if file not in spread)
        found = [next((d for d in rest if d), 0)]
    if not found[0]:
        problems += unread
    return Counter(found).most_common(1)[0][0]


def _dimension(storage: Storage, file: EmbeddingFile, problems: list[Problem]) -> int:
    """Dimension of a file's vectors; 0 if it cannot be read."""
    try:
        with file.table(storage) as table:
            return found_layout(table).dimension
    except TableError as error:
        what = f"{file.name} cannot be read ({error.why})"
        problems.append(Problem("unreadable_file", detail=what))
        return 0


def _without_odd_plates(
    measured: list[tuple[EmbeddingFile, int]], problems: list[Problem]
) -> list[tuple[EmbeddingFile, int]]:
    """Where there is one file a plate, leave out those of another dimension than most."""
    counts: dict[str, Counter[int]] = {}
    for file, dimension in measured:
        counts.setdefault(_home(file), Counter())[dimension] += 1
    kept = []
    for file, dimension in measured:
        usual = counts[_home(file)].most_common(1)[0][0]
        if dimension == usual:
            kept.append((file, dimension))
        else:
            what = f"has vectors of {dimension} numbers where most have {usual}; it is left out"
            problems.append(_unusable(file, what))
    return kept


def _home(file: EmbeddingFile) -> str:
    """Where all plates of an embedding lie; of a file that is not one plate's, its own name."""
    folder = posixpath.dirname(file.member or file.path)
    if plate_of_path(folder)[1] is None:
        return file.name
    return f"{file.path if file.member else ''}|{posixpath.dirname(posixpath.dirname(folder))}"


def _say(progress: Progress | None, done: int, total: int, file: EmbeddingFile) -> None:
    if progress is not None:
        progress(done, total, f"reading vectors: {file.name}")


def _unusable(file: EmbeddingFile, what: str) -> Problem:
    return Problem("unusable_embedding", detail=f"{file.name}: {what}")


def _stem(path: str) -> str:
    name = Path(path).name
    for endings in (_PACKED, _TABLES):
        name = next((name[: -len(e)] for e in endings if name.lower().endswith(e)), name)
    return name or "vectors"
