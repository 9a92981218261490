"""Attention in blocks of rows: what it holds at a time does not grow with the square of the length."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lengthwise.attention.layout import Layout

SCORES_AT_ONCE = 2**24
"""Entries of weights, masks or biases held at a time: 64 MiB in float32."""
IN_CACHE = 2**19
"""Entries of a block on a processor, whose cache holds them from one operation to the next: 2 MiB in float32."""


def in_blocks_of_rows(
    block: Callable[[int, int], Tensor], layout: Layout, entries: int, *, cached: bool = True
) -> Tensor:
    """``block(start, stop)`` for all queries, joined along axis 2, with what is kept for the backward pass bounded.

    Causal blocks end at the diagonal: the more there are, the less is computed of what nobody sees. Compiled or
    exported, all rows are one block, so that one graph serves all lengths, and memory grows with their square.

    Args:
        block: attends from some of the queries.
        layout: of all of them.
        entries: what one row holds; blocks of at least 16 rows hold no more than ``SCORES_AT_ONCE``.
        cached: whether a block is many operations, which are faster on what a processor's cache holds, and not one.
    """

    def carrying(start: int, stop: int, nothing: Tensor) -> tuple[Tensor, Tensor]:
        return block(start, stop), nothing

    return carried_through_rows(
        carrying, layout, entries, torch.empty(0, dtype=torch.float32, device=layout.device), cached=cached
    )[0]


def carried_through_rows(
    block: Callable[[int, int, Tensor], tuple[Tensor, Tensor]],
    layout: Layout,
    entries: int,
    carry: Tensor,
    *,
    cached: bool = True,
) -> tuple[Tensor, Tensor]:
    """:func:`in_blocks_of_rows` where rows depend on those before them.

    Args:
        block: attends from queries ``start`` to ``stop``, given what the rows before them carry; returns the attended
            values and what the rows after them are to have.
        layout: of all queries.
        entries: what one row holds.
        carry: for the first row.
        cached: as there.

    Returns:
        What the blocks attended, joined along axis 2, and what the last one carries.
    """
    if torch.compiler.is_compiling():  # how many blocks there are would make the graph that of one length
        return block(0, layout.queries, carry)
    rows = max(16, SCORES_AT_ONCE // entries)
    # Without checkpointing, autograd would keep what every block holds until the backward pass.
    recompute = torch.is_grad_enabled() and rows < layout.queries
    if cached and layout.device.type == "cpu":
        rows = min(rows, max(32, IN_CACHE // entries))
    outputs = []
    for start in range(0, layout.queries, rows):
        stop = min(start + rows, layout.queries)
        output, carry = (
            checkpoint(block, start, stop, carry, use_reentrant=False) if recompute else block(start, stop, carry)
        )
        outputs.append(output)
    return torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0], carry
