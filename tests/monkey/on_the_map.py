"""What a user can do in the tab of the map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QWidget

from mouse import drag, hover, wheel

if TYPE_CHECKING:
    from monkey.monkey import Monkey

__all__ = [
    "draw_around_points",
    "point_at_a_picture",
    "point_at_pairs",
    "press_a_key_of_the_map",
    "turn_a_page",
]

_KEYS = ("Plus", "Minus", "0", "Left", "Right", "Up", "Down", "Return", "Escape")


def turn_a_page(monkey: Monkey) -> str:
    """To all or the heat map; also into a window of its own and back."""
    panel = _the_panel(monkey)
    pages = tuple(panel.pages.buttons.values())
    button = monkey.dice.choice((*pages, *pages, panel.detach_button))
    if button is panel.detach_button:
        button.click()
        return "larger"
    monkey.click(button)
    return str(button.text())


def draw_around_points(monkey: Monkey) -> str:
    """A lasso or a box; with Shift more of them, with Ctrl fewer."""
    page = _the_panel(monkey, "map").map_page
    mode = monkey.dice.choice(("lasso", "box", "pan"))
    monkey.click(page.controls.modes[mode])
    modifiers = Qt.KeyboardModifier
    modifier = monkey.dice.choice(
        (modifiers.NoModifier, modifiers.ShiftModifier, modifiers.ControlModifier)
    )
    middle, radius = monkey.a_point_in(page.view), monkey.dice.choice((5, 60, 500))
    turns = [2 * math.pi * i / 12 for i in range(monkey.dice.choice((2, 12)))]
    drag(page.view, [_at(QPointF(middle), radius, turn) for turn in turns], modifier=modifier)
    return f"{mode} of {radius} px {modifier}"


def point_at_a_picture(monkey: Monkey) -> str:
    """At points and cells: rest there, turn the wheel, or click."""
    return _point_at(monkey, _picture(monkey))


def point_at_pairs(monkey: Monkey) -> str:
    """In the window about the embedding, which is closed again."""
    monkey.neighbors.show_embedding()
    window = monkey.neighbors.embedding
    window.compare.pages.show_page("pairs")
    done = _point_at(monkey, window.compare.pairs.plot)
    window.close()
    return done


def _point_at(monkey: Monkey, view: Any) -> str:
    for _ in range(monkey.dice.randrange(1, 6)):
        place = QPointF(monkey.a_point_in(view))
        hover(view, place)
        if monkey.dice.random() < 0.3:
            wheel(view, place, monkey.dice.choice((-3, 1, 3)))
    if monkey.dice.random() < 0.5:
        drag(view, [place])
    return type(view).__name__


def press_a_key_of_the_map(monkey: Monkey) -> str:
    name = monkey.dice.choice(_KEYS)
    monkey.press(_picture(monkey), getattr(Qt.Key, f"Key_{name}"))
    return name


def _picture(monkey: Monkey) -> QWidget:
    panel = _the_panel(monkey)
    view: QWidget = panel.pages.page(panel.pages.current).view
    return view


def _the_panel(monkey: Monkey, page: str = "") -> Any:
    panel = monkey.neighbors.map
    monkey.neighbors.tabs.setCurrentWidget(panel)
    panel.pages.show_page(page or panel.pages.current)
    return panel


def _at(middle: QPointF, radius: float, turn: float) -> QPointF:
    return middle + QPointF(radius * math.cos(turn), radius * math.sin(turn))
