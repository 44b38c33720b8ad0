"""The size and the shape of the code, in one row a tree: scripts/measure_code.py [FOLDER ...]

A FOLDER is a checkout with src/napari_rxrx3 and tests, this one if none is given. Two checkouts
side by side show what a change did:

    git worktree add ../before v0.1.0 && python scripts/measure_code.py ../before .
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "napari_rxrx3"
SMALL = 60
Trees = dict[str, ast.Module]


def modules_of(package: Path) -> Trees:
    """Dotted name -> syntax tree of each module; a package goes by its own name."""
    trees = {}
    for file in sorted(package.rglob("*.py")):
        parts = [PACKAGE, *file.relative_to(package).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(file.read_text(encoding="utf-8"))
    return trees


def imports_of(name: str, trees: Trees) -> set[str]:
    """Modules of the package that one imports, wherever in it and for whatever reason."""
    found: set[str] = set()
    for node in ast.walk(trees[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in whole if name in trees} or {node.module}
    return {module for module in found if module in trees} - {name}


def circles_of(imports: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules of which each leads to each other, the largest first."""
    reached: dict[str, set[str]] = {}
    for start in imports:
        seen, left = set(), [start]
        while left:
            new = imports[left.pop()] - seen
            seen |= new
            left += new
        reached[start] = seen
    groups = {
        frozenset(n for n in reached[name] if name in reached[n])
        for name in imports
        if name in reached[name]
    }
    return sorted(map(set, groups), key=len, reverse=True)


def functions_of(trees: Trees) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def lines_below(folder: Path) -> list[int]:
    files = sorted(folder.rglob("*.py"))
    return [len(file.read_text(encoding="utf-8").splitlines()) for file in files]


def measured(root: Path) -> dict[str, str]:
    package = root / "src" / PACKAGE
    trees = modules_of(package)
    imports = {name: imports_of(name, trees) for name in trees}
    importers = Counter(module for names in imports.values() for module in names)
    sizes = lines_below(package)
    functions = list(functions_of(trees))
    lengths = sorted((f.end_lineno or f.lineno) - f.lineno + 1 for f in functions)
    typed = sum(f.returns is not None for f in functions) / len(functions)
    import_lines = sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    circles = circles_of(imports)
    return {
        "files": str(len(sizes)),
        "lines": f"{sum(sizes):,}",
        "median / longest file": f"{statistics.median(sizes):.0f} / {max(sizes)}",
        "median / p90 function": (
            f"{statistics.median(lengths):.0f} / {lengths[int(0.9 * len(lengths))]}"
        ),
        "return-typed": f"{typed:.0%}",
        "tests : source": f"{sum(lines_below(root / 'tests')) / sum(sizes):.2f}",
        "imported once": str(sum(n == 1 for n in importers.values())),
        f"files of at most {SMALL} lines": str(sum(1 < n <= SMALL for n in sizes)),
        "import lines": f"{import_lines / sum(sizes):.1%}",
        "modules in circles": str(sum(map(len, circles))),
    }


def main() -> None:
    roots = [Path(argument) for argument in sys.argv[1:]] or [Path(__file__).parents[1]]
    rows = {root.resolve().name: measured(root) for root in roots}
    titles = ["tree", *next(iter(rows.values()))]
    table = [titles, *([name, *row.values()] for name, row in rows.items())]
    widths = [max(len(row[i]) for row in table) for i in range(len(titles))]
    for row in table:
        print(" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
