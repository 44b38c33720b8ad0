"""Change the code a little, in many places, and see that a test notices: `make mutants`.

Cosmic Ray makes the changes. Of all that can be made below the window, a seeded sample is tried,
each with the tests that run the changed line. What no test notices is listed; it must stand in
`tests/mutants.toml` with the reason why nothing else can be expected.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import coverage
from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import mutate_code, use_mutation
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.util import read_python_source

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".cache" / "mutants"
RINGS = ("core", "data", "maps", "strips", "hits", "figures", "session.py", "dataset.py")
WITHOUT_WINDOW = "not qt and not soak and not source"
OPERATORS = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul"),
    *("BitOr_BitAnd", "BitAnd_BitOr", "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "Gt_LtE", "LtE_Gt", "GtE_Lt"),
    *("USub_UAdd", "Delete_USub", "Delete_Not", "Delete_Invert", "AddNot"),
    *("TrueWithFalse", "FalseWithTrue", "AndWithOr", "OrWithAnd", "BreakWithContinue"),
    *("ContinueWithBreak", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator"),
    "ZeroIterationForLoop",
)
"""Endings of the names of Cosmic Ray's operators that are used: of each kind of code, what people
get wrong, rather than each operator in the place of each other."""
FIRST = 30
"""So many tests are tried first: a mutant that is noticed is noticed by one of them as a rule."""
LIMIT_S = 300
"""A test that takes longer than this with a mutant, and does not without, has noticed it."""


@dataclass(frozen=True, order=True)
class Mutant:
    module: str
    operator: str
    occurrence: int
    line: int
    end_line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.operator.removeprefix('core/')}"


@dataclass(frozen=True)
class Outcome:
    mutant: Mutant
    verdict: str
    change: str


def main() -> None:
    options = parsed()
    PLACE.mkdir(parents=True, exist_ok=True)
    if options.fresh or not (PLACE / "coverage").exists():
        measure_coverage(options.tests)
    mutants = sample(options.number, options.seed, options.only)
    outcomes = tried(mutants, options.workers)
    sys.exit(report(outcomes))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--number", type=int, default=200, help="how many mutants (200)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--only", default="", help="modules whose path holds this text")
    parser.add_argument("--workers", type=int, default=2, help="how many at once (2)")
    parser.add_argument(
        "--fresh", action="store_true", help="measure anew which test runs which line"
    )
    parser.add_argument("--tests", nargs="*", default=["tests"], help="where the tests are")
    return parser.parse_args()


# --- which test runs which line ---------------------------------------------------------------


def measure_coverage(tests: list[str]) -> None:
    """Run all tests that need no window once, and note which lines each of them runs."""
    settings = PLACE / "coveragerc"
    settings.write_text(
        "[run]\ndynamic_context = test_function\nsource = src/napari_rxrx3\nrelative_files = True\n"
        f"data_file = {PLACE / 'coverage'}\n"
    )
    run = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest"]
    subprocess.run(
        [*run, "-q", "-p", "no:cacheprovider", "-m", WITHOUT_WINDOW, *tests], cwd=ROOT, check=True
    )


def tests_by_line() -> dict[str, dict[int, list[str]]]:
    """Module -> line -> node ids of the tests that run it."""
    data = coverage.CoverageData(str(PLACE / "coverage"))
    data.read()
    found = {}
    for file in data.measured_files():
        lines = data.contexts_by_lineno(file)
        found[Path(file).as_posix()] = {n: node_ids(names) for n, names in lines.items()}
    return found


def node_ids(contexts: list[str]) -> list[str]:
    """``tests.test_plate.test_names`` or ``test_plate.test_names`` as pytest calls it."""
    ids = []
    for context in sorted(set(contexts)):
        module, _, name = context.removeprefix("tests.").partition(".")
        if name.startswith("test"):
            ids.append(f"tests/{module}.py::{name.replace('.', '::')}")
    return ids


# --- which mutants ----------------------------------------------------------------------------


def sample(number: int, seed: int, only: str) -> list[Mutant]:
    mutants = [m for path in sources() if only in str(path) for m in mutants_of(path)]
    random.Random(seed).shuffle(mutants)
    chosen: list[Mutant] = []
    for mutant in mutants:
        if len(chosen) == number:
            break
        if changes_something(mutant):
            chosen.append(mutant)
    print(f"{len(chosen)} of {len(mutants):,} mutants, seed {seed}", flush=True)
    return chosen


def sources() -> list[Path]:
    package = ROOT / "src" / "napari_rxrx3"
    files = [
        f
        for ring in RINGS
        for f in ((package / ring).rglob("*.py") if (package / ring).is_dir() else [package / ring])
    ]
    return sorted(file for file in files if file.exists())


def mutants_of(path: Path) -> list[Mutant]:
    module = path.relative_to(ROOT).as_posix()
    tree = get_ast(read_python_source(path))
    found = []
    for name in sorted(operator_names()):
        if not name.endswith(OPERATORS):
            continue
        places = [p for node in _walk(tree) for p in get_operator(name)().mutation_positions(node)]
        found += [
            Mutant(module, name, i, start[0], end[0]) for i, (start, end) in enumerate(places)
        ]
    return found


def _walk(node: object) -> list[object]:
    nodes, left = [], [node]
    while left:
        nodes.append(left.pop(0))
        left = [*getattr(nodes[-1], "children", []), *left]
    return nodes


def changes_something(mutant: Mutant) -> bool:
    """Whether Python sees the change: annotations and texts that nobody reads are left out."""
    text = read_python_source(ROOT / mutant.module)
    changed = mutate_code(text, get_operator(mutant.operator)(), mutant.occurrence)
    if changed is None:
        return False
    try:
        return bare(text) != bare(changed)
    except SyntaxError:
        return False


def bare(text: str) -> str:
    """The program without its annotations, which are never evaluated here."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.dump(tree)


