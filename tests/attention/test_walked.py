"""Layers that attend by the compiled walk, in float32, held against the definition: gradients, documents, chunks."""

import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention import KeyValueCache
from lengthwise.ops import native

WALKED = (
    *(
        f"softmax+{position}"
        for position in ("nope", "rope", "alibi", "nape", "hard-alibi", "sandwich", "kerple", "t5")
    ),
    *(f"softmax+{position}" for position in ("bam", "forgetting", "cable")),
    *("log-n+alibi", "scalable-softmax+t5", "stick-breaking", "differential+alibi", "differential-v2+forgetting"),
    *("compositional", "off-by-one+alibi", "learned-sink+t5", "softmax+fire", "off-by-one+fire", "differential+fire"),
    *("entmax", "entmax+rope", "entmax+alibi", "as-entmax+nape"),
    *("banded[n=70]+rope", "banded+t5", "banded[n=200]", "block-local[n=70]+alibi", "block-local+kerple"),
)
TOKENS = 150


def layer(mechanism: str, backend: str) -> Attention:
    torch.manual_seed(0)
    made = Attention(64, 4, 2, mechanism, backend=backend, context=64, reach=512)
    if backend != "reference":
        return made
    made.load_state_dict(layer(mechanism, "auto").state_dict())
    return made


def hidden() -> Tensor:
    return torch.randn(2, TOKENS, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def compiled() -> None:
    if reason := native.not_compiled():
        pytest.skip(reason)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mechanism", WALKED)
def test_the_walk_is_the_definition(mechanism: str, packed: bool) -> None:
    documents = (torch.arange(TOKENS) // 40).expand(2, -1) if packed else None
    results = []
    for backend in ("auto", "reference"):
        read, attend = hidden().requires_grad_(), layer(mechanism, backend)
        output = attend(read, document_ids=documents)
        output.square().sum().backward()
        gradients = [parameter.grad for parameter in attend.parameters() if parameter.requires_grad]
        results.append([output.detach(), read.grad, *gradients])
    # The gradient of what is added to all scores is 0 but for rounding.
    floor = 1e-6 * max(1.0, *(float(theirs.abs().max()) for theirs in results[1]))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-5 * float(theirs.abs().max()) + floor)


def test_units_of_fire_without_weight_and_with_knots_anywhere() -> None:
    def change(attend: Attention) -> Attention:
        first = dict(attend.named_parameters())["position.first.weight"]
        with torch.no_grad():
            first[:4] = torch.tensor([[0.0], [1e-30], [-1e-3], [50.0]])
        return attend

    attend, reference = (change(layer("softmax+fire", backend)) for backend in ("auto", "reference"))
    torch.testing.assert_close(attend(hidden()), reference(hidden()), rtol=0, atol=2e-6)


@pytest.mark.parametrize("mechanism", WALKED)
def test_chunks_with_a_cache_are_the_whole(mechanism: str) -> None:
    attend, read = layer(mechanism, "auto").eval(), hidden()
    cache, parts = KeyValueCache()[0], []
    with torch.no_grad():
        for start, stop in ((0, 100), (100, 101), (101, 108), (108, TOKENS)):
            parts.append(attend(read[:, start:stop], cache=cache))
        torch.testing.assert_close(torch.cat(parts, 1), attend(read), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "mechanism", ["softmax", "softmax+alibi", "softmax+forgetting", "softmax+t5", "stick-breaking"]
)
def test_no_later_token_moves_a_bit_of_an_earlier_output(mechanism: str) -> None:
    attend, read = layer(mechanism, "auto").eval(), hidden()
    with torch.no_grad():
        expected, changed = attend(read), read.clone()
        changed[:, 100:] = torch.randn(2, TOKENS - 100, 64, generator=torch.Generator().manual_seed(2))
        assert torch.equal(attend(changed)[:, :100], expected[:, :100])
