"""Options that are made from a configuration: each setting has one, with its type, its help and its default."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal, get_args

import pytest
import typer
from pydantic import Field, PositiveInt
from typer.testing import CliRunner

from lengthwise.bench.config import BenchConfig
from lengthwise.cli.generated import configured
from lengthwise.configuration import Config
from lengthwise.errors import InputError
from lengthwise.probes.config import ProbeConfig


class Example(Config):
    """One setting of each type."""

    place: str
    """Where it is."""
    lengths: tuple[PositiveInt, ...] | None = None
    """How long it is."""
    names: tuple[str, ...] = Field(("a", "b"), json_schema_extra={"option": ["--name", "-n"]})
    """Who is there."""
    colour: Literal["red", "blue"] = "red"
    """What it looks like."""
    size: Annotated[float, Field(gt=0)] = 1.5
    """How large it is."""
    file: Path | None = Field(None, json_schema_extra={"by_default": "none at all"})
    """What it reads."""
    loud: bool = False
    """Make it loud."""


@pytest.fixture
def asked() -> tuple[typer.Typer, list[tuple[Example, int]]]:
    """A command line of one verb, and the list of what its verb was given."""
    app, given = typer.Typer(), []

    @app.command()
    @configured(Example)
    def verb(config: Example, times: Annotated[int, typer.Option()] = 1) -> None:
        """Do it."""
        given.append((config, times))

    return app, given


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("here", {}),
        ("here --lengths 4:16", {"lengths": (4, 8, 16)}),
        ("here -n x --name y", {"names": ("x", "y")}),
        ("here --colour blue --size 2 --loud", {"colour": "blue", "size": 2.0, "loud": True}),
        ("here --file some/where", {"file": Path("some/where")}),
    ],
)
def test_what_is_given_is_set_and_the_rest_is_as_by_default(
    asked: tuple[typer.Typer, list[tuple[Example, int]]], line: str, wanted: dict[str, object]
) -> None:
    app, given = asked
    assert CliRunner().invoke(app, [*line.split(), "--times", "3"]).exit_code == 0
    assert given == [(Example.model_validate({"place": "here", **wanted}), 3)]


@pytest.mark.parametrize("line", ["here --colour green", "here --size 0", "here --lengths x"])
def test_what_does_not_fit_is_refused_in_a_sentence(
    asked: tuple[typer.Typer, list[tuple[Example, int]]], line: str
) -> None:
    app, given = asked
    assert isinstance(CliRunner().invoke(app, line.split()).exception, InputError)
    assert not given


def test_the_help_says_what_the_settings_say(asked: tuple[typer.Typer, list[tuple[Example, int]]]) -> None:
    said = " ".join(CliRunner().invoke(asked[0], ["--help"], terminal_width=400, env={"COLUMNS": "400"}).output.split())
    for text in ("Where it is.", "One of red, blue. Default: red.", "Default: a, b.", "Default: none at all.", "1.5"):
        assert text in said


@pytest.mark.parametrize(("verb", "kind"), [("bench", BenchConfig), ("probe", ProbeConfig)])
def test_each_setting_of_a_verb_is_an_option(verb: str, kind: type[Config]) -> None:
    parameters = inspect.signature(getattr(import_module(f"lengthwise.cli.{verb}"), verb)).parameters
    for field, info in kind.model_fields.items():
        assert info.description in get_args(parameters[field].annotation)[1].help
