"""Words that all parts share: plurals, names with their doses, lists, names of files."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_rxrx3.core import words
from napari_rxrx3.core.perturbation import compound_key


@pytest.mark.parametrize(
    ("n", "word", "expected"),
    [
        (0, "well", "0 wells"),
        (1, "well", "1 well"),
        (2_000, "well", "2,000 wells"),
        (1, "entry", "1 entry"),
        (3, "entry", "3 entries"),
        (2, "day", "2 days"),
    ],
)
def test_a_number_of_things(n: int, word: str, expected: str) -> None:
    assert words.count(n, word) == expected


def test_how_many_are_shown() -> None:
    assert words.shown_of(3, 3, "wells") == ""
    assert words.shown_of(1, 3, "wells") == "1 of 3 wells are shown."
    assert words.shown_of(2_000, 3_000, "wells") == "2,000 of 3,000 wells are shown."


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("Bortezomib@2.5", "Bortezomib 2.5 µM"),
        ("Bortezomib@1e-05", "Bortezomib 1e-05 µM"),
        ("a@b@10", "a@b 10 µM"),
        ("who@where", "who@where"),  # a name, not a dose
        ("PLK1_guide_12", "PLK1 guide 12"),
        ("PLK1", "PLK1"),
        ("gene-001_1_D05", "gene-001_1_D05"),
        ("", ""),
    ],
)
def test_a_key_in_words(key: str, expected: str) -> None:
    assert words.key_in_words(key) == expected


@given(st.text(min_size=1), st.floats(1e-9, 1e9))
def test_a_key_is_written_like_its_name_and_dose(name: str, dose: float) -> None:
    assert words.key_in_words(compound_key(name, dose)) == words.name_with_dose(name, dose)


@pytest.mark.parametrize(
    ("treatment", "concentration", "kind", "expected"),
    [
        ("Bortezomib", 2.5, "COMPOUND", "Bortezomib 2.5 µM"),
        ("Bortezomib", math.nan, "COMPOUND", "Bortezomib"),
        ("PLK1_guide_1", math.nan, "CRISPR", "PLK1 guide 1"),
        ("EMPTY_control", math.nan, "CRISPR", "EMPTY_control (no perturbation)"),
        (None, math.nan, None, "unknown perturbation"),
    ],
)
def test_what_a_well_received(
    treatment: str | None, concentration: float, kind: str | None, expected: str
) -> None:
    row = {"treatment": treatment, "concentration": concentration, "perturbation_type": kind}
    assert words.name_of_well(row) == expected


def test_some_of_many_names() -> None:
    assert words.some(["a", "b"]) == "a, b"
    assert words.some(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert words.some(["x" * 100]) == f"{'x' * 60}…"
    assert words.not_found([]) == ""
    assert words.not_found(["a"]) == "Not in this data set: a."
    assert words.not_found(["a"], "in this map") == "Not in this map: a."


def test_a_number_is_never_minus_zero() -> None:
    assert words.decimals(-0.001) == "0.00"
    assert words.decimals(0.125) == "0.12"
    assert words.decimals(math.nan) == ""


@given(st.text())
def test_a_title_becomes_a_name_that_any_system_takes(title: str) -> None:
    name = words.file_name(title)
    assert 0 < len(name) <= 80
    assert not set(name) & set('<>:"/\\|?*\n\r\t\0')
    assert name == name.strip(" .")
    assert words.file_name(name) == name


def test_a_title_keeps_what_it_can() -> None:
    assert words.file_name("PLK1: guides by strength") == "PLK1 guides by strength"
    assert words.file_name("Bortezomib@2.5 (a/b)") == "Bortezomib@2.5 (a b)"
