"""The spread of attention outputs in any module, against the same by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lengthwise import Attention
from lengthwise.errors import InputError
from lengthwise.evaluation.spread import Spread
from lengthwise.probes import LayerVariance, variance

Build = Callable[..., Any]
LENGTHS = [4, 9, 16]


def _agrees(spread: Spread, outputs: Tensor) -> None:
    """With statistics of materialised outputs, (inputs, components)."""
    outputs = outputs.double()
    assert spread.inputs == len(outputs)
    assert spread.deviation == pytest.approx(outputs.std(0).mean().item(), rel=1e-9)
    assert spread.fixed_deviation == pytest.approx(outputs.std(0)[0].item(), rel=1e-9)
    assert spread.global_mean == pytest.approx(outputs.mean().item(), rel=1e-9)
    assert spread.global_variance == pytest.approx(outputs.var(1, correction=0).mean().item(), rel=1e-9)


def test_every_length_of_one_causal_pass(plain: Build) -> None:
    module = plain(2).double().train()
    module[1].eval()
    batches = torch.randn(3, 5, 16, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = variance(module, batches, lengths=LENGTHS)
    assert [layer.name for layer in found] == ["0", "1"]
    for number, layer in enumerate(found):
        assert layer.measured == "the input of o_proj"
        assert layer.lengths == tuple(LENGTHS)
        del module[number].seen[1]  # of the trial
        outputs = torch.cat(module[number].seen)  # what the module handed to its projection, all of it
        for length, spread in zip(LENGTHS, layer.spreads, strict=True):
            _agrees(spread, outputs[:, length - 1])
    assert module.training
    assert not module[1].training  # each part is as it was before
    module(batches[0])
    assert len(module[0].seen) == 4  # and nothing is measured any more
    assert not any(part._forward_pre_hooks or part._forward_hooks for part in module.modules())


def test_one_pass_is_as_good_as_one_for_every_length(plain: Build) -> None:
    inputs = torch.randn(6, 16, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    at_once = variance(plain(2).double(), [inputs], lengths=LENGTHS)
    one_by_one = variance(plain(2).double(), {length: inputs[:, :length].split(4) for length in reversed(LENGTHS)})
    for one, other in zip(at_once, one_by_one, strict=True):
        assert one.lengths == other.lengths
        assert one.slope.value == pytest.approx(other.slope.value)
        assert one.fixed_slope.low == pytest.approx(other.fixed_slope.low)


def test_it_falls_as_one_over_the_root_of_equal_keys() -> None:
    """Claim 1 of arXiv 2504.02827, with equal weights: a slope of -1/2."""
    attention = Attention(16, heads=2, mechanism="softmax").double()
    nn.init.zeros_(attention.query.weight)
    nn.init.eye_(attention.value.weight)
    lengths = [16, 64, 256, 1024]
    inputs = torch.randn(64, 1024, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (layer,) = variance(attention, inputs.split(16), lengths=lengths)
    assert layer.measured == "the input of project.matrix"
    # An interval of 95 % misses once in twenty draws; one of twice that width, once in ten thousand.
    width = layer.slope.high - layer.slope.low
    assert layer.slope.value == pytest.approx(-0.5, rel=0, abs=width)
    assert width < 0.1


@pytest.mark.parametrize("batch_first", [True, False])
def test_torch(batch_first: bool) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    x = torch.randn(5, 9, 8)
    inputs = x if batch_first else x.transpose(0, 1)
    mask = torch.ones(9, 9, dtype=torch.bool).triu(1)
    by_name = {"query": inputs, "key": inputs, "value": inputs, "attn_mask": mask}
    outputs = module(**by_name)[0].detach()
    (layer,) = variance(module, [by_name], lengths=[3, 9])
    assert (layer.name, layer.measured) == ("MultiheadAttention", "its output")
    for length, spread in zip([3, 9], layer.spreads, strict=True):
        _agrees(spread, outputs[:, length - 1] if batch_first else outputs[length - 1])
    (again,) = variance(module, [(inputs, inputs, inputs, None, True, mask)], lengths=[3, 9])
    assert again.spreads == layer.spreads


def test_torch_has_no_way_around_it() -> None:
    """In evaluation mode its encoder takes a fast path, which calls no attention."""
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    assert len(variance(encoder, {4: [torch.randn(3, 4, 8)], 8: [torch.randn(3, 8, 8)]})) == 2


def test_a_layer_that_is_called_twice_is_two() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = Attention(8, heads=2)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(self.attention(x))

    found = variance(Twice(), [torch.randn(3, 8, 8)], lengths=[4, 8])
    assert [layer.name for layer in found] == ["attention", "attention #2"]
    assert found[0].spreads != found[1].spreads


def _call(**changes: Any) -> list[LayerVariance]:
    arguments: dict[str, Any] = {"inputs": [torch.randn(3, 8, 8)], "lengths": [4, 8]} | changes
    return variance(Attention(8, heads=2), arguments.pop("inputs"), **arguments)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lengths": None}, "Give positive lengths"),
        ({"lengths": [0, 4]}, "Give positive lengths"),
        ({"lengths": [8, 4]}, "Give positive lengths, shortest first"),
        ({"lengths": [4, 9]}, "gives 8 rows, fewer than the length of 9"),
        ({"inputs": []}, "needs two inputs or more"),
        ({"inputs": {}, "lengths": None}, "needs two inputs or more"),
        ({"inputs": [torch.randn(1, 8, 8)]}, "needs two inputs or more"),
        ({"inputs": {4: [torch.randn(3, 4, 8)]}}, "The lengths are those of the mapping"),
        ({"inputs": {n: [torch.randn(n, n, 8)] for n in (3, 4)}, "lengths": None}, "the same number of inputs"),
        ({"inputs": {3: [torch.randn(3, 3, 8)], 4: []}, "lengths": None}, "the same number of inputs"),
        ({"inputs": [torch.ones(3, 8, 8)]}, "All tokens of the inputs are alike"),
    ],
)
def test_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _call(**changes)


def test_no_attention() -> None:
    with pytest.raises(InputError, match="has no attention that can be found"):
        variance(nn.Linear(8, 8), [torch.randn(3, 8, 8)], lengths=[4])


def _bidirectional(batch_first: bool) -> nn.Module:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@pytest.mark.parametrize("batch_first", [True, False])
def test_one_call_for_all_lengths_of_a_module_that_looks_ahead_is_refused(batch_first: bool) -> None:
    module, x = _bidirectional(batch_first), torch.randn(6, 6, 8)
    with pytest.raises(InputError, match=r"In layers\.0\.self_attn a token sees the tokens that follow it"):
        variance(module, [x], lengths=[2, 6])
    variance(module, [x], lengths=[6])  # of whole inputs it is right
    mask = nn.Transformer.generate_square_subsequent_mask(6)
    state = torch.get_rng_state()
    found = variance(module, [{"src": x, "mask": mask}, (x, mask)], lengths=[2, 6])
    assert [layer.lengths for layer in found] == [(2, 6)] * 2
    assert torch.equal(torch.get_rng_state(), state)


def test_tokens_that_look_ahead_are_refused() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.encoder = nn.Embedding(9, 8), _bidirectional(batch_first=True)

        def forward(self, tokens: Tensor, shown: Tensor | None = None) -> Tensor:
            return self.encoder(self.embed(tokens), src_key_padding_mask=shown)

    tokens = torch.randint(9, (4, 6), generator=torch.Generator().manual_seed(0))
    for batch in (tokens, (tokens, torch.zeros(4, 6, dtype=torch.bool)), {"tokens": tokens}):
        with pytest.raises(InputError, match="a token sees the tokens that follow it"):
            variance(Reader(), [batch], lengths=[2, 6])


def test_a_padding_mask_does_not_pack_the_inputs() -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).double().eval()
    inputs = {length: torch.randn(3, length, 8, dtype=torch.float64) for length in (5, 6)}
    masks = {length: torch.arange(length)[None] < torch.tensor([[2], [0], [0]]) for length in (5, 6)}
    batches = {n: [{"src": inputs[n], "src_key_padding_mask": masks[n]}] for n in (5, 6)}
    found = variance(encoder, batches)
    attended = encoder.layers[0].self_attn(inputs[6], inputs[6], inputs[6], key_padding_mask=masks[6])[0]
    _agrees(found[0].spreads[1], attended[:, -1].detach())
    assert torch.backends.mha.get_fastpath_enabled()
