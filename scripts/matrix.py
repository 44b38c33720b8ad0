"""Run the tests on what people have: ``make matrix``.

Each cell is a Python, a Qt binding, and one end of the dependencies: the lowest versions that
pyproject.toml allows, or the newest that there are. Environments are made by uv, in
.cache/matrix, from the Pythons that are installed here; a cell's output is in a file beside it.

Usage: python scripts/matrix.py [--list] [--all] [--only TEXT] [--quick] [PYTEST_ARGUMENT ...]
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".cache" / "matrix"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
BINDINGS = ("pyqt5", "pyqt6", "pyside6")
ENDS = ("lowest", "newest")
QUICK = (
    *("bindings", "widgets", "tasks", "first_steps", "explorer", "plate_map", "map_view"),
    *("open_dataset", "embeddings", "phenomap", "reading_planes", "figures", "session", "cli"),
)
"""Tests of what differs between bindings and versions: some minutes a cell, not half an hour."""
_PASSED_OVER = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")


class Cell(NamedTuple):
    """What the tests are run on."""

    python: str
    binding: str
    ends: str

    @property
    def name(self) -> str:
        return f"{self.python}-{self.binding}-{self.ends}"

    @property
    def venv(self) -> Path:
        return PLACE / self.name

    @property
    def program(self) -> Path:
        parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
        return self.venv.joinpath(*parts)


def main(arguments: Sequence[str]) -> int:
    """Run the chosen cells one after the other; the exit code is 0 if all of them passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    parser.add_argument("--all", action="store_true", help="all cells, not only the corners")
    parser.add_argument("--only", default="", metavar="TEXT", help="cells with this in their name")
    parser.add_argument("--quick", action="store_true", help="some of the tests")
    chosen, for_pytest = parser.parse_known_args(arguments)
    if chosen.quick:
        for_pytest += [f"tests/test_{name}.py" for name in QUICK]
    PLACE.mkdir(parents=True, exist_ok=True)
    uv = find_uv()
    found = [v for v in VERSIONS if has_python(uv, v)]
    cells = [c for c in cells_of(found, chosen.all) if chosen.only in c.name]
    print(f"Pythons here: {', '.join(found) or 'none'}")
    if chosen.list or not cells:
        print(*(cell.name for cell in cells), sep="\n")
        return 0 if cells else 1
    results = {cell: run(uv, cell, for_pytest) for cell in cells}
    print(*(f"{cell.name:24s} {result}" for cell, result in results.items()), sep="\n")
    return 0 if set(results.values()) <= {"passed"} else 1


def cells_of(found: Sequence[str], every: bool) -> list[Cell]:
    """All cells, or the corners: each Python, each binding and each end at least once."""
    if every or not found:
        return [Cell(*parts) for parts in itertools.product(found, BINDINGS, ENDS)]
    first, last = found[0], found[-1]
    corners = [Cell(first, "pyqt5", "lowest"), Cell(first, "pyqt6", "lowest")]
    corners += [Cell(version, "pyqt6", "newest") for version in found]
    corners += [Cell(last, binding, "newest") for binding in ("pyqt5", "pyside6")]
    return list(dict.fromkeys(corners))


def find_uv() -> Path:
    """The uv that is installed, or one of our own in the matrix's folder."""
    there = shutil.which("uv")
    if there is not None:
        return Path(there)
    tools = PLACE / "tools"
    program = tools / ("Scripts/uv.exe" if os.name == "nt" else "bin/uv")
    if not program.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(tools)], check=True)
        python = program.with_name("python.exe" if os.name == "nt" else "python")
        subprocess.run([str(python), "-m", "pip", "install", "-qq", "uv"], check=True)
    return program


def has_python(uv: Path, version: str) -> bool:
    return quietly(uv, "python", "find", "--no-project", version).returncode == 0


def quietly(uv: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "PATH": path_with_pythons()}
    environment.pop("VIRTUAL_ENV", None)
    return subprocess.run(
        [str(uv), *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def path_with_pythons() -> str:
    """Where programs are, with all Pythons of pyenv, of which it shows one alone."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    pythons = sorted(map(str, (root / "versions").glob("3.*/bin")))
    others = (p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != root / "shims")
    return os.pathsep.join([*others, *pythons])


def run(uv: Path, cell: Cell, for_pytest: Sequence[str]) -> str:
    """Make the environment of a cell and run the tests in it; says how it went."""
    print(f"{cell.name}: installing", flush=True)
    problem = install(uv, cell)
    if problem:
        print(problem, flush=True)
        return "could not be installed"
    print(f"{cell.name}: testing", flush=True)
    begin, log = time.monotonic(), PLACE / f"{cell.name}.log"
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            test_command(cell, for_pytest),
            cwd=ROOT,
            env=test_environment(cell),
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    print(last_line(log), f"({time.monotonic() - begin:.0f} s; {log})", flush=True)
    return "passed" if done.returncode == 0 else "failed"


def install(uv: Path, cell: Cell) -> str:
    """Make the environment; returns what went wrong, or nothing."""
    extras = f"{cell.binding},remote,chem"
    pins = PLACE / f"{cell.name}.txt"
    resolution = "lowest-direct" if cell.ends == "lowest" else "highest"
    # Only our own dependencies are the lowest ones, not those of the tests.
    compiled = quietly(
        *(uv, "pip", "compile", "--quiet", "--no-annotate", "--no-header", "pyproject.toml"),
        *(f"--extra={extra}" for extra in extras.split(",")),
        *(f"--python={cell.python}", f"--resolution={resolution}", f"--output-file={pins}"),
    )
    steps = (
        ("venv", "--quiet", "--clear", f"--python={cell.python}", str(cell.venv)),
        (
            *("pip", "install", "--quiet", f"--python={cell.program}"),
            *(f"--constraint={pins}", f"--editable=.[{extras}]", "--group=test"),
        ),
    )
    done = compiled
    for step in steps:
        if done.returncode == 0:
            done = quietly(uv, *step)
    return "" if done.returncode == 0 else done.stderr.strip()


def test_command(cell: Cell, for_pytest: Sequence[str]) -> list[str]:
    display = [str(ROOT / "scripts" / "xvfb.sh")] if sys.platform == "linux" else []
    # Old versions warn of what newer ones of their own dependencies have changed.
    passed = [f"-Wignore::{kind}" for kind in _PASSED_OVER if cell.ends == "lowest"]
    return [*display, str(cell.program), "-m", "pytest", "-q", *passed, *for_pytest]


def test_environment(cell: Cell) -> dict[str, str]:
    home = PLACE / f"{cell.name}.home"
    shutil.rmtree(home, ignore_errors=True)
    folders = {f"XDG_{k}_HOME": str(home / k.lower()) for k in ("CONFIG", "CACHE", "DATA", "STATE")}
    runtime = home / "runtime"
    runtime.mkdir(parents=True, mode=0o700)
    chosen = {
        "QT_API": cell.binding,
        "PYTEST_QT_API": cell.binding,
        "NAPARI_CONFIG": str(home / "napari" / "settings.yaml"),
        "PRIVATE_RUNTIME_DIR": str(runtime),
    }
    path = os.pathsep.join([str(cell.program.parent), os.environ["PATH"]])
    return os.environ | folders | chosen | {"PATH": path}


def last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "no output"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
