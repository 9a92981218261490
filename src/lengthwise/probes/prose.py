"""Text to read where nobody gives any: the documentation that comes with Python.

It is real English, on every machine that can run this, long enough for dozens of windows, and its licence, the PSF's,
lets anyone use it. It is not the same for every version of Python: results name its SHA-256.
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
        """Of the text as UTF-8."""
        return sha256(self.text.encode()).hexdigest()


def read(path: Path) -> Prose:
    """The text of a UTF-8 file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot read the text {path}: {error.strerror}; give the path of a UTF-8 file.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text: it is not UTF-8.") from None
    return Prose(text, path.name)


def python_documentation() -> Prose:
    """The topics of ``help()``, then the docstrings of the standard library's modules, both in order of their names.

    A paragraph that occurs again is left out, for windows should have nothing in common.
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
