"""What a user can do in the window, each with dice for what is left open.

An action takes the monkey and returns in words what it did; "" if there was nothing to do it to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, Qt

from builders import ROWS
from monkey.files import (
    cut_a_file_short,
    give_files_back,
    remove_what_is_kept,
    take_a_file_away,
)
from monkey.on_the_map import (
    draw_around_points,
    point_at_a_picture,
    point_at_pairs,
    press_a_key_of_the_map,
    turn_a_page,
)
from mouse import wheel
from napari_rxrx3.core.display import display
from napari_rxrx3.core.plate import N_COLUMNS
from napari_rxrx3.core.stains import PALETTES
from napari_rxrx3.gui.neighbors.candidate_lists import LISTS
from napari_rxrx3.gui.strips.well_drag import mime_of

if TYPE_CHECKING:
    from monkey.monkey import Monkey

__all__ = ["ACTIONS", "Action"]

Action = Callable[["Monkey"], str]

LEFT, Key = Qt.MouseButton.LeftButton, Qt.Key
NONE, SHIFT, CONTROL, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)
JUNK = (
    "",
    "zzz",
    "<b>PLK1</b>",
    "PLK1; DROP",
    "é\u202e\u0000x",
    "AG01",
    "a1",
    "D5",
    "  ",
    "@",
    "*",
)
_WALK = (
    ["Left", "Right", "Up", "Down", "Home", "End", "PageUp", "PageDown", "Return", "Space"],
    (NONE, NONE, NONE, SHIFT),
)
_STRIPS = "CNRGPWBDX"


# --- the plate -----------------------------------------------------------------------------------


def click_a_well(monkey: Monkey) -> str:
    """Also where there is none, and with keys held down."""
    row, column = monkey.a_place()
    modifier = monkey.dice.choice((NONE, NONE, NONE, CONTROL, SHIFT))
    place = monkey.map.wellRect(row * N_COLUMNS + column).center()
    monkey.click(monkey.map, place, modifier, twice=monkey.dice.random() < 0.1)
    return f"{ROWS[row]}{column + 1:02d} {modifier}"


def drag_over_wells(monkey: Monkey) -> str:
    corners = [monkey.map.wellRect(r * N_COLUMNS + c).center() for r, c in monkey.two_places()]
    monkey.drag(monkey.map, *corners, SHIFT)
    return f"{corners}"


def walk_on_the_plate(monkey: Monkey) -> str:
    names, modifiers = _WALK
    name = monkey.dice.choice(names)
    for _ in range(monkey.dice.choice((1, 1, 1, 6))):
        monkey.press(monkey.map, getattr(Key, f"Key_{name}"), monkey.dice.choice(modifiers))
    return name


def drop_wells(monkey: Monkey) -> str:
    """Drag wells from the map into the canvas."""
    dropped = monkey.drop(monkey.canvas, mime_of(some := monkey.some_wells()))
    return f"{some} {'taken' if dropped else 'refused'}"


def step_a_plate(monkey: Monkey) -> str:
    panel = monkey.explorer.plate_panel
    button = monkey.dice.choice((panel.previous, panel.next))
    monkey.click(button)
    return "next" if button is panel.next else "previous"


# --- side by side, stains, views -----------------------------------------------------------------


def arrange(monkey: Monkey) -> str:
    name = monkey.dice.choice((*_STRIPS, "Escape"))
    monkey.press(monkey.a_place_for_keys(), getattr(Key, f"Key_{name}"))
    return name


def press_a_digit(monkey: Monkey) -> str:
    """Stains, the plate view; in the tab of hits, tags."""
    digit = monkey.dice.randrange(7)
    modifier = monkey.dice.choice((NONE, NONE, SHIFT))
    monkey.press(monkey.a_place_for_keys(), getattr(Key, f"Key_{digit}"), modifier)
    return f"{digit} {modifier}"


def show_all_stains(monkey: Monkey) -> str:
    for number, shown in enumerate(monkey.workspace.layers.shown, start=1):
        if not shown:
            monkey.workspace.layers.toggle(number)
    return "all"


def turn_to_the_plate(monkey: Monkey) -> str:
    monkey.press(monkey.map, Key.Key_0)
    return monkey.session.view


def zoom(monkey: Monkey) -> str:
    """With the wheel over the canvas, as often as a finger turns it."""
    canvas = monkey.canvas
    if canvas.width() < 2:
        return ""
    place, turn = monkey.a_point_in(canvas), monkey.dice.choice((1, -1, 4, -4))
    modifier = monkey.dice.choice((NONE, NONE, CONTROL))
    for _ in range(monkey.dice.randrange(1, 6)):
        wheel(canvas, QPointF(place), turn, modifier)
    return f"{turn} at {place}"


def pan(monkey: Monkey) -> str:
    canvas = monkey.canvas
    if canvas.width() < 2:
        return ""
    ends = monkey.a_point_in(canvas), monkey.a_point_in(canvas)
    monkey.drag(canvas, *ends)
    return f"{ends}"


def reset_the_view(monkey: Monkey) -> str:
    monkey.viewer.reset_view()
    return "whole"


def point_at_the_canvas(monkey: Monkey) -> str:
    if monkey.canvas.width() < 2:
        return ""
    place = monkey.a_point_in(monkey.canvas)
    if twice := monkey.dice.random() < 0.4:
        monkey.click(monkey.canvas, place, twice=True)
    else:
        monkey.bot.mouseMove(monkey.canvas, place)
    return f"{place} {'double-click' if twice else 'move'}"


def turn_the_contrast(monkey: Monkey) -> str:
    """By the sliders of napari's own layer controls."""
    layers = [layer for layer in monkey.viewer.layers if hasattr(layer, "contrast_limits")]
    if not layers:
        return ""
    layer = monkey.dice.choice(layers)
    low, high = layer.contrast_limits_range
    layer.contrast_limits = (low, low + (high - low) * monkey.dice.uniform(0.1, 1))
    return f"{layer.name} {layer.contrast_limits}"


