"""What README.md and docs/ show is so: Python runs, and every command is one that its program takes."""

import importlib.util
import itertools
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import typer
from tests.fresh import python
from typer.testing import CliRunner

from lengthwise import cli
from lengthwise.analysis import scoring
from lengthwise.bench.config import BenchConfig
from lengthwise.cli import options, swap
from lengthwise.cli.verbs import VERBS
from lengthwise.experiments import certifying, comparison, evaluating
from lengthwise.huggingface import export as exporting
from lengthwise.probes.config import ProbeConfig
from lengthwise.probes.shortening import kept
from lengthwise.text import corpora

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALL = "--steps 4 --length 32 --lengths 32,64 --set evaluate.sequences=4 --set model.dim=16 --out out"
SMALLER = {
    "lengthwise run my_tasks:Sparser": SMALL,
    "lengthwise run my_languages:Mine": SMALL,
    "lengthwise compare flip-flop -a softmax+alibi -a my_parts:Sparsemax+my_parts:Logarithmic": SMALL,
}
"""Commands, by their beginnings, that are run with less to do than they show."""
READ_ONLY = {
    "lengthwise bench": "it measures for minutes, and this machine",
    "lengthwise certify": "it needs a run that is trained",
    "lengthwise compare": "it trains for minutes to days",
    "lengthwise export": "it needs a run or a comparison that was run",
    "lengthwise evaluate": "it needs a run that is trained",
    "lengthwise probe": "it needs a language model, and there is none in the repository",
    "lengthwise report": "it needs a comparison that was run",
    "lengthwise run": "it trains for minutes",
    "lengthwise shorten": "it needs a run that is trained, or a language model",
    "lengthwise swap": "it needs a run that is trained",
    "lengthwise tokenize": "it needs a corpus, or reads for a minute",
    "lengthwise score data/reverse": "it needs test sets that were written",
    "lengthwise runs": "it needs runs that were run",
    "make": "its targets make environments, and continuous integration runs them",
    "pip": "it installs or downloads",
    "python -m lengthwise.huggingface.harness": "it needs a run that is trained, and downloads a task",
    "python benchmarks/": "it measures for minutes",
    "unzip": "it unpacks what pip downloaded",
}
"""Commands, by their beginnings, that are read by the program they call and not run, and why. All others are run."""


class Block(NamedTuple):
    """Code between fences."""

    page: Path
    line: int
    language: str
    text: str
    file: str
    """What the paragraph before says that it is the content of; empty if nothing."""

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


class Command(NamedTuple):
    """One command with its arguments."""

    page: Path
    line: int
    words: list[str]
    whole: bool
    """Whether it stands between fences, so that nothing may be left out."""

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}: {self.text[:60]}"


def blocks(page: Path) -> list[Block]:
    text, found = page.read_text(encoding="utf-8"), []
    for match in re.finditer(r"^```([\w{}-]*)[^\n]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        before = text[: match.start()].rstrip().rpartition("\n\n")[2]
        file = re.search(r"a file `(\w+\.py)`", before)
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(page, line, match[1], match[2], file[1] if file else ""))
    return found


def commands(page: Path) -> list[Command]:
    """Those in blocks of the shell, and those in spans of code."""
    found = []
    for block in BLOCKS:
        if block.page == page and block.language == "sh":
            whole = block.text.replace("\\\n", "  ")
            for line in whole.splitlines():
                for words in _split(line):
                    found.append(Command(page, block.line, words, whole=True))
    text = page.read_text(encoding="utf-8")
    outside = re.sub(r"^```.*?^```$", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE)
    for span in re.finditer(r"`((?:lengthwise|make|pip|python)\s[^`]+)`", outside):
        for words in _split(span[1]):
            found.append(Command(page, outside.count("\n", 0, span.start()) + 1, words, whole=False))
    return found


def _split(line: str) -> list[list[str]]:
    """The commands of a line, without comments, the variables set for them, and where they write to."""
    words = shlex.split(line, comments=True)
    ends = [place for place, word in enumerate(words) if word == "&&"]
    parts = [words[start:stop] for start, stop in zip([0, *(end + 1 for end in ends)], [*ends, None], strict=True)]
    parts = [list(itertools.dropwhile(SET.match, part)) for part in parts]
    return [part[: part.index(">")] if ">" in part else part for part in parts if part]


SET = re.compile(r"[A-Z_]+=")
"""A variable of the environment, before a command."""
BLOCKS = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
COMMANDS = [command for page in PAGES for command in commands(page)]
LONG = re.compile(r"in range\(\d{3,}\)")
"""A block of Python with a loop of hundreds of steps trains."""


