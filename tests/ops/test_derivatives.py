"""Derivatives beyond the first backward pass: further ones, forward mode, and the transforms of ``torch.func``."""

import pytest
import torch
from torch.autograd import forward_ad, grad, gradgradcheck
from torch.autograd.functional import jacobian
from torch.func import functional_call, hessian, jacfwd, jacrev, jvp, vmap

from lengthwise import ThresholdRelativeAttention, threshold_relative_attention
from lengthwise.errors import InputError

ARGUMENTS = ("query", "key", "value", "log_forget")
MARGIN = 1e-3  # of scores from the threshold: finite differences must not cross it
SMALL = {"keys": 7, "queries": 5, "heads": 2, "kv_heads": 1, "head_dim": 3, "margin": MARGIN}
IDS = torch.tensor([[0, 0, 1, 1, 1, 1, 1]])


def names(values):
    return dict(zip((*ARGUMENTS, "gradient"), values, strict=True))


def second_derivatives(inputs, backend, **options):
    """Of a sum of all four gradients with fixed weights: those of the arguments and of the output's gradient."""
    device = "cuda" if torch.cuda.is_available() and backend == "triton" else "cpu"
    generator = torch.Generator().manual_seed(1)
    leaves = [inputs[name].detach().to(device).requires_grad_() for name in (*ARGUMENTS, "gradient")]
    *arguments, gradient = leaves
    output = threshold_relative_attention(*arguments, backend=backend, **options)
    first = grad(output, arguments, gradient, create_graph=True)
    weights = [torch.randn(x.shape, generator=generator, dtype=torch.float64).bfloat16() for x in first]
    return names(x.cpu() for x in grad(first, leaves, [w.to(x) for w, x in zip(weights, first, strict=True)]))


