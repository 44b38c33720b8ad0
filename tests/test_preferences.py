"""The plugin's page in napari's Preferences: what is chosen there holds at once, and is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari.settings
import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFormLayout, QWidget

import builders as b
from napari_rxrx3._reader import layers_of_well
from napari_rxrx3.core.display import (
    CANDIDATE_SIZES,
    DEFAULT_TAGS,
    LAYER_PANELS,
    PIXEL_SIZES_UM,
    START_RULES,
    TILE_SIZES,
    Display,
    display,
)
from napari_rxrx3.core.stains import PALETTES, PIXEL_SIZE_UM, STAINS, TAG_COLORS
from napari_rxrx3.data.cache.budgets import DISK_BYTES, MEMORY_BYTES, budgets
from napari_rxrx3.dataset import open_dataset
from napari_rxrx3.gui.preferences import follow_preferences, remember_candidates
from window import Window

pytestmark = pytest.mark.detail

GB, MB = 10**9, 10**6
SIZE = 2 * TILE_SIZES[0]
"""Pixels of the wells."""
PLUGIN = "napari-rxrx3"


@pytest.fixture(autouse=True)
def _preferences_of_the_test() -> Iterator[None]:
    before = budgets.disk_bytes, budgets.memory_bytes
    budgets.disk_bytes, budgets.memory_bytes = None, MEMORY_BYTES
    display.reset()
    yield
    budgets.disk_bytes, budgets.memory_bytes = before
    display.reset()


@pytest.fixture
def plugin(plugin_settings: None, npe2pm: Any) -> Any:
    """Only this plugin is installed, and its settings are in a folder of the test."""
    npe2pm.register(PluginManifest.from_distribution(PLUGIN))
    return npe2pm


@dataclass
class Page:
    """The plugin's page, as its user sees it."""

    dialog: QDialog
    qtbot: Any

    def box(self, label: str) -> Any:
        """Return the widget beside a label."""
        (box,) = (box for name, box in self.boxes() if name == label)
        return box

    def boxes(self) -> Iterator[tuple[str, QWidget]]:
        """All labels of the page with the widgets beside them."""
        for form in self.dialog._stack.currentWidget().findChildren(QFormLayout):
            for row in range(form.rowCount()):
                label = form.itemAt(row, QFormLayout.ItemRole.LabelRole)
                if label is not None:
                    box = form.itemAt(row, QFormLayout.ItemRole.FieldRole)
                    yield label.widget().text(), box.widget()

    def enter(self, label: str, text: str) -> None:
        box = self.box(label)
        box.setFocus()
        box.selectAll()
        self.qtbot.keyClicks(box, text)
        self.qtbot.keyClick(box, Qt.Key.Key_Tab)

    def choose(self, label: str, entry: str) -> None:
        """Pick an entry of a combo box with the keyboard."""
        box = self.box(label)
        box.setFocus()
        for _ in range(box.count()):
            self.qtbot.keyClick(box, Qt.Key.Key_Up)
        for _ in range(box.findText(entry)):
            self.qtbot.keyClick(box, Qt.Key.Key_Down)
        assert box.currentText() == entry

    def click(self, button: QWidget) -> None:
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def window(plugin: Any, open_window: Callable[..., Window], tmp_path: Path) -> Window:
    """A window on three wells; its control comes first."""
    screen = b.Screen.of(
        [
            b.control_row("gene-001", 1, "B02"),
            b.guide_row("gene-001", 1, "B03", "PLK1"),
            b.guide_row("gene-001", 1, "B04", "PSMB5"),
        ],
        SIZE,
    )
    follow_preferences()  # as a new window does
    return open_window(screen.write_rxrx3(tmp_path / "screen"), screen)


@pytest.fixture
def page(plugin: Any, open_window: Callable[..., Window], qtbot: Any) -> Page:
    """The page of a window without data."""
    follow_preferences()  # as a new window does
    return open_page(open_window().viewer, qtbot)


