"""At home in torch: registration, compilation, autocast, and memory that nobody has written."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from lengthwise import threshold_relative_attention
from lengthwise.attention import Attention
from lengthwise.ops.rowwise import kernel

Inputs = dict[str, Any]
Make = Callable[..., Inputs]

ARGUMENTS = ("query", "key", "value", "log_forget")
OF_ITS_OWN = pytest.mark.filterwarnings(  # what torch's compiler says of itself
    "ignore:.*Function.* should not be instantiated", "ignore:The .grad attribute"
)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("queries", [20, 2])
def test_registered_as_torch_wants_it(draw: Make, fast: str, queries: int) -> None:
    """Schema, fake tensors, autograd and ahead-of-time compilation of the operator, by torch's own checks."""
    inputs = draw(70, queries, batch=2, heads=2, kv_heads=1, head_dim=8)
    tensors = [inputs[name].requires_grad_() for name in ARGUMENTS]
    ids = (torch.arange(70) >= 33).long().expand(2, -1)
    operator = getattr(torch.ops.lengthwise, f"threshold_relative_{fast}").default
    for documents in (ids, None):
        torch.library.opcheck(operator, (*tensors, documents, 0.0, 8**-0.5, 1e-7, None))


@OF_ITS_OWN
@pytest.mark.parametrize("queries", [70, 3])
def test_compiled_is_eager(draw: Make, run: Make, fast: str, fresh_compiler: None, queries: int) -> None:
    inputs = draw(70, queries, heads=4, kv_heads=2)
    compiled = torch.compile(threshold_relative_attention, backend="aot_eager", fullgraph=True)
    expected = run(inputs, fast)
    assert all(torch.equal(x, expected[name]) for name, x in run(inputs, fast, attend=compiled).items())


@OF_ITS_OWN
@pytest.mark.parametrize(
    ("fast", "dtype"),
    [("blockwise", torch.float32), ("native", torch.float32), ("native", torch.bfloat16)],
    indirect=["fast"],
)
def test_a_compiled_layer_is_the_eager_one_at_any_length(
    fast: str, fresh_compiler: None, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A compiler sees the norm of queries and keys as torch's formula, whose last bits are not the kernel's.
    monkeypatch.setattr(kernel, "readable", lambda *tensors: False)
    torch.manual_seed(0)
    layer = Attention(32, 4, 2, "threshold-relative", backend=fast).to(dtype)
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(layer, backend=counter, fullgraph=True)
    for length in (100, 65, 64, 17, 200, 333):
        hidden = torch.randn(2, length, 32).to(dtype)
        gradients = []
        for attend in (layer, compiled):
            leaf = hidden.clone().requires_grad_()
            layer.zero_grad()
            output = attend(leaf)
            output.square().sum().backward()
            gradients.append([output.detach(), leaf.grad, *(p.grad.clone() for p in layer.parameters())])
        for eager, other in zip(*gradients, strict=True):
            assert eager.abs().sum() > 0
            assert torch.equal(eager, other)
    assert counter.frame_count <= 2


def cast(query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, backend: str) -> Tensor:
    """What autocast does, by hand."""
    query, key, value = (x.bfloat16() for x in (query, key, value))
    return threshold_relative_attention(query, key, value, log_forget, backend=backend)


def under_autocast(*arguments: Any, **options: Any) -> Any:
    with torch.autocast("cpu", torch.bfloat16):
        return threshold_relative_attention(*arguments, **options)


@pytest.mark.parametrize("queries", [70, 3])
@pytest.mark.parametrize("chosen", ["auto", "reference", "blockwise", "native"])
def test_autocast_casts_all_but_the_gates(
    draw: Make, run: Make, request: pytest.FixtureRequest, chosen: str, queries: int
) -> None:
    if chosen == "native":
        request.getfixturevalue("needs_native")
    inputs = draw(70, queries)
    inputs["log_forget"] = inputs["log_forget"] / 300

    by_hand = run(inputs, chosen, attend=cast)
    automatic = run(inputs, chosen, attend=under_autocast)
    assert automatic["output"].dtype == torch.bfloat16
    for name, expected in by_hand.items():
        assert torch.equal(automatic[name], expected), name
    assert all(automatic[name].dtype == torch.float32 for name in ARGUMENTS)
    coarse = inputs | {"log_forget": inputs["log_forget"].bfloat16().float()}
    assert not torch.equal(run(coarse, chosen, attend=cast)["log_forget"], by_hand["log_forget"])


@pytest.mark.parametrize("queries", [70, 3])
def test_a_backward_pass_under_autocast(draw: Make, run: Make, fast: str, queries: int) -> None:
    inputs = draw(70, queries)
    with torch.autocast("cpu", torch.bfloat16):
        automatic = run(inputs, fast)
    expected = run(inputs, fast, attend=cast)
    assert all(torch.equal(automatic[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("head_dim", [16, 33])
@pytest.mark.parametrize("keys", [200, 2100])
@pytest.mark.parametrize("queries", [150, 3])
def test_nothing_depends_on_uninitialised_memory(
    draw: Make,
    run: Make,
    fast: str,
    monkeypatch: pytest.MonkeyPatch,
    queries: int,
    keys: int,
    head_dim: int,
    dtype: torch.dtype,
) -> None:
    inputs = draw(keys, queries, batch=2, heads=4, kv_heads=2, head_dim=head_dim, dtype=dtype)
    inputs["query"][:, 1] *= 20
    options = {"document_ids": (torch.arange(keys) >= torch.tensor([[20], [130]])).long()}
    expected = run(inputs, fast, **options)
    assert not any(tensor.isnan().any() for tensor in expected.values())
    monkeypatch.setenv("LENGTHWISE_POISON", "1")  # the kernels' own memory, filled with NaN
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
        assert torch.empty(1000).isnan().all()
        results = run(inputs, fast, **options)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(results[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("queries", [150, 3])
def test_the_default_dtype_is_that_of_others(
    draw: Make,
    run: Make,
    backend: str,
    default_dtype: Callable[[torch.dtype], None],
    default: torch.dtype,
    queries: int,
) -> None:
    inputs = draw(150, queries, batch=2, heads=4, kv_heads=2)
    options = {"document_ids": (torch.arange(150) >= torch.tensor([[20], [130]])).long()}
    expected = run(inputs, backend, **options)
    default_dtype(default)
    results = run(inputs, backend, **options)
    assert all(torch.equal(results[name], tensor) for name, tensor in expected.items())
