"""Public names that are loaded when they are first used: napari imports every plugin at start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["loads_from"]


def loads_from(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package whose names are defined elsewhere.

    Parameters
    ----------
    homes : mapping of str to str
        For each public name the module that defines it, as seen from `napari_rxrx3`.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"napari_rxrx3.{homes[name]}"), name)

    return load
