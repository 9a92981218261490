"""Options generated from a configuration: its fields give the options' names, types, defaults and help texts."""

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

WRITTEN = "Write 128,256,1000, or 128:4096 to double from 128 to 4096."
"""The form of lengths on the command line, which differs from their form in a file."""


def option(kind: type[Config], field: str, *, by_default: str | None = None) -> Any:
    """Make the option that sets one field of a configuration; the value of an option that is not given is None.

    Args:
        kind: the configuration.
        field: the field's name.
        by_default: text for the default in the help; if None, the field's own default.
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
    """Turn the settings of a configuration into options of a verb, which takes the configuration as first argument.

    A field without a default is an argument of the command line. :func:`parse_lengths` reads fields called
    ``lengths``.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(verb).parameters.values())[1:]
        made = [_parameter(kind, field) for field in kind.model_fields]

        def call(**given: Any) -> None:
            rest = {parameter.name: given.pop(parameter.name) for parameter in own}
            verb(kind.read(_tree(given)), **rest)

        # typer builds the command line from these attributes.
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
    """Convert the given options to the tree that a configuration reads."""
    tree = {field: value for field, value in given.items() if value not in (None, [])}
    return tree | ({"lengths": parse_lengths(tree["lengths"])} if "lengths" in tree else {})


def _type_on_the_line(annotation: Any) -> Any:
    """Return the type of a field for typer; a type that typer cannot read is text on the command line."""
    kinds = _without_none(annotation)
    if len(kinds) == 1 and get_origin(kinds[0]) is tuple and get_args(kinds[0])[0] is str:
        return list[str]
    return kinds[0] if len(kinds) == 1 and kinds[0] in (int, float, bool, Path) else str


def _choices(annotation: Any) -> str:
    """Return the choices of a field as text; empty if the field is not a choice between words."""
    kinds = _without_none(annotation)
    return ", ".join(get_args(kinds[0])) if get_origin(kinds[0]) is Literal else ""


def _without_none(annotation: Any) -> list[Any]:
    """Return the types that a field can have, without None and without bounds of values."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in _without_none(part)]
    return [] if annotation is NoneType else [annotation]


def _shown(info: FieldInfo) -> str:
    """Return the default of a field as text; empty if there is no default to show."""
    if info.default in (None, PydanticUndefined):
        return ""
    return ", ".join(map(str, info.default)) if isinstance(info.default, tuple) else format(info.default)


def parse_lengths(text: str) -> list[int]:
    """Read lengths from text such as 128,256,1000, or 128:4096 for doubling lengths.

    Raises:
        InputError: if the text has another form.
    """
    try:
        if ":" not in text:
            return [int(part) for part in text.split(",")]
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"--lengths takes numbers such as 128,256 or 128:4096; got {text!r}.") from None
    if not 0 < first <= last:
        raise InputError(
            f"--lengths {text} doubles from the first to the last length; the first must be positive and at most the "
            "last."
        )
    return [first * 2**power for power in range((last // first).bit_length())]
