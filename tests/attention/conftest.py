"""Attention of every mechanism, for the tests of what they all promise."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention import Mechanism
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.parts import Bias, Embedding, Rotation
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS
from lengthwise.testing import Check, mechanism_checks
from lengthwise.testing.subjects import BATCH, DIM, TOKENS, Layer

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
    "fixation[gate=separate]",
    "fixation[gate=none]",
    "fixation[neighbours=4]",
    "reguformer[queries=all,keys=top,factor=2]",
    "reguformer[queries=random,keys=random]",
    "softmax+yarn[beta_slow=0.5,mscale=0.707,truncate=false]",
]
MECHANISMS = [
    *(name for name in WEIGHTS if WEIGHTS.load(name).traits.causal),
    *(f"softmax+{name}" for name in POSITIONS if issubclass(POSITIONS.load(name), Bias | Rotation)),
    *(f"softmax+{name}" for name in OUTPUTS if name != "none"),
    *COMBINED,
]
"""Every part that attention by itself can have, and some that work on each other."""
COMPILED = ["softmax", "top-k", "threshold-relative", "softmax+rope", "softmax+alibi", "softmax+forgetting"]
"""Those that every test run compiles: fused, in blocks of rows, by an operator, turned, biased, and gated. The others
take minutes together."""
ENCODERS = [name for name in WEIGHTS if not WEIGHTS.load(name).traits.causal]
IN_MODELS = [
    *(f"softmax+{name}" for name in POSITIONS if issubclass(POSITIONS.load(name), Embedding)),
    *(f"softmax+{name}" for name in NUMBERINGS if name != "counted"),
    "softmax+learned+coupled",
    "threshold-relative+rope+predicted",
]
"""Those that act before the first layer of a model."""


def _build(mechanism: str | Mechanism, **settings: Any) -> Attention:
    """Attention whose learned parts are not what they begin as, in float64."""
    parsed = mechanism if isinstance(mechanism, Mechanism) else Mechanism.parse(mechanism)
    return Layer(parsed, **settings).module


def _cases() -> Iterator[Any]:
    """Every promise of every mechanism; of the compiler's, which take seconds, some are left to ``make test-all``."""
    for mechanism in [*MECHANISMS, *ENCODERS, *IN_MODELS]:
        for check in mechanism_checks(mechanism, compiled=True):
            takes_long = check.compiles and check.of not in COMPILED
            yield pytest.param(check, id=str(check), marks=pytest.mark.long if takes_long else ())


@pytest.fixture(params=_cases())
def check(request: pytest.FixtureRequest) -> Check:
    return request.param


@pytest.fixture(params=MECHANISMS)
def attention(request: pytest.FixtureRequest) -> Attention:
    return _build(request.param)


@pytest.fixture
def hidden() -> Tensor:
    return torch.randn(BATCH, TOKENS, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def build() -> Callable[..., Attention]:
    """``build(mechanism, **settings)`` is such a layer."""
    return _build
