"""Tables that map names to classes, which are imported only when asked for."""

import difflib
import importlib
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from lengthwise.errors import InputError
from lengthwise.own_code import imported
from lengthwise.source import docstring

T = TypeVar("T")


class Registry(Generic[T]):
    """A named table of lazily imported targets.

    ``targets`` maps a public name to ``"module:attribute"``. Looking up an unknown name raises
    :class:`~lengthwise.errors.InputError`, which suggests the nearest known names.
    """

    def __init__(self, kind: str, targets: dict[str, str]) -> None:
        self.kind = kind
        self._targets = dict(targets)

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def target(self, name: str) -> str:
        """Return the target of ``name``, as ``"module:attribute"``."""
        return self._targets[name]

    def summary(self, name: str) -> str:
        """Return the first line of the docstring of the class called ``name``, without importing the class."""
        return docstring(self.target(name)).partition("\n")[0]

    def load(self, name: str) -> T:
        """Import and return the target called ``name``, or the object that a ``"module:attribute"`` names.

        Raises:
            InputError: for an unknown name, or a ``"module:attribute"`` that cannot be imported.
        """
        target: T
        if name in self._targets:
            module, attribute = self._targets[name].split(":")
            target = getattr(importlib.import_module(module), attribute)
        elif ":" in name:
            target = imported(name)
        else:
            raise InputError(unknown(self.kind, name, self._targets))
        return target


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence for an unknown name: it suggests the nearest known names, or else lists all names."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else f"known: {', '.join(known)}."
    return f"There is no {kind} called {name!r}; {hint}"
