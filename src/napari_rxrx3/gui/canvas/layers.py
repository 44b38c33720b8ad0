"""The six standing image layers, one a stain: the only module that touches napari's layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import Colormap
from psygnal import Signal

from napari_rxrx3.core.contrast import STRENGTH, Limits
from napari_rxrx3.core.stains import PIXEL_SIZE_UM, STAINS, Stain

__all__ = ["Place", "StainLayers", "layer_options", "stain_colormap"]

Plane = np.ndarray[Any, Any]

_MARK = "napari_rxrx3_stain"
_MARGIN = 0.12  # room for the title above the picture


def stain_colormap(stain: Stain) -> Colormap:
    """From black to the stain's color."""
    return Colormap([[0, 0, 0, 1], [*stain.color, 1]], name=f"rxrx3 {stain.name}")


def layer_options(stain: Stain, limits: tuple[float, float]) -> dict[str, Any]:
    """Keyword arguments of a stain's image layer, without the data."""
    return {
        "name": f"{stain.number} {stain.name}",
        "colormap": stain_colormap(stain),
        "blending": "additive",
        "opacity": STRENGTH,
        "contrast_limits": limits,
        "scale": (PIXEL_SIZE_UM, PIXEL_SIZE_UM),
        "units": ("um", "um"),
        "interpolation2d": "linear",
        "metadata": {_MARK: stain.number, "stain": stain.name, "dye": stain.dye},
    }


@dataclass(frozen=True)
class Place:
    """Where a picture lies in the canvas.

    Attributes
    ----------
    pixel_um : float
        Micrometers a pixel.
    origin_um : (y, x)
        The middle of its first pixel.
    """

    pixel_um: float = PIXEL_SIZE_UM
    origin_um: tuple[float, float] = (0.0, 0.0)


