"""A matcher of two sets: items of each attend to the other set, and say what their partner there holds.

``psi`` encodes the items of both sets. Attention reads the other set, plainly or reweighted by matchability
(arXiv 2505.02161), and ``phi`` maps an item and what it has attended to, to the answer. The probability that an item
has a partner is a logistic function of its matchability, so that the cross-entropy of the answer is the binary
cross-entropy of "has a partner" plus, for an item that has one, the cross-entropy of what the partner holds. The
authors add the former as a loss of its own.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention import CrossAttention, MatchabilityAttention, Mechanism
from lengthwise.attention.matchability import matchability
from lengthwise.attention.parts import Sizes
from lengthwise.errors import InputError
from lengthwise.models.config import SetMatcherConfig
from lengthwise.models.output import ModelOutput


class SetMatcher(nn.Module):
    """A model from two sets to the logits of an answer for each item."""

    def __init__(self, config: SetMatcherConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        sizes = Sizes(dim, config.heads, config.heads, dim // config.heads)
        layer = MatchabilityAttention if config.reweighted else CrossAttention
        self.psi = nn.Sequential(nn.Linear(config.item_features, dim), nn.GELU(), nn.Linear(dim, dim))
        self.attention = layer(sizes, Mechanism.parse(config.mechanism), backend=config.backend)
        self.phi = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, config.classes - 1))
        self.partner = nn.Linear(1, 1)
        nn.init.constant_(self.partner.weight, 10.0)  # cosines of partners and of others differ by tenths
        nn.init.constant_(self.partner.bias, -5.0)

    def forward(self, items: Float[Tensor, "batch items item_features"]) -> ModelOutput:
        """Compute the logits of each item's answer, (batch, items, classes): logarithms of probabilities.

        The first half of the items is one set, the second half the other. The last class is that an item has no
        partner.
        """
        width = self.config.item_features
        if items.ndim != 3 or items.shape[-1] != width or items.shape[1] < 2 or items.shape[1] % 2:
            raise InputError(
                f"items must be (batch, items, {width}) with two sets of as many items, one behind the other; "
                f"got {tuple(items.shape)}."
            )
        first, second = self.psi(items).chunk(2, dim=1)
        attended = torch.cat([first + self.attention(first, second), second + self.attention(second, first)], 1)
        matched = torch.cat(matchability(first, second), 1)
        has = self.partner(matched[..., None])
        held = self.phi(attended).log_softmax(-1) + F.logsigmoid(has)
        return ModelOutput(torch.cat([held, F.logsigmoid(-has)], -1), attended)
