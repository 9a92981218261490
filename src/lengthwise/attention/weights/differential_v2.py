r"""Differential attention, second version: twice the queries, and no norm (Microsoft, January 2026).

:math:`(\mathrm{softmax}(q_1 k^\top) - \sigma(w \cdot x)\,\mathrm{softmax}(q_2 k^\top))\,V` in each head, with two
queries for the same keys and values, and a vector :math:`w` that maps the layer's input :math:`x` at the query to the
factor of the second map.
"""

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes, Weights
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.softmax import Softmax
from lengthwise.options import Value


class DifferentialV2(Softmax):
    """Difference of the softmaxes of two queries per head over the same keys (Differential Transformer V2).

    Adds ``heads * dim`` parameters, and doubles the layer's projection of queries, which adds ``dim * dim`` more.
    Unlike ``differential``, the part compares whole heads, its factor depends on the query, and no norm follows. A
    position part treats each of the two maps as a map of its own. The authors published the part on their blog and in
    their repository (microsoft/unilm), not in a paper.
    """

    traits = WeightsTraits(
        evidence="code",
        normalised=False,  # a row sums to 1 - sigmoid(w x)
        maps=2,
        route="fused",
    )
    one_dropout = True

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.mixing = nn.Linear(sizes.dim, sizes.heads, bias=False)

    def mixture(self, hidden: Float[Tensor, "batch queries dim"]) -> Float[Tensor, "batch heads queries 1"]:
        """Compute the factor of the second map."""
        return in_float32(self.mixing(hidden)).sigmoid().mT[..., None]

    def probabilities(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the difference of the two maps, which may be negative."""
        first, second = (super(DifferentialV2, self).probabilities(of) for of in _maps(call))
        return first - self.mixture(call.hidden) * second

    def forward(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Compute the attended values."""
        if not self.fuses(call):
            return Weights.forward(self, call)
        first, second = (in_float32(super(DifferentialV2, self).forward(of)) for of in _maps(call))
        return (first - self.mixture(call.hidden) * second).to(call.value.dtype)


def _maps(call: Call) -> tuple[Call, Call]:
    """Return the calls of the first and of the second queries of all heads."""
    first, second = (replace(call, query=call.query[:, place::2]) for place in (0, 1))
    return first, second
