"""What is given is used or refused, whichever way it is given, and what is written can be given again."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise import recipes
from lengthwise.cli import options
from lengthwise.configuration import to_toml
from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.settings import write_comparison

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")
TASK = '''
from lengthwise.tasks import Task
from lengthwise.tasks.recall.flip_flop import FlipFlop

class Mine(FlipFlop):
    """Nothing new."""

class Less(Task):
    unit = "tokens"

class Nothing:
    unit = "tokens"

class Strange(Mine):
    model = "decodr"


class Alone(FlipFlop):
    splits = ("train",)
'''


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_what_a_recipe_resolves_to_is_a_file_that_resolves_to_it(name: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    run = options.resolve(name, None, ["seed=4", "train.steps=77"])
    file.write_text(to_toml(run.model_dump(mode="json")), encoding="utf-8")
    assert options.resolve(name, file, None) == options.resolve(run.task, file, None) == run
    asked = {"mechanisms": ["softmax", "top-1"], "seeds": 3, "steps": 55}
    comparison = options.resolve_comparison(name, None, ["seed=4"], **asked)
    file.write_text(to_toml(write_comparison(comparison)), encoding="utf-8")
    assert options.resolve_comparison(name, file, None) == comparison
    assert comparison.learning_rates == recipes.find(name).learning_rates


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_list_shows_what_a_recipe_resolves_to(name: str, lengthwise: Call) -> None:
    answer = lengthwise("list", "--settings", name)
    assert RunConfig.read(tomllib.loads(answer.out)) == options.resolve(name, None, None)
    assert f"learning_rates = {list(recipes.find(name).learning_rates)}" in answer.out


def test_list_shows_the_defaults_of_each_model(lengthwise: Call) -> None:
    lines = [line.split() for line in lengthwise("list", "--settings").out.splitlines()]
    defaults = [line[line.index("model.mechanism") + 2] for line in lines if "model.mechanism" in line]
    assert defaults == ["threshold-relative", *["softmax"] * 3]
    assert [line for line in lines if "mechanisms" in line]
    assert [line for line in lines if "seeds" in line]


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["flip-flop"], "list flip-flop needs --tasks or --settings"),
        (["--markdown"], "--markdown needs --tasks or --mechanisms"),
        (["--tasks", "--markdown", "copy"], "--markdown needs --tasks or --mechanisms, without a TASK"),
        (["--tasks", "--settings"], "--tasks and --settings cannot be shown together"),
        (["--tasks", "flipflop"], "did you mean 'flip-flop'"),
        (["--mechanisms", "--settings"], "--mechanisms and --settings cannot be shown together"),
        (["--settings", "flipflop"], "did you mean 'flip-flop'"),
    ],
)
def test_list_ignores_nothing(lengthwise: Call, arguments: list[str], fragment: str) -> None:
    answer = lengthwise("list", *arguments)
    assert answer.code == 2
    assert fragment in answer.error


def _compared(file: Path | None = None, *settings: str, **given: Any) -> tuple[tuple[str, ...], tuple[float, ...]]:
    config = options.resolve_comparison("flip-flop", file, list(settings), **given)
    return config.mechanisms, config.learning_rates


def test_a_comparison_takes_one_rate_and_one_mechanism_where_a_run_has_them(tmp_path: Path) -> None:
    two = ["softmax", "softmax+rope"]
    assert _compared(None, "train.learning_rate=0.1", mechanisms=two) == (tuple(two), (0.1,))
    assert _compared(None, "model.mechanism=top-1") == (("top-1",), recipes.find("flip-flop").learning_rates)
    file = tmp_path / "run.toml"
    file.write_text('[train]\nlearning_rate = 0.2\n[model]\nmechanism = "softmax+alibi"\n', encoding="utf-8")
    assert _compared(file) == (("softmax+alibi",), (0.2,))
    assert _compared(file, mechanisms=two, learning_rates=[0.3]) == (tuple(two), (0.3,))
    assert _compared(file, "train.learning_rate=0.4") == (("softmax+alibi",), (0.4,))


def test_a_file_may_hold_what_is_compared_and_options_count_more(tmp_path: Path) -> None:
    file = tmp_path / "compare.toml"
    file.write_text(
        'mechanisms = ["softmax", "top-1"]\nlearning_rates = [0.2, 0.3]\nseeds = 4\n[train]\nsteps = 9\n',
        encoding="utf-8",
    )
    config = options.resolve_comparison("flip-flop", file, None)
    assert (config.mechanisms, config.learning_rates, config.seeds) == (("softmax", "top-1"), (0.2, 0.3), 4)
    assert config.base.train.steps == 9
    config = options.resolve_comparison("flip-flop", file, None, mechanisms=["softmax"], learning_rates=[0.5], seeds=2)
    assert (config.mechanisms, config.learning_rates, config.seeds) == (("softmax",), (0.5,), 2)


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        (["model.mechanism=top-1"], r"drop model\.mechanism"),
        (["learning_rates=[0.1]", "train.learning_rate=0.2"], r"drop train\.learning_rate"),
        (["task=addition"], "for the task 'addition', but TASK is 'flip-flop'"),
        (["learning_rates=[inf]"], r"learning_rates\.0 cannot be inf"),
        (["seeds=0"], "seeds cannot be 0"),
        (["seedz=2"], "did you mean 'seed'"),
        (["mechansims=['top-1']"], "did you mean 'mechanisms'"),
    ],
)
def test_a_comparison_refuses_what_contradicts_itself(settings: list[str], fragment: str) -> None:
    with pytest.raises(InputError, match=fragment):
        options.resolve_comparison("flip-flop", None, settings, mechanisms=["softmax"])


def test_names_that_mean_the_same_are_one_run(
    lengthwise: Call, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the command line and in a file; its folder and its configuration have the one spelling."""
    monkeypatch.chdir(tmp_path)
    answer = lengthwise("run", "flip-flop[ignore=0.90]", "-a", "rope[base=1e4]+top-k[kept=9e0]", *tiny)
    assert answer.code == 0, answer.error
    assert "top-k[kept=9]+rope" in answer.out
    [folder] = (tmp_path / "runs").iterdir()
    assert folder.name == "flip-flop[ignore=0.9]-top-k[kept=9]+rope-seed-0"
    held = json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]
    assert (held["task"], held["model"]["mechanism"]) == ("flip-flop[ignore=0.9]", "top-k[kept=9]+rope")
    file = tmp_path / "run.toml"
    file.write_text('task = "flip-flop[ignore=9e-1]"\n[model]\nmechanism = "top-k[kept=9]+rope"\n', encoding="utf-8")
    again = lengthwise("run", "flip-flop[ignore=.9]", "--config", file, *tiny, "--resume")
    assert again.code == 0, again.error
    assert list((tmp_path / "runs").iterdir()) == [folder]
    answer = lengthwise("run", "flip-flop", "--config", file, *tiny)
    assert "for the task 'flip-flop[ignore=9e-1]', but TASK is 'flip-flop'" in answer.error
    answer = lengthwise("run", "flip-flop", "-a", "top-k[kept=9]+rope", *tiny, "--out", folder, "--resume")
    assert "task is 'flip-flop[ignore=0.9]' there, 'flip-flop' here" in answer.error


