"""Every refusal, in one sentence that says what was wrong and what was expected."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import threshold_relative_attention
from lengthwise.errors import InputError
from lengthwise.ops import native
from lengthwise.ops.threshold_relative import BACKENDS

Inputs = dict[str, Any]
Make = Callable[..., Inputs]


def zeros(*shape: Any, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Tensor:
    return torch.zeros(shape, dtype=dtype, device=device)


GOOD: dict[str, Any] = {
    "query": zeros(2, 4, 3, 8),
    "key": zeros(2, 2, 5, 8),
    "value": zeros(2, 2, 5, 8),
    "log_forget": zeros(2, 4, 3),
}

REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"query": zeros(4, 3, 8)}, r"must be \(batch, heads, tokens, head_dim\).*got \(4, 3, 8\)"),
    ({"key": zeros(2, 5, 8)}, r"four dimensions each; got \(2, 4, 3, 8\) and \(2, 5, 8\)"),
    ({"value": zeros(2, 2, 4, 8)}, r"value must have the shape of key, \(2, 2, 5, 8\); got \(2, 2, 4, 8\)"),
    ({"query": zeros(1, 4, 3, 8)}, "agree in batch and head_dim"),
    ({"query": zeros(2, 4, 3, 9)}, "agree in batch and head_dim"),
    ({"query": zeros(2, 3, 3, 8), "log_forget": zeros(2, 3, 3)}, "multiple of kv_heads; got 3 and 2"),
    ({"key": zeros(2, 0, 5, 8), "value": zeros(2, 0, 5, 8)}, "multiple of kv_heads; got 4 and 0"),
    ({"query": zeros(2, 4, 6, 8), "log_forget": zeros(2, 4, 6)}, "at most as many; got 6 queries and 5 keys"),
    ({"log_forget": zeros(2, 4, 5)}, r"one gate per query and head, here \(2, 4, 3\); got \(2, 4, 5\)"),
    ({"log_forget": zeros(2, 4, 3, 1)}, r"log_forget must be \(batch, heads, queries\)"),
    ({"value": zeros(2, 2, 5, 8, dtype=torch.float64)}, "must share one of float32, .*torch.float64"),
    ({n: GOOD[n].long() for n in ("query", "key", "value")}, "must share one of .* got torch.int64"),
    ({"log_forget": zeros(2, 4, 3, dtype=torch.float16)}, "must be float32 or torch.float32 .* got torch.float16"),
    ({"key": zeros(2, 2, 5, 8, device="meta")}, "key is on meta but query is on cpu; move"),
    ({"log_forget": zeros(2, 4, 3, device="meta")}, "log_forget is on meta"),
    ({"document_ids": zeros(2, 5, dtype=torch.long, device="meta")}, "document_ids is on meta"),
    ({"document_ids": zeros(2, 3, dtype=torch.long)}, r"must be \(batch, keys\), here \(2, 5\); got \(2, 3\)"),
    ({"document_ids": zeros(2, 5)}, "must be integers; got torch.float32"),
    ({"document_ids": zeros(2, 5, dtype=torch.bool)}, "must be integers; got torch.bool"),
    ({"document_ids": zeros(2, 5, dtype=torch.complex64)}, "must be integers; got torch.complex64"),
    ({"threshold": math.nan}, "threshold is NaN; give a number"),
    *(({"scale": scale}, f"positive finite number; got {scale}") for scale in (0.0, -1.0, math.inf, math.nan)),
    *(({"skip_tolerance": x}, f"at least 0 and below 1; got {x}") for x in (-0.1, 1.0, 1.5, math.nan)),
    *(({"largest_key_norm": x}, f"a finite number, at least 0; got {x}") for x in (-1.0, math.inf, math.nan)),
    ({"log_forget": zeros(2, 4, 3) + 0.5}, r"at most 0, .* largest value is 0\.5\. Pass logsigmoid\(x\)"),
    ({"backend": "blockwize"}, "no backend called 'blockwize'; did you mean 'blockwise'"),
    ({"backend": "cuda"}, "no backend called 'cuda'; known: auto, blockwise, native, reference"),
]


def test_the_good_one_is_good() -> None:
    assert threshold_relative_attention(**GOOD).shape == (2, 4, 3, 8)


@pytest.mark.parametrize(("wrong", "sentence"), REFUSALS)
def test_refusal(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        threshold_relative_attention(**GOOD | wrong)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value)[-1] in ".?"


@pytest.mark.parametrize("queries", [3, 5])
def test_a_gate_above_one_is_refused_by_every_backend(backend: str, queries: int) -> None:
    good = GOOD | {"query": zeros(2, 4, queries, 8), "log_forget": zeros(2, 4, queries)}
    good["log_forget"][1, 3, 2] = 0.5
    with pytest.raises(InputError, match=r"at most 0, .* largest value is 0\.5\. Pass logsigmoid\(x\)"):
        threshold_relative_attention(**good, backend=backend)


NOT_COMPILED = "native kernels were not compiled when lengthwise was installed; install GCC or Clang"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_native_refuses_what_it_does_not_take(dtype: torch.dtype) -> None:
    tensors = {name: tensor.to(dtype) for name, tensor in GOOD.items()}
    with pytest.raises(InputError, match=f"takes float32 and bfloat16 on cpu; got {dtype} on cpu. Use backend='auto'"):
        threshold_relative_attention(**tensors, backend="native")
    assert threshold_relative_attention(**tensors).dtype == dtype


@pytest.fixture
def not_compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation without a compiler."""
    monkeypatch.setattr(native.library, "COMPILED", False)
    native.library.library.cache_clear()
    yield
    native.library.library.cache_clear()


def test_native_that_is_not_compiled(not_compiled: None) -> None:
    with pytest.raises(InputError, match=NOT_COMPILED):
        threshold_relative_attention(**GOOD, backend="native")
    with pytest.raises(InputError, match=NOT_COMPILED):
        native.path()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_auto_is_blockwise_where_native_is_not_compiled(draw: Make, not_compiled: None, dtype: torch.dtype) -> None:
    inputs = draw(100, dtype=dtype)
    del inputs["gradient"]
    expected = threshold_relative_attention(**inputs, backend="blockwise")
    assert torch.equal(threshold_relative_attention(**inputs), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64, torch.float16])
def test_auto_takes_the_fastest_that_fits(draw: Make, needs_native: str, dtype: torch.dtype) -> None:
    inputs = draw(1000, dtype=dtype)
    del inputs["gradient"]
    results = {name: threshold_relative_attention(**inputs, backend=name) for name in ("auto", "blockwise")}
    if dtype in BACKENDS["native"].dtypes:
        results["native"] = threshold_relative_attention(**inputs, backend="native")
        assert not torch.equal(results["native"], results["blockwise"]), "or the next line would see nothing"
    assert torch.equal(results["auto"], results.get("native", results["blockwise"]))
