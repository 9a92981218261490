"""The decoder: shapes, the paper-faithful switch, tied weights, selection, cache."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from lengthwise import Attention, Decoder, DecoderConfig
from lengthwise.attention import KeyValueCache
from lengthwise.errors import InputError
from lengthwise.ops.rowwise import kernel


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(7, (2, 50), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+rope", "softmax+alibi"])
def test_cache_is_no_cache(mechanism: str, tokens: torch.Tensor) -> None:
    model = Decoder(DecoderConfig(vocab_size=7, dim=16, heads=2, kv_heads=1, mechanism=mechanism)).double().eval()
    cache = KeyValueCache()
    with torch.no_grad():
        parts = [model(part, cache=cache).logits for part in tokens.split(13, dim=1)]
        torch.testing.assert_close(torch.cat(parts, 1), model(tokens).logits)
    assert cache.tokens == 50


def test_selected_logits_are_those_of_the_tokens(tokens: torch.Tensor) -> None:
    model = Decoder(DecoderConfig(vocab_size=7)).double()
    select = tokens == 3
    torch.testing.assert_close(model(tokens, select=select).logits, model(tokens).logits[select])


@pytest.mark.long
def test_compiled_in_one_graph_for_all_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    # A compiler sees torch's formulas of norms and SwiGLU, whose last bits are not the kernels'.
    monkeypatch.setattr(kernel, "readable", lambda *tensors: False)
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = Decoder(DecoderConfig(vocab_size=7, layers=2, dim=16, heads=2))
    graphs = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, fullgraph=True, backend=graphs)
    for length in (70, 80, 133, 64, 200):
        tokens = torch.randint(7, (2, length))
        assert torch.equal(compiled(tokens).logits, model(tokens).logits)
    assert graphs.frame_count <= 2, "one for the first length, one for any other"


def test_tied_head_shares_the_embedding() -> None:
    model = Decoder(DecoderConfig(vocab_size=7, tied_head=True))
    assert model.head.weight is model.embedding.weight


def test_paper_faithful_model(tokens: torch.Tensor) -> None:
    """The authors' forward pass (2503.23174): what is normalised, and where biases and dropout stand."""
    torch.manual_seed(0)
    model = Decoder(DecoderConfig(vocab_size=7, layers=2, dim=16, heads=2, paper_faithful=True))
    assert model.embedding.weight.abs().max() <= 0.01
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.01}
    assert {block.attention.weights.dropout for block in model.blocks} == {0.01}
    biased = {name.rpartition(".")[0] for name, _ in model.blocks[0].named_parameters() if name.endswith("bias")}
    assert biased == {
        "attention.weights.forget",
        "attention.project.matrix",
        "feed_forward.gate_and_up",
        "feed_forward.down",
    }

    model.double().train()
    torch.manual_seed(1)
    stream = F.dropout(model.embedding(tokens), 0.01)
    for block in model.blocks:
        stream = F.rms_norm(stream, (16,), eps=1e-6)
        stream = stream + block.attention(stream)
        stream = F.rms_norm(stream, (16,), eps=1e-6)
        swiglu: Any = block.feed_forward
        gate, up = F.linear(stream, swiglu.gate_and_up.weight, swiglu.gate_and_up.bias).split(2 * 16, -1)
        stream = stream + F.linear(F.dropout(up * F.silu(gate), 0.01), swiglu.down.weight, swiglu.down.bias)
    expected = model.head(F.rms_norm(stream, (16,), eps=1e-6))
    torch.manual_seed(1)
    torch.testing.assert_close(model(tokens).logits, expected)


def test_dropped_logits_are_zero_not_absent() -> None:
    model = Decoder(
        DecoderConfig(vocab_size=7, layers=1, dim=16, heads=2, paper_faithful=True, dropout=0.999999)
    ).double()
    attention = model.blocks[0].attention.train()
    hidden = torch.randn(1, 20, 16, dtype=torch.float64)
    # With (almost) every logit 0, each kept key has the same weight, whatever its score and its distance.
    query, key, value = (
        layer(hidden).unflatten(-1, (2, 8)).transpose(1, 2)
        for layer in (attention.query, attention.key, attention.value)
    )
    kept = (query @ key.transpose(-1, -2) > 0) & torch.ones(20, 20, dtype=torch.bool).tril()
    mean = kept.to(value.dtype) / kept.sum(-1, keepdim=True).clamp(min=1) @ value
    torch.testing.assert_close(attention(hidden), attention.project(mean, hidden))


