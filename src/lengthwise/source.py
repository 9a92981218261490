"""Reading modules as text, without running them, because their imports take seconds."""

import ast
import importlib.util
import re
import sys
from collections.abc import Callable
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any


def on_demand(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and ``__dir__`` of a package that imports its names when they are asked for (PEP 562).

    The names are those that the package imports under ``if TYPE_CHECKING:`` with ``from module import name``.
    """

    def get(name: str) -> Any:
        modules = _for_type_checking(package)
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(__import__(modules[name], fromlist=[name]), name)  # a module may have the same name
        vars(sys.modules[package])[name] = value
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *_for_type_checking(package)})

    return get, names


def docstring(target: str) -> str:
    """Return the docstring of the class ``"module:attribute"``, or of the module ``"module"``; empty if it has none."""
    module, _, name = target.partition(":")
    node = _class(_tree(module), name) if name else _tree(module)
    return "" if node is None else ast.get_docstring(node) or ""


def summary_and_source(line: str) -> tuple[str, str]:
    """Split the first line of a docstring into summary, without its full stop, and source; "" if there is no source.

    A source is a paper, as in ``arXiv 2104.09864`` or ``cf. arXiv 2104.09864``, or another name of the source.
    """
    found = re.fullmatch(r"(.*?) \(((?:cf\. |code of )?arXiv[^()]*|[A-Z][^()]*)\)\.", line)
    return (found[1], found[2]) if found else (line.rstrip("."), "")


def attributes(target: str, inner: str) -> dict[str, tuple[ast.expr, ast.expr, str]]:
    """Read the annotated attributes with a default of the class ``inner`` inside the class ``"module:attribute"``.

    If the outer class has no class ``inner``, its base class's ``inner`` is read. Attributes that ``inner`` inherits
    come first. Classes of other packages are not read.

    Returns:
        By name, the annotation, the default, and the docstring under the attribute.
    """
    module, _, name = target.partition(":")
    outer = _class(_tree(module), name)
    own = None if outer is None else _class(outer, inner)
    bases = [] if outer is None else outer.bases
    if own is not None:  # as in class Options(Weights.Options)
        bases = [base.value for base in own.bases if isinstance(base, ast.Attribute) and base.attr == inner]
    found: dict[str, tuple[ast.expr, ast.expr, str]] = {}
    for base in reversed(bases):
        origin = _origin(module, base.id) if isinstance(base, ast.Name) else None
        found |= {} if origin is None else attributes(origin, inner)
    body = [] if own is None else own.body
    for node, following in zip_longest(body, body[1:]):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            told = following.value if isinstance(following, ast.Expr) else None
            meaning = str(told.value).split() if isinstance(told, ast.Constant) else ()
            found[node.target.id] = node.annotation, node.value, " ".join(meaning)
    return found


def _class(node: ast.Module | ast.ClassDef, name: str) -> ast.ClassDef | None:
    return next((inner for inner in node.body if isinstance(inner, ast.ClassDef) and inner.name == name), None)


def _origin(module: str, name: str) -> str | None:
    """Find the definition of a class that a module names, as ``"module:attribute"``; None outside the package."""
    if _class(_tree(module), name) is not None:
        return f"{module}:{name}"
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == module.split(".")[0]:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return f"{node.module}:{alias.name}"
    return None


@cache
def _for_type_checking(module: str) -> dict[str, str]:
    """Return, for each name that a module imports under ``if TYPE_CHECKING:``, the module it comes from."""
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
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))  # not all loaders give the source