def test_contestants_that_mean_the_same_are_one(tmp_path: Path) -> None:
    two = ["rope[base=5e5]+top-k[kept=9]", "softmax"]
    assert _compared(None, mechanisms=two)[0] == ("top-k[kept=9]+rope[base=500000]", "softmax")
    file = tmp_path / "compare.toml"
    file.write_text('mechanisms = ["top-k[kept=9]", "top-k[kept=5]"]\n', encoding="utf-8")
    assert _compared(file)[0] == ("top-k[kept=9]", "top-k")
    with pytest.raises(InputError, match="'softmax\\+rope' is named twice"):
        _compared(None, mechanisms=["softmax+rope", "rope[base=1e4]+softmax"])


def test_options_of_a_recipe_are_those_of_its_task() -> None:
    run = options.resolve("flip-flop-paper[ignore=0.9]", None, None)
    assert run.task == "flip-flop[ignore=0.9]"
    assert run.vary(task="flip-flop") == options.resolve("flip-flop-paper", None, None)
    assert options.folder("flip-flop-paper[ignore=.90]", run.task, "{}-x").name == "flip-flop-paper[ignore=0.9]-x"
    assert options.folder("flip-flop-paper[ignore=0.8]", "flip-flop", "{}-x").name == "flip-flop-paper-x"
    with pytest.raises(InputError, match="There is no option of flip-flop called 'x'"):
        options.resolve("flip-flop-paper[x=1]", None, None)


def test_the_seed_of_a_file_is_used(lengthwise: Call, tiny: list[str], tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("seed = 5\n", encoding="utf-8")
    out = tmp_path / "run"
    assert lengthwise("run", "flip-flop", *tiny, "--config", tmp_path / "run.toml", "--out", out).code == 0
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["config"]["seed"] == 5


def test_a_task_of_ones_own_is_named_as_any(
    lengthwise: Call, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks_of_mine.py").write_text(TASK, encoding="utf-8")
    answer = lengthwise("run", "tasks_of_mine:Mine", "-a", "softmax", *tiny)
    assert answer.code == 0, answer.error
    answer = lengthwise("compare", "tasks_of_mine:Mine", "-a", "softmax", *tiny)
    assert answer.code == 0, answer.error
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert names == ["compare-tasks_of_mine.Mine", "tasks_of_mine.Mine-softmax-seed-0"]
    held = json.loads((tmp_path / "runs" / names[0] / "comparison.json").read_text(encoding="utf-8"))["config"]
    assert held["base"]["task"] == "tasks_of_mine:Mine"
    assert "tasks_of_mine:Mine" in lengthwise("list", "--settings", "tasks_of_mine:Mine").out
    for name, fragment in {
        "tasks_of_mine:Less": "is an incomplete task: it has no 'example'",
        "tasks_of_mine:Nothing": "is not a task: it must be a subclass of Task",
        "tasks_of_mine:Strange": "There is no kind of model called 'decodr'; did you mean 'decoder'?",
        "tasks_of_mine:Alone": "a task needs at least two",
        "tasks_of_mine:Missing": "has nothing called 'Missing'",
        "math:pi": "is not a task",
        "no_such_module:Mine": "no module 'no_such_module'",
        "../tasks_of_mine:Mine": "is no module and class",
        "tasks_of_mine:": "is no module and class",
    }.items():
        answer = lengthwise("run", name, *tiny)
        assert answer.code == 2
        assert fragment in answer.error
