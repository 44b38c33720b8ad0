"""The standing image layers, one a stain: the only module that touches napari's layers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import Colormap
from psygnal import Signal

from napari_rxrx3.core.contrast import STRENGTH, Limits
from napari_rxrx3.core.difference import BRIGHTER, DARKER, StainPlaces, symmetric
from napari_rxrx3.core.display import display, stain_color
from napari_rxrx3.core.mosaic import hatch_level, paint_hatch
from napari_rxrx3.core.stains import STAINS, Stain
from napari_rxrx3.gui.canvas.canvas_map import Affine, camera_place, is_transposed, point_camera
from napari_rxrx3.gui.napari_window import unit_scale_of, unwrapped

__all__ = ["Margins", "Place", "StainLayers", "layer_options", "stain_colormap"]

Plane = np.ndarray[Any, Any]

_MARK = "napari_rxrx3_stain"
_SAME_VIEW = 1e-3  # of the zoom


class Margins(NamedTuple):
    """Points of the canvas that a picture leaves free on each side, for what is written there."""

    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    left: float = 0.0

    def room(self, size: Sequence[float]) -> tuple[float, float]:
        """What is left of a canvas (height, width)."""
        height, width = size[0] - self.top - self.bottom, size[1] - self.left - self.right
        return max(height, size[0] / 4), max(width, size[1] / 4)


def stain_colormap(stain: Stain) -> Colormap:
    """From black to the stain's color."""
    return Colormap([[0, 0, 0, 1], [*stain_color(stain), 1]], name=f"rxrx3 {stain.name}")


def difference_colormap() -> Colormap:
    """Black in the middle, where nothing differs."""
    colors = [[*DARKER, 1], [0, 0, 0, 1], [*BRIGHTER, 1]]
    return Colormap(colors, name="rxrx3 difference")


def layer_options(
    stain: Stain,
    limits: tuple[float, float],
    *,
    difference: bool = False,
    pixel_um: float | None = None,
) -> dict[str, Any]:
    """Keyword arguments of ``viewer.add_image`` that show a stain as the explorer does.

    Parameters
    ----------
    stain : Stain
        One of ``Dataset.stains``.
    limits : (low, high)
        Contrast limits of the images.
    difference : bool
        The layer shows differences to the controls: black where there is none, and contrast
        limits around zero that follow from those of the images.
    pixel_um : float, optional
        Width of a pixel, as ``Dataset.drawn_pixel_um``; the one that is preferred if None.
    """
    width = display.pixel_size_um if pixel_um is None else pixel_um
    options = {
        "name": f"{stain.number} {stain.name}",
        "colormap": stain_colormap(stain),
        "blending": "additive",
        "opacity": STRENGTH,
        "contrast_limits": limits,
        "scale": (width, width),
        "units": ("um", "um"),
        "interpolation2d": "linear",
        "metadata": {_MARK: stain.number, "stain": stain.name, "dye": stain.dye},
    }
    if difference:
        options |= {"colormap": difference_colormap(), "blending": "translucent", "opacity": 1.0}
        options["contrast_limits"] = symmetric((limits,))[0]
    return options


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

    pixel_um: float = field(default_factory=lambda: display.pixel_size_um)
    origin_um: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of_pixels(
        cls, well_pixel_um: float, times: int = 1, corner: tuple[float, float] = (0.0, 0.0)
    ) -> Place:
        """Where a picture lies each of whose pixels covers `times` x `times` of the wells'.

        Parameters
        ----------
        well_pixel_um : float
            Width of a pixel of the wells.
        corner : (y, x)
            Where it begins, in pixels of the wells.
        """
        y, x = (well_pixel_um * (at + (times - 1) / 2) for at in corner)
        return cls(well_pixel_um * times, (y, x))

    def to_pixels(self, position: Sequence[float]) -> tuple[float, float]:
        """Turn a position in the canvas (micrometers) into one in the picture (y, x pixels)."""
        (top, left), scale = self.origin_um, self.pixel_um
        return (position[-2] - top) / scale + 0.5, (position[-1] - left) / scale + 0.5

    @property
    def to_um(self) -> Affine:
        """From places (y, x) in the picture, counted from the corner of its first pixel."""
        y, x = (at - self.pixel_um / 2 for at in self.origin_um)
        return Affine.scaling(self.pixel_um, (y, x))

    def shifted(self, by_um: tuple[float, float]) -> Place:
        """The same picture elsewhere."""
        y, x = self.origin_um
        return Place(self.pixel_um, (y + by_um[0], x + by_um[1]))


