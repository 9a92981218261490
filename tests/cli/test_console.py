"""What people name things, and what their terminals can show."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise.cli import progress
from lengthwise.cli.console import console, errors
from lengthwise.cli.progress import _Live

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")
TEXT = "better ▲, worse ▼, none –, 4×, 日"


@pytest.mark.parametrize("name", ["exp [v2]", "exp [/v3]", "[red]x", "[bold"])
def test_square_brackets_stand_in_paths_as_they_are(
    lengthwise: Call, tiny: list[str], tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    answer = lengthwise("run", "flip-flop", *tiny, "--steps", "4", "--out", out)
    assert answer.code == 0, answer.error
    assert f"Report: {out / 'report.html'}" in answer.out
    assert f"Report: {out / 'report.html'}" in lengthwise("report", out).out
    assert f"{out / 'none'} holds no run" in lengthwise("report", out / "none").error


def test_no_console_and_no_bar_reads_markup() -> None:
    for printer in (console, errors):
        assert printer.render_str("[red]x[/]").plain == "[red]x[/]"
    live = _Live()
    live.bars.add_task("softmax+[red]x[/]", detail="")
    with console.capture() as shown:
        console.print(live.bars.get_renderable())
    assert "softmax+[red]x[/]" in shown.get()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_characters_that_a_terminal_lacks_become_similar_ones(encoding: str) -> None:
    code = (
        "from lengthwise.cli.console import accept_any_encoding, console; accept_any_encoding(); "
        f"console.print({TEXT!a})"
    )
    run = [sys.executable, "-c", code]
    answer = subprocess.run(run, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding})
    assert answer.returncode == 0, answer.stderr
    shown = answer.stdout.decode(encoding)
    assert re.match(r"better \+, worse -, none [-–], 4[x×], \?", shown), shown


@pytest.mark.parametrize("line", ["list", "list --mechanisms", "list --tasks", "--help"])
def test_an_ascii_terminal_is_no_error(line: str) -> None:
    run = [sys.executable, "-m", "lengthwise", *line.split()]
    answer = subprocess.run(run, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert answer.returncode == 0, answer.stderr
    answer.stdout.decode("ascii")


def test_without_a_terminal_progress_is_plain_lines_on_standard_error(
    lengthwise: Call, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    answer = lengthwise("run", "flip-flop", *tiny, "--out", tmp_path / "run")
    assert answer.code == 0
    assert re.search(r"^training: 12 of 12  loss [\d.]+  [\d,]+ tokens/s.* left$", answer.error, re.MULTILINE)
    more = ["-a", "softmax+rope", "-a", "softmax", "--learning-rates", "1e-3", "--jobs", 1]
    answer = lengthwise("compare", "flip-flop", *tiny, *more, "--out", tmp_path / "compare")
    assert re.search(r"^all work, in %: 100 of 100  2 of 2 runs done", answer.error, re.MULTILINE), answer.error
    assert "steps" not in answer.out