def take_a_layer_away(monkey: Monkey) -> str:
    """The user may delete what the plugin has made."""
    if not len(monkey.viewer.layers):
        return ""
    layer = monkey.dice.choice(list(monkey.viewer.layers))
    monkey.viewer.layers.remove(layer)
    return str(layer.name)


# --- finding, asking -----------------------------------------------------------------------------


def find(monkey: Monkey) -> str:
    text = monkey.dice.choice((*monkey.names, *JUNK))
    box = monkey.explorer.find
    monkey.type(box, text)
    if text and monkey.dice.random() < 0.8:
        monkey.press(box, Key.Key_Return)
    elif not text:
        box.clear()
    return repr(text)


def ask_for_neighbors(monkey: Monkey) -> str:
    text = monkey.dice.choice((*monkey.names, *JUNK))
    panel = monkey.neighbors.panel
    key = panel.question.key
    monkey.neighbors.tabs.setCurrentWidget(panel)
    monkey.type(key, text)
    monkey.press(key, Key.Key_Return)
    return repr(text)


def look_at_a_neighbor(monkey: Monkey) -> str:
    """A click shows it beside the query, a double-click asks for it."""
    monkey.neighbors.tabs.setCurrentWidget(monkey.neighbors.panel)
    panel = monkey.neighbors.panel.candidates
    as_pictures = monkey.dice.random() < 0.5
    panel._turn_to(panel.strip if as_pictures else panel.table)
    return monkey.click_a_row(panel.strip.view if as_pictures else panel.table)


def list_other_candidates(monkey: Monkey) -> str:
    name = monkey.dice.choice(tuple(LISTS))
    monkey.neighbors.panel.candidates.show_list(name)
    return name


def go_back(monkey: Monkey) -> str:
    key = monkey.dice.choice((Key.Key_Left, Key.Key_Right))
    monkey.press(monkey.map, key, ALT)
    return f"{key}"


# --- hits ----------------------------------------------------------------------------------------


def tag(monkey: Monkey) -> str:
    monkey.press(monkey.map, Key.Key_H)
    name = monkey.dice.choice(("1", "2", "3", "4", "5", "0", "BracketLeft", "BracketRight", "H"))
    monkey.press(monkey.explorer.hits.table, getattr(Key, f"Key_{name}"))
    return name


def take_back(monkey: Monkey) -> str:
    monkey.press(monkey.map, Key.Key_H)
    modifiers = monkey.dice.choice((CONTROL, CONTROL | SHIFT))
    monkey.press(monkey.explorer.hits.table, Key.Key_Z, modifiers)
    return "undo" if modifiers == CONTROL else "redo"


