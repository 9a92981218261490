"""What is computed for each token alone: the kernels against the formulas in float64."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.fresh import python
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lengthwise.attention import Attention
from lengthwise.ops.rowwise import entmax, kernel, rms_norm, rotate, swiglu
from lengthwise.ops.rowwise.entmax import by_formula as entmax_formula

WIDTHS = (1, 2, 7, 16, 33, 64, 192)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def in_float64(function: Callable[..., Tensor], *arguments: Tensor) -> list[Tensor]:
    """Value and gradients, the gradient of the value being one cosine per element."""
    variables = [argument.detach().double().requires_grad_() for argument in arguments]
    return results(function, *variables)


def results(function: Callable[..., Tensor], *arguments: Tensor) -> list[Tensor]:
    value = function(*arguments)
    upstream = torch.arange(value.numel(), dtype=torch.float64).cos().view(value.shape).to(value.dtype)
    return [value, *torch.autograd.grad(value, arguments, upstream)]


def near(found: list[Tensor], expected: list[Tensor]) -> None:
    for each, right in zip(found, expected, strict=True):
        assert each.dtype == torch.float32
        assert (each - right).abs().max() <= 4e-6 * (1 + right.abs().max())


def by_kernels(*tensors: Tensor) -> None:
    assert kernel.readable(*tensors)


@pytest.mark.parametrize("width", WIDTHS)
def test_swiglu(needs_native: str, width: int) -> None:
    both = (4 * normal(3, 70, 2 * width)).requires_grad_()
    by_kernels(both)

    def formula(of: Tensor) -> Tensor:
        return F.silu(of[..., :width]) * of[..., width:]

    near(results(swiglu, both), in_float64(formula, both))
    sliced = (4 * normal(3, 70, 2 * width + 3)).requires_grad_()
    near(results(lambda of: swiglu(of[..., 3:]), sliced), in_float64(lambda of: formula(of[..., 3:]), sliced))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("weighted", [False, True])
def test_rms_norm(needs_native: str, width: int, weighted: bool) -> None:
    x = normal(3, 70, 2, width).requires_grad_()
    weights = [normal(width).requires_grad_()] if weighted else []
    by_kernels(x, *weights)
    for layout in (lambda x: x, lambda x: x.transpose(1, 2), lambda x: x[:, ::2], lambda x: x.mT):

        def of(x: Tensor, weight: Tensor | None = None, layout: Callable[[Tensor], Tensor] = layout) -> Tensor:
            rows = layout(x)
            if weight is not None and rows.shape[-1] != width:
                weight = weight[:1].expand(rows.shape[-1])
            if x.dtype == torch.float32:
                return rms_norm(rows, weight)
            return F.rms_norm(rows, rows.shape[-1:], weight, eps=1e-6)

        near(results(of, x, *weights), in_float64(of, x, *weights))


@pytest.mark.parametrize("width", [2, 6, 16, 34, 64])
@pytest.mark.parametrize("batch", [1, 3])
def test_rotate(needs_native: str, width: int, batch: int) -> None:
    vectors, angles = normal(3, 70, 4, width).requires_grad_(), 9 * normal(batch, 1, 70, width // 2)
    by_kernels(vectors, angles)

    def of(vectors: Tensor) -> Tensor:
        each = angles.to(vectors.dtype)
        return rotate(vectors.transpose(1, 2), each.cos(), each.sin())

    def by_complex_numbers(vectors: Tensor) -> Tensor:
        pairs = torch.complex(*vectors.transpose(1, 2).chunk(2, -1))
        turned = pairs * torch.polar(torch.ones_like(angles.double()), angles.double())
        return torch.cat([turned.real, turned.imag], -1)

    near(results(of, vectors), in_float64(by_complex_numbers, vectors))


def test_learned_angles_get_their_gradient() -> None:
    vectors, angles = normal(2, 3, 5, 8), normal(1, 1, 5, 4).requires_grad_()
    found = results(lambda angles: rotate(vectors, angles.cos(), angles.sin()), angles)
    near(found, in_float64(lambda angles: rotate(vectors.double(), angles.cos(), angles.sin()), angles))


def test_swiglu_of_extreme_gates(needs_native: str) -> None:
    gates = [-torch.inf, -1e4, -200.0, -87.5, -87.0, -30.0, -0.0, 1e-30, 87.0, 89.0, 1e4, torch.inf, torch.nan, 1e38]
    both = torch.tensor([*gates, *[2.0] * len(gates)])
    expected = 2 * F.silu(torch.tensor(gates, dtype=torch.float64))
    assert torch.allclose(swiglu(both).double(), expected, rtol=1e-6, atol=1e-35, equal_nan=True)
    assert swiglu(both)[0].isnan()


def test_one_broken_row_breaks_itself_alone(needs_native: str) -> None:
    x = normal(200, 48)
    for number in (torch.nan, torch.inf):
        broken = x.clone()
        broken[100, 3] = number
        for function in (rms_norm, swiglu):
            whole, found = function(x), function(broken)
            others = torch.arange(200) != 100
            assert torch.equal(found[others], whole[others])
            assert found[100].isnan().any() or found[100].isinf().any()


def test_results_do_not_depend_on_the_number_of_threads(needs_native: str) -> None:
    x, weight = normal(9, 300, 64).requires_grad_(), normal(64).requires_grad_()
    turned = normal(9, 4, 300, 16).requires_grad_()
    angle = normal(1, 1, 300, 8)
    cases: list[tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = [
        (swiglu, (x,)),
        (entmax, (x,)),
        (rms_norm, (x, weight)),
        (lambda of: rotate(of, angle.cos(), angle.sin()), (turned,)),
    ]
    threads = torch.get_num_threads()
    try:
        for function, arguments in cases:
            by_number = []
            for number in (1, 2, 3):
                torch.set_num_threads(number)
                by_number.append(results(function, *arguments))
            assert all(torch.equal(a, b) for other in by_number[1:] for a, b in zip(by_number[0], other, strict=True))
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("alpha", [1.25, 1.5, 1.75, 2.0])
def test_second_derivatives_of_entmax_are_those_of_differences(alpha: float) -> None:
    scores = normal(4, 6).double().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda scores: entmax(scores, alpha), (scores,))


def test_further_derivatives_of_entmax_are_those_of_differences() -> None:
    scores, towards = 0.3 * normal(5).double(), normal(5).double()

    def derivative(order: int, at: Tensor) -> Tensor:
        """In the direction ``towards``."""
        at.requires_grad_()
        found = entmax(at) @ towards
        for _ in range(order):
            found = torch.autograd.grad(found, at, create_graph=True)[0] @ towards
        return found.detach()

    for order in (2, 3, 4):
        above, below = (derivative(order - 1, scores + side * 1e-5 * towards) for side in (1, -1))
        torch.testing.assert_close(derivative(order, scores.clone()), (above - below) / 2e-5, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["swiglu", "rms_norm", "rotate", "entmax"])
def test_all_derivatives(name: str) -> None:
    """Those of gradients in float32 as in float64; forward mode, ``torch.func`` and vmap see the formula."""
    angle, weight = normal(1, 1, 5, 3), normal(6)
    function: Callable[[Tensor], Tensor] = {
        "swiglu": swiglu,
        "rms_norm": lambda x: rms_norm(x * weight.to(x.dtype), weight.to(x.dtype)),
        "entmax": entmax,
        "rotate": lambda x: rotate(x, angle.cos().to(x.dtype), angle.sin().to(x.dtype)),
    }[name]

    def of_gradient(x: Tensor) -> Tensor:
        return torch.autograd.grad(function(x).square().sum(), x, create_graph=True)[0]

    x = normal(2, 2, 5, 6).requires_grad_()
    near(results(of_gradient, x), in_float64(of_gradient, x))
    plain = x.detach()
    hessian = torch.func.hessian(lambda x: function(x).square().sum())
    near([hessian(plain)], [hessian(plain.double())])

    def tangent(x: Tensor) -> Tensor:
        return torch.func.jvp(function, (x,), (torch.ones_like(x),))[1]

    near([tangent(plain)], [tangent(plain.double())])
    near([torch.vmap(function)(plain[None])[0]], [function(plain.double())])


def test_a_weight_that_made_its_input_gets_the_part_of_the_norm_alone() -> None:
    def twice(x: Tensor, weight: Tensor) -> Tensor:
        gradients = torch.autograd.grad(rms_norm(x * weight, weight).square().sum(), (x, weight), create_graph=True)
        return gradients[0] * gradients[1]

    x, weight = normal(4, 6).requires_grad_(), normal(6).requires_grad_()
    near(results(twice, x, weight), in_float64(twice, x, weight))


class Watching(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), named=None):  # type: ignore[no-untyped-def]
        self.seen = True
        return function(*arguments, **(named or {}))


def test_who_watches_sees_the_formula() -> None:
    x = normal(4, 6)
    with Watching():
        assert not kernel.readable(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not kernel.readable(x)
    assert not kernel.readable(x.double())
    assert not kernel.readable(x.to("meta"))
    assert swiglu(x.to("meta")).shape == (4, 3)
    assert swiglu(x.bfloat16()).dtype == torch.bfloat16
    assert rms_norm(x.half()).dtype == torch.float16


def test_empty_tensors() -> None:
    assert swiglu(torch.empty(0, 6)).shape == (0, 3)
    assert rms_norm(torch.empty(2, 0, 6)).shape == (2, 0, 6)
    assert rotate(torch.empty(0, 2, 3, 6), torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)).shape == (0, 2, 3, 6)


@pytest.mark.parametrize("width", WIDTHS)
def test_entmax(needs_native: str, width: int) -> None:
    scores = (6 * normal(3, 70, width)).requires_grad_()
    hidden = torch.arange(width) > torch.arange(70)[:, None] % width
    by_kernels(scores)
    near(results(entmax, scores), in_float64(entmax_formula, scores))
    masked = [of(scores.masked_fill(hidden, -torch.inf)) for of in (entmax, entmax_formula)]
    near(masked[:1], masked[1:])
    assert not masked[0][:, hidden].any()
    assert torch.allclose(masked[0].sum(-1), torch.ones(3, 70), atol=1e-6)


def test_entmax_of_extreme_scores(needs_native: str) -> None:
    rows = torch.tensor([[0.0, 0, 0, 0], [1e30, 0, 0, 0], [-1e30, -1e30, 3, 3], [3, 1, -torch.inf, -torch.inf]])
    assert torch.allclose(entmax(rows), entmax(rows.double()).float(), atol=1e-6)
    for broken in (torch.nan, torch.inf):
        rows[1, 2] = broken
        assert torch.equal(entmax(rows).isnan().any(-1), torch.tensor([False, True, False, False]))
    assert entmax(torch.full((1, 5), -torch.inf)).isnan().all()


def test_shapes_that_do_not_fit_are_refused_or_broadcast_as_by_torch() -> None:
    for wrong in (
        lambda: rms_norm(torch.ones(3, 64), torch.ones(1)),
        lambda: rms_norm(torch.ones(3, 8), torch.ones(8, 1)),
        lambda: swiglu(torch.ones(2, 7)),
        lambda: swiglu(torch.ones(3, 1)),
        lambda: rotate(torch.ones(1, 1, 3, 5), torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2)),
    ):
        with pytest.raises((RuntimeError, ValueError)):
            wrong()
    vectors = normal(2, 3, 7, 8)
    for shape in ((1, 1, 1, 4), (1, 3, 7, 4), (2, 3, 7, 4), (1, 1, 7, 1)):
        angle = normal(*shape)
        found, right = (rotate(of, angle.cos().to(of), angle.sin().to(of)) for of in (vectors, vectors.double()))
        near([found], [right])


def of_layer(name: str) -> Callable[[Tensor], Tensor]:
    return Attention(8, 2, mechanism=name)


@pytest.mark.parametrize("name", ["softmax+rope", "threshold-relative", "entmax"])
def test_batched_gradients(name: str) -> None:
    """Those of the older vmap, which ``functional.jacobian`` and ``is_grads_batched`` use."""
    layer, x = of_layer(name), normal(1, 5, 8)
    at_once = torch.autograd.functional.jacobian(layer, x, vectorize=True)
    assert torch.allclose(at_once, torch.autograd.functional.jacobian(layer, x), atol=1e-5)


TRACED = """
import io
import torch
from lengthwise.models.backbone import RMSNorm, _SwiGLU
module, x, stream = torch.nn.Sequential(RMSNorm(8), _SwiGLU(8, 16, False, 0.0)), torch.randn(1, 5, 8), io.BytesIO()
torch.jit.save(torch.jit.trace(module, (x,)), stream)
stream.seek(0)
assert torch.allclose(torch.jit.load(stream)(x), module(x), atol=1e-6)
assert torch.allclose(torch.fx.symbolic_trace(module[1])(x), module[1](x), atol=1e-6)
"""


def test_traced_modules_hold_the_formula_and_can_be_saved(tmp_path: Path) -> None:
    python(tmp_path, "-c", TRACED)  # by itself, without the tests' checks of shapes, which a tracer would record


def test_what_autograd_saves_may_be_kept_in_another_dtype(needs_native: str) -> None:
    x, weight = normal(3, 8).requires_grad_(), normal(8).requires_grad_()
    expected = torch.autograd.grad(swiglu(rms_norm(x, weight)).sum(), (x, weight))
    for kept in (torch.Tensor.bfloat16, torch.Tensor.double):
        with torch.autograd.graph.saved_tensors_hooks(kept, lambda tensor: tensor):
            value = swiglu(rms_norm(x, weight)).sum()
        found = torch.autograd.grad(value, (x, weight))
        assert all(torch.allclose(a, b, atol=0.1) for a, b in zip(found, expected, strict=True))


def test_results_may_be_changed_in_place(needs_native: str) -> None:
    x = normal(3, 8).requires_grad_()
    for function in (rms_norm, swiglu):
        (found,) = torch.autograd.grad(function(x).mul_(2).sum(), x)
        (expected,) = torch.autograd.grad(2 * function(x).sum(), x)
        assert torch.equal(found, expected)


def test_a_negative_view_is_negative() -> None:
    assert torch.equal(rms_norm(torch._neg_view(torch.ones(1, 8))), -rms_norm(torch.ones(1, 8)))
