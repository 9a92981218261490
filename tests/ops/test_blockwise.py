"""Blockwise against the float64 reference: output and all gradients, within twice the error of the reference itself."""

import math

import pytest
import torch

from lengthwise import threshold_relative_attention
from lengthwise.ops.threshold_relative.blockwise import _forward
from lengthwise.ops.threshold_relative.blockwise.forward import forward
from lengthwise.ops.threshold_relative.blockwise.walk import TILE, Walk

MARGIN = 1e-5  # of scores from the threshold; float32 products of normalised rows are good to a tenth of it
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
GEOMETRY = [
    *({"keys": keys} for keys in (1, 63, 64, 65, 130, 200)),
    {"keys": 65, "queries": 1},
    {"keys": 130, "queries": 64},
    {"keys": 200, "queries": 75, "batch": 2},
    *({"keys": 130, "head_dim": head_dim} for head_dim in (8, 33, 64)),
    {"keys": 100, "heads": 4, "kv_heads": 2, "batch": 2},
    {"keys": 100, "queries": 40, "heads": 3, "kv_heads": 1},
]


def documents(keys, *starts):
    """One row of ids: a new document at each start."""
    return (torch.arange(keys)[:, None] >= torch.tensor([0, *starts])).sum(-1)


@DTYPES
@pytest.mark.parametrize("threshold", [-0.5, 0.0, 0.7])
@pytest.mark.parametrize("geometry", GEOMETRY, ids=lambda g: ",".join(f"{k}={v}" for k, v in g.items()))
def test_within_budget(draw, assert_within_budget, geometry, threshold, dtype):
    inputs = draw(**geometry, dtype=dtype, threshold=threshold, margin=MARGIN)
    assert_within_budget(inputs, threshold=threshold)


