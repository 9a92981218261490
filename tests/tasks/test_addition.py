"""Addition against Python's."""

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.tasks.arithmetic.addition import Addition

PLUS, EQUALS = 10, 11


def number(digits: list[int]) -> int:
    return sum(digit * 10**place for place, digit in enumerate(digits))


@pytest.mark.parametrize("split", Addition.splits)
@pytest.mark.parametrize("digits", [1, 2, 5, 40])
def test_every_sum_is_right(split: str, digits: int) -> None:
    batch = Addition().sample(torch.Generator().manual_seed(0), 200, 3 * digits + 3, split)
    assert batch.inputs.shape == batch.targets.shape == batch.scored.shape == batch.marks.shape == (200, 3 * digits + 2)
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    lengths = []
    for sequence in torch.cat([batch.inputs, batch.targets[:, -1:]], 1).tolist():
        first, second, total = sequence[:digits], sequence[digits + 1 : 2 * digits + 1], sequence[2 * digits + 2 :]
        assert (sequence[digits], sequence[2 * digits + 1]) == (PLUS, EQUALS)
        assert len(total) == digits + 1
        assert number(first) + number(second) == number(total)
        lengths.append(len(str(number(first))))
        if split == "carries":
            assert first[0] + second[0] >= 10
            assert all(a + b == 9 for a, b in zip(first[1:], second[1:], strict=True))
    if split == "validation":
        assert set(lengths) == {digits}
    assert batch.scored.sum(1).eq(digits + 1).all()
    assert (batch.targets[batch.scored].view(200, -1).amax(1) < 10).all()


def test_digits_of_one_significance_share_a_mark() -> None:
    batch = Addition().sample(torch.Generator(), 1, 12)
    assert batch.inputs[0, [3, 7]].tolist() == [PLUS, EQUALS]
    assert batch.marks[0].tolist() == [1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]  # the sum's last digit is a target only


def test_training_numbers_have_all_lengths_alike() -> None:
    batch = Addition().sample(torch.Generator().manual_seed(0), 8000, 15)
    lengths = torch.tensor([len(str(number(row[:4]))) for row in batch.inputs.tolist()])
    assert [(lengths == n).double().mean().item() for n in (1, 2, 3, 4)] == pytest.approx([0.25] * 4, abs=0.02)


@pytest.mark.parametrize("length", [5, 7, 3, 0])
def test_wrong_lengths_are_answered(length: int) -> None:
    with pytest.raises(InputError, match="3 n \\+ 3 tokens"):
        Addition().sample(torch.Generator(), 1, length)