def note(monkey: Monkey) -> str:
    hits, text = monkey.explorer.hits, monkey.dice.choice(("round cells", *JUNK))
    monkey.explorer.tabs.setCurrentWidget(hits)
    if not hits.note.isEnabled():
        return ""
    monkey.type(hits.note, text)
    end = monkey.dice.choice((Key.Key_Return, Key.Key_Escape, None))
    if end is not None:
        monkey.press(hits.note, end)
    return repr(text)


def look_at_a_hit(monkey: Monkey) -> str:
    monkey.explorer.tabs.setCurrentWidget(monkey.explorer.hits)
    return monkey.click_a_row(monkey.explorer.hits.table)


# --- anything that can be clicked ----------------------------------------------------------------


def click_any_button(monkey: Monkey) -> str:
    return monkey.click_any_button()


def choose_anything(monkey: Monkey) -> str:
    return monkey.choose_in_any_box()


def trigger_anything(monkey: Monkey) -> str:
    return monkey.trigger_in_any_menu()


def turn_to_a_tab(monkey: Monkey) -> str:
    tabs = monkey.dice.choice((monkey.explorer.tabs, monkey.neighbors.tabs))
    tabs.setCurrentIndex(monkey.dice.randrange(tabs.count()))
    return str(tabs.tabText(tabs.currentIndex()))


def ask_for_the_keys(monkey: Monkey) -> str:
    monkey.press(monkey.map, Key.Key_Question, SHIFT)
    return "?"


def stop_what_is_running(monkey: Monkey) -> str:
    monkey.workspace.tasks.cancel_shown()
    return "stopped"


# --- the window ----------------------------------------------------------------------------------


def resize(monkey: Monkey) -> str:
    width, height = monkey.dice.randrange(700, 1600), monkey.dice.randrange(500, 1100)
    monkey.viewer.window.resize(width, height)
    return f"{width} x {height}"


def change_the_theme(monkey: Monkey) -> str:
    monkey.viewer.theme = monkey.dice.choice(("dark", "light"))
    return str(monkey.viewer.theme)


def change_a_preference(monkey: Monkey) -> str:
    if monkey.dice.random() < 0.5:
        display.palette = monkey.dice.choice(list(PALETTES))
        return str(display.palette)
    display.tile_size = monkey.dice.choice((128, 256, 512))
    return f"tiles of {display.tile_size}"


def turn_to_three_dimensions(monkey: Monkey) -> str:
    monkey.viewer.dims.ndisplay = 5 - monkey.viewer.dims.ndisplay
    return str(monkey.viewer.dims.ndisplay)


def close_the_dock(monkey: Monkey) -> str:
    monkey.close_the_dock()
    if monkey.dice.random() < 0.5:
        monkey.pause()
    monkey.open_the_dock()
    return "and opened it"


def open_another(monkey: Monkey) -> str:
    return monkey.open_another()


def open_what_is_not_there(monkey: Monkey) -> str:
    path = monkey.dice.choice(("", "no such folder", __file__, "http://", "\u0000", "~nobody/x"))
    monkey.explorer.open_path(path)
    return repr(path)


ACTIONS: dict[Action, float] = {
    click_a_well: 14,
    drag_over_wells: 2,
    drop_wells: 1,
    walk_on_the_plate: 8,
    step_a_plate: 6,
    arrange: 12,
    press_a_digit: 4,
    show_all_stains: 1,
    turn_to_the_plate: 3,
    zoom: 4,
    pan: 2,
    reset_the_view: 1,
    point_at_the_canvas: 4,
    turn_the_contrast: 1,
    take_a_layer_away: 0.2,
    find: 4,
    ask_for_neighbors: 3,
    look_at_a_neighbor: 5,
    list_other_candidates: 3,
    go_back: 3,
    tag: 5,
    take_back: 2,
    note: 2,
    look_at_a_hit: 2,
    turn_a_page: 3,
    draw_around_points: 3,
    point_at_a_picture: 3,
    point_at_pairs: 1,
    press_a_key_of_the_map: 2,
    click_any_button: 8,
    choose_anything: 6,
    trigger_anything: 2,
    turn_to_a_tab: 5,
    ask_for_the_keys: 1,
    stop_what_is_running: 1,
    resize: 1,
    change_the_theme: 0.5,
    change_a_preference: 1,
    turn_to_three_dimensions: 0.5,
    close_the_dock: 2,
    open_another: 3,
    open_what_is_not_there: 1,
    take_a_file_away: 1,
    cut_a_file_short: 0.5,
    give_files_back: 1,
    remove_what_is_kept: 1,
}
"""With how likely each is, beside the others."""
