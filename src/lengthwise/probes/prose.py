"""The text of a probe: a given file, or by default the documentation that comes with Python.

Python's documentation is real English, is present on every machine that runs this library, fills dozens of windows, and
has a licence, the PSF's, that lets anyone use it. It differs between versions of Python, so results name its SHA-256.
"""

import ast
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from lengthwise.errors import InputError


class Prose(NamedTuple):
    """A text and where it comes from."""

    text: str
    source: str

    @property
    def sha256(self) -> str:
        """SHA-256 of the text in UTF-8, in hexadecimal."""
        return sha256(self.text.encode()).hexdigest()


def read(path: Path) -> Prose:
    """Read a UTF-8 file; raises :class:`InputError` if it cannot be read or is not UTF-8."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot read the text {path}: {error.strerror}; give the path of a UTF-8 file.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text: it is not UTF-8.") from None
    return Prose(text, path.name)


def python_documentation() -> Prose:
    """Collect the topics of ``help()``, then the docstrings of the standard library's modules, both sorted by name.

    Repeated paragraphs are left out, because windows should have nothing in common.

    Raises:
        InputError: if Python came without its documentation.
    """
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError:  # some systems ship Python without it
        raise InputError("This Python came without its documentation; give a text of your own with --text.") from None
    blocks = [topics[name] for name in sorted(topics)]
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        if path.stem in sys.stdlib_module_names:
            blocks += _docstrings(path)
    paragraphs = (paragraph.strip("\n") for block in blocks for paragraph in block.split("\n\n"))
    text = "\n\n".join(paragraph for paragraph in dict.fromkeys(paragraphs) if paragraph)
    return Prose(text, f"the documentation that comes with Python {sys.version.split()[0]}")


def _docstrings(path: Path) -> list[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = (ast.get_docstring(node) for node in nodes if isinstance(node, documented))
    return [docstring for docstring in found if docstring]