def open_page(viewer: Any, qtbot: Any) -> Page:
    """Open the plugin's page as its user does."""
    dialog = viewer.window._open_preferences_dialog()
    (item,) = dialog._list.findItems("RxRx3 Explorer", Qt.MatchFlag.MatchExactly)
    place = dialog._list.visualItemRect(item).center()
    qtbot.mouseClick(dialog._list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    return Page(dialog, qtbot)


def settings() -> Any:
    return napari.settings.get_plugin_settings(PLUGIN)


def start_anew() -> None:
    """Read the settings as napari does when it starts."""
    napari.settings._clear_plugin_settings_cache()
    budgets.disk_bytes = None
    display.reset()
    follow_preferences()


# -- budgets --------------------------------------------------------------------------------------


def test_what_is_typed_on_the_page_is_the_budget(page: Page, qtbot: Any) -> None:
    assert (budgets.disk_bytes, budgets.memory_bytes) == (DISK_BYTES, MEMORY_BYTES)
    disk, memory = page.box("On disk (GB)"), page.box("Images in memory (MB)")
    assert (disk.value(), memory.value()) == (2, 512)
    page.enter("On disk (GB)", "50")
    page.enter("Images in memory (MB)", "1024")
    assert (budgets.disk_bytes, budgets.memory_bytes) == (50 * GB, 1024 * MB)
    qtbot.keyClick(disk, Qt.Key.Key_Up)
    assert budgets.disk_bytes == 51 * GB
    page.click(page.dialog._button_ok)
    assert (budgets.disk_bytes, budgets.memory_bytes) == (51 * GB, 1024 * MB)


@pytest.mark.sample
def test_cancelling_takes_everything_back(page: Page) -> None:
    page.enter("On disk (GB)", "7")
    page.enter("Images in memory (MB)", "100")
    page.enter("Tag 2", "round")
    page.choose("Colors of the stains", "Okabe-Ito")
    assert (budgets.disk_bytes, budgets.memory_bytes) == (7 * GB, 100 * MB)
    assert (display.palette, display.tags[1].name) == ("Okabe-Ito", "round")
    page.click(page.dialog._button_cancel)
    assert (budgets.disk_bytes, budgets.memory_bytes) == (2 * GB, 512 * MB)
    assert (display.palette, display.tags) == (Display().palette, DEFAULT_TAGS)


# -- how things are drawn -------------------------------------------------------------------------


def test_each_preference_says_what_it_is(page: Page) -> None:
    tips = {label: box.toolTip() for label, box in page.boxes()}
    assert {"Colors of the stains", "Width of a pixel (nm)", "Tag 5", "On disk (GB)"} <= set(tips)
    assert all(len(tip) > 40 for tip in tips.values())


@pytest.mark.sample
def test_what_is_chosen_on_the_page_is_kept(page: Page, tmp_path: Path) -> None:
    page.choose("Colors of the stains", "Okabe-Ito")
    page.choose("Contrast at the start", "from this well")
    page.enter("Wells side by side (pixels)", "256")
    page.enter("Width of a pixel (nm)", "325")
    page.enter("Tag 3", "round cells")
    page.choose("Color of tag 3", "orange")
    page.enter("On disk (GB)", "30")
    page.click(page.dialog._button_ok)
    assert "pixel_size_nm: 325" in (tmp_path / f"{PLUGIN}.yaml").read_text()
    start_anew()
    assert (display.palette, display.contrast_rule) == ("Okabe-Ito", "from this well")
    assert (display.tile_size, display.pixel_size_um) == (256, 0.325)
    assert display.tags[2] == ("round cells", TAG_COLORS["orange"])
    assert display.tags[:2] == DEFAULT_TAGS[:2]
    assert (budgets.disk_bytes, budgets.memory_bytes) == (30 * GB, 512 * MB)


def test_restoring_the_defaults_holds_at_once(plugin: Any) -> None:
    follow_preferences()
    settings().display.palette, settings().tags.name_1 = "Okabe-Ito", "good"
    assert (display.palette, display.tags[0].name) == ("Okabe-Ito", "good")
    settings().reset()
    assert (display.palette, display.tags) == (Display().palette, DEFAULT_TAGS)
    settings().display.palette = "Okabe-Ito"
    assert display.palette == "Okabe-Ito"


def test_a_tag_without_a_name_has_its_first_one(page: Page, qtbot: Any) -> None:
    box = page.box("Tag 1")
    page.enter("Tag 1", "good")
    for _ in "good":
        qtbot.keyClick(box, Qt.Key.Key_Backspace)
    assert (box.text(), display.tags[0].name) == ("", DEFAULT_TAGS[0].name)
    page.enter("Tag 1", "  ")
    assert display.tags[0].name == DEFAULT_TAGS[0].name


@pytest.mark.sample
def test_no_number_is_too_small_or_too_large(page: Page) -> None:
    for text in ("1", "0", "-7", "999999999"):
        page.enter("Width of a pixel (nm)", text)
        page.enter("Wells side by side (pixels)", text)
        assert PIXEL_SIZES_UM[0] <= display.pixel_size_um <= PIXEL_SIZES_UM[1]
        assert TILE_SIZES[0] <= display.tile_size <= TILE_SIZES[1]


def test_the_manifest_offers_what_can_be_drawn(plugin: Any) -> None:
    configurations = plugin.get_manifest(PLUGIN).contributions.configurations
    chosen = configurations["display"].properties
    assert chosen["palette"].enum == list(PALETTES)
    assert chosen["contrast_rule"].enum == list(START_RULES)
    assert chosen["layer_panels"].enum == list(LAYER_PANELS)
    size, pixel = chosen["tile_size"], chosen["pixel_size_nm"]
    candidate = chosen["candidate_size"]
    assert (size.minimum, size.maximum) == TILE_SIZES
    assert (candidate.minimum, candidate.maximum) == CANDIDATE_SIZES
    assert (pixel.minimum / 1000, pixel.maximum / 1000) == PIXEL_SIZES_UM
    tags = configurations["tags"].properties
    assert all(tags[f"color_{n}"].enum == list(TAG_COLORS) for n in range(1, 6))
    follow_preferences()
    at_first = Display()
    for name in (
        "palette", "contrast_rule", "tile_size", "pixel_size_um", "tags", "candidate_size",
        "shows_whole_candidates", "layer_panels",
    ):  # fmt: skip
        assert getattr(display, name) == getattr(at_first, name)


def test_how_candidates_are_shown_is_kept_from_the_window(plugin: Any, tmp_path: Path) -> None:
    follow_preferences()
    remember_candidates(180, True)
    assert "candidate_size: 180" in (tmp_path / f"{PLUGIN}.yaml").read_text()
    start_anew()
    assert (display.candidate_size, display.shows_whole_candidates) == (180, True)
    remember_candidates(150, False)
    assert (display.candidate_size, display.shows_whole_candidates) == (150, False)


# -- an open window -------------------------------------------------------------------------------


@pytest.mark.sample
def test_another_palette_recolors_an_open_window(window: Window) -> None:
    before = window.viewer.screenshot(canvas_only=True, flash=False)
    swatches = window.explorer.workspace.stains.grab().toImage()
    page = open_page(window.viewer, window.qtbot)
    page.choose("Colors of the stains", "Okabe-Ito")
    page.click(page.dialog._button_ok)
    for stain, layer in zip(STAINS, window.stains, strict=True):
        expected = PALETTES["Okabe-Ito"].colors[stain.number - 1]
        np.testing.assert_allclose(layer.colormap.colors[-1][:3], expected, atol=1e-6)
    assert not np.array_equal(window.viewer.screenshot(canvas_only=True, flash=False), before)
    assert window.explorer.workspace.stains.grab().toImage() != swatches
    window.click_well("B03")
    assert window.shows("gene-001_1_B03")


def test_a_stain_alone_stays_gray_and_comes_back_in_the_new_color(window: Window) -> None:
    layers = window.explorer.workspace.layers
    layers.show_alone(2)
    settings().display.palette = "Okabe-Ito"
    assert window.stains[1].colormap.name == "gray"
    layers.show_alone(2)
    color = window.stains[1].colormap.colors[-1][:3]
    np.testing.assert_allclose(color, PALETTES["Okabe-Ito"].colors[1], atol=1e-6)


def test_another_pixel_size_changes_micrometers_and_no_pixel(window: Window) -> None:
    assert window.stains[0].scale.tolist() == [PIXEL_SIZE_UM] * 2
    zoom = window.viewer.scene.camera.zoom
    settings().display.pixel_size_nm = 1300
    window.settle()
    assert window.stains[0].scale.tolist() == [1.3] * 2
    assert window.viewer.scene.camera.zoom == pytest.approx(zoom / 2, rel=0.05)
    assert window.shows("gene-001_1_B02")


def test_another_pixel_size_changes_the_overview_too(window: Window) -> None:
    window.session.set_view("plate")
    window.settle()
    before = window.stains[0].scale[0]
    settings().display.pixel_size_nm = 1300
    window.settle()
    assert window.stains[0].scale[0] == pytest.approx(2 * before)


def test_another_tile_size_is_read_at_once(window: Window) -> None:
    window.session.show([(well, well) for well in window.screen.ids])
    window.settle()
    assert window.explorer.workspace.picture.mosaic.tile_shape == (SIZE, SIZE)
    settings().display.tile_size = SIZE // 2
    window.settle()
    assert window.explorer.workspace.picture.mosaic.tile_shape == (SIZE // 2, SIZE // 2)
    window.session.set_beside_control(False)
    window.click_well("B04")
    assert window.shows("gene-001_1_B04")  # alone, a well is shown in full


def test_tags_have_other_names_and_colors_at_once(window: Window) -> None:
    window.turn_to(window.explorer.hits)
    page = open_page(window.viewer, window.qtbot)
    page.enter("Tag 2", "round cells")
    page.choose("Color of tag 2", "gray")
    page.click(page.dialog._button_ok)
    button = window.explorer.hits.tags.buttons[1]
    assert (button.tag.name, button.tag.color) == ("round cells", TAG_COLORS["gray"])
    assert "round cells" in button.toolTip()


def test_the_contrast_rule_holds_for_open_and_for_new_windows(
    plugin: Any, new_window: Callable[..., Window]
) -> None:
    window = new_window()
    settings().display.contrast_rule = "from this well"
    assert window.session.contrast_rule == "from this well"
    assert window.explorer.workspace.stains.rule == "from this well"
    assert new_window().session.contrast_rule == "from this well"


def test_a_window_that_was_closed_is_left_alone(
    plugin: Any, new_window: Callable[..., Window], qtbot: Any
) -> None:
    window = new_window()
    viewer, session = window.viewer, window.session
    n_before = len(display.palette_changed)
    del window
    closed = viewer.window._qt_window
    viewer.close()
    gone: list[int] = []
    closed.destroyed.connect(lambda: gone.append(1))
    closed.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    assert len(display.palette_changed) < n_before
    display.contrast_rule = "from this well"
    assert session.contrast_rule == "from controls"


# -- settings that are damaged, or not there ------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "cache: 3",
        "cache: {disk_gigabytes: much}",
        "[",
        "cache:",
        "display: {palette: Rainbow}",
        "display: {pixel_size_nm: -5, tile_size: 7}",
        "display: {candidate_size: 5000, whole_candidates: maybe}",
        "tags: {color_1: ultraviolet}",
        "tags: {name_1: 5}",
        "display: {contrast_rule: by hand}",
        "nothing: {known: 1}",
    ],
)
def test_settings_that_are_damaged_leave_the_defaults(
    plugin: Any, tmp_path: Path, text: str
) -> None:
    (tmp_path / f"{PLUGIN}.yaml").write_text(text)
    follow_preferences()
    assert budgets.memory_bytes == 512 * MB
    assert budgets.disk_bytes in (None, 2 * GB)
    at_first = Display()
    for name in (
        "palette", "contrast_rule", "tile_size", "pixel_size_um", "tags", "candidate_size",
        "shows_whole_candidates",
    ):  # fmt: skip
        assert getattr(display, name) == getattr(at_first, name)


