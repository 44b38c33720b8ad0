"""napari's writer: the planes of wells as OME-TIFF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_rxrx3.gui.workspace import Workspace

LayerData = tuple[Any, dict[str, Any], str]


def write_planes(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write image layers as OME-TIFF; what was written.

    Of the layers of an explorer, the raw planes of the wells that it shows are written, a file a
    well: not the picture that they are put together to. Other layers are the channels of one file;
    a single one may have any number of dimensions.

    Raises
    ------
    RxRx3Error
        If there is nothing to write, or it cannot be written.
    """
    workspace = _workspace_of(layers)
    if workspace is not None:
        return _write_wells(path, workspace)
    data, options, _ = layers[0]
    if len(layers) == 1 and (options.get("rgb") or getattr(data, "ndim", 2) != 2):
        return _write_image(path, data, options)
    return _write_layers(path, layers)


def _workspace_of(layers: Sequence[LayerData]) -> Workspace | None:
    """The workspace whose explorer shows one of these layers."""
    from napari_rxrx3.gui.workspace import workspaces

    shown = {id(data) for data, _, _ in layers}
    for workspace in workspaces():
        if any(id(data) in shown for data in workspace.layers.data):
            return workspace
    return None


def _write_wells(path: str, workspace: Workspace) -> list[str]:
    from napari_rxrx3.figures.ome_tiff import PlanesError, files_for, save_planes

    session = workspace.session
    wells = [tile.well_id for tile in session.tiles if tile.well_id is not None]
    if session.dataset is None or session.view == "plate" or not wells:
        raise PlanesError("No well is shown: there are no planes to save.")
    for file in files_for(path, wells).values():
        if file.exists() and file != Path(path):  # napari has asked about the path only
            raise PlanesError(f"{file} exists already.")
    saved = save_planes(path, session.dataset, wells, overwrite=True)
    if saved.missing:
        _warn(saved.summary())
    return [str(file) for file in saved.files]


def _write_image(path: str, data: Any, options: dict[str, Any]) -> list[str]:
    """Any other image: napari leaves all files of this ending to us."""
    import numpy as np

    from napari_rxrx3.figures.ome_tiff import write_image

    whole = data[0] if options.get("multiscale") else data
    name = str(options.get("name") or Path(path).name)
    write_image(Path(path), np.asarray(whole), name, bool(options.get("rgb")))
    return [path]


def _write_layers(path: str, layers: Sequence[LayerData]) -> list[str]:
    import numpy as np

    from napari_rxrx3.figures.ome_tiff import PlanesError, files_for, write_stack

    planes = [np.asarray(data) for data, _, _ in layers]
    shapes = {(plane.shape, plane.dtype) for plane in planes}
    if len(shapes) != 1 or planes[0].ndim != 2:
        raise PlanesError("Only images of one size and type, in two dimensions, go into one file.")
    options = [options for _, options, _ in layers]
    wells = {o.get("metadata", {}).get("well_id") for o in options}
    name = str(wells.pop()) if len(wells) == 1 and None not in wells else Path(path).name
    file = files_for(path, [name])[name]
    names = [o.get("metadata", {}).get("stain") or o.get("name", "") for o in options]
    channels: dict[str, list[Any]] = {"Name": names}
    dyes = [o.get("metadata", {}).get("dye") for o in options]
    if all(dyes):
        channels["Fluor"] = dyes
    write_stack(file, np.stack(planes), channels, name, f"{name}, saved by napari-rxrx3.")
    return [str(file)]


def _warn(message: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(message)
