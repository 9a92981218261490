r"""Contextual position encoding: distance counts the tokens that matter to the query (arXiv 2405.18719).

With :math:`z_{ik} = q_i \cdot k_k / \sqrt{d}`, the position of key :math:`j` for query :math:`i` is
:math:`p_{ij} = \sum_{k=j}^{i} \sigma(z_{ik})`, at most :math:`p_{\max}`, and the bias is :math:`q_i \cdot e[p_{ij}] /
\sqrt{d}`, interpolated between the embeddings :math:`e` of the two nearest whole numbers.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias, Sizes
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value, option


class Cope(Bias):
    """Learned embeddings of the number of tokens in between, each weighted by its score (arXiv 2405.18719).

    Adds ``npos_max * head_dim`` parameters, 0 at first, which all heads of a layer share. By default, tokens 63 or more
    counts away share the last embedding. Positions that a caller gives make no difference. Tokens ahead are counted
    from the query, too. With weights that sharpen queries by length, such as ``scalable-softmax``, gates and embeddings
    read the sharpened queries. It costs several times as much as softmax, because every pair looks up two numbers,
    whose gradients are added one by one.
    """

    traits = PositionTraits(evidence="code", depends_on_scores=True)

    class Options(Bias.Options):
        npos_max: int = option(64, at_least=2)
        """Number of embeddings: one for each count from 0 on."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.embeddings = nn.Parameter(torch.zeros(self.options.npos_max, sizes.head_dim))

    def of(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the bias from the interpolated embeddings of all positions."""
        positions = F.hardtanh(self.positions(call), 0, self.options.npos_max - 1)
        whole = positions.detach().long()
        query = call.query.to(positions.dtype) / call.query.shape[-1] ** 0.5
        of_whole = query @ in_float32(self.embeddings).to(positions.dtype).mT
        to_next = F.pad(of_whole.diff(dim=-1), (0, 1))
        return of_whole.gather(-1, whole).addcmul(to_next.gather(-1, whole), positions.frac())

    def positions(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """Sum the gates from each key to the query, both included."""
        layout = call.layout
        gates = call.products.sigmoid()
        gates = gates * layout.visible().to(gates.dtype)
        # Summed from the query outwards, so that near positions, below the last embedding, stay exact.
        if layout.causal:
            return gates.flip(-1).cumsum(-1).flip(-1)
        behind = gates.masked_fill(layout.ahead > 0, 0).flip(-1).cumsum(-1).flip(-1)
        return torch.maximum(behind, gates.masked_fill(layout.ahead < 0, 0).cumsum(-1))
