"""What is kept in the cache: indexes, tables, vectors, maps, thumbnails, and the cleaning of it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fsspec.implementations.dirfs import DirFileSystem

import builders as b
import napari_rxrx3 as rx
from killing.work import Answer, Tell, either, same, work
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.cache.budgets import budget_of, budgets
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.eviction import kept_files
from napari_rxrx3.data.cache.part_store import PartStore
from napari_rxrx3.data.files import fetching
from napari_rxrx3.data.files.fetching import Fetch
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.parallel import background
from napari_rxrx3.data.thumbnails.prepare import prepare

__all__ = ["digest", "gene_screen"]

GENES = ("PLK1", "MTOR", "TUBB")
PLATE = PlateId("gene-001", 1)
DAY = 24 * 60 * 60
PART = 1 << 14


def digest(*parts: Any) -> str:
    """A text that is another one for other arrays, tables or texts."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.tobytes() if isinstance(part, np.ndarray) else str(part).encode())
    return sha.hexdigest()


def gene_screen(n_plates: int = 1, dim: int = 16) -> b.Screen:
    rows: list[b.Row] = []
    for plate in range(1, n_plates + 1):
        rows += [b.control_row("gene-001", plate, f"C{c:02d}") for c in range(3, 11)]
        rows += [
            b.guide_row("gene-001", plate, f"{line}{c:02d}", gene, c - 4)
            for line, gene in zip("DEF", GENES, strict=True)
            for c in (5, 6, 7)
        ]
    return b.Screen.of(rows, dim=dim)


def opened(inputs: Path, place: Path) -> Any:
    return rx.open_dataset(inputs, cache_dir=place / "cache")


def tidied() -> None:
    """Clean as Python does when it ends."""
    background.finish()


# --- indexes of images -------------------------------------------------------------------------


def make_tars(inputs: Path) -> None:
    screen = gene_screen(2)
    screen.write_metadata(inputs / "metadata.csv")
    screen.planes = {well: screen.planes[well] for well in screen.ids[::5]}
    screen.write_tars(inputs)


def make_shards(inputs: Path) -> None:
    screen = gene_screen()
    screen.write_metadata(inputs / "metadata_rxrx3_core.csv")
    screen.planes = {well: b.smooth(well, 32) for well in screen.ids[::3]}
    screen.write_core(inputs, cuts=(20,))


def look(inputs: Path, place: Path, tell: Tell) -> None:
    dataset = opened(inputs, place)
    dataset.read(shown(dataset)[0])
    tidied()


def shown(dataset: Any) -> list[str]:
    wells = dataset.known_wells
    return [str(well) for well in wells.index[wells["has_image"]]]


def images(inputs: Path, place: Path) -> Answer:
    dataset = opened(inputs, place)
    found = {well: digest(dataset.read(well)) for well in shown(dataset)}
    tidied()
    return {**found, "plates": dataset.plates.to_csv(), "problems": str(dataset.problems)}


work("index of tars", make=make_tars, act=look, answer=images, judge=same)
work("index of shards", make=make_shards, act=look, answer=images, judge=same)


# --- tables ------------------------------------------------------------------------------------


def make_table(inputs: Path) -> None:
    gene_screen(3).write_metadata(inputs / "metadata.csv")


def open_table(inputs: Path, place: Path, tell: Tell) -> None:
    opened(inputs, place)
    tidied()


def table(inputs: Path, place: Path) -> Answer:
    dataset = opened(inputs, place)
    tidied()
    return {"wells": dataset.wells.to_csv(), "problems": str(dataset.problems)}


work("table of wells", make=make_table, act=open_table, answer=table, judge=same)


# --- vectors and maps --------------------------------------------------------------------------


def make_vectors(inputs: Path) -> None:
    screen = gene_screen(2)
    screen.write_metadata(inputs / "metadata.csv")
    screen.write_plate_embeddings(inputs / "embeddings")
    some = {well: screen.vectors[well] for well in screen.ids[:4]}  # repeats are cut out
    b.write(inputs / "embeddings" / "again.parquet", b.embedding_bytes(some))


def read_vectors(inputs: Path, place: Path, tell: Tell) -> None:
    opened(inputs, place).read_vectors()
    tidied()


def vectors(inputs: Path, place: Path) -> Answer:
    dataset = opened(inputs, place)
    dataset.read_vectors()
    found = {
        name: digest(np.asarray(table.vectors), list(table.well_ids))
        for name, table in dataset.embeddings.items()
    }
    tidied()
    return {**found, "wells": dataset.wells.to_csv(), "problems": str(dataset.problems)}


def make_map(inputs: Path, place: Path, tell: Tell) -> None:
    assert len(opened(inputs, place).phenomap(align="centerscale").scores)
    tidied()


def a_map(inputs: Path, place: Path) -> Answer:
    phenomap = opened(inputs, place).phenomap(align="centerscale")
    near = phenomap.nearest("PLK1", k=3)
    tidied()
    return {
        "labels": phenomap.labels.to_csv(),
        "vectors": digest(np.asarray(phenomap.vectors)),
        "scores": phenomap.scores.to_csv(),
        "neighbors": near.to_csv(),
    }


