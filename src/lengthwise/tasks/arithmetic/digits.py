"""Arithmetic on the digits of numbers of any size. A row of digits is a number, least significant digit first."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from lengthwise.tasks.drawing import counted


def carried(places: Int[Tensor, "batch digits"], base: int) -> Int[Tensor, "batch digits"]:
    """Return the digits of the number that has ``places``, of any size from 0 on, in place of digits.

    A carry out of the last place is lost, so that the caller adds places enough.
    """
    largest = int(places.max()) if places.numel() else 0
    if max(1, largest) * base ** places.shape[1] < 2**63:  # an integer of torch can be the whole number
        return _written(_whole(places, base), base, places.shape[1])
    while largest > 2 * (base - 1):  # carries of several digits, which shrink quickly
        places = places % base + F.pad(places[:, :-1] // base, (1, 0))
        largest = int(places.max())
    # Now a carry is 1. A place above the largest digit sends a carry, a place with the largest digit passes a carry on,
    # and a smaller place stops it: the nearest lower place that passes none on decides about the carry into a place.
    place = counted(places.shape[1])
    decides = torch.where(places != base - 1, place + 1, 0).cummax(1).values  # over all places so far; 0: none
    sends = F.pad((places >= base).long(), (1, 0))
    return (places + sends.gather(1, F.pad(decides[:, :-1], (1, 0)))) % base


def product(
    first: Int[Tensor, "batch first"], second: Int[Tensor, "batch second"], base: int
) -> Int[Tensor, "batch first+second"]:
    """Return the digits of the product: of long numbers, by a convolution and then the carries.

    The convolution is computed by a Fourier transform. Its places are exact if ``digits * base ** 2`` is below 10^12.
    """
    digits = first.shape[1] + second.shape[1]
    if base**digits < 2**63:
        return _written(_whole(first, base) * _whole(second, base), base, digits)
    spectra = (torch.fft.rfft(factor.double(), n=digits) for factor in (first, second))
    return carried(torch.fft.irfft(next(spectra) * next(spectra), n=digits).round().long(), base)


def _whole(places: Int[Tensor, "batch digits"], base: int) -> Int[Tensor, "batch 1"]:
    """Return the numbers that have these places, which must be below 2^63."""
    return (places * _weights(base, places.shape[1])).sum(1, keepdim=True)


def _written(numbers: Int[Tensor, "batch 1"], base: int, digits: int) -> Int[Tensor, "batch {digits}"]:
    """Return the digits of numbers."""
    return numbers // _weights(base, digits) % base


@lru_cache
def _weights(base: int, digits: int) -> Int[Tensor, " digits"]:
    """Return what a 1 is worth at each place."""
    return base ** counted(digits)


def significant(digits: Int[Tensor, "batch digits"]) -> Int[Tensor, " batch"]:
    """Return how many digits the numbers have without zeros in front; 1 for the number 0."""
    return ((digits != 0) * counted(digits.shape[1] + 1, start=1)).amax(1).clamp(min=1)


def digits_of(number: int, base: int) -> int:
    """Return how many digits a number above 0 has."""
    digits = 0
    while number:
        number, digits = number // base, digits + 1
    return digits


def numbers(
    generator: torch.Generator, base: int, batch_size: int, digits: int, *, shorter: bool
) -> Int[Tensor, "batch digits"]:
    """Draw numbers of exactly ``digits`` digits, uniformly; ``shorter`` numbers have 1 to ``digits``, all alike often.

    A number of one digit can be 0; other numbers begin with another digit.
    """
    number = torch.randint(base, (batch_size, digits), generator=generator, dtype=torch.long, device="cpu")
    own = torch.randint(1, digits + 1, (batch_size, 1), generator=generator, dtype=torch.long, device="cpu")
    if not shorter:
        own = torch.full_like(own, digits)
    leading = torch.randint(1, base, (batch_size, 1), generator=generator, dtype=torch.long, device="cpu")
    place = counted(digits)
    number = torch.where((place == own - 1) & (own > 1), leading, number)
    return number * (place < own)
