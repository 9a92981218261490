"""Options made from the configuration that they set: its fields say their names, types, defaults and help."""

import inspect
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lengthwise.configuration import Config, Tree
from lengthwise.errors import InputError

WRITTEN = "Written 128,256,1000 or, doubling, 128:4096."
"""How lengths are given on the command line, which is where they differ from other settings."""


def option(kind: type[Config], field: str, *, by_default: str | None = None) -> Any:
    """Make the option that sets one field of a configuration; its value is None where it is not given.

    Args:
        kind: the configuration.
        field: the field's name.
        by_default: what to say of the default, where that is not the field's own.
    """
    info = kind.model_fields[field]
    extra: dict[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    on_the_line = _type_on_the_line(info.annotation)
    default = by_default or extra.get("by_default") or _shown(info)
    text = f"{info.description}{' ' + WRITTEN if field == 'lengths' else ''}"
    if choices := _choices(info.annotation):
        text += f" One of {choices}."
    if default and on_the_line is not bool:
        text += f" Default: {default}."
    spelt = extra.get("option") or [f"--{field}".replace("_", "-")]
    return typer.Option(*spelt, help=text, show_default=False)


def configured(kind: type[Config]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a verb take the settings of a configuration as options, and the configuration as its first argument.

    A field without a default is an argument of the command line. Fields called ``lengths`` are read as
    :func:`parse_lengths` says.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(verb).parameters.values())[1:]
        made = [_parameter(kind, field) for field in kind.model_fields]

        def call(**given: Any) -> None:
            rest = {parameter.name: given.pop(parameter.name) for parameter in own}
            verb(kind.read(_tree(given)), **rest)

        # What the command line is made from.
        call.__signature__ = inspect.Signature([*made, *own])  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in (*made, *own)}
        call.__doc__, call.__name__, call.__module__ = verb.__doc__, verb.__name__, verb.__module__
        return call

    return decorate


def _parameter(kind: type[Config], field: str) -> inspect.Parameter:
    info, either_way = kind.model_fields[field], inspect.Parameter.POSITIONAL_OR_KEYWORD
    on_the_line = _type_on_the_line(info.annotation)
    if info.is_required():
        argument = typer.Argument(help=info.description, show_default=False)
        return inspect.Parameter(field, either_way, annotation=Annotated[on_the_line, argument])
    made = Annotated[on_the_line | None, option(kind, field)]  # type: ignore[valid-type]
    return inspect.Parameter(field, either_way, default=None, annotation=made)


def _tree(given: dict[str, Any]) -> Tree:
    """What was given, as a configuration reads it."""
    tree = {field: value for field, value in given.items() if value not in (None, [])}
    return tree | ({"lengths": parse_lengths(tree["lengths"])} if "lengths" in tree else {})


def _type_on_the_line(annotation: Any) -> Any:
    """The type of a field as the command line reads it: what it cannot read itself is text."""
    kinds = _without_none(annotation)
    if len(kinds) == 1 and get_origin(kinds[0]) is tuple and get_args(kinds[0])[0] is str:
        return list[str]
    return kinds[0] if len(kinds) == 1 and kinds[0] in (int, float, bool, Path) else str


def _choices(annotation: Any) -> str:
    """The words to choose from; empty where a field takes more than some words."""
    kinds = _without_none(annotation)
    return ", ".join(get_args(kinds[0])) if get_origin(kinds[0]) is Literal else ""


def _without_none(annotation: Any) -> list[Any]:
    """The types that a field can have, without the bounds of their values."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in _without_none(part)]
    return [] if annotation is NoneType else [annotation]


def _shown(info: FieldInfo) -> str:
    """The default of a field; empty where it has none that can be said."""
    if info.default in (None, PydanticUndefined):
        return ""
    return ", ".join(map(str, info.default)) if isinstance(info.default, tuple) else format(info.default)


def parse_lengths(text: str) -> list[int]:
    """Read lengths, written 128,256,1000 or, doubling, 128:4096.

    Raises:
        InputError: for any other text.
    """
    try:
        if ":" not in text:
            return [int(part) for part in text.split(",")]
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"--lengths is numbers such as 128,256 or 128:4096; got {text!r}.") from None
    if not 0 < first <= last:
        raise InputError(
            f"--lengths {text} doubles from the first to the last: the first must be positive and no larger."
        )
    return [first * 2**power for power in range((last // first).bit_length())]
