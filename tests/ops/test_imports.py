"""No circles: late imports inside of functions are looked at as well."""

import ast
from collections.abc import Iterator
from pathlib import Path

import lengthwise.ops

ROOM = Path(lengthwise.ops.__file__).parent


def imports_of(file: Path) -> Iterator[tuple[str, str]]:
    """Names that a module imports, with the module or package that they come from."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def test_no_module_imports_from_the_package_it_lies_in() -> None:
    """Or the package, which imports the module, would have to be there before it."""
    circles, seen = [], 0
    for file in sorted(ROOM.rglob("*.py")):
        if file.name == "__init__.py":
            continue
        package = ".".join(("lengthwise", "ops", *file.relative_to(ROOM).parts[:-1]))
        for source, name in imports_of(file):
            folder = ROOM.parents[1].joinpath(*source.split("."))
            is_module = (folder / name).is_dir() or (folder / name).with_suffix(".py").is_file()
            seen += 1
            if f"{package}.".startswith(f"{source}.") and not is_module:
                circles.append((file.name, source, name))
    assert seen > 50
    assert not circles
