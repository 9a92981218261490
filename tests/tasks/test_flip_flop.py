"""The flip-flop language against its rules, read off the tokens one by one."""

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.tasks.recall.flip_flop import IGNORE, READ, WRITE, FlipFlop


@pytest.mark.parametrize("split", FlipFlop.splits)
@pytest.mark.parametrize("length", [4, 64, 512])
def test_every_sequence_obeys_the_rules(split: str, length: int) -> None:
    inputs, targets, scored, *_ = FlipFlop().sample(torch.Generator().manual_seed(0), 20, length, split)
    assert inputs.shape == targets.shape == scored.shape == (20, length - 1)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    for sequence, counted in zip(torch.cat([inputs, targets[:, -1:]], 1).tolist(), scored.tolist(), strict=True):
        pairs = list(zip(sequence[::2], sequence[1::2], strict=True))
        assert pairs[0][0] == WRITE
        assert pairs[-1][0] == READ
        memory = None
        for place, (instruction, bit) in enumerate(pairs):
            assert instruction in (WRITE, READ, IGNORE)
            assert bit in (0, 1)
            if instruction == WRITE:
                memory = bit
            if instruction == READ:
                assert bit == memory
            assert counted[2 * place] == (instruction == READ)
        assert not any(counted[1::2])


@pytest.mark.parametrize("split", FlipFlop.splits)
def test_instructions_have_their_frequencies(split: str) -> None:
    inputs, *_ = FlipFlop().sample(torch.Generator().manual_seed(0), 400, 512, split)
    instructions = inputs[:, 2:-1:2]
    share = {kind: (instructions == kind).double().mean().item() for kind in (WRITE, READ, IGNORE)}
    ignore = FlipFlop().ignored[split]
    assert share[IGNORE] == pytest.approx(ignore, abs=0.01)
    assert share[WRITE] == pytest.approx((1 - ignore) / 2, abs=0.01)
    assert share[READ] == pytest.approx((1 - ignore) / 2, abs=0.01)


def test_bits_are_fair() -> None:
    inputs, *_ = FlipFlop().sample(torch.Generator().manual_seed(0), 400, 512)
    assert inputs[:, 1::2].double().mean().item() == pytest.approx(0.5, abs=0.01)


def test_the_generator_decides() -> None:
    first, second = (FlipFlop().sample(torch.Generator().manual_seed(3), 4, 64) for _ in range(2))
    other = FlipFlop().sample(torch.Generator().manual_seed(4), 4, 64)
    assert torch.equal(first.inputs, second.inputs)
    assert not torch.equal(first.inputs, other.inputs)


def test_impossible_requests_are_answered() -> None:
    for length in (2, 127):
        with pytest.raises(InputError, match="even and 4 or more"):
            FlipFlop().sample(torch.Generator(), 1, length)
    with pytest.raises(InputError, match="did you mean 'sparse'"):
        FlipFlop().sample(torch.Generator(), 1, 8, "sparce")