@pytest.mark.parametrize(
    ("sizes", "fragment"),
    [
        ({"vocab_size": 0}, "vocab_size must be at least 1"),
        ({"vocab_size": 7, "dim": 10, "heads": 3}, "multiple of heads"),
        ({"vocab_size": 7, "heads": 4, "kv_heads": 3}, "multiple of kv_heads"),
        ({"vocab_size": 7, "dropout": -0.1}, "probability"),
        ({"vocab_size": 7, "mechanism": "softmaxx"}, "did you mean 'softmax'"),
    ],
)
def test_wrong_sizes_are_answered(sizes: dict[str, Any], fragment: str) -> None:
    with pytest.raises(InputError) as refusal:
        DecoderConfig(**sizes)
    assert fragment in str(refusal.value)


@pytest.mark.parametrize("size", [5.5, True, "5"])
def test_sizes_are_whole_numbers(size: Any) -> None:
    with pytest.raises((InputError, TypeError), match="vocab_size"):
        DecoderConfig(vocab_size=size)


def test_wrong_tokens_are_answered() -> None:
    model = Decoder(DecoderConfig(vocab_size=7))
    with pytest.raises(InputError, match="integers"):
        model(torch.randn(2, 5))
    with pytest.raises(InputError, match="vocabulary of 7"):
        model(torch.full((1, 3), 7))


BEFORE = [
    "softmax+sinusoidal",
    "softmax+learned",
    "softmax+rope+randomised",
    "softmax+alibi+randomised",
    "softmax+learned+shifted",
    "softmax+learned+coupled",
    "softmax+rope+abacus",
]
"""Mechanisms with something to do before the first layer."""


@pytest.fixture(params=BEFORE)
def before(request: pytest.FixtureRequest) -> Decoder:
    torch.manual_seed(0)
    config = DecoderConfig(vocab_size=7, dim=16, heads=2, mechanism=request.param, context=20, reach=60, marks=30)
    return Decoder(config).double().eval()  # a fault is larger than any processor's rounding


def test_before_the_layers_cache_is_no_cache(before: Decoder, tokens: torch.Tensor) -> None:
    marks, ids = tokens % 3, torch.arange(50).expand(2, -1) // 20
    cache = KeyValueCache()
    with torch.no_grad():
        steps = zip(tokens.split(13, 1), marks.split(13, 1), ids.split(13, 1), strict=True)
        parts = [before(part, marks=m, document_ids=d, cache=cache).logits for part, m, d in steps]
        whole = before(tokens, marks=marks, document_ids=ids).logits
    torch.testing.assert_close(torch.cat(parts, 1), whole)


def test_before_the_layers_packed_is_separate(before: Decoder, tokens: torch.Tensor) -> None:
    marks, ids = tokens % 3, torch.arange(50).expand(2, -1) // 20
    cuts = zip(tokens.split(20, 1), marks.split(20, 1), strict=True)
    separate = torch.cat([before(part, marks=m).logits for part, m in cuts], 1)
    torch.testing.assert_close(before(tokens, marks=marks, document_ids=ids).logits, separate)


@pytest.mark.parametrize("shape", [(0, 7), (2, 0), (0, 0)])
def test_before_the_layers_nothing_in_nothing_out(before: Decoder, shape: tuple[int, int]) -> None:
    nothing = torch.zeros(shape, dtype=torch.long)
    for model in (before.eval(), before.train()):
        logits = model(nothing, marks=nothing).logits
        assert logits.shape == (*shape, 7)
        logits.sum().backward()
        assert all((parameter.grad == 0).all() for parameter in model.parameters())


def test_before_the_layers_order_matters(before: Decoder, tokens: torch.Tensor) -> None:
    swapped = tokens.clone()
    swapped[:, [3, 11]] = tokens[:, [11, 3]] = torch.tensor([1, 2])
    marks = torch.arange(50).expand(2, -1) % 20
    assert (before(swapped, marks=marks).logits[:, -1] - before(tokens, marks=marks).logits[:, -1]).abs().max() > 1e-6


