"""The matcher of two sets: its definition, its loss, what it promises of sets, and what it refuses."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.attention import CrossAttention, MatchabilityAttention
from lengthwise.errors import InputError
from lengthwise.models import SetMatcher, SetMatcherConfig, build
from lengthwise.tasks import LabelledSets
from lengthwise.tasks.metrics import CrossEntropy


def matcher(**settings: Any) -> SetMatcher:
    torch.manual_seed(0)
    model = build(SetMatcherConfig(5, 4, **{"dim": 16, "heads": 2, **settings}))
    assert isinstance(model, SetMatcher)
    return model.double().eval()


def two_sets(items: int = 6) -> Tensor:
    return torch.randn(3, 2 * items, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64, device="cpu")


@pytest.mark.parametrize("reweighted", [True, False])
def test_the_answer_is_that_of_the_definition(reweighted: bool) -> None:
    model, items = matcher(reweighted=reweighted), two_sets()
    assert type(model.attention) is (MatchabilityAttention if reweighted else CrossAttention)
    logits = model(items).logits
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones_like(logits[..., 0]), rtol=1e-9, atol=1e-9)
    encoded = model.psi(items)
    for place in range(12):
        mine, others = encoded[:, place], encoded[:, 6:] if place < 6 else encoded[:, :6]
        own = encoded[:, :6] if place < 6 else encoded[:, 6:]
        largest = torch.stack([F.cosine_similarity(mine, others[:, other]) for other in range(6)]).amax(0)
        has = (model.partner.weight[0, 0] * largest + model.partner.bias[0]).sigmoid()
        torch.testing.assert_close(logits[:, place, -1].exp(), 1 - has, rtol=1e-9, atol=1e-9)
        attended = mine + model.attention(own, others)[:, place % 6]
        said = model.phi(attended).softmax(-1)
        torch.testing.assert_close(logits[:, place, :-1].exp(), has[:, None] * said, rtol=1e-9, atol=1e-9)


def test_the_loss_is_that_of_the_partner_and_of_what_it_holds() -> None:
    model, items = matcher(), two_sets()
    targets = torch.randint(4, (3, 12), generator=torch.Generator().manual_seed(2))
    reply = LabelledSets(items, targets).ask(model)
    logits = model(items).logits.flatten(0, 1)
    has, answers = (targets < 3).flatten(), targets.flatten()
    binary = F.binary_cross_entropy(1 - logits[:, -1].exp(), has.double(), reduction="none")
    held = F.cross_entropy(logits[:, :-1], answers.clamp(max=2), reduction="none")
    torch.testing.assert_close(CrossEntropy().losses(reply), binary + has * held)


def test_order_does_not_matter_nor_which_set_is_first() -> None:
    model, items = matcher(), two_sets()
    order = torch.cat([torch.randperm(6), 6 + torch.randperm(6)])
    torch.testing.assert_close(model(items[:, order]).logits, model(items).logits[:, order], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model(items.roll(6, 1)).logits, model(items).logits.roll(6, 1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"heads": 5}, "multiple of heads"),
        ({"classes": 1}, "classes must be at least 2"),
        ({"mechanism": "softmax+rope"}, "has no order"),
        ({"mechanism": "banded"}, "among the tokens they read"),
        ({"mechanism": "softmx"}, "did you mean 'softmax'"),
    ],
)
def test_bad_settings_are_answered(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        SetMatcherConfig(**{"item_features": 5, "classes": 4, **settings})


def test_bad_inputs_are_answered() -> None:
    model, items = matcher(), two_sets()
    for wrong in (items[..., :-1], items[:, :0], items[:, :-1], items[0]):
        with pytest.raises(InputError, match="two sets of as many items"):
            model(wrong)
