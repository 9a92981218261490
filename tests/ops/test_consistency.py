"""One query, one result: whatever it is computed together with, and however its tensors lie in memory."""

import pytest
import torch

from lengthwise import threshold_relative_attention

ARGUMENTS = ("query", "key", "value", "log_forget")
CHUNKS = [[1] * 150, [64, 64, 22], [100, 1, 49], [63, 1, 1, 85], [149, 1]]


def in_chunks(inputs, chunks, document_ids=None, **options):
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


def whole(inputs, **options):
    return threshold_relative_attention(*(inputs[name] for name in ARGUMENTS), **options)


def at_the_threshold(inputs, row):
    """The float32 scores that one query has by a product of one shape: as thresholds, as close as it gets to many."""
    head_dim = inputs["query"].shape[-1]
    scores = inputs["query"][0, 0].float() @ inputs["key"][0, 0].float().mT / head_dim**0.5
    return scores[row, : row + 1 : max(row // 2, 1)].tolist()


@pytest.mark.parametrize("chunks", CHUNKS, ids=["tokens", "tiles", "100+1+49", "63+1+1+85", "149+1"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("head_dim", [16, 33])
def test_blockwise_chunks_are_the_whole_to_the_bit(draw, chunks, dtype, head_dim):
    inputs = draw(150, heads=2, kv_heads=1, head_dim=head_dim, dtype=dtype)
    documents = torch.arange(150)[None] // 40
    for threshold in (0.0, *at_the_threshold(inputs, 120)):
        assert torch.equal(in_chunks(inputs, chunks, threshold=threshold), whole(inputs, threshold=threshold))
    assert torch.equal(in_chunks(inputs, chunks, documents), whole(inputs, document_ids=documents))


@pytest.mark.parametrize("chunks", CHUNKS, ids=["tokens", "tiles", "100+1+49", "63+1+1+85", "149+1"])
def test_blockwise_keeps_the_same_keys_when_the_threshold_is_a_score(draw, chunks):
    inputs = draw(150, heads=1, head_dim=64)
    inputs["key"] = inputs["key"][:, :, :1].repeat(1, 1, 150, 1)  # one key over and over: one score in every place
    inputs["value"] = torch.eye(150, 64)[None, None]
    for row in (0, 63, 64, 149):
        (threshold,) = at_the_threshold(inputs, row)[:1]
        ours = whole(inputs, threshold=threshold, skip_tolerance=0.0)
        assert torch.equal(in_chunks(inputs, chunks, threshold=threshold, skip_tolerance=0.0), ours)
        kept = (ours[0, 0, row] > 0).sum()
        assert kept in (0, min(row + 1, 64)), "the same score must fall to the same side everywhere"


@pytest.mark.parametrize("chunks", CHUNKS, ids=["tokens", "tiles", "100+1+49", "63+1+1+85", "149+1"])
def test_chunks_keep_the_same_keys(draw, integers, backend, chunks):
    # A materialised product has another shape, thus another order of summation, for each chunk, so its scores agree
    # only to rounding. Clear of the threshold, or exact and on it, the decisions agree.
    inputs = draw(150, margin=1e-5)
    torch.testing.assert_close(in_chunks(inputs, chunks, backend=backend), whole(inputs, backend=backend))
    inputs = integers(inputs)
    for product in (0, 1, -2):
        options = {"threshold": product * 0.3, "scale": 0.3, "backend": backend}
        torch.testing.assert_close(in_chunks(inputs, chunks, **options), whole(inputs, **options))


def test_a_row_that_is_done_is_not_touched_by_its_neighbours(draw):
    # Its keys within the horizon have value zero, so that anything at all from beyond would show.
    inputs = draw(512, heads=1)
    inputs["value"][:, :, 200:] = 0
    inputs["log_forget"] = torch.full_like(inputs["log_forget"], -0.7)
    inputs["log_forget"][:, :, 500] = -1e-4
    output = whole(inputs)
    assert (output[:, :, 500] != 0).any()
    assert (output[:, :, 501:] == 0).all()
    assert torch.equal(in_chunks(inputs, [500, 1] + [1] * 11), output)


@pytest.mark.parametrize("changed", [1, 63, 64, 100, 149])
def test_blockwise_is_causal_to_the_bit(draw, changed):
    inputs, others = draw(150), draw(150, seed=1)
    later = {n: torch.cat([inputs[n][:, :, :changed], 9 * others[n][:, :, changed:]], 2) for n in ARGUMENTS}
    assert torch.equal(whole(later)[:, :, :changed], whole(inputs)[:, :, :changed])


@pytest.mark.parametrize("earlier", [1, 64, 100])
def test_earlier_outputs_send_no_gradient_to_later_tokens(draw, run, backend, earlier):
    inputs = draw(150)
    inputs["gradient"][:, :, earlier:] = 0
    results = run(inputs, backend)
    for name in ARGUMENTS:
        assert (results[name][:, :, earlier:] == 0).all()
        assert earlier == 1 or (results[name][:, :, :earlier] != 0).any()


def test_blockwise_batch_is_one_by_one(draw):
    inputs = draw(700, batch=3, heads=4, kv_heads=2)
    documents = torch.arange(700) // torch.tensor([[700], [100], [33]])
    one_by_one = [
        whole({n: inputs[n][i : i + 1] for n in ARGUMENTS}, document_ids=documents[i : i + 1]) for i in range(3)
    ]
    assert torch.equal(torch.cat(one_by_one), whole(inputs, document_ids=documents))
    one_group = {n: inputs[n][:, : 2 if n in ("query", "log_forget") else 1] for n in ARGUMENTS}
    assert torch.equal(whole(one_group), whole(inputs)[:, :2])


def transposed(tensor):
    """(batch, tokens, heads, dim) in memory, as a projection leaves it."""
    return tensor.transpose(1, 2).contiguous().transpose(1, 2)


def cached(tensor):
    """The middle of a larger buffer."""
    buffer = torch.full((tensor.shape[0] + 1, tensor.shape[1] + 2, tensor.shape[2] + 50, *tensor.shape[3:]), torch.nan)
    view = buffer[1:, 1:-1, 20 : 20 + tensor.shape[2]]
    return view.copy_(tensor)


def columns(tensor):
    """Last dimension not contiguous."""
    return tensor.mT.contiguous().mT if tensor.ndim == 4 else tensor.repeat_interleave(2, -1)[..., ::2]


def expanded(tensor):
    """One batch entry seen twice."""
    return tensor[:1].expand(2, *tensor.shape[1:])


@pytest.mark.parametrize("layout", [transposed, cached, columns, expanded])
def test_strides_do_not_matter(draw, run, layout):
    inputs = draw(100, 70, batch=2, heads=4, kv_heads=2)
    laid_out = {name: layout(tensor) for name, tensor in inputs.items()}
    dense = {name: tensor.contiguous() for name, tensor in laid_out.items()}
    assert any(tensor.stride() != dense[name].stride() for name, tensor in laid_out.items())
    results, expected = run(laid_out), run(dense)
    assert torch.equal(results["output"], expected["output"])
    for name in ARGUMENTS:  # a strided gradient is summed in another order
        torch.testing.assert_close(results[name], expected[name])
