"""Packages of the field that tests compare with: fetched when they are needed, never kept."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

__all__ = ["fetch", "imported"]

PIP = ("install", "--no-deps", "--only-binary", ":all:", "--quiet", "--target")


def fetch(folder: Path, *packages: str) -> Path:
    """Fetch packages alone, none of what they depend on, into a folder; skip if that fails."""
    installers = [[sys.executable, "-m", "pip"]]
    installers += [[tool] for tool in ("pip", "pip3") if shutil.which(tool)]
    installers += [["uv", "pip"]] if shutil.which("uv") else []
    for installer in installers:
        command = [*installer, *PIP, str(folder), *packages]
        try:
            done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            continue
        if done.returncode == 0 and any(folder.iterdir()):
            return folder
    pytest.skip(f"{packages[0]} cannot be downloaded")


def imported(folder: Path, name: str, never_used: Mapping[str, str]) -> Any:
    """A module of what was fetched.

    Parameters
    ----------
    never_used : mapping
        Modules that it imports at its top for functions that no test calls, and a name in each.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        for module, content in never_used.items():
            parts = module.split(".")
            for n in range(1, len(parts)):
                above = ".".join(parts[:n])
                if above not in never_used and above not in sys.modules:
                    patch.setitem(sys.modules, above, ModuleType(above))
            stub = ModuleType(module)
            setattr(stub, content, None)
            patch.setitem(sys.modules, module, stub)
        # the stubs go at once: other packages look into what is loaded
        return importlib.import_module(name)
