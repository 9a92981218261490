r"""CABLE: context-aware biases, summed over the tokens between query and key (arXiv 2503.08067).

The bias of query :math:`i` and key :math:`j` is :math:`-\sum_{k=j+1}^{i} \operatorname{softplus}(w \cdot x_k + b)`.
Because :math:`-\operatorname{softplus}(a) = \log \sigma(-a)`, CABLE equals ``forgetting`` with the sign of the gates
reversed.
"""

from dataclasses import replace

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.forgetting import Forgetting
from lengthwise.options import Value


class Cable(Forgetting):
    """Scores minus a learned cost, per head, of every token in between (arXiv 2503.08067).

    Adds ``dim * heads + heads`` parameters, initialised as ``nn.Linear`` is, which is what a third party reports of the
    authors' code. Scores are scaled as usual; the authors' code is said not to scale them.
    """

    traits = replace(Forgetting.traits, evidence="third-party")

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.forget.reset_parameters()

    @staticmethod
    def log_kept(gates: Float[Tensor, "batch tokens heads"]) -> Float[Tensor, "batch tokens heads"]:
        """Compute minus the cost of each token."""
        return -F.softplus(gates)
