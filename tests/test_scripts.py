"""What is built and how it is tested elsewhere: the checks find what they are there to find."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.source

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LINK = 0o120777 << 16


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and named tuples look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def check_dist() -> ModuleType:
    return script("check_dist")


def a_wheel(folder: Path, check_dist: ModuleType, more: dict[str, bytes], links: set[str]) -> Path:
    path = folder / "napari_rxrx3-1-py3-none-any.whl"
    members = dict.fromkeys(check_dist.IN_WHEEL, b"x") | more
    members["napari_rxrx3-1.dist-info/licenses/LICENSE"] = b"x"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = LINK if name in links else 0o644 << 16
            archive.writestr(info, content)
    return path


def test_a_wheel_as_it_should_be_has_no_problem(tmp_path: Path, check_dist: ModuleType) -> None:
    wheel = a_wheel(tmp_path, check_dist, {"napari_rxrx3/a.py": b""}, set())
    assert list(check_dist.wheel_problems(wheel)) == []


@pytest.mark.parametrize(
    "name",
    [
        "tests/test_plate.py",
        "napari_rxrx3/tests/test_plate.py",
        "napari_rxrx3/demo.parquet",
        "napari_rxrx3/core/plate.pyc",
        "scripts/matrix.py",
    ],
)
def test_what_has_no_place_in_a_wheel_is_found(
    tmp_path: Path, check_dist: ModuleType, name: str
) -> None:
    wheel = a_wheel(tmp_path, check_dist, {name: b"x"}, set())
    assert [p for p in check_dist.wheel_problems(wheel) if name in p] != []


def test_links_and_size_of_a_wheel_are_found(tmp_path: Path, check_dist: ModuleType) -> None:
    large = {
        "napari_rxrx3/a.py": bytes(check_dist.MOST_OF_A_MODULE + 1),
        "napari_rxrx3/picture.svg": random.Random(1).randbytes(check_dist.MOST_BESIDE_SOURCE),
    }
    wheel = a_wheel(tmp_path, check_dist, large, {"napari_rxrx3/napari.yaml"})
    problems = " ".join(check_dist.wheel_problems(wheel))
    assert "napari.yaml is a link" in problems
    assert "a.py is larger than" in problems
    assert "bytes are no Python" in problems


def test_a_link_in_the_sdist_is_found(tmp_path: Path, check_dist: ModuleType) -> None:
    path = tmp_path / "napari_rxrx3-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("napari_rxrx3-1/napari.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "src/napari_rxrx3/napari.yaml"
        archive.addfile(link)
    problems = " ".join(check_dist.sdist_problems(path))
    assert "napari.yaml is a link" in problems
    assert "README.md is missing" in problems


# --- the matrix -------------------------------------------------------------------------------


def test_corners_have_each_python_binding_and_end() -> None:
    matrix = script("matrix")
    cells = matrix.cells_of(["3.11", "3.12", "3.14"], False)
    assert {cell.python for cell in cells} == {"3.11", "3.12", "3.14"}
    assert {cell.binding for cell in cells} == set(matrix.BINDINGS)
    assert {cell.ends for cell in cells} == set(matrix.ENDS)
    assert len(cells) == len(set(cells)) < len(matrix.cells_of(["3.11", "3.12", "3.14"], True))


def test_the_quick_tests_are_there() -> None:
    files = [ROOT / "tests" / f"test_{name}.py" for name in script("matrix").QUICK]
    assert [file for file in files if not file.is_file()] == []


def test_every_dependency_has_a_lowest_version() -> None:
    """Without one there is no lowest end to test."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert listed is not None
    wanted = re.findall(r'"(.+)"', listed[1])
    assert [name for name in wanted if ">=" not in name] == []


# --- what runs on GitHub ----------------------------------------------------------------------


