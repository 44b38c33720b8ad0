"""Writes wells with ome-zarr-py and reads a plate with it; runs where that is installed.

Usage: python ome_zarr_py.py RESULT.json write PLANES.npy FOLDER
       python ome_zarr_py.py RESULT.json read PLATE.zarr

PLANES.npy holds wells (n, 6, Y, X).
"""

import json
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import zarr
from ome_zarr.format import FormatV05
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr.writer import write_image

ROUNDS = 3
FACTORS = (2, 4, 8)


def write(planes: str, folder: str) -> dict:
    """Processor time a well."""
    images, out, seconds = np.load(planes), Path(folder), []
    for _ in range(ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        start = time.process_time()
        for number, image in enumerate(images):
            group = zarr.open_group(str(out / str(number)), mode="w", zarr_format=3)
            options = {"chunks": (1, *image.shape[1:])}
            write_image(
                image,
                group,
                scale_factors=list(FACTORS),
                fmt=FormatV05(),
                axes="cyx",
                storage_options=options,
            )
        seconds.append((time.process_time() - start) / len(images))
    files = [path for path in out.rglob("*") if path.is_file()]
    n_bytes = sum(path.stat().st_size for path in files)
    return {"seconds": seconds, "files": len(files) / len(images), "bytes": n_bytes / len(images)}


def read(plate: str) -> dict:
    """Seconds until a first well is read whole, and until the smallest level of each is."""
    first, overview = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        wells = wells_of(plate)
        levels_of(plate, wells[0])[0].compute()
        first.append(time.perf_counter() - start)
        start = time.perf_counter()
        for well in wells_of(plate):
            levels_of(plate, well)[-1].compute()
        overview.append(time.perf_counter() - start)
    return {"first": first, "overview": overview}


def wells_of(plate: str) -> list:
    attributes = dict(zarr.open_group(plate, mode="r").attrs)
    return [well["path"] for well in attributes.get("ome", attributes)["plate"]["wells"]]


def levels_of(plate: str, well: str) -> list:
    node = next(iter(Reader(parse_url(f"{plate}/{well}/0"))()))
    return node.data


if __name__ == "__main__":
    result, what, *arguments = sys.argv[1:]
    measured = {"write": write, "read": read}[what](*arguments)
    Path(result).write_text(json.dumps({**measured, "version": version("ome-zarr")}))
