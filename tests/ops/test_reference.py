"""The reference, which defines the result, against the formula written out, and against what it contains."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import gradcheck

from lengthwise import threshold_relative_attention

Inputs = dict[str, Any]
Make = Callable[..., Inputs]


def by_hand(query: Any, key: Any, value: Any, log_forget: Any, threshold: float, scale: float) -> Tensor:
    """One head, of tensors as lists, in plain loops: threshold, count, add, softmax."""
    rows, offset = [], len(key) - len(query)
    for i, (q, gate) in enumerate(zip(query, log_forget, strict=True)):
        scores = [scale * sum(a * b for a, b in zip(q, k, strict=True)) for k in key[: offset + i + 1]]
        kept = [j for j, score in enumerate(scores) if score > threshold]
        logits = {j: scores[j] + gate * sum(m >= j for m in kept) for j in kept}
        total = sum(math.exp(logit) for logit in logits.values())
        rows.append([sum(math.exp(a) / total * value[j][d] for j, a in logits.items()) for d in range(len(q))])
    return torch.tensor(rows, dtype=torch.float64)


def test_four_tokens_by_hand(backend: str, finest: torch.dtype) -> None:
    query = torch.tensor([[1.0, 2.0], [-1.0, 1.0], [2.0, 0.5], [1.0, 1.0]], dtype=finest)
    key = torch.tensor([[1.0, 0.0], [0.5, 1.0], [-3.0, 1.0], [1.0, 1.0]], dtype=finest)
    value = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]], dtype=finest)
    gate = torch.tensor([-0.1, -0.5, -1.0, -2.0], dtype=finest)
    result = threshold_relative_attention(
        *(x[None, None] for x in (query, key, value, gate)), scale=0.5, backend=backend
    )[0, 0]

    expected = by_hand(query.tolist(), key.tolist(), value.tolist(), gate.tolist(), 0.0, 0.5)
    torch.testing.assert_close(result, expected.to(finest))
    # The last row in numbers: scores 0.5, 0.75, -1 and 1, so the third key neither counts nor weighs.
    weights = torch.softmax(torch.tensor([0.5 - 2 * 3, 0.75 - 2 * 2, 1.0 - 2 * 1], dtype=finest), 0)
    torch.testing.assert_close(result[-1, 0], (weights * torch.tensor([1.0, 2.0, 4.0], dtype=finest)).sum())


@pytest.mark.parametrize("threshold", [-0.5, 0.0, 0.7])
@pytest.mark.parametrize(("keys", "queries"), [(1, 1), (9, 9), (9, 4)])
def test_formula_in_loops(
    draw: Make, backend: str, finest: torch.dtype, keys: int, queries: int, threshold: float
) -> None:
    inputs = draw(keys, queries, heads=1, head_dim=3, dtype=finest, threshold=threshold, margin=1e-5)
    del inputs["gradient"]
    result = threshold_relative_attention(**inputs, threshold=threshold, backend=backend)
    query, key, value, gates = (x[0, 0].tolist() for x in inputs.values())
    expected = by_hand(query, key, value, gates, threshold, 3**-0.5)
    torch.testing.assert_close(result[0, 0], expected.to(finest))


@pytest.mark.parametrize("threshold", [-0.3, 0.0])
def test_gradcheck(draw: Make, threshold: float) -> None:
    inputs = draw(7, 5, heads=2, kv_heads=1, head_dim=3, dtype=torch.float64, threshold=threshold, margin=1e-3)
    leaves = [inputs[name].requires_grad_() for name in ("query", "key", "value", "log_forget")]
    documents = torch.tensor([[0, 0, 1, 1, 1, 1, 1]])
    assert gradcheck(
        lambda *x: threshold_relative_attention(*x, threshold=threshold, document_ids=documents, backend="reference"),
        leaves,
    )


def test_row_that_keeps_nothing_is_zero_and_has_no_gradient(draw: Make, run: Make, backend: str) -> None:
    results = run(draw(70), backend, threshold=1e4)
    assert all((tensor == 0).all() for tensor in results.values())


def test_score_equal_to_the_threshold_is_dropped(backend: str, finest: torch.dtype) -> None:
    query = torch.ones(1, 1, 1, 1, dtype=finest)
    key = torch.tensor([0.25, 0.5, 1.0], dtype=finest).view(1, 1, 3, 1)
    value = torch.tensor([1.0, 2.0, 3.0], dtype=finest).view(1, 1, 3, 1)

    def attend(threshold: float) -> float:
        return threshold_relative_attention(
            query, key, value, query.new_zeros(1, 1, 1), threshold=threshold, backend=backend
        ).item()

    assert attend(0.5) == 3.0
    assert attend(1.0) == 0.0
    assert 2.0 < attend(0.499999) < 3.0


def test_without_threshold_it_is_a_softmax_with_a_slope(draw: Make, backend: str, finest: torch.dtype) -> None:
    inputs = draw(40, 30, dtype=finest)
    del inputs["gradient"]
    result = threshold_relative_attention(**inputs, threshold=-math.inf, backend=backend)

    distance = (torch.arange(10, 40)[:, None] - torch.arange(40)).to(finest)
    bias = (inputs["log_forget"][..., None] * distance).masked_fill(distance < 0, -math.inf)
    weights = F.softmax(inputs["query"] @ inputs["key"].mT / 4 + bias, dim=-1)
    torch.testing.assert_close(result, weights @ inputs["value"])


def test_grouped_heads_are_repeated_heads(draw: Make, backend: str, finest: torch.dtype) -> None:
    inputs = draw(20, heads=6, kv_heads=2, dtype=finest)
    del inputs["gradient"]
    repeated = inputs | {name: inputs[name].repeat_interleave(3, dim=1) for name in ("key", "value")}
    results = [threshold_relative_attention(**x, backend=backend) for x in (inputs, repeated)]
    torch.testing.assert_close(*results, rtol=0, atol=0 if backend == "native" else 1e-15)


def test_queries_stand_at_the_last_keys(draw: Make, backend: str, finest: torch.dtype) -> None:
    inputs = draw(90, dtype=finest)
    del inputs["gradient"]
    full = threshold_relative_attention(**inputs, backend=backend)
    last = inputs | {name: inputs[name][:, :, 70:] for name in ("query", "log_forget")}
    torch.testing.assert_close(threshold_relative_attention(**last, backend=backend), full[:, :, 70:])


@pytest.mark.parametrize(
    ("backend", "dtype"),
    [
        *itertools.product(["reference", "blockwise"], [torch.float64, torch.float32, torch.bfloat16, torch.float16]),
        *itertools.product(["native"], [torch.float32, torch.bfloat16]),
    ],
    indirect=["backend"],
)
@pytest.mark.parametrize("gates", [None, torch.float32])
def test_dtype_and_shape(draw: Make, run: Make, backend: str, dtype: torch.dtype, gates: torch.dtype | None) -> None:
    inputs = draw(10, 4, heads=4, kv_heads=2, head_dim=6, dtype=dtype)
    inputs["log_forget"] = inputs["log_forget"].to(gates)
    results = run(inputs, backend)
    assert results["output"].dtype == dtype
    assert results["output"].shape == (1, 4, 4, 6)
    for name in ("query", "key", "value", "log_forget"):
        assert (results[name].dtype, results[name].shape) == (inputs[name].dtype, inputs[name].shape)
    expected = run({n: x.double() for n, x in inputs.items()}, "reference")["output"]
    torch.testing.assert_close(results["output"].double(), expected, rtol=0, atol=4 * torch.finfo(dtype).eps)
