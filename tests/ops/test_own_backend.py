"""A backend of one's own: the one of ``docs/how-to-backend.md``, in a module of its own, with all that torch knows."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.autograd import gradgradcheck

from lengthwise import threshold_relative_attention
from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative import BACKENDS, visited_tiles

Inputs = dict[str, Any]
ARGUMENTS = ("query", "key", "value", "log_forget")
IDS = (torch.arange(70) >= 33).long().expand(2, -1)


@pytest.fixture(scope="session")
def backend_of_the_page(tmp_path_factory: pytest.TempPathFactory, code_of_page: Callable[..., str]) -> Any:
    file = tmp_path_factory.mktemp("own") / "tiny.py"
    file.write_text(code_of_page("how-to-backend.md"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("tiny", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # an operator of torch can be defined once in a process
    return module.BACKEND


@pytest.fixture
def tiny(backend_of_the_page: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(BACKENDS, "tiny", backend_of_the_page)
    return "tiny"


@pytest.mark.parametrize("queries", [70, 2])
@pytest.mark.parametrize("documents", [IDS, None])
def test_registered_as_torch_wants_it(
    draw: Callable[..., Inputs], tiny: str, queries: int, documents: torch.Tensor | None
) -> None:
    inputs = draw(70, queries, batch=2, heads=2, kv_heads=1, head_dim=8)
    tensors = [inputs[name].requires_grad_() for name in ARGUMENTS]
    operator = torch.ops.lengthwise.threshold_relative_tiny.default
    torch.library.opcheck(operator, (*tensors, documents, 0.0, 8**-0.5, 1e-7, None))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("queries", [70, 3])
def test_within_budget(
    draw: Callable[..., Inputs], assert_within_budget: Callable[..., None], tiny: str, queries: int, dtype: torch.dtype
) -> None:
    inputs = draw(70, queries, batch=2, heads=4, kv_heads=2, dtype=dtype, margin=1e-5)
    assert_within_budget(inputs, tiny)
    assert_within_budget(inputs, tiny, document_ids=IDS, threshold=0.3)
    inputs["value"][0, 0, 35, 1] = torch.nan
    assert_within_budget(inputs, tiny, skip_tolerance=1e-3)  # or each dtype would have its own


def test_derivatives_of_gradients(draw: Callable[..., Inputs], tiny: str) -> None:
    inputs = draw(7, 5, heads=2, kv_heads=1, head_dim=3, dtype=torch.float64, margin=1e-3)
    assert gradgradcheck(
        lambda *x: threshold_relative_attention(*x, backend=tiny), [inputs[n].requires_grad_() for n in ARGUMENTS]
    )


@pytest.mark.filterwarnings("ignore:.*Function.* should not be instantiated", "ignore:The .grad attribute")
def test_compiled_vmapped_and_without_numbers(
    draw: Callable[..., Inputs], run: Callable[..., Inputs], tiny: str
) -> None:
    inputs = draw(70, 20, batch=2, heads=4, kv_heads=2)
    expected = run(inputs, tiny)
    torch._dynamo.reset()
    compiled = torch.compile(threshold_relative_attention, backend="aot_eager", fullgraph=True)
    for name, result in run(inputs, tiny, attend=compiled).items():
        assert torch.equal(result, expected[name])
    torch._dynamo.reset()
    each = [inputs[name][:, None] for name in ARGUMENTS]
    vmapped = torch.vmap(lambda *x: threshold_relative_attention(*x, backend=tiny))(*each)
    torch.testing.assert_close(vmapped[:, 0], expected["output"])
    nowhere = [inputs[name].to("meta") for name in ARGUMENTS]
    assert threshold_relative_attention(*nowhere, backend=tiny).shape == expected["output"].shape
    visited = visited_tiles(*(inputs[name] for name in ("query", "key", "log_forget")), backend=tiny)
    assert (visited == torch.arange(50, 70) // 64 + 1).all()


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ({"devices": ("cuda",)}, "takes .* on cuda; got torch.float32 on cpu. Use backend='auto'."),
        ({"dtypes": (torch.float64, torch.float16)}, "takes float64 and float16; got torch.float32 on cpu"),
        ({"widest": 8}, "takes .*, and heads of at most 8 numbers; got torch.float32 and 16 numbers on cpu"),
        ({"decodes": False}, "takes as many queries as keys; got 20 and 70"),
        ({"unavailable": lambda: "Its driver is missing."}, "^Its driver is missing.$"),
    ],
    ids=lambda says: next(iter(says)) if isinstance(says, dict) else None,
)
def test_what_it_cannot_take_it_says_and_auto_takes_another(
    draw: Callable[..., Inputs], tiny: str, monkeypatch: pytest.MonkeyPatch, says: dict[str, Any], sentence: str
) -> None:
    inputs = draw(70, 20)
    arguments = [inputs[name] for name in ARGUMENTS]
    monkeypatch.setitem(BACKENDS, "tiny", replace(BACKENDS["tiny"], **says))
    with pytest.raises(InputError, match=sentence):
        threshold_relative_attention(*arguments, backend=tiny)
    monkeypatch.setitem(BACKENDS, "native", replace(BACKENDS["tiny"], **says))
    expected = threshold_relative_attention(*arguments, backend="blockwise")
    assert torch.equal(threshold_relative_attention(*arguments), expected)
