"""The keys of what is shown side by side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtWidgets import QWidget

from napari_rxrx3.gui.keys import Keys
from napari_rxrx3.gui.strips.choices import (
    CHOICES,
    next_crop,
    series_of,
    show_alone,
    why_no_control,
)
from napari_rxrx3.session import Session

__all__ = ["bind_strip_keys", "flicker", "toggle_difference"]


def bind_strip_keys(bound: Keys, window: QWidget, session: Session) -> None:
    """Let keys choose what is shown beside the well, wherever in the window the focus is."""
    keys: dict[str, Callable[[], object]] = {
        choice.key: partial(session.want_strip, choice.kind) for choice in CHOICES.values()
    }
    keys |= {
        CHOICES["guides"].key: lambda: session.want_strip(series_of(session)),
        "B": partial(flicker, session),
        "D": partial(toggle_difference, session),
        "X": lambda: session.set_crop(next_crop(session.crop)),
        "Escape": partial(show_alone, session),
    }
    for key, act in keys.items():
        bound.bind(window, key, act)


def flicker(session: Session) -> None:
    """Let the query and its control change places, or say why they cannot."""
    why = "" if session.is_flickered else why_no_control(session)
    if why:
        session.say(why)
    else:
        session.flicker()
        session.set_view("well")  # nobody sees it on the plate


def toggle_difference(session: Session) -> None:
    """Show the difference to the plate's controls, or end it, or say why there is none."""
    why = "" if session.difference else why_no_control(session)
    if why:
        session.say(why)
    else:
        session.set_difference(not session.difference)
