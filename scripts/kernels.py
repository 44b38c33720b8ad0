"""Run the tests of numbers with the BLAS of other processors: ``make kernels``.

OpenBLAS, which comes with numpy, has a kernel for each family of processors, and their last digits
differ. Each that this processor can run is asked for, in a process of its own; what really runs is
asked of threadpoolctl, and what does not run is said.

Usage: python scripts/kernels.py [--only NAME] [PYTEST_ARGUMENT ...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KERNELS = ("Haswell", "SkylakeX", "Zen", "Prescott")
TESTS = (
    *("alignment", "scores", "precision", "vector_search", "p_values", "doubts", "heat_map"),
    *("pairs", "strips", "phenomap", "reference", "benchmark", "projection"),
)
_PROBE = """
import numpy, threadpoolctl
one = numpy.random.default_rng(0).normal(size=(300, 300))
assert numpy.isfinite(one @ one).all() and numpy.isfinite(numpy.linalg.eigh(one + one.T)[0]).all()
print(*{p.get("architecture") or p["internal_api"] for p in threadpoolctl.threadpool_info()
        if p["user_api"] == "blas" and "numpy" in p["filepath"]})
"""
"""Says which kernel numpy runs, after some work: one that the processor lacks would end it."""


def main(arguments: Sequence[str]) -> int:
    """Run the tests kernel by kernel; the exit code is 0 if all that can run here pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=KERNELS, help="one of the kernels")
    options, for_pytest = parser.parse_known_args(arguments)
    rows: dict[str, str] = {}
    results: dict[str, bool] = {}
    for asked in [options.only] if options.only else KERNELS:
        runs = kernel_that_runs(asked)
        if not runs:
            rows[asked] = "not run: this processor, or numpy's BLAS, does not have it"
        elif runs in results:
            rows[asked] = f"not run again: numpy's OpenBLAS takes {runs} for it here"
        else:
            print(f"\n--- {asked}: kernel {runs} ---", flush=True)
            start = time.monotonic()
            results[runs] = has_passed(asked, for_pytest)
            said = "passed" if results[runs] else "FAILED"
            rows[asked] = f"{said}, kernel {runs}, {time.monotonic() - start:.0f} s"
    print("\n--- kernels ---")
    for asked, said in rows.items():
        print(f"{asked:10} {said}")
    return 0 if results and all(results.values()) else 1


def kernel_that_runs(asked: str) -> str:
    """Name of the kernel that numpy runs when one is asked for; empty if it cannot."""
    command = [sys.executable, "-c", _PROBE]
    probe = subprocess.run(command, env=asking_for(asked), capture_output=True, text=True)
    runs = probe.stdout.strip()
    return runs if probe.returncode == 0 and runs not in ("", "mkl", "blis") else ""


def asking_for(kernel: str) -> dict[str, str]:
    """The environment, with one kernel asked for, and with nothing that would change it.

    One thread: the matrices are small.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "GOTO_"))}
    return kept | {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1"}


def has_passed(kernel: str, arguments: Sequence[str]) -> bool:
    files = [str(ROOT / "tests" / f"test_{name}.py") for name in TESTS]
    command = [sys.executable, "-m", "pytest", "-q", *files, *arguments]
    return subprocess.run(command, env=asking_for(kernel), cwd=ROOT).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
