"""Strict attention: a query sees the keys before its own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import threshold_relative_attention
from lengthwise.errors import InputError
from lengthwise.ops.reach import softmax_over
from lengthwise.ops.threshold_relative import reference

Inputs = dict[str, Any]
Make = Callable[..., Inputs]
Check = Callable[..., None]


def by_the_mask(inputs: Inputs, document_ids: Tensor | None = None) -> Tensor:
    """The output by the reference's weights, from which the mask hides a query's own key."""
    query, key, value, log_forget = (inputs[name].double() for name in ("query", "key", "value", "log_forget"))
    logits, kept = reference.logits_and_kept(
        query, key, log_forget, 0.0, query.shape[-1] ** -0.5, document_ids, strict=True
    )
    return softmax_over(logits, kept) @ value


@pytest.mark.parametrize(("keys", "queries"), [(1, 1), (2, 1), (2, 2), (65, 65), (130, 3), (300, 130)])
@pytest.mark.parametrize("documents", [False, True])
def test_no_query_sees_its_own_key(draw: Make, backend: str, keys: int, queries: int, documents: bool) -> None:
    inputs = draw(keys, queries, margin=1e-5)
    ids = (torch.arange(keys)[None] >= torch.tensor([[keys // 3], [keys // 2]])).sum(0, keepdim=True)
    arguments = (inputs[name] for name in ("query", "key", "value", "log_forget"))
    given = ids if documents else None
    result = threshold_relative_attention(*arguments, document_ids=given, backend=backend, strict=True)
    torch.testing.assert_close(result.double(), by_the_mask(inputs, given), rtol=1e-5, atol=1e-5)
    if queries == keys:
        assert (result[:, :, 0] == 0).all()


def test_gradients(draw: Make, backend: str) -> None:
    inputs = draw(70, margin=1e-5)
    leaves = [inputs[name].requires_grad_() for name in ("query", "key", "value", "log_forget")]
    expected = torch.autograd.grad(by_the_mask(inputs), leaves, inputs["gradient"].double())
    output = threshold_relative_attention(*leaves, backend=backend, strict=True)
    found = torch.autograd.grad(output, leaves, inputs["gradient"])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_document_that_comes_back_is_refused(draw: Make) -> None:
    inputs = draw(4)
    del inputs["gradient"]
    with pytest.raises(InputError, match="contiguous"):
        threshold_relative_attention(**inputs, strict=True, document_ids=torch.tensor([[0, 1, 0, 0]]))
    threshold_relative_attention(**inputs, strict=True, document_ids=torch.tensor([[5, 1, 1, 0]]))
