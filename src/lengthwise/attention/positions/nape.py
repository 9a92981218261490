r"""NAPE: a linear bias on some of the heads and no position on the others, for ASEntmax (arXiv 2506.16640).

Head :math:`h` of the first heads, by default :math:`\lfloor H / 2 \rfloor`, adds :math:`-(i - j) / h` to its scores:
some heads attend to near keys, the others to all keys.
"""

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.alibi import Sloped
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value, option


class Nape(Sloped):
    """A linear penalty on distance in the first heads, none in the others (arXiv 2506.16640).

    No parameters. The slopes are 1, 1/2, 1/3 and so on, not ALiBi's slopes.
    """

    traits = PositionTraits(evidence="code")

    class Options(Sloped.Options):
        local: float = option(0.5, at_least=0, at_most=1)
        """Share of the heads that have the penalty."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        local = int(self.options.local * sizes.heads)
        self.slopes = [1 / head for head in range(1, local + 1)] + [0.0] * (sizes.heads - local)
