"""Set matching: partners are the same but for noise, and answers are what partners hold."""

import pytest
import torch

from lengthwise.tasks import Answered, LabelledSets, load
from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics import FoundPartner, ToldPartner


def drawn(name: str, batch: int, length: int, seed: int = 0) -> LabelledSets:
    found = load(name).sample(torch.Generator().manual_seed(seed), batch, length, "validation")
    assert isinstance(found, LabelledSets)
    return found


@pytest.mark.parametrize("length", [2, 9, 32])
def test_without_noise_the_answer_is_the_payload_of_the_same_descriptor(length: int) -> None:
    batch = drawn("set-matching[noise=0]", 20, length)
    assert batch.items.shape == (20, 2 * length, 26)
    for items, answers in zip(batch.items, batch.targets, strict=True):
        for place, (item, answer) in enumerate(zip(items, answers, strict=True)):
            others = items[length:] if place < length else items[:length]
            same = (others[:, :16] == item[:16]).all(1)
            assert same.sum() == (answer < 10)
            if answer < 10:
                assert others[same, 16:].tolist() == [[float(kind == answer) for kind in range(10)]]
        assert (answers[:length] < 10).sum() == (answers[length:] < 10).sum() == length // 2


def test_descriptors_have_their_variance_and_partners_their_noise() -> None:
    batch = drawn("set-matching", 500, 32)
    descriptors = batch.items[..., :16]
    assert descriptors.var() == pytest.approx(1 / 16 + 0.01, rel=0.02)
    one, other = descriptors[:, :32], descriptors[:, 32:]
    distance = (one[:, :, None] - other[:, None]).square().sum(-1)
    partners = batch.targets[:, :32] < 10
    assert distance.amin(2)[partners].mean() == pytest.approx(16 * 2 * 0.01, rel=0.05)


@pytest.mark.parametrize(("length", "found", "told"), [(32, 0.997, 0.970), (128, 0.989, 0.944)])
def test_the_nearest_descriptor_is_right_as_often_as_the_docstring_says(length: int, found: float, told: float) -> None:
    batch = drawn("set-matching", 256, length)
    one, other = batch.items.chunk(2, dim=1)
    near, which = torch.cdist(one[..., :16], other[..., :16]).min(2)
    answers = batch.targets[:, :length]
    has = answers < 10
    said = other[..., 16:].argmax(2).gather(1, which)
    assert (said == answers)[has].double().mean() == pytest.approx(found, abs=0.003)
    best = max(((near < bound) == has).double().mean().item() for bound in torch.linspace(0.5, 1, 51).tolist())
    assert best == pytest.approx(told, abs=0.006)


def test_no_place_has_a_partner_more_often() -> None:
    has = (drawn("set-matching", 2_000, 6).targets < 10).double().mean(0)
    assert (has - 0.5).abs().max() < 4 * (0.25 / 2_000) ** 0.5


def test_telling_and_finding_are_measured_apart() -> None:
    targets = torch.tensor([[0, 2, 2, 1], [2, 2, 1, 0]])  # of two classes, and 2 for no partner
    logits = torch.tensor(
        [
            *([[3.0, 0, 0], [0, 0, 3], [3, 0, 0], [2, 1, 3]]),  # right; right; told wrongly; told wrongly, not found
            *([[0.0, 0, 3], [0, 0, 3], [0, 2, 3], [0, 2, 1]]),  # right; right; told wrongly, found; told, not found
        ]
    )
    batch = LabelledSets(torch.zeros(2, 4, 1), targets)
    answered = Answered(batch, Reply((logits,), (batch.answers,)), None)
    told, found = ([of.tolist() for of in metric.of(answered)] for metric in (ToldPartner(), FoundPartner()))
    assert told == [[2, 3], [4, 4]]
    assert found == [[1, 1], [2, 2]]
