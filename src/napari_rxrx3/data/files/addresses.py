"""Addresses of data on servers: what it takes to open them, in words."""

from __future__ import annotations

import importlib.util
from contextlib import suppress

from fsspec.registry import available_protocols

__all__ = ["HUB", "SCHEMES", "missing_package", "trouble_with"]

HUB = "hf://datasets/recursionpharma/rxrx3-core"
"""Where RxRx3-core is published."""

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
_EXTRA = 'pip install "napari-rxrx3[remote]"'
_IN_EXTRA = {"aiohttp", "requests", "s3fs", "gcsfs", "huggingface_hub"}


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
