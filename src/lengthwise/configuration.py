"""Configuration that people write: frozen, checked, and refused in one sentence."""

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

import tomli_w
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from lengthwise.errors import InputError
from lengthwise.registry import unknown

T = TypeVar("T")
Tree = dict[str, Any]


def _each_once(named: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(named))


EACH_ONCE = AfterValidator(_each_once)
"""An annotation for a tuple that removes repeated entries."""


class Config(BaseModel):
    """Base of every configuration: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def read(cls, tree: Mapping[str, Any]) -> Self:
        """Make a configuration from a tree of plain values; raises :class:`InputError` for the first wrong value."""
        _refuse_true_as_1(tree, cls)
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise InputError(_sentence(error, cls)) from None


def merge(*trees: Mapping[str, Any]) -> Tree:
    """Merge trees into one; the last tree that holds a value wins."""
    merged: Tree = {}
    for tree in trees:
        for key, value in tree.items():
            inner = merged.get(key)
            merged[key] = merge(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged


def from_toml(path: Path) -> Tree:
    """Read the tree of a TOML file; raises :class:`InputError` if the file cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"Cannot read the configuration {path}: {error.strerror}; give the path of a TOML file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}. Lines look like 'steps = 600' under '[train]'.") from None


def to_toml(tree: Mapping[str, Any]) -> str:
    """Format a tree of plain values as TOML for :func:`from_toml`, without values that are None: TOML has no None."""
    return tomli_w.dumps(without_none(tree))


def without_none(tree: Mapping[str, Any]) -> Tree:
    """Return the tree without the values that are None."""
    kept = {key: without_none(value) if isinstance(value, Mapping) else value for key, value in tree.items()}
    return {key: value for key, value in kept.items() if value is not None}


def from_settings(settings: Iterable[str]) -> Tree:
    """Parse settings such as ``train.steps=600`` into a tree; values are TOML, or plain words.

    Raises:
        InputError: for a setting that is not KEY=VALUE.
    """
    tree: Tree = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"A setting is KEY=VALUE, as in train.steps=600; got {setting!r}.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        tree = merge(tree, value)
    return tree


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe the first problem that pydantic found, in one sentence."""
    problem = error.errors()[0]
    # Inside a field that may be of several kinds, pydantic's path contains the kind; a setting's key does not.
    kinds = _kinds(model).intersection(problem["loc"])
    place = ".".join(str(part) for part in problem["loc"] if part not in kinds)
    depth = place.count(".") + 1
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return unknown("setting", place, _of_depth(depth, keys(model, kinds)))
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    message = problem["msg"][0].lower() + problem["msg"][1:]
    example = f", as in {place}=[1,2]" if problem["type"] == "tuple_type" else ""
    return f"The setting {place} cannot be {problem['input']!r}: {message}{example}."


def _refuse_true_as_1(tree: Mapping[str, Any], model: type[BaseModel]) -> None:
    """Refuse true and false where pydantic would read them as the numbers 1 and 0."""
    for place, value in _leaves(tree):
        values = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(each, bool) for each in values) and place in _never_true(model):
            raise InputError(f"The setting {place} cannot be {value!r}: it is not true or false.")


@cache
def _never_true(model: type[BaseModel]) -> frozenset[str]:
    """Return the dotted keys whose values are never true or false; pydantic takes milliseconds to make the schema."""
    return frozenset(place for place, schema in keys(model).items() if "boolean" not in str(schema))


def _leaves(tree: Mapping[str, Any], *path: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of every leaf of a tree."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, *path, key)
        else:
            yield ".".join((*path, key)), value


def keys(model: type[BaseModel], kinds: Collection[str] = ()) -> dict[str, Any]:
    """Return every dotted key of a configuration, with pydantic's JSON schema of its value.

    For a field that may be of several kinds, these are the keys of the kinds in ``kinds``; without ``kinds``, of all.
    """
    schema = model.model_json_schema()
    found: dict[str, Any] = {}

    def walk(node: Mapping[str, Any], path: str) -> None:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        if "discriminator" in node:
            for kind, reference in node["discriminator"]["mapping"].items():
                if not kinds or kind in kinds:
                    walk({"$ref": reference}, path)
            return
        if "properties" not in node:
            found[path] = node
        for name, inner in node.get("properties", {}).items():
            walk(inner, f"{path}.{name}" if path else name)

    walk(schema, "")
    return found


def check_keys(tree: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse a key that is not among the ``known`` keys, which :func:`keys` returns.

    Reading the configuration refuses such a key too, but it first imports what the values name.

    Raises:
        InputError: for the first unknown key.
    """

    def walk(inner: Mapping[str, Any], *path: str) -> None:
        for key, value in inner.items():
            place, there = ".".join((*path, key)), _of_depth(len(path) + 1, known)
            if place not in there:
                raise InputError(unknown("setting", place, there))
            if isinstance(value, Mapping) and place not in known:
                walk(value, *path, key)

    walk(tree)


def _of_depth(depth: int, known: Iterable[str]) -> set[str]:
    """Return the dotted keys, each cut to its first ``depth`` parts."""
    return {".".join(key.split(".")[:depth]) for key in known}


def _kinds(model: type[BaseModel]) -> set[str]:
    """Return the names of all kinds that a field of several kinds can be of."""
    fields = model.model_json_schema().get("properties", {}).values()
    return {kind for field in fields for kind in field.get("discriminator", {}).get("mapping", ())}
