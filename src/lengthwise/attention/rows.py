"""Attention in blocks of rows, so that memory does not grow with the square of the length."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lengthwise.attention.layout import Layout

SCORES_AT_ONCE = 2**24
"""Largest number of entries of weights, masks or biases held at a time: 64 MiB in float32."""
IN_CACHE = 2**19
"""Entries of a block on a CPU, so that its cache holds the block from one operation to the next: 2 MiB in float32."""


def in_blocks_of_rows(
    block: Callable[[int, int], Tensor], layout: Layout, entries: int, *, cached: bool = True
) -> Tensor:
    """Call ``block(start, stop)`` for all queries and join the results along axis 2, with bounded memory for autograd.

    Causal blocks stop at the diagonal, so smaller blocks waste less work on masked pairs. Under ``torch.compile`` or
    export, all rows are one block, so that one graph serves all lengths, and memory grows with their square.

    Args:
        block: attends from queries ``start`` to ``stop``.
        layout: the layout of all queries.
        entries: number of entries that one row holds. A block has at least 16 rows, and otherwise no more than
            ``SCORES_AT_ONCE`` entries.
        cached: True if a block is many operations, not one; these are faster on data in a CPU's cache.
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
    """Do the same as :func:`in_blocks_of_rows` for rows that depend on the rows before them.

    Args:
        block: attends from queries ``start`` to ``stop``, given the carry of the rows before; returns the
            attended values and the carry for the rows after.
        layout: the layout of all queries.
        entries: number of entries that one row holds.
        carry: the carry for the first row.
        cached: as in :func:`in_blocks_of_rows`.

    Returns:
        The attended values, joined along axis 2, and the carry of the last block.
    """
    if torch.compiler.is_compiling():  # a number of blocks would tie the graph to one length
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
