"""What goes into a bug report: enough to find a mistake, and nothing of where things are."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication

import builders as b
import napari_rxrx3
from napari_rxrx3.core.display import display
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.redaction import concealer
from napari_rxrx3.diagnostics import log
from napari_rxrx3.diagnostics.facts import of_dataset
from napari_rxrx3.diagnostics.log import error_lines, keep_log, note, recent, timed
from napari_rxrx3.diagnostics.report import as_text, report_on
from window import Window

SECRET = "Änne's geheim (2)"
EXPERIMENT = "gene-001"


@pytest.fixture(autouse=True)
def _empty_log() -> Iterator[None]:
    log._events.clear()
    keep_log()
    yield
    log._events.clear()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a folder that nobody is to hear of, with a data set in it."""
    folder = tmp_path / "anna" / SECRET
    rows = [b.control_row(EXPERIMENT, 1, f"B{c:02d}") for c in range(2, 8)]
    rows += [b.guide_row(EXPERIMENT, 1, f"C{c:02d}", "PLK1", c) for c in range(2, 5)]
    return b.Screen.of(rows, 32).write_rxrx3(folder)


@pytest.fixture(autouse=True)
def _nothing_noted() -> None:
    """Forget what other tests have opened: their folders may be called like words of a message."""
    concealer.forget()


def assert_no_path(text: str, folder: Path) -> None:
    for part in (SECRET.split()[0], "geheim", "anna"):
        assert part not in text
    parts = folder.parts[1:]  # one of them alone may be an ordinary word
    for pair in pairwise(parts):
        assert "/".join(pair) not in text
        assert "\\".join(pair) not in text
    for mark in ("/tmp", "/home", "site-packages", str(Path.cwd()), str(Path.home())):
        assert mark not in text


def copied(window: Window) -> str:
    QApplication.clipboard().clear()
    window.click(window.explorer.help_button)
    window.click(window.explorer.cheat_sheet.diagnostics_button)
    window.qtbot.waitUntil(lambda: bool(QApplication.clipboard().text()), timeout=20_000)
    return str(QApplication.clipboard().text())


# --- in the window ---------------------------------------------------------------------------


@pytest.mark.soak
def test_the_window_copies_what_a_report_needs(
    open_window: Callable[..., Window], secret: Path
) -> None:
    window = open_window(secret)
    window.click_well("C02")
    text = copied(window)
    assert_no_path(text, secret)
    for words in (
        f"napari-rxrx3  {napari_rxrx3.__version__}",
        *("napari  ", "numpy  ", "pandas  ", "dask  ", "pyarrow  ", "Python  ", "System  "),
        *("Vendor  ", "Renderer  ", "Largest texture  ", "Screens  ", "1600 x 1200 at 1"),
        *("9 on 1 plates", "1 gene", "1 tar", "Vectors  "),
        *("Colors  ", "RxRx3", "open: ", "9 wells on 1 plates"),
    ):
        assert " ".join(words.split()) in " ".join(text.split()), words
    n = len(text.splitlines())
    assert window.session.message.startswith(f"{n} lines about this window were copied")
    assert "cannot be asked" not in text


