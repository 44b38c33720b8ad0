"""What scripts have in common that write wells and read a plate with another library.

It is imported from the folder that a script lies in, in the environment of that library.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROUNDS = 3


def written(planes: str, folder: str, write_well: Callable[[Path, np.ndarray], None]) -> dict:
    """Processor time a well; `planes` holds wells (n, 6, Y, X)."""
    images, out, seconds = np.load(planes), Path(folder), []
    for _ in range(ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        start = time.process_time()
        for number, image in enumerate(images):
            write_well(out / str(number), image)
        seconds.append((time.process_time() - start) / len(images))
    files = [path for path in out.rglob("*") if path.is_file()]
    n_bytes = sum(path.stat().st_size for path in files)
    return {"seconds": seconds, "files": len(files) / len(images), "bytes": n_bytes / len(images)}


def read(
    plate: str, first_well: Callable[[str], object], overview: Callable[[str], object]
) -> dict:
    """Seconds until a first well is read whole, and until the smallest level of each is."""
    seconds: dict = {"first": [], "overview": []}
    for _ in range(ROUNDS):
        for name, work in (("first", first_well), ("overview", overview)):
            start = time.perf_counter()
            work(plate)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main(
    package: str,
    write_well: Callable[[Path, np.ndarray], None],
    first_well: Callable[[str], object],
    overview: Callable[[str], object],
) -> None:
    """Do what the arguments say, and write what was measured, and of which version."""
    result, what, *arguments = sys.argv[1:]
    if what == "write":
        measured = written(*arguments, write_well)
    else:
        measured = read(*arguments, first_well, overview)
    Path(result).write_text(json.dumps({**measured, "version": version(package)}))
