"""napari's sample data: one well of the demo."""

from __future__ import annotations

from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def demo_wells() -> list[LayerData]:
    """Six lazy layers of a synthetic well; the demo data are made on first use."""
    from napari_rxrx3._reader import layers_of_well
    from napari_rxrx3.data.cache.disk_cache import demo_folder
    from napari_rxrx3.data.demo.screen_files import write_demo
    from napari_rxrx3.dataset import open_dataset

    dataset = open_dataset(write_demo(demo_folder()))
    wells = dataset.known_wells
    return layers_of_well(dataset, str(wells.index[wells["has_image"]][0]))
