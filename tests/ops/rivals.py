"""The rivals' attention by name: inputs, a call with its gradients, and how right a result has to be."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lengthwise.ops import (
    distance_bias_attention,
    entmax_attention,
    forgetting_attention,
    relative_bias_attention,
    sigmoid_attention,
    softpick_attention,
    stick_breaking_attention,
)
from lengthwise.ops.curve import Curve
from lengthwise.ops.reach import visible


def relative_bias(query: Tensor, key: Tensor, value: Tensor, **others: Any) -> Tensor:
    curve = Curve(*(others.pop(name) for name in Curve._fields))
    return relative_bias_attention(query, key, value, curve, **others)


ATTEND = {
    "forgetting": forgetting_attention,
    "stick-breaking": stick_breaking_attention,
    "distance-bias": distance_bias_attention,
    "forgetting-with-sink": forgetting_attention,
    "distance-bias-with-sink": distance_bias_attention,
    "relative-bias": relative_bias,
    "relative-bias-with-sink": relative_bias,
    "sigmoid": sigmoid_attention,
    "softpick": softpick_attention,
    "entmax": entmax_attention,
    "entmax-with-bias": entmax_attention,
}
NAMES = tuple(ATTEND)
OF_QUERIES = {"query", "gradient", "offset", "sink"}
WITH_SINK = ("forgetting-with-sink", "distance-bias-with-sink", "relative-bias-with-sink")
SKIPPING = NAMES[:7]
"""Those that may stop before the oldest key."""
Inputs = dict[str, Any]
NOTHING = 2.0**-90


def draw(
    name: str,
    keys: int,
    queries: int | None = None,
    *,
    heads: int = 4,
    kv_heads: int = 2,
    head_dim: int = 16,
    dtype: torch.dtype = torch.float32,
    larger: float = 1.0,
) -> Inputs:
    """Normal queries, keys, values, fresh gates, and the gradient that arrives at the output."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    queries = queries or keys
    inputs = {
        "query": larger * normal(2, heads, queries, head_dim),
        "key": normal(2, kv_heads, keys, head_dim),
        "value": normal(2, kv_heads, keys, head_dim),
        "gradient": normal(2, heads, queries, head_dim),
    }
    if name.startswith("forgetting"):
        inputs["log_forget"] = logsigmoid(normal(2, heads, keys))
    if name.startswith("distance-bias") or name == "entmax-with-bias":  # two heads that forget by distance, and others
        slope = torch.tensor([1.0, 0.25, 0.0, 0.0], dtype=torch.float64)[:heads, None]
        inputs["bias"] = 2 * normal(heads, keys) - slope * torch.arange(keys)
    if name.startswith("relative-bias"):
        inputs |= draw_curve(heads, keys, queries, normal)
    if name in WITH_SINK:
        inputs["sink"] = 2 * normal(2, heads, queries)
        inputs["sink"][:, 0] = -math.inf
    if name == "sigmoid":
        inputs["offset"] = normal(2, heads, queries) - math.log(keys)
    return {each: tensor.to(dtype) for each, tensor in inputs.items()}


def draw_curve(heads: int, keys: int, queries: int, normal: Callable[..., Tensor]) -> Inputs:
    """Functions that fall with distance, each bent at places between -0.1 and 1.1; two fall by much."""
    knots = torch.linspace(-0.1, 1.1, 7, dtype=torch.float64) + 0.01 * normal(7).clamp(-1, 1)
    slopes = normal(heads, 8) - torch.tensor([40.0, 10.0, 0.0, 0.0], dtype=torch.float64)[:heads, None]
    rises = (slopes[:, :-1] - slopes[:, 1:]) * knots
    intercepts = torch.cat([normal(heads, 1), rises], -1).cumsum(-1)
    positions = torch.arange(keys, dtype=torch.float64)
    distance, farthest = positions.log1p(), positions[keys - queries :].clamp(min=50).log1p()
    return dict(zip(Curve._fields, (knots, slopes, intercepts, distance, farthest[None]), strict=True))


def run(name: str, inputs: Inputs, backend: str, **options: Any) -> Inputs:
    leaves = {each: tensor.detach().requires_grad_() for each, tensor in inputs.items() if each != "gradient"}
    if name not in SKIPPING:
        options.pop("skip_tolerance", None)
    output = ATTEND[name](**leaves, backend=backend, **options)
    output.backward(inputs["gradient"])
    return {"output": output.detach()} | {each: leaf.grad for each, leaf in leaves.items()}


