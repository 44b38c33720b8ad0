"""Tables, lists, saved sessions, names: what people edit, export and mail."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import zipfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import builders as b
import napari_rxrx3 as rx
from corpus.case import SOUND
from fuzz.target import as_file, scratch, target
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.names import split_names
from napari_rxrx3.core.plate import (
    format_address,
    natural_key,
    parse_address,
    parse_image_name,
    parse_well_id,
)
from napari_rxrx3.core.secrets import has_secrets, public, without_secrets
from napari_rxrx3.core.spelling import normal_well_id, plate_in
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.addresses import trouble_with
from napari_rxrx3.data.files.cells import as_number, is_guessed, is_missing, marks_of
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.vectors.embeddings import own_embedding
from napari_rxrx3.data.wells.metadata import read_metadata
from napari_rxrx3.data.wells.readings import (
    dose_in,
    is_error,
    is_like_control,
    is_marked,
    is_mass,
    is_spoiled_gene,
    word_in,
)
from napari_rxrx3.figures.record import ViewRecord, is_record_file, read_record, record_of
from napari_rxrx3.hits.hit import Hit
from napari_rxrx3.hits.hits_file import read_stored
from napari_rxrx3.hits.names import find_wells
from napari_rxrx3.hits.queue import queue_from_csv
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.sheet import disarmed, read_sheet, rearmed
from napari_rxrx3.hits.table import export_csv, read_hits_csv
from napari_rxrx3.maps.benchmark.known import read_interactions, read_pairs
from napari_rxrx3.maps.entry_names import find_entries
from napari_rxrx3.maps.map_file import write_map
from napari_rxrx3.maps.projection.coordinates import read_coordinates
from napari_rxrx3.maps.sets.arms import read_arms
from napari_rxrx3.maps.sets.gene_sets import read_gene_sets
from napari_rxrx3.session import Session
from test_corpus import is_plain

__all__: list[str] = []

ROWS = [dict(row) for row in SOUND]
WELLS = [row["well_id"] for row in SOUND]


@cache
def dataset() -> Any:
    folder = scratch() / "data set"
    folder.mkdir()
    screen = b.Screen.of(ROWS, dim=3)
    screen.write_metadata(folder / "metadata.csv")
    screen.write_plate_embeddings(folder / "embeddings")
    return rx.open_dataset(folder, cache_dir=scratch() / "cache of the data set")


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.csv", content)
    return buffer.getvalue()


# --- wells -------------------------------------------------------------------------------------


def metadata_tables() -> list[bytes]:
    sound = b.csv_bytes(ROWS)
    crlf = b.csv_bytes(ROWS, bom=True, crlf=True)
    odd = sound.replace(b"PLK1_guide_1", b"PLK1-Guide 01").replace(b",CRISPR", b"1.000,5 nM,ko")
    titled = b"sep=|\nMy plates\n\n" + odd.replace(b",", b"|").replace(b"well_id", b"Well ID")
    semicolons = sound.replace(b",", b";")
    return [sound, crlf, semicolons, zipped(sound), sound.decode().encode("utf-16"), titled]


@target("metadata", metadata_tables)
def read_wells(content: bytes) -> None:
    name = "metadata.zip" if content[:2] == b"PK" else "metadata.csv"
    wells, problems = read_metadata(*Storage.of(as_file(content, name)))
    assert wells.index.is_unique
    assert wells["row"].between(0, 31).all()
    assert wells["column"].between(0, 47).all()
    assert all(problem.detail for problem in problems)


def names() -> list[bytes]:
    some = ("gene-001_7_AA23", "compound-004_43_B08", "AF48", "AA02_s1_w3.png", "AA15_s1_1")
    return [name.encode() for name in some]


@target("names", names, ValueError)
def read_names(content: bytes) -> None:
    text = content[:60].decode("utf-8", "surrogateescape")
    assert natural_key(text) <= natural_key(text)
    assert normal_well_id(normal_well_id(text)) == normal_well_id(text)
    assert (plate_in(text) or 0) >= 0
    dose_in(text)
    if (image := parse_image_name(text)) is not None:
        assert parse_address(format_address(image.row, image.column)) == image[:2]
    try:
        well = parse_well_id(text)
    except ValueError:
        assert format_address(*parse_address(text))
        return
    assert parse_well_id(str(well)) == well


def cells() -> list[bytes]:
    return [
        *(b"1,000.5\t2.5\t0,25", b"100 nM\t1.5e-3 uM\t5 ug/ml", b"1'000\t-1\t>10\tinf"),
        *(
            b"NA\tn/a\t#N/A\t-",
            b"1-Sep\t2.31E+13\tTRUE\t01/03/2021",
            b"PLK1-Guide 02\tEmpty Control",
        ),
        "3 \u00b5mol\u00b7L\u207b\u00b9\t\uff11\uff12\t\u22125".encode(),
    ]


@target("cells", cells)
def read_cells(content: bytes) -> None:
    """A number stays the number, whatever it is written as; a word has one form."""
    texts = content[:400].decode("utf-8", "surrogateescape").split("\t")
    for separator in ",;\t":
        marks = marks_of(texts, separator)
        for text in texts:
            number = as_number(text, marks)
            assert number is None or number == as_number(repr(number))
            dose = dose_in(text, marks)
            assert dose is None or not np.isnan(dose)
            assert not (number is not None and is_missing(text))
            is_guessed(text, marks)
    for text in texts:
        for column in ("treatment", "perturbation_type", "cell_type", "well_type", "gene"):
            assert word_in(column, word_in(column, text)) == word_in(column, text)
        for tell in (is_error, is_marked, is_like_control, is_mass, is_spoiled_gene):
            assert tell(text) in (True, False)


def typed() -> list[bytes]:
    return [
        b"PLK1, mtor; EMPTY_control\nPLK1 guide 1",
        b"gene-001_1_B02\t'PLK1_guide_1'\tPLK1_guide_2",
        b"Bortezomib 2,5 uM; N-(1,2-thing); x@1e999; x@nan",
    ]


@target("names that are typed", typed)
def find_names(content: bytes) -> None:
    """All that a name stands for is there, and a name alone stands for the same as in a list."""
    text = content[:300].decode("utf-8", "replace")
    names = split_names(text)
    wells, rows = find_wells(dataset(), names), find_entries(a_map(), names)
    assert len(wells) == len(rows) == len(names)
    for name, places in zip(names, wells, strict=True):
        assert ((places >= 0) & (places < len(WELLS))).all()
        np.testing.assert_array_equal(places, find_wells(dataset(), [name])[0])
    assert split_names("\n".join(names)) == names or any("," in name for name in names)


def addresses() -> list[bytes]:
    return [
        b"https://ada:planted-pass@host/a?X-Amz-Signature=0123456789abcdef&x=1#y",
        *(b"s3://bucket/a b/c?d", b"hf://datasets/recursionpharma/rxrx3-core@main/data"),
        *(b"abfs://box@account/x", b"https://[::1]:80/a", b"file:///etc/passwd"),
    ]


@target("addresses", addresses)
def read_address(content: bytes) -> None:
    """Nothing that is secret stays, and what has none is left as it is."""
    text = content[:300].decode("utf-8", "replace")
    clean = public(text)
    assert public(clean) == clean
    assert not has_secrets(clean)
    assert without_secrets(clean) == without_secrets(without_secrets(clean))
    assert is_plain(trouble_with(text) or "none") or not text.isprintable()


# --- vectors and places --------------------------------------------------------------------------


def own_vectors() -> list[bytes]:
    vectors = {well: np.arange(3, dtype="float32") + i for i, well in enumerate(WELLS)}
    lines = [f"{well},{v[0]},{v[1]},{v[2]}" for well, v in vectors.items()]
    text = "\n".join(["well_id,a,b,c", *lines]).encode()
    places = text.replace(b"well_id,", b"experiment;plate;address;").replace(b",", b";")
    saved = scratch() / "seed map.parquet"
    write_map(a_map(), saved)
    written = saved.read_bytes()
    return [text, places, gzip.compress(text), b.embedding_bytes(vectors), written]


@target("own vectors", own_vectors)
def read_own_vectors(content: bytes) -> None:
    folder = scratch() / "cache of vectors"
    shutil.rmtree(folder, ignore_errors=True)
    storage, path = Storage.of(as_file(content, "mine.csv"))
    table = own_embedding(storage, path, DiskCache(folder))
    assert table.vectors.shape == (len(table.well_ids), table.dimension)
    assert np.isfinite(table.vectors[table.is_usable]).all()


@cache
def a_map() -> Any:
    return dataset().phenomap(level="well", align="none")


def coordinates() -> list[bytes]:
    lines = [f"{well},{i}.5,-{i}" for i, well in enumerate(WELLS)]
    return [
        "\n".join(["well_id,x,y", *lines]).encode(),
        "\n".join([";UMAP_1;UMAP_2", *lines]).replace(",", ";").encode(),
        b.parquet_bytes(b.embedding_table({well: np.ones(2) for well in WELLS}, "PC")),
    ]


@target("coordinates", coordinates)
def read_places(content: bytes) -> None:
    placed = read_coordinates(as_file(content, "umap.csv"), a_map())
    assert placed.positions.shape == (len(a_map().labels), 2)
    assert not np.isinf(placed.positions).any()


def known_pairs() -> list[bytes]:
    return [
        b"entity1,entity2\nPLK1,MTOR\nMTOR,TUBB\n",
        b"treatment;gene_symbol;nM_value\nBortezomib;PSMB5;7\nAspirin;PTGS1;>100\n",
        b"compound\tgene\tactive\nBortezomib\tPSMB5\ttrue\n",
    ]


@target("known pairs", known_pairs)
def read_known(content: bytes) -> None:
    path = as_file(content, "pairs.csv")
    try:
        pairs = read_pairs(path)
        assert (pairs["entity1"] < pairs["entity2"]).all()
    except RxRx3Error:
        read_interactions(path)


def gene_sets() -> list[bytes]:
    gmt = b"mitosis\tabout it\tPLK1\tAURKB\nother\t\tTUBB\tMTOR\tRPTOR,0.5\n"
    table = b"term,gene\nmitosis,PLK1\nmitosis,AURKB\nother,TUBB\n"
    return [gmt, table, gzip.compress(gmt), b"a\tPLK1 AURKB\n", b"gene;arm\nPLK1;16p12.2\n"]


@target("gene sets", gene_sets)
def read_sets(content: bytes) -> None:
    path = as_file(content, "sets.gmt")
    try:
        members = read_gene_sets(path).members
        assert all(name and genes and all(genes) for name, genes in members.items())
    except RxRx3Error:
        assert all(read_arms(path).arm_of.values())


# --- what was decided and saved -----------------------------------------------------------------


@cache
def a_review() -> Any:
    review = open_review(dataset(), "Ann", scratch() / "hits")
    for number, well in enumerate(WELLS, 1):
        review.tag(well, number % 5, limits=((0, 100.5),) * 6)
        review.set_note(well, f'"note" {number}; =1+1')
    return review


def hits_files() -> list[bytes]:
    return [Path(a_review().path).read_bytes()]


@target("file of hits", hits_files)
def read_hits(content: bytes) -> None:
    stored = read_stored(as_file(content, "hits.json"))
    for well, hit in stored.hits.items():
        again = json.loads(json.dumps(hit.to_json(), allow_nan=False))
        assert Hit.from_json(well, again) == hit


def hits_sheets() -> list[bytes]:
    path = scratch() / "seed.csv"
    export_csv(a_review().hits.values(), dataset(), "Ann", path)
    text = path.read_bytes()
    listed = b"gene\nPLK1\nMTOR\n", b"gene-001_1_B02\ngene-001_1_B03\n"
    return [text, text.replace(b",", b";"), text.replace(b"Z", b""), *listed]


@target("hits as CSV", hits_sheets)
def read_sheets(content: bytes) -> None:
    path = as_file(content, "hits.csv")
    for row in read_sheet(path).rows:
        assert all(rearmed(disarmed(cell)) == cell for cell in row)
    for read in (read_hits_csv, queue_from_csv):
        try:
            read(path, dataset())
        except RxRx3Error as error:
            last = error
            continue
        return
    raise last


def sessions() -> list[bytes]:
    session = Session()
    empty = record_of(session).to_json().encode()
    session.open(dataset())
    session.select_well(WELLS[0])
    session.set_limits(((0, 60_000),) * 6)
    return [record_of(session).to_json().encode(), empty]


@target("session", sessions)
def read_session(content: bytes) -> None:
    path = as_file(content, "session.json")
    is_record_file(path)
    record = read_record(path)
    again = read_record(as_file(record.to_json().encode("utf-8", "surrogatepass"), "again.json"))
    assert isinstance(again, ViewRecord)
    assert asdict(again) == asdict(record)


# --- any file -----------------------------------------------------------------------------------


def any_files() -> list[bytes]:
    vectors = {well: np.ones(3, "float32") for well in WELLS}
    tar = b.write_tar(scratch() / "seed.tar", b.plate_embeddings(vectors)).read_bytes()
    return [*metadata_tables(), *own_vectors(), tar]


@target("any file", any_files)
def open_any(content: bytes) -> None:
    cache_dir = scratch() / "cache of any"
    shutil.rmtree(cache_dir, ignore_errors=True)
    opened = rx.open_dataset(as_file(content, "dropped"), cache_dir=cache_dir)
    opened.read_vectors()
    assert len(opened.wells) == opened.plates["n_wells"].sum()
