"""Small disks, and disks without room."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def mount(*arguments: str) -> None:
    """Mount something, which only an administrator may."""
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"only an administrator may mount a small disk ({error})")


@contextmanager
def mounted(folder: Path, size: str = "4m") -> Iterator[Path]:
    """Mount a small disk on a new folder."""
    if sys.platform != "linux":
        pytest.skip("small disks are mounted on Linux only")
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    yield folder
    gc.collect()  # what is mapped keeps the disk busy
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=20)


def fill_up(path: Path) -> None:
    """Take all the room that a disk has left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 12))
    with pytest.raises(OSError, match="space"):
        path.with_suffix(".more").write_bytes(bytes(1 << 16))
    path.with_suffix(".more").unlink()
