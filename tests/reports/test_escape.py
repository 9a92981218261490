"""When a seed left chance."""

from dataclasses import replace

import pytest

from lengthwise.analysis import summarise
from lengthwise.experiments.record import Experiment
from lengthwise.training.loop import Validation


@pytest.mark.parametrize(
    ("later", "step"),
    [
        ([0.5, 0.6, 1.0], 10),
        ([0.1, 0.1, 1.0], 30),
        ([0.9, 0.1, 0.9], 30),  # what it left and came back to does not count
        ([0.9, 0.9, 0.1], None),
    ],
)
def test_a_seed_leaves_chance_once_and_for_all(later: list[float], step: int | None, alone: Experiment) -> None:
    run = alone.runs[0]
    values = [0.1, *later]
    found = [Validation(10 * place, value, value - 0.05, value + 0.05) for place, value in enumerate(values)]
    experiment = replace(alone, runs=(replace(run, validations=tuple(found)),))
    escape = summarise(experiment).training[0].escapes[0]
    assert (escape.seed, escape.step, escape.chance, escape.last) == (0, step, 0.1, later[-1])


@pytest.mark.parametrize(("commonest", "step", "chance"), [(0.52, 20, 0.52), (0.05, 10, 0.1), (1.0, 10, 0.1)])
def test_the_commonest_answer_is_chance(commonest: float, step: int, chance: float, alone: Experiment) -> None:
    """An untrained model writes no end token, so it is less right than any constant answer."""
    run = alone.runs[0]
    assert run.trained is not None
    trained = replace(run.trained, validation=replace(run.trained.validation, commonest=commonest))
    found = [Validation(10 * place, value, value - 0.05, value + 0.05) for place, value in enumerate([0.1, 0.5, 0.9])]
    experiment = replace(alone, runs=(replace(run, validations=tuple(found), trained=trained),))
    escape = summarise(experiment).training[0].escapes[0]
    assert (escape.step, escape.chance) == (step, chance)
