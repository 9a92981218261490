"""Attention of every mechanism, for the tests of what they all promise."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention import Mechanism
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS

COMBINED = [
    "softmax+rope+layer-norm",
    "softmax+rms-norm@heads",
    "softmax+standardise@projected",
    "softmax+layer-norm@heads",
    "softmax+layer-norm@projected",
    "scalable-softmax+rope",
    "log-n+alibi",
    "entmax+alibi",
    "top-1+rope",
    "as-entmax+nape",
    "dape+alibi",
    "dape-v2+kerple",
    "differential+rope",
    "selective+alibi",
    "compositional+rope",
    "threshold-relative+rope",
    "threshold-relative+layer-norm",
    "entmax[alpha=2]",
    "entmax[alpha=1.2]+rope[base=5e5]",
    "dape-v2[kernel=5,width=8]+alibi[bias_max=4]",
    "threshold-relative[threshold=0.3]",
    "softmax+yarn[beta_slow=0.5,mscale=0.707,truncate=false]",
]
MECHANISMS = [
    *(name for name in WEIGHTS if WEIGHTS.load(name).traits.causal),
    *(f"softmax+{name}" for name in POSITIONS if POSITIONS.load(name).traits.route not in ("none", "embedding")),
    *(f"softmax+{name}" for name in OUTPUTS if name != "none"),
    *COMBINED,
]
"""Every part that attention by itself can have, and some that work on each other."""
COMPILED = ["softmax", "top-k", "threshold-relative", "softmax+rope", "softmax+alibi", "softmax+forgetting"]
"""Those that every test run compiles: fused, in blocks of rows, by an operator, turned, biased, and gated. The others
take minutes together."""
BATCH, TOKENS, DIM = 3, 150, 32


def _build(mechanism: str | Mechanism, **settings: Any) -> Attention:
    """Attention whose learned parts are not what they begin as: many of those do nothing at first.

    In float64, where what a processor's order of summing changes is far less than any mistake would.
    """
    torch.manual_seed(0)
    attention = Attention(DIM, heads=4, kv_heads=2, mechanism=mechanism, context=60, reach=TOKENS, **settings)
    attention = attention.double().eval()
    with torch.no_grad():
        for part in (attention.position, attention.weights, attention.project.output):
            for parameter in part.parameters():
                parameter.add_(torch.randn_like(parameter) / 10)
    return attention


@pytest.fixture(params=MECHANISMS)
def attention(request: pytest.FixtureRequest) -> Attention:
    return _build(request.param)


@pytest.fixture(params=[pytest.param(name, marks=() if name in COMPILED else pytest.mark.long) for name in MECHANISMS])
def to_compile(request: pytest.FixtureRequest) -> Attention:
    """As ``attention``, for what takes seconds of each."""
    return _build(request.param)


@pytest.fixture
def hidden() -> Tensor:
    return torch.randn(BATCH, TOKENS, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def build() -> Callable[..., Attention]:
    """``build(mechanism, **settings)`` is such a layer."""
    return _build
