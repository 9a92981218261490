"""Attention of every mechanism, for the tests of what they all promise."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from tests.attention.mechanisms import COMPILED, ENCODERS, IN_MODELS, MECHANISMS
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention import Mechanism
from lengthwise.testing import Check, mechanism_checks
from lengthwise.testing.subjects import BATCH, DIM, TOKENS, Layer


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
