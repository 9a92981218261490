"""Tables from a name to the class behind it, imported only when asked for."""

import difflib
import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from lengthwise.errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """A named table of lazily imported targets.

    ``targets`` maps a public name to ``"module:attribute"``. Looking up a name that is not there raises
    :class:`~lengthwise.errors.InputError` with the nearest names that are.
    """

    def __init__(self, kind: str, targets: dict[str, str]) -> None:
        self.kind = kind
        self._targets = dict(targets)

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def load(self, name: str) -> T:
        """Import and return the target called ``name``, or, where it is ``"module:attribute"`` itself, what that is."""
        target: T
        if name in self._targets:
            module, attribute = self._targets[name].split(":")
            target = getattr(importlib.import_module(module), attribute)
        elif ":" in name:
            target = imported(name)
        else:
            raise InputError(unknown(self.kind, name, self._targets))
        return target


def imported(path: str) -> Any:
    """What a user's ``"module:attribute"`` names; the module may lie in the current directory.

    Raises:
        InputError: if there is no such module or attribute.
    """
    name, _, attribute = path.partition(":")
    if not all(part.isidentifier() for part in (*name.split("."), attribute)):
        raise InputError(f"{path!r} is no module and class; name them as in 'my_parts:SoftCap'.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise InputError(
            f"There is no module {error.name!r} for {path!r}, neither here nor among the installed; "
            "name it as in 'my_parts:SoftCap', for a file my_parts.py in the current directory."
        ) from None
    if not hasattr(module, attribute):
        raise InputError(f"The module {name!r} has nothing called {attribute!r}.")
    return getattr(module, attribute)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest known names first, else all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else f"known: {', '.join(known)}."
    return f"There is no {kind} called {name!r}; {hint}"
