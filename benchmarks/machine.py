"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.settings import ROOT
from benchmarks.subprocesses import call

__all__ = ["describe", "machine_name", "renderer"]

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


def describe() -> dict[str, str]:
    """Machine, versions and state of the code, in words; the order is that of the report."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory_gb():.0f} GB",
        "graphics": str(call("benchmarks.machine:renderer")),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Qt": f"{os.environ.get('QT_API', '?')} {_qt_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "code": _revision(),
    }


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


def _revision() -> str:
    """The commit, and whether something was changed since."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
