"""Follows the user's choices on this plugin's page of napari's preferences."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from napari_rxrx3.core.display import DEFAULT_TAGS, display
from napari_rxrx3.core.stains import TAG_COLORS
from napari_rxrx3.data.cache.budgets import budgets

__all__ = [
    "chosen_settings",
    "follow_preferences",
    "remember_candidates",
    "remember_layer_panels",
]

_PLUGIN = "napari-rxrx3"

_log = logging.getLogger(__name__)


def follow_preferences() -> None:
    """Keep to what is chosen, now and whenever it is changed.

    Without such a page, as where the plugin was disabled, everything stays as it is.
    """
    chosen = chosen_settings()
    if chosen is None:
        return
    for (group, name), follow in _FOLLOWERS.items():
        follow(getattr(getattr(chosen, group), name))
        # napari keeps no two connections of one function
        getattr(getattr(chosen, group).events, name).connect(_LISTENERS[group, name])


def remember_candidates(size: int, whole: bool) -> None:
    """Keep how candidates are shown, for all windows and for the next start."""
    display.candidate_size, display.shows_whole_candidates = size, whole
    chosen = chosen_settings()
    if chosen is not None:
        chosen.display.candidate_size, chosen.display.whole_candidates = size, whole


def remember_layer_panels(shown: bool) -> None:
    """Keep whether napari's panels of layers are wanted; other windows stay as they are."""
    with display.layer_panels_changed.blocked():
        display.layer_panels = "shown" if shown else "folded"
        chosen = chosen_settings()
        if chosen is not None:
            chosen.display.layer_panels = display.layer_panels


def chosen_settings() -> Any:
    """The settings of the manifest; None if napari does not have them."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(_PLUGIN)
    except (ImportError, KeyError, AttributeError):
        return None
    except Exception:  # settings of other plugins are read as well, and may be wrong
        _log.exception("the preferences cannot be read")
        return None


def _set_disk(gigabytes: int) -> None:
    budgets.disk_bytes = gigabytes * 10**9


def _set_memory(megabytes: int) -> None:
    budgets.memory_bytes = megabytes * 10**6


def _set_palette(name: str) -> None:
    display.palette = name


def _set_contrast_rule(rule: str) -> None:
    display.contrast_rule = rule


def _set_tile_size(pixels: int) -> None:
    display.tile_size = pixels


def _set_candidate_size(points: int) -> None:
    display.candidate_size = points


def _set_whole_candidates(whole: bool) -> None:
    display.shows_whole_candidates = whole


def _set_layer_panels(choice: str) -> None:
    display.layer_panels = choice


def _set_pixel_size(nanometers: int) -> None:
    display.pixel_size_um = nanometers / 1000


def _set_tag_name(number: int, name: str) -> None:
    display.set_tag(number, name=name)


def _set_tag_color(number: int, color: str) -> None:
    display.set_tag(number, color=TAG_COLORS[color])


_TAGS = range(1, len(DEFAULT_TAGS) + 1)

_FOLLOWERS: dict[tuple[str, str], Callable[[Any], None]] = {
    ("cache", "disk_gigabytes"): _set_disk,
    ("cache", "memory_megabytes"): _set_memory,
    ("display", "palette"): _set_palette,
    ("display", "contrast_rule"): _set_contrast_rule,
    ("display", "tile_size"): _set_tile_size,
    ("display", "candidate_size"): _set_candidate_size,
    ("display", "whole_candidates"): _set_whole_candidates,
    ("display", "layer_panels"): _set_layer_panels,
    ("display", "pixel_size_nm"): _set_pixel_size,
    **{("tags", f"name_{number}"): partial(_set_tag_name, number) for number in _TAGS},
    **{("tags", f"color_{number}"): partial(_set_tag_color, number) for number in _TAGS},
}
"""By group and name in the manifest. napari has refused what is out of range."""


def _on_changed(follow: Callable[[Any], None], event: Any) -> None:
    follow(event.value)


_LISTENERS = {where: partial(_on_changed, follow) for where, follow in _FOLLOWERS.items()}