class _Look(NamedTuple):
    colormap: Any
    opacity: float
    blending: str
    gamma: float

    @classmethod
    def of(cls, layer: Image) -> _Look:
        return cls(layer.colormap, layer.opacity, layer.blending, float(layer.gamma))

    def put_on(self, layer: Image) -> None:
        layer.colormap, layer.opacity, layer.blending, layer.gamma = self


class StainLayers:
    """Makes the layers of a data set once and swaps their pixels.

    Contrast, color and visibility stay what they are while wells come and go. A layer that the
    user removed stays away until its stain is asked for; when none is left, all come back with the
    next picture.
    """

    stains_changed = Signal(object)
    """The layers are of other stains, a tuple of `Stain`; told before anything else of them."""
    limits_edited = Signal(object)
    """The user moved a contrast slider: the limits of all of them."""
    shown_changed = Signal(object)
    """Which stains are visible: a bool each."""
    removed_changed = Signal(object)
    """Which stains the user removed: a bool each."""
    other_added = Signal(object)
    """A layer that is none of ours came into the viewer."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._table = STAINS
        self._layers: list[Image | None] = [None] * len(STAINS)
        self._removed: set[int] = set()
        self._quiet = False
        self._solo: int | None = None
        self._before_solo: tuple[bool, ...] = (True,) * len(STAINS)
        self._fitted: object = None
        self._fitted_size = (0.0, 0.0)
        self._fitted_views: list[tuple[float, float, float]] = []
        self.margins = Margins()
        """What a picture that fills the canvas leaves free."""
        self._stains: tuple[Plane, ...] = ()
        self._limits: Limits = ()
        self._hatches: tuple[Plane, ...] = ()
        self._hatched_at: list[float | None] = [None] * len(STAINS)
        self._place = Place()
        self._apart: StainPlaces | None = None
        self._looks: dict[int, _Look] = {}
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def stains(self) -> tuple[Stain, ...]:
        """What the layers are of."""
        return self._table

    def set_stains(self, stains: tuple[Stain, ...]) -> None:
        """Take the stains of another data set; layers of others go, and new ones come with it."""
        if stains == self._table:
            return
        before, self._table = list(self._present()), stains
        self._layers = [None] * len(stains)
        self._fitted, self._stains, self._hatches, self._limits = None, (), (), ()
        self._apart = self._solo = None
        self._removed.clear()
        self._looks.clear()
        self._before_solo = (True,) * len(stains)
        self._hatched_at = [None] * len(stains)
        with self._quietly():
            for layer in before:
                self._viewer.layers.remove(layer)
        self.stains_changed.emit(stains)
        self.shown_changed.emit(self.shown)

    @property
    def is_apart(self) -> bool:
        """Each stain has a place of its own, and shows differences."""
        return self._apart is not None

    @property
    def place(self) -> Place:
        """Where the picture lies."""
        return self._place

    @property
    def shown(self) -> tuple[bool, ...]:
        """Which stains are visible."""
        return tuple(
            number not in self._removed if layer is None else layer.visible
            for number, layer in enumerate(self._layers, start=1)
        )

    def holds(self, layer: Any) -> bool:
        """Whether a layer is one of ours."""
        return any(unwrapped(layer) is unwrapped(own) for own in self._present())

    @property
    def removed(self) -> tuple[bool, ...]:
        """Which stains have no layer, though something is shown."""
        return tuple(bool(self._stains) and layer is None for layer in self._layers)

    @property
    def solo(self) -> int | None:
        """The stain (from 1) that is shown alone in gray, if one is."""
        return self._solo

    @property
    def data(self) -> list[Plane]:
        """What is in the layers."""
        return [layer.data for layer in self._present()]

    @property
    def gamma(self) -> tuple[float, ...]:
        """Of each stain."""
        return tuple(
            1.0 if layer is None else self._looks.get(number, _Look.of(layer)).gamma
            for number, layer in enumerate(self._layers, start=1)
        )

    def set_gamma(self, gamma: Sequence[float]) -> None:
        """Set that of each stain."""
        for number, (layer, value) in enumerate(zip(self._layers, gamma, strict=True), start=1):
            if number in self._looks:
                self._looks[number] = self._looks[number]._replace(gamma=value)
            elif layer is not None and layer.gamma != value:
                layer.gamma = value

    def show(
        self,
        stains: Sequence[Plane],
        limits: Limits,
        place: Place | None = None,
        apart: StainPlaces | None = None,
        hatches: Sequence[Plane] = (),
    ) -> None:
        """Show planes of one shape in the layers, one a stain, where they belong.

        Parameters
        ----------
        apart : StainPlaces, optional
            In micrometers: each stain goes to its own place, as planes of differences. Colors are
            as before when something is shown without it.
        hatches : an array of flat indices for each stain, optional
            Pixels that are drawn as bright as hatching is in the contrast, whatever it comes to be.
        """
        place = place or Place()
        self._stains = tuple(stains)
        self._hatches, self._hatched_at = tuple(hatches), [None] * len(self._table)
        self._paint_hatches(limits)
        before = self.shown
        if not self._has_layers:
            self._removed.clear()
        with self._quietly():
            self._take_look(apart)
            for stain, plane, pair in zip(self._table, stains, limits, strict=True):
                if stain.number in self._removed:
                    continue
                layer = self._layers[stain.number - 1]
                if layer is None:
                    self._add(stain, plane, pair)
                    layer = self._layers[stain.number - 1]
                elif layer.data is not plane:
                    is_other = layer.data.dtype != plane.dtype
                    layer.data = plane
                    if is_other:
                        _fit_slider(layer, pair)
                _put(layer, place if apart is None else place.shifted(apart.place(stain.number)))
            self._place = place
            self._apply_limits(limits)
        self.removed_changed.emit(self.removed)
        if self.shown != before:
            self.shown_changed.emit(self.shown)

    def make_again(self, number: int) -> None:
        """Make the layer of a stain (from 1) that the user removed, with what the others show."""
        if number > len(self._table) or not self.removed[number - 1]:
            return
        self._end_solo()
        self._removed.discard(number)
        place, apart = self._place, self._apart
        with self._quietly():
            self._add(self._table[number - 1], self._stains[number - 1], self._limits[number - 1])
            layer = self._layers[number - 1]
            _put(layer, place if apart is None else place.shifted(apart.place(number)))
        self.shown_changed.emit(self.shown)
        self.removed_changed.emit(self.removed)

    def to_scene(self, number: int | None = None) -> Affine:
        """From where a picture was put (micrometers) to where it is in napari's world.

        The two differ if the user moved a layer, or brought one with another unit.

        Parameters
        ----------
        number : int, optional
            A stain (from 1) to be asked; else one that is visible.
        """
        present = list(self._present())
        layer = next((x for x in present if x.visible), next(iter(present), None))
        place = self._place
        if number is not None:
            layer = self._layers[number - 1]
            place = place if self._apart is None else place.shifted(self._apart.place(number))
        if layer is None or layer.ndim != 2:
            return Affine.scaling(1.0, (0.0, 0.0))
        unit = unit_scale_of(self._viewer, layer)
        corners = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
        first, down, right = (unit * np.asarray(layer.data_to_world(at)) for at in corners)
        expected = Affine.scaling(place.pixel_um, place.origin_um)
        return expected.inverse.then(Affine.through(first, down, right))

    def refresh(self, channels: Iterable[int]) -> None:
        """Draw stains (from 1) anew whose pixels were changed in place."""
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
        if key != self._fitted:
            self._fitted, self._fitted_size = key, size_um
            self.fit_again()

    def fit_again(self) -> None:
        """Let the picture that was fitted last fill the canvas, wherever the camera is."""
        if not all(extent > 0 for extent in self._fitted_size):
            return
        if self._viewer.canvas.grid.enabled:  # of which napari knows how large a cell is
            self._viewer.fit_to_view()
            self._fitted_views = [self._view()]
            return
        margins, viewer, (height, width) = self.margins, self._viewer, self._fitted_size
        room = margins.room(viewer.canvas.size)
        extents = (width, height) if is_transposed(viewer) else (height, width)
        zoom = min(free / extent for free, extent in zip(room, extents, strict=True))
        # the middle of what is free is not that of the canvas, which the camera is pointed at
        down, right = (margins.top - margins.bottom) / 2, (margins.left - margins.right) / 2
        vertical, horizontal = viewer.scene.camera.orientation2d
        shift = (
            (down if vertical == "down" else -down) / zoom,
            (right if horizontal == "right" else -right) / zoom,
        )
        y, x = reversed(shift) if is_transposed(viewer) else shift
        point_camera(viewer, (height / 2 - y, width / 2 - x), zoom)
        self._fitted_views = [self._view()]

    def note_home(self) -> None:
        """Take what the camera sees now for a picture that fills the canvas, too."""
        self._fitted_views.append(self._view())

    @property
    def is_fitted(self) -> bool:
        """The camera is where it was when a picture was made to fill the canvas."""
        y, x, zoom = self._view()
        return self._fitted is not None and any(
            max(abs(y - top), abs(x - left)) * zoom < 1 and abs(zoom - before) < _SAME_VIEW * before
            for top, left, before in self._fitted_views
        )

    @property
    def is_alone(self) -> bool:
        """Nothing but the stains is visible, and they are not being changed just now."""
        ours = {id(unwrapped(layer)) for layer in self._present()}
        shown = (unwrapped(layer) for layer in self._viewer.layers if layer.visible)
        return not self._quiet and all(id(layer) in ours for layer in shown)

    @property
    def is_in_place(self) -> bool:
        """The layers are where we put them: nobody has moved or turned them since."""
        actual = self.to_scene()
        return np.allclose(actual.matrix, np.eye(2)) and np.allclose(actual.offset, 0, atol=1e-6)

    @property
    def fitted_size(self) -> tuple[float, float]:
        """Height and width (micrometers) of the picture that was fitted last."""
        return self._fitted_size

    def _view(self) -> tuple[float, float, float]:
        return (*camera_place(self._viewer), float(self._viewer.scene.camera.zoom))

    def forget_fit(self) -> None:
        """Let the next picture fill the canvas, whatever it is."""
        self._fitted = None

    def clear(self) -> None:
        """Show nothing: the layers stay, black and of one pixel."""
        self._fitted, self._stains, self._hatches = None, (), ()
        self._removed.clear()
        with self._quietly():
            self._take_look(None)
            for layer in self._present():
                if layer.data.shape != (1, 1) or layer.data.any():
                    layer.data = np.zeros((1, 1), dtype=layer.data.dtype)
        self.removed_changed.emit(self.removed)

    def set_limits(self, limits: Limits) -> None:
        with self._quietly():
            self._apply_limits(limits)

    def toggle(self, number: int) -> None:
        """Show or hide a stain (from 1), if the data set has so many."""
        if number > len(self._table):
            return
        self._end_solo()
        layer = self._layers[number - 1]
        if layer is None:
            self.make_again(number)
        else:
            layer.visible = not layer.visible

    def show_only(self, numbers: Collection[int]) -> None:
        """Show these stains (from 1), in their colors, and no others."""
        self._end_solo()
        for number in numbers:
            self.make_again(number)
        with self._quietly():
            for number, layer in enumerate(self._layers, start=1):
                if layer is not None:
                    layer.visible = number in numbers
        self.shown_changed.emit(self.shown)

    def show_alone(self, number: int) -> None:
        """Show one stain in gray and no other; the second time, all as before."""
        if number > len(self._table):
            return
        self.make_again(number)
        if self._layers[number - 1] is None:
            return
        back = self._solo == number
        with self._quietly():
            if self._solo is not None:
                self._color(self._solo)
            elif not back:
                self._before_solo = self.shown
            self._solo = None if back else number
            for stain, before in zip(self._table, self._before_solo, strict=True):
                layer = self._layers[stain.number - 1]
                if layer is not None:
                    layer.visible = before if back else stain.number == number
            if not back:
                self._set_look(number, "gray", 1.0)
        self.shown_changed.emit(self.shown)

    def _end_solo(self) -> None:
        if self._solo is not None:
            self.show_alone(self._solo)

    def _forget_solo(self) -> None:
        """The layer that was shown alone is gone: show the others as before."""
        self._solo = None
        with self._quietly():
            for layer, before in zip(self._layers, self._before_solo, strict=True):
                if layer is not None:
                    layer.visible = before

    def recolor(self) -> None:
        """Take the colors that the user prefers by now; a stain shown in gray stays gray."""
        for stain in self._table:
            if stain.number != self._solo:
                self._color(stain.number)

    def _add(self, stain: Stain, plane: Plane, limits: tuple[float, float]) -> None:
        options = layer_options(stain, limits)
        layer = self._viewer.add_image(plane, **options)
        _fit_slider(layer, limits)
        layer.events.contrast_limits.connect(self._on_limits)
        layer.events.visible.connect(self._on_visible)
        self._layers[stain.number - 1] = layer
        following = next((x for x in self._layers[stain.number :] if x is not None), None)
        if following is not None:  # back to where it was
            listed = self._viewer.layers
            listed.move(listed.index(layer), listed.index(following))
        self._looks.pop(stain.number, None)
        self._take_look(self._apart)

    @property
    def _has_layers(self) -> bool:
        return any(layer is not None for layer in self._layers)

    def _present(self) -> Iterator[Image]:
        return (layer for layer in self._layers if layer is not None)

    def _color(self, number: int) -> None:
        self._set_look(number, stain_colormap(self._table[number - 1]), STRENGTH)

    def _set_look(self, number: int, colormap: Any, opacity: float) -> None:
        """Change colors and strength of a stain, while it shows differences for afterwards."""
        layer = self._layers[number - 1]
        if number in self._looks:
            self._looks[number] = self._looks[number]._replace(colormap=colormap, opacity=opacity)
        elif layer is not None:
            layer.colormap, layer.opacity = colormap, opacity

    def _take_look(self, apart: StainPlaces | None) -> None:
        """Color for differences, or as it was before them."""
        self._apart = apart
        for number, layer in enumerate(self._layers, start=1):
            if layer is None:
                continue
            if apart is None and number in self._looks:
                self._looks.pop(number).put_on(layer)
            elif apart is not None and number not in self._looks:
                self._looks[number] = _Look.of(layer)
                # not added: there is nothing below but the canvas, which may be white
                _Look(difference_colormap(), 1.0, "translucent", 1.0).put_on(layer)

    def _paint_hatches(self, limits: Limits) -> list[int]:
        """Draw hatching as this contrast has it; returns in which stains (from 1) it changed."""
        changed = []
        for i, (lines, pair) in enumerate(zip(self._hatches, limits, strict=False)):
            level = hatch_level(pair)
            if lines.size and level != self._hatched_at[i]:
                paint_hatch(self._stains[i], lines, level)
                changed.append(i + 1)
            self._hatched_at[i] = level
        return changed

    def _apply_limits(self, limits: Limits) -> None:
        self._limits = limits
        self.refresh(self._paint_hatches(limits))
        for layer, pair in zip(self._layers, limits, strict=True):
            if layer is not None and tuple(layer.contrast_limits) != tuple(pair):
                _fit_slider(layer, pair)
                layer.contrast_limits = pair

    def _on_limits(self) -> None:
        if self._quiet or self.is_apart:  # limits of differences are not those of images
            return
        now = (
            known if layer is None else layer.contrast_limits
            for layer, known in zip(self._layers, self._limits, strict=True)
        )
        self.limits_edited.emit(tuple((float(low), float(high)) for low, high in now))

    def _on_inserted(self, event: Any) -> None:
        if not self._quiet:
            self.other_added.emit(event.value)

    def _on_removed(self, event: Any) -> None:
        gone = unwrapped(event.value)
        for i, layer in enumerate(self._layers):
            if layer is not None and unwrapped(layer) is gone:
                self._layers[i] = None
                self._removed.add(i + 1)
                self._fitted = self._fitted if self._has_layers else None
                if self._solo == i + 1:
                    self._forget_solo()
                self.removed_changed.emit(self.removed)
                self.shown_changed.emit(self.shown)

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


def _fit_slider(layer: Image, limits: tuple[float, float]) -> None:
    """Let the contrast slider reach as far as its pixels and these limits make sense of."""
    layer.contrast_limits_range = (min(0, limits[0]), max(_top(layer.data, limits), limits[1]))


def _top(plane: Plane, limits: tuple[float, float]) -> float:
    """End of the contrast slider: all of 8 bits, or a few times the limits of other pixels."""
    if plane.dtype == np.uint8:
        return 255.0
    if plane.dtype.kind == "f":
        return float(max(4 * limits[1], 2 * limits[1] - limits[0]))
    return float(min(65535.0, max(4 * limits[1], 255.0)))
