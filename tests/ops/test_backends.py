"""The fast backends against the float64 reference: output and all gradients, within twice the reference's own error."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

Inputs = dict[str, Any]
Make = Callable[..., Inputs]
Check = Callable[..., None]

MARGIN = 1e-5  # of scores from the threshold; float32 products of normalised rows are good to a tenth of it
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
GEOMETRY = [
    *({"keys": keys} for keys in (1, 63, 64, 65, 130, 200)),
    {"keys": 65, "queries": 1},
    {"keys": 130, "queries": 64},
    {"keys": 200, "queries": 75, "batch": 2},
    {"keys": 300, "queries": 5, "heads": 1},
    *({"keys": 130, "head_dim": head_dim} for head_dim in (1, 8, 33, 40, 64, 96, 128, 256)),
    {"keys": 100, "heads": 4, "kv_heads": 2, "batch": 2},
    {"keys": 100, "queries": 40, "heads": 3, "kv_heads": 1, "head_dim": 40},
]


def documents(keys: int, *starts: int) -> Tensor:
    """One row of ids: a new document at each start."""
    return (torch.arange(keys)[:, None] >= torch.tensor([0, *starts])).sum(-1)


@DTYPES
@pytest.mark.parametrize("threshold", [-0.5, 0.0, 0.7])
@pytest.mark.parametrize("geometry", GEOMETRY, ids=lambda g: ",".join(f"{k}={v}" for k, v in g.items()))
def test_within_budget(
    draw: Make, assert_within_budget: Check, fast: str, geometry: dict[str, int], threshold: float, dtype: torch.dtype
) -> None:
    inputs = draw(**geometry, dtype=dtype, threshold=threshold, margin=MARGIN)
    assert_within_budget(inputs, fast, threshold=threshold)


@DTYPES
@pytest.mark.parametrize("queries", [200, 77, 3])
@pytest.mark.parametrize("starts", [(), (1, 64, 65), (30, 100, 199), tuple(range(200))])
def test_documents_within_budget(
    draw: Make, assert_within_budget: Check, fast: str, queries: int, starts: tuple[int, ...], dtype: torch.dtype
) -> None:
    inputs = draw(200, queries, batch=2, heads=4, kv_heads=2, dtype=dtype, margin=MARGIN)
    ids = torch.stack([documents(200, *starts), torch.arange(200) // 7 % 3])  # the second come back after a while
    assert_within_budget(inputs, fast, document_ids=ids)


@DTYPES
@pytest.mark.parametrize("head_dim", [16, 32, 33])  # 1 / sqrt(head_dim) is a number of two, or none
@pytest.mark.parametrize("product", [-3, 0, 1, 6, 7])
def test_integers_that_hit_the_threshold(
    draw: Make, integers: Make, assert_within_budget: Check, fast: str, product: int, head_dim: int, dtype: torch.dtype
) -> None:
    inputs = integers(draw(150, head_dim=head_dim, dtype=dtype))
    products = inputs["query"].double() @ inputs["key"].double().mT
    assert (products == product).any()
    assert_within_budget(inputs, fast, threshold=product / math.sqrt(head_dim))
    assert_within_budget(inputs, fast, threshold=product * 0.3, scale=0.3)
    assert_within_budget(inputs, fast, threshold=product * 0.3, scale=0.3, document_ids=documents(150, 50)[None])
    last = inputs | {name: inputs[name][:, :, -2:] for name in ("query", "log_forget", "gradient")}
    assert_within_budget(last, fast, threshold=product * 0.3, scale=0.3)


@DTYPES
@pytest.mark.parametrize("layout", ["transposed", "columns", "expanded"])
@pytest.mark.parametrize("queries", [100, 70, 3])
def test_any_layout_in_memory_within_budget(
    draw: Make,
    assert_within_budget: Check,
    fast: str,
    queries: int,
    layout: str,
    dtype: torch.dtype,
) -> None:
    inputs = draw(100, queries, batch=2, heads=4, kv_heads=2, head_dim=33, dtype=dtype, margin=MARGIN)
    lay_out = {
        "transposed": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
        "columns": lambda x: x.movedim(-1, 0).contiguous().movedim(0, -1),
        "expanded": lambda x: x[:1, :1].expand(x.shape),
    }[layout]
    inputs = {name: lay_out(x) for name, x in inputs.items()}
    assert not inputs["key"].is_contiguous()
    assert_within_budget(inputs, fast)


def test_packed_documents_are_separate_ones(
    draw: Make, run: Make, assert_same: Check, backend: str, finest: torch.dtype
) -> None:
    lengths, ids = (5, 64, 1, 90), documents(160, 5, 69, 70)[None]
    inputs = draw(sum(lengths), heads=4, kv_heads=2, dtype=finest, margin=MARGIN)
    packed = run(inputs, backend, document_ids=ids)
    split = zip(*(tensor.split(lengths, dim=2) for tensor in inputs.values()), strict=True)
    separate = [run(dict(zip(inputs, parts, strict=True)), backend) for parts in split]
    joined = {name: torch.cat([part[name] for part in separate], 2) for name in packed}
    assert_same(packed, joined, inputs, document_ids=ids)


@pytest.mark.parametrize(("front", "back"), [(70, 0), (0, 70), (3, 5)])
def test_padding_changes_nothing(
    draw: Make,
    run: Make,
    assert_same: Check,
    backend: str,
    finest: torch.dtype,
    front: int,
    back: int,
) -> None:
    inputs = draw(100, dtype=finest, margin=MARGIN)
    widths = {name: (0, 0) * (name != "log_forget") + (front, back) for name in inputs}
    padded = {name: torch.nn.functional.pad(tensor, widths[name], value=-1.0) for name, tensor in inputs.items()}
    padded["gradient"][:, :, :front], padded["gradient"][:, :, front + 100 :] = 0, 0
    ids = documents(front + 100 + back, front, front + 100)[None]
    results = run(padded, backend, document_ids=ids)
    inside = {name: result[:, :, front : front + 100] for name, result in results.items()}
    assert_same(inside, run(inputs, backend), inputs)
    for name in inputs.keys() & results.keys():
        assert (results[name][:, :, :front] == 0).all()
        assert (results[name][:, :, front + 100 :] == 0).all()
