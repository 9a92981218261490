"""One query, one result: whatever it is computed together with, and however its tensors lie in memory."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import threshold_relative_attention

Inputs = dict[str, Any]
Make = Callable[..., Inputs]

ARGUMENTS = ("query", "key", "value", "log_forget")
CHUNKS = pytest.mark.parametrize(
    "chunks",
    [[1] * 150, [64, 64, 22], [100, 1, 49], [63, 1, 1, 85], [146, 4], [145, 5]],
    ids=["tokens", "tiles", "100+1+49", "63+1+1+85", "146+4", "145+5"],
)
BACKENDS_AND_DTYPES = pytest.mark.parametrize(
    ("fast", "dtype"),
    [
        *(("blockwise", dtype) for dtype in (torch.float32, torch.bfloat16, torch.float64)),
        *(("native", dtype) for dtype in (torch.float32, torch.bfloat16)),
    ],
    indirect=["fast"],
)


def in_chunks(inputs: Inputs, chunks: list[int], document_ids: Tensor | None = None, **options: Any) -> Tensor:
    """Chunk after chunk against the keys so far, as a decoder with a cache does."""
    query, key, value, log_forget = (inputs[name] for name in ARGUMENTS)
    outputs, end = [], 0
    for chunk in chunks:
        start, end = end, end + chunk
        outputs.append(
            threshold_relative_attention(
                query[:, :, start:end],
                key[:, :, :end],
                value[:, :, :end],
                log_forget[:, :, start:end],
                document_ids=None if document_ids is None else document_ids[:, :end],
                **options,
            )
        )
    return torch.cat(outputs, 2)


def whole(inputs: Inputs, **options: Any) -> Tensor:
    return threshold_relative_attention(*(inputs[name] for name in ARGUMENTS), **options)


def at_the_threshold(inputs: Inputs, row: int) -> list[float]:
    """The float32 scores that one query has by a product of one shape: as thresholds, as close as it gets to many."""
    head_dim = inputs["query"].shape[-1]
    scores = inputs["query"][0, 0].float() @ inputs["key"][0, 0].float().mT / head_dim**0.5
    return scores[row, : row + 1 : max(row // 2, 1)].tolist()


@CHUNKS
@BACKENDS_AND_DTYPES
@pytest.mark.parametrize("head_dim", [16, 33])
def test_chunks_are_the_whole_to_the_bit(
    draw: Make, fast: str, chunks: list[int], dtype: torch.dtype, head_dim: int
) -> None:
    inputs = draw(150, heads=2, kv_heads=1, head_dim=head_dim, dtype=dtype)
    documents = torch.arange(150)[None] // 40
    for threshold in (0.0, *at_the_threshold(inputs, 120)):
        options: dict[str, Any] = {"backend": fast, "threshold": threshold}
        assert torch.equal(in_chunks(inputs, chunks, **options), whole(inputs, **options))
    options = {"backend": fast, "document_ids": documents}
    assert torch.equal(in_chunks(inputs, chunks, **options), whole(inputs, **options))


@pytest.mark.parametrize("factor", [1, 5, 20])  # the larger two need a running maximum
@pytest.mark.parametrize("last", [1, 4, 5, 70])
@pytest.mark.parametrize("tokens", [2047, 2048])
def test_a_long_prefill_and_its_last_chunk_to_the_bit(
    draw: Make, fast: str, tokens: int, last: int, factor: float
) -> None:
    inputs = draw(tokens, tokens if last == 70 else 70, heads=2, kv_heads=1)
    inputs["log_forget"] = inputs["log_forget"] * torch.tensor([[[1.0], [1e-3]]], dtype=torch.float32)
    inputs["query"], inputs["key"] = factor * inputs["query"], factor * inputs["key"]
    end = inputs | {name: inputs[name][:, :, -last:] for name in ("query", "log_forget")}
    for skip_tolerance in (None, 0.0):
        options = {"backend": fast, "skip_tolerance": skip_tolerance}
        assert torch.equal(whole(end, **options), whole(inputs, **options)[:, :, -last:])


def test_a_long_sequence_begins_like_a_shorter_one_to_the_bit(draw: Make, fast: str) -> None:
    # Beyond 4,096 keys, and with nothing to skip, the native kernel takes more queries along.
    inputs = draw(4500, heads=1, head_dim=8)
    inputs["key"][:, :, ::50] *= 50  # some rows need a running maximum
    shorter = {name: tensor[:, :, :4000] for name, tensor in inputs.items()}
    options = {"backend": fast, "skip_tolerance": 0.0}
    assert torch.equal(whole(inputs, **options)[:, :, :4000], whole(shorter, **options))


@CHUNKS
def test_chunks_keep_the_same_keys(draw: Make, integers: Make, backend: str, chunks: list[int]) -> None:
    # A materialised product has another shape, thus another order of summation, for each chunk, so its scores agree
    # only to rounding. Clear of the threshold, or exact and on it, the decisions agree.
    inputs = draw(150, margin=1e-5)
    torch.testing.assert_close(in_chunks(inputs, chunks, backend=backend), whole(inputs, backend=backend))
    inputs = integers(inputs)
    for product in (0, 1, -2):
        options: dict[str, Any] = {"threshold": product * 0.3, "scale": 0.3, "backend": backend}
        torch.testing.assert_close(in_chunks(inputs, chunks, **options), whole(inputs, **options))


def test_a_row_that_is_done_is_not_touched_by_its_neighbours(draw: Make, fast: str) -> None:
    # Its keys within the horizon have value zero, so that anything at all from beyond would show.
    inputs = draw(512, heads=1)
    inputs["value"][:, :, 200:] = 0
    inputs["log_forget"] = torch.full_like(inputs["log_forget"], -0.7)
    inputs["log_forget"][:, :, 500] = -1e-4
    output = whole(inputs, backend=fast)
    assert (output[:, :, 500] != 0).any()
    assert (output[:, :, 501:] == 0).all()
    assert torch.equal(in_chunks(inputs, [500, 1] + [1] * 11, backend=fast), output)


@pytest.mark.parametrize("changed", [1, 63, 64, 100, 149])
def test_causal_to_the_bit(draw: Make, fast: str, changed: int) -> None:
    inputs, others = draw(150), draw(150, seed=1)
    later = {n: torch.cat([inputs[n][:, :, :changed], 9 * others[n][:, :, changed:]], 2) for n in ARGUMENTS}
    assert torch.equal(whole(later, backend=fast)[:, :, :changed], whole(inputs, backend=fast)[:, :, :changed])


@pytest.mark.parametrize("earlier", [1, 64, 100])
def test_earlier_outputs_send_no_gradient_to_later_tokens(draw: Make, run: Make, backend: str, earlier: int) -> None:
    inputs = draw(150)
    inputs["gradient"][:, :, earlier:] = 0
    results = run(inputs, backend)
    for name in ARGUMENTS:
        assert (results[name][:, :, earlier:] == 0).all()
        assert earlier == 1 or (results[name][:, :, :earlier] != 0).any()


@pytest.mark.parametrize(("keys", "queries"), [(700, 700), (700, 3), (2048, 1)])
def test_batch_is_one_by_one(draw: Make, run: Make, fast: str, keys: int, queries: int) -> None:
    inputs = draw(keys, queries, batch=3, heads=4, kv_heads=2)
    documents = torch.arange(keys) // torch.tensor([[keys], [100], [33]])
    together = run(inputs, fast, document_ids=documents)
    for i in range(3):
        alone = run({n: x[i : i + 1] for n, x in inputs.items()}, fast, document_ids=documents[i : i + 1])
        assert torch.equal(alone["output"], together["output"][i : i + 1])
        for name in ARGUMENTS:  # blockwise sums over other tiles of queries at once
            close = torch.equal if fast == "native" else torch.allclose
            assert close(alone[name], together[name][i : i + 1]), name
    one_group = {n: x[:, : 1 if n in ("key", "value") else 2] for n, x in inputs.items()}
    assert torch.equal(whole(one_group, backend=fast), whole(inputs, backend=fast)[:, :2])


def transposed(tensor: Tensor) -> Tensor:
    """(batch, tokens, heads, dim) in memory, as a projection leaves it."""
    return tensor.transpose(1, 2).contiguous().transpose(1, 2)


def cached(tensor: Tensor) -> Tensor:
    """The middle of a larger buffer."""
    batch, heads, tokens, *width = tensor.shape
    buffer = tensor.new_full((batch + 1, heads + 2, tokens + 50, *width), torch.nan)
    view = buffer[1:, 1:-1, 20 : 20 + tensor.shape[2]]
    return view.copy_(tensor)


def columns(tensor: Tensor) -> Tensor:
    """Last dimension not contiguous."""
    return tensor.mT.contiguous().mT if tensor.ndim == 4 else tensor.repeat_interleave(2, -1)[..., ::2]


def expanded(tensor: Tensor) -> Tensor:
    """One batch entry seen twice."""
    return tensor[:1].expand(2, *tensor.shape[1:])


def grouped(tensor: Tensor) -> Tensor:
    """One head seen by all, and one batch entry seen twice."""
    return tensor[:1, :1].expand(2, *tensor.shape[1:])


@pytest.mark.parametrize("queries", [70, 3])
@pytest.mark.parametrize("layout", [transposed, cached, columns, expanded, grouped])
@pytest.mark.parametrize("head_dim", [16, 33])
def test_strides_do_not_matter(
    draw: Make, run: Make, fast: str, layout: Callable[[Tensor], Tensor], head_dim: int, queries: int
) -> None:
    inputs = draw(100, queries, batch=2, heads=4, kv_heads=2, head_dim=head_dim)
    laid_out = {name: layout(tensor) for name, tensor in inputs.items()}
    dense = {name: tensor.contiguous() for name, tensor in laid_out.items()}
    assert any(tensor.stride() != dense[name].stride() for name, tensor in laid_out.items())
    results, expected = run(laid_out, fast), run(dense, fast)
    assert torch.equal(results["output"], expected["output"])
    for name in ARGUMENTS:
        if fast == "native":
            assert torch.equal(results[name], expected[name])
        else:  # a strided gradient is summed in another order
            torch.testing.assert_close(results[name], expected[name])
