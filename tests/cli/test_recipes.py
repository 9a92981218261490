"""The shipped recipes are what they say, and run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lengthwise import recipes
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.experiments.config import RunConfig
from lengthwise.naming import read
from lengthwise.recipes.recipe import DecoderSettings, Recipe, SetReaderSettings
from lengthwise.tasks import TASKS
from lengthwise.training.config import TrainConfig

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_fits_its_task(name: str) -> None:
    recipe = recipes.find(name)
    config = RunConfig.read(recipe.settings)
    assert config.train.length in config.evaluate.lengths
    assert list(config.evaluate.lengths) == sorted(config.evaluate.lengths)
    for rate in recipe.learning_rates:
        config.vary(train={"learning_rate": rate})


def test_every_task_has_a_recipe_of_its_name() -> None:
    """But text, whose recipes are called by what the tokens are."""
    assert set(recipes.RECIPES) >= set(TASKS) - {"text"}
    assert {read(TASKS, recipe.task).name for recipe in recipes.RECIPES.values()} == set(TASKS)
    for name in TASKS:
        assert read(TASKS, recipes.find(name).task).name == name


def test_a_recipe_that_is_no_task_has_another_name() -> None:
    for name in set(recipes.RECIPES) - set(TASKS):
        assert read(TASKS, recipes.find(name).task).name in TASKS


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        (DecoderSettings, {"layer": 2}),
        (DecoderSettings, {"layers": "two"}),
        (DecoderSettings, {"input_precision": "bfloat16"}),
        (SetReaderSettings, {"input_precision": "bfloat8"}),
        (TrainConfig, {"batchsize": 2}),
        (EvaluateConfig, {"sequences": -1}),
    ],
)
def test_a_mistake_in_a_section_is_an_error_where_it_stands(section: type, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        section(**wrong)


def test_a_recipe_is_frozen_and_names_what_is_not_the_default() -> None:
    recipe = Recipe(
        name="mine",
        summary="",
        task="addition",
        model=DecoderSettings(layers=2, kv_heads=None),
        train=TrainConfig(),
        learning_rates=(1e-3,),
    )
    assert recipe.settings == {"task": "addition", "model": {"layers": 2, "kv_heads": None}}
    for whole, field in ((recipe, "task"), (recipe.model, "layers"), (recipe.train, "steps")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(whole, field, 3)
    with pytest.raises(ValidationError, match="learning_rates"):
        Recipe(name="mine", summary="", task="addition", learning_rates=())


def test_the_papers_setting_is_that_of_its_code() -> None:
    config = RunConfig.read(recipes.find("flip-flop-paper").settings)
    assert (config.model.mechanism, config.model.paper_faithful, config.model.dropout) == (
        "threshold-relative",
        True,
        0.01,
    )
    assert (config.train.warmup_steps, config.train.schedule, config.train.learning_rate) == (0, "cosine", 1e-4)
    assert (config.train.weight_decay, config.train.decayed, config.train.precision) == (0.01, "all", "float32")
    assert config.train.steps * config.train.batch_size == 1_600_000  # the training set, once


def test_the_papers_test_sets_have_their_sizes() -> None:
    config = RunConfig.read(recipes.find("flip-flop-paper").settings)
    task, trained_at, evaluate = config.build_task(), config.train.length, config.evaluate
    for split, size in {"validation": 16_000, "dense": 4_000, "sparse": 160_000}.items():
        numbers = [evaluate.sequences_at(task, length, split, trained_at=trained_at) for length in evaluate.lengths]
        assert numbers == [size, 1_000, 500, 250]


def test_the_papers_setting_runs(lengthwise: Call, tmp_path: Path) -> None:
    small = ["--steps", 2, "--length", 16, "--lengths", "16,32", "--set", "model.dim=16", "--set", "train.batch_size=2"]
    small += ["--set", "evaluate.sequences=4", "--set", "train.device=cpu", "--set", "train.log_every=1"]
    answer = lengthwise("run", "flip-flop-paper", *small, "--out", tmp_path)
    assert answer.code == 0, answer.error
    held = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["config"]
    assert (held["task"], held["model"]["layers"], held["train"]["clip_norm"]) == ("flip-flop", 4, 0.0)
    points = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["evaluation"]
    assert {(point["split"], point["length"], point["sequences"]) for point in points} == {
        (split, length, 4) for split in ("validation", "dense", "sparse") for length in (16, 32)
    }


def test_a_run_knows_the_size_of_every_test_set(lengthwise: Call, tmp_path: Path) -> None:
    small = ["--steps", 2, "--length", 16, "--lengths", "8,16,32", "--set", "model.dim=16", "--out", tmp_path]
    small += ["--set", "train.batch_size=2", "--set", "train.device=cpu", "--set", "evaluate.tokens=128"]
    small += ["--set", "evaluate.sequences={validation = 16, dense = 2}", "--set", "evaluate.sequences.sparse=160"]
    answer = lengthwise("run", "flip-flop-paper", *small)
    assert answer.code == 0, answer.error
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["trained"]["validation"]["sequences"] == 16
    points = {(point["split"], point["length"]): point["sequences"] for point in result["evaluation"]}
    sizes = {"validation": (16, 16, 4), "dense": (2, 2, 2), "sparse": (160, 160, 4)}
    assert points == {(split, length): of[at] for split, of in sizes.items() for at, length in enumerate((8, 16, 32))}
    assert lengthwise("run", "flip-flop-paper", *small, "--resume").code == 0
    lines = (tmp_path / "evaluation.jsonl").read_text(encoding="utf-8").splitlines()
    assert lengthwise("run", "flip-flop-paper", *small, "--set", "evaluate.sequences.dense=3", "--resume").code == 0
    more = (tmp_path / "evaluation.jsonl").read_text(encoding="utf-8").splitlines()
    assert more[: len(lines)] == lines
    again = [json.loads(line) for line in more[len(lines) :]]
    assert [(point["split"], point["length"], point["sequences"]) for point in again] == [
        ("dense", length, 3) for length in (8, 16, 32)
    ]
