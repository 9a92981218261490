"""Which tokens are kept, and what was measured of a model that read them alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.statistics.estimate import Estimate
from lengthwise.training.seeds import generator

Layer = Literal["first", "last"]


@dataclass(frozen=True)
class Shortened:
    """A number of a model on shortened inputs, with intervals over inputs."""

    share: float
    """Share that is kept of the tokens that may be left out."""
    tokens: float
    """Mean number of tokens or items that the model read."""
    attention: Estimate
    """If the tokens that received most attention are kept."""
    random: Estimate
    """If the same number of random tokens is kept."""


@dataclass(frozen=True)
class Shortening:
    """What shortening does to a model."""

    measured: str
    """Name of the number, for example exact match."""
    unit: str
    """``%`` for a share from 0 to 1; otherwise the unit of the numbers."""
    inputs: int
    tokens: float
    """Mean number of tokens or items of an input."""
    full: Estimate
    """The number on whole inputs, with its interval over inputs."""
    shortened: tuple[Shortened, ...]
    """One entry for each share."""


def kept(received: Float[Tensor, " tokens"], always: Bool[Tensor, " tokens"], share: float) -> Int[Tensor, " kept"]:
    """Return the places that are kept, in order: those of ``always``, and the share of the others that received most.

    The number is rounded, and at least 1. Of tokens that received the same, either may be kept.
    """
    needed = int(always.sum())
    number = max(1, needed + round(share * (len(always) - needed)))
    return received.masked_fill(always, torch.inf).topk(number).indices.sort().values


def choices(
    received: Sequence[Float[Tensor, " tokens"]], always: Sequence[Bool[Tensor, " tokens"]], share: float
) -> Iterator[list[Int[Tensor, " kept"]]]:
    """Yield what is kept of every input by attention, and then at random."""
    drawn = [
        torch.rand(len(of), generator=generator("random tokens", index), dtype=torch.float32, device="cpu")
        for index, of in enumerate(received)
    ]
    for ranks in (received, drawn):
        yield [kept(rank, needed, share) for rank, needed in zip(ranks, always, strict=True)]


def check_shares(shares: Sequence[float]) -> None:
    """Raise :class:`InputError` unless there are shares, all above 0 and at most 1."""
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong or not shares:
        raise InputError(f"A share to keep lies above 0 and is at most 1, as in --keep 0.06; got {wrong or 'none'}.")
