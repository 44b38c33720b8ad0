"""Nothing leaves the computer unless the user asks, and nothing in a file is ever obeyed."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

import builders as b
import napari_rxrx3
from window import Window

PACKAGE = Path(napari_rxrx3.__file__).parent
WATCHED = Path(__file__).with_name("watched.py")
BOLD = "<b>x</b>"


# --- the network -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [b.control_row("gene-001", 1, f"B{c:02d}") for c in range(2, 10)]
    for line, gene in (("C", "PLK1"), ("D", "MTOR"), ("E", "PSMB5")):
        rows += [b.guide_row("gene-001", 1, f"{line}{c:02d}", gene, c) for c in range(2, 5)]
    for column in (2, 3, 4):  # a molecule is drawn of it
        rows.append(b.dose_row("gene-001", 1, f"F{column:02d}", "Bortezomib", column / 4))
    return b.Screen.of(rows, 32).write_rxrx3(tmp_path_factory.mktemp("watched") / "data set")


@cache
def apart() -> tuple[str, ...]:
    """How to run a command without any network, if this computer lets us."""
    unshare = shutil.which("unshare")
    for way in ((unshare, "-n"), (unshare, "-rn")) if unshare else ():
        tried = subprocess.run([*way, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return tuple(map(str, way))
    return ()


def watched(scenario: str, what: str, tmp_path: Path, *, offline: bool = True) -> dict[str, Any]:
    """What a scenario of `watched.py` reached for, run in a process of its own."""
    answer = tmp_path / f"{scenario}.json"
    command = [*(apart() if offline else ()), sys.executable, str(WATCHED)]
    environment = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}
    environment |= {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("CACHE", "DATA", "STATE")}
    run = subprocess.run(
        [*command, scenario, what, str(answer)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    assert answer.exists(), run.stderr[-3000:]
    result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return result


OF_VISPY = ("ldconfig", "xdpyinfo", "xrandr", "gcc", "cc", "ld", "objdump")
"""Programs of the system that it asks where OpenGL is and how fine the screen."""


def strangers(result: dict[str, Any]) -> list[list[str]]:
    """All that was reached for but our own two programs, which are Python with a script of ours."""
    return [[event, what] for event, what in result["reached"] if not is_known(event, what)]


def is_known(event: str, what: str) -> bool:
    if event != "subprocess.Popen":
        return False
    ours = sys.executable in what and str(PACKAGE) in what
    program, _ = ast.literal_eval(what)
    return ours or Path(program).name in OF_VISPY


@pytest.mark.soak
def test_the_window_reaches_for_nothing_until_a_link_is_clicked(
    folder: Path, tmp_path: Path
) -> None:
    result = watched("window", str(folder), tmp_path)
    assert strangers(result) == []
    used, links = result["said"]
    assert used[0] == "the window was used"
    assert used[2] == 4  # it has answered: the other genes, a compound and the control
    _, n_links, before, after = links
    assert n_links == 2
    assert before == []
    assert len(after) == 1
    assert after[0].startswith("https://www.ncbi.nlm.nih.gov/gene/")
    assert "napari_rxrx3.gui.explorer" in result["modules"]


@pytest.mark.parametrize("scenario", ["commands", "library"])
def test_nothing_is_reached_for_by(scenario: str, folder: Path, tmp_path: Path) -> None:
    result = watched(scenario, str(folder), tmp_path)
    assert strangers(result) == []
    names = [said[0] for said in result["said"]]
    assert names in (
        ["check", "check", "nearest", "thumbnails", "cache", "diagnostics", "cache"],
        ["library", "map"],
    )
    if scenario == "commands":
        assert {said[1] for said in result["said"]} == {0}


def test_an_address_that_is_asked_for_is_reached_for(tmp_path: Path) -> None:
    """The watch can see: else the tests above could not fail."""
    pytest.importorskip("aiohttp")
    result = watched("asked", "http://127.0.0.1:9/data", tmp_path, offline=False)
    assert any("127.0.0.1" in what for event, what in strangers(result) if "socket" in event)
    ((_, sentence),) = result["said"]
    assert sentence.endswith(".")


def test_a_strange_program_is_seen(tmp_path: Path) -> None:
    result = watched("program", "-", tmp_path)
    assert next(event for event, _ in strangers(result)) == "subprocess.Popen"


def test_without_a_network_an_address_is_one_sentence(tmp_path: Path) -> None:
    if not apart():
        pytest.skip("this computer gives no process a network of its own")
    pytest.importorskip("aiohttp")
    result = watched("asked", "https://example.org/data", tmp_path)
    ((_, sentence),) = result["said"]
    assert "https://example.org/data" in sentence
    assert sentence.count("\n") == 0


# --- what the code never does ----------------------------------------------------------------

FILES = sorted(PACKAGE.rglob("*.py"))
BAD_MODULES = {
    *("pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml", "code"),
    *("webbrowser", "urllib.request", "http.client", "http.server", "requests", "socket", "ftplib"),
    *("smtplib", "telnetlib", "aiohttp", "httpx", "xmlrpc", "socketserver", "pty"),
    *("qtpy.QtNetwork", "qtpy.QtWebEngineWidgets", "qtpy.QtWebChannel"),
}
BAD_CALLS = {"eval", "exec", "compile", "__import__"}
BAD_METHODS = {
    *("extractall", "extract", "read_pickle", "to_pickle", "system", "popen", "unpack_archive"),
    *("unsafe_load", "full_load", "literal", "mktemp", "setOpenExternalLinks", "read_html"),
}
ASKS_SERVERS = {"data/files/storage.py": {"aiohttp"}}
"""Who tells the package that reads addresses of the user's how long to wait."""
OPENS_LINKS = {"gui/numbers/card.py", "gui/addresses.py"}


