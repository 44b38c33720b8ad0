"""Change the code a little, in many places, and see that a test notices: `make mutants`.

Cosmic Ray makes the changes. Of all that can be made below the window, a seeded sample is tried,
each with the tests that run the changed line. What no test notices is listed; it must stand in
`tests/mutants.toml` with the reason why nothing else can be expected.

All happens in a copy of the repository. First every test that needs no window runs there, to learn
which lines it runs and how long it takes; this is kept for the next time. What fails there without
any change is not used.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from queue import Queue
from typing import Any

import coverage
import pytest
from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import mutate_code, use_mutation
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.util import read_python_source

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".cache" / "mutants"
COVERAGE = PLACE / "coverage"
SECONDS = PLACE / "seconds.json"
OUTCOMES = PLACE / "outcomes.jsonl"
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
OF_ALL = "tests/test_rings.py"
"""Looks at all modules, whichever lines it runs."""
NOT_NEEDED = [
    part for name in ("napari", "npe2", "pytest-qt", "xdist") for part in ("-p", f"no:{name}")
]
"""Plugins of pytest for windows, which take three times as long to import as all else."""
FIRST_S = 8
"""So long the first tests take: a mutant that is noticed is noticed by one of them as a rule."""
ALL_S = 60
"""So long all tests of a mutant take. What only others would notice counts as not noticed."""
MEMORY = 10 << 30
"""A mutant that takes more than so many bytes ends."""


@dataclass(frozen=True)
class Mutant:
    module: str
    operator: str
    occurrence: int
    line: int
    end_line: int
    text: str
    """The changed lines as they are, and which of those that are the same."""

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.operator.removeprefix('core/')}"


@dataclass(frozen=True)
class Outcome:
    name: str
    change: str
    occurrence: int
    verdict: str
    noticed_by: str = ""


def main() -> None:
    options = parsed()
    PLACE.mkdir(parents=True, exist_ok=True)
    if options.fresh:
        COVERAGE.unlink(missing_ok=True)
        SECONDS.unlink(missing_ok=True)
    trees = [copied(number) for number in range(options.workers)]
    tests = measured(options.tests, trees[0])
    outcomes = tried(sample(options.number, options.seed, options.only), tests, trees, options)
    sys.exit(report(outcomes, trees[0]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--number", type=int, default=200, help="how many mutants (200)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--only", default="", help="modules whose path holds this text")
    parser.add_argument("--workers", type=int, default=2, help="how many at once (2)")
    parser.add_argument(
        "--again", action="store_true", help="do not try again what was killed the last time"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="measure anew which test runs which line"
    )
    parser.add_argument("--tests", nargs="*", default=["tests"], help="where the tests are")
    return parser.parse_args()


def copied(number: int) -> Path:
    """A copy of what is in the repository, as it is now."""
    tree = PLACE / f"tree-{number}"
    shutil.rmtree(tree, ignore_errors=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
    return tree


# --- which test runs which line ---------------------------------------------------------------


def measured(where: list[str], tree: Path) -> dict[str, float]:
    """Node id of each test that passes -> its seconds; those that are new are measured."""
    wanted = ["--collect-only", "-q", "-m", WITHOUT_WINDOW]
    listed = run_pytest([*wanted, *where], tree, 600, without=[])
    names = [line for line in listed.stdout.splitlines() if "::" in line]
    if listed.returncode:
        sys.exit(listed.stdout)
    known = seconds()
    if new := [name for name in names if name not in known]:
        print(f"{len(new):,} tests are measured", flush=True)
        measure(new, tree)
        known = seconds()
    failed = [name for name in names if known.get(name) is None]
    print("".join(f"not used, as it does not pass: {name}\n" for name in failed), end="")
    return {name: known[name] for name in names if known.get(name) is not None}


def seconds() -> dict[str, float | None]:
    return json.loads(SECONDS.read_text()) if SECONDS.exists() else {}


def measure(tests: list[str], tree: Path) -> None:
    settings = PLACE / "coveragerc"
    settings.write_text(
        f"[run]\nsource = src/napari_rxrx3\nrelative_files = True\ndata_file = {COVERAGE}\n"
    )
    with listed_in_file(tests) as file:
        command = ["coverage", "run", "--append", f"--rcfile={settings}", "-m", "pytest", "-q"]
        command += ["-p", "no:cacheprovider", "-p", Path(__file__).stem, file]
        subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tree,
            env=environment(tree, Path(__file__).parent),
            check=False,
        )


# As a plugin of pytest this module notes what each test runs.


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    running = coverage.Coverage.current()
    assert running is not None
    running.switch_context(item.nodeid)
    return (yield)


_taken: dict[str, float | None] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    so_far = _taken.setdefault(report.nodeid, 0.0)
    passed = report.passed and so_far is not None
    _taken[report.nodeid] = so_far + report.duration if passed else None  # type: ignore[operator]


def pytest_sessionfinish() -> None:
    SECONDS.write_text(json.dumps({**seconds(), **_taken}, indent=0))


@cache
def lines_of(module: str) -> dict[int, set[str]]:
    """Line -> the tests that run it."""
    data = coverage.CoverageData(str(COVERAGE))
    data.read()
    return {line: set(tests) - {""} for line, tests in data.contexts_by_lineno(module).items()}


# --- which mutants ----------------------------------------------------------------------------


def sample(number: int, seed: int, only: str) -> list[Mutant]:
    """The same as long as the lines are the same: what is changed elsewhere leaves it alone."""
    mutants = [m for path in sources() if only in str(path) for m in mutants_of(path)]
    chosen: list[Mutant] = []
    for mutant in sorted(mutants, key=lambda mutant: lot(mutant, seed)):
        if len(chosen) == number:
            break
        if changes_something(mutant):
            chosen.append(mutant)
    print(f"{len(chosen)} of {len(mutants):,} mutants, seed {seed}", flush=True)
    return chosen


def lot(mutant: Mutant, seed: int) -> str:
    words = f"{seed} {mutant.module} {mutant.operator} {mutant.text}"
    return hashlib.sha256(words.encode()).hexdigest()


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
    source = read_python_source(path)
    tree, lines = get_ast(source), source.splitlines()
    found = []
    for name in sorted(operator_names()):
        if not name.endswith(OPERATORS):
            continue
        same: Counter[str] = Counter()
        places = [p for node in _walk(tree) for p in get_operator(name)().mutation_positions(node)]
        for number, ((line, column), (end, _)) in enumerate(places):
            text = f"{column} " + "\n".join(lines[line - 1 : end])
            same[text] += 1
            found.append(Mutant(module, name, number, line, end, f"{text} {same[text]}"))
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
    try:
        changed = mutate_code(text, get_operator(mutant.operator)(), mutant.occurrence)
        return changed is not None and bare(text) != bare(changed)
    except (SyntaxError, AttributeError):  # Cosmic Ray cannot replace `json.JSONDecodeError`
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


def tried(
    mutants: list[Mutant], tests: dict[str, float], trees: list[Path], options: argparse.Namespace
) -> list[Outcome]:
    before = killed_before() if options.again else {}
    OUTCOMES.write_text("".join(json.dumps(asdict(o)) + "\n" for o in before.values()))
    free: Queue[Path] = Queue()
    for tree in trees:
        free.put(tree)

    def cost(mutant: Mutant) -> float:
        return max((tests[test] for test in tests_for(mutant, tests)[:3]), default=0.0)

    def work(mutant: Mutant) -> Outcome:
        tree = free.get()
        try:
            outcome = try_one(mutant, tree, tests, before)
        finally:
            free.put(tree)
        print(f"{outcome.verdict:9} {mutant}   {outcome.noticed_by}", flush=True)
        return outcome

    with ThreadPoolExecutor(len(trees)) as pool:
        return list(pool.map(work, sorted(mutants, key=cost)))  # what is quick is known first


def killed_before() -> dict[tuple[str, int], Outcome]:
    lines = OUTCOMES.read_text().splitlines() if OUTCOMES.exists() else []
    outcomes = [Outcome(**json.loads(line)) for line in lines]
    return {(o.change, o.occurrence): o for o in outcomes if o.verdict == "killed"}


def try_one(
    mutant: Mutant,
    tree: Path,
    tests: dict[str, float],
    before: dict[tuple[str, int], Outcome],
) -> Outcome:
    operator = get_operator(mutant.operator)()
    path = tree / mutant.module
    with use_mutation(path, operator, mutant.occurrence) as (old, new):
        change = changed_lines(old, new)
        if known := before.get((change, mutant.occurrence)):
            return known
        verdict, noticed_by = notice(tests_for(mutant, tests), tests, tree, path)
    outcome = Outcome(str(mutant), change, mutant.occurrence, verdict, noticed_by)
    with OUTCOMES.open("a") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")
    return outcome


def tests_for(mutant: Mutant, seconds: dict[str, float]) -> list[str]:
    """Those that run the changed line, the likeliest first. Then the other tests of their files:
    what a fixture of a whole file runs is noted with the first that asks for it. For what runs
    only once, as it is imported, those that run a line that names it, then all of the module. For
    what runs in another process, the files that speak of it.
    """
    lines = lines_of(mutant.module)
    stem = Path(mutant.module).stem
    span: Iterable[int] = range(mutant.line, mutant.end_line + 1)
    is_once = not in_function(mutant)
    if is_once:
        span = lines_with_name_at(ROOT / mutant.module, mutant.line)
    of_module = set[str]().union(*lines.values())
    found = set[str]().union(*(lines.get(line, set()) for line in span)) or of_module
    files = {file_of(test) for test in (of_module if is_once else found)}
    files = files or {f"tests/{name}" for name in speaking_of(stem)}
    if "Decorator" in mutant.operator or "@" in mutant.text:
        files.add(OF_ALL)
    given: Counter[str] = Counter()
    ranked = []
    for test in sorted(seconds, key=lambda test: (seconds[test], test)):
        if file_of(test) not in files:
            continue
        function = test.partition("[")[0]
        order = (
            test not in found and file_of(test) != OF_ALL,
            stem not in function,
            given[function],
            len(ranked),
        )
        ranked.append((*order, test))
        given[function] += 1
    return [test for *_, test in sorted(ranked)]


@cache
def speaking_of(name: str) -> list[str]:
    files = sorted((ROOT / "tests").glob("test_*.py"))
    return [file.name for file in files if name in file.read_text(encoding="utf-8")]


def file_of(test: str) -> str:
    return test.partition("::")[0]


def lines_with_name_at(path: Path, line: int) -> list[int]:
    """Lines, in functions, that hold a name that is given at a line outside of them."""
    lines = read_python_source(path).splitlines()
    names = re.findall(r"\w+", re.split(r"[=:(]", lines[line - 1].removeprefix("class "))[0])
    if not names:
        return []
    named = re.compile(rf"\b({'|'.join(names)})\b")
    return [n for n, text in enumerate(lines, 1) if n != line and named.search(text)]


def in_function(mutant: Mutant) -> bool:
    tree = ast.parse(read_python_source(ROOT / mutant.module))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(f.body[0].lineno <= mutant.line <= (f.end_lineno or 0) for f in functions)


def notice(
    tests: list[str], seconds: dict[str, float], tree: Path, changed: Path
) -> tuple[str, str]:
    """What came out, and which test noticed it."""
    if not tests:
        return "no test", ""
    first, rest = parted(tests, seconds)
    for part in filter(None, (first, rest)):
        # Python takes what was compiled from a file of the same second and size for this one's
        Path(cache_from_source(str(changed))).unlink(missing_ok=True)
        if noticed_by := failing(part, tree, sum(seconds[test] for test in part)):
            return "killed", noticed_by
    return "survived", ""


def parted(tests: list[str], seconds: dict[str, float]) -> tuple[list[str], list[str]]:
    first, rest, taken = [], [], 0.0
    for test in tests:
        taken += seconds[test]
        if taken <= FIRST_S or not first:
            first.append(test)
        elif taken <= ALL_S:
            rest.append(test)
    return first, rest


def failing(tests: list[str], tree: Path, seconds: float) -> str:
    """The first of these tests that does not pass, or why none of them could be run."""
    with listed_in_file(tests) as file:
        try:
            run = run_pytest(["-q", "-x", file], tree, 60 + 5 * seconds)
        except subprocess.TimeoutExpired:
            return "time"
    if run.returncode == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (tests/.*?)(?: - .*)?$", run.stdout, re.MULTILINE)
    return found[1] if found else f"exit code {run.returncode}: {run.stdout[-300:]}"


def run_pytest(
    arguments: Iterable[str], tree: Path, limit: float, without: Sequence[str] = NOT_NEEDED
) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *without]
        command += [f"--basetemp={folder}/base", *arguments]
        return subprocess.run(
            command,
            cwd=tree,
            env=environment(tree),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=limit,
            check=False,
            preexec_fn=limit_memory,
        )


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def environment(*folders: Path) -> dict[str, str]:
    paths = [str(folders[0] / "src"), *map(str, folders[1:])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def listed_in_file(tests: list[str]) -> Iterator[str]:
    """The argument that stands for so many tests that a command line would not hold them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tests.txt"
        file.write_text("\n".join(tests), encoding="utf-8")
        yield f"@{file}"


