"""A check, and the sentence that reports a broken promise."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Check:
    """One promise of one mechanism or task. A call of the check tests the promise.

    Raises:
        AssertionError: if the promise is broken; one sentence names the mechanism or task, the place, and the expected
            value.
    """

    of: str
    """Name of the mechanism or the task."""
    promise: str
    """The promise as a clause, as in *a later token changes no earlier output*."""
    run: Callable[[], None]
    compiles: bool = False
    """True if the check calls torch's compiler, which takes seconds."""

    def __call__(self) -> None:
        """Test the promise. The state of torch's random numbers is restored afterwards."""
        try:
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                torch.manual_seed(0)
                self.run()
        except AssertionError as error:
            raise AssertionError(f"{self.of!r} must promise that {self.promise}, but {error}") from None
        except Exception as error:
            error.add_note(f"This happened in the check of {self.of!r} that {self.promise}.")
            raise

    def __str__(self) -> str:
        return f"{self.of}: {self.promise}"


def run_all(checks: Iterable[Check]) -> None:
    """Test every promise, in order."""
    for check in checks:
        check()


def parametrized(checks: Iterable[Check]) -> "pytest.MarkDecorator":
    """Make every check a case of the decorated pytest function, which takes ``check``. Needs pytest."""
    import pytest

    return pytest.mark.parametrize("check", [pytest.param(check, id=str(check)) for check in checks])


def expect(holds: bool | Tensor, otherwise: str) -> None:
    """Raise an AssertionError with the sentence ``otherwise``, unless ``holds``."""
    if not holds:
        raise AssertionError(f"{otherwise}.")


def expect_close(actual: Tensor, expected: Tensor, when: str) -> None:
    """Expect the same outputs (batch, tokens, width), up to rounding in float64.

    ``when`` describes the ``actual`` outputs, as in *with a cache*.
    """
    largest = max([1.0, *expected.detach().abs().flatten().tolist()])  # weights may be larger than 1
    expect_near(actual, expected, when, rtol=1e-9, atol=1e-10 * largest)


def expect_near(actual: Tensor, expected: Tensor, when: str, *, rtol: float, atol: float) -> None:
    """Expect the same outputs (batch, tokens, width) up to the tolerances; if both are 0, the same bits."""
    expect(
        actual.shape == expected.shape,
        f"{when} the output has the shape {tuple(actual.shape)}, where {tuple(expected.shape)} is expected",
    )
    actual, expected = actual.detach(), expected.detach().to(actual.dtype)
    wrong = ~torch.isclose(actual, expected, rtol=rtol, atol=atol)
    if wrong.any():
        off = (actual - expected).abs().nan_to_num(torch.inf).masked_fill(~wrong, -1)
        place = torch.unravel_index(off.argmax(), off.shape)
        sequence, token, *_ = (int(index) for index in place)
        raise AssertionError(
            f"{when} the output of token {token} in sequence {sequence} has a component {actual[place].item():.6g}, "
            f"where {expected[place].item():.6g} is expected."
        )