class StainLayers:
    """Makes the six layers once and swaps their pixels.

    Contrast, color and visibility stay what they are while wells come and go. A layer that the
    user removed comes back with the next picture.
    """

    limits_edited = Signal(object)
    """The user moved a contrast slider: the limits of all six."""
    shown_changed = Signal(object)
    """Which stains are visible: six bools."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: list[Image | None] = [None] * len(STAINS)
        self._quiet = False
        self._solo: int | None = None
        self._before_solo: tuple[bool, ...] = (True,) * len(STAINS)
        self._fitted: object = None
        self._place = Place()

    @property
    def place(self) -> Place:
        """Where the picture lies."""
        return self._place

    @property
    def shown(self) -> tuple[bool, ...]:
        """Which stains are visible."""
        return tuple(layer is None or layer.visible for layer in self._layers)

    @property
    def solo(self) -> int | None:
        """The stain (1..6) that is shown alone in gray, if one is."""
        return self._solo

    def show(self, stains: Sequence[Plane], limits: Limits, place: Place | None = None) -> None:
        """Show six planes of one shape in the six layers, where they belong."""
        place = place or Place()
        with self._quietly():
            self._adopt()
            for stain, plane, pair in zip(STAINS, stains, limits, strict=True):
                layer = self._layers[stain.number - 1]
                if layer is None:
                    self._add(stain, plane, pair)
                    layer = self._layers[stain.number - 1]
                elif layer.data is not plane:
                    layer.data = plane
                _put(layer, place)
            self._place = place
            self._apply_limits(limits)

    def refresh(self, channels: Iterable[int]) -> None:
        """Draw stains (1..6) anew whose pixels were changed in place."""
        for channel in channels:
            layer = self._layers[channel - 1]
            if layer is not None:
                layer.refresh(thumbnail=False, extent=False)

    def fit(self, key: object, size_um: tuple[float, float]) -> None:
        """Let a picture fill the canvas, unless one with the same key has just been there.

        Parameters
        ----------
        size_um : (height, width)
            From the corner at (0, 0).
        """
        if key == self._fitted:
            return
        self._fitted = key
        camera = self._viewer.scene.camera
        camera.center = (0.0, *(extent / 2 for extent in size_um))
        zooms = (
            room / extent for room, extent in zip(self._viewer.canvas.size, size_um, strict=True)
        )
        camera.zoom = min(zooms) * (1 - _MARGIN)

    def forget_fit(self) -> None:
        """Let the next picture fill the canvas, whatever it is."""
        self._fitted = None

    def clear(self) -> None:
        """Show nothing: the layers stay, black and of one pixel."""
        self._fitted = None
        with self._quietly():
            for layer in self._present():
                layer.data = np.zeros((1, 1), dtype=layer.data.dtype)

    def set_limits(self, limits: Limits) -> None:
        with self._quietly():
            self._apply_limits(limits)

    def to_pixels(self, position: Sequence[float]) -> tuple[float, float]:
        """Turn a position in the canvas (micrometers) into one in the picture (y, x pixels)."""
        (top, left), scale = self._place.origin_um, self._place.pixel_um
        return (position[-2] - top) / scale + 0.5, (position[-1] - left) / scale + 0.5

    def toggle(self, number: int) -> None:
        """Show or hide a stain (1..6)."""
        if self._solo is not None:
            self.show_alone(self._solo)
        layer = self._layers[number - 1]
        if layer is not None:
            layer.visible = not layer.visible

    def show_alone(self, number: int) -> None:
        """Show one stain in gray and no other; the second time, all as before."""
        if not any(True for _ in self._present()):
            return
        back = self._solo == number
        with self._quietly():
            if self._solo is not None:
                self._color(self._solo)
            elif not back:
                self._before_solo = self.shown
            self._solo = None if back else number
            for stain, before in zip(STAINS, self._before_solo, strict=True):
                layer = self._layers[stain.number - 1]
                if layer is not None:
                    layer.visible = before if back else stain.number == number
            layer = self._layers[number - 1]
            if not back and layer is not None:
                layer.colormap, layer.opacity = "gray", 1.0
        self.shown_changed.emit(self.shown)

    def _add(self, stain: Stain, plane: Plane, limits: tuple[float, float]) -> None:
        options = layer_options(stain, limits)
        layer = self._viewer.add_image(plane, **options)
        layer.contrast_limits_range = (0, _top(plane, limits))
        layer.events.contrast_limits.connect(self._on_limits)
        layer.events.visible.connect(self._on_visible)
        self._layers[stain.number - 1] = layer

    def _adopt(self) -> None:
        """Forget layers that the user removed."""
        there = {id(layer) for layer in map(_unwrapped, self._viewer.layers)}
        for i, layer in enumerate(self._layers):
            if layer is not None and id(_unwrapped(layer)) not in there:
                self._layers[i] = None
                self._fitted = None

    def _present(self) -> Iterator[Image]:
        return (layer for layer in self._layers if layer is not None)

    def _color(self, number: int) -> None:
        layer = self._layers[number - 1]
        if layer is not None:
            layer.colormap, layer.opacity = stain_colormap(STAINS[number - 1]), STRENGTH

    def _apply_limits(self, limits: Limits) -> None:
        for layer, pair in zip(self._layers, limits, strict=True):
            if layer is not None and tuple(layer.contrast_limits) != tuple(pair):
                top = max(_top(layer.data, pair), pair[1])
                layer.contrast_limits_range = (min(0, pair[0]), top)
                layer.contrast_limits = pair

    def _on_limits(self) -> None:
        if not self._quiet and all(layer is not None for layer in self._layers):
            self.limits_edited.emit(
                tuple((float(a), float(b)) for a, b in (x.contrast_limits for x in self._present()))
            )

    def _on_visible(self) -> None:
        if not self._quiet:
            self.shown_changed.emit(self.shown)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """What we do ourselves is not what the user did."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before


def _put(layer: Image, place: Place) -> None:
    scale = (place.pixel_um, place.pixel_um)
    if tuple(layer.scale) != scale:
        layer.scale = scale
    if tuple(layer.translate) != place.origin_um:
        layer.translate = place.origin_um


def _top(plane: Plane, limits: tuple[float, float]) -> float:
    """End of the contrast slider: all of 8 bits, or a few times the limits of 16 bits."""
    if plane.dtype == np.uint8:
        return 255.0
    return float(min(65535.0, max(4 * limits[1], 255.0)))


def _unwrapped(layer: Any) -> Any:
    return getattr(layer, "__wrapped__", layer)