def changed_lines(before: str, after: str) -> str:
    old, new = ([line.strip() for line in text.splitlines()] for text in (before, after))
    (first, *_, last) = [
        c for c in SequenceMatcher(None, old, new, False).get_opcodes() if c[0] != "equal"
    ] * 2
    end_old, end_new = last[2], last[4]
    if first[3] == end_new:  # a line that is gone is told by the one below it
        end_old, end_new = end_old + 1, end_new + 1
    removed = " / ".join(filter(None, old[first[1] : end_old]))
    added = " / ".join(filter(None, new[first[3] : end_new]))
    return f"{removed}  ->  {added}"


# --- what came out ----------------------------------------------------------------------------


def report(outcomes: list[Outcome], tree: Path) -> int:
    known = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))
    reasons = {entry["change"]: entry["reason"] for entry in known.get("equivalent", [])}
    killed = [o for o in outcomes if o.verdict == "killed"]
    left = [o for o in outcomes if o.verdict != "killed"]
    print(f"\n{len(killed)} of {len(outcomes)} killed ({len(killed) / max(1, len(outcomes)):.0%})")
    unexplained = 0
    for outcome in left:
        reason = reasons.get(outcome.change, "")
        unexplained += not reason
        print(f"{outcome.verdict}: {outcome.name}", outcome.change, reason, sep="\n    ")
    for outcome in killed:
        if "::" not in outcome.noticed_by:
            print(f"ended without a test that failed: {outcome.name}: {outcome.noticed_by}")
    sound = passes_unchanged({o.noticed_by for o in killed}, tree)
    return int(unexplained > 0 or len(killed) < 0.9 * len(outcomes) or not sound)


def passes_unchanged(names: set[str], tree: Path) -> bool:
    """Whether what noticed a mutant has nothing to say of the code without it."""
    tests = sorted(name for name in names if "::" in name)
    if not tests:
        return True
    with listed_in_file(tests) as file:
        run = run_pytest(["-q", file], tree, 1800)
    if run.returncode:
        print("Of the tests that noticed something, these do not pass without:", run.stdout)
    return run.returncode == 0


if __name__ == "__main__":
    main()
