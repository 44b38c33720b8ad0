"""What the user chose on this plugin's page of napari's preferences."""

from __future__ import annotations

import logging
from typing import Any

from napari_rxrx3.data.kept.budgets import budgets

__all__ = ["follow_preferences"]

_PLUGIN = "napari-rxrx3"

_log = logging.getLogger(__name__)


def follow_preferences() -> None:
    """Keep to the chosen budgets, now and whenever they are changed.

    Without such a page, as where the plugin was disabled, the budgets stay as they are.
    """
    chosen = _chosen()
    if chosen is not None:
        _apply(chosen)
        # napari keeps no two connections of one function
        chosen.events.disk_gigabytes.connect(_on_disk)
        chosen.events.memory_megabytes.connect(_on_memory)


def _chosen() -> Any:
    """The group of settings `cache` of the manifest; None if napari does not have it."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(_PLUGIN).cache
    except (ImportError, KeyError, AttributeError):
        return None
    except Exception:  # settings of other plugins are read as well, and may be wrong
        _log.exception("the preferences cannot be read")
        return None


def _apply(chosen: Any) -> None:
    budgets.disk_bytes = chosen.disk_gigabytes * 10**9
    budgets.memory_bytes = chosen.memory_megabytes * 10**6


def _on_disk(event: Any) -> None:
    budgets.disk_bytes = event.value * 10**9


def _on_memory(event: Any) -> None:
    budgets.memory_bytes = event.value * 10**6
