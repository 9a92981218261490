"""Bits per byte: the cross-entropy of a text, comparable between tokenizers."""

import math
from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.tasks.metrics.metric import Answered, Metric
from lengthwise.text.tokenizers import Bytes


class BitsPerByte(Metric):
    """The cross-entropy of the scored tokens in bits, divided by the bytes of text that they stand for."""

    name = "bits_per_byte"
    unit: ClassVar[str] = "bits"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def __init__(self, bytes_of: Callable[[], np.ndarray] = lambda: Bytes().bytes_of) -> None:
        """``bytes_of`` returns the number of bytes of every token, (vocab_size,); by default, tokens are bytes."""
        self._bytes_of = bytes_of

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the sum of each example's cross-entropies [bits], and its bytes."""
        logits, right = next(answered.reply.pairs())
        bits = F.cross_entropy(logits, right, reduction="none") / math.log(2)
        table = torch.as_tensor(self._bytes_of(), dtype=torch.float64, device="cpu")
        return answered.per_example(bits), answered.per_example(table[right.cpu()])
