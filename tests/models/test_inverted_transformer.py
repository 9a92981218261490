"""The inverted transformer: its definition, what it promises of variates, and what it refuses."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.models import InvertedTransformer, InvertedTransformerConfig, build

ORDERLESS = [
    name for name in WEIGHTS if (traits := WEIGHTS.load(name).traits).bidirectional and traits.permutation_invariant
]


def model_of(**settings: Any) -> InvertedTransformer:
    torch.manual_seed(0)
    model = build(InvertedTransformerConfig(12, 5, **{"dim": 16, "heads": 2, **settings}))
    assert isinstance(model, InvertedTransformer)
    return model.double().eval()


def series(variates: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(3, variates, 12, generator=generator, dtype=torch.float64, device="cpu")
    return 3 + drawn * torch.arange(1.0, variates + 1, dtype=torch.float64)[:, None]


def by_definition(model: InvertedTransformer, x: Tensor) -> Tensor:
    """The forecast of one series, variate by variate and head by head, with PyTorch's own layers."""
    mean, deviation = x.mean(1), ((x - x.mean(1, keepdim=True)).square().mean(1) + 1e-5).sqrt()
    stream = torch.stack([model.embedding((of - m) / d) for of, m, d in zip(x, mean, deviation, strict=True)])
    for block in model.blocks:
        attention = block.attention
        heads = []
        for head in range(2):
            rows = slice(8 * head, 8 * head + 8)
            query, key, value = (stream @ of.weight[rows].T for of in (attention.query, attention.key, attention.value))
            heads.append((query @ key.T / 8**0.5).softmax(1) @ value)
        attended = attention.project.matrix(torch.cat(heads, 1))
        stream = block.attention_norm(stream + attended)
        stream = block.feed_forward_norm(stream + block.down(F.gelu(block.up(stream))))
    return model.head(model.norm(stream)) * deviation[:, None] + mean[:, None]


def test_the_forecast_is_that_of_the_definition() -> None:
    model, x = model_of(), series()
    assert len(model.blocks) == 2
    wanted = torch.stack([by_definition(model, of) for of in x])
    torch.testing.assert_close(model(x).logits, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mechanism", ORDERLESS)
def test_order_does_not_matter(mechanism: str) -> None:
    model, x, order = model_of(mechanism=mechanism), series(), torch.randperm(7)
    torch.testing.assert_close(model(x[:, order]).logits, model(x).logits[:, order], rtol=1e-8, atol=1e-8)


def test_a_forecast_moves_and_grows_with_its_variate() -> None:
    model, x = model_of(), series()
    scale = torch.tensor([2.0, 0.5, 1, 3, 7, 1, 1], dtype=torch.float64)[:, None]
    torch.testing.assert_close(model(10 + scale * x).logits, 10 + scale * model(x).logits, rtol=1e-4, atol=1e-3)


def test_any_number_of_variates_is_read() -> None:
    model = model_of()
    for variates in (1, 3, 40):
        assert model(series(variates)).logits.shape == (3, variates, 5)


def test_without_layers_each_variate_is_forecast_linearly_by_itself() -> None:
    model, x = model_of(layers=0), series()
    changed = x.clone()
    changed[:, 1:] = 0
    assert torch.equal(model(changed).logits[:, 0], model(x).logits[:, 0])
    first, second = series(), torch.randn_like(x)
    first, second = ((of - of.mean(2, keepdim=True)) / of.std(2, keepdim=True) for of in (first, second))

    def linear(of: Tensor) -> Tensor:
        return model.head(model.embedding(of))

    torch.testing.assert_close(linear(2 * first - second), 2 * linear(first) - linear(second))


def test_with_one_key_near_each_query_variates_do_not_see_each_other() -> None:
    model, x = model_of(mechanism="banded[n=1]"), series()
    alone = torch.cat([model(x[:, one : one + 1]).logits for one in range(7)], 1)
    torch.testing.assert_close(model(x).logits, alone)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"heads": 5}, "multiple of heads"),
        ({"horizon": 0}, "horizon must be at least 1"),
        ({"layers": -1}, "layers must be at least 0"),
        ({"feed_forward_dim": 0}, "feed_forward_dim must be at least 1"),
        ({"mechanism": "softmax+rope"}, "has no order"),
        ({"mechanism": "softmx"}, "did you mean 'softmax'"),
    ],
)
def test_bad_settings_are_answered(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        InvertedTransformerConfig(**{"observed": 12, "horizon": 5, **settings})


def test_weights_for_causal_attention_alone_are_refused() -> None:
    causal = next(name for name in WEIGHTS if not WEIGHTS.load(name).traits.bidirectional)
    with pytest.raises(InputError, match="causal"):
        InvertedTransformerConfig(12, 5, mechanism=causal)


def test_bad_inputs_are_answered() -> None:
    model, x = model_of(), series()
    for wrong in (x[..., :-1], x[:, :0], x[0]):
        with pytest.raises(InputError, match="items must be"):
            model(wrong)
