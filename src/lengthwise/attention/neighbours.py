"""The neighbours of each query along its sequence, which convolutions see."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.layout import Layout


def neighbours(
    values: Float[Tensor, "batch keys channels"], layout: Layout, taps: int
) -> Float[Tensor, "batch queries channels taps"]:
    """Return the values of the ``taps`` tokens around each query in the order of the sequence, 0 outside its document.

    In causal attention, these are the query's own token and the tokens before it; otherwise, the query's own token
    stands in the middle. ``taps`` is odd. A convolution is a product with its kernel.
    """
    behind = taps - 1 if layout.causal else taps // 2
    # Behind a cache, the padding is negative: it drops the keys that no query reaches.
    before, after = behind - layout.start, taps - 1 - behind - layout.later
    windows = F.pad(values, (0, 0, before, after)).unfold(1, taps, 1)
    if layout.documents is None:
        return windows
    own = layout.documents[:, layout.start : layout.start + layout.queries, None]
    others = F.pad(layout.documents, (before, after)).unfold(1, taps, 1) != own
    return windows.masked_fill(others[:, :, None], 0)
