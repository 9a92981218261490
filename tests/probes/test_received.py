"""Keys that are explained away, against a count in plain Python."""

import math

import pytest
import torch

from lengthwise.attention.call import Call
from lengthwise.attention.core import AttentionCore
from lengthwise.errors import InputError
from lengthwise.models import Decoder, DecoderConfig
from lengthwise.probes import explained_away
from lengthwise.tasks import Task, load
from lengthwise.training.seeds import generator


def model(task: Task, mechanism: str = "softmax+alibi", sharpened: float = 1.0, causal: bool = True) -> Decoder:
    torch.manual_seed(0)
    config = DecoderConfig(**task.sizes, dim=32, heads=2, layers=2, dropout=0.5, mechanism=mechanism, causal=causal)
    decoder = Decoder(config)
    with torch.no_grad():
        for core in decoder.modules():
            if isinstance(core, AttentionCore):
                core.query.weight.mul_(sharpened)
    return decoder


def counted(scores: list[list[float]], causal: bool, below: float) -> float:
    """The share of the keys of one head that receive less than ``below`` times what equal weights would give."""
    number = len(scores)
    received, equal = [0.0] * number, [0.0] * number
    for i, row in enumerate(scores):
        seen = range(i + 1) if causal else range(number)
        total = sum(math.exp(row[j]) for j in seen)
        for j in seen:
            received[j] += math.exp(row[j]) / total
            equal[j] += 1 / len(seen)
    return sum(of < below * even for of, even in zip(received, equal, strict=True)) / number


@pytest.mark.parametrize("causal", [True, False])
def test_shares_are_those_of_a_count_in_plain_python(causal: bool) -> None:
    task = load("parity") if causal else load("parity").for_encoder()
    decoder = model(task, sharpened=40.0, causal=causal)
    found = explained_away(decoder, task, [7, 12], examples=3, below=0.3)
    assert found.shape == (2, 3, 2, 2)
    assert 0 < found.mean() < 1
    calls: list[Call] = []
    for core in decoder.modules():
        if isinstance(core, AttentionCore):
            core.weights.register_forward_pre_hook(lambda part, arguments: calls.append(arguments[0]))
    for place, length in enumerate([7, 12]):
        for example in range(3):
            calls.clear()
            batch = task.sample(generator("explained away", "validation", length, example), 1, length, "validation")
            with torch.no_grad():
                batch.ask(decoder)
            for layer, call in enumerate(calls):
                for head in range(2):
                    expected = counted(call.scores()[0, head].tolist(), causal, 0.3)
                    assert found[place, example, layer, head].item() == pytest.approx(expected)


def test_equal_weights_explain_no_key_away_at_any_length() -> None:
    task = load("parity")
    decoder = model(task, "softmax+nope", sharpened=0.0)
    assert not explained_away(decoder, task, [1, 10, 40], examples=2).any()


def test_a_query_that_does_not_see_its_own_key_takes_no_share_of_it() -> None:
    """All earlier keys are kept, and weighed alike but for forgetting; nobody sees the last key."""
    task = load("flip-flop")
    decoder = model(task, "threshold-relative[strict=true,threshold=-9]")
    assert not explained_away(decoder, task, [8], examples=2, below=0.01).any()


def test_dropout_does_not_act() -> None:
    task = load("parity")
    decoder = model(task, sharpened=40.0)
    expected = explained_away(decoder, task, [12], examples=2)
    decoder.train()
    assert torch.equal(explained_away(decoder, task, [12], examples=2), expected)
    assert not decoder.training


def test_bad_input_is_answered() -> None:
    task = load("parity")
    with pytest.raises(InputError, match="Give a length, an example and a share"):
        explained_away(model(task), task, [])
    with pytest.raises(InputError, match="'hadamard' gives no weights to keys"):
        explained_away(model(task, "hadamard"), task, [8])
    with pytest.raises(InputError, match="no attention layer of this package"):
        explained_away(torch.nn.Linear(2, 2), task, [8])
