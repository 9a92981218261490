"""A shortened context of text, read by a causal language model before the tokens that it has to predict."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from lengthwise.attention.precision import in_float32
from lengthwise.probes.shortening.kept import Layer, Shortened, Shortening, choices
from lengthwise.probes.weights import attending_by
from lengthwise.statistics.bootstrap import mean
from lengthwise.statistics.estimate import Estimate

TOLD = 32
"""Number of tokens at the end of a window that are predicted and always kept."""


@torch.no_grad()
def of_text(
    model: PreTrainedModel, windows: Int[Tensor, "windows tokens"], shares: Sequence[float], *, layer: Layer
) -> Shortening:
    """Measure the loss on the last tokens of each window after its whole and its shortened beginning, the context.

    The choice sees the context alone. Its first and its last token are kept in any case. The model needs the memory of
    all attention weights of one context. Afterwards, it attends by its own implementation again.
    """
    with attending_by(model, "eager"):  # the implementation that shows its weights
        return _measured(model, windows.to(model.device), shares, layer)


def _measured(
    model: PreTrainedModel, windows: Int[Tensor, "windows tokens"], shares: Sequence[float], layer: Layer
) -> Shortening:
    contexts, told = windows[:, :-TOLD], windows[:, -TOLD:]
    received = [_received(model, context, layer) for context in contexts]
    always = [_ends(len(context)) for context in contexts]

    def measured(kept: Sequence[Int[Tensor, " kept"]]) -> Estimate:
        reads = zip(contexts, kept, told, strict=True)
        return mean(np.asarray([_loss(model, torch.cat([of[places], last])) for of, places, last in reads]))

    def tokens(kept: Sequence[Int[Tensor, " kept"]]) -> float:
        return sum(map(len, kept)) / len(kept) + TOLD

    whole = [torch.arange(len(context), dtype=torch.long, device="cpu") for context in contexts]
    rows = []
    for share in shares:
        by_attention, at_random = choices(received, always, share)
        rows.append(Shortened(share, tokens(by_attention), measured(by_attention), measured(at_random)))
    name = f"loss of the last {TOLD} tokens"
    return Shortening(name, "nats", len(windows), tokens(whole), measured(whole), tuple(rows))


def _received(model: PreTrainedModel, context: Int[Tensor, " tokens"], layer: Layer) -> Float[Tensor, " tokens"]:
    """Return how much attention each token receives in a layer, over heads and queries, on the CPU."""
    weights = model(input_ids=context[None], output_attentions=True, use_cache=False).attentions
    return in_float32(weights[0 if layer == "first" else -1]).sum((0, 1, 2)).cpu()


def _loss(model: PreTrainedModel, tokens: Int[Tensor, " tokens"]) -> float:
    """Return the mean cross-entropy of the last tokens [nats]."""
    logits = model(input_ids=tokens[None], use_cache=False).logits[0, -TOLD - 1 : -1]
    return F.cross_entropy(in_float32(logits), tokens[-TOLD:]).item()


def _ends(tokens: int) -> Bool[Tensor, " tokens"]:
    ends = torch.zeros(tokens, dtype=torch.bool, device="cpu")
    ends[[0, -1]] = True
    return ends
