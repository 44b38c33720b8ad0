"""What the documentation says: every block of code runs, every link leads somewhere."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import metadata
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.cli import main, parser_of_commands
from napari_rxrx3.data.demo.screen_files import DEMO_VERSION
from napari_rxrx3.data.discovery.file_kinds import kind_of_file
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.figures.figure import save_figure
from napari_rxrx3.figures.files import Paper
from napari_rxrx3.figures.record import record_of
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.maps.benchmark.known import read_interactions, read_pairs
from napari_rxrx3.session import Session
from test_cli import a_screen

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
PLAIN = {"", "text", "mermaid"}
"""Blocks that show something and are not run."""


class Block(NamedTuple):
    """A fenced block of a page, and the line it begins at."""

    page: str
    line: int
    language: str
    text: str


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        yield Block(page.relative_to(ROOT).as_posix(), line, match[1], match[2])


def with_blocks(*languages: str, soak: bool = False) -> list[pytest.param]:
    """The pages that have such blocks; with `soak`, README on each binding, others later on one."""
    found = ((page, [x for x in blocks_of(page) if x.language in languages]) for page in PAGES)
    return [
        pytest.param(
            blocks,
            id=page.relative_to(ROOT).as_posix(),
            marks=(pytest.mark.qt if page.name == "README.md" else pytest.mark.soak)
            if soak
            else (),
        )
        for page, blocks in found
        if blocks
    ]


# --- the desk that the examples are tried on --------------------------------------------------


def the_screen() -> b.Screen:
    """A data set that has what the documentation speaks of."""
    screen = a_screen()
    more = [
        b.guide_row("gene-001", 1, "AE23", "AURKB"),
        b.guide_row("gene-001", 1, "D04", "PLK1"),
        *(b.guide_row("gene-001", 1, f"M{c:02d}", "PLK1", c) for c in range(3, 7)),
        *(
            b.dose_row("compound-001", 1, address, "Rapamycin", dose)
            for address, dose in (("AA15", 2.5), ("AA16", 0.25), ("AA17", 10.0))
        ),
    ]
    other = b.Screen.of(more, 64, dim=6)
    screen.rows += other.rows
    screen.planes |= other.planes
    screen.vectors |= other.vectors
    return screen


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the examples take for granted."""
    desk = tmp_path_factory.mktemp("desk")
    screen = the_screen()
    screen.write_rxrx3(desk / "rxrx3-core")
    shutil.copytree(desk / "rxrx3-core", desk / ".demo")
    b.write(desk / ".demo" / "demo.json", json.dumps({"demo_version": DEMO_VERSION}).encode())
    vectors: dict[str, list[object]] = {"well_id": list(screen.vectors)}
    vectors |= {f"x{i}": [float(v[i]) for v in screen.vectors.values()] for i in range(6)}
    write_csv(desk / "my_vectors.csv", vectors)
    write_csv(desk / "known.csv", {"entity1": ["PLK1"], "entity2": ["MTOR"]})
    targets = {"treatment": ["Bortezomib"] * 2, "gene_symbol": ["TUBB", "PLK1"], "active": [1, 0]}
    write_csv(desk / "targets.csv", targets)
    b.write(desk / "gene_sets.gmt", b"mitosis\t\tPLK1\tAURKB\nother\t\tTUBB\tMTOR\tAURKB\n")
    write_csv(desk / "arms.csv", {"gene": ["PLK1", "AURKB"], "arm": ["16p", "16p"]})
    save_what_came_before(desk)
    return desk


