"""Inputs for the operator, ways to run it, and the error budget that every backend is held to."""

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, rms_norm

from lengthwise import threshold_relative_attention
from lengthwise.ops import native
from lengthwise.ops.reach import softmax_over
from lengthwise.ops.threshold_relative import reference

GPU = torch.cuda.is_available()
Inputs = dict[str, Any]
"""``query``, ``key``, ``value``, ``log_forget``, and ``gradient``, the one that arrives at the output."""
ARGUMENTS = ("query", "key", "value", "log_forget")
NOTHING = 2.0**-90


def _draw(
    keys: int,
    queries: int | None = None,
    *,
    batch: int = 1,
    heads: int = 2,
    kv_heads: int | None = None,
    head_dim: int = 16,
    dtype: torch.dtype = torch.float32,
    threshold: float = 0.0,
    margin: float = 0.0,
    seed: int = 0,
) -> Inputs:
    """RMS-normalised queries and keys and fresh gates, already rounded to ``dtype``.

    A key with a score within ``margin`` of the threshold is drawn again: nearer than rounding, two correct programs may
    keep it or drop it.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    queries, kv_heads = queries or keys, kv_heads or heads
    query = rms_norm(normal(batch, heads, queries, head_dim), (head_dim,)).to(dtype)
    key = rms_norm(normal(batch, kv_heads, keys, head_dim), (head_dim,)).to(dtype)
    while (near := _near(query, key, threshold, margin)).any():
        key[near] = rms_norm(normal(int(near.sum()), head_dim), (head_dim,)).to(dtype)
    value, gradient = normal(batch, kv_heads, keys, head_dim), normal(batch, heads, queries, head_dim)
    log_forget = logsigmoid(normal(batch, heads, queries))
    rest = {"value": value, "log_forget": log_forget, "gradient": gradient}
    return {"query": query, "key": key} | {name: tensor.to(dtype) for name, tensor in rest.items()}


def _near(query: Tensor, key: Tensor, threshold: float, margin: float) -> Tensor:
    """The keys (batch, kv_heads, keys) with a float64 score within ``margin`` of the threshold."""
    query = query.double().unflatten(1, (key.shape[1], -1)).flatten(2, 3)
    scores = query @ key.double().mT / query.shape[-1] ** 0.5
    return ((scores - threshold).abs() < margin).any(-2)


def _integers(inputs: Inputs, largest: int = 2, seed: int = 0) -> Inputs:
    """The same inputs with small integers for queries and keys: products are exact in any dtype, and many are equal."""
    generator = torch.Generator().manual_seed(seed)
    small = (
        torch.randint(-largest, largest + 1, inputs[n].shape, generator=generator, dtype=torch.long)
        for n in ("query", "key")
    )
    return inputs | {n: x.to(inputs[n].dtype) for n, x in zip(("query", "key"), small, strict=True)}


def _run(
    inputs: Inputs,
    backend: str,
    attend: Callable[..., Tensor] = threshold_relative_attention,
    **options: Any,
) -> Inputs:
    """The output and the gradients of the four arguments, by name, on the CPU wherever they were computed."""
    device = "cuda" if GPU and backend == "triton" else "cpu"
    options = {name: of.to(device) if isinstance(of, Tensor) else of for name, of in options.items()}
    leaves = {name: inputs[name].detach().to(device).requires_grad_() for name in ARGUMENTS}
    output = attend(**leaves, backend=backend, **options)
    output.backward(inputs["gradient"].to(device))
    results = {"output": output.detach()} | {name: leaf.grad for name, leaf in leaves.items()}
    return {name: result.cpu() for name, result in results.items()}


def _terms(inputs: Inputs, threshold: float = 0.0, scale: float | None = None, **options: Any) -> Inputs:
    """How large each result would be if nothing cancelled: its formula with the absolute values of all terms.

    A weight is the exponential of a logit, and one rounding unit of the logit is that many of the weight.
    """
    query, key, value, log_forget, gradient = (inputs[name].double().nan_to_num(0, 0, 0) for name in inputs)
    scale, group = scale or query.shape[-1] ** -0.5, query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(group, dim=1) for x in (key, value))
    documents = options.get("document_ids")
    logits, kept = reference.logits_and_kept(query, key, log_forget, threshold / scale, scale, documents)
    weights = (softmax_over(logits, kept) * (1 + logits.abs())).nan_to_num()
    count = kept.flip(-1).cumsum(-1).flip(-1) * kept
    query, key, value, gradient = (x.abs() for x in (query, key, value, gradient))
    output = weights @ value
    d_logits = weights * (gradient @ value.mT + (gradient * output).sum(-1, keepdim=True))
    return {
        "output": output,
        "query": scale * d_logits @ key,
        "key": scale * (d_logits.mT @ query).unflatten(1, (-1, group)).sum(2),
        "value": (weights.mT @ gradient).unflatten(1, (-1, group)).sum(2),
        "log_forget": (d_logits * count).sum(-1),
    }


def _assert_within_budget(inputs: Inputs, backend: str, **options: Any) -> None:
    """Hold a backend against the float64 reference on the very same (rounded) inputs.

    The budget for the largest error of each result is twice the largest error that the reference itself makes in that
    dtype, plus one rounding unit of the largest sum of absolute terms, for where the reference happens to hit the
    result: its softmax cancels exactly in a row with one heavy key, and the product of an output with its gradient,
    which memory linear in the tokens takes, cancels to rounding. Weights near ``NOTHING`` are nothing to a backend that
    keeps clear of subnormal numbers. NaN has to be in the same places.
    """
    exact = _run({name: tensor.double() for name, tensor in inputs.items()}, "reference", **options)
    own, results = _run(inputs, "reference", **options), _run(inputs, backend, **options)
    terms = _terms(inputs, **options)
    for name, right in exact.items():
        assert results[name].dtype == inputs.get(name, inputs["query"]).dtype
        assert torch.equal(results[name].isnan(), right.isnan()), f"NaN in {name}"
        error, allowed = ((x[name].double() - right).nan_to_num().abs().max() for x in (results, own))
        floor = torch.finfo(results[name].dtype).eps * terms[name].max() + NOTHING
        assert error <= 2 * allowed + floor, f"{name}: {error:.2e}, budget 2 × {allowed:.2e} + {floor:.2e}"


def _assert_same(results: Inputs, expected: Inputs, inputs: Inputs, **options: Any) -> None:
    """Two ways to one result agree within 16 rounding units of the largest sum of absolute terms; NaN is where NaN is.

    How a processor splits a sum depends on the shapes; by how much that can change a result does not.
    """
    terms = _terms(inputs, **options)
    for name, result in results.items():
        budget = 16 * torch.finfo(result.dtype).eps * terms[name].max().item()
        torch.testing.assert_close(
            result, expected[name], rtol=0, atol=budget, equal_nan=True, msg=f"{name}: {{}}".format
        )


@pytest.fixture(scope="session")
def draw() -> Callable[..., Inputs]:
    return _draw


@pytest.fixture(scope="session")
def integers() -> Callable[..., Inputs]:
    return _integers


@pytest.fixture(scope="session")
def run() -> Callable[..., Inputs]:
    return _run


@pytest.fixture(scope="session")
def assert_same() -> Callable[..., None]:
    return _assert_same


@pytest.fixture(scope="session")
def assert_within_budget() -> Callable[..., None]:
    return _assert_within_budget


def _compiled(backend: str) -> str:
    """The backend's name, where it is there."""
    if backend == "native" and (reason := native.not_compiled()):
        pytest.skip(reason)
    return backend


FAST = ["triton"] if os.environ.get("LENGTHWISE_TEST_GPU") else ["blockwise", "native"]


@pytest.fixture(params=["reference", *FAST])
def backend(request: pytest.FixtureRequest) -> str:
    return _compiled(request.param)


@pytest.fixture(params=FAST)
def fast(request: pytest.FixtureRequest) -> str:
    """A backend that is not the reference. With a dtype that native does not take, give both, ``indirect=["fast"]``."""
    return _compiled(request.param)


@pytest.fixture
def triton() -> str:
    """For the tests of the Triton kernels."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed; there is none for this platform.")
    return "triton"


@pytest.fixture
def needs_native() -> str:
    """For the tests of what native alone has."""
    return _compiled("native")


@pytest.fixture
def finest(backend: str) -> torch.dtype:
    """The finest dtype that ``backend`` takes."""
    return torch.float32 if backend in ("native", "triton") else torch.float64
