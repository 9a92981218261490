"""The list of verbs: complete, as each verb says, and without importing one of them."""

import inspect
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lengthwise import cli
from lengthwise.cli.verbs import VERBS, verb


def test_every_verb_is_listed() -> None:
    modules = [path for path in Path(inspect.getfile(cli)).parent.glob("*.py") if path.stem != "__init__"]
    verbs = {
        path.stem.rstrip("_")
        for path in modules
        if f"``lengthwise {path.stem.rstrip('_')}" in path.read_text(encoding="utf-8")
    }
    assert verbs == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_the_list_says_of_a_verb_what_the_verb_says(name: str) -> None:
    said = " ".join(verb(name).help.partition("\n\n")[0].split())
    assert said == VERBS[name]
    assert verb(name).name == name


def test_a_wrong_verb_is_answered_with_the_nearest() -> None:
    answer = CliRunner().invoke(cli.app, ["cmpare"])
    assert answer.exit_code == 2
    assert "Did you mean 'compare'?" in answer.output
