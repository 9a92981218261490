"""Interleaved majority: several streams of bits take turns; the answer is the majority of each (arXiv 2410.02140).

With three streams, the first stream has the symbols 1, 4, 7 and so on. In each stream, the number of ones is uniform
over all numbers but a tie, and the bits are in random order. The answers follow the order of the streams. The length
counts the symbols of all streams. The authors train on lengths from 3 to 50, and test on 51 to 100 and on 101 to 150;
they round a length to a multiple of three, the number of their streams.
"""

import torch

from lengthwise.options import option
from lengthwise.tasks.counting.bin_majority import bits_and_majority
from lengthwise.tasks.task import Task
from lengthwise.tasks.transduction import Drawn, Transduction


class InterleavedMajority(Transduction):
    """The more frequent bit of each of several interleaved streams (arXiv 2410.02140)."""

    class Options(Task.Options):
        streams: int = option(3, at_least=1)
        """Number of streams."""

    options: Options
    symbols = 2

    @property
    def stride(self) -> int:  # type: ignore[override]  # known once the options are
        """Number of streams: all streams have the same length."""
        return self.options.streams

    def answer_length(self, length: int) -> int:
        """Return the number of streams."""
        return self.options.streams

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Drawn:
        """Draw streams and their majorities, and interleave the streams."""
        streams = self.options.streams
        bits, majority = bits_and_majority(generator, batch_size * streams, length // streams)
        source = bits.view(batch_size, streams, -1).transpose(1, 2)
        return Drawn(source.reshape(batch_size, length), majority.view(batch_size, streams))
