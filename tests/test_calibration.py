"""The simulated screens are what they say, and what the map says of them is as often right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration import runs
from benchmarks.calibration.page import renew_page, write_page
from benchmarks.calibration.part import Bars, Part
from benchmarks.calibration.screens import CONTROL, DOSES, Design, Screen

SMALL = Design(dimension=32, pairs=2, genes=6, guides=3, plates=3, compounds=4, replicates=2)


# --- the screens -------------------------------------------------------------------------------


def test_a_screen_has_the_design_of_rxrx3(tmp_path: Path) -> None:
    screen = Screen(1, SMALL)
    ds = screen.open(tmp_path)
    assert ds.wells["has_embedding"].all()
    genes = ds.wells[ds.wells["well_type"] == "guide"]
    assert (genes.groupby("gene")["experiment_name"].nunique() == 2).all()
    assert (genes.groupby(["gene", "experiment_name"]).size() == 3 * 3).all()
    one_place = genes.groupby("treatment")[["row", "column"]].nunique()
    assert (one_place == 1).all(axis=None)
    compounds = ds.wells[ds.wells["well_type"] == "compound"]
    doses = compounds.groupby("treatment")["concentration"]
    assert all(sorted(set(found)) == list(DOSES) for _, found in doses)
    controls = ds.wells[ds.wells["treatment"] == CONTROL]
    assert (controls.groupby(["experiment_name", "plate"]).size() == 16).all()
    assert not ds.check().problems["kind"].str.contains("embedding|well").any()


def test_a_seed_gives_the_same_screen_and_another_seed_another() -> None:
    first, again, other = Screen(1, SMALL), Screen(1, SMALL), Screen(2, SMALL)
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


@pytest.mark.parametrize("together", [False, True])
def test_a_complex_has_one_effect_and_the_others_have_their_own(together: bool) -> None:
    design = Design(pairs=2, genes=6, complexes=(3, 2), together=together, likeness=0.5)
    screen = Screen(0, design)
    members = screen.truth.index[screen.truth["complex"] == 0]
    assert len(members) == 3
    assert screen.truth.loc[members, "first"].nunique() == (1 if together else 2)
    effects = np.stack([screen.effect_of(name) for name in screen.truth.index])
    lengths = np.linalg.norm(effects, axis=1)
    np.testing.assert_allclose(lengths, 0.5 * 4)
    cosines = np.abs(effects @ effects.T / np.outer(lengths, lengths))
    inside = np.isin(screen.truth.index, members)
    assert cosines[np.ix_(inside, inside)].min() > 0.2
    assert cosines[np.ix_(inside, ~inside)].max() < 0.5


def test_what_is_silent_has_no_effect_and_dead_guides_have_none() -> None:
    screen = Screen(0, Design(pairs=2, genes=6, effect=0.0))
    assert not screen.truth["is_active"].any()
    assert not screen.effect_of("GENE0003").any()
    design = Design(pairs=1, genes=2, effect=3, dead_guides=1, batch=0, plate=0, scale=0)
    screen = Screen(0, design)
    wells, vectors = screen.wells, screen.vectors - 5
    along = vectors @ screen.effect_of("GENE0000") / (3 * 4)
    dead = (wells["treatment"] == "GENE0000_guide_6").to_numpy()
    alive = (wells["gene"] == "GENE0000").to_numpy() & ~dead
    assert abs(along[dead].mean()) < 1 < 11 < along[alive].mean()


# --- what was found ----------------------------------------------------------------------------


def test_what_a_screen_showed_is_kept_until_the_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_KEPT", tmp_path)
    jobs = [(SMALL, seed) for seed in (1, 2)]
    with runs.side_by_side(2) as run:
        first = run(n_wells, jobs)
    assert first == runs.one_by_one(n_wells, jobs)
    (kept,) = tmp_path.iterdir()
    assert len(list(kept.glob("*.json"))) == 2
    for path in kept.glob("*.json"):
        path.write_text("7", encoding="utf-8")
    with runs.side_by_side(2) as run:
        assert run(n_wells, jobs) == [7, 7]
        monkeypatch.setattr(runs, "_version", lambda module: "another")
        assert run(n_wells, [*jobs, (SMALL, 3)]) == [*first, n_wells(SMALL, 3)]


def test_words_about_the_code_are_no_change_of_it(tmp_path: Path) -> None:
    texts = [
        '"""Words."""\nX = 1\ndef f():\n    """More."""\n    return X\n',
        '"""Others."""\nX = 1  # why\ndef f():\n    return X\n',
        '"""Words."""\nX = 2\ndef f():\n    """More."""\n    return X\n',
    ]
    found = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.py"
        path.write_text(text, encoding="utf-8")
        found.append(runs._bare(path))
    assert found[0] == found[1] != found[2]


def n_wells(design: Design, seed: int) -> int:
    return len(Screen(seed, design).wells) + seed


# --- the page ----------------------------------------------------------------------------------


def test_the_page_says_what_is_not_as_it_is_held_to(tmp_path: Path) -> None:
    good = Part("good", "Words.", [{"what": "a", "share": 0.05, "holds": True}])
    bad = Part(
        "bad",
        "Words.",
        [{"what": "b <c>", "share": 0.5, "holds": False}],
        Bars("shares", [("b <c>", 0.5)], 0.02, 0.08),
    )
    write_page(tmp_path / "calibration.md", [good], 3)
    assert "Everything is as it is held to" in (tmp_path / "calibration.md").read_text()
    write_page(tmp_path / "calibration.md", [good, bad], 3)
    text = (tmp_path / "calibration.md").read_text()
    assert "Not as it is held to: bad." in text
    assert "(3 seeds;" in text
    assert "| b <c> | 0.500 | **no** |" in text
    assert "b &lt;c&gt;" in (tmp_path / "calibration" / "shares.svg").read_text()


def test_parts_that_are_measured_again_leave_the_others_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "calibration.md"
    bars = Bars("shares", [("a", 0.05)], 0.02, 0.08)
    first = Part("first", "Words.", [{"what": "a", "holds": True}], bars)
    second = Part("second", "Words.", [{"what": "b", "holds": False}])
    write_page(page, [first, second], 3)
    before = page.read_text(encoding="utf-8")
    renew_page(page, [second], 3)
    assert page.read_text(encoding="utf-8") == before, "nothing is new"
    mended = Part("second", "Words.", [{"what": "c", "holds": True}])
    renew_page(page, [mended, Part("third", "More.", [{"what": "d", "holds": True}])], 2)
    text = page.read_text(encoding="utf-8")
    assert "Everything is as it is held to." in text
    assert "| a | yes |" in text
    assert "| c | yes |" in text
    assert "| b |" not in text
    assert "More. (2 seeds.)" in text, "what was measured less often says so"
    assert text.index("![") < text.index("## first") < text.index("## second")
    assert text.index("## second") < text.index("## third")
