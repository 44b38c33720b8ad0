"""The benchmark's report and its history; what it measures is seen when it runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.path import Path as MplPath

from benchmarks import environments, history
from benchmarks.clusters_plotter import clusters_plotter
from benchmarks.parts import PARTS, Curve, Found
from benchmarks.points import invented
from benchmarks.report import amount, table, write_report
from benchmarks.settings import FULL
from benchmarks.timing import Row, Target, Timing, interleaved

MACHINE = {"date": "2026-01-02 03:04 UTC", "code": "abc1234", "processor": "Some CPU, 2 cores"}


def timing(*values: float) -> Timing:
    return Timing.of(values)


FAST = Row(
    "click",
    "click to six stains",
    "s",
    timing(0.1, 0.1, 0.12),
    floor=timing(0.1, 0.1, 0.1),
    naive=timing(2.0),
    target=Target("p95", "floor", 1.25),
    notes=("canvas of 500 x 700 points",),
)
SLOW = Row("soak", "500 clicks", "MB", timing(140), target=Target("p95", "limit", 100))
ALONE = Row(
    "search",
    "exact top 50",
    "s",
    timing(0.01),
    target=Target("median", "peer", 0.6),
    missing={"peer": "faiss: not installed"},
)
CURVE = Curve("wells", "Opening n wells", "wells", {"ours": [(10, 0.001), (1000, 0.02)]})


class TestRow:
    @pytest.mark.parametrize(
        ("ours", "target", "met"),
        [
            (timing(1.0), Target("median", "limit", 1.0), True),
            (timing(1.0, 1.0, 3.0), Target("median", "limit", 1.0), True),
            (timing(1.0, 1.0, 3.0), Target("p95", "limit", 1.0), False),
            (timing(2.4), Target("median", "floor", 1.25), True),
            (timing(2.6), Target("median", "floor", 1.25), False),
            (timing(1.0), Target("median", "peer", 9.0), None),
            (timing(1.0), None, None),
        ],
    )
    def test_target_is_held_against_the_right_column(
        self, ours: Timing, target: Target | None, met: bool | None
    ) -> None:
        row = Row("key", "what", "s", ours, floor=timing(2.0), target=target)
        assert row.is_met is met

    def test_row_comes_back_from_json_as_it_was(self) -> None:
        for row in (FAST, SLOW, ALONE):
            assert Row.from_dict(json.loads(json.dumps(row.as_dict()))) == row

    def test_findings_come_back_from_json_as_they_were(self) -> None:
        found = Found([FAST], [CURVE], ["a fact"], {"click": timing(3.0)}, {"soak": "no peer"})
        again = Found.from_dict(json.loads(json.dumps(found.as_dict())))
        assert again.rows == found.rows
        assert (again.peers, again.peer_notes) == (found.peers, found.peer_notes)
        assert again.curves[0].title == CURVE.title
        assert np.array_equal(again.curves[0].lines["ours"], CURVE.lines["ours"])


class TestInterleaved:
    def test_jobs_take_turns_and_none_is_always_first(self) -> None:
        called: list[str] = []

        def job(name: str) -> float:
            called.append(name)
            return float(len(called))

        found = interleaved(2, {"a": lambda i: job("a"), "b": lambda i: job("b")})
        assert called == ["a", "b", "b", "a"]
        assert found == {"a": [1.0, 4.0], "b": [2.0, 3.0]}

    def test_who_sits_out_a_round_measures_nothing_in_it(self) -> None:
        found = interleaved(4, {"a": lambda i: None if i % 2 else 5.0})
        assert found == {"a": [5.0, 5.0]}


class TestReport:
    @pytest.mark.parametrize(
        ("value", "unit", "text"),
        [
            (0.00123, "s", "1.23 ms"),
            (0.25, "s", "250 ms"),
            (1.5, "s", "1.5 s"),
            (36.7, "s", "36.7 s"),
            (1234.4, "MB", "1,234 MB"),
            (0, "", "0"),
        ],
    )
    def test_amounts_are_of_a_handy_size(self, value: float, unit: str, text: str) -> None:
        assert amount(value, unit) == text

    def write(self, folder: Path, reasons: dict[str, str], failed: dict[str, str]) -> str:
        path = folder / "performance.md"
        rows = [FAST, SLOW, ALONE]
        write_report(path, rows, [CURVE], ["measured with care"], MACHINE, reasons, failed)
        return path.read_text(encoding="utf-8")

    def test_report_holds_machine_table_and_details(self, tmp_path: Path) -> None:
        text = self.write(tmp_path, {}, {})
        assert "- processor: Some CPU, 2 cores" in text
        row = next(line for line in text.splitlines() if line.startswith("| click to six stains"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:4] == ["100 ms (118 ms)", "100 ms (100 ms)", "2 s"]
        assert cells[5:7] == ["1.18 x", "0.06 x"]
        assert cells[8:] == ["p95 at most 1.25 x floor", "yes"]
        assert "canvas of 500 x 700 points" in text
        assert "measured with care" in text

    def test_missed_targets_come_with_their_reasons(self, tmp_path: Path) -> None:
        text = self.write(tmp_path, {"soak": "The driver keeps textures."}, {"growth": "it hung"})
        missed = text.partition("## Missed, and why")[2].partition("##")[0]
        assert "500 clicks: The driver keeps textures." in missed
        assert "exact top 50: what it is held against was not measured" in missed
        assert "'growth' did not come to an end: it hung" in missed
        assert "click to six stains" not in missed

    def test_missed_target_without_a_reason_is_said(self, tmp_path: Path) -> None:
        assert "500 clicks: not yet explained" in self.write(tmp_path, {}, {})

    def test_empty_column_says_why(self, tmp_path: Path) -> None:
        assert "faiss: not installed" in self.write(tmp_path, {}, {})
        assert "faiss: not installed" in table([ALONE])

    def test_plot_shows_each_point_at_its_place(self, tmp_path: Path) -> None:
        self.write(tmp_path, {}, {})
        svg = ElementTree.parse(tmp_path / "performance" / "wells.svg").getroot()
        name = "{http://www.w3.org/2000/svg}"
        (line,) = svg.findall(f"{name}polyline")
        (x1, y1), (x2, y2) = (map(float, p.split(",")) for p in line.attrib["points"].split())
        assert x1 < x2
        assert y1 > y2, "more time is further up"
        texts = [text.text for text in svg.findall(f"{name}text")]
        assert {"Opening n wells", "10", "1,000", "1 ms", "100 ms"} <= set(texts)

    def test_terminal_marks_what_is_missed(self) -> None:
        lines = table([FAST, SLOW]).splitlines()
        assert lines[0] == "met    click to six stains"
        assert "MISSED 500 clicks" in lines


class TestHistory:
    def runs(self, path: Path, *rows: Row, machine: str = "here", settings: str = "full") -> None:
        history.append(path, history.entry(rows, machine, settings, MACHINE))

    def test_last_run_of_the_same_machine_and_size_is_found(self, tmp_path: Path) -> None:
        path = tmp_path / "history.jsonl"
        assert history.last_of(path, "here", "full") is None
        self.runs(path, FAST)
        self.runs(path, SLOW)
        self.runs(path, ALONE, machine="elsewhere")
        self.runs(path, ALONE, settings="quick")
        last = history.last_of(path, "here", "full")
        assert last is not None
        assert list(last["rows"]) == ["soak"]
        assert last["rows"]["soak"]["met"] is False

    @pytest.mark.parametrize(("times", "told"), [(1.0, False), (1.2, False), (1.3, True)])
    def test_more_than_a_quarter_slower_is_told(self, times: float, told: bool) -> None:
        before = history.entry([ALONE], "here", "full", MACHINE)
        now = replace(ALONE, ours=ALONE.ours.scaled(times))
        assert [ALONE.what in s for s in history.slower([now], before)] == [True] * told

    def test_slower_machine_is_no_regression(self) -> None:
        before = history.entry([FAST], "here", "full", MACHINE)
        assert FAST.floor is not None
        both = replace(FAST, ours=FAST.ours.scaled(2), floor=FAST.floor.scaled(2))
        assert list(history.slower([both], before)) == []
        (said,) = history.slower([replace(FAST, ours=FAST.ours.scaled(2))], before)
        assert "2.00 x" in said

    def test_tiny_differences_and_new_rows_are_not_told(self) -> None:
        tiny = Row("tiny", "a repaint", "s", timing(0.0004))
        before = history.entry([tiny], "here", "full", MACHINE)
        now = [replace(tiny, ours=timing(0.0009)), SLOW]
        assert list(history.slower(now, before)) == []


class TestMap:
    def test_points_are_the_same_every_time_and_the_lasso_holds_what_it_says(self) -> None:
        points = invented(3000)
        assert np.array_equal(points.positions, invented(3000).positions)
        inside = MplPath(points.lasso).contains_points(points.positions)
        assert np.count_nonzero(inside) == pytest.approx(1500, rel=0.02)
        assert np.bincount(points.classes).all()

    def test_peer_finds_the_points_as_we_have_them(self, tmp_path: Path) -> None:
        points = invented(500)
        points.save(tmp_path / "points.npz")
        with np.load(tmp_path / "points.npz") as file:
            for name in ("positions", "classes", "lasso"):
                assert np.array_equal(file[name], getattr(points, name))

    def test_what_a_peer_cannot_do_is_said_in_every_row_it_belongs_to(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(environments, "_FOLDER", tmp_path)  # where none was made
        found = clusters_plotter(replace(FULL, points=(500, 2_000_000)))
        assert found.peers == {}
        for n in (500, 2_000_000):
            assert found.peer_notes[f"map {n} first"].startswith("not installed")
            assert found.peer_notes[f"map {n} hover"] == "it names no point"
        assert "map 2000000 pan sharp" in found.peer_notes
        assert "map 500 pan sharp" not in found.peer_notes

    def test_peer_that_is_a_thousand_times_slower_is_not_zero_times_as_fast(self) -> None:
        row = replace(ALONE, ours=timing(0.02), peer=timing(20.0))
        assert "(ours is 0.001 x)" in table([row])


def test_every_part_is_there() -> None:
    from importlib import import_module

    for place in PARTS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))
