"""Reading and writing names with options, as in ``top-k[kept=9]``.

The options follow the name in brackets, as ``key=value`` with commas between them. A value is a number (``5e5`` is
500000), ``true``, ``false`` or a word. Names with the same meaning are read as the same :class:`Named` and written in
the same way: options in the order of their declaration, without options that have their default value.

Where several names are wanted, as for the splits of an evaluation, a value may stand for several values
(:func:`spanned`): ``validation[operands=2:4]`` and ``validation[operands=2|3|4]`` are three splits.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

from lengthwise.errors import InputError
from lengthwise.options import BaseOptions, Option, Value, check, declared, spelled, written
from lengthwise.registry import Registry

T = TypeVar("T")


@dataclass(frozen=True)
class Named:
    """The name of a part or a task, with the options that differ from their defaults; made by :func:`read`."""

    name: str
    options: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        inner = ",".join(f"{key}={spelled(value)}" for key, value in self.options)
        return f"{self.name}[{inner}]" if inner else self.name


def split(text: str) -> tuple[str, dict[str, Value]]:
    """Split a text into a name and its options, without checking whether they exist.

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


MOST = 100
"""The largest number of names that one text can stand for: more are a slip of the pen, and would run for days."""


def spanned(text: str) -> list[str]:
    """Return the names that a text stands for: several if a value in its brackets is a range or a list.

    ``2:6`` stands for the whole numbers from 2 to 6, and ``4|16|64`` for these values, which may be numbers or words; a
    list may hold ranges. With several such options, the names are those of all combinations. A text without ranges and
    lists stands for itself.

    >>> spanned("validation[operands=2:4]")
    ['validation[operands=2]', 'validation[operands=3]', 'validation[operands=4]']

    Raises:
        InputError: for a range that is empty or not between whole numbers, and for more than 100 names.
    """
    name, bracket, inner = text.partition("[")
    if not (":" in inner or "|" in inner):
        return [text]
    choices = []
    for pair in inner.removesuffix("]").split(","):
        key, equals, value = pair.partition("=")
        choices.append([f"{key}{equals}{one.strip()}" for part in value.split("|") for one in _range(part, text)])
    count = math.prod(map(len, choices))
    if count > MOST:
        raise InputError(f"{text!r} stands for more than {MOST} names; list fewer values, as in 4|16|64.")
    end = "]" if text.endswith("]") else ""
    return [f"{name}{bracket}{','.join(chosen)}{end}" for chosen in product(*choices)]


def _range(part: str, text: str) -> list[str]:
    if ":" not in part:
        return [part]
    try:
        first, last = map(int, part.split(":"))
    except ValueError:
        first, last = 1, 0
    if first > last:
        raise InputError(
            f"{text!r} has the range {part.strip()!r}; a range goes up in whole numbers, as in 2:6. List other values, "
            "as in 4|16|64."
        )
    return list(map(str, range(first, min(last, first + MOST) + 1)))


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
    """Return the options that ``name`` has; a class in the table is not imported.

    Raises:
        InputError: if there is no such name, or if a user's own class does not declare its options as options.
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
        InputError: for a name that is not in the table, an option that the name does not have, or a value out of
            bounds.
    """
    return named(table, *split(text))


def named(table: "Registry[Any]", name: str, given: Mapping[str, object]) -> Named:
    """Make a :class:`Named` from a name and its options, as :func:`read` does from a text."""
    known = options_of(table, name)
    checked = check(name, known, given)
    defaults = {each.name: each.default for each in known}
    return Named(name, tuple((key, value) for key, value in checked.items() if value != defaults[key]))


def carried(table: "Registry[Any]", other: Named, to: str) -> Named:
    """Return the name ``to`` with those options of ``other`` that ``to`` also has."""
    have = {each.name: each.default for each in options_of(table, other.name)} | dict(other.options)
    shared = {each.name for each in options_of(table, to)}.intersection(have)
    return named(table, to, {name: have[name] for name in shared})


def build(table: "Registry[type[T]]", which: Named, *arguments: Any, **settings: Any) -> T:
    """Make an instance of the named class with its options."""
    return table.load(which.name)(*arguments, **settings, **dict(which.options))
