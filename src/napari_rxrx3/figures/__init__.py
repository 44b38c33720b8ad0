"""What is on screen, to be taken along: pixels, figures, records of a view, and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_rxrx3._lazy import loads_from

if TYPE_CHECKING:
    from napari_rxrx3.figures.figure import save_figure
    from napari_rxrx3.figures.files import FigureError, FigureExists, Paper
    from napari_rxrx3.figures.heat_map import save_heat_map
    from napari_rxrx3.figures.ome_tiff import save_planes
    from napari_rxrx3.figures.pixels import (
        Pixels,
        composite_of,
        difference_image,
        difference_pixels,
        plate_pixels,
        tile_pixels,
    )
    from napari_rxrx3.figures.record import RecordError, ViewRecord, read_record
    from napari_rxrx3.figures.script import python_script

__all__ = [
    "FigureError",
    "FigureExists",
    "Paper",
    "Pixels",
    "RecordError",
    "ViewRecord",
    "composite_of",
    "difference_image",
    "difference_pixels",
    "plate_pixels",
    "python_script",
    "read_record",
    "save_figure",
    "save_heat_map",
    "save_planes",
    "tile_pixels",
]

__getattr__ = loads_from(
    __name__,
    {
        "Pixels": "figures.pixels",
        "composite_of": "figures.pixels",
        "difference_image": "figures.pixels",
        "difference_pixels": "figures.pixels",
        "plate_pixels": "figures.pixels",
        "tile_pixels": "figures.pixels",
        "FigureError": "figures.files",
        "FigureExists": "figures.files",
        "Paper": "figures.files",
        "save_figure": "figures.figure",
        "save_heat_map": "figures.heat_map",
        "save_planes": "figures.ome_tiff",
        "RecordError": "figures.record",
        "ViewRecord": "figures.record",
        "read_record": "figures.record",
        "python_script": "figures.script",
    },
)
