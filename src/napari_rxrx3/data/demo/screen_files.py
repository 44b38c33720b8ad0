"""Demo data: a small invented screen, written in RxRx3's and RxRx3-core's own formats.

No pixel and no vector is real, so the data come without a licence to agree to. Gene plates are
tars (one is a folder) of 16-bit PNG, compound plates parquet shards of 8-bit JPEG 2000.
"""

from __future__ import annotations

import glob
import io
import json
import math
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from zlib import crc32

import imagecodecs
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.plate import N_CHANNELS, PlateId, WellId
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.data.demo.demo_cells import Floats
from napari_rxrx3.data.demo.demo_images import WellPainter
from napari_rxrx3.data.demo.demo_screen import (
    COMPOUND_PLATES,
    GENE_PLATES,
    N_FEATURES,
    VECTOR_PLATES,
    DemoWell,
    Holes,
    embed,
    find_holes,
    lay_out,
    stain_gain,
)
from napari_rxrx3.data.demo.demo_sets import write_gene_sets

__all__ = ["DEMO_VERSION", "write_demo"]

DEMO_VERSION = 4
"""Raise it when the data change: older demo data are then written anew."""

Planes = dict[int, bytes]

_MARKER = "demo.json"
_UNFINISHED = ".unfinished-demo"
_LEFTOVER_AGE = 3600.0
_NOTE = "Invented data for trying out napari-rxrx3: nothing in here was measured."
_FOLDER_PLATE = GENE_PLATES[1]
_ROW_GROUP = 100
_N_THREADS = 2  # drawing and encoding leave the interpreter lock
_MODIFIED = 1_700_000_000
_PSNR_DB = 38


def write_demo(folder: Path, *, progress: Progress | None = None) -> Path:
    """Write the demo data, once: if they are there, nothing is done.

    They are made in a temporary folder beside `folder` and renamed at the end, so `folder` never
    holds half of them.

    Parameters
    ----------
    folder : Path
        Where they go; must be new, empty, or hold demo data.
    progress : callable, optional
        Called with wells done, wells in all, and a text. What it raises stops the work.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    RxRx3Error
        If `folder` holds something else.
    """
    folder = Path(folder)
    if _version(folder) == DEMO_VERSION:
        return folder
    if folder.exists() and not _is_replaceable(folder):
        raise RxRx3Error(f"{folder} holds no complete demo data: name a new or empty folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    with tempfile.TemporaryDirectory(
        _UNFINISHED, f".{folder.name}-", folder.parent, ignore_cleanup_errors=True
    ) as temporary:
        built = Path(temporary, "new")
        built.mkdir()
        _write_all(built, progress or silent)
        _put_in_place(built, folder, Path(temporary, "old"))
    return folder


def _version(folder: Path) -> int | None:
    """Version of the complete demo data in a folder, or None."""
    try:
        version = json.loads((folder / _MARKER).read_text(encoding="utf-8"))["demo_version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return int(version) if isinstance(version, int) else None


def _is_replaceable(folder: Path) -> bool:
    return folder.is_dir() and (_version(folder) is not None or not any(folder.iterdir()))


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left, once it is too old to be another one's work."""
    for path in folder.parent.glob(f".{glob.escape(folder.name)}-*{_UNFINISHED}"):
        if time.time() - path.stat().st_mtime > _LEFTOVER_AGE:
            shutil.rmtree(path, ignore_errors=True)


def _put_in_place(built: Path, folder: Path, old: Path) -> None:
    try:
        if folder.exists():
            folder.replace(old)
        built.replace(folder)
    except OSError:
        if _version(folder) != DEMO_VERSION:  # else another process was faster
            raise


def _write_all(folder: Path, progress: Progress) -> None:
    wells = lay_out()
    holes = find_holes(wells)
    _write_metadata(folder / "metadata_rxrx3.csv", wells)
    write_gene_sets(folder)
    for plate, group in groupby(wells, key=lambda w: w.well.plate_id):
        path = folder / "embeddings" / plate.experiment / f"Plate{plate.plate}"
        _write_embeddings(path / "embeddings.parquet", list(group), holes)
    _write_images(folder, wells, holes, progress)
    note = {"demo_version": DEMO_VERSION, "note": _NOTE}
    text = json.dumps(note, indent=1) + "\n"
    (folder / _MARKER).write_text(text, encoding="utf-8", newline="\n")


def _write_metadata(path: Path, wells: Sequence[DemoWell]) -> None:
    frame = pd.DataFrame(
        {
            "well_id": [str(w.well) for w in wells],
            "experiment_name": [w.well.experiment for w in wells],
            "plate": [w.well.plate for w in wells],
            "address": [w.well.address for w in wells],
            "gene": [w.gene for w in wells],
            "treatment": [w.treatment for w in wells],
            "SMILES": [w.smiles for w in wells],
            "concentration": [w.concentration for w in wells],
            "perturbation_type": ["CRISPR" if w.is_crispr else "COMPOUND" for w in wells],
            "cell_type": "HUVEC",
        }
    )
    # The real tables have an order of their own too: only well_id joins them.
    shuffled = frame.sample(frac=1, random_state=1)
    shuffled.to_csv(path, index=False, lineterminator="\n")


def _write_embeddings(path: Path, wells: Sequence[DemoWell], holes: Holes) -> None:
    plate = wells[0].well.plate_id
    unlisted = [DemoWell(w, "EMPTY_control") for w in sorted(holes.unlisted) if w.plate_id == plate]
    kept = [w for w in wells if w.well not in holes.no_vector] + unlisted
    vectors = embed(kept)
    vectors[[w.well in holes.nan_vector for w in kept]] = np.nan
    order = np.random.default_rng(plate.plate).permutation(len(kept))
    columns = {"well_id": pa.array([str(kept[i].well) for i in order])}
    columns |= {f"feature_{k}": pa.array(vectors[order, k]) for k in range(N_FEATURES)}
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)


