"""Whether the last session is opened on start: a choice that napari keeps."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["reopens_last", "set_reopens_last"]

_log = logging.getLogger(__name__)


def reopens_last() -> bool | None:
    """What was chosen; None if napari keeps no choices of this plugin."""
    group = _group()
    return bool(group.reopen_last) if group is not None else None


def set_reopens_last(on: bool) -> None:
    """Choose, from the next start on."""
    group = _group()
    if group is not None:
        group.reopen_last = on


def _group() -> Any:
    """The group of settings `session` of the manifest; None if napari does not have it."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings("napari-rxrx3").session
    except (ImportError, KeyError, AttributeError):
        return None
    except Exception:  # settings of other plugins are read as well, and may be wrong
        _log.exception("the preferences cannot be read")
        return None
