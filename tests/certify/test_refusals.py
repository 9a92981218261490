"""What cannot be certified is refused in a sentence."""

from collections.abc import Callable

import pytest
import torch

from lengthwise import Decoder, DecoderConfig
from lengthwise.certify import MooreMachine, certify
from lengthwise.errors import InputError

Make = Callable[..., Decoder]


@pytest.mark.parametrize(
    ("mechanism", "sentence"),
    [
        ("softmax", "no finite automaton"),
        ("stick-breaking", "no finite automaton"),
        ("newest-kept+sinusoidal", "Drop 'sinusoidal'"),
    ],
)
def test_mechanisms_that_are_no_automaton(mechanism: str, sentence: str, any_tokens: MooreMachine) -> None:
    model = Decoder(DecoderConfig(vocab_size=3, dim=8, heads=2, layers=1, mechanism=mechanism, context=8, reach=8))
    with pytest.raises(InputError, match=sentence):
        certify(model, any_tokens)


def test_other_dtypes_and_small_vocabularies(make: Make, any_tokens: MooreMachine) -> None:
    with pytest.raises(InputError, match="float64 on cpu"):
        certify(make().double(), any_tokens)
    with pytest.raises(InputError, match="a vocabulary of 2"):
        certify(make(vocab_size=2), any_tokens)
    with pytest.raises(InputError, match="Only a decoder"):
        certify(torch.nn.Linear(2, 2), any_tokens)  # type: ignore[arg-type]


def test_a_task_that_asks_nothing(make: Make) -> None:
    silent = MooreMachine.of(0, lambda state: {0: 0}, lambda state: None)
    with pytest.raises(InputError, match="asks nothing"):
        certify(make(), silent)
    beyond_reach = MooreMachine(({0: 0}, {0: 1}), (None, 1))
    with pytest.raises(InputError, match="asks nothing"):
        certify(make(), beyond_reach)
