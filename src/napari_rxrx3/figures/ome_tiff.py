"""The raw planes of wells as OME-TIFF, one file a well: nothing scaled, cropped or filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_rxrx3.core.display import display, stain_color
from napari_rxrx3.core.errors import ImageUnavailable, RxRx3Error
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.stains import Stain
from napari_rxrx3.core.version import __version__
from napari_rxrx3.data.files.local import written_atomically
from napari_rxrx3.data.images.plane_layout import most_common, odd_layout
from napari_rxrx3.data.parallel import in_threads

if TYPE_CHECKING:
    import os

    from napari_rxrx3.dataset import Dataset

__all__ = [
    "ENDINGS",
    "PlanesError",
    "SavedPlanes",
    "files_for",
    "save_planes",
    "write_image",
    "write_stack",
]

Plane = np.ndarray[Any, Any]

ENDINGS = (".ome.tif", ".ome.tiff")
_AXES = "TCZYX"
_PLAIN_ENDINGS = (".tif", ".tiff")
_UNSAFE = re.compile(r"[^\w.+-]", re.ASCII)


class PlanesError(RxRx3Error):
    """Planes cannot be saved."""


@dataclass(frozen=True)
class SavedPlanes:
    """What was written; `missing` has a sentence for each plane that is in no file."""

    files: tuple[Path, ...]
    missing: tuple[str, ...]

    def summary(self) -> str:
        """One or two sentences."""
        n = len(self.files)
        said = f"Saved {self.files[0]}" if n == 1 else f"Saved {n} files in {self.files[0].parent}"
        if not self.missing:
            return f"{said}."
        rest = f" ({len(self.missing) - 1} more are missing)" if len(self.missing) > 1 else ""
        return f"{said}; not in it: {self.missing[0].rstrip('.')}{rest}."


def files_for(path: str | os.PathLike[str], wells: Sequence[str]) -> dict[str, Path]:
    """The file of each well: the path for a single one, else one that ends in the well's id."""
    whole = str(path)
    ending = next((e for e in ENDINGS if whole.lower().endswith(e)), "")
    plain = next((e for e in _PLAIN_ENDINGS if whole.lower().endswith(e)), "")
    stem = whole[: len(whole) - len(ending or plain)]
    if len(wells) == 1:
        return {wells[0]: Path(stem + (whole[len(stem) :] if ending else ENDINGS[0]))}
    taken: set[str] = set()
    files = {}
    for well in wells:
        name = _free_name(_UNSAFE.sub("_", well), taken)
        files[well] = Path(f"{stem}_{name}{ending or ENDINGS[0]}")
    return files


def _free_name(name: str, taken: set[str]) -> str:
    """The name, or with a number if another is the same to some file system; it is then taken."""
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    free = next(n for n in (name, *numbered) if n.casefold() not in taken)
    taken.add(free.casefold())
    return free


