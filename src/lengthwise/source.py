"""What modules say in their text, which is read and not run: what they import takes seconds."""

import ast
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any


def on_demand(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package whose names are imported when they are asked for (PEP 562).

    These are the names that the package imports under ``if TYPE_CHECKING:``, in statements ``from module import name``.
    """

    def get(name: str) -> Any:
        modules = _for_type_checking(package)
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(__import__(modules[name], fromlist=[name]), name)  # a name may be that of a module, too
        vars(sys.modules[package])[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *_for_type_checking(package)})

    return get, names


def docstring(target: str) -> str:
    """What the class ``"module:attribute"`` says of itself; empty where it says nothing."""
    module, _, attribute = target.partition(":")
    classes = (node for node in _tree(module).body if isinstance(node, ast.ClassDef) and node.name == attribute)
    return next((ast.get_docstring(node) or "" for node in classes), "")


@cache
def _for_type_checking(module: str) -> dict[str, str]:
    """The modules from which a module imports names under ``if TYPE_CHECKING:``."""
    blocks = (node for node in _tree(module).body if isinstance(node, ast.If))
    imports = [
        node
        for block in blocks
        if isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    ]
    return {alias.name: node.module for node in imports if node.module for alias in node.names}


@cache
def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))  # not all loaders give it
