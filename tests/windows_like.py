"""Makes this process treat files as Windows does: what is open, or mapped, stays where it is."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

__all__ = ["in_use", "refuse_what_is_in_use"]


def in_use() -> set[str]:
    """Files that this process has open or mapped into memory; only Linux tells."""
    files = set()
    for number in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            files.add(str(number.readlink()))
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6:
            files.add(fields[5])
    return files


def is_at(file: str, path: str, or_below: bool) -> bool:
    return file == path or (or_below and file.startswith(path + os.sep))


def refuse_what_is_in_use(patch: pytest.MonkeyPatch) -> list[str]:
    """Have moving and removing fail as on Windows; returns the list of what was refused."""
    refused: list[str] = []

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*places: Any, **options: Any) -> Any:
            folder = options.get("dir_fd") or options.get("src_dir_fd")
            above = str(Path(f"/proc/self/fd/{folder}").readlink()) if folder is not None else ""
            for place in places[:2]:
                path = str(Path(above, os.fsdecode(place)).absolute())
                if any(is_at(file, path, folder is None) for file in in_use()):
                    refused.append(path)
                    raise PermissionError(errno.EACCES, "The file is in use", path)
            return real(*places, **options)

        return act

    for name in ("replace", "rename", "unlink", "remove"):
        patch.setattr(os, name, guarded(getattr(os, name)))
    return refused
