"""A mistake in a module of one's own is one sentence with its file and line, when it is imported and when it runs."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
PART = """
from lengthwise.attention.parts import Output

class Mine(Output):
    def forward(self, attended, hidden=None):
        return attended.reshape(7, -1, 11)
"""
numbers = itertools.count()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """``module(code)`` writes a module into the current folder, and gives its name, which no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(code: str) -> str:
        name = f"my_module_{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        return name

    return write


@pytest.mark.parametrize(
    ("code", "line", "said"),
    [
        ("import torch\n\nMine = soft_cap\n", 3, "NameError: name 'soft_cap' is not defined"),
        ("class Mine:\n    def forward(self:\n", 2, "SyntaxError: "),
        ("import no_such_helper\n", 1, "ModuleNotFoundError: No module named 'no_such_helper'"),
        ("import torch\ntorch.ones(2, 3) @ torch.ones(2, 3)\n", 2, "RuntimeError: "),
        ("raise KeyError\n", 1, "KeyError"),
    ],
)
@pytest.mark.parametrize("command", [["run", "flip-flop", "-a", "softmax+{}:Mine"], ["run", "{}:Mine"]])
def test_at_import(
    lengthwise: Call, module: Callable[[str], str], code: str, line: int, said: str, command: list[str]
) -> None:
    name = module(code)
    answer = lengthwise(*(word.format(name) for word in command))
    assert answer.code == 2
    assert f"Error: {name}.py, line {line}, fails with {said}" in answer.error
    assert answer.error.endswith("; correct it there.\n")
    assert not Path("runs").exists()


def test_in_a_helper(lengthwise: Call, module: Callable[[str], str]) -> None:
    helper = module("\n\n1 / 0\n")
    name = module(f"import {helper}\n")
    answer = lengthwise("run", "flip-flop", "-a", f"softmax+{name}:Mine")
    assert f"{helper}.py, line 3, fails with ZeroDivisionError" in answer.error


@pytest.mark.parametrize("verb", ["run", "compare"])
def test_as_it_runs(lengthwise: Call, module: Callable[[str], str], tiny: list[str], verb: str) -> None:
    name = module(PART)
    answer = lengthwise(verb, "flip-flop", "-a", f"softmax+{name}:Mine", *tiny, "--out", "out")
    assert answer.code == 2
    said = answer.error if verb == "run" else next(Path("out").rglob("failure.json")).read_text(encoding="utf-8")
    assert f"{name}.py, line 6, fails with RuntimeError: shape" in said


def test_our_own_mistakes_stay_what_they_are(lengthwise: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("lengthwise.recipes.find", fails)
    with pytest.raises(ZeroDivisionError):
        lengthwise("run", "lengthwise.tasks.recall.flip_flop:FlipFlop")
