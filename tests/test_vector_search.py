"""The nearest vectors against brute force in double precision: ties, blocks, k, odd vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_rxrx3.maps import vector_search as search
from napari_rxrx3.maps.vector_search import NO_DIRECTION, VectorSearch

METRICS = ("cosine", "euclidean")


def true_closeness(vectors: np.ndarray, query: int, metric: str) -> np.ndarray:
    x = vectors.astype("float64")
    if metric == "euclidean":
        return np.asarray(-np.sqrt(((x - x[query]) ** 2).sum(axis=1)))
    norms = np.sqrt((x * x).sum(axis=1))
    lengths = np.where(norms > NO_DIRECTION * np.median(norms), norms, np.inf)
    return np.clip((x * x[query]).sum(axis=1) / lengths / lengths[query], -1, 1)


def brute_force(
    vectors: np.ndarray, query: int, k: int, metric: str, opposite: bool, searched: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compare with everything, sort everything; equal values in the order of rows."""
    near = true_closeness(vectors, query, metric)
    rows = np.flatnonzero(searched)
    # what differs by the rounding of double precision is a tie
    rows = rows[np.argsort(np.round(near if opposite else -near, 12)[rows], kind="stable")][:k]
    return rows, near[rows]


@st.composite
def questions(draw: Any) -> dict[str, Any]:
    """A few whole numbers make many ties, exact ones: all lengths are the same for cosines."""
    n, d, metric = draw(st.integers(1, 60)), draw(st.integers(1, 9)), draw(st.sampled_from(METRICS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    numbers = [-1, 1] if metric == "cosine" else [-2, -1, 0, 1, 2]
    return {
        "vectors": rng.choice(numbers, (n, d)).astype("float32"),
        "query": draw(st.integers(0, n - 1)),
        "k": draw(st.integers(-1, n + 5)),
        "metric": metric,
        "opposite": draw(st.booleans()),
        "searched": rng.random(n) < draw(st.sampled_from([0, 0.5, 1])),
    }


@settings(max_examples=400)
@given(asked=questions(), block=st.integers(1, 70))
def test_it_finds_what_brute_force_finds_ties_and_all(asked: dict[str, Any], block: int) -> None:
    asked["k"], k = max(0, asked["k"]), asked["k"]
    expected, values = brute_force(**asked)
    vectors = asked.pop("vectors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_BLOCK", block)
        patch.setattr(search, "_EXACT", max(1, block // 3))
        rows, closeness = VectorSearch(vectors).nearest(**(asked | {"k": k}))
    np.testing.assert_allclose(closeness, values, rtol=1e-12, atol=1e-15)
    assert rows.tolist() == expected.tolist()


@given(
    seed=st.integers(0, 2**32 - 1),
    metric=st.sampled_from(METRICS),
    opposite=st.booleans(),
    k=st.integers(1, 20),
    strength=st.floats(-10, 10),
)
def test_the_set_is_that_of_brute_force_whatever_the_lengths(
    seed: int, metric: str, opposite: bool, k: int, strength: float
) -> None:
    """Lengths over four decades, and rows that differ by the last place of single precision."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(300, 16)) * 10 ** rng.uniform(-2, 2, (300, 1)) * 2**strength
    vectors[100:140] = vectors[0] * (1 + 1e-7 * rng.normal(size=(40, 16)))
    vectors = vectors.astype("float32")
    searched = np.arange(300) != 7
    for query in (0, 7, 110):
        rows, closeness = VectorSearch(vectors).nearest(query, k, metric, opposite, searched)
        near = true_closeness(vectors, query, metric)
        best = np.sort(near[searched]) if opposite else np.sort(near[searched])[::-1]
        np.testing.assert_allclose(closeness, best[:k], rtol=1e-9)
        np.testing.assert_allclose(closeness, near[rows], rtol=1e-9)
        assert len(set(rows)) == k
        assert searched[rows].all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("extra", [-1, 0, 1, 5000])
def test_blocks_of_the_real_size(metric: str, opposite: bool, extra: int) -> None:
    """Twins at both sides of the border of a block tie, and the first of them comes first."""
    n, border = search._BLOCK + extra, search._BLOCK
    vectors = np.random.default_rng(5).normal(size=(n, 4)).astype("float32")
    twins = np.array([3, border - 4, border - 3, n - 1])
    vectors[twins] = [1, 2, 3, 4]
    asked = -vectors[3] if opposite and metric == "cosine" else vectors[3]
    vectors[10] = 100 * asked if opposite and metric == "euclidean" else asked
    searched = np.ones(n, dtype=bool)
    searched[10] = False
    rows, closeness = VectorSearch(vectors).nearest(10, 4, metric, opposite, searched)
    expected, values = brute_force(vectors, 10, 4, metric, opposite, searched)
    assert rows.tolist() == expected.tolist()
    np.testing.assert_allclose(closeness, values, rtol=1e-12)
    if not (opposite and metric == "euclidean"):
        assert rows.tolist() == twins.tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_a_twin_is_at_no_distance(metric: str) -> None:
    """Single precision would say 0.0005 or so, from the difference of large numbers."""
    vectors = np.random.default_rng(1).normal(100, 1, (50, 128)).astype("float32")
    vectors[30] = vectors[20]
    rows, closeness = VectorSearch(vectors).nearest(20, 2, metric, False, np.ones(50, dtype=bool))
    assert rows.tolist() == [20, 30]
    assert closeness[0] == closeness[1]
    assert closeness[0] == (0 if metric == "euclidean" else pytest.approx(1, abs=1e-15))


def test_what_has_no_direction_is_like_nothing() -> None:
    vectors = np.random.default_rng(2).normal(size=(30, 8)).astype("float32")
    vectors[4] = 0
    vectors[5] *= 1e-7
    found = VectorSearch(vectors)
    everything = np.ones(30, dtype=bool)
    for query in (4, 5):
        rows, closeness = found.nearest(query, 6, "cosine", False, everything)
        assert rows.tolist() == [0, 1, 2, 3, 4, 5]
        assert not closeness.any()
        assert not found.closeness(query, "cosine").any()
    rows, closeness = found.nearest(0, 30, "cosine", False, everything)
    values = dict(zip(rows.tolist(), closeness.tolist(), strict=True))
    assert values[4] == values[5] == 0
    assert found.nearest(4, 1, "euclidean", False, np.arange(30) != 4)[0].tolist() == [5]


@pytest.mark.parametrize("metric", METRICS)
def test_vectors_that_are_no_numbers_come_last(metric: str) -> None:
    vectors = np.random.default_rng(3).normal(size=(40, 8)).astype("float32")
    whole = VectorSearch(vectors.copy()).nearest(0, 40, metric, False, np.ones(40, dtype=bool))[0]
    vectors[[2, 9], 3] = np.nan
    found = VectorSearch(vectors)
    found.inverse_norms = VectorSearch(np.nan_to_num(vectors)).inverse_norms
    rows, closeness = found.nearest(0, 40, metric, False, np.ones(40, dtype=bool))
    assert rows[-2:].tolist() == [2, 9]
    assert np.isnan(closeness[-2:]).all()
    assert rows[:-2].tolist() == [row for row in whole if row not in (2, 9)]
    few = found.nearest(0, 5, metric, False, np.ones(40, dtype=bool))[0]
    assert few.tolist() == rows[:5].tolist()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("middle", [0, 100])
def test_closeness_of_all_agrees_with_the_exact_one(middle: int, metric: str) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.normal(middle, 1, size=(500, 32)).astype("float32")
    vectors[30] = vectors[17] + rng.normal(0, 1e-3, 32).astype("float32")
    found = VectorSearch(vectors)
    rows, exact = found.nearest(17, 500, metric, False, np.ones(500, dtype=bool))
    np.testing.assert_allclose(found.closeness(17, metric)[rows], exact, rtol=1e-9, atol=1e-12)


def test_vectors_of_a_file_are_searched_in_place(tmp_path: Path) -> None:
    vectors = np.random.default_rng(6).normal(size=(200, 8)).astype("float32")
    np.save(tmp_path / "v.npy", vectors)
    found = VectorSearch(np.load(tmp_path / "v.npy", mmap_mode="r"))
    assert found.vectors.base is not None
    everything = np.ones(200, dtype=bool)
    rows, _ = found.nearest(0, 9, "cosine", False, everything)
    assert rows.tolist() == brute_force(vectors, 0, 9, "cosine", False, everything)[0].tolist()


def test_an_unknown_metric_is_refused() -> None:
    found = VectorSearch(np.ones((3, 2), dtype="float32"))
    with pytest.raises(ValueError, match="manhattan"):
        found.nearest(0, 1, "manhattan", False, np.ones(3, dtype=bool))
    with pytest.raises(ValueError, match="manhattan"):
        found.closeness(0, "manhattan")