def assert_second_within_budget(inputs, backend, **options):
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
def test_second_derivatives_are_those_of_finite_differences(draw, chosen, documents):
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
def test_second_derivatives_within_budget(draw, fast, queries, dtype):
    inputs = draw(70, queries, batch=2, heads=4, kv_heads=2, dtype=dtype, margin=1e-5)
    inputs["query"] = inputs["query"].mT.contiguous().mT  # of any layout
    assert_second_within_budget(inputs, fast)
    assert_second_within_budget(inputs, fast, document_ids=(torch.arange(70) >= 33).long().expand(2, -1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of what is computed and then masked
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_second_derivatives_of_triton_within_budget(draw, triton, dtype):
    assert_second_within_budget(draw(20, heads=2, kv_heads=1, dtype=dtype, margin=1e-5), triton)


def test_gates_finer_than_the_rest(draw, fast):
    """Under autocast and in the layers, the gates are float32 and the rest may be half as fine."""
    inputs = draw(70, dtype=torch.bfloat16, margin=1e-5)
    assert_second_within_budget(inputs | {"log_forget": inputs["log_forget"].float()}, fast)


def test_third_derivatives_of_one_tensor_in_all_places(draw):
    inputs = draw(**(SMALL | {"queries": None, "kv_heads": 2}), dtype=torch.float64)

    def derivatives(backend):
        x = inputs["query"].detach().requires_grad_()
        total = threshold_relative_attention(x, x, x * 2, inputs["log_forget"] * x.mean(-1).exp(), backend=backend)
        for _ in range(3):
            total = total.square().sum()
            (total,) = grad(total, x, create_graph=True)
        return total.detach()

    assert derivatives("reference").abs().max() > 0
    torch.testing.assert_close(derivatives("blockwise"), derivatives("reference"), rtol=1e-9, atol=0)


def test_broken_values_have_no_derivatives(draw):
    inputs = draw(**SMALL, dtype=torch.float64)
    inputs["value"][0, 0, 2, 1] = torch.inf
    expected = second_derivatives(inputs, "reference")
    for name, results in second_derivatives(inputs, "blockwise").items():
        torch.testing.assert_close(results, expected[name], equal_nan=True, msg=name)


def function_of_the_query(inputs, backend, **options):
    rest = [inputs[name] for name in ARGUMENTS[1:]]
    return lambda query: threshold_relative_attention(query, *rest, backend=backend, **options)


def by_forward_mode(function, inputs):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(function(forward_ad.make_dual(inputs["query"], inputs["gradient"]))).tangent


def of_a_gradient(function, inputs):
    """Forward mode through a backward pass whose forward pass knew nothing of it."""
    query = inputs["query"].detach().requires_grad_()
    output = function(query)
    with forward_ad.dual_level():
        gradient = forward_ad.make_dual(inputs["gradient"], inputs["gradient"].cos())
        return forward_ad.unpack_dual(grad(output, query, gradient)[0]).tangent


def loss(function):
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
def test_any_derivative_is_the_reference_s(draw, fast, derivative):
    small = SMALL | {"kv_heads": 2, "queries": None}
    inputs = draw(**small)
    results = DERIVATIVES[derivative](function_of_the_query(inputs, fast, document_ids=IDS), inputs)
    inputs = {name: x.double() for name, x in inputs.items()}
    expected = DERIVATIVES[derivative](function_of_the_query(inputs, "reference", document_ids=IDS), inputs)
    assert expected.abs().max() > 0
    torch.testing.assert_close(results.double(), expected, rtol=1e-4, atol=1e-4)


def test_forward_mode_is_a_quotient_of_differences(draw):
    inputs = draw(**(SMALL | {"queries": None, "kv_heads": 2}), dtype=torch.float64)
    function, query = function_of_the_query(inputs, "reference"), inputs["query"]
    step = 1e-6 * inputs["gradient"]
    slope = (function(query + step) - function(query - step)) / 2e-6
    torch.testing.assert_close(DERIVATIVES["jvp"](function, inputs), slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("queries", [70, 3])
def test_vmapped_is_a_loop(draw, run, backend, queries):
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


def test_a_gate_above_one_is_refused_or_shows(draw):
    inputs = draw(**SMALL)
    gates = torch.stack([inputs["log_forget"], inputs["log_forget"] + 1])
    rest = [inputs[name] for name in ARGUMENTS[:3]]
    attend = vmap(lambda g: threshold_relative_attention(*rest, g, backend="reference"))
    assert torch.equal(attend(gates).isnan().all(-1), gates > 0)
    with pytest.raises(InputError, match="at most 0"):
        vmap(lambda g: threshold_relative_attention(*rest, g, backend="blockwise"))(gates)


def test_broken_values_stay_apart_when_vmapped(draw, run):
    inputs = draw(**SMALL)
    inputs["value"][0, 0, 2, 1] = torch.inf
    results = run({n: x[None] for n, x in inputs.items()}, "reference", attend=vmapped)
    for name, expected in run(inputs, "reference").items():
        torch.testing.assert_close(results[name][0], expected, equal_nan=True, msg=name)


def vmapped(query, key, value, log_forget, **options):
    return vmap(lambda *of: threshold_relative_attention(*of, **options))(query, key, value, log_forget)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of what is computed and then masked
def test_triton_vmapped_and_forwards(draw, triton):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    inputs = {name: x.to(device) for name, x in draw(20, heads=1, margin=1e-5).items()}
    function = function_of_the_query(inputs, triton)
    tangent = DERIVATIVES["jvp"](function, inputs)
    torch.testing.assert_close(tangent, DERIVATIVES["jvp"](function_of_the_query(inputs, "reference"), inputs))
    query = torch.stack([inputs["query"], 2 * inputs["query"]])
    torch.testing.assert_close(vmap(function)(query), torch.stack([function(x) for x in query]), rtol=1e-4, atol=1e-5)


def test_gradients_per_sample_of_a_layer():
    torch.manual_seed(0)
    layer, hidden = ThresholdRelativeAttention(16, 2), torch.randn(3, 9, 16)
    weights = {name: x.detach() for name, x in layer.named_parameters()}

    def loss(weights, hidden):
        return functional_call(layer, weights, (hidden[None],)).square().sum()

    results = vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, hidden)
    for i in range(3):
        layer.zero_grad()
        layer(hidden[i : i + 1]).square().sum().backward()
        for name, x in layer.named_parameters():
            torch.testing.assert_close(results[name][i], x.grad, rtol=1e-3, atol=1e-4)
