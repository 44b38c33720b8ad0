"""What one Qt binding forgives and another does not."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest
from qtpy.QtCore import QObject

import napari_rxrx3.gui as gui

HARMLESS = {"ExplorerWidget.find", "PairsPage.scroll"}
"""Functions that Qt itself does not call, and nobody calls of these widgets."""


def our_classes() -> list[type]:
    """All classes of ours that Qt has a part in."""
    modules = [
        import_module(info.name) for info in walk_packages(gui.__path__, "napari_rxrx3.gui.")
    ]
    found = (
        (value, module) for module in modules for value in vars(module).values() if is_of_qt(value)
    )
    return [value for value, module in found if value.__module__ == module.__name__]


def is_of_qt(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, QObject)


def attributes_of(source: str, name: str) -> Iterator[str]:
    """The names that a class gives its instances: `self.name = ...`."""
    (body,) = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    for node in ast.walk(body):
        match node:
            case ast.Attribute(ast.Name("self"), name, ast.Store()):
                yield name


@pytest.mark.parametrize("ours", our_classes(), ids=lambda ours: ours.__name__)
def test_no_attribute_hides_a_function_of_qt(ours: type) -> None:
    """PySide6 takes an attribute for an override, calls it, and Qt crashes on what it returns."""
    of_qt = next(base for base in ours.__mro__ if not base.__module__.startswith("napari_rxrx3"))
    source = inspect.getsource(import_module(ours.__module__))
    hidden = {
        f"{ours.__name__}.{name}"
        for name in attributes_of(source, ours.__name__)
        if hasattr(of_qt, name)
    }
    assert hidden <= HARMLESS


def test_a_hidden_function_is_found() -> None:
    source = "class A(QLabel):\n    def set(self):\n        self.metric, self.mine = 1, 2\n"
    assert list(attributes_of(source, "A")) == ["metric", "mine"]
