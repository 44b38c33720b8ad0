"""Writes wells with ngio and reads a plate with it; runs where that is installed.

Usage: python ngio_plate.py RESULT.json write PLANES.npy FOLDER
       python ngio_plate.py RESULT.json read PLATE.zarr

PLANES.npy holds wells (n, 6, Y, X).
"""

from pathlib import Path

import numpy as np
from ngio import create_ome_zarr_from_array, open_ome_zarr_plate
from passes_of_plates import main

LEVELS = 4
PIXEL_UM = 0.65


def write_well(path: Path, image: np.ndarray) -> None:
    create_ome_zarr_from_array(
        str(path),
        image,
        pixelsize=PIXEL_UM,
        levels=LEVELS,
        axes_names="cyx",
        ngff_version="0.5",
        chunks=(1, *image.shape[1:]),
        shards=image.shape,
    )


def first_well(plate: str) -> None:
    wells = open_ome_zarr_plate(plate).get_images()
    next(iter(wells.values())).get_image().get_as_numpy()


def overview(plate: str) -> None:
    for container in open_ome_zarr_plate(plate).get_images().values():
        container.get_image(path=container.level_paths[-1]).get_as_numpy()


if __name__ == "__main__":
    main("ngio", write_well, first_well, overview)