# --- trying them ------------------------------------------------------------------------------


def tried(mutants: list[Mutant], workers: int) -> list[Outcome]:
    lines = tests_by_line()
    trees: Queue[Path] = Queue()
    for number in range(workers):
        trees.put(copied(number))

    def work(mutant: Mutant) -> Outcome:
        tree = trees.get()
        try:
            outcome = try_one(mutant, tree, lines.get(mutant.module, {}))
        finally:
            trees.put(tree)
        print(f"{outcome.verdict:9} {mutant}", flush=True)
        return outcome

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, mutants))


def copied(number: int) -> Path:
    tree = PLACE / f"tree-{number}"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("src", "tests", "scripts", "docs", "benchmarks"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "CHANGELOG.md", "Makefile", "CONTRIBUTING.md"):
        shutil.copy(ROOT / file, tree / file)
    return tree


def try_one(mutant: Mutant, tree: Path, lines: dict[int, list[str]]) -> Outcome:
    span = range(mutant.line, mutant.end_line + 1)
    counts = Counter(test for line in span for test in lines.get(line, []))
    tests = sorted(counts, key=lambda test: (Path(mutant.module).stem not in test, test))
    operator = get_operator(mutant.operator)()
    with use_mutation(tree / mutant.module, operator, mutant.occurrence) as (before, after):
        change = changed_lines(before, after)
        if not tests:
            return Outcome(mutant, "no test", change)
        first, rest = spread(tests)
        noticed = any(fails(part, tree) for part in (first, rest) if part)
    return Outcome(mutant, "killed" if noticed else "survived", change)


def spread(tests: list[str]) -> tuple[list[str], list[str]]:
    """Some tests out of all, and the others."""
    step = max(1, len(tests) // FIRST)
    first = tests[::step][:FIRST]
    return first, [test for test in tests if test not in set(first)]


def fails(tests: list[str], tree: Path) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        command += ["-p", "no:randomly", f"--basetemp={folder}/base", *tests]
        try:
            run = subprocess.run(
                command,
                cwd=tree,
                env=environment,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True
    if run.returncode not in (0, 1, 2, 4):
        print(run.stdout.decode()[-2000:], flush=True)
    return run.returncode != 0


def changed_lines(before: str, after: str) -> str:
    old, new = before.splitlines(), after.splitlines()
    pairs = [(a.strip(), b.strip()) for a, b in zip(old, new, strict=False) if a != b]
    return " / ".join(f"{a}  ->  {b}" for a, b in pairs[:2])


# --- what came out ----------------------------------------------------------------------------


def report(outcomes: list[Outcome]) -> int:
    known = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))
    reasons = {entry["change"]: entry["reason"] for entry in known.get("equivalent", [])}
    killed = [o for o in outcomes if o.verdict == "killed"]
    left = [o for o in outcomes if o.verdict != "killed"]
    print(f"\n{len(killed)} of {len(outcomes)} killed ({len(killed) / len(outcomes):.0%})")
    unexplained = 0
    for outcome in left:
        reason = reasons.get(outcome.change, "")
        unexplained += not reason
        print(f"{outcome.verdict}: {outcome.mutant}", outcome.change, reason, sep="\n    ")
    return int(unexplained > 0 or len(killed) < 0.9 * len(outcomes))


if __name__ == "__main__":
    main()
