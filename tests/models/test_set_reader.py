"""The set reader: its definition, what it promises of sets, and what it refuses."""

from typing import Any

import pytest
import torch

from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.models import SetReader, SetReaderConfig, build

OF_SETS = [name for name in WEIGHTS if WEIGHTS.load(name).traits.cross]
ORDERLESS = [name for name in OF_SETS if WEIGHTS.load(name).traits.permutation_invariant]


def reader(mechanism: str, **settings: Any) -> SetReader:
    torch.manual_seed(0)
    config = SetReaderConfig(5, 3, 4, dim=24, mechanism=mechanism, **{"heads": 2, **settings})
    model = build(config)
    assert isinstance(model, SetReader)
    return model.double().eval()


def items_and_query(number: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    items, query = (torch.randn(6, *shape, generator=generator, dtype=torch.float32) for shape in ((number, 5), (3,)))
    return items.double(), query.double()


@pytest.mark.parametrize("mechanism", ORDERLESS)
def test_order_does_not_matter(mechanism: str) -> None:
    items, query = items_and_query()
    model = reader(mechanism)
    torch.testing.assert_close(
        model(items[:, torch.randperm(9)], query).logits, model(items, query).logits, rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize("mechanism", [*OF_SETS, "softmax+layer-norm@heads"])
def test_sets_do_not_see_each_other(mechanism: str) -> None:
    items, query = items_and_query()
    model = reader(mechanism)
    singles = torch.cat([model(items[one : one + 1], query[one : one + 1]).logits for one in range(6)])
    torch.testing.assert_close(model(items, query).logits, singles, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("mechanism", [name for name in OF_SETS if WEIGHTS.load(name).traits.keys_enter_by_products])
def test_folded_is_the_definition(mechanism: str, heads: int) -> None:
    model = reader(mechanism, heads=heads)
    items, query = items_and_query()
    results = []
    for attend in (model.attention.attend, model.attention.attend_folded):
        attended = attend(model.psi_q(query)[:, None], model.psi_x(items))
        gradients = torch.autograd.grad(attended.square().sum(), list(model.parameters()), allow_unused=True)
        results.append([attended, *(gradient for gradient in gradients if gradient is not None)])
    assert len(results[0]) == len(results[1]) > 5
    for fast, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(fast, expected)


def test_one_head_of_softmax_by_hand() -> None:
    model, (items, query) = reader("softmax", heads=1), items_and_query()
    read, asked = model.psi_x(items), model.psi_q(query)
    scores = torch.einsum("bd,bnd->bn", model.attention.query(asked), model.attention.key(read)) / 24**0.5
    attended = torch.einsum("bn,bnd->bd", scores.softmax(-1), model.attention.value(read))
    torch.testing.assert_close(model(items, query).logits, model.phi(attended))


def test_residual_and_projection() -> None:
    items, query = items_and_query()
    plain, full = reader("softmax"), reader("softmax", residual=True, projection=True)
    full.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        full.attention.project.matrix.weight.copy_(torch.eye(24) * 2)
    attended = []
    plain.phi.register_forward_pre_hook(lambda _, inputs: attended.append(inputs[0]))
    plain(items, query)
    torch.testing.assert_close(full(items, query).logits, full.phi(2 * attended[0] + full.psi_q(query)))


def test_inputs_in_bfloat16_have_eight_bits() -> None:
    items, query = items_and_query()
    model, rounded = reader("softmax"), reader("softmax", input_precision="bfloat16")
    assert torch.equal(rounded(items, query).logits, model(items.bfloat16().double(), query.bfloat16().double()).logits)
    assert (rounded(items, query).logits - model(items, query).logits).abs().max() > 1e-5


def test_threshold_relative_counts_along_the_items() -> None:
    items, query = items_and_query()
    model = reader("threshold-relative")
    assert (model(items.flip(1), query).logits - model(items, query).logits).abs().max() > 1e-4


@pytest.mark.parametrize("mechanism", OF_SETS)
def test_every_item_is_seen(mechanism: str) -> None:
    items, query = items_and_query()
    items.requires_grad_()
    (gradient,) = torch.autograd.grad(reader(mechanism).train()(items, query).logits.square().sum(), items)
    seen = gradient.abs().amax((0, 2)) > 0  # by one of six queries
    assert seen.sum() > 4 if WEIGHTS.load(mechanism).traits.sparse else seen.all()


@pytest.mark.parametrize("mechanism", OF_SETS)
def test_no_sets_have_no_answers(mechanism: str) -> None:
    model = reader(mechanism)
    answers = model(*(of[:0] for of in items_and_query())).logits
    assert answers.shape == (0, 4)
    answers.sum().backward()
    assert all((parameter.grad == 0).all() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"heads": 5}, "multiple of heads"),
        ({"classes": 0}, "classes must be at least 1"),
        ({"mechanism": "softmax+rope"}, "has no order"),
        ({"mechanism": "softmax+randomised"}, "drop 'randomised'"),
        ({"mechanism": "factored"}, "among the tokens they read"),
        ({"mechanism": "softmx"}, "did you mean 'softmax'"),
    ],
)
def test_bad_settings_are_answered(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        SetReaderConfig(**{"item_features": 5, "query_features": 3, "classes": 4, **settings})


def test_bad_inputs_are_answered() -> None:
    model, (items, query) = reader("softmax"), items_and_query()
    for wrong in (items[..., :-1], items[:, :0], items[0]):
        with pytest.raises(InputError, match="items must be"):
            model(wrong, query)
    with pytest.raises(InputError, match="query must be"):
        model(items, query[:3])
