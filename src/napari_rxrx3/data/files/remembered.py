"""Files of the user's own that are taken again at the next start, such as gene sets."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_rxrx3.core.secrets import public
from napari_rxrx3.data.files.local import read_plain, written_atomically

__all__ = ["remember_file", "remembered_file"]


def remembered_file(what: str) -> str:
    """The path or URL of what was opened last, by what it is; empty if there is none."""
    return _kept().get(what, "")


def remember_file(what: str, path: str) -> None:
    """Take a file again the next time, without any password or signature of its address.

    Where that cannot be kept it is opened by hand the next time.
    """
    kept = {**_kept(), what: public(path)}
    with suppress(OSError), written_atomically(_file()) as temporary:
        temporary.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8", newline="\n")


def _kept() -> dict[str, str]:
    with suppress(OSError, ValueError):
        kept = json.loads(read_plain(_file()))
        if isinstance(kept, dict):
            return {name: path for name, path in kept.items() if isinstance(path, str)}
    return {}


def _file() -> Path:
    """Beside the last session."""
    return Path(platformdirs.user_state_dir("napari-rxrx3", appauthor=False)) / "files.json"