def write_csv(path: Path, columns: dict[str, list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def save_what_came_before(desk: Path) -> None:
    """A figure, and what a second reviewer has tagged."""
    dataset = rx.open_dataset(desk / "rxrx3-core")
    session = Session()
    session.open(dataset)
    session.select_well("compound-001_1_AA15")
    save_figure(desk / "figure.png", dataset, record_of(session), paper=Paper(dpi=60))
    other = open_review(dataset, "Bo")
    other.tag("gene-001_1_AE23", 1)


@pytest.fixture(autouse=True)
def _at_the_desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("source"):
        return
    desk = request.getfixturevalue("desk")
    monkeypatch.chdir(desk)
    reports = "PLK1-report.html", "PLK1-report.png", "bortezomib.pdf"
    for name in ("figure.pdf", "rxrx3", *reports):
        shutil.rmtree(desk / name, ignore_errors=True)
        (desk / name).unlink(missing_ok=True)


# --- Python -----------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", with_blocks("python"))
def test_python_runs_from_top_to_bottom(blocks: list[Block]) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks:
        code = ast.increment_lineno(ast.parse(block.text), block.line - 1)
        exec(compile(code, block.page, "exec"), names)


# --- commands ---------------------------------------------------------------------------------


@pytest.mark.source
def test_every_language_is_run() -> None:
    known = PLAIN | {"python", "sh", "console", "json", "csv"}
    found = {(x.page, x.line, x.language) for page in PAGES for x in blocks_of(page)}
    assert [where for where in sorted(found) if where[2] not in known] == []


@pytest.mark.parametrize("blocks", with_blocks("sh", "console", soak=True))
def test_commands_run(blocks: list[Block], capfd: pytest.CaptureFixture[str]) -> None:
    for block in blocks:
        for line in block.text.splitlines():
            if words := shlex.split(line.removeprefix("$ "), comments=True):
                try_command(words)


def try_command(words: list[str]) -> None:
    """Run a command, or what of it can be run without changing this computer."""
    words = [{"PATH": "rxrx3-core", "FOLDER": "rxrx3-core"}.get(word, word) for word in words]
    first, *rest = without_wrappers(words)
    if first == "python" and rest[0] == "-m":
        first, *rest = rest[1:]
    assert first in RULES, f"no rule for {first}"
    RULES[first](rest)


def without_wrappers(words: list[str]) -> list[str]:
    """The command without what gives it a display and a home; these are there already."""
    while words[0] in ("scripts/run.sh", "scripts/xvfb.sh", "xvfb-run"):
        if words[0] != "xvfb-run":
            assert (ROOT / words[0]).is_file()
        words = words[2:] if words[0] != "scripts/xvfb.sh" else words[1:]
    return words


def run_ours(words: list[str]) -> None:
    if words[0] in ("demo", "open"):
        words += [] if "--folder" in words or words[0] == "open" else ["--folder", ".demo"]
        words += [] if "--screenshot" in words else ["--screenshot", "window.png"]
        show_window(tuple(words))
    elif words == ["--version"]:
        run_process(sys.executable, "-m", "napari_rxrx3", "--version")
    else:
        # elsewhere the cache of a test run is the user's own
        keep = words[0] == "cache" and not sys.platform.startswith("linux")
        assert main([word for word in words if not (keep and word == "--clear")]) == 0


_shown: set[tuple[str, ...]] = set()


def show_window(words: tuple[str, ...]) -> None:
    """Open a window in a process of its own, once for each way to do so."""
    if words not in _shown:
        picture = Path(words[words.index("--screenshot") + 1])
        picture.unlink(missing_ok=True)
        run_process(sys.executable, "-m", "napari_rxrx3", *words)
        assert picture.stat().st_size > 10_000
        _shown.add(words)


def run_process(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def dry_make(words: list[str]) -> None:
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    run_process("make", "-C", str(ROOT), "-n", *words)
    named_tests(" ".join(words))


def collect_tests(words: list[str]) -> None:
    assert named_tests(" ".join(words)), "name a test file, so that the docs' test is quick"
    options = ("--collect-only", "-q", "-o", f"cache_dir={Path.cwd() / 'pytest'}")
    os.chdir(ROOT)
    run_process(sys.executable, "-m", "pytest", *options, *words)


def named_tests(text: str) -> list[str]:
    files = re.findall(r"tests/\w+\.py", text)
    assert [file for file in files if not (ROOT / file).is_file()] == []
    return files


def check_pip(words: list[str]) -> None:
    """What is to be installed is ours, and has the extras that are named."""
    command, *names = words
    assert command in ("install", "uninstall")
    extras = {canonicalize_name(x) for x in metadata("napari-rxrx3").get_all("Provides-Extra")}
    for name in names:
        wanted = Requirement(name)
        assert wanted.name == "napari-rxrx3"
        assert {canonicalize_name(extra) for extra in wanted.extras} <= extras


def make_environment(words: list[str]) -> None:
    run_process(sys.executable, "-m", "venv", "--without-pip", *words)


def find_activate(words: list[str]) -> None:
    if os.name == "posix":
        assert Path(words[0]).is_file()


RULES: dict[str, Callable[[list[str]], None]] = {
    "napari-rxrx3": run_ours,
    "napari": lambda words: run_process(sys.executable, "-m", "napari", *words),
    "make": dry_make,
    "pytest": collect_tests,
    "pip": check_pip,
    "venv": make_environment,
    "source": find_activate,
}


@pytest.mark.source
def test_the_page_of_the_command_line_names_every_option() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    commands = next(
        a.choices for a in parser_of_commands()._actions if a.dest == "COMMAND" or a.choices
    )
    kinds = next(a.choices for a in commands["export"]._actions if a.choices)
    commands = {**commands, **{f"export {kind}": parser for kind, parser in kinds.items()}}
    for command, parser in commands.items():
        assert f"napari-rxrx3 {command}" in text
        for action in parser._actions:
            shown = action.help != "==SUPPRESS==" and action.option_strings
            for option in [] if not shown or action.dest == "help" else action.option_strings:
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), f"{command} {option}"
            for choice in action.choices or () if shown else ():
                assert str(choice) in text, f"{command} {action.dest} {choice}"


# --- tables -----------------------------------------------------------------------------------


@pytest.mark.source
@pytest.mark.parametrize("blocks", with_blocks("json"))
def test_json_can_be_read(blocks: list[Block]) -> None:
    for block in blocks:
        assert json.loads(block.text)


@pytest.mark.parametrize("blocks", with_blocks("csv"))
def test_tables_are_what_they_are_said_to_be(blocks: list[Block], tmp_path: Path) -> None:
    kinds = []
    for block in blocks:
        path = b.write(tmp_path / f"{block.line}.csv", block.text.encode())
        kinds.append(kind_of_table(path))
    assert kinds == ["metadata", "embedding", "pairs", "interactions"]
    dataset = rx.open_dataset(tmp_path)
    assert dataset.wells["has_embedding"].tolist() == [True] * 3


def kind_of_table(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        header = file.readline()
    if header.startswith("entity1"):
        assert len(read_pairs(path))
        return "pairs"
    if header.startswith("treatment"):
        assert len(read_interactions(path))
        return "interactions"
    return kind_of_file(*Storage.of(path))


# --- links and words --------------------------------------------------------------------------


@pytest.mark.source
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if "://" in link:
            assert link.startswith("https://"), link
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), f"{link} leads nowhere"
        assert not heading or heading in headings_of(target), f"no heading for {link}"


def headings_of(page: Path) -> set[str]:
    """What GitHub, and our site, call the headings of a page in a link."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    found = (re.sub(r"[`*]", "", title) for title in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in found}


@pytest.mark.source
def test_messages_that_are_explained_are_ours() -> None:
    """What troubleshooting quotes is what the program says, word for word."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^\*\*`([^`]+)`", page, re.MULTILINE)
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    ours = "\n".join(re.sub(r'"\s*\n\s*f?"', "", text) for text in sources)
    of_others = {"No Qt bindings could be found"}
    assert len(quoted) > 5
    assert [words for words in quoted if words not in ours and words not in of_others] == []
