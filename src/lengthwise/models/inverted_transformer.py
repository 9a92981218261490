"""An inverted transformer: attention over the variates of a series, each of which is one token (arXiv 2310.06625).

The length is the number of variates, and a trained model reads any number of them. Each variate is normalised over its
observed values, embedded as a whole by one matrix, and forecast as a whole by another. Variates have no order and no
names, so that only their values tell them apart. Layers, norms and their order were read in the authors' code; theirs
has biases in the projections of attention, dropout, and time marks as further tokens.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention import Attention
from lengthwise.errors import InputError
from lengthwise.models.config import InvertedTransformerConfig
from lengthwise.models.output import ModelOutput


class InvertedTransformer(nn.Module):
    """A model from the observed values of all variates to their next values.

    Without layers, it is a linear forecast of each variate by itself, from its normalised values.
    """

    def __init__(self, config: InvertedTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Linear(config.observed, config.dim)
        self.blocks = nn.ModuleList(_Block(config, layer) for layer in range(config.layers))
        self.norm = nn.LayerNorm(config.dim) if config.layers else nn.Identity()
        self.head = nn.Linear(config.dim, config.horizon)

    def forward(self, items: Float[Tensor, "batch variates observed"]) -> ModelOutput:
        """Forecast each variate: (batch, variates, horizon), in the units of its observed values.

        Variates may stand in any order. The order makes a difference only to weights without the trait
        ``permutation_invariant``.
        """
        if items.ndim != 3 or items.shape[-1] != self.config.observed or items.shape[1] < 1:
            raise InputError(
                f"items must be (batch, variates, {self.config.observed}) with a variate or more; "
                f"got {tuple(items.shape)}."
            )
        mean = items.mean(-1, keepdim=True)
        deviation = (items.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        stream = self.embedding((items - mean) / deviation)
        for block in self.blocks:
            stream = block(stream)
        hidden = self.norm(stream)
        return ModelOutput(self.head(hidden) * deviation + mean, hidden)


class _Block(nn.Module):
    """Attention over variates and a perceptron, each added to the stream, which is then normalised."""

    def __init__(self, config: InvertedTransformerConfig, layer: int) -> None:
        super().__init__()
        width = config.feed_forward_dim or config.dim
        self.attention = Attention(
            config.dim,
            config.heads,
            mechanism=config.mechanism,
            backend=config.backend,
            projection_bias=True,
            causal=False,
            layer=layer,
        )
        self.attention_norm = nn.LayerNorm(config.dim)
        self.up, self.down = nn.Linear(config.dim, width), nn.Linear(width, config.dim)
        self.feed_forward_norm = nn.LayerNorm(config.dim)

    def forward(self, stream: Tensor) -> Tensor:
        stream = self.attention_norm(stream + self.attention(stream))
        return self.feed_forward_norm(stream + self.down(F.gelu(self.up(stream))))
