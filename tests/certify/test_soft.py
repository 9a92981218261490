"""The proof for gates that are not zero: what it promises, networks keep, however they are run."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import Decoder
from lengthwise.attention import KeyValueCache
from lengthwise.attention.weights.threshold_relative import ThresholdRelative
from lengthwise.certify import MooreMachine, certify
from lengthwise.certify.extraction import BlockedError
from lengthwise.certify.mealy import MealyMachine
from lengthwise.certify.network import Network
from lengthwise.certify.soft import soft_margins

Make = Callable[..., Decoder]
NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strict": {"mechanism": "threshold-relative[anneal=12,strict=true]"},
    "threshold": {"mechanism": "threshold-relative[anneal=12,threshold=0.5]"},
    "grouped heads": {"heads": 4, "kv_heads": 2},
    "as in the paper": {"paper_faithful": True},
    "three layers": {"layers": 3, "seed": 8},
}


def annealed(model: Decoder, by: float) -> Decoder:
    for module in model.modules():
        if isinstance(module, ThresholdRelative):
            module.annealed.fill_(by)
    return model


def margins(logits: Tensor, answer: int | None) -> float:
    assert answer is not None
    others = logits.clone()
    others[answer] = -torch.inf
    return float(logits[answer] - others.max())


def by_token(model: Decoder, tokens: Tensor) -> Tensor:
    cache = KeyValueCache()
    return torch.cat([model(tokens[:, at : at + 1], cache=cache).logits for at in range(tokens.shape[1])], 1)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_no_margin_is_below_its_bound(name: str, make: Make, any_tokens: MooreMachine) -> None:
    model = annealed(make(**{"mechanism": "threshold-relative[anneal=12]"} | NETWORKS[name]), 12)
    verdict = certify(model, any_tokens)
    below = soft_margins(Network(model), MealyMachine.of_task(any_tokens), verdict.levels)
    tokens = torch.randint(3, (8, 60), generator=torch.Generator().manual_seed(0))
    least: dict[Any, float] = {}
    for logits in (model(tokens).logits, by_token(model, tokens), *(model(row[None]).logits for row in tokens[:1])):
        for row, given in zip(tokens.tolist(), logits, strict=False):
            state = 0
            for token, at in zip(row, given, strict=True):
                state, symbol = verdict.machine.moves[state][token]
                least[symbol] = min(least.get(symbol, torch.inf), margins(at, symbol[1]))
    assert all(value >= below[symbol] for symbol, value in least.items())
    assert max(value - below[symbol] for symbol, value in least.items()) < 0.5  # of logits that are tens apart
    assert verdict.soft_margin == min(below.values())


@torch.no_grad()
def test_softer_gates_have_lower_bounds_until_there_is_none(make: Make, any_tokens: MooreMachine) -> None:
    model = make("threshold-relative[anneal=12]")
    found = [certify(annealed(model, by), any_tokens).soft_margin for by in (30.0, 12.0, 10.0)]
    bounds = [bound for bound in found if bound is not None]
    assert len(bounds) >= 2
    assert all(first > then - 0.01 for first, then in pairwise(bounds))  # the sets are reduced along other axes
    with pytest.raises(BlockedError, match="Layer 1: a vector may differ by its own length"):
        soft_margins(Network(annealed(model, 0.0)), MealyMachine.of_task(any_tokens), certify(model, any_tokens).levels)


def last_write(model: Decoder) -> Decoder:
    """Weights by hand: one layer that repeats the newest token that is not 0, by attention to it."""
    with torch.no_grad():
        block = model.blocks[0]
        for parameter in block.parameters():
            parameter.zero_()
        block.attention_norm.weight.fill_(1)
        block.feed_forward_norm.weight.fill_(1)
        model.embedding.weight.copy_(torch.eye(3, model.config.dim))
        model.embedding.weight[:, 3] = 1  # all queries look along this component
        block.attention.query.weight[0, 3] = 1
        block.attention.key.weight[0, :3] = torch.tensor([-1.0, 1.0, 1.0])
        block.attention.value.weight[:3, :3] = torch.eye(3)
        block.attention.project.matrix.weight[:3, :3] = 8 * torch.eye(3)
        model.head.weight.copy_(torch.eye(3, model.config.dim))
        model.head.weight[0] = 0
        model.head.weight[0, 3] = 0.5
    return model


WRITES = MooreMachine.of(0, lambda state: {0: state, 1: 1, 2: 2}, lambda state: state or None)


@pytest.mark.parametrize(("by", "kind"), [(12.0, "proved"), (0.0, "undecided")])
def test_the_verdict_on_a_soft_network_is_about_its_own_gates(by: float, kind: str, make: Make) -> None:
    model = last_write(annealed(make("threshold-relative[anneal=12]", layers=1, heads=1), by))
    limit = last_write(make("newest-kept", layers=1, heads=1))
    assert certify(limit, WRITES).kind == "proved"
    verdict = certify(model, WRITES)
    assert verdict.kind == kind
    assert verdict.smallest_margin > 0
    assert (verdict.soft_margin is not None and verdict.soft_margin > 0) == (kind == "proved")
    assert not verdict.reason or verdict.reason.startswith("Its limit is proved, but not")


def test_a_soft_network_is_refuted_by_its_own_answer(make: Make, any_tokens: MooreMachine) -> None:
    model = annealed(make("threshold-relative[anneal=12]"), 12)
    verdict = certify(model, any_tokens)
    assert verdict.kind == "refuted"
    with torch.no_grad():
        assert int(model(torch.tensor([verdict.counterexample])).logits[0, -1].argmax()) == verdict.said


def test_output_parts_are_said_to_be_unknown(make: Make, any_tokens: MooreMachine) -> None:
    assert "output parts" in certify(make("newest-kept+layer-norm"), any_tokens).soft_reason


def test_numbers_beyond_float32_prove_nothing(make: Make, any_tokens: MooreMachine) -> None:
    model = last_write(annealed(make("threshold-relative[anneal=12]", layers=1, heads=1), 12))
    with torch.no_grad():
        model.head.weight.mul_(1e38)
    verdict = certify(model, WRITES)
    assert [verdict.kind, verdict.reason] == ["undecided", "A logit is infinite or no number."]
    model = make("newest-kept")
    with torch.no_grad():
        model.embedding.weight.mul_(1e18)
    assert "range of float32" in certify(model, any_tokens).soft_reason
    with torch.no_grad():
        model.head.weight[0, 0] = torch.nan
    assert certify(model, any_tokens).kind == "undecided"


def test_scores_that_may_become_zero_prove_nothing(make: Make) -> None:
    for mechanism, scale in (("newest-kept", 1e-27), ("newest-kept[threshold=1e-13]", 1.0)):
        model = last_write(make(mechanism, layers=1, heads=1))
        with torch.no_grad():
            model.blocks[0].attention.query.weight.mul_(scale)
            model.blocks[0].attention.key.weight.mul_(scale * 1e-16)
        verdict = certify(model, WRITES)
        assert verdict.kind == "undecided"
        assert "Rounding decides whether a key is kept" in verdict.reason
