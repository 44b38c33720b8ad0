"""Whoever waits for evidence can stop it: every long loop reports, and what was stopped is made
later as if nothing had happened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import napari_rxrx3 as rx
import screens as s
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.maps import build
from napari_rxrx3.maps.evidence import across, comparable, other_vectors, p_values
from napari_rxrx3.maps.phenomap import PhenoMap

_WELLS_AT_ONCE = 16


def make(dataset: Any, progress: Any) -> pd.DataFrame:
    m: PhenoMap = dataset.phenomap(progress=progress)
    return pd.DataFrame(m.vectors, index=m.labels.index)


def judge(dataset: Any, progress: Any) -> pd.DataFrame:
    return dataset.phenomap().nearest("GENE003", scored=False, progress=progress)


def diagnose(dataset: Any, progress: Any) -> pd.DataFrame:
    return dataset.phenomap().diagnostics_store.get(progress)


STAGES = {
    "map": (make, ("averaging", "ordering")),
    "list": (
        judge,
        (
            "averaging fewer wells",
            "averaging wells in another alignment",
            "comparing across experiments",
            "comparing unrelated pairs",
        ),
    ),
    "batches": (diagnose, ("measuring what experiments",)),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (build, across, comparable, other_vectors, p_values):
        monkeypatch.setattr(module, "_BLOCK", _WELLS_AT_ONCE)
    monkeypatch.setattr(p_values, "_WELLS", _WELLS_AT_ONCE)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # in this thread: all reports are seen


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(s.gene_screen(20, guides=2, plates=2).open(tmp_path_factory.mktemp("stopped")).root)


@pytest.mark.first_example
@pytest.mark.parametrize("stage", STAGES)
def test_every_long_loop_reports_and_can_be_stopped(
    stage: str, screen: Path, tmp_path: Path
) -> None:
    work, begins = STAGES[stage]
    reports: list[str] = []

    def report(done: int, total: int, text: str) -> None:
        assert 0 <= done <= total or total == 0, "no more is done than there is"
        reports.append(text)

    fresh = rx.open_dataset(screen, cache_dir=tmp_path / "first")
    expected = work(fresh, report)
    for begin in begins:
        assert sum(text.startswith(begin) for text in reports) >= 3, (begin, set(reports))
    for last in range(0, len(reports), max(1, len(reports) // 8)):
        left = iter(range(last))

        def stop(done: int, total: int, text: str, left: Any = left) -> None:
            if next(left, None) is None:
                raise Cancelled("stopped by the test")

        another = rx.open_dataset(screen, cache_dir=tmp_path / f"stopped {last}")
        with pytest.raises(Cancelled):
            work(another, stop)
        pd.testing.assert_frame_equal(work(another, None), expected)
