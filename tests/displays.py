"""A display for each process of a test run: only one window of a display has the keyboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable


def take_own_display() -> Callable[[], None]:
    """Let windows of this process appear on a display of its own; returns what ends it.

    Where there is no Xvfb, or no display at all, everything stays as it is.
    """
    program = shutil.which("Xvfb")
    if not sys.platform.startswith("linux") or program is None or "DISPLAY" not in os.environ:
        return lambda: None
    reader, writer = os.pipe()
    command = [program, "-displayfd", str(writer), "-screen", "0", "1600x1200x24"]
    server = subprocess.Popen(
        [*ends_with_its_parent(), *command, "-nolisten", "tcp"],
        pass_fds=[writer],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as said:
        number = said.readline().strip()
    assert number, "Xvfb did not start"
    os.environ["DISPLAY"] = f":{number}"

    def end() -> None:
        server.terminate()
        server.wait()

    return end


def ends_with_its_parent() -> list[str]:
    """What to put before a command so that it does not outlive a killed test run."""
    program = shutil.which("setpriv")
    return [] if program is None else [program, "--pdeathsig", "TERM"]
