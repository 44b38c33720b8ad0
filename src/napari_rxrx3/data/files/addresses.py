"""Addresses of data on servers: what it takes to open them, in words."""

from __future__ import annotations

import importlib.util
import json
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_rxrx3.core.secrets import public
from napari_rxrx3.data.files.local import read_plain, written_atomically

__all__ = [
    "HUB",
    "HUB_PAGE",
    "SCHEMES",
    "is_of_the_hub",
    "missing_package",
    "recent_addresses",
    "remember_address",
    "trouble_with",
]

HUB = "hf://datasets/recursionpharma/rxrx3-core"
"""Where RxRx3-core is published."""
HUB_PAGE = "https://huggingface.co/datasets/recursionpharma/rxrx3-core"
"""Has the terms of its license."""

SCHEMES = {
    "https": "a web server",
    "http": "a web server",
    "s3": "Amazon S3 and servers like it",
    "gs": "Google Cloud Storage",
    "hf": "the Hugging Face Hub",
}
"""What the extra ``remote`` can open."""
_PACKAGES = {
    **dict.fromkeys(("http", "https"), ("aiohttp",)),
    **dict.fromkeys(("s3", "s3a"), ("s3fs",)),
    **dict.fromkeys(("gs", "gcs"), ("gcsfs",)),
    "hf": ("huggingface_hub",),
    **dict.fromkeys(("abfs", "abfss", "az"), ("adlfs",)),
    **dict.fromkeys(("ssh", "sftp"), ("paramiko",)),
}
_KEPT = 8
_EXTRA = 'pip install "napari-rxrx3[remote]"'
_IN_EXTRA = {"aiohttp", "requests", "s3fs", "gcsfs", "huggingface_hub"}


def is_of_the_hub(address: str) -> bool:
    """Whether it is RxRx3-core as it is published, or a part of it."""
    return f"{address}/".startswith((f"{HUB}/", f"{HUB}@"))


def missing_package(address: str) -> str:
    """Which package has to be installed to open an address, and how, in a sentence; else ``""``."""
    scheme = _scheme(address)
    missing = [name for name in _PACKAGES.get(scheme, ()) if not _is_installed(name)]
    if not missing:
        return ""
    how = _EXTRA if _IN_EXTRA.issuperset(missing) else f"pip install {' '.join(missing)}"
    names = " and ".join(missing)
    return f"To open addresses that begin with {scheme}:// install {names}: {how}"


def trouble_with(address: str) -> str:
    """Why an address cannot be opened, before any server is asked, in a sentence; else ``""``."""
    if not address:
        return ""
    scheme = _scheme(address)
    if not scheme:
        return "An address begins with https://, s3://, gs:// or hf://."
    from fsspec.registry import available_protocols

    if scheme not in {*SCHEMES, *_PACKAGES, *available_protocols()}:
        return f"Nobody knows addresses that begin with {scheme}://."
    if not address.partition("://")[2].strip("/"):
        return "What comes after :// is missing."
    return missing_package(address)


def _scheme(address: str) -> str:
    scheme, is_address, _ = address.partition("://")
    return scheme.strip().lower() if is_address else ""


def _is_installed(name: str) -> bool:
    with suppress(ImportError, ValueError):
        return importlib.util.find_spec(name) is not None
    return False


def recent_addresses() -> list[str]:
    """The addresses that were opened last, the newest first."""
    with suppress(OSError, ValueError):
        kept = json.loads(read_plain(_file_of_addresses()))
        return [text for text in kept if isinstance(text, str) and "://" in text][:_KEPT]
    return []


def remember_address(address: str) -> None:
    """Offer an address again the next time, without any password or signature."""
    address = public(address)
    if "://" not in address or recent_addresses()[:1] == [address]:
        return
    addresses = [address, *(each for each in recent_addresses() if each != address)][:_KEPT]
    with suppress(OSError), written_atomically(_file_of_addresses()) as temporary:
        text = json.dumps(addresses, indent=1) + "\n"
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _file_of_addresses() -> Path:
    """Beside the last session."""
    return Path(platformdirs.user_state_dir("napari-rxrx3", appauthor=False)) / "addresses.json"
