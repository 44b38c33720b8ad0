"""Files and folders that may not be read or written, also for root, who may do anything."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
_NOBODY = 65534


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Yield a new folder that any user can get to; the one for temporary files may be private."""
    folder = Path(tempfile.mkdtemp(dir="/tmp" if IS_ROOT else None))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def locked(path: Path, mode: int) -> Iterator[None]:
    """Change the permissions of a path for a while, in which root acts as somebody else."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        if IS_ROOT:
            os.seteuid(_NOBODY)
        yield
    finally:
        if IS_ROOT:
            os.seteuid(0)
        path.chmod(before)
