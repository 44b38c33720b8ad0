"""How things are drawn: values, refusals, signals, and colors that all people tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from napari_rxrx3.core.contrast import STRENGTH, composite
from napari_rxrx3.core.display import (
    DEFAULT_TAGS,
    START_RULES,
    Display,
    TagLook,
    display,
    stain_color,
)
from napari_rxrx3.core.stains import OWN, PALETTES, PIXEL_SIZE_UM, STAINS, TAG_COLORS, rgb
from napari_rxrx3.session import CONTRAST_RULES
from sight import SIGHTS

SAFE = [name for name in PALETTES if name != OWN]

TO_XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
WHITE = TO_XYZ.sum(axis=1)


def seen(color: tuple[float, float, float], sight: str) -> np.ndarray[Any, Any]:
    """What a color looks like to someone, as lightness and two hues (CIELAB)."""
    srgb = np.asarray(color)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(SIGHTS[sight] @ linear, 0, 1) / WHITE
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def least_difference(colors: Any, sight: str) -> float:
    """Difference of the two colors that are most alike; 2.3 is just noticed side by side."""
    looks = [seen(color, sight) for color in colors]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(looks, 2))


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    display.reset()
    yield
    display.reset()


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("name", SAFE)
def test_the_stains_of_a_safe_palette_differ_for_everybody(name: str, sight: str) -> None:
    assert least_difference(PALETTES[name].colors, sight) > 15


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_tags_differ_for_everybody(sight: str) -> None:
    assert least_difference([rgb(tag.color) for tag in DEFAULT_TAGS], sight) > 15


def test_the_own_colors_are_why_there_are_others() -> None:
    assert least_difference(PALETTES[OWN].colors, "all cones") > 50
    assert least_difference(PALETTES[OWN].colors, "protanopia") < 5


@pytest.mark.parametrize("name", PALETTES)
def test_every_stain_of_a_palette_shows_on_black(name: str) -> None:
    palette = PALETTES[name]
    assert len(palette.colors) == len(STAINS)
    assert palette.source
    assert all(seen(color, "all cones")[0] > 45 for color in palette.colors)


def test_at_first_everything_is_as_the_data_set_has_it() -> None:
    assert [stain_color(stain) for stain in STAINS] == [stain.color for stain in STAINS]
    assert display.pixel_size_um == PIXEL_SIZE_UM
    assert display.contrast_rule == CONTRAST_RULES[0]
    assert set(START_RULES) < set(CONTRAST_RULES)
    assert {tag.color for tag in DEFAULT_TAGS} <= set(TAG_COLORS.values())


@pytest.mark.parametrize(
    ("name", "value", "signal"),
    [
        ("palette", "Okabe-Ito", "palette_changed"),
        ("pixel_size_um", 0.325, "pixel_size_changed"),
        ("tile_size", 256, "tile_size_changed"),
        ("candidate_size", 180, "candidate_size_changed"),
        ("shows_whole_candidates", True, "whole_candidates_changed"),
        ("layer_panels", "folded", "layer_panels_changed"),
        ("contrast_rule", "from this well", "contrast_rule_changed"),
    ],
)
def test_a_change_is_told_once(name: str, value: object, signal: str) -> None:
    own, heard = Display(), []
    getattr(own, signal).connect(heard.append)
    setattr(own, name, value)
    setattr(own, name, value)
    assert getattr(own, name) == value
    assert heard == [value]
    own.reset()
    assert heard == [value, getattr(Display(), name)]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("palette", "Rainbow", "There is no palette 'Rainbow', only RxRx3, "),
        ("pixel_size_um", 0.0, "A pixel of 0.0 µm is not one of 0.01 to 100 µm."),
        ("pixel_size_um", float("nan"), "A pixel of nan µm is not one of 0.01 to 100 µm."),
        ("tile_size", 4, "A tile of 4 pixels is not one of 64 to 2048."),
        (
            "layer_panels",
            "gone",
            "Panels of layers are as there is room, shown, folded, not 'gone'.",
        ),
        ("candidate_size", 95, "A candidate of 95 points is not one of 96 to 320."),
        ("contrast_rule", "by hand", "There is no contrast 'by hand', only from controls, "),
    ],
)
def test_a_bad_value_is_refused_and_nothing_changes(
    name: str, value: object, sentence: str
) -> None:
    own = Display()
    before = getattr(own, name)
    with pytest.raises(ValueError, match=f"^{sentence}"):
        setattr(own, name, value)
    assert getattr(own, name) == before


def test_tags_are_renamed_and_recolored_one_by_one() -> None:
    heard: list[tuple[TagLook, ...]] = []
    display.tags_changed.connect(heard.append)
    display.set_tag(2, name="  round\ncells ")
    display.set_tag(2, color="#000000")
    display.set_tag(2, name="round cells")
    assert display.tags[1] == ("round cells", "#000000")
    assert display.tags[:1] + display.tags[2:] == DEFAULT_TAGS[:1] + DEFAULT_TAGS[2:]
    assert len(heard) == 2
    display.tags_changed.disconnect(heard.append)


def test_a_tag_always_has_a_name_and_a_color() -> None:
    display.set_tag(1, name="  ")
    assert display.tags[0].name == DEFAULT_TAGS[0].name
    display.set_tag(1, name="x" * 500)
    assert len(display.tags[0].name) < 30
    for color in ("red", "#12", "#12345g", "", "123456"):
        with pytest.raises(ValueError, match="is not a color such as #e69f00"):
            display.set_tag(1, color=color)
    assert display.tags[0].color == DEFAULT_TAGS[0].color
    with pytest.raises(ValueError, match="There is no tag 6, only 1 to 5"):
        display.set_tag(6, name="six")


def test_a_composite_has_the_colors_of_the_palette() -> None:
    display.palette = "Okabe-Ito"
    white = np.full((1, 1), 255, dtype=np.uint8)
    for stain in STAINS:
        planes = [white if other is stain else None for other in STAINS]
        picture = composite(planes, ((0, 255),) * 6)
        expected = np.array(PALETTES["Okabe-Ito"].colors[stain.number - 1]) * STRENGTH * 255
        np.testing.assert_allclose(picture[0, 0], expected, atol=1)