@cache
def nodes_of(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in nodes_of(file) if isinstance(node, ast.Call))


def modules(file: Path) -> Iterator[str]:
    for node in nodes_of(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_bad(call: ast.Call) -> str:
    """What is wrong with a call, in a word."""
    name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
    given = {word.arg: word.value for word in call.keywords}
    if isinstance(call.func, ast.Name) and name in BAD_CALLS:
        return name
    if isinstance(call.func, ast.Attribute) and name in BAD_METHODS:
        of = call.func.value
        harmless = getattr(of, "attr", "") == "str" or getattr(of, "id", "") == "platform"
        return "" if harmless else name  # pandas' and platform's own
    pickles = given.get("allow_pickle")
    if pickles is not None and getattr(pickles, "value", True) is not False:
        return "allow_pickle"
    if name in ("load", "save", "savez") and getattr(call.func, "value", None) is not None:
        of_numpy = getattr(call.func.value, "id", "") == "np"  # type: ignore[attr-defined]
        if of_numpy and pickles is None:
            return f"np.{name} without allow_pickle=False"
    shell = given.get("shell")
    return "shell" if shell is not None and getattr(shell, "value", True) is not False else ""


def bad_things(file: Path) -> Iterator[str]:
    name = file.relative_to(PACKAGE).as_posix()
    yield from BAD_MODULES & set(modules(file)) - ASKS_SERVERS.get(name, set())
    yield from (f"{bad} in line {call.lineno}" for call in calls(file) if (bad := is_bad(call)))
    if name not in OPENS_LINKS and "openUrl" in file.read_text(encoding="utf-8"):
        yield "openUrl"


@pytest.mark.source
def test_no_code_of_ours_unpickles_evaluates_unpacks_or_calls_home() -> None:
    assert len(FILES) > 250
    assert [f"{file}: {bad}" for file in FILES for bad in bad_things(file)] == []


@pytest.mark.source
@pytest.mark.parametrize(
    "code",
    [
        "eval(x)",
        "tar.extractall()",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=yes)",
        "run(x, shell=True)",
        "__import__('pickle')",
    ],
)
def test_such_code_would_be_found(code: str) -> None:
    (call,) = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert is_bad(call)


# --- text of files in the window -------------------------------------------------------------


def odd_screen() -> b.Screen:
    """All that a file can name is called so that rich text would show it in bold."""
    rows = [b.control_row("gene-001", 1, f"B{c:02d}") for c in range(2, 10)]
    for line, gene in (("C", BOLD), ("D", f"{BOLD}2")):
        rows += [b.guide_row("gene-001", 1, f"{line}{c:02d}", gene, c) for c in range(2, 5)]
    rows += [b.dose_row("gene-001", 1, f"E{c:02d}", f"{BOLD}c", c / 4) for c in range(2, 5)]
    screen = b.Screen.of(rows, 32)
    for row in rows:
        screen.planes[row["well_id"]][:] += 1
    return screen


def is_obeyed(widget: QWidget) -> bool:
    """Whether Qt would take a text of the widget's for markup."""
    tip = widget.toolTip()
    if BOLD in tip:
        return bool(Qt.mightBeRichText(tip))
    if not isinstance(widget, QLabel) or BOLD not in widget.text():
        return False
    kind = widget.textFormat()
    return kind != Qt.TextFormat.PlainText and (
        kind != Qt.TextFormat.AutoText or bool(Qt.mightBeRichText(widget.text()))
    )


def obeyed(root: QWidget) -> list[str]:
    """Widgets in whose text or tooltip a tag of a file is taken for a tag."""
    widgets = [root, *root.findChildren(QWidget)]
    found = [f"{type(w).__name__}: {w.toolTip()[:80]}" for w in widgets if is_obeyed(w)]
    for box in (widget for widget in widgets if isinstance(widget, QComboBox)):
        tips = [box.itemData(n, Qt.ItemDataRole.ToolTipRole) for n in range(box.count())]
        found += [str(tip) for tip in tips if tip and BOLD in str(tip)]
    return found


@pytest.mark.soak
def test_names_are_shown_as_they_are_everywhere(
    open_window: Callable[..., Window], tmp_path: Path
) -> None:
    window = open_window(odd_screen().write_rxrx3(tmp_path / "<b>data set"))
    main = window.viewer.window._qt_window
    seen = 0
    window.click_well("C02")
    pages = [
        (tabs, number)
        for tabs in (window.explorer.tabs, window.neighbors.tabs)
        for number in range(tabs.count())
    ]
    for tabs, number in pages:
        tabs.setCurrentIndex(number)
        window.settle()
        assert obeyed(main) == []
        seen += sum(BOLD in label.text() for label in main.findChildren(QLabel))
    for address, kind in (("D03", "guides"), ("E02", "doses"), ("E02", "neighbors")):
        window.click_well(address)
        window.session.want_strip(kind)
        window.settle()
        assert obeyed(main) == []
    window.session.say(f"Nothing is called {BOLD} here.")
    window.explorer.find.setText(BOLD)
    window.settle()
    assert obeyed(main) == []
    assert seen > 0


def test_a_label_that_would_obey_is_found(qtbot: Any) -> None:
    label = QLabel(BOLD)
    qtbot.addWidget(label)
    assert obeyed(label)
    label.setTextFormat(Qt.TextFormat.PlainText)
    assert not obeyed(label)
    label.setToolTip(BOLD)
    assert obeyed(label)