work("vectors of embeddings", make=make_vectors, act=read_vectors, answer=vectors, judge=same)
work("map with its scores", make=make_vectors, act=make_map, answer=a_map, judge=same)


# --- files of servers ----------------------------------------------------------------------------

VECTORS = "vectors.bin"


def make_file(inputs: Path) -> None:
    b.write(inputs / VECTORS, np.random.default_rng(1).bytes(10 * PART - 1))


def fetched(inputs: Path, place: Path) -> Path:
    """The copy of a file that lies where only parts of it can be read."""
    fetching._PART = PART
    fetch = Fetch(Storage(DirFileSystem(str(inputs))), VECTORS, DiskCache(place / "cache"))
    copy = fetch.run()
    assert fetch.is_whole
    return copy


def fetch(inputs: Path, place: Path, tell: Tell) -> None:
    fetched(inputs, place)
    tidied()


def copy_of_file(inputs: Path, place: Path) -> Answer:
    found = {"copy": digest(np.frombuffer(fetched(inputs, place).read_bytes(), np.uint8))}
    tidied()
    return found


def look_from_afar(inputs: Path, place: Path, tell: Tell) -> None:
    parts_of_file(inputs, place)


def parts_of_file(inputs: Path, place: Path) -> Answer:
    cache = DiskCache(place / "cache")
    cache.clean_later()  # as whoever opens a data set does
    store = PartStore(Storage(DirFileSystem(str(inputs))), cache)
    parts = [store.read(VECTORS, "", at, at + PART) for at in range(0, 3 * PART, PART)]
    found = [*parts, store.read_file(VECTORS, PART)[:PART], store.read_file(VECTORS)]
    tidied()
    return {str(n): digest(np.frombuffer(part, np.uint8)) for n, part in enumerate(found)}


work("fetch of a large file", make=make_file, act=fetch, answer=copy_of_file, judge=same)
work("parts of files", make=make_file, act=look_from_afar, answer=parts_of_file, judge=same)


# --- thumbnails --------------------------------------------------------------------------------


def fill(inputs: Path, place: Path, tell: Tell) -> None:
    """Half of a plate's thumbnails, then all: they are added to one file."""
    dataset = opened(inputs, place)
    thumbnails = dataset.thumbnails_of(PLATE)
    for position, channel in thumbnails.todo(range(4 * 48), (1, 2, 3)):
        thumbnails.fill([(position, channel)])
    thumbnails.save()
    prepare(dataset, [PLATE], lambda done, total, text: None)
    tidied()


def thumbnails(inputs: Path, place: Path) -> Answer:
    dataset = opened(inputs, place)
    prepare(dataset, [PLATE], lambda done, total, text: None)
    made = dataset.thumbnails_of(PLATE)
    tidied()
    return {"planes": digest(made.planes), "state": digest(made.state), "bad": str(made.failures)}


def count_cells(inputs: Path, place: Path, tell: Tell) -> None:
    """The nuclei of a plate, and then what all of its stains tell."""
    dataset = opened(inputs, place)
    dataset.measures(["gene-001/1"], ["DNA"])
    dataset.measures(["gene-001/1"])
    tidied()


def cells(inputs: Path, place: Path) -> Answer:
    dataset = opened(inputs, place)
    return {"cells": digest(dataset.measures(["gene-001/1"]).to_csv())}


work("cells of a plate", make=make_tars, act=count_cells, answer=cells, judge=same)
work("thumbnails of a plate", make=make_tars, act=fill, answer=thumbnails, judge=same)


# --- cleaning ----------------------------------------------------------------------------------


def fill_and_age(inputs: Path, place: Path) -> None:
    fill(inputs, place, lambda text: None)
    for file in kept_files(place / "cache"):
        then = time.time() - DAY / 2
        os.utime(file.path, (then, then))


def clean(inputs: Path, place: Path, tell: Tell) -> None:
    budgets.disk_bytes = 1
    DiskCache(place / "cache").clean()
    tidied()


def after_cleaning(inputs: Path, place: Path) -> Answer:
    return images(inputs, place) | thumbnails(inputs, place)


work(
    "cleaning of the cache",
    make=make_tars,
    begin=fill_and_age,
    act=clean,
    answer=after_cleaning,
    judge=same,
)


# --- the budget --------------------------------------------------------------------------------


def choose_budget(n_bytes: int) -> Callable[..., None]:
    def act(inputs: Path, place: Path, tell: Tell | None = None) -> None:
        (place / "cache").mkdir(exist_ok=True)
        budgets.disk_bytes = n_bytes
        DiskCache(place / "cache").clean_later()
        tidied()

    return act


def chosen_budget(inputs: Path, place: Path) -> Answer:
    budgets.disk_bytes = None
    return {"budget": budget_of(place / "cache")}


work(
    "budget of the cache",
    make=lambda inputs: None,
    begin=choose_budget(1_000_000_000),
    act=choose_budget(3_000_000_000),
    answer=chosen_budget,
    judge=either,
)