def _write_images(
    folder: Path, wells: Sequence[DemoWell], holes: Holes, progress: Progress
) -> None:
    there = [
        w for w in wells if w.well not in holes.no_image and w.well.plate_id not in VECTOR_PLATES
    ]
    progress(0, len(there), "drawing cells")
    painter = WellPainter()
    pool = ThreadPoolExecutor(_N_THREADS)
    try:
        encoded = pool.map(lambda w: (w.well, _encode(painter, w, holes)), there)
        _sort_into_files(folder, _counted(encoded, len(there), progress))
    finally:
        pool.shutdown(cancel_futures=True)


def _sort_into_files(folder: Path, encoded: Iterator[tuple[WellId, Planes]]) -> None:
    rows: list[tuple[str, bytes]] = []
    for plate, items in groupby(encoded, key=lambda item: item[0].plate_id):
        if plate in COMPOUND_PLATES:
            rows += _shard_rows(items)
        elif plate == _FOLDER_PLATE:
            _write_folder(folder, plate, items)
        else:
            _write_tar(folder, plate, items)
    _write_shards(folder / "data", rows)


def _counted(
    items: Iterator[tuple[WellId, Planes]], total: int, progress: Progress
) -> Iterator[tuple[WellId, Planes]]:
    for done, item in enumerate(items, 1):
        yield item
        progress(done, total, f"writing {item[0].plate_id}")


def _encode(painter: WellPainter, w: DemoWell, holes: Holes) -> Planes:
    """The files of a well, by channel."""
    seed = crc32(str(w.well).encode())
    gain = stain_gain(w.well.plate_id)
    light = painter.paint(seed, w.group, w.strength, gain, grain=w.is_crispr)
    encode = _png if w.is_crispr else _jpeg2000
    planes = {channel: encode(light[channel - 1]) for channel in range(1, N_CHANNELS + 1)}
    if holes.no_plane[0] == w.well:
        del planes[holes.no_plane[1]]
    if holes.truncated[0] == w.well:
        whole = planes[holes.truncated[1]]
        planes[holes.truncated[1]] = whole[: len(whole) // 2]
    return planes


def _png(light: Floats) -> bytes:
    """16 bits, but in the units of the 8-bit plates, so that one contrast fits all plates."""
    plane = np.rint(light).clip(0, 65_535).astype(np.uint16)
    kind = imagecodecs.PNG
    fast = {"filter": kind.FILTER.UP, "strategy": kind.STRATEGY.HUFFMAN_ONLY}
    return bytes(imagecodecs.png_encode(plane, level=1, **fast))


def _jpeg2000(light: Floats) -> bytes:
    """Like RxRx3-core's, but in one quality layer and six resolutions: half the time."""
    plane = np.rint(light).clip(0, 255).astype(np.uint8)
    # the codec's quality is relative to 255, ours to what a dim stain reaches
    quality = _PSNR_DB + 20 * math.log10(255 / max(1.0, float(np.percentile(plane, 99.8))))
    return bytes(
        imagecodecs.jpeg2k_encode(
            plane, level=round(quality), codecformat="jp2", reversible=False, resolutions=6
        )
    )


def _write_tar(folder: Path, plate: PlateId, items: Iterator[tuple[WellId, Planes]]) -> None:
    path = folder / "images" / plate.experiment / f"Plate{plate.plate}.tar"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for well, planes in items:
            for channel, data in planes.items():
                member = tarfile.TarInfo(f"{well.address}_s1_w{channel}.png")
                member.size, member.mtime = len(data), _MODIFIED
                tar.addfile(member, io.BytesIO(data))


def _write_folder(folder: Path, plate: PlateId, items: Iterator[tuple[WellId, Planes]]) -> None:
    path = folder / "images" / plate.experiment / f"Plate{plate.plate}"
    path.mkdir(parents=True)
    for well, planes in items:
        for channel, data in planes.items():
            (path / f"{well.address}_s1_w{channel}.png").write_bytes(data)


def _shard_rows(items: Iterator[tuple[WellId, Planes]]) -> Iterator[tuple[str, bytes]]:
    for well, planes in items:
        stem = f"{well.experiment}/Plate{well.plate}/{well.address}_s1_"
        yield from ((f"{stem}{channel}", data) for channel, data in planes.items())


def _write_shards(folder: Path, rows: Sequence[tuple[str, bytes]]) -> None:
    """Cut the rows where a row group ends, whatever the well: shards of the real data do so too."""
    folder.mkdir()
    cut = len(rows) // (2 * _ROW_GROUP) * _ROW_GROUP
    for i, part in enumerate((rows[:cut], rows[cut:])):
        files = [{"bytes": data, "path": f"{key.rsplit('/')[-1]}.jp2"} for key, data in part]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        columns = {"__key__": [key for key, _ in part], "jp2": pa.array(files, kind)}
        path = folder / f"train-{i:05d}-of-00002.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=_ROW_GROUP, compression="none")
