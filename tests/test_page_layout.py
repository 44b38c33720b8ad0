"""The page of a figure: nothing of it overlaps, nothing is cut off, and no word is lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_rxrx3.core.mosaic import Tile
from napari_rxrx3.figures.layout import Content, labels_in, lay_out, round_length, wrapped
from napari_rxrx3.figures.tiles import fitted


def width_of(text: str, size: float) -> float:
    return 0.6 * size * len(text)


@settings(deadline=None)
@given(
    st.lists(st.text("ab µ-\n", min_size=1, max_size=30), min_size=1, max_size=12), st.floats(8, 90)
)
def test_no_word_is_lost_or_too_wide(labels: list[str], width: float) -> None:
    for label in (label.replace("\n", " ") for label in labels):
        lines = wrapped(label, 7, width, width_of)
        assert "".join(lines).replace(" ", "") == label.replace(" ", "")
        assert all(width_of(line, 7) <= max(width, width_of("a", 7)) for line in lines)
    fitting = labels_in(labels, width, width_of)
    if fitting is not None:
        size, lines_of = fitting
        for label, lines in zip(labels, lines_of, strict=True):
            assert [word for line in lines for word in line.split()] == label.split()
            assert len(lines) <= 4
            assert all(width_of(line, size) <= width for line in lines)


@settings(deadline=None)
@given(
    st.integers(1, 7),
    st.integers(1, 9),
    st.sampled_from([(64, 64), (64, 96), (300, 200)]),
    st.sampled_from([50, 72, 300, 1200]),
    st.floats(120, 900),
)
def test_tiles_do_not_overlap_and_are_on_the_page(
    rows: int, columns: int, shape: tuple[int, int], dpi: int, width: float
) -> None:
    tiles = tuple(Tile("w", f"guide {r} {c}", r, c) for r in range(rows) for c in range(columns))
    content = Content(tiles, shape, 0.65, "title", caption=("a caption " * 30,))
    page = lay_out(content, width, width_of, 72 / dpi)
    assert page.width <= width + 72 / dpi
    pixel, (first, *_) = 72 / dpi, page.boxes
    slack = pixel / first.height * (1 + first.width / first.height) + 1e-6  # whole pixels
    for box, tile in zip(page.boxes, tiles, strict=True):
        assert 0 <= box.left < box.left + box.width <= page.width
        assert 0 <= box.top < box.top + box.height <= page.height
        assert box.width / box.height == pytest.approx(shape[1] / shape[0], abs=slack)
        for other, there in zip(page.boxes, tiles, strict=True):
            if there.column > tile.column:
                assert other.left >= box.left + box.width
            if there.row > tile.row:
                assert other.top >= box.top + box.height
        assert box.left * dpi / 72 == pytest.approx(round(box.left * dpi / 72), abs=1e-6)
    assert max(line.top for line in page.lines) <= page.height
    bar, first = page.bar.box, page.boxes[0]
    assert bar.width / first.width == pytest.approx(content.bar_share)
    assert first.left <= bar.left
    assert bar.left + bar.width <= first.left + first.width


@pytest.mark.parametrize(
    ("longest", "length"), [(99, 50), (100, 100), (49.9, 20), (1.99, 1), (0.5, 0.5), (7, 5)]
)
def test_scale_bars_have_round_lengths(longest: float, length: float) -> None:
    assert round_length(longest) == pytest.approx(length)


@pytest.mark.parametrize("width", [150, 300, 500])
def test_layout_leaves_room_for_a_curve_with_its_numbers_and_words(width: float) -> None:
    content = Content((Tile("w", "a"),), (64, 64), 0.65, curve="above it", caption=("below it",))
    page = lay_out(content, width, width_of, 0.24)
    plot, (above, below) = page.plot, page.lines[-2:]
    assert plot is not None
    assert (above.text, below.text) == ("above it", "below it")
    assert page.boxes[0].top + page.boxes[0].height < above.top - above.size
    assert above.top <= plot.top
    numbers = 7 * 1.3
    assert plot.top + plot.height + 2 * numbers <= below.top - 0.97 * below.size + 1
    assert 20 <= plot.left <= plot.left + plot.width <= page.width
    assert below.top <= page.height


@pytest.mark.parametrize("width", [150, 300])
def test_layout_of_paragraphs_has_no_line_on_another(width: float) -> None:
    content = Content((Tile("w", "a"),), (64, 64), 0.65, "title", caption=("a caption " * 30,) * 2)
    lines = lay_out(content, width, width_of, 0.24).lines
    assert len(lines) > 10
    for line, following in pairwise(lines[1:]):
        assert line.size <= following.top - line.top < 2 * line.size


def test_tiles_get_smaller_by_area_means_and_larger_without_steps() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (12, 18, 3), dtype=np.uint8)
    assert fitted(picture, (12, 18)) is picture
    smaller = fitted(picture, (4, 6))
    means = picture.reshape(4, 3, 6, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(smaller, means, atol=1)
    slope = np.repeat(np.arange(0, 240, 20, dtype=np.uint8)[None, :, None], 12, 0).repeat(3, 2)
    larger = fitted(slope, (48, 48))[24, :, 0].astype(int)
    assert larger.shape == (48,)
    assert (np.diff(larger) <= 6).all()  # a fourth of a step, not a whole one
    assert (np.diff(larger) >= 0).all()