@DTYPES
@pytest.mark.parametrize("queries", [200, 77])
@pytest.mark.parametrize("starts", [(), (1, 64, 65), (30, 100, 199), tuple(range(200))])
def test_documents_within_budget(draw, assert_within_budget, queries, starts, dtype):
    inputs = draw(200, queries, batch=2, heads=4, kv_heads=2, dtype=dtype, margin=MARGIN)
    ids = torch.stack([documents(200, *starts), torch.arange(200) // 7 % 3])  # the second come back after a while
    assert_within_budget(inputs, document_ids=ids)


@DTYPES
@pytest.mark.parametrize("skip_tolerance", [0.0, None])
@pytest.mark.parametrize("gate", [-1e-6, -1e-3, -0.7, -30.0, -1e4, 0.0, -math.inf])
def test_gates_within_budget(draw, assert_within_budget, gate, skip_tolerance, dtype):
    inputs = draw(200, dtype=dtype, margin=MARGIN)
    inputs["log_forget"] = torch.full_like(inputs["log_forget"], gate)
    assert_within_budget(inputs, skip_tolerance=skip_tolerance)


@DTYPES
@pytest.mark.parametrize("head_dim", [16, 32, 33])  # 1 / sqrt(head_dim) is a number of two, or none
@pytest.mark.parametrize("product", [-3, 0, 1, 6, 7])
def test_integers_that_hit_the_threshold(draw, integers, assert_within_budget, product, head_dim, dtype):
    inputs = integers(draw(150, head_dim=head_dim, dtype=dtype))
    products = inputs["query"].double() @ inputs["key"].double().mT
    assert (products == product).any()
    assert_within_budget(inputs, threshold=product / math.sqrt(head_dim))
    assert_within_budget(inputs, threshold=product * 0.3, scale=0.3)
    assert_within_budget(inputs, threshold=product * 0.3, scale=0.3, document_ids=documents(150, 50)[None])


def visited(inputs, skip_tolerance):
    query, key, value, log_forget, _ = inputs.values()
    walk = Walk(query, key, value, log_forget, 0.0, query.shape[-1] ** -0.5, None)
    return forward(walk, skip_tolerance)[3].sum()


@pytest.mark.parametrize("skip_tolerance", [None, 1e-2])
def test_skipping_stays_within_its_tolerance_and_visits_less(draw, run, skip_tolerance):
    inputs = draw(2048, heads=1)
    everything, some = run(inputs, skip_tolerance=0.0), run(inputs, skip_tolerance=skip_tolerance)
    eps = torch.finfo(torch.float32).eps
    bound = 2 * max(skip_tolerance or 0, eps) * inputs["value"].abs().max()
    assert (everything["output"] - some["output"]).abs().max() <= bound
    if skip_tolerance is None:
        for name in ("query", "key", "value", "log_forget"):
            torch.testing.assert_close(some[name], everything[name], rtol=0, atol=32 * eps * everything[name].max())
    all_tiles = sum(row // TILE + 1 for row in range(2048))
    assert visited(inputs, 0.0) == all_tiles
    assert visited(inputs, skip_tolerance or eps / 2) < all_tiles / 4


def test_packed_documents_are_separate_ones(draw, run, backend):
    lengths = (5, 64, 1, 90)
    inputs = draw(sum(lengths), heads=4, kv_heads=2, dtype=torch.float64)
    packed = run(inputs, backend, document_ids=documents(160, 5, 69, 70)[None])
    split = zip(*(tensor.split(lengths, dim=2) for tensor in inputs.values()), strict=True)
    separate = [run(dict(zip(inputs, parts, strict=True)), backend) for parts in split]
    for name, tensor in packed.items():
        torch.testing.assert_close(tensor, torch.cat([part[name] for part in separate], 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("front", "back"), [(70, 0), (0, 70), (3, 5)])
def test_padding_changes_nothing(draw, run, backend, front, back):
    inputs = draw(100, dtype=torch.float64)
    widths = {name: (0, 0) * (name != "log_forget") + (front, back) for name in inputs}
    padded = {name: torch.nn.functional.pad(tensor, widths[name], value=-1.0) for name, tensor in inputs.items()}
    padded["gradient"][:, :, :front], padded["gradient"][:, :, front + 100 :] = 0, 0
    ids = documents(front + 100 + back, front, front + 100)[None]
    results = run(padded, backend, document_ids=ids)
    for name, expected in run(inputs, backend).items():
        torch.testing.assert_close(results[name][:, :, front : front + 100], expected, rtol=0, atol=1e-12)
        if name != "output":
            assert (results[name][:, :, :front] == 0).all()
            assert (results[name][:, :, front + 100 :] == 0).all()


def test_nothing_depends_on_uninitialised_memory(draw, run):
    inputs = draw(200, 150, batch=2, heads=4, kv_heads=2)
    ids = documents(200, 20, 130).expand(2, -1)
    expected = run(inputs, document_ids=ids)
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.utils.deterministic.fill_uninitialized_memory
        assert torch.empty(1000).isnan().all()
        results = run(inputs, document_ids=ids)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(results[name], tensor) for name, tensor in expected.items())


@pytest.mark.filterwarnings("ignore:.*Function.* should not be instantiated", "ignore:The .grad attribute")  # its own
def test_compiled_is_eager(draw, run):
    inputs = draw(70)
    compiled = run(inputs, attend=torch.compile(threshold_relative_attention, backend="eager"))
    assert all(torch.equal(compiled[name], tensor) for name, tensor in run(inputs).items())


def test_registered_as_torch_wants_it(draw):
    """Schema, fake tensors, autograd and ahead-of-time compilation of the operator, by torch's own checks."""
    inputs = draw(70, 20, batch=2, heads=2, kv_heads=1, head_dim=8)
    tensors = [inputs[name].requires_grad_() for name in ("query", "key", "value", "log_forget")]
    ids = documents(70, 33).expand(2, -1)
    torch.library.opcheck(_forward, (*tensors, 0.0, 8**-0.5, ids, 1e-7))