def beginning(command: Command, table: dict[str, str]) -> str:
    """The longest row of the table that the command begins with; empty if none."""
    rows = [row for row in table if f"{command.text} ".startswith(row if row.endswith("/") else f"{row} ")]
    return max(rows, key=len, default="")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Path], Path]:
    """``folder(page)``: a folder with the files that the page says to write."""

    def write(page: Path) -> Path:
        for block in PYTHON:
            if block.page == page and block.file:
                (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        return tmp_path

    return write


MADE = {
    "runs/text": "run text-bytes -a threshold-relative --steps 4 --length 32 --lengths 32,64 "
    "--split validation --learning-rate 1e-3 --set evaluate.sequences=4 --set model.dim=16 --out",
}
"""Folders that blocks of Python open, with the arguments of a small command that makes them."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_of_a_page_are_read(page: Path) -> None:
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "native").glob("*.cpp")]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    for variable in set(re.findall(r"\bLENGTHWISE_[A-Z_]+", page.read_text(encoding="utf-8"))):
        assert f'"{variable}"' in source


def test_every_block_says_its_language() -> None:
    of_the_site = {"{include}", "{toctree}"}
    assert {block.language for block in BLOCKS} - of_the_site == {"python", "sh"}


@pytest.mark.parametrize(
    "block",
    [pytest.param(b, id=b.place, marks=pytest.mark.long if LONG.search(b.text) else ()) for b in PYTHON],
)
def test_python_runs(block: Block, folder: Callable[[Path], Path]) -> None:
    compile(block.text, block.place, "exec")
    for made, arguments in MADE.items():
        if made in block.text:
            python(folder(block.page), "-m", "lengthwise", *arguments.split(), made)
    python(folder(block.page), "-c", block.text)


class UnderstoodError(Exception):
    """A command's arguments are read, and its work would begin."""


@pytest.fixture
def lengthwise(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], None]:
    """The command line in this process, as on a machine with a GPU; long work ends where it would begin."""

    def ends(read: Callable[..., Any]) -> Callable[..., Any]:
        def end(*arguments: Any, **named: Any) -> None:
            read(*arguments, **named)
            raise UnderstoodError

        return end

    for owner, name in (
        *((options, name) for name in ("resolve", "resolve_comparison", "evaluation")),
        *((config, "read") for config in (BenchConfig, ProbeConfig)),
    ):
        monkeypatch.setattr(owner, name, ends(getattr(owner, name)))
    monkeypatch.setattr(scoring, "read_dataset", ends(lambda folder: None))
    monkeypatch.setattr(comparison, "read_experiment", ends(lambda folder: None))
    monkeypatch.setattr(evaluating, "extended", ends(lambda folder, more: None))
    monkeypatch.setattr(swap, "swapped", ends(lambda source, mechanism, steps, rate: None))
    monkeypatch.setattr(corpora, "find", ends(lambda corpus, download: None))
    monkeypatch.setattr(certifying, "certify_run", ends(lambda folder, limits, prefixes, on_progress: None))
    monkeypatch.setattr(certifying, "verify", ends(lambda file: None))
    monkeypatch.setattr(exporting, "export", ends(lambda run, folder: None))
    monkeypatch.setattr(kept, "check_shares", ends(kept.check_shares))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)

    def call(words: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", words)
        code: Any = 0
        try:
            cli.main()
        except UnderstoodError:
            pass
        except SystemExit as ended:
            code = ended.code
        for name in set(sys.modules) - modules:
            if name.startswith("my_"):
                del sys.modules[name]
        assert not code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    "line",
    [
        *("lengthwise run flip-flop --nothing 3", "lengthwise run flipflop", "lengthwise compare flip-flop"),
        *("lengthwise compare flip-flop -a softmax+ropes -a softmax", "lengthwise run flip-flop --set train.stepz=4"),
        *("lengthwise bench -c nothing", "lengthwise probe", "lengthwise probe MODEL --lengths many", "lengthwise lst"),
    ],
)
def test_a_command_that_is_wrong_is_found(line: str, lengthwise: Callable[[list[str]], None]) -> None:
    with pytest.raises(AssertionError):
        lengthwise(line.split())


def the_script(path: Path) -> typer.Typer:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    script = typer.Typer()
    script.command()(module.main)
    return script


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_script_answers_for_help(path: Path) -> None:
    answer = CliRunner().invoke(the_script(path), ["--help"])
    assert answer.exit_code == 0, answer.output
    assert "Usage" in answer.output


