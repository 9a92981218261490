"""Names with options, as in ``top-k[kept=9]``: how they are read, and the one way in which each is written.

In brackets after a name stand its options, ``key=value``, with commas between them. A value is a number (``5e5`` is
500000), ``true``, ``false`` or a word. Names that mean the same are read as the same :class:`Named`, and are written
alike: options in the order of their declaration, without those that have their default value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from lengthwise.errors import InputError
from lengthwise.options import BaseOptions, Option, Value, check, declared, spelled, written
from lengthwise.registry import Registry

T = TypeVar("T")


@dataclass(frozen=True)
class Named:
    """A part or a task by name, and the options that are not at their defaults; :func:`read` makes it."""

    name: str
    options: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        inner = ",".join(f"{key}={spelled(value)}" for key, value in self.options)
        return f"{self.name}[{inner}]" if inner else self.name


def split(text: str) -> tuple[str, dict[str, Value]]:
    """Take a name and its options apart, without asking whether there are such.

    Raises:
        InputError: for brackets that do not hold options.
    """
    found = re.fullmatch(r"([^\[\]]*)(?:\[([^\[\]]*)\])?", text)
    if found is None:
        raise InputError(f"{text!r} is no name with options; write them in brackets, as in 'top-k[kept=9]'.")
    name, inner = found.groups()
    options: dict[str, Value] = {}
    for pair in [] if inner is None else inner.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise InputError(f"{text!r} has {pair!r} in its brackets; an option is key=value, as in 'top-k[kept=9]'.")
        if key in options:
            raise InputError(f"{text!r} gives the option {key} twice; give it once.")
        options[key] = _value(value)
    return name, options


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def options_of(table: "Registry[Any]", name: str) -> tuple[Option, ...]:
    """The options that ``name`` has; what is in the table is not imported.

    Raises:
        InputError: if there is no such name, or if the options of a user's own class are not declared as options.
    """
    if name in table:
        return written(table.target(name))
    kind = getattr(table.load(name), "Options", BaseOptions)
    if not (isinstance(kind, type) and issubclass(kind, BaseOptions)):
        raise InputError(f"{name}.Options must be a subclass of the Options of the class that {name!r} derives from.")
    return declared(kind)


def read(table: "Registry[Any]", text: str) -> Named:
    """Read a name with options.

    Raises:
        InputError: for a name that is not in the table, an option that it does not have, or a value out of bounds.
    """
    return named(table, *split(text))


def named(table: "Registry[Any]", name: str, given: Mapping[str, object]) -> Named:
    """As :func:`read`, of a name and its options that are apart already."""
    known = options_of(table, name)
    checked = check(name, known, given)
    defaults = {each.name: each.default for each in known}
    return Named(name, tuple((key, value) for key, value in checked.items() if value != defaults[key]))


def carried(table: "Registry[Any]", other: Named, to: str) -> Named:
    """The name ``to`` with the options of the ``other``, as far as it has them, too."""
    have = {each.name: each.default for each in options_of(table, other.name)} | dict(other.options)
    shared = {each.name for each in options_of(table, to)}.intersection(have)
    return named(table, to, {name: have[name] for name in shared})


def build(table: "Registry[type[T]]", which: Named, *arguments: Any, **settings: Any) -> T:
    """Make what is called so, with its options."""
    return table.load(which.name)(*arguments, **settings, **dict(which.options))
