"""Forward mode, and the transforms of ``torch.func``: derivatives of any kind, and ``vmap``."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad, grad
from torch.autograd.functional import jacobian
from torch.func import functional_call, hessian, jacfwd, jacrev, jvp, vmap

from lengthwise import ThresholdRelativeAttention, threshold_relative_attention
from lengthwise.errors import InputError

Inputs = dict[str, Any]
Make = Callable[..., Inputs]
Function = Callable[[Tensor], Tensor]

ARGUMENTS = ("query", "key", "value", "log_forget")
# Scores keep clear of the threshold: finite differences must not cross it.
SMALL = {"keys": 7, "heads": 2, "head_dim": 3, "margin": 1e-3}
IDS = torch.tensor([[0, 0, 1, 1, 1, 1, 1]])


def function_of_the_query(inputs: Inputs, backend: str, **options: Any) -> Function:
    rest = [inputs[name] for name in ARGUMENTS[1:]]
    return lambda query: threshold_relative_attention(query, *rest, backend=backend, **options)


def by_forward_mode(function: Function, inputs: Inputs) -> Tensor:
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(function(forward_ad.make_dual(inputs["query"], inputs["gradient"]))).tangent


def of_a_gradient(function: Function, inputs: Inputs) -> Tensor:
    """Forward mode through a backward pass whose forward pass knew nothing of it."""
    query = inputs["query"].detach().requires_grad_()
    output = function(query)
    with forward_ad.dual_level():
        gradient = forward_ad.make_dual(inputs["gradient"], inputs["gradient"].cos())
        return forward_ad.unpack_dual(grad(output, query, gradient)[0]).tangent


def loss(function: Function) -> Function:
    return lambda query: function(query).square().sum()


DERIVATIVES = {
    "forward mode": by_forward_mode,
    "forward mode of a gradient": of_a_gradient,
    "jvp": lambda f, x: jvp(f, (x["query"],), (x["gradient"],))[1],
    "jacfwd": lambda f, x: jacfwd(f)(x["query"]),
    "jacrev": lambda f, x: jacrev(f)(x["query"]),
    "grad": lambda f, x: torch.func.grad(loss(f))(x["query"]),
    "hessian": lambda f, x: hessian(loss(f))(x["query"]),
    "grad of jvp": lambda f, x: torch.func.grad(lambda q: jvp(loss(f), (q,), (x["gradient"],))[1])(x["query"]),
    "grad per sample": lambda f, x: vmap(torch.func.grad(loss(f)))(torch.stack([x["query"], 2 * x["query"]])),
    "grad of vmap": lambda f, x: torch.func.grad(loss(vmap(f)))(torch.stack([x["query"], 2 * x["query"]])),
    "many gradients at once": lambda f, x: jacobian(f, x["query"], vectorize=True),
    "many tangents at once": lambda f, x: jacobian(f, x["query"], vectorize=True, strategy="forward-mode"),
    "hessian at once": lambda f, x: torch.autograd.functional.hessian(loss(f), x["query"], vectorize=True),
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_any_derivative_is_the_reference_s(draw: Make, fast: str, derivative: str) -> None:
    inputs = draw(**SMALL)
    results, own = (
        DERIVATIVES[derivative](function_of_the_query(inputs, backend, document_ids=IDS), inputs).double()
        for backend in (fast, "reference")
    )
    inputs = {name: x.double() for name, x in inputs.items()}
    expected = DERIVATIVES[derivative](function_of_the_query(inputs, "reference", document_ids=IDS), inputs)
    assert expected.abs().max() > 0
    floor = 16 * torch.finfo(torch.float32).eps * expected.abs().max()
    assert (results - expected).abs().max() <= 2 * (own - expected).abs().max() + floor


def test_forward_mode_is_a_quotient_of_differences(draw: Make) -> None:
    inputs = draw(**SMALL, dtype=torch.float64)
    function, query = function_of_the_query(inputs, "reference"), inputs["query"]
    step = 1e-6 * inputs["gradient"]
    slope = (function(query + step) - function(query - step)) / 2e-6
    torch.testing.assert_close(DERIVATIVES["jvp"](function, inputs), slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("queries", [70, 3])
def test_vmapped_is_a_loop(draw: Make, run: Make, backend: str, queries: int) -> None:
    """Over any dimension, over some of the arguments, and with a backward pass outside."""
    inputs = draw(70, queries, batch=6, heads=4, kv_heads=2, margin=1e-5)
    inputs = {name: x.unflatten(0, (3, 2)) for name, x in inputs.items()}
    ids = (torch.arange(70) >= torch.tensor([[[10], [20]], [[30], [64]], [[0], [50]]])).long()
    shared = inputs | {"key": inputs["key"][0]}
    leaves = {name: x.detach().requires_grad_() for name, x in shared.items()}
    last = leaves["value"].movedim(0, -1)
    output = vmap(
        lambda q, k, v, g, ids: threshold_relative_attention(q, k, v, g, document_ids=ids, backend=backend),
        in_dims=(0, None, -1, 0, 0),
        out_dims=1,
    )(leaves["query"], leaves["key"], last, leaves["log_forget"], ids)
    output.movedim(1, 0).backward(inputs["gradient"])
    for i in range(3):
        one = {name: x[i] for name, x in inputs.items()} | {"key": shared["key"]}
        expected = run(one, backend, document_ids=ids[i])
        torch.testing.assert_close(output[:, i], expected["output"])
        for name in ("query", "value", "log_forget"):
            torch.testing.assert_close(leaves[name].grad[i], expected[name])


def test_vmapped_twice(draw: Make, backend: str) -> None:
    inputs = draw(20, batch=6, margin=1e-5)
    query, *rest = (inputs[name].unflatten(0, (3, 2, 1)) for name in ARGUMENTS)
    attend = vmap(vmap(lambda *of: threshold_relative_attention(*of, backend=backend)))
    expected = threshold_relative_attention(*(inputs[name] for name in ARGUMENTS), backend=backend)
    torch.testing.assert_close(attend(query, *rest).flatten(0, 2), expected)


@pytest.mark.filterwarnings("ignore:.*Function.* should not be instantiated")  # what torch's compiler says of itself
def test_derivatives_can_be_compiled(draw: Make, fast: str) -> None:
    torch._dynamo.reset()
    inputs = draw(**SMALL)
    function = function_of_the_query(inputs, fast)
    for derivative in (torch.func.grad(loss(function)), lambda query: jvp(function, (query,), (query,))[1]):
        compiled = torch.compile(derivative, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(inputs["query"]), derivative(inputs["query"]))
    torch._dynamo.reset()


def test_a_gate_above_one_is_refused_or_shows(draw: Make) -> None:
    inputs = draw(**SMALL)
    gates = torch.stack([inputs["log_forget"], inputs["log_forget"] + 1])
    query, key, value = (inputs[name] for name in ARGUMENTS[:3])
    attend = vmap(lambda g: threshold_relative_attention(query, key, value, g, backend="reference"))
    assert torch.equal(attend(gates).isnan().all(-1), gates > 0)
    with pytest.raises(InputError, match="at most 0"):
        vmap(lambda g: threshold_relative_attention(query, key, value, g, backend="blockwise"))(gates)


def test_broken_values_stay_apart_when_vmapped(draw: Make, run: Make) -> None:
    inputs = draw(**SMALL)
    inputs["value"][0, 0, 2, 1] = torch.inf
    results = run({n: x[None] for n, x in inputs.items()}, "reference", attend=vmapped)
    for name, expected in run(inputs, "reference").items():
        torch.testing.assert_close(results[name][0], expected, equal_nan=True, msg=name)


def vmapped(query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor, **options: Any) -> Tensor:
    return vmap(lambda *of: threshold_relative_attention(*of, **options))(query, key, value, log_forget)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of what is computed and then masked
def test_triton_vmapped_and_forwards(draw: Make, triton: str) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs = {name: x.to(device) for name, x in draw(20, heads=1, margin=1e-5).items()}
    function = function_of_the_query(inputs, triton)
    tangent = DERIVATIVES["jvp"](function, inputs)
    torch.testing.assert_close(tangent, DERIVATIVES["jvp"](function_of_the_query(inputs, "reference"), inputs))
    query = torch.stack([inputs["query"], 2 * inputs["query"]])
    bound = 16 * torch.finfo(torch.float32).eps * inputs["value"].abs().max().item()
    torch.testing.assert_close(vmap(function)(query), torch.stack([function(x) for x in query]), rtol=0, atol=bound)


def test_gradients_per_sample_of_a_layer() -> None:
    torch.manual_seed(0)
    layer, hidden = ThresholdRelativeAttention(16, 2).double(), torch.randn(3, 9, 16, dtype=torch.float64)
    weights = {name: x.detach() for name, x in layer.named_parameters()}

    def loss(weights: dict[str, Tensor], hidden: Tensor) -> Function:
        return functional_call(layer, weights, (hidden[None],)).square().sum()

    results = vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, hidden)
    for i in range(3):
        layer.zero_grad()
        layer(hidden[i : i + 1]).square().sum().backward()
        for name, x in layer.named_parameters():
            torch.testing.assert_close(results[name][i], x.grad)