def the_parser(module: str) -> Callable[[], Any]:
    """What reads the arguments of a module that stands in for the command of another package."""
    assert module == "lengthwise.huggingface.harness"
    from lm_eval._cli import HarnessCLI

    return HarnessCLI().parse_args


OPTIONAL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
VARIABLES = set(re.findall(r"^([A-Z_]+) :?=", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("command", [pytest.param(c, id=c.place) for c in COMMANDS])
def test_every_command_is_taken(
    command: Command,
    folder: Callable[[Path], Path],
    lengthwise: Callable[[list[str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the command line with its tasks and mechanisms, the Makefile, the extras, and the options of the scripts."""
    program, *arguments = command.words
    if program == "lengthwise":
        assert arguments[0] in VERBS or arguments[0].startswith("-")
        if command.whole or len(arguments) > 1:
            monkeypatch.chdir(folder(command.page))
            Path("runs").mkdir()
            lengthwise(command.words)
    elif program == "make":
        targets = [word for word in arguments if "=" not in word]
        assert {word.partition("=")[0] for word in arguments if "=" in word} <= VARIABLES
        dry = subprocess.run(["make", "-n", "-C", ROOT, *targets], capture_output=True, encoding="utf-8")
        assert dry.returncode == 0, dry.stderr
    elif program == "pip":
        ours = [word for word in arguments if word.startswith((".", "lengthwise"))]
        assert {extra for word in ours for extra in re.findall(r"[\w-]+", word.partition("[")[2])} <= set(OPTIONAL)
    elif program == "python" and arguments[0] == "-m":
        monkeypatch.setattr(sys, "argv", arguments[1:])
        taken = the_parser(arguments[1])()
        assert taken.model == "lengthwise"
    elif program == "python":
        script = typer.main.get_command(the_script(ROOT / arguments[0]))
        script.make_context(arguments[0], arguments[1:])
    else:
        assert beginning(command, READ_ONLY), "a program that no test knows"


@pytest.mark.parametrize(
    "command", [pytest.param(c, id=c.place) for c in COMMANDS if c.whole and not beginning(c, READ_ONLY)]
)
def test_short_commands_run(command: Command, folder: Callable[[Path], Path]) -> None:
    program, *arguments = command.words
    assert program == "lengthwise"
    text = python(folder(command.page), "-m", "lengthwise", *arguments)
    assert "--settings" not in arguments or tomllib.loads(text)
    assert text


@pytest.mark.long
@pytest.mark.parametrize(
    "command", [pytest.param(c, id=c.place) for c in COMMANDS if c.whole and beginning(c, SMALLER)]
)
def test_others_run_with_less_to_do(command: Command, folder: Callable[[Path], Path]) -> None:
    """Of an option given twice, the last counts; the work of a comparison is done by processes of their own."""
    here, small = folder(command.page), SMALLER[beginning(command, SMALLER)]
    text = python(here, "-m", "lengthwise", *command.words[1:], *small.split())
    named = [word for before, word in zip(command.words, command.words[1:], strict=False) if before == "-a"]
    assert all(mechanism in text for mechanism in named)
    assert (here / "out" / "report.html").exists()


@pytest.mark.parametrize("row", [*READ_ONLY, *SMALLER])
def test_no_row_of_the_tables_is_left_over(row: str) -> None:
    table = READ_ONLY if row in READ_ONLY else SMALLER
    assert any(beginning(command, table) == row for command in COMMANDS)


# What the examples compute.


MECHANISM, TASK = (ROOT / "docs" / f"how-to-{kind}.md" for kind in ("mechanism", "task"))


def test_sparsemax_is_a_projection(folder: Callable[[Path], Path]) -> None:
    """By hand, the projections of (1, 0) and (1, 0.5) and (3, 0)."""
    code = (
        "import torch; from my_parts import Sparsemax; from lengthwise.attention.parts import Sizes; "
        "part = Sparsemax(Sizes(1, 1, 1, 1)); z = torch.tensor([[1, 0], [1, 0.5], [3, 0], [2, -torch.inf]]); "
        "print(part.of_scores(z, None).tolist())"
    )
    found = python(folder(MECHANISM), "-c", code).strip()
    assert found == "[[1.0, 0.0], [0.75, 0.25], [1.0, 0.0], [1.0, 0.0]]"


@pytest.mark.long
def test_a_task_of_ones_own_from_nothing(folder: Callable[[Path], Path]) -> None:
    text = python(folder(TASK), "-m", "lengthwise", "run", "my_tasks:Delay", *SMALL.split())
    assert "my_tasks:Delay" in text
