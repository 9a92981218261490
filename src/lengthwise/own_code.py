"""A user's own code: importing it by name, and telling its errors from this library's errors."""

import importlib
import sysconfig
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from lengthwise.errors import InputError

_named: set[str] = set()
"""Names of all modules that :func:`imported` was asked for."""


def imported(path: str) -> Any:
    """Import what a user's ``"module:attribute"`` names; the command line also finds modules in the current directory.

    Raises:
        InputError: if there is no such module or attribute, or if the module fails while it is imported.
    """
    name, _, attribute = path.partition(":")
    if not all(part.isidentifier() for part in (*name.split("."), attribute)):
        raise InputError(f"{path!r} is no module and class; name them as in 'my_parts:SoftCap'.")
    _named.add(name)
    try:
        module = importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise InputError(
                f"There is no module {error.name!r} for {path!r}, neither here nor among the installed; "
                "name it as in 'my_parts:SoftCap', for a file my_parts.py in the current directory."
            ) from None
        raise InputError(fault(error) or f"The module {name!r} cannot be imported: {_said(error)}.") from error
    if not hasattr(module, attribute):
        raise InputError(f"The module {name!r} has nothing called {attribute!r}.")
    return getattr(module, attribute)


def fault(error: BaseException) -> str | None:
    """Return the sentence for an error that a user's own code raised, with its file and line; None for other errors."""
    places = list(traceback.walk_tb(error.__traceback__))
    begin = next((index for index, (frame, _) in enumerate(places) if _is_named(frame)), len(places))
    own = [(frame.f_code.co_filename, line) for frame, line in places[begin:] if not _is_library(frame)]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        own.append((error.filename, error.lineno))
    if not own:
        return None
    file, line = own[-1]
    path = Path(file)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}, line {line}, fails with {_said(error)}; correct it there."


def _said(error: BaseException) -> str:
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())[:300].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_named(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__"))
    return any(f"{module}.".startswith(f"{name}.") for name in _named)


def _is_library(frame: FrameType) -> bool:
    """Return True if the frame belongs to this package, to Python, or to an installed package that no user named."""
    path = Path(frame.f_code.co_filename)
    if path.is_relative_to(Path(__file__).parent):
        return True
    installed = {"site-packages", "dist-packages"}.intersection(path.parts) or not path.is_absolute()
    return not _is_named(frame) and (bool(installed) or path.is_relative_to(sysconfig.get_path("stdlib")))
