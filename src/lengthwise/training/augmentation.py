"""Shuffling and mixing of tokens against a bias of position or of content in encoders (arXiv 2501.04376).

A third of each batch is shuffled, a third is mixed, and the rest stays as it is: the paper's three branches, in one
batch. Known from the abstract alone: tokens are rearranged so that neighbours stay together, tokens of two examples
with the same label are mixed in the latent space, and contrastive losses of features and divergences of logits align
the branches. The divergence is an option: the model also reads every example as it was, and both answers are brought
together. Of which divergence, and in which direction, the abstract says nothing. The contrastive loss is left out: the
loop sees a model's answers, and not its hidden states.

The abstract rearranges tokens together with their position embeddings. An encoder that averages all tokens would not
notice; here positions stay where they are, and a token gets the position of its new place.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.models import Decoder
from lengthwise.tasks.batch import Reply, Tokens
from lengthwise.tasks.drawing import counted, integers, uniform

SHUFFLED, MIXED = slice(1, None, 3), slice(2, None, 3)
"""Examples of a batch that are shuffled, and examples that are mixed."""


def shuffled(generator: torch.Generator, batch: Tokens, source: slice, size: int) -> Tokens:
    """Return the batch with the blocks of ``size`` tokens of each shuffled example's source in random order.

    Tokens that fill no block stay at the end of the source. Marks stay where they are, as positions do. The answers
    stay, too: the caller knows that they do not depend on the order of blocks.
    """
    inputs = batch.inputs.clone()
    tokens = inputs[SHUFFLED, source]
    whole = tokens.shape[1] // size * size
    blocks = tokens[:, :whole].unflatten(1, (whole // size, size))
    order = uniform(generator, *blocks.shape[:2]).argsort(1)[..., None].expand_as(blocks)
    tokens[:, :whole] = blocks.gather(1, order).flatten(1)  # writes to inputs
    return batch._replace(inputs=inputs)


@contextmanager
def mixing(generator: torch.Generator, model: nn.Module, batch: Tokens, share: float) -> Iterator[None]:
    """Mix examples while the model reads the batch, which lies on the model's device, during a ``with`` block.

    Before one block, chosen at random, each mixed example takes ``share`` of its tokens from another example with the
    same label, from the same places. An example whose label no other has stays as it is.
    """
    assert isinstance(model, Decoder)
    labels = batch.answers.cpu()
    block = model.blocks[int(integers(generator, len(model.blocks)))]
    rows = counted(len(labels))[MIXED]
    alike = (labels[rows, None] == labels) & (rows[:, None] != counted(len(labels)))
    partners = torch.where(alike.any(1), (uniform(generator, *alike.shape) * alike).argmax(1), rows)
    taken = uniform(generator, len(rows), batch.inputs.shape[1]) < share

    def mix(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        stream = arguments[0]
        of_partners = taken[..., None].to(stream.device)
        mixed = stream.clone()
        mixed[MIXED] = torch.where(of_partners, stream[partners.to(stream.device)], stream[MIXED])
        return mixed, *arguments[1:]

    hook = block.register_forward_pre_hook(mix)
    try:
        yield
    finally:
        hook.remove()


def divergence(one: Reply, other: Reply) -> Float[Tensor, " scored"]:
    r"""Compute how much the answers of two readings of the same examples differ, for each prediction [nats].

    It is the mean of the Kullback-Leibler divergences in both directions, :math:`\frac{1}{2} \sum_c (p_c - q_c)
    (\log p_c - \log q_c)`, and has a gradient for both readings.
    """
    of_one, of_other = (reply.logits[0].log_softmax(-1) for reply in (one, other))
    return ((of_one.exp() - of_other.exp()) * (of_one - of_other)).sum(-1) / 2