def terms(name: str, inputs: Inputs, scale: float | None = None, document_ids: Tensor | None = None) -> Inputs:
    """How large each result would be if nothing cancelled: its formula with the absolute values of all terms."""
    wide = {each: tensor.double() for each, tensor in inputs.items()}
    query, value, gradient = (wide[each].abs() for each in ("query", "value", "gradient"))
    group, keys = query.shape[1] // value.shape[1], value.shape[2]
    scale = scale or query.shape[-1] ** -0.5
    # The weights are the output for values that name the key.
    names = torch.eye(keys, dtype=torch.float64).expand(*value.shape[:2], -1, -1)
    padded = {each: torch.nn.functional.pad(wide[each], (0, keys - query.shape[-1])) for each in ("query", "key")}
    weights = ATTEND[name](
        **padded, value=names, scale=scale, document_ids=document_ids, backend="reference",
        **{each: wide[each] for each in ("log_forget", "bias", "offset", "sink", *Curve._fields) if each in wide},
    )  # fmt: skip
    value, key = (x.repeat_interleave(group, dim=1) for x in (value, wide["key"].abs()))
    weights = weights * (1 + scale * query @ key.mT + math.log2(keys + 1) * (keys if name == "stick-breaking" else 1))
    output = weights @ value
    if name == "softpick":  # the slope of a weight counts where the weight is 0, too
        seen = visible(query.shape[2], keys, document_ids, query.device)
        scores = scale * wide["query"] @ wide["key"].repeat_interleave(group, dim=1).mT
        largest = scores.masked_fill(~seen, 0).amax(-1, keepdim=True).clamp(min=0)
        powers = (scores - largest).exp().masked_fill(~seen, 0)
        weights = weights + powers / (powers - (-largest).exp() * seen).abs().sum(-1, keepdim=True)
    d_scores = weights * (gradient @ value.mT + (gradient * output).sum(-1, keepdim=True))
    if name == "stick-breaking":  # what older keys lose is a difference of sums over all keys
        d_scores = d_scores + (gradient * output).sum(-1, keepdim=True)
    return {
        "output": output,
        "query": scale * d_scores @ key,
        "key": scale * d_scores.mT @ query,
        "value": weights.mT @ gradient,
        "log_forget": d_scores.sum(-2).flip(-1).cumsum(-1),
        "bias": d_scores.sum((0, 2, 3)),
        "offset": d_scores.sum(-1),
        "sink": (gradient * output).sum(-1) + 1,
    } | ({} if "knots" not in wide else terms_of_curve(wide, d_scores))


def terms_of_curve(wide: Inputs, d_scores: Tensor) -> Inputs:
    steepest, shortest = wide["slopes"].abs().max(), wide["length"].min()
    return {
        "knots": torch.ones(1),
        "slopes": d_scores.sum((0, 2, 3)),
        "intercepts": d_scores.sum((0, 2, 3)),
        "distance": d_scores.sum((0, 1)).amax(-1) * steepest / shortest * len(wide["slopes"]),
        "length": d_scores.sum((0, 1, 3)) * steepest / shortest,
    }


def assert_within_budget(name: str, inputs: Inputs, backend: str = "native", **options: Any) -> None:
    """Hold a backend against the float64 reference: twice the float32 reference's largest error, and one rounding unit
    of the largest sum of absolute terms."""
    exact = run(name, {each: tensor.double() for each, tensor in inputs.items()}, "reference", **options)
    own = run(name, inputs, "reference", **options)
    found = run(name, inputs, backend, **options)
    size = terms(name, inputs, options.get("scale"), options.get("document_ids"))
    for each, right in exact.items():
        assert found[each].dtype == inputs.get(each, inputs["query"]).dtype
        error, allowed = ((x[each].double() - right).abs().max() for x in (found, own))
        floor = torch.finfo(found[each].dtype).eps * size[each].max() + NOTHING
        assert error <= 2 * allowed + floor, f"{name}, {each}: {error:.2e}, budget 2 × {allowed:.2e} + {floor:.2e}"
