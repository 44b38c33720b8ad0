"""Look into the built sdist and wheel: what must be there is, and nothing else slipped in.

Usage: python scripts/check_dist.py FOLDER
"""

from __future__ import annotations

import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOST_BESIDE_SOURCE = 200_000
"""Bytes, compressed, of all in a wheel that is no Python: more is something that slipped in."""
MOST_OF_A_MODULE = 100_000
"""Bytes of a module: more is data that are written as a program."""
PACKAGE = "napari_rxrx3"
IN_WHEEL = (f"{PACKAGE}/__init__.py", f"{PACKAGE}/napari.yaml", f"{PACKAGE}/py.typed")
IN_SDIST = (
    "LICENSE",
    "README.md",
    "pyproject.toml",
    *(f"src/{name}" for name in IN_WHEEL),
)
DATA_SUFFIXES = {".parquet", ".tar", ".jp2", ".tif", ".tiff", ".npy", ".npz", ".zip", ".pyc"}


def main(folder: Path) -> int:
    """Check the one wheel and the one sdist in `folder`; return the exit code."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    problems = [*wheel_problems(wheel), *sdist_problems(sdist)]
    for file in (wheel, sdist):
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def wheel_problems(wheel: Path) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        beside = sum(
            info.compress_size for info in archive.infolist() if not info.filename.endswith(".py")
        )
        links = [
            info.filename for info in archive.infolist() if stat.S_ISLNK(info.external_attr >> 16)
        ]
    if beside > MOST_BESIDE_SOURCE:
        yield f"{wheel.name}: {beside} bytes are no Python, {MOST_BESIDE_SOURCE} at most"
    for name, size in sizes.items():
        if name.endswith(".py") and size > MOST_OF_A_MODULE:
            yield f"{wheel.name}: {name} is larger than {MOST_OF_A_MODULE} bytes"
    yield from _missing(wheel, sizes, IN_WHEEL)
    yield from (f"{wheel.name}: {name} is a link" for name in links)
    yield from (f"{wheel.name}: {name} has no place in it" for name in sizes if _is_stray(name))
    if not any(name.endswith(".dist-info/licenses/LICENSE") and sizes[name] for name in sizes):
        yield f"{wheel.name}: no license text"


def sdist_problems(sdist: Path) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with the sdist."""
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    sizes = {member.name.partition("/")[2]: member.size for member in members}
    yield from _missing(sdist, sizes, IN_SDIST)
    for member in members:
        if not (member.isfile() or member.isdir()):
            yield f"{sdist.name}: {member.name} is a link"
        if PurePosixPath(member.name).suffix in DATA_SUFFIXES:
            yield f"{sdist.name}: {member.name} has no place in it"


def _missing(file: Path, sizes: dict[str, int], wanted: tuple[str, ...]) -> Iterator[str]:
    return (f"{file.name}: {name} is missing" for name in wanted if name not in sizes)


def _is_stray(name: str) -> bool:
    """Whether a file in the wheel is neither the package's code nor its metadata."""
    path = PurePosixPath(name)
    at_home = path.parts[0] == PACKAGE or path.parts[0].endswith(".dist-info")
    return not at_home or "tests" in path.parts or path.suffix in DATA_SUFFIXES


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
