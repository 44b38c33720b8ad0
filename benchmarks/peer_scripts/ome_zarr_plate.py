"""Writes our plate as OME-Zarr 0.4 and opens it with napari-ome-zarr; runs where that is.

Usage: python ome_zarr_plate.py KINDS.npy WELLS.json PLATE.zarr RESULT.json WIDTH

KINDS.npy holds the different wells (n, 6, Y, X), WELLS.json for each address which of them it
shows; WIDTH is that of an empty dock beside the canvas.
"""

import json
import shutil
import sys
import time
from pathlib import Path

import napari
import numpy as np
import zarr
from qtpy.QtCore import QCoreApplication, QEvent, QObject
from qtpy.QtWidgets import QApplication, QWidget

LEVELS = 4
JUMPS = 6
PATIENCE_S = 300
PIXEL_UM = 0.65


def main(kinds: str, wells: str, plate: str, result: str, width: int) -> None:
    """Write the plate unless it is there, then measure opening it and going to wells."""
    images = np.load(kinds)
    addresses = json.loads(Path(wells).read_text())
    if not Path(plate).is_dir():
        unfinished = Path(plate + ".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_plate(unfinished, images, addresses)
        unfinished.replace(plate)
    Path(result).write_text(json.dumps(measure(plate, images.shape[-1], addresses, width)))


def measure(plate: str, size: int, addresses: dict, width: int) -> dict:
    """Seconds to open the plate, and to have each of some wells on screen."""
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1280, 800)
    dock = QWidget()
    dock.setFixedWidth(width)
    viewer.window.add_dock_widget(dock, name="empty", area="right")
    QApplication.processEvents()
    screen = Screen(viewer)
    start = time.perf_counter()
    viewer.open(plate, plugin="napari-ome-zarr")
    opened = screen.wait() - start
    jumps, levels = [], set()
    rows, columns = axes(addresses)
    canvas = viewer.window._qt_viewer.canvas.native
    side = min(canvas.width(), canvas.height())
    rng = np.random.default_rng(0)
    for address in rng.choice(sorted(addresses), JUMPS, replace=False):
        row, column = split(str(address))
        start = time.perf_counter()
        scale = float(viewer.layers[0].scale[-1])
        place = (rows.index(row) + 0.5, columns.index(column) + 0.5)
        viewer.camera.center = (0, *(size * scale * at for at in place))
        viewer.camera.zoom = side / (size * scale)
        jumps.append(screen.wait() - start)
        levels |= {layer.data_level for layer in viewer.layers}
    return {
        "open": opened,
        "jumps": jumps,
        "layers": len(viewer.layers),
        "levels": sorted(levels),
        "canvas": [canvas.width(), canvas.height()],
    }


class Screen(QObject):
    """Knows when napari's window was painted with all pixels that its layers hold."""

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.window = viewer.window._qt_window
        self.started = self.ended = self.pixels_set = 0.0
        self.is_inside = False
        self.window.installEventFilter(self)
        viewer.layers.events.inserted.connect(self.on_layer)

    def wait(self) -> float:
        """Wait for a painting that began after now and after the last pixels; its end."""
        since = time.perf_counter()
        while self.started <= max(since, self.pixels_set):
            QApplication.processEvents()
            if time.perf_counter() - since > PATIENCE_S:
                raise TimeoutError("nothing was painted")
        return self.ended

    def on_layer(self, event: object) -> None:
        event.value.events.set_data.connect(self.on_pixels)
        self.on_pixels()

    def on_pixels(self, event: object = None) -> None:
        self.pixels_set = time.perf_counter()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.UpdateRequest or self.is_inside:
            return False
        self.is_inside, self.started = True, time.perf_counter()
        QCoreApplication.sendEvent(watched, event)
        self.is_inside, self.ended = False, time.perf_counter()
        return True


def write_plate(folder: Path, images: np.ndarray, addresses: dict) -> None:
    """Write a plate of the 1,536-well format's rows and columns that are used."""
    root = zarr.open_group(str(folder), mode="w", zarr_format=2)
    rows, columns = axes(addresses)
    paths = [(a, *split(a)) for a in sorted(addresses)]
    root.attrs["plate"] = {
        "name": folder.name,
        "version": "0.4",
        "field_count": 1,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"{r}/{c}", "rowIndex": rows.index(r), "columnIndex": columns.index(c)}
            for _, r, c in paths
        ],
    }
    for row in rows:
        root.create_group(row)
    for address, row, column in paths:
        well = root.create_group(f"{row}/{column}")
        well.attrs["well"] = {"version": "0.4", "images": [{"path": "0"}]}
        write_image(well.create_group("0"), images[addresses[address]])


def write_image(group: zarr.Group, image: np.ndarray) -> None:
    """Write one field as a pyramid, one channel a chunk."""
    datasets = []
    for level in range(LEVELS):
        array = group.create_array(
            str(level),
            shape=image.shape,
            chunks=(1, *image.shape[1:]),
            dtype=image.dtype,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        array[:] = image
        scale = [1, PIXEL_UM * 2**level, PIXEL_UM * 2**level]
        transforms = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
        small = image.reshape(len(image), image.shape[1] // 2, 2, image.shape[2] // 2, 2)
        image = small.mean((2, 4)).astype(image.dtype)
    axes_ = [{"name": "c", "type": "channel"}]
    axes_ += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes_, "datasets": datasets}]
    window = {"min": 0, "max": 255, "start": 0, "end": 100}
    colors = ("0000FF", "00FF00", "FF0000", "00FFFF", "FF00FF", "FFFF00")
    channels = [
        {"label": f"w{i}", "color": color, "active": True, "window": window}
        for i, color in enumerate(colors, 1)
    ]
    group.attrs["omero"] = {"version": "0.4", "channels": channels}


def axes(addresses: dict) -> tuple:
    """Rows and columns that are used, in order."""
    places = [split(address) for address in addresses]
    rows = sorted({row for row, _ in places}, key=lambda r: (len(r), r))
    return rows, sorted({column for _, column in places})


def split(address: str) -> tuple:
    """``AA07`` -> ("AA", "07")."""
    row = address.rstrip("0123456789")
    return row, address[len(row) :]


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
