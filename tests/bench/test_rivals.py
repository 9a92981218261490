"""The rivals compute what they are said to, as far as a machine without a GPU can tell."""

import math
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import FLA_FORGETTING, HORIZONS, SDPA
from lengthwise.bench.inputs import Inputs, draw
from lengthwise.bench.kinds import KINDS, prepare
from lengthwise.bench.rivals import flex, forgetting
from lengthwise.errors import InputError

CONFIG = BenchConfig.read({"batch": 2, "kv_heads": 2, "head_dim": 8})


def forgetful(query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor) -> Tensor:
    """The definition of forgetting attention (arXiv 2503.02130), of the last queries of a sequence of gates."""
    heads, rows, keys = query.shape[1], query.shape[2], key.shape[2]
    key, value = (tensor.repeat_interleave(heads // key.shape[1], 1) for tensor in (key, value))
    between = log_forget.new_zeros(*log_forget.shape[:2], keys, keys)
    for row in range(keys):
        for column in range(row):
            between[..., row, column] = log_forget[..., column + 1 : row + 1].sum(-1)
    scores = query @ key.mT / math.sqrt(query.shape[-1]) + between[..., -rows:, :]
    seen = torch.ones(rows, keys, dtype=torch.bool).tril(keys - rows)
    return scores.masked_fill(~seen, -math.inf).softmax(-1) @ value


def test_sdpa_decodes_what_it_attends_to_last() -> None:
    inputs = draw(CONFIG, 21)
    whole, last = (prepare(kind, SDPA, inputs)() for kind in ("forward", "decode"))
    assert isinstance(whole, Tensor)
    assert isinstance(last, Tensor)
    torch.testing.assert_close(whole[:, :, -1:], last)


@pytest.mark.parametrize("tokens", [1, 128, 200, 384])
def test_the_blocks_are_those_that_torch_finds(tokens: int) -> None:
    from torch.nn.attention.flex_attention import create_block_mask

    ours = flex.causal_blocks(tokens, torch.device("cpu"))
    theirs = create_block_mask(flex._not_later, None, None, tokens, tokens, device="cpu")
    for side in ("kv", "q", "full_kv", "full_q"):
        number, indices = f"{side}_num_blocks", f"{side}_indices"
        assert torch.equal(getattr(ours, number), getattr(theirs, number))
        for row, used in enumerate(getattr(ours, number)[0, 0].tolist()):
            mine, torchs = (getattr(mask, indices)[0, 0, row, :used].sort().values for mask in (ours, theirs))
            assert torch.equal(mine, torchs)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = draw(CONFIG, 40)
    with pytest.raises(InputError, match="on CUDA only"):
        prepare("forward", "flex", inputs)
    monkeypatch.setattr(flex, "_compiled", lambda device: flex.forgetting)
    expected = forgetful(*inputs[:4])
    torch.testing.assert_close(prepare("forward", "flex", inputs)(), expected)
    torch.testing.assert_close(prepare("decode", "flex", inputs)(), expected[:, :, -1:])


def test_fla_is_called_in_its_own_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    def parallel_forgetting_attn(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
        """As documented: (batch, tokens, heads, head_dim), gates (batch, tokens, heads)."""
        assert all(tensor.is_contiguous() for tensor in (q, k, v, g))
        return forgetful(*(tensor.transpose(1, 2) for tensor in (q, k, v, g))).transpose(1, 2)

    def attn_decoding_one_step(q: Tensor, k: Tensor, v: Tensor, g: Tensor, *, cu_seqlens: Tensor) -> Tensor:
        """As documented: one query (1, batch, heads, head_dim) for each stretch of the keys (1, all, kv_heads, ...)."""
        assert q.shape[0] == k.shape[0] == v.shape[0] == g.shape[0] == 1
        rows = []
        for index, (begin, end) in enumerate(zip(cu_seqlens[:-1].tolist(), cu_seqlens[1:].tolist(), strict=True)):
            packed = (q[:, index : index + 1], *(tensor[:, begin:end] for tensor in (k, v, g)))
            rows.append(forgetful(*(tensor.transpose(1, 2) for tensor in packed)).transpose(1, 2))
        return torch.cat(rows, 1)

    for name in ("fla", "fla.ops", "fla.ops.attn", "fla.ops.attn.decoding", "fla.ops.forgetting_attn"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(
        sys.modules["fla.ops.forgetting_attn"], "parallel_forgetting_attn", parallel_forgetting_attn, raising=False
    )
    monkeypatch.setattr(
        sys.modules["fla.ops.attn.decoding"], "attn_decoding_one_step", attn_decoding_one_step, raising=False
    )
    monkeypatch.setattr(forgetting, "_check", lambda inputs: None)

    inputs = draw(CONFIG, 20)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:4]]
    expected = forgetful(*leaves)
    gradients = torch.autograd.grad(expected, leaves, inputs.gradient)
    attended, found, last = (prepare(kind, FLA_FORGETTING, inputs)() for kind in KINDS)
    torch.testing.assert_close(attended, expected.transpose(1, 2))
    torch.testing.assert_close(found, tuple(gradient.transpose(1, 2) for gradient in gradients))
    torch.testing.assert_close(last, expected[:, :, -1].unsqueeze(0))


def test_fla_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnCuda(Tensor):
        device = torch.device("cuda")

    few = draw(CONFIG, 4)
    inputs = Inputs(few.query.as_subclass(OnCuda), *few[1:])
    monkeypatch.delitem(sys.modules, "fla", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(InputError, match="flash-linear-attention is not installed; 'pip install fla-core'"):
        prepare("forward", FLA_FORGETTING, inputs)


@pytest.mark.parametrize("name", [*HORIZONS["cpu"], "sigmoid", "softpick", "entmax"])
def test_walks_end_with_the_token_that_they_decode(name: str) -> None:
    inputs = draw(CONFIG, 70)
    results: list[Any] = [prepare(kind, name, inputs)() for kind in KINDS]
    attended, gradients, last = results
    torch.testing.assert_close(last, attended[:, :, -1:], rtol=0, atol=1e-5)
    assert all(gradient.isfinite().all() for gradient in gradients)
    knots = 3 if name == "fire" else None  # the continuous function does not depend on them
    assert all(gradient.any() for number, gradient in enumerate(gradients) if number != knots)
