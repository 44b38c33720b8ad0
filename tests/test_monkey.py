"""A seeded monkey at the window: whatever it does, nothing breaks and nothing is left behind.

``make soak`` lets it do ten thousand things. MONKEY_ACTIONS and MONKEY_SEED say how many and which.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import builders as b
from monkey.monkey import Monkey
from monkey.resources import Resources, grown
from monkey.watching import answered, watched
from monkey.world import World
from napari_rxrx3.core.display import display
from napari_rxrx3.data.cache.disk_cache import default_cache_folder
from napari_rxrx3.gui.share.reopening import set_reopens_last
from samples import soak
from window import Window

N_ACTIONS = int(os.environ.get("MONKEY_ACTIONS", "120"))
SEED = int(os.environ.get("MONKEY_SEED", "7"))
GENES = ("PLK1", "PSMB5", "TUBB", "COPG1")
SLACK = Resources(threads=6, files=12, windows=3, widgets=60, memory=200)


def gene_rows(experiment: str, plates: tuple[int, ...]) -> list[b.Row]:
    rows = []
    for plate in plates:
        rows += [b.control_row(experiment, plate, f"C{c:02d}") for c in range(3, 11)]
        rows += [
            b.guide_row(experiment, plate, f"{line}{c:02d}", gene, guide)
            for line, gene in zip(("D", "E", "AA", "AB"), GENES, strict=True)
            for guide, c in ((1, 5), (2, 6), (3, 7))
        ]
    return rows


def drug_rows(experiment: str) -> list[b.Row]:
    rows = [b.control_row(experiment, 1, f"C{c:02d}") for c in range(3, 11)]
    return rows + [
        b.dose_row(experiment, 1, f"{line}{c:02d}", name, dose)
        for line, name in (("D", "Bortezomib"), ("E", "Volasertib"))
        for c, dose in ((4, 0.025), (5, 0.25), (6, 2.5))
    ]


def with_effects(screen: b.Screen) -> b.Screen:
    """Give the vectors directions that follow what the wells received."""
    dice = np.random.default_rng(1)
    names = {row["treatment"].split("_guide_")[0] for row in screen.rows}
    directions = {name: 12 * dice.normal(size=16) for name in sorted(names)}
    for row in screen.rows:
        effect = directions[row["treatment"].split("_guide_")[0]]
        screen.vectors[row["well_id"]] = (dice.normal(size=16) + effect).astype("float32")
    return screen


def full(folder: Path) -> World:
    """Plates of 16-bit PNG in tars, as full RxRx3; some images are missing or damaged."""
    rows = gene_rows("gene-001", (1, 2)) + drug_rows("compound-001")
    screen = with_effects(b.Screen.of(rows, 64, "uint16", dim=16))
    for well in ("gene-001_1_E06", "gene-001_2_AB07", "compound-001_1_C05"):
        del screen.planes[well]
    screen.write_rxrx3(folder)
    cut = "gene-001_2_D06"
    members = b.image_files(screen.by_plate()["gene-001", "2"])
    short = {name: data[:60] for name, data in members.items() if name.startswith("D06_")}
    b.write_tar(folder / "images" / "gene-001" / "Plate2.tar", members | short)
    return World(folder, screen, frozenset({cut}))


def core(folder: Path) -> World:
    """Shards of JPEG 2000, as RxRx3-core, with vectors in one table."""
    rows = gene_rows("gene-101", (1,)) + drug_rows("compound-101")
    screen = with_effects(b.Screen.of(rows, dim=16))
    screen.planes = {well: b.smooth(well, 320) for well in screen.ids}
    screen.write_metadata(folder / "metadata_rxrx3_core.csv")
    screen.write_core(folder, cuts=(100,))
    screen.write_embeddings(folder / "OpenPhenom_rxrx3_core_embeddings.parquet")
    return World(folder, screen, is_exact=False)


def pictures_only(folder: Path) -> World:
    """Folders of images, and nothing that says what they are of."""
    screen = b.Screen.of([b.control_row("gene-201", 3, f"D{c:02d}") for c in range(4, 9)], 48)
    screen.planes = {well: b.smooth(well, 48) for well in screen.ids}
    screen.write_folders(folder)
    return World(folder, screen)


@pytest.fixture
def worlds(tmp_path: Path) -> list[World]:
    made = []
    for make in (full, core, pictures_only):
        folder = tmp_path / make.__name__
        folder.mkdir()
        made.append(make(folder))
    return made


@pytest.mark.filterwarnings(  # napari's word on strips of large wells that are turned to 3D
    "ignore:data shape .* exceeds GL_MAX_TEXTURE_SIZE:UserWarning"
)
@pytest.mark.parametrize("n_actions", [12, soak(N_ACTIONS)])
def test_a_monkey_breaks_nothing(
    n_actions: int,
    new_window: Callable[..., Window],
    worlds: list[World],
    tmp_path: Path,
    qtbot: Any,
    qtlog: Any,
) -> None:
    trouble: list[str] = []
    window = new_window()
    monkey = Monkey(window, worlds, SEED, trouble, default_cache_folder())
    started = time.monotonic()
    with watched(trouble), answered(tmp_path, Random(SEED)):
        try:
            monkey.run(n_actions, max(30, n_actions // 12))
        finally:
            display.reset()
            set_reopens_last(False)
            say(monkey, time.monotonic() - started)
    said = {str(r.message) for r in qtlog.records}
    assert not {words for words in said if words.startswith(("QObject", "QPainter", "QTimer"))}
    assert not grown(monkey.rests, SLACK), "\n".join(map(str, monkey.rests))


def say(monkey: Monkey, seconds: float) -> None:
    """Print what was tried, for who reads along (pytest -s)."""
    done = ", ".join(f"{n} x {name}" for name, n in monkey.counts.most_common())
    sys.stdout.write(
        f"\n{sum(monkey.counts.values()):,} actions (seed {monkey.seed}) in {seconds:.0f} s, "
        f"{monkey.n_looked:,} pictures compared with the files: {done}\n"
    )
    sys.stdout.write("".join(f"at rest: {rest}\n" for rest in monkey.rests))
