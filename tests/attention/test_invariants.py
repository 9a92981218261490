"""What every causal mechanism promises, whatever it is made of."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from lengthwise import Attention
from lengthwise.attention.cache import LayerCache
from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError

BATCH, TOKENS, DIM = 3, 150, 32
Build = Callable[..., Attention]


def sparse(attention: Attention) -> bool:
    """Whether a key may be one that no query looks at."""
    return attention.weights.traits.sparse or attention.position.traits.sparse


def assert_close(actual: Tensor, expected: Tensor) -> None:
    largest = max(1, expected.detach().abs().max().item())  # of weights that are not shares
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10 * largest)


def test_later_tokens_change_nothing_earlier(attention: Attention, hidden: Tensor) -> None:
    changed = hidden.clone()
    changed[:, 100:] = torch.randn_like(changed[:, 100:])
    torch.testing.assert_close(attention(changed)[:, :100], attention(hidden)[:, :100], rtol=0, atol=0)


def test_no_gradient_reaches_later_tokens(attention: Attention, hidden: Tensor) -> None:
    hidden.requires_grad_()
    attention(hidden)[:, :100].square().sum().backward()
    assert hidden.grad is not None
    assert hidden.grad[:, 100:].abs().max() == 0
    reached = hidden.grad[:, :100].abs().amax((0, 2)) > 0
    assert reached.any() if sparse(attention) else reached.all()


@pytest.mark.parametrize("chunk", [1, 7, 64, 100])
def test_cache_is_no_cache(attention: Attention, hidden: Tensor, chunk: int) -> None:
    cache = LayerCache()
    with torch.no_grad():
        parts = [attention(part, cache=cache) for part in hidden.split(chunk, dim=1)]
        assert_close(torch.cat(parts, dim=1), attention(hidden))
    assert cache.tokens == TOKENS


def test_packed_documents_are_separate_documents(attention: Attention, hidden: Tensor) -> None:
    lengths = [40, 1, 70, 39]
    ids = torch.repeat_interleave(torch.tensor([5, 3, 9, 2]), torch.tensor(lengths)).expand(BATCH, -1)
    packed = attention(hidden, document_ids=ids)
    separate = torch.cat([attention(part) for part in hidden.split(lengths, dim=1)], dim=1)
    assert_close(packed, separate)


def test_packed_documents_through_the_cache(attention: Attention, hidden: Tensor) -> None:
    ids = torch.repeat_interleave(torch.arange(3), TOKENS // 3).expand(BATCH, -1)
    cache = LayerCache()
    with torch.no_grad():
        parts = [
            attention(part, document_ids=part_ids, cache=cache)
            for part, part_ids in zip(hidden.split(37, 1), ids.split(37, 1), strict=True)
        ]
        assert_close(torch.cat(parts, dim=1), attention(hidden, document_ids=ids))


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(attention: Attention, hidden: Tensor, side: str) -> None:
    padding = torch.randn(BATCH, 21, DIM, dtype=hidden.dtype)
    real, pad = torch.zeros(BATCH, TOKENS, dtype=torch.long), torch.full((BATCH, 21), -1)
    parts, ids = ([padding, hidden], [pad, real]) if side == "left" else ([hidden, padding], [real, pad])
    padded = attention(torch.cat(parts, 1), document_ids=torch.cat(ids, 1))
    assert_close(padded[:, 21:] if side == "left" else padded[:, :TOKENS], attention(hidden))


def test_batch_is_one_by_one(attention: Attention, hidden: Tensor) -> None:
    assert_close(attention(hidden), torch.cat([attention(one[None]) for one in hidden]))


def test_bidirectional_reads_both_ways(attention: Attention, hidden: Tensor, build: Build) -> None:
    """Each end of a sequence reaches the other, and packed documents stay apart."""
    if not attention.weights.traits.bidirectional:
        with pytest.raises(InputError, match="only ever causal"):
            build(attention.mechanism, causal=False)
        return
    both = build(attention.mechanism, causal=False)
    hidden.requires_grad_()
    (gradient,) = torch.autograd.grad(both(hidden)[:, 0].square().sum(), hidden)
    reached = gradient.abs().amax((0, 2)) > 0
    assert reached[1:].any() if sparse(attention) else reached.all()
    lengths = [40, 1, 70, 39]
    ids = torch.repeat_interleave(torch.arange(4), torch.tensor(lengths)).expand(BATCH, -1)
    separate = torch.cat([both(part) for part in hidden.split(lengths, dim=1)], dim=1)
    assert_close(both(hidden, document_ids=ids), separate)
    with torch.no_grad(), pytest.raises(InputError, match="reads a sequence at once"):
        both(hidden, cache=LayerCache())


def test_positions_can_be_said(attention: Attention, hidden: Tensor) -> None:
    """Said as they are counted they change nothing, also through the cache."""
    positions = torch.arange(TOKENS)[None]
    with torch.no_grad():
        assert_close(attention(hidden, positions=positions), attention(hidden))
        cache = LayerCache()
        steps = zip(hidden.split(64, 1), positions.split(64, 1), strict=True)
        assert_close(torch.cat([attention(h, positions=p, cache=cache) for h, p in steps], 1), attention(hidden))
    with pytest.raises(InputError, match="positions must be"):
        attention(hidden, positions=positions[:, 1:])


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's own, where it breaks the graph
def test_compiled_is_eager(to_compile: Attention, hidden: Tensor) -> None:
    torch._dynamo.reset()  # it gives up on a function that it has compiled eight times, and says so in no warning
    compiled = torch.compile(to_compile, backend="aot_eager")
    assert_close(compiled(hidden), to_compile(hidden))


@torch.no_grad()
def test_one_graph_serves_all_lengths(to_compile: Attention) -> None:
    torch._dynamo.reset()
    graphs = CompileCounterWithBackend("eager")
    compiled = torch.compile(to_compile, backend=graphs, fullgraph=True)
    for length in (70, 80, 133, 150):
        hidden = torch.randn(2, length, DIM, dtype=torch.float64)
        torch.testing.assert_close(compiled(hidden), to_compile(hidden), rtol=1e-9, atol=1e-9)
    assert graphs.frame_count <= 2, "one for the first length, one for any other"


@torch.no_grad()
def test_exported_for_all_lengths(to_compile: Attention) -> None:
    if to_compile.weights.traits.route == "linear":
        pytest.skip("chunks of 64 tokens: torch cannot show that a padded length is a multiple of them")
    length = torch.export.Dim("length", min=65, max=4096)
    exported = torch.export.export(
        to_compile, (torch.randn(2, 70, DIM, dtype=torch.float64),), dynamic_shapes=({1: length},)
    ).module()
    for tokens in (65, 150):
        hidden = torch.randn(2, tokens, DIM, dtype=torch.float64)
        torch.testing.assert_close(exported(hidden), to_compile(hidden), rtol=1e-9, atol=1e-9)


def test_the_default_dtype_is_that_of_others(
    attention: Attention, hidden: Tensor, default_dtype: Callable[[torch.dtype], None]
) -> None:
    """What a layer computes follows from what it is given, not from what the process makes of new tensors."""
    attention, hidden = attention.float(), hidden.float()
    default_dtype(torch.float32)
    expected = attention(hidden)
    default_dtype(torch.float64)
    output = attention(hidden)
    assert output.dtype == expected.dtype
    assert torch.equal(output, expected)


def test_saved_is_loaded(attention: Attention, hidden: Tensor) -> None:
    twin = Attention(DIM, heads=4, kv_heads=2, mechanism=attention.mechanism, context=60, reach=TOKENS)
    twin = twin.double().eval()
    twin.load_state_dict(attention.state_dict())
    assert torch.equal(twin(hidden), attention(hidden))


def test_fast_is_reference(attention: Attention, hidden: Tensor, build: Build) -> None:
    reference = build(attention.mechanism, backend="reference")
    assert_close(attention(hidden), reference(hidden))
    ids = torch.repeat_interleave(torch.arange(3), TOKENS // 3).expand(BATCH, -1)
    assert_close(attention(hidden, document_ids=ids), reference(hidden, document_ids=ids))


def test_bfloat16_stays_near(attention: Attention, hidden: Tensor) -> None:
    if attention.weights.traits.sensitive_to_rounding:
        # Rounding moves scores across a threshold, or another to the top, which changes rows by more than rounding:
        # only the kind of the result is checked here.
        output = attention.bfloat16()(hidden.bfloat16())
        assert output.dtype == torch.bfloat16
        assert output.isfinite().all()
        return
    expected = attention(hidden)
    tolerance = 0.05 * max(1, expected.std().item())
    torch.testing.assert_close(attention.bfloat16()(hidden.bfloat16()).double(), expected, rtol=0.05, atol=tolerance)


@pytest.mark.parametrize("mechanism", [name for name in WEIGHTS if not WEIGHTS.load(name).traits.causal])
def test_encoders_only_is_refused(mechanism: str, build: Build) -> None:
    with pytest.raises(InputError, match="for encoders"):
        build(mechanism)


def test_cache_refuses_what_it_cannot_hold(attention: Attention, hidden: Tensor) -> None:
    cache = LayerCache()
    with pytest.raises(InputError, match="inference"):
        attention(hidden, cache=cache)
    with torch.no_grad():
        attention(hidden, cache=cache)
        with pytest.raises(InputError, match="3 sequences"):
            attention(hidden[:1], cache=cache)
        with pytest.raises(InputError, match="every call or with none"):
            attention(hidden, cache=cache, document_ids=torch.zeros(BATCH, TOKENS, dtype=torch.long))
    with pytest.raises(InputError, match="dim 32"):
        attention(hidden[..., :-1])
    with pytest.raises(InputError, match="document_ids"):
        attention(hidden, document_ids=torch.zeros(BATCH, TOKENS - 1, dtype=torch.long))


@pytest.mark.parametrize("shape", [(0, 7), (2, 0), (0, 0)])
def test_nothing_in_nothing_out(attention: Attention, shape: tuple[int, int], build: Build) -> None:
    """No tokens, or no sequences, give none back, and a gradient of 0 to all that has a gradient elsewhere."""
    layers = (
        [attention]
        if not attention.weights.traits.bidirectional
        else [attention, build(attention.mechanism, causal=False)]
    )
    for layer in layers:
        check_nothing(layer, shape)


@pytest.mark.parametrize("shape", [(0, 7), (2, 0), (0, 0)])
@pytest.mark.parametrize("mechanism", [name for name in WEIGHTS if not WEIGHTS.load(name).traits.causal])
def test_encoders_take_nothing(mechanism: str, shape: tuple[int, int], build: Build) -> None:
    check_nothing(build(mechanism, causal=False), shape)


def check_nothing(layer: Attention, shape: tuple[int, int]) -> None:
    some, none = (torch.randn(*size, DIM, dtype=torch.float64, requires_grad=True) for size in ((2, 5), shape))
    ids = torch.zeros(shape, dtype=torch.long)
    usual = torch.autograd.grad(layer(some).sum(), [some, *layer.parameters()], allow_unused=True)
    for given in ({}, {"document_ids": ids}, {"positions": ids}):
        output = layer(none, **given)
        assert output.shape == none.shape
        gradients = torch.autograd.grad(output.sum(), [none, *layer.parameters()], allow_unused=True)
        for gradient, of_some in zip(gradients, usual, strict=True):
            assert of_some is None if gradient is None else (gradient == 0).all()


def test_no_tokens_leave_a_cache_as_it_is(attention: Attention, hidden: Tensor) -> None:
    cache = LayerCache()
    with torch.no_grad():
        parts = [attention(part, cache=cache) for part in hidden.split([0, 60, 0, 90, 0], 1)]
        assert_close(torch.cat(parts, 1), attention(hidden))