def save_planes(
    path: str | os.PathLike[str],
    dataset: Dataset,
    wells: Sequence[str],
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SavedPlanes:
    """Write the planes of wells as they were read: their type, their pixels, all of them.

    Parameters
    ----------
    path : path-like
        See `files_for`; each well is written once.
    progress : callable, optional
        Called with (done, total, text); may raise to stop between two wells.

    Raises
    ------
    PlanesError
        If there is no plane at all, a file exists already, or cannot be written. Files that were
        written before stay; none is left half-written.
    UnknownWell
    """
    wells = list(dict.fromkeys(wells))
    files = files_for(path, wells) if wells else {}
    if not overwrite:
        _require_free(files.values())
    written, missing = [], []
    report = progress or silent
    for done, (well, file) in enumerate(files.items()):
        report(done, len(files), f"saving the planes of {well}")
        planes, lacking = _planes_of(dataset, well)
        missing += lacking
        if planes:
            _write(file, planes, well, lacking, dataset.drawn_pixel_um)
            written.append(file)
    if not written:
        raise PlanesError(missing[0] if missing else "No well is shown: there is nothing to save.")
    return SavedPlanes(tuple(written), tuple(missing))


def _require_free(files: Iterable[Path]) -> None:
    for file in files:
        if file.exists():
            raise PlanesError(f"{file} exists already.")


def write_stack(
    path: Path,
    stack: Plane,
    channels: Mapping[str, Sequence[Any]],
    name: str,
    description: str,
    pixel_um: float | None = None,
) -> None:
    """Write (C, Y, X) pixels as one OME-TIFF, whole or not at all.

    Parameters
    ----------
    channels : mapping
        OME's attributes of the channels, a list each: Name, Color, Fluor.
    pixel_um : float, optional
        Width of a pixel; the one that is preferred if None.

    Raises
    ------
    PlanesError
        If it cannot be written.
    """
    about = {"axes": "CYX", "Description": description, "Channel": channels}
    width = pixel_um if pixel_um is not None else display.pixel_size_um
    pixel = {"PhysicalSizeX": width, "PhysicalSizeXUnit": "µm"}
    pixel |= {"PhysicalSizeY": width, "PhysicalSizeYUnit": "µm"}
    # else three planes of 8 bits would be taken for red, green and blue
    _write_ome(path, stack, "minisblack", {"Name": name, **about, **pixel})


def write_image(path: Path, image: Plane, name: str, is_rgb: bool = False) -> None:
    """Write an image that is no well, of any number of dimensions, whole or not at all.

    Raises
    ------
    PlanesError
        If it cannot be written.
    """
    samples = "S" if is_rgb else ""
    n = image.ndim - len(samples)
    if not 2 <= n <= len(_AXES):
        raise PlanesError(f"An image of {n} dimensions has no place in an OME-TIFF.")
    axes = _AXES[-n:] + samples
    _write_ome(path, image, "rgb" if is_rgb else "minisblack", {"axes": axes, "Name": name})


def _write_ome(path: Path, image: Plane, photometric: str, about: Mapping[str, Any]) -> None:
    import tifffile

    try:
        with (
            written_atomically(path) as temporary,
            tifffile.TiffWriter(temporary, ome=True) as writer,
        ):
            writer.write(image, photometric=photometric, metadata=dict(about))
    except (OSError, tifffile.OmeXmlError) as error:  # the latter: a type that OME does not have
        why = getattr(error, "strerror", None) or error
        raise PlanesError(f"{path} cannot be written ({why}).") from error


def _planes_of(dataset: Dataset, well: str) -> tuple[dict[Stain, Plane], list[str]]:
    """The planes of one layout that a well has, and a sentence for each that it has not."""

    def read(stain: Stain) -> Plane | ImageUnavailable:
        try:
            return dataset.plane(well, stain.number)
        except ImageUnavailable as error:
            return error

    found = dict(zip(dataset.stains, in_threads(read, dataset.stains), strict=True))
    planes = {s: p for s, p in found.items() if not isinstance(p, ImageUnavailable)}
    missing = [str(e) for e in found.values() if isinstance(e, ImageUnavailable)]
    if planes:
        usual = most_common([_layout(plane) for plane in planes.values()])
        for stain in [s for s, plane in planes.items() if _layout(plane) != usual]:
            cause = odd_layout(_layout(planes.pop(stain)), usual)
            missing.append(f"{well}, channel {stain.number}: {cause}.")
    return planes, missing


def _layout(plane: Plane) -> tuple[tuple[int, int], np.dtype[Any]]:
    return (plane.shape[0], plane.shape[1]), plane.dtype


def _write(
    file: Path, planes: Mapping[Stain, Plane], well: str, lacking: Sequence[str], pixel_um: float
) -> None:
    channels: dict[str, Sequence[Any]] = {
        "Name": [stain.name for stain in planes],
        "Fluor": [stain.dye for stain in planes],
        "Color": [_ome_color(stain_color(stain)) for stain in planes],
    }
    description = " ".join([f"{well}, raw planes, saved by napari-rxrx3 {__version__}.", *lacking])
    stack = np.stack(list(planes.values()))
    write_stack(file, stack, channels, well, description, pixel_um)


def _ome_color(color: tuple[float, float, float]) -> int:
    """Red, green, blue and opacity as one signed number of 32 bits."""
    red, green, blue = (round(255 * part) for part in color)
    return int(np.uint32(red << 24 | green << 16 | blue << 8 | 255).astype(np.int32))