def test_the_first_page_offers_it_and_what_failed_is_in_it(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    window = open_window()
    window.explorer.open_path(str(tmp_path / SECRET / "neu"))
    window.qtbot.waitUntil(lambda: "does not exist" in window.session.message, timeout=20_000)
    QApplication.clipboard().clear()
    button = window.explorer.welcome.diagnostics_button
    assert button.isVisible()
    window.click(button)
    window.qtbot.waitUntil(lambda: bool(QApplication.clipboard().text()), timeout=20_000)
    text = str(QApplication.clipboard().text())
    assert "<path> does not exist." in text
    assert "open: DatasetNotFound after " in text
    assert "Open  nothing" in text
    assert_no_path(text, tmp_path / SECRET / "neu")


def test_a_mistake_of_ours_is_in_it_with_where_it_happened(
    open_window: Callable[..., Window], secret: Path
) -> None:
    window = open_window(secret)

    def fail(_: object) -> None:
        window.session.dataset.row(f"{secret}/x")

    def fail_oddly(_: object) -> None:
        raise ValueError(f"bad number in {secret}/Tabelle.csv")

    tasks = window.explorer.workspace.tasks
    tasks.run("one", fail, print, window.session.say)
    tasks.run("two", fail_oddly, print, window.session.say)
    window.qtbot.waitUntil(lambda: tasks.is_idle)
    text = copied(window)
    assert_no_path(text, secret)
    assert "error: task 'two' failed" in text
    assert "ValueError: bad number in <path>" in text
    assert "napari_rxrx3/gui/work/tasks.py:" in text
    assert "<file>:" in text  # this test, which is nobody's business
    assert 'No well "<path>" is in this data set.' in text


@pytest.mark.soak
def test_it_can_be_copied_while_all_threads_of_the_window_hang(
    open_window: Callable[..., Window], secret: Path
) -> None:
    from threading import Event

    window, go_on = open_window(secret), Event()
    try:
        for number in range(8):
            task = window.explorer.workspace.tasks
            task.run(f"stuck {number}", lambda _: go_on.wait(60), print, print, "reading")
        text = copied(window)
        assert "stuck 0, stuck 1" in text
    finally:
        go_on.set()


@pytest.mark.soak
def test_the_sheet_of_keys_closes_and_the_thread_ends_with_the_dock(
    open_window: Callable[..., Window], secret: Path
) -> None:
    window = open_window(secret)
    copied(window)
    assert not window.explorer.cheat_sheet.isVisible()
    diagnostics = window.explorer.diagnostics
    window.viewer.window.remove_dock_widget(window.explorer.parentWidget())
    window.qtbot.waitUntil(lambda: diagnostics._tasks._pool._shutdown)


# --- of a data set and of the settings -------------------------------------------------------


def test_names_of_a_user_s_own_are_not_in_it(secret: Path) -> None:
    dataset = napari_rxrx3.open_dataset(secret)
    table = secret.parent / "anna geheim 5.csv"
    table.write_text("well_id,a,b\ngene-001_1_C02,1,2\n", encoding="utf-8")
    dataset.add_embedding(table)
    dataset.read_vectors()
    facts = of_dataset(dataset)
    assert_no_path(json.dumps(facts, ensure_ascii=False), secret)
    assert facts["Vectors"].endswith("table 2: 2")
    assert facts["Experiments"] == "1 gene"
    assert facts["Place"] == "local"


def test_tags_of_one_s_own_are_only_said_to_be_there() -> None:
    before = display.tags[1]
    display.set_tag(2, name="anna geheim")
    try:
        text = as_text(report_on(None))
    finally:
        display.set_tag(2, before.name, before.color)
    assert "anna" not in text
    assert "renamed or recolored" in text


# --- the log ---------------------------------------------------------------------------------


def test_the_log_is_bounded_and_keeps_the_last() -> None:
    for number in range(1000):
        note(f"message {number} {'x' * 5000}")
    events = recent()
    assert len(events) == 300
    assert events[-1].text.startswith("message 999 ")
    assert sum(len(event.text) for event in events) <= 300 * 2000


def test_a_note_is_kept_once_and_leaves_the_user_s_logging_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    note("quiet")
    assert not caplog.records
    with caplog.at_level(logging.INFO, logger="napari_rxrx3"):
        note("loud")
    assert [record.getMessage() for record in caplog.records] == ["loud"]
    assert [event.text for event in recent()] == ["quiet", "loud"]


def test_errors_that_are_logged_still_reach_the_terminal() -> None:
    code = (
        "import logging; from napari_rxrx3.diagnostics.log import keep_log, recent; keep_log();"
        "logging.getLogger('napari_rxrx3.gui.x').warning('loud'); print(recent()[0].text)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (run.stdout.strip(), run.stderr.strip()) == ("loud", "loud")


def test_what_takes_time_is_timed_also_if_it_fails() -> None:
    assert timed("one", lambda: 5) == 5
    with pytest.raises(RxRx3Error):
        timed("two", _fail)
    one, two = (event.text for event in recent())
    assert one.startswith("one: 0.")
    assert two.startswith("two: RxRx3Error after 0.")


def _fail() -> None:
    raise RxRx3Error("no")


def test_causes_are_told_and_a_circle_of_them_ends() -> None:
    first, second = ValueError("in /home/anna/x.py"), KeyError("k")
    first.__cause__, second.__cause__ = second, first
    assert list(error_lines(first)) == ["ValueError: in <path>", "KeyError: 'k'"]


def test_a_message_cannot_command_a_terminal() -> None:
    note("bad \x1b[31m\u202e text\nsecond line")
    text = as_text(report_on(None))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n      second line" in text


# --- on the command line ---------------------------------------------------------------------


def command(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "napari_rxrx3", "diagnostics", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=120,
    )


def test_the_command_prints_it_with_a_summary_of_a_data_set(secret: Path, tmp_path: Path) -> None:
    run = command(str(secret), home=tmp_path / "anna")
    assert run.returncode == 0, run.stderr
    assert "9 on 1 plates" in run.stdout
    assert_no_path(run.stdout, secret)
    report = json.loads(command(str(secret), "--json", home=tmp_path / "anna").stdout)
    assert report["Data set"]["Wells"] == "9 on 1 plates"
    assert report["Versions"]["napari-rxrx3"] == napari_rxrx3.__version__


@pytest.mark.first_example
@pytest.mark.parametrize("what", ["nothing", "damaged"])
def test_the_command_reports_a_data_set_that_cannot_be_opened(
    secret: Path, tmp_path: Path, what: str
) -> None:
    if what == "nothing":
        shutil.rmtree(secret)
    else:
        for file in secret.rglob("*"):
            if file.is_file():
                file.write_bytes(b"PK\x03\x04 no zip")
    run = command(str(secret), home=tmp_path / "anna")
    assert run.returncode == 0, run.stderr
    assert "it cannot be opened, see the messages" in run.stdout
    assert "open: DatasetNotFound after" in run.stdout
    assert_no_path(run.stdout, secret)


def test_a_token_in_an_address_is_not_passed_on(tmp_path: Path) -> None:
    address = "https://anna:geheim@127.0.0.1:9/projekt?token=geheim"
    run = command(address, home=tmp_path)
    assert run.returncode == 0, run.stderr
    for part in ("anna", "geheim", "127.0.0.1", "projekt", "token"):
        assert part not in run.stdout


def test_it_loads_no_qt_and_nothing_heavy_before_it_is_asked_for_data() -> None:
    code = (
        "from napari_rxrx3.diagnostics.report import as_text, report_on\n"
        "as_text(report_on(None))\nimport sys\n"
        "heavy = {'pandas', 'pyarrow', 'scipy', 'qtpy', 'napari', 'dask', 'imagecodecs'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
