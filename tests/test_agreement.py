"""Two reviewers: how far they agree, and about what they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import HitsError
from napari_rxrx3.hits.agreement import compare_reviewers, other_reviewer
from napari_rxrx3.hits.hit import Hit
from napari_rxrx3.hits.review import open_review

Tags = dict[str, int]


def hits(tags: Tags) -> dict[str, Hit]:
    return {well: Hit(well, "G", tag, f"note {tag}") for well, tag in tags.items()}


def of_counts(counts: list[list[int]]) -> tuple[Tags, Tags]:
    """Tags of two reviewers, by how many wells got which two (tags from 1)."""
    pairs = [
        (a, c) for a, row in enumerate(counts, 1) for c, n in enumerate(row, 1) for _ in range(n)
    ]
    first, second = ({str(i): pair[k] for i, pair in enumerate(pairs)} for k in (0, 1))
    return first, second


@pytest.mark.parametrize(
    ("counts", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),  # by hand: (0.70 - 0.50) / (1 - 0.50)
        ([[45, 15], [25, 15]], (0.60 - 0.54) / (1 - 0.54)),
        ([[10, 0], [0, 3]], 1.0),
        ([[0, 5], [5, 0]], -1.0),
        ([[5, 5], [5, 5]], 0.0),
    ],
)
def test_kappa_of_known_tables(counts: list[list[int]], kappa: float) -> None:
    first, second = of_counts(counts)
    found = compare_reviewers(hits(first), hits(second))
    assert found.kappa == pytest.approx(kappa)
    assert found.counts.loc[1:2, 1:2].to_numpy().tolist() == counts
    assert found.n_agree == np.trace(np.array(counts))
    assert found.n_compared == found.n_both == np.sum(counts)


TAGGED = st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(0, 5))


@given(TAGGED, TAGGED)
def test_kappa_is_that_of_scikit_learn(first: Tags, second: Tags) -> None:
    found = compare_reviewers(hits(first), hits(second))
    both = [well for well in first if first[well] and second.get(well)]
    mine, theirs = ([tags[well] for well in both] for tags in (first, second))
    if len(set(mine + theirs)) < 2:
        assert np.isnan(found.kappa)
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(mine, theirs))
    assert found.kappa == pytest.approx(
        compare_reviewers(hits(second), hits(first)).kappa, nan_ok=True
    )


def test_what_only_one_has_tagged_is_a_disagreement_but_not_in_kappa() -> None:
    found = compare_reviewers(
        hits({"a": 1, "b": 2, "c": 3, "d": 0}), hits({"b": 2, "c": 1, "e": 5, "d": 0})
    )
    assert (found.n_both, found.n_first, found.n_second, found.n_agree) == (2, 1, 1, 1)
    listed = found.disagreements.set_index("well_id")
    assert listed[["first", "second"]].T.to_dict("list") == {"a": [1, 0], "c": [3, 1], "e": [0, 5]}
    assert listed.loc["c", ["perturbation", "first_note", "second_note"]].tolist() == [
        *("G", "note 3", "note 1"),
    ]
    assert found.in_words() == "1 of 2 wells have the same tag; Cohen's kappa is 0.33."


def test_of_a_queue_that_both_walked_no_tag_is_an_answer() -> None:
    first, second = hits({"a": 1, "b": 1}), hits({"a": 1, "c": 2})
    found = compare_reviewers(first, second, wells="abcd")
    assert found.n_compared == 4
    assert found.n_agree == 2
    assert found.kappa == pytest.approx(cohen_kappa_score([1, 1, 0, 0], [1, 0, 2, 0]))


def test_where_nothing_can_be_said_it_is_said() -> None:
    assert compare_reviewers({}, {}).in_words() == "No well was tagged by both."
    same = compare_reviewers(hits({"a": 1, "b": 1}), hits({"a": 1, "b": 1}))
    assert same.in_words() == (
        "2 of 2 wells have the same tag. Cohen's kappa says nothing where only one tag was used."
    )
    assert same.disagreements.empty


def test_another_reviewers_file_is_read_and_left(tmp_path: Path) -> None:
    rows = [b.guide_row("gene-001", 1, f"B{n:02d}", f"G{n}") for n in range(2, 6)]
    b.Screen(rows).write_metadata(tmp_path / "a" / "metadata.csv")
    b.Screen([b.guide_row("gene-002", 1, "B02", "X")]).write_metadata(
        tmp_path / "b" / "metadata.csv"
    )
    dataset, strange = (rx.open_dataset(tmp_path / n, tmp_path / "cache") for n in "ab")
    ann, bo = (open_review(dataset, name, tmp_path / "hits") for name in ("Ann", "Bo"))
    for number, row in enumerate(rows, 1):
        ann.tag(row["well_id"], number)
        bo.tag(row["well_id"], min(number, 3))
    bo.tag(rows[0]["well_id"], 0)
    before = bo.path.read_bytes()
    name, others = other_reviewer(bo.path, dataset)
    assert (name, dict(others)) == ("Bo", dict(bo.hits))
    assert compare_reviewers(ann.hits, others).in_words().startswith("2 of 3 wells")
    assert bo.path.read_bytes() == before
    with pytest.raises(HitsError, match="not of this data set"):
        other_reviewer(bo.path, strange)
    with pytest.raises(HitsError, match="cannot be read: no such file"):
        other_reviewer(tmp_path / "none.json", dataset)
