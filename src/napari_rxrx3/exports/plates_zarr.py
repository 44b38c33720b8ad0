"""Plates as OME-Zarr, which other viewers and analysis tools open.

A plate is one folder: all rows and columns are named, wells lie at their address, and the six
stains of a well are one image with smaller levels down to 64 pixels. What is missing stays a gap
and is named.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.contrast import Limits, default_limits, limits_of
from napari_rxrx3.core.display import stain_color
from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error
from napari_rxrx3.core.mosaic import brightest
from napari_rxrx3.core.plate import (
    ROW_NAMES,
    PlateId,
    column_name,
    parse_well_id,
)
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.secrets import public
from napari_rxrx3.core.version import __version__
from napari_rxrx3.core.words import file_name
from napari_rxrx3.data.files.local import folder_written_atomically, written_atomically
from napari_rxrx3.data.images.controls import control_limits
from napari_rxrx3.data.images.decode import shrink_to
from napari_rxrx3.data.images.tiles import prefix_or_plane
from napari_rxrx3.data.parallel import in_threads
from napari_rxrx3.data.passes import ALL_OF_IT, Done, PassSummary, Share, Task, run_pass
from napari_rxrx3.data.thumbnails.prepare import plates_named
from napari_rxrx3.exports.choices import NGFF_VERSIONS
from napari_rxrx3.exports.zarr_arrays import write_array

if TYPE_CHECKING:
    from distributed import Client

    from napari_rxrx3.data.welldata import WellData

__all__ = ["export_zarr", "levels_of"]

Planes = np.ndarray[Any, Any]

_SMALLEST = 64
_FIELD = "0"
_MEASURED = 4


@dataclass(frozen=True)
class _Look:
    """What the user has chosen, wherever the work is done: version, um a pixel, colors (hex)."""

    version: str
    pixel_um: float
    colors: tuple[str, ...]


@dataclass(frozen=True)
class _PlateTask(Task):
    path: Path
    plate: PlateId


@dataclass(frozen=True)
class _Plates:
    """The pass: a folder of OME-Zarr a plate."""

    folder: Path
    plates: tuple[PlateId, ...]
    look: _Look

    def tasks(self, dataset: WellData) -> list[_PlateTask]:
        return [self._task(dataset, plate) for plate in self.plates]

    def _task(self, dataset: WellData, plate: PlateId) -> _PlateTask:
        n_wells = int(dataset.wells_of_plate(plate)["has_image"].sum())
        name = f"{file_name(plate.experiment)}-Plate{plate.plate}.ome.zarr"
        return _PlateTask(f"OME-Zarr of {plate}", n_wells, self.folder / name, plate)

    def folder_of(self, dataset: WellData) -> Path:
        return self.folder

    def is_done(self, task: _PlateTask) -> bool:
        return task.path.exists()

    def do(self, dataset: WellData, task: _PlateTask, progress: Progress) -> Done:
        with folder_written_atomically(task.path) as temporary:
            return _PlateWriter(dataset, task.plate, temporary, self.look).write(progress)


class _PlateWriter:
    """Writes one plate into a new folder."""

    def __init__(self, dataset: WellData, plate: PlateId, path: Path, look: _Look) -> None:
        self._dataset, self._plate, self._path, self._look = dataset, plate, path, look
        self._models = _models_of(look.version)
        self._is_new = look.version == "0.5"
        self._limits = _limits(dataset, plate)

    def write(self, progress: Progress) -> Done:
        wells = self._dataset.wells_of_plate(self._plate)
        wells = wells[wells["has_image"]]
        done, written = Done(), []
        for number, (well_id, missing) in enumerate(in_threads(self._write_well, wells.index), 1):
            progress(number, len(wells), f"OME-Zarr of {self._plate}")
            done.failures += missing
            if len(missing) < len(self._dataset.stains):
                written.append(well_id)
        done.n_written = len(written)
        self._write_plate(written)
        table = wells.loc[written].drop(columns=["has_image"])
        with written_atomically(self._path / "wells.csv") as temporary:
            table.to_csv(temporary, lineterminator="\n")
        return done

    def _write_plate(self, written: Sequence[str]) -> None:
        models, layout = self._models, self._dataset.layout
        plate = models.PlateDef(
            name=str(self._plate),
            field_count=1,
            rows=[models.Row(name=name) for name in layout.row_names],
            columns=[models.Column(name=column_name(c)) for c in range(layout.columns)],
            wells=[self._named(well_id) for well_id in written],
        )
        made = {"plugin": __version__, "data": public(self._dataset.address)}
        self._write_group(self._path, models.Plate(plate=plate), {"napari_rxrx3": made})
        for row in {_well_path(well).partition("/")[0] for well in written}:
            self._write_group(self._path / row)

    def _named(self, well_id: str) -> Any:
        row, column = _place(well_id)
        return self._models.PlateWell(path=_well_path(well_id), rowIndex=row, columnIndex=column)

    def _write_well(self, well_id: str) -> tuple[str, list[str]]:
        """Write the planes that there are; return a sentence for each that is missing."""
        planes, missing = self._read(well_id)
        if not planes:
            return well_id, list(missing.values())
        well = self._path / _well_path(well_id)
        models = self._models
        fields = models.WellDef(images=[models.FieldOfView(path=_FIELD)])
        self._write_group(well, models.Well(well=fields))
        first = next(iter(planes.values()))
        stack = np.zeros(
            (len(self._dataset.stains), *first.shape), np.result_type(*planes.values())
        )
        for channel, plane in planes.items():
            stack[channel - 1] = plane
        levels = levels_of(stack)
        gaps = {"napari_rxrx3": {"missing_channels": missing}} if missing else {}
        self._write_group(well / _FIELD, self._image(levels), gaps)
        for number, level in enumerate(levels):
            write_array(well / _FIELD / str(number), level, self._look.version)
        return well_id, list(missing.values())

    def _read(self, well_id: str) -> tuple[dict[int, Planes], dict[int, str]]:
        planes: dict[int, Planes] = {}
        missing: dict[int, str] = {}
        for channel in self._dataset.channels:
            try:
                plane = self._dataset.plane(well_id, channel)
            except ImageUnavailable as error:
                if error.may_pass:
                    raise  # the plate is written another time, as a whole
                missing[channel] = str(error)
                continue
            shape = next(iter(planes.values())).shape if planes else plane.shape
            if plane.shape == shape:
                planes[channel] = plane
            else:
                missing[channel] = (
                    f"{well_id}, channel {channel} has {plane.shape[0]} x {plane.shape[1]} pixels, "
                    f"its other channels {shape[0]} x {shape[1]}."
                )
        return planes, missing

    def _image(self, levels: Sequence[Planes]) -> Any:
        models = self._models
        height = levels[0].shape[1]
        datasets = [
            models.Dataset(
                path=str(number),
                coordinateTransformations=[
                    models.ScaleTransformation(scale=self._scale(height / level.shape[1]))
                ],
            )
            for number, level in enumerate(levels)
        ]
        axes = [
            models.ChannelAxis(name="c"),
            *(models.SpaceAxis(name=name, unit="micrometer") for name in "yx"),
        ]
        multiscale = models.Multiscale(axes=axes, datasets=datasets)
        return models.Image(multiscales=[multiscale], omero=self._omero(levels[0].dtype))

    def _scale(self, times: float) -> list[float]:
        return [1.0, times * self._look.pixel_um, times * self._look.pixel_um]

    def _omero(self, dtype: np.dtype[Any]) -> Any:
        models = self._models
        largest = brightest(dtype) if dtype.kind in "iu" else None
        channels = []
        looks = zip(self._dataset.stains, self._look.colors, self._limits, strict=True)
        for stain, color, (start, end) in looks:
            low, high = min(0, start), end if largest is None else largest
            window = models.OmeroWindow(start=start, end=end, min=low, max=high)
            channels.append(
                models.OmeroChannel(label=stain.name, color=color, window=window, active=True)
            )
        return models.Omero(channels=channels)

    def _write_group(
        self, path: Path, model: Any = None, more: dict[str, Any] | None = None
    ) -> None:
        path.mkdir(parents=True, exist_ok=True)
        said = model.model_dump(mode="json", exclude_none=True, by_alias=True) if model else {}
        if self._is_new:
            attributes = {**({"ome": said} if said else {}), **(more or {})}
            group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
            _write_json(path / "zarr.json", group)
        else:
            _write_json(path / ".zgroup", {"zarr_format": 2})
            if said or more:
                _write_json(path / ".zattrs", {**said, **(more or {})})


def export_zarr(
    dataset: WellData,
    folder: str | os.PathLike[str],
    plates: Sequence[str] = (),
    *,
    ngff: str = "0.5",
    client: Client | None = None,
    share: Share = ALL_OF_IT,
    progress: Progress | None = None,
) -> PassSummary:
    """Write plates as OME-Zarr, a folder each: ``gene-001-Plate1.ome.zarr``.

    Images keep their depth. Each has levels of half the size down to 64 pixels, the names, colors
    and contrast of the stains, and the size of a pixel. ``wells.csv`` in the folder of a plate says
    what its wells received. A plate that is there is not written again.

    Parameters
    ----------
    plates : sequence of str
        Such as ``gene-001/1``; all that have images if none are named.
    ngff : {"0.5", "0.4"}
        The version of the format. 0.5 has few files, a shard a level; older programs read 0.4.
    client, share, progress
        See `napari_rxrx3.data.passes.run_pass`.

    Returns
    -------
    PassSummary
        How many wells were written, and a sentence for each plane that was missing.

    Raises
    ------
    RxRx3Error
        If there are no images of a plate, or what writes the format is not installed.
    """
    if ngff not in NGFF_VERSIONS:
        raise RxRx3Error(f"OME-Zarr is written as {' or '.join(NGFF_VERSIONS)}, not {ngff!r}.")
    _models_of(ngff)
    named = plates_named(dataset, plates)
    colors = tuple(_hex(stain_color(stain)) for stain in dataset.stains)
    look = _Look(ngff, dataset.drawn_pixel_um, colors)
    work = _Plates(Path(folder).absolute(), tuple(named), look)
    return run_pass(dataset, work, client=client, share=share, progress=progress)


def _models_of(version: str) -> ModuleType:
    try:
        from yaozarrs import v04, v05
    except ImportError:
        raise RxRx3Error(
            "To write OME-Zarr takes yaozarrs: pip install 'napari-rxrx3[zarr]'"
        ) from None
    models: ModuleType = v05 if version == "0.5" else v04
    return models


def _limits(dataset: WellData, plate: PlateId) -> Limits:
    """Contrast limits of the plate's controls; where it has none, of some of its wells."""
    found = control_limits(dataset, plate, silent)
    if not isinstance(found, str):
        return found
    wells = dataset.wells_of_plate(plate)
    ids = wells.index[wells["has_image"]]
    some = [str(ids[i]) for i in np.linspace(0, len(ids) - 1, _MEASURED).astype(int)]
    return tuple(_limits_of(dataset, some, channel) for channel in dataset.channels)


def _limits_of(dataset: WellData, wells: Sequence[str], channel: int) -> tuple[float, float]:
    planes = []
    for well in wells:
        with suppress(ImageUnavailable):
            planes.append(prefix_or_plane(dataset, well, channel))
    return limits_of(planes) if planes else default_limits(1)[0]


def _place(well_id: str) -> tuple[int, int]:
    well = parse_well_id(well_id)
    return well.row, well.column


def _well_path(well_id: str) -> str:
    row, column = _place(well_id)
    return f"{ROW_NAMES[row]}/{column_name(column)}"


def levels_of(whole: Planes) -> list[Planes]:
    """An image (channels, Y, X) and smaller ones of half the size, down to 64 pixels."""
    levels = [whole]
    while min(levels[-1].shape[1:]) >= 2 * _SMALLEST:
        height, width = (side // 2 for side in levels[-1].shape[1:])
        levels.append(np.stack([shrink_to(plane, (height, width)) for plane in levels[-1]]))
    return levels


def _hex(color: tuple[float, float, float]) -> str:
    return "".join(f"{round(255 * part):02X}" for part in color)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    # on one line: a plate has thousands of these, and Python is ten times as slow with indents
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8", newline="\n")
