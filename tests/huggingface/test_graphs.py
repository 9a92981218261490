"""Models as one graph: ``torch.compile(fullgraph=True)``, and ``torch.export`` for batches and lengths of any size."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from tests.huggingface.pairs import Pair
from torch import Tensor
from torch.export import Dim

PAIR = Callable[..., Pair]
SOME = [
    *("threshold-relative", "softmax+rope", "softmax+alibi+layer-norm", "selective", "softmax+forgetting"),
    *("stick-breaking", "softmax+learned", "entmax+nape"),
]


@pytest.fixture(autouse=True)
def _nothing_compiled_before() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("mechanism", SOME)
def test_training_is_compiled_without_a_break(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    _, model = pair(mechanism)
    mask = torch.ones_like(tokens)
    mask[1, :4] = 0
    given: dict[str, Any] = {"attention_mask": mask, "labels": tokens.masked_fill(mask == 0, -100)}
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    found = [one(tokens, **given).loss for one in (model, compiled)]
    torch.testing.assert_close(found[1], found[0])
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    plain, of_compiled = (torch.autograd.grad(loss, parameters, allow_unused=True) for loss in found)
    for one, other in zip(plain, of_compiled, strict=True):
        torch.testing.assert_close(other, one)


@pytest.mark.parametrize("mechanism", SOME)
def test_an_exported_program_reads_other_lengths(mechanism: str, pair: PAIR, tokens: Tensor) -> None:
    _, model = pair(mechanism)
    sizes = {0: Dim("batch", min=1, max=64), 1: Dim("tokens", min=2, max=512)}
    with torch.no_grad():
        program = torch.export.export(
            model,
            (),
            {"input_ids": tokens, "use_cache": False},
            dynamic_shapes={"input_ids": sizes, "use_cache": None},
        ).module()
        for longer in (tokens, tokens[:1, :4], tokens.repeat(2, 3)):
            said = program(input_ids=longer, use_cache=False)
            torch.testing.assert_close(said.logits, model(longer).logits)
