"""The learning rate at each step, and generators that depend on their labels alone."""

import pytest
import torch

from lengthwise import recipes
from lengthwise.experiments.config import RunConfig
from lengthwise.training.config import TrainConfig
from lengthwise.training.schedule import learning_rate
from lengthwise.training.seeds import generator, seed_of


def test_warm_up_then_half_a_cosine() -> None:
    config = TrainConfig(steps=110, warmup=1 / 11, learning_rate=2.0)
    rates = [learning_rate(step, config) for step in range(config.steps)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[10] == 2.0
    assert rates[60] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.0, abs=1e-3)
    assert sorted(rates[10:], reverse=True) == rates[10:]


@pytest.mark.parametrize(
    ("name", "steps"), [("flip-flop", 100), ("addition", 100), ("flip-flop-paper", 0), ("argmax-retrieval", 0)]
)
def test_recipes_warm_up_for_as_many_steps_as_ever(name: str, steps: int) -> None:
    assert RunConfig.read(recipes.find(name).settings).train.warmup_steps == steps


def test_a_short_run_warms_up_in_its_share() -> None:
    config = TrainConfig(steps=50, warmup=0.25, learning_rate=1.0)
    rates = [learning_rate(step, config) for step in range(config.steps)]
    assert rates.index(max(rates)) == config.warmup_steps - 1 == 11
    for steps in (1, 2, 3):  # also where the share rounds to every step, or to none
        brief = TrainConfig(steps=steps, warmup=0.9, learning_rate=1.0)
        assert all(0 < learning_rate(step, brief) <= 1 for step in range(steps))


def test_seeds_are_the_same_everywhere() -> None:
    assert seed_of(0, "train", 7) == 7369835253178243714
    assert seed_of(0, "train", 7) != seed_of(0, "train", 8)
    assert torch.equal(torch.rand(3, generator=generator(1, "a")), torch.rand(3, generator=generator(1, "a")))
