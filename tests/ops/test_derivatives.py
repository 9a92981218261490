"""Derivatives of gradients."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import grad, gradgradcheck

from lengthwise import threshold_relative_attention

Inputs = dict[str, Any]
Make = Callable[..., Inputs]

ARGUMENTS = ("query", "key", "value", "log_forget")
MARGIN = 1e-3  # of scores from the threshold: finite differences must not cross it
SMALL = {"keys": 7, "queries": 5, "heads": 2, "kv_heads": 1, "head_dim": 3, "margin": MARGIN}
IDS = torch.tensor([[0, 0, 1, 1, 1, 1, 1]])


def names(values: Any) -> Any:
    return dict(zip((*ARGUMENTS, "gradient"), values, strict=True))


def second_derivatives(inputs: Inputs, backend: str, **options: Any) -> Inputs:
    """Of a sum of all four gradients with fixed weights: those of the arguments and of the output's gradient."""
    device = "cuda" if torch.cuda.is_available() and backend == "triton" else "cpu"
    generator = torch.Generator().manual_seed(1)
    leaves = [inputs[name].detach().to(device).requires_grad_() for name in (*ARGUMENTS, "gradient")]
    *arguments, gradient = leaves
    output = threshold_relative_attention(*arguments, backend=backend, **options)
    first = grad(output, arguments, gradient, create_graph=True)
    weights = [torch.randn(x.shape, generator=generator, dtype=torch.float64).bfloat16() for x in first]
    return names(x.cpu() for x in grad(first, leaves, [w.to(x) for w, x in zip(weights, first, strict=True)]))


def assert_second_within_budget(inputs: Inputs, backend: str, **options: Any) -> None:
    """Twice the error of the reference in that dtype, plus one rounding unit of the largest number."""
    exact = second_derivatives({name: x.double() for name, x in inputs.items()}, "reference", **options)
    own, results = (second_derivatives(inputs, of, **options) for of in ("reference", backend))
    for name, right in exact.items():
        error, allowed = ((x[name].double() - right).abs().max() for x in (results, own))
        assert right.abs().max() > 0, name
        assert results[name].dtype == inputs[name].dtype
        assert error <= 2 * allowed + torch.finfo(results[name].dtype).eps * right.abs().max(), name


@pytest.mark.parametrize("documents", [None, IDS])
@pytest.mark.parametrize("chosen", ["reference", "blockwise"])
def test_second_derivatives_are_those_of_finite_differences(draw: Make, chosen: str, documents: Tensor | None) -> None:
    inputs = draw(**SMALL, dtype=torch.float64)
    leaves = [inputs[name].requires_grad_() for name in ARGUMENTS]
    attend = lambda *x: threshold_relative_attention(*x, backend=chosen, document_ids=documents)  # noqa: E731
    assert gradgradcheck(attend, leaves)


@pytest.mark.parametrize(
    ("fast", "dtype"),
    [
        ("blockwise", torch.float64),
        *((of, dtype) for of in ("blockwise", "native") for dtype in (torch.float32, torch.bfloat16)),
    ],
    indirect=["fast"],
)
@pytest.mark.parametrize("queries", [70, 3])
def test_second_derivatives_within_budget(draw: Make, fast: str, queries: int, dtype: torch.dtype) -> None:
    inputs = draw(70, queries, batch=2, heads=4, kv_heads=2, dtype=dtype, margin=1e-5)
    inputs["query"] = inputs["query"].mT.contiguous().mT  # of any layout
    assert_second_within_budget(inputs, fast)
    assert_second_within_budget(inputs, fast, document_ids=(torch.arange(70) >= 33).long().expand(2, -1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of what is computed and then masked
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_second_derivatives_of_triton_within_budget(draw: Make, triton: str, dtype: torch.dtype) -> None:
    assert_second_within_budget(draw(20, heads=2, kv_heads=1, dtype=dtype, margin=1e-5), triton)


def test_gates_finer_than_the_rest(draw: Make, fast: str) -> None:
    """Under autocast and in the layers, the gates are float32 and the rest may be half as fine."""
    inputs = draw(70, dtype=torch.bfloat16, margin=1e-5)
    assert_second_within_budget(inputs | {"log_forget": inputs["log_forget"].float()}, fast)


def test_third_derivatives_of_one_tensor_in_all_places(draw: Make) -> None:
    inputs = draw(**(SMALL | {"queries": None, "kv_heads": 2}), dtype=torch.float64)

    def derivatives(backend: str) -> Any:
        x = inputs["query"].detach().requires_grad_()
        total = threshold_relative_attention(x, x, x * 2, inputs["log_forget"] * x.mean(-1).exp(), backend=backend)
        for _ in range(3):
            total = total.square().sum()
            (total,) = grad(total, x, create_graph=True)
        return total.detach()

    assert derivatives("reference").abs().max() > 0
    torch.testing.assert_close(derivatives("blockwise"), derivatives("reference"), rtol=1e-9, atol=0)


def test_broken_values_have_no_derivatives(draw: Make) -> None:
    inputs = draw(**SMALL, dtype=torch.float64)
    inputs["value"][0, 0, 2, 1] = torch.inf
    expected = second_derivatives(inputs, "reference")
    for name, results in second_derivatives(inputs, "blockwise").items():
        torch.testing.assert_close(results, expected[name], equal_nan=True, msg=name)
