r"""Contextual position encoding: distance counts the tokens that matter to the query (arXiv 2405.18719).

With :math:`z_{ik} = q_i \cdot k_k / \sqrt{d}`, the position of :math:`j` as :math:`i` sees it is
:math:`p_{ij} = \sum_{k=j}^{i} \sigma(z_{ik})`, at most :math:`p_{\max}`, and its score gets
:math:`q_i \cdot e[p_{ij}] / \sqrt{d}`, interpolated between the embeddings :math:`e` of the whole numbers around it.
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
    """Learned embeddings of a count of the tokens between, each counted as its score says (arXiv 2405.18719).

    Adds ``npos_max * head_dim`` parameters, 0 at first, which all heads of a layer share. By default tokens 63 or more
    counts away share the last embedding. Positions that a caller says make no difference. Looking ahead counts from the
    query, too. With weights that sharpen queries by length, such as ``scalable-softmax``, gates and embeddings see the
    sharpened ones. It costs several times what a softmax does, as every pair looks up two numbers, whose gradients go
    back one by one.
    """

    traits = PositionTraits(evidence="code", depends_on_scores=True)

    class Options(Bias.Options):
        npos_max: int = option(64, at_least=2)
        """How many embeddings there are: one for each count from 0 on."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.embeddings = nn.Parameter(torch.zeros(self.options.npos_max, sizes.head_dim))

    def of(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """What the embeddings of all positions add, interpolated."""
        positions = F.hardtanh(self.positions(call), 0, self.options.npos_max - 1)
        whole = positions.detach().long()
        query = call.query.to(positions.dtype) / call.query.shape[-1] ** 0.5
        of_whole = query @ in_float32(self.embeddings).to(positions.dtype).mT
        to_next = F.pad(of_whole.diff(dim=-1), (0, 1))
        return of_whole.gather(-1, whole).addcmul(to_next.gather(-1, whole), positions.frac())

    def positions(self, call: Call) -> Float[Tensor, "batch heads queries keys"]:
        """The sum of the gates from each key to the query, both included."""
        layout = call.layout
        gates = call.products.sigmoid()
        gates = gates * layout.visible().to(gates.dtype)
        # Summed up from the query outwards, so that what is near, and not yet at the last embedding, stays exact.
        if layout.causal:
            return gates.flip(-1).cumsum(-1).flip(-1)
        behind = gates.masked_fill(layout.ahead > 0, 0).flip(-1).cumsum(-1).flip(-1)
        return torch.maximum(behind, gates.masked_fill(layout.ahead < 0, 0).cumsum(-1))
