"""napari's reader: RxRx3 data as six lazy image layers."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_rxrx3.data.recognition import belong_together, looks_like_ours, with_pixels_first

if TYPE_CHECKING:
    from napari_rxrx3.dataset import Dataset
    from napari_rxrx3.gui.napari_window import OpenCall

LayerData = tuple[Any, dict[str, Any], str]
NoLayer = tuple[None]
Reader = Callable[[str | Sequence[str]], list[LayerData] | list[NoLayer]]

_PLUGIN = "napari-rxrx3"


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader if the path looks like RxRx3 data, None otherwise; never raises."""
    try:
        first = _as_list(path)[0]
        return read if looks_like_ours(first) or _is_session(first) else None
    except Exception:  # napari must be able to ask the next plugin, whatever this path is
        return None


def read(path: str | Sequence[str]) -> list[LayerData] | list[NoLayer]:
    """Read wells as six lazy layers each: the wells of image files, else the first with images.

    Of several files that napari opens one after the other, the first of those that belong together
    brings the layers of all. What has none to show, such as a saved session or metadata without
    images, and everything while the RxRx3 Explorer is open, is opened in the explorer instead.

    Raises
    ------
    RxRx3Error
        If nothing can be shown; the sentence says why.
    """
    from napari_rxrx3.gui.napari_window import open_call

    paths = _as_list(path)
    call = open_call(paths[0])
    if call is None or len(paths) > 1:
        return _layers_of(belong_together(paths), call)
    if call.by_hand and _goes_to_explorer(call, paths[0]):
        return [(None,)]
    part = next(part for part in belong_together(call.paths) if paths[0] in part)
    is_there = _asked.again(call, paths[0])
    if is_there or part[0] != paths[0]:
        return [(None,)]
    return _layers_of([part], call)


def _layers_of(
    parts: Sequence[Sequence[str]], call: OpenCall | None
) -> list[LayerData] | list[NoLayer]:
    try:
        return [layer for part in parts for layer in _first_well(part)]
    except _NothingToShow as error:
        if call is None or not _open_in_explorer(call, [p for part in parts for p in part]):
            raise error.why from None
        return [(None,)]


class _NothingToShow(Exception):
    """There may be something to open all the same, but no image."""

    def __init__(self, why: Exception) -> None:
        self.why = why


def _first_well(paths: Sequence[str]) -> list[LayerData]:
    """The first well with images of what belongs together."""
    from napari_rxrx3.core.errors import DatasetNotFound, RxRx3Error
    from napari_rxrx3.dataset import open_dataset

    why: Exception | None = None
    for path in with_pixels_first(paths):
        nothing = DatasetNotFound(
            f"{path} has no images; open it in the RxRx3 Explorer to see its plates."
        )
        if _is_session(path):
            raise _NothingToShow(nothing)
        try:
            dataset = open_dataset(path)
        except RxRx3Error as error:
            why = why or error
            continue
        with_images = dataset.known_wells.index[dataset.known_wells["has_image"]]
        if len(with_images):
            return layers_of_well(dataset, str(with_images[0]))
        why = why or _NothingToShow(nothing)
    assert why is not None
    raise why


def layers_of_well(dataset: Dataset, well_id: str) -> list[LayerData]:
    """Lazy layers with the stains' names and colors; a missing channel is left out."""
    from napari_rxrx3.core.contrast import limits_of
    from napari_rxrx3.core.errors import ImageUnavailable
    from napari_rxrx3.gui.canvas.layers import layer_options
    from napari_rxrx3.gui.preferences import follow_preferences

    follow_preferences()
    image = dataset.image(well_id)
    layers: list[LayerData] = []
    for stain in dataset.stains:
        plane = image[stain.number - 1]
        try:
            limits = limits_of([plane.compute()])
        except ImageUnavailable as error:
            _warn(str(error))
            continue
        options = layer_options(stain, limits, pixel_um=dataset.drawn_pixel_um)
        options["name"] = f"{well_id} {stain.name}"
        options["cache"] = False  # the data set keeps decoded planes itself
        options["metadata"]["well_id"] = well_id
        layers.append((plane, options, "image"))
    return layers


def _as_list(path: str | Sequence[str]) -> list[str]:
    return [os.fspath(path)] if isinstance(path, str | os.PathLike) else [str(p) for p in path]


class _Asked:
    """What napari asked for last, to notice when it begins anew.

    It does where a file of several has two readers: it asks the user which to take, and opens all
    of them with that one, also those it had opened already.
    """

    def __init__(self) -> None:
        self._paths: tuple[str, ...] = ()
        self._viewer: Callable[[], Any] = lambda: None
        self._last = -1

    def again(self, call: OpenCall, path: str) -> bool:
        """Whether a path was just opened, and its layers are there."""
        place, same = call.paths.index(path), (self._paths, self._viewer()) == call[1::-1]
        begins_anew = same and place <= self._last < len(self._paths) - 1
        self._paths, self._viewer, self._last = call.paths, weakref.ref(call.viewer), place
        sources = (layer.source for layer in call.viewer.layers)
        return begins_anew and (path, _PLUGIN) in ((s.path, s.reader_plugin) for s in sources)


_asked = _Asked()


def _goes_to_explorer(call: OpenCall, path: str) -> bool:
    """Whether the explorer is open; it takes all at once, when it is asked for the first."""
    from napari_rxrx3.gui.opening import opening_of

    opening = opening_of(call.viewer)
    if opening is None:
        return False
    ours = [one for one in call.paths if get_reader(one) is not None]
    if ours[0] == path:
        opening.open(ours)
    return True


def _open_in_explorer(call: OpenCall, paths: Sequence[str]) -> bool:
    """Show in the explorer what has no layers; whether there is a window for it."""
    if not hasattr(call.viewer, "window"):
        return False
    from napari_rxrx3.gui.docking import dock_explorer
    from napari_rxrx3.gui.opening import open_in

    open_in(dock_explorer(call.viewer), paths)
    return True


def _is_session(path: str) -> bool:
    """Whether it is what the explorer has saved, which no other kind of file looks like."""
    if not path.lower().endswith(".json"):
        return False
    from napari_rxrx3.figures.record import is_record_file

    return is_record_file(path)


def _warn(message: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(message)
