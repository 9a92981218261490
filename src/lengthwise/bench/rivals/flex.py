"""Torch's FlexAttention with the bias of the forgetting transformer (arXiv 2503.02130), compiled for every shape.

FlexAttention is today's usual way to implement gates on distance: the score of query i and key j is lowered by the sum
of the log-gates between them, a difference of two cumulative sums.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Sequence, Token
from lengthwise.errors import InputError

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

_BLOCK = 128
_SHAPES = 64


def sequence(inputs: Inputs) -> Sequence:
    """Prepare attention over a sequence: every call sums up the gates, and the mask is made once."""
    compiled, mask = _compiled(inputs.query.device.type), causal_blocks(inputs.query.shape[2], inputs.query.device)

    def attend(query: Tensor, key: Tensor, value: Tensor, log_forget: Tensor) -> Tensor:
        return compiled(query, key, value, log_forget.cumsum(-1), mask)

    return Sequence(attend, inputs[:4], inputs.gradient)


def token(inputs: Inputs) -> Token:
    """Prepare a decoding step, with the sums of the gates in the cache, beside the keys."""
    compiled, last = _compiled(inputs.query.device.type), inputs.last_token()
    return partial(compiled, last.query, last.key, last.value, inputs.log_forget.cumsum(-1), None)


def forgetting(query: Tensor, key: Tensor, value: Tensor, summed: Tensor, mask: "BlockMask | None") -> Tensor:
    """Compute attention; ``summed`` are the cumulative sums of the log-gates, (batch, heads, keys).

    The last query stands at the last key.
    """
    from torch.nn.attention.flex_attention import flex_attention

    offset = key.shape[2] - query.shape[2]

    def forget(score: Tensor, batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return score + summed[batch, head, row + offset] - summed[batch, head, column]

    grouped = query.shape[1] != key.shape[1]
    attended: Tensor = flex_attention(query, key, value, score_mod=forget, block_mask=mask, enable_gqa=grouped)
    return attended


def causal_blocks(tokens: int, device: torch.device) -> "BlockMask":
    """Make the causal mask: a row of blocks sees the blocks before it whole, and the lower half of its own block.

    ``create_block_mask`` gives the same mask, but computes all (tokens, tokens) entries.
    """
    from torch.nn.attention.flex_attention import BlockMask

    number = -(-tokens // _BLOCK)
    blocks = torch.arange(number, dtype=torch.int32, device=device)
    whole = blocks.clone()
    if tokens % _BLOCK:
        whole[-1] = 0  # the last row is cut short and sees no block whole
    own_and_before = (blocks[:, None] + blocks) % number
    return BlockMask.from_kv_blocks(
        kv_num_blocks=(blocks + 1 - whole)[None, None],
        kv_indices=own_and_before[None, None],
        full_kv_num_blocks=whole[None, None],
        full_kv_indices=blocks.repeat(number, 1)[None, None],
        BLOCK_SIZE=_BLOCK,
        mask_mod=_not_later,
        seq_lengths=(tokens, tokens),
    )


def _not_later(batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
    return row >= column


@cache
def _compiled(device: str) -> Callable[..., Tensor]:
    if device != "cuda":
        raise InputError("it has a backward pass on CUDA only.")
    # A full graph and a limit above the number of shapes: beyond the limit torch would silently materialise the scores.
    torch._dynamo.config.recompile_limit = _SHAPES
    return torch.compile(forgetting, dynamic=False, fullgraph=True)