def test_randomised_numbers() -> None:
    model: Any = Decoder(DecoderConfig(vocab_size=7, dim=16, heads=2, mechanism="softmax+rope+randomised", reach=60))
    counted = torch.arange(30)[None]
    torch.manual_seed(0)
    draws = [model.numbering(counted, None)[0] for _ in range(200)]
    assert all((draw.diff() > 0).all() and draw[0] >= 0 and draw[-1] < 240 for draw in draws)
    assert torch.stack(draws).float().mean() == pytest.approx(120, abs=10)
    model.eval()
    assert torch.equal(model.numbering(counted, None), model.numbering(counted, None))
    assert torch.equal(model.numbering(counted[:, :9], None), model.numbering(counted, None)[:, :9])
    with pytest.raises(InputError, match="numbers for 60 tokens, and a sequence has 61"):
        model(torch.zeros(1, 61, dtype=torch.long))


def test_shifted_numbers(tokens: torch.Tensor) -> None:
    model: Any = Decoder(DecoderConfig(vocab_size=7, dim=16, heads=2, mechanism="softmax+learned+shifted", reach=60))
    assert model.position.table.num_embeddings == 60, "every position is learnt"
    counted = torch.arange(50).expand(500, -1)
    starts = model.numbering(counted, None) - counted
    assert (starts == starts[:, :1]).all()
    assert set(starts[:, 0].tolist()) == set(range(11)), "every start that leaves room for the sequence"
    same = tokens[:1].expand(8, -1)
    assert model(same).logits.unique(dim=0).shape[0] > 1, "each sequence of a batch has a start of its own"
    with pytest.raises(InputError, match="numbers for 60 tokens, and a sequence has 61"):
        model.eval()(torch.zeros(1, 61, dtype=torch.long))


@pytest.mark.parametrize("name", ["coupled", "abacus"])
def test_coupled_numbers(name: str) -> None:
    torch.manual_seed(0)
    model: Any = Decoder(DecoderConfig(vocab_size=7, dim=16, heads=2, mechanism=f"softmax+learned+{name}", marks=60))
    marks = torch.tensor([[1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]])
    draws = torch.stack([model.numbering(marks, marks)[0] for _ in range(500)])
    shifts = draws - marks
    digits = marks[0] > 0
    assert (shifts[:, digits] == shifts[:, :1]).all()
    assert set(shifts[:, 0].tolist()) == set(range(58)), "every start that leaves room for the marks"
    assert (draws[:, ~digits] == (0 if name == "abacus" else shifts[:, :1])).all()
    assert torch.equal(model.eval().numbering(marks, marks), marks)
    assert model.position.table.num_embeddings == 61
    with pytest.raises(InputError, match="got none"):
        model(torch.zeros(1, 9, dtype=torch.long))


@pytest.mark.parametrize(("name", "starts"), [("coupled", 8), ("abacus", 1)])
def test_a_start_is_drawn_for_each_sequence_or_for_the_batch(name: str, starts: int) -> None:
    """For the batch in abacus, as in its authors' code, and so that the largest mark of the batch has a number."""
    torch.manual_seed(0)
    model: Any = Decoder(DecoderConfig(vocab_size=7, dim=16, heads=2, mechanism=f"softmax+learned+{name}", marks=60))
    marks = torch.tensor([[1, 2]] * 7 + [[1, 50]])
    draws = [model.numbering(marks, marks) - marks for _ in range(300)]
    assert max(len(draw[:, 0].unique()) for draw in draws) == starts
    assert {int(draw[-1, 0]) for draw in draws} == set(range(11))


def test_what_acts_before_the_layers_is_refused_by_a_layer() -> None:
    for mechanism in BEFORE:
        with pytest.raises(InputError, match="acts before the first layer"):
            Attention(16, heads=2, mechanism=mechanism)
    with pytest.raises(InputError, match="pass context="):
        Decoder(DecoderConfig(vocab_size=7, mechanism="softmax+learned"))


def test_a_selection_is_booleans_for_every_token() -> None:
    model, tokens = Decoder(DecoderConfig(vocab_size=7, dim=16, heads=2)), torch.zeros(2, 6, dtype=torch.long)
    for wrong in (torch.ones(2, 6, dtype=torch.long), torch.ones(2, 5, dtype=torch.bool)):
        with pytest.raises((InputError, TypeError), match="select"):
            model(tokens, select=wrong)
