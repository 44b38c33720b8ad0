"""What the numbers were measured on: the machine, and the state of the code."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.results import Commit
from benchmarks.settings import ROOT
from benchmarks.subprocesses import call

__all__ = ["current_commit", "describe", "machine_name", "renderer"]

_PACKAGES = (
    "napari",
    "vispy",
    "numpy",
    "pandas",
    "pyarrow",
    "imagecodecs",
    "pillow",
    "imageio",
    "matplotlib",
    "scikit-learn",
)
_GL_RENDERER = 0x1F01
_CODE = ("src", "benchmarks/*.py", "pyproject.toml")
"""What decides the numbers; what a run itself writes does not."""


def describe() -> dict[str, str]:
    """Date, machine and versions, in words; the order is that of the report."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory_gb():.0f} GB",
        "graphics": str(call("benchmarks.machine:renderer")),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Qt": f"{os.environ.get('QT_API', '?')} {_qt_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def current_commit(folder: Path = ROOT) -> Commit:
    """The commit that is checked out, and whether the code differs from it."""
    try:
        head = _git(folder, "rev-parse", "HEAD").strip()
        is_dirty = bool(_git(folder, "status", "--porcelain", "--", *_CODE).strip())
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return Commit("unknown", True)
    return Commit(head, is_dirty)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def machine_name(description: Mapping[str, str]) -> str:
    """Name under which runs are compared: the hardware, not its versions."""
    return " / ".join(description[part] for part in ("processor", "memory", "graphics"))


def renderer() -> str:
    """What draws OpenGL here; runs in a process of its own."""
    from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
    from vispy.gloo import gl

    application = QGuiApplication([])
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    context.create()
    context.makeCurrent(surface)
    name = str(gl.glGetParameter(_GL_RENDERER))
    context.doneCurrent()
    del application
    return name


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _qt_version() -> str:
    from qtpy import QT_VERSION

    return str(QT_VERSION)
