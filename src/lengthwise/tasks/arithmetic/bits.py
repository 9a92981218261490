"""Binary numbers of any size, from bits to integers of Python and back. A row has the most significant bit first."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int


def whole(bits: Int[np.ndarray, "numbers bits"]) -> list[int]:
    """Return the number of each row."""
    text, length = (bits + ord("0")).astype(np.uint8).tobytes(), bits.shape[1]
    return [int(text[start : start + length], 2) for start in range(0, len(text), length)]


def written(numbers: Iterable[int], length: int) -> Int[np.ndarray, "numbers {length}"]:
    """Return ``length`` bits of each number, which has no more of them."""
    form = f"0{length}b"
    text = "".join([format(number, form) for number in numbers])
    bits = np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64) - ord("0")
    return bits.reshape(-1, length)
