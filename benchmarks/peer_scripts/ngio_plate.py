"""Writes wells with ngio and reads a plate with it; runs where that is installed.

Usage: python ngio_plate.py RESULT.json write PLANES.npy FOLDER
       python ngio_plate.py RESULT.json read PLATE.zarr

PLANES.npy holds wells (n, 6, Y, X).
"""

import json
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ngio import create_ome_zarr_from_array, open_ome_zarr_plate

ROUNDS = 3
LEVELS = 4
PIXEL_UM = 0.65


def write(planes: str, folder: str) -> dict:
    """Processor time a well."""
    images, out, seconds = np.load(planes), Path(folder), []
    for _ in range(ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        start = time.process_time()
        for number, image in enumerate(images):
            create_ome_zarr_from_array(
                str(out / str(number)),
                image,
                pixelsize=PIXEL_UM,
                levels=LEVELS,
                axes_names="cyx",
                ngff_version="0.5",
                chunks=(1, *image.shape[1:]),
                shards=image.shape,
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
        wells = open_ome_zarr_plate(plate).get_images()
        next(iter(wells.values())).get_image().get_as_numpy()
        first.append(time.perf_counter() - start)
        start = time.perf_counter()
        for container in open_ome_zarr_plate(plate).get_images().values():
            container.get_image(path=container.level_paths[-1]).get_as_numpy()
        overview.append(time.perf_counter() - start)
    return {"first": first, "overview": overview}


if __name__ == "__main__":
    result, what, *arguments = sys.argv[1:]
    measured = {"write": write, "read": read}[what](*arguments)
    Path(result).write_text(json.dumps({**measured, "version": version("ngio")}))