def steps_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_have_as_few_rights_as_they_can(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job
        assert ("permissions" in job) == (name == "publish")
    for step in steps_of(workflow):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
        # what somebody else can name must not be read by a shell
        assert "github.event" not in step.get("run", "")
        assert "github.ref" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    """To a commit, which nobody can move as a tag can be; its version stands beside it."""
    used = re.findall(r"uses: *(.+)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.search(r"^[\w-]+(/[\w-]+)+@[0-9a-f]{40} # v\d+(\.\d+)+$", action), action


def test_workflows_ask_for_what_there_is() -> None:
    matrix = script("matrix")
    names = {cell.name for cell in matrix.cells_of(matrix.VERSIONS, True)}
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert set(re.findall(r"- (3\.\d+-\w+-\w+)", text)) <= names
    made = set(re.findall(r"run: make ([\w-]+)", text))
    assert made
    assert made <= targets


# --- what make runs ---------------------------------------------------------------------------

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MARKS = ("qt", "soak", "source")


def stages(name: str) -> list[str]:
    (found,) = re.findall(rf"^{name} := (.+)$", MAKEFILE, re.MULTILINE)
    return str(found).replace("+", " ").split()


def marks_wanted(stage: str) -> tuple[str, str]:
    """Which environment a stage runs pytest in, and which marks it asks for."""
    recipe = re.split(rf"^{stage}:", MAKEFILE, flags=re.MULTILINE)[1].split("\n\n")[0]
    (lane,) = re.findall(r"run\.sh (pyqt\d)", recipe)
    (wanted,) = re.findall(r'-m "?([\w ]+)"?', recipe.rsplit("pytest", 1)[1])
    return lane, wanted.strip()


def runs_of(marks: set[str], stages: list[str]) -> list[str]:
    """The environments in which a test of these marks is run."""
    given = {mark: mark in marks for mark in MARKS}
    asked = [marks_wanted(stage) for stage in stages if stage.startswith(("test-", "lint"))]
    return [lane for lane, wanted in asked if eval(wanted, {}, given)]  # noqa: S307


@pytest.mark.parametrize("n_marks", range(len(MARKS) + 1))
def test_every_test_is_run(n_marks: int) -> None:
    """By one stage or the other on PyQt5, and on PyQt6 if it depends on Qt."""
    for marks in map(set, combinations(MARKS, n_marks)):
        runs = runs_of(marks, stages("STAGES") + stages("MORE_STAGES"))
        assert "pyqt5" in runs, marks
        assert "pyqt6" in runs or "qt" not in marks or "source" in marks, marks


def test_stages_are_targets_and_each_target_that_checks_is_a_stage() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    run = {*stages("STAGES"), *stages("MORE_STAGES")}
    assert run <= targets
    checks = {target for target in targets if target.startswith("test-")} - {"test-all"}
    assert {*checks, "lint", "types", "manifest", "docs", "package", "bench-quick"} <= run


@pytest.mark.parametrize("file", [".ci/run", ".github/workflows/test.yml"])
def test_both_parts_run_in_continuous_integration(file: str) -> None:
    made = re.findall(r"make (test[\w-]*)(?: <|$)", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    assert made == ["test", "test-all"]


def test_files_that_are_named_in_the_makefile_are_there() -> None:
    (listed,) = re.findall(r"^ON_PYQT6 := .*test_%\.py,(.+)\)$", MAKEFILE, re.MULTILINE)
    files = [ROOT / "tests" / f"test_{name}.py" for name in listed.split()]
    assert files
    assert [file for file in files if not file.is_file()] == []


@pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("make") is None, reason="there is no make here"
)
@pytest.mark.parametrize("bad", ["bad", "bad+good", "slow+bad+good", "good+bad"])
def test_stages_are_timed_and_the_first_that_fails_is_the_last(tmp_path: Path, bad: str) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=lambda *_: ["__pycache__"])
    rules = {"good": "echo done", "slow": "sleep 0.3; echo slow", "bad": "exit 3", "never": "exit"}
    made = "".join(f"{name}:\n\t@{recipe}\n" for name, recipe in rules.items())
    (tmp_path / "Makefile").write_text(made, encoding="utf-8")
    command = [tmp_path / "scripts" / "stages.sh", "good", "slow+good", bad, "never"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stdout.count("done") == 2 + bad.count("good")
    assert done.stdout.index("slow") < done.stdout.rindex("done"), "target by target"
    for stage, word in (("good", ""), ("slow+good", ""), (bad, "  failed"), ("all", "  failed")):
        assert re.search(rf"^{re.escape(stage)} +\d+{word}$", done.stdout, re.MULTILINE)
    assert "never" not in done.stdout
