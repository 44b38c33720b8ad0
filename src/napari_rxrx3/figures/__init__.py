"""What is on screen, to be taken along: pixels, figures, records of a view, and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

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

# napari imports every plugin at start: what is heavy waits until a name is used.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "figure": ["save_figure"],
        "files": ["FigureError", "FigureExists", "Paper"],
        "heat_map": ["save_heat_map"],
        "ome_tiff": ["save_planes"],
        "pixels": [
            "Pixels",
            "composite_of",
            "difference_image",
            "difference_pixels",
            "plate_pixels",
            "tile_pixels",
        ],
        "record": ["RecordError", "ViewRecord", "read_record"],
        "script": ["python_script"],
    },
)