def test_without_such_a_page_everything_stays(plugin_settings: None) -> None:
    budgets.memory_bytes, display.tile_size = 77 * MB, 100
    follow_preferences()
    assert (budgets.disk_bytes, budgets.memory_bytes) == (None, 77 * MB)
    assert display.tile_size == 100


def test_a_disabled_plugin_has_no_page(plugin: Any) -> None:
    plugin.disable(PLUGIN)
    follow_preferences()
    assert budgets.disk_bytes is None


def test_many_windows_follow_once(plugin: Any) -> None:
    for _ in range(3):
        follow_preferences()
    heard: list[int] = []
    budgets.memory_changed.connect(heard.append)
    settings().cache.memory_megabytes = 600
    budgets.memory_changed.disconnect(heard.append)
    assert heard == [600 * MB]


def test_what_napari_opens_itself_has_the_colors_and_sizes_too(plugin: Any, tmp_path: Path) -> None:
    screen = b.Screen.of([b.control_row("gene-001", 1, "B02")])
    folder = screen.write_rxrx3(tmp_path / "screen")
    settings().display.palette = "Okabe-Ito"
    settings().display.pixel_size_nm = 1300
    layers = layers_of_well(open_dataset(folder), "gene-001_1_B02")
    for stain, (_, options, _) in zip(STAINS, layers, strict=True):
        color = options["colormap"].colors[-1][:3]
        np.testing.assert_allclose(color, PALETTES["Okabe-Ito"].colors[stain.number - 1], atol=1e-6)
        assert options["scale"] == (1.3, 1.3)
