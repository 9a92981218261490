"""Options of a part or a task, each with a type, bounds, a default and a meaning.

A class declares its options in an inner class called ``Options``, and takes them by keyword::

    class TopK(Weights):
        class Options(Weights.Options):
            kept: int = option(5, at_least=1)
            "How many of a query's scores keep a weight."

        options: Options

    TopK(sizes, kept=9).options.kept

For the classes of this library, options are read from the text of the modules (:func:`written`), so that checking a
name or listing all names imports nothing.
"""

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from numbers import Real
from typing import Any, Self, dataclass_transform, get_type_hints

from lengthwise.errors import InputError
from lengthwise.registry import unknown
from lengthwise.source import attributes

Value = bool | int | float | str
KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
"""The types that an option can have, with the words for their values."""


@dataclass(frozen=True)
class Option:
    """One option, as its class declares it."""

    name: str
    kind: type
    default: Any
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    among: tuple[str, ...] = ()
    """The allowed words, for an option of type str; empty if any word is allowed."""
    text: bool = False
    """True if an option of type str takes more than words: anything without blanks, commas and brackets."""
    meaning: str = field(default="", compare=False)
    """The docstring under the option."""

    @property
    def wanted(self) -> str:
        """The values that the option takes, as in ``a whole number, at least 1``."""
        limits = {
            "at least": self.at_least,
            "above": self.above,
            "at most": self.at_most,
            "below": self.below,
        }
        said = " and ".join(f"{word} {spelled(limit)}" for word, limit in limits.items() if limit is not None)
        of_kind = "a text without blanks, commas and brackets" if self.text else KINDS[self.kind]
        noun = f"one of {', '.join(self.among)}" if self.among else of_kind
        return f"{noun}, {said}" if said else noun

    def check(self, value: object, owner: str) -> Value:
        """Return ``value`` in the option's type.

        Raises:
            InputError: if the value is of another type, or out of bounds; the sentence names the ``owner``.
        """
        checked = self._in_kind(value)
        if checked is None or not self._within(checked):
            shown = value if isinstance(value, str) else spelled(value) if isinstance(value, Value) else repr(value)
            raise InputError(f"The option {self.name} of {owner} is {self.wanted}; got {shown}.")
        return checked

    def _in_kind(self, value: object) -> Value | None:
        if self.kind in (bool, str):
            return value if isinstance(value, bool | str) and type(value) is self.kind else None
        if self.kind is int and type(value) is int:
            return value
        if isinstance(value, bool) or not isinstance(value, Real):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        if self.kind is float:
            return number if math.isfinite(number) else None
        return round(number) if number.is_integer() else None

    def _within(self, value: Value) -> bool:
        if isinstance(value, str) and self.text:
            return _TEXT.fullmatch(value) is not None
        if isinstance(value, str):
            return bool(_WORD.fullmatch(value)) and (not self.among or value in self.among)
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


_WORD = re.compile(r"(?!(?:true|false)$)[A-Za-z][\w.-]*")
_TEXT = re.compile(r"[^\s,\[\]]*")


def option(
    default: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    among: tuple[str, ...] = (),
    text: bool = False,
) -> Any:
    """Declare an option within a class ``Options``: its default, and the bounds of its values.

    Arguments must be literals, so that they can be read from the text of a module.
    """
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below, "among": among, "text": text}
    return field(default=default, metadata=bounds)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(option,))
@dataclass(frozen=True, kw_only=True)
class BaseOptions:
    """Base of every class ``Options``; subclasses become frozen dataclasses that check their values when created.

    Raises:
        InputError: for a value of another type, or out of bounds.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self) -> None:
        owner = type(self).__qualname__.removesuffix(".Options").rpartition(".")[2]
        for each in declared(type(self)):
            object.__setattr__(self, each.name, each.check(getattr(self, each.name), owner))

    @classmethod
    def choose(cls, owner: object, given: Mapping[str, object]) -> Self:
        """Make the options of ``owner``, a part or a task, from the keywords given to its constructor.

        Raises:
            InputError: for an option that ``owner`` does not have, and for a value that the option cannot have.
        """
        return cls(**check(type(owner).__name__, declared(cls), given))


def check(owner: str, known: Sequence[Option], given: Mapping[str, object]) -> dict[str, Value]:
    """Return the options ``given``, in the order in which ``owner`` declares them.

    Raises:
        InputError: for an option that is not among the ``known`` options, and for a value that an option cannot have.
    """
    names = [each.name for each in known]
    for name in given:
        if not names:
            raise InputError(f"{owner} has no options; drop {name!r}.")
        if name not in names:
            sentence = unknown(f"option of {owner}", name, names)
            listed = f" The options of {owner} are {', '.join(names)}." if len(names) > 1 else ""
            raise InputError(sentence if "known:" in sentence else sentence + listed)
    return {each.name: each.check(given[each.name], owner) for each in known if each.name in given}


def declared(kind: type[BaseOptions]) -> tuple[Option, ...]:
    """Return the options that a class ``Options`` declares, without their meanings.

    Raises:
        InputError: for an option whose type is not in :data:`KINDS`, or whose default is out of bounds.
    """
    found, hints = [], get_type_hints(kind)
    for each in fields(kind):
        made = Option(each.name, hints[each.name], each.default, **each.metadata)
        if made.kind not in KINDS:
            raise InputError(f"The option {made.name} of {kind.__qualname__} must be a bool, an int, a float or a str.")
        found.append(replace(made, default=made.check(made.default, kind.__qualname__)))
    return tuple(found)


@cache
def written(target: str) -> tuple[Option, ...]:
    """Read the options of this library's class ``"module:attribute"`` from the text of its module."""
    kinds = {kind.__name__: kind for kind in KINDS}
    found = []
    for name, (annotation, default, meaning) in attributes(target, "Options").items():
        bounds = {}
        if isinstance(default, ast.Call):
            bounds = {each.arg: ast.literal_eval(each.value) for each in default.keywords if each.arg}
            default = default.args[0]
        kind = kinds[ast.unparse(annotation)]
        found.append(Option(name, kind, kind(ast.literal_eval(default)), meaning=meaning, **bounds))
    return tuple(found)


def spelled(value: Value) -> str:
    """Return the one spelling of a value in names: ``500000``, ``1e-6``, ``true``, or a word."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return re.sub(r"e\+?(-?)0*", r"e\1", repr(value))
