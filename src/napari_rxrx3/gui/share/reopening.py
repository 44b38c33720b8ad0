"""Whether the last session is opened on start: a choice that napari keeps."""

from __future__ import annotations

from typing import Any

from napari_rxrx3.gui.preferences import chosen_settings

__all__ = ["reopens_last", "set_reopens_last"]


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
    return getattr(chosen_settings(), "session", None)
