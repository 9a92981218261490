"""Promises of an attention layer: gradients, both directions, positions, bfloat16, empty inputs and compilers."""

import warnings
from typing import Any

import torch

from lengthwise.testing.check import expect, expect_close, expect_near
from lengthwise.testing.reading import LATER, packed_documents_are_separate
from lengthwise.testing.subjects import DIM, TOKENS, Layer


def sparse(layer: Layer) -> bool:
    """Return True if some keys may have weight 0 for every query."""
    return layer.module.weights.traits.sparse or layer.module.position.traits.sparse


def no_gradient_reaches_later_tokens(layer: Layer) -> None:
    """Differentiate the earlier outputs: later tokens must get no gradient, and earlier tokens must get one."""
    hidden = layer.inputs().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(hidden)[:, :LATER].square().sum(), hidden)
    reached = (gradient.abs().amax((0, 2)) != 0).tolist()
    late = [token for token in range(LATER, TOKENS) if reached[token]]
    expect(not late, f"the outputs before token {LATER} have a gradient at token {(late or [0])[0]}")
    _all_are_reached(reached[:LATER], sparse(layer))


def reads_both_ways(layer: Layer) -> None:
    """Check that without a causal mask the first output depends on later tokens, and packed documents stay apart."""
    both = layer.twin(causal=False)
    hidden = both.inputs().requires_grad_()
    (gradient,) = torch.autograd.grad(both(hidden)[:, 0].square().sum(), hidden)
    reached = (gradient.abs().amax((0, 2)) != 0).tolist()
    expect(any(reached[1:]), "the first output has no gradient at any later token")
    _all_are_reached(reached, sparse(both))
    packed_documents_are_separate(both)


def _all_are_reached(reached: list[bool], sparse: bool) -> None:
    expect(any(reached), "no token has a gradient")
    if not sparse:
        unreached = [token for token, has in enumerate(reached) if not has]
        expect(
            not unreached,
            f"token {(unreached or [0])[0]} has a gradient of 0 everywhere; if weights can be 0, the traits say so: "
            "sparse=True",
        )


def positions_can_be_said(layer: Layer) -> None:
    """Give the default positions explicitly; in a causal layer, also with a cache."""
    hidden = layer.inputs()
    positions = torch.arange(TOKENS, dtype=torch.long, device="cpu")[None]
    with torch.no_grad():
        whole = layer(hidden)
        expect_close(layer(hidden, positions=positions), whole, "with positions that count the tokens")
        if layer.causal:
            cache = layer.cache()
            steps = zip(hidden.split(64, 1), positions.split(64, 1), strict=True)
            parts = [layer(part, positions=places, cache=cache) for part, places in steps]
            expect_close(torch.cat(parts, 1), whole, "with positions that count the tokens, and a cache")


@torch.no_grad()
def mode_makes_no_difference(layer: Layer) -> None:
    """Compute in training mode and in evaluation mode, and expect the same bits, because dropout is off."""
    hidden = layer.inputs()
    used = layer(hidden)
    layer.module.train()
    expect_near(layer(hidden), used, "in training mode", rtol=0, atol=0)


def bfloat16_stays_near(layer: Layer) -> None:
    """Compute in bfloat16. For weights that are sensitive to rounding, check only dtype and finiteness."""
    hidden = layer.inputs()
    expected = layer(hidden).detach()
    layer.module.bfloat16()
    output = layer(hidden.bfloat16())
    expect(output.dtype == torch.bfloat16, f"in bfloat16 the output is {output.dtype}")
    expect(output.isfinite().all(), "in bfloat16 the output is not finite")
    if not layer.module.weights.traits.sensitive_to_rounding:
        # In sensitive weights, rounding moves scores across a threshold, or another score to the top, and rows change
        # more.
        tolerance = 0.05 * max(1, expected.std().item())
        expect_near(output.double(), expected, "in bfloat16", rtol=0.05, atol=tolerance)


def nothing_in_nothing_out(layer: Layer) -> None:
    """Read no tokens or no sequences: the output must be empty, with a gradient of 0 wherever there usually is one."""
    for shape in ((0, 7), (2, 0), (0, 0)):
        some, none = (
            torch.randn(*size, DIM, dtype=torch.float64, device="cpu", requires_grad=True) for size in ((2, 5), shape)
        )
        ids = torch.zeros(shape, dtype=torch.long, device="cpu")
        parameters = dict(layer.module.named_parameters())
        usual = torch.autograd.grad(layer(some).sum(), [some, *parameters.values()], allow_unused=True)
        cases: list[dict[str, Any]] = [{}, {"document_ids": ids}, {"positions": ids}]
        for said in cases:
            output = layer(none, **said)
            given = f"for hidden states of shape {tuple(none.shape)}"
            expect(output.shape == none.shape, f"{given} the output has the shape {tuple(output.shape)}")
            gradients = torch.autograd.grad(output.sum(), [none, *parameters.values()], allow_unused=True)
            for name, gradient, of_some in zip(["hidden", *parameters], gradients, usual, strict=True):
                if of_some is not None:
                    expect(gradient is not None, f"{given} there is no gradient for {name}")
                if gradient is not None:
                    expect(bool((gradient == 0).all()), f"{given} the gradient for {name} is not 0")


def compiled_is_eager(layer: Layer) -> None:
    """Compare the compiled layer with the eager layer."""
    torch._dynamo.reset()  # otherwise torch silently stops compiling a function after eight compilations
    hidden = layer.inputs()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor")  # torch causes it at a graph break
        compiled = torch.compile(layer.module, backend="aot_eager")(hidden)
    expect_close(compiled, layer(hidden), "compiled")


def one_graph_serves_all_lengths(layer: Layer) -> None:
    """Compile the layer as one graph, and read sequences of several lengths."""
    from torch._dynamo.testing import CompileCounterWithBackend

    torch._dynamo.reset()
    graphs = CompileCounterWithBackend("eager")
    compiled = torch.compile(layer.module, backend=graphs, fullgraph=True)
    with torch.no_grad():
        for length in (70, 80, 133, 150):
            hidden = layer.inputs(length)
            expect_near(compiled(hidden), layer(hidden), f"compiled, for {length} tokens", rtol=1e-9, atol=1e-9)
    expect(
        graphs.frame_count <= 2,
        f"four lengths take {graphs.frame_count} graphs, where one for the first and one for all others are expected",
    )


def exported_for_all_lengths(layer: Layer) -> None:
    """Export the layer for any number of tokens."""
    length = torch.export.Dim("length", min=65, max=4096)
    with torch.no_grad():
        exported = torch.export.export(layer.module, (layer.inputs(70),), dynamic_shapes=({1: length},)).module()
        for tokens in (65, 150):
            hidden = layer.inputs(tokens)
            expect_near(exported(hidden), layer(hidden), f"exported, for {tokens} tokens", rtol=1e-9, atol=1e-9)
