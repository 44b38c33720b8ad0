"""Writes wells with ome-zarr-py and reads a plate with it; runs where that is installed.

Usage: python ome_zarr_py.py RESULT.json write PLANES.npy FOLDER
       python ome_zarr_py.py RESULT.json read PLATE.zarr

PLANES.npy holds wells (n, 6, Y, X).
"""

from pathlib import Path

import numpy as np
import zarr
from ome_zarr.format import FormatV05
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr.writer import write_image
from passes_of_plates import main

FACTORS = (2, 4, 8)


def write_well(path: Path, image: np.ndarray) -> None:
    write_image(
        image,
        zarr.open_group(str(path), mode="w", zarr_format=3),
        scale_factors=list(FACTORS),
        fmt=FormatV05(),
        axes="cyx",
        storage_options={"chunks": (1, *image.shape[1:])},
    )


def first_well(plate: str) -> None:
    levels_of(plate, wells_of(plate)[0])[0].compute()


def overview(plate: str) -> None:
    for well in wells_of(plate):
        levels_of(plate, well)[-1].compute()


def wells_of(plate: str) -> list:
    attributes = dict(zarr.open_group(plate, mode="r").attrs)
    return [well["path"] for well in attributes.get("ome", attributes)["plate"]["wells"]]


def levels_of(plate: str, well: str) -> list:
    node = next(iter(Reader(parse_url(f"{plate}/{well}/0"))()))
    return node.data


if __name__ == "__main__":
    main("ome-zarr", write_well, first_well, overview)
