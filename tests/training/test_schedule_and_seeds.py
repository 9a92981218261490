"""The learning rate at each step, and generators that depend on their labels alone."""

import pytest
import torch

from lengthwise.training.config import TrainConfig
from lengthwise.training.schedule import learning_rate
from lengthwise.training.seeds import generator, seed_of


def test_warm_up_then_half_a_cosine() -> None:
    config = TrainConfig(steps=110, warmup_steps=10, learning_rate=2.0)
    rates = [learning_rate(step, config) for step in range(config.steps)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[10] == 2.0
    assert rates[60] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.0, abs=1e-3)
    assert sorted(rates[10:], reverse=True) == rates[10:]


def test_seeds_are_the_same_everywhere() -> None:
    assert seed_of(0, "train", 7) == 7369835253178243714
    assert seed_of(0, "train", 7) != seed_of(0, "train", 8)
    assert torch.equal(torch.rand(3, generator=generator(1, "a")), torch.rand(3, generator=generator(1, "a")))
