"""Promises about reading sequences: the mask, caches, packed documents, padding, batches and number formats."""

import torch
from torch import Tensor

from lengthwise.testing.check import expect, expect_close, expect_near
from lengthwise.testing.subjects import BATCH, TOKENS, Subject

LATER = 100
"""Index of the first token that changes."""


def later_tokens_change_nothing_earlier(subject: Subject) -> None:
    """Change the later tokens, and expect the same bits at the earlier ones."""
    inputs = subject.inputs()
    changed = torch.cat([inputs[:, :LATER], subject.inputs()[:, LATER:]], 1)
    when = f"once the tokens from {LATER} on are others"
    expect_near(subject(changed)[:, :LATER], subject(inputs)[:, :LATER], when, rtol=0, atol=0)


def cache_is_no_cache(subject: Subject) -> None:
    """Compare reading at once with reading token by token, and in chunks of several sizes."""
    inputs = subject.inputs()
    with torch.no_grad():
        whole = subject(inputs)
        for chunk in (1, 7, 64, 100):
            cache = subject.cache()
            parts = [subject(part, cache=cache) for part in inputs.split(chunk, dim=1)]
            expect_close(torch.cat(parts, dim=1), whole, f"read through a cache in chunks of {chunk}")
            expect(cache.tokens == TOKENS, f"the cache counts {cache.tokens} of {TOKENS} tokens")


def no_tokens_leave_a_cache_as_it_is(subject: Subject) -> None:
    """Read empty chunks between other chunks."""
    inputs, cache = subject.inputs(), subject.cache()
    with torch.no_grad():
        parts = [subject(part, cache=cache) for part in inputs.split([0, 60, 0, 90, 0], 1)]
        expect_close(torch.cat(parts, 1), subject(inputs), "read through a cache with chunks of no tokens in between")


def packed_documents_are_separate(subject: Subject) -> None:
    """Compare documents packed into one sequence with each document by itself."""
    inputs, lengths = subject.inputs(), [40, 1, 70, 39]
    ids = torch.tensor([5, 3, 9, 2], dtype=torch.long, device="cpu")
    ids = ids.repeat_interleave(torch.tensor(lengths, dtype=torch.long, device="cpu")).expand(BATCH, -1)
    separate = torch.cat([subject(part) for part in inputs.split(lengths, dim=1)], dim=1)
    expect_close(subject(inputs, document_ids=ids), separate, "packed beside other documents")


def packed_documents_through_the_cache(subject: Subject) -> None:
    """Read packed documents in chunks that do not end at the documents' ends."""
    inputs, ids, cache = subject.inputs(), _thirds(), subject.cache()
    with torch.no_grad():
        parts = [
            subject(part, document_ids=part_ids, cache=cache)
            for part, part_ids in zip(inputs.split(37, 1), ids.split(37, 1), strict=True)
        ]
        whole = subject(inputs, document_ids=ids)
    expect_close(torch.cat(parts, dim=1), whole, "read in packed documents through a cache")


def padding_changes_nothing(subject: Subject) -> None:
    """Pad on the left and on the right."""
    inputs, padding = subject.inputs(), subject.inputs(21)
    whole = subject(inputs)
    real, pad = (
        torch.full((BATCH, tokens), fill, dtype=torch.long, device="cpu") for tokens, fill in ((TOKENS, 0), (21, -1))
    )
    left = subject(torch.cat([padding, inputs], 1), document_ids=torch.cat([pad, real], 1))
    right = subject(torch.cat([inputs, padding], 1), document_ids=torch.cat([real, pad], 1))
    expect_close(left[:, 21:], whole, "behind 21 tokens of padding")
    expect_close(right[:, :TOKENS], whole, "before 21 tokens of padding")


def batch_is_one_by_one(subject: Subject) -> None:
    """Compare a batch with its sequences one by one."""
    inputs = subject.inputs()
    expect_close(subject(inputs), torch.cat([subject(one[None]) for one in inputs]), "read in a batch")


def fast_is_reference(subject: Subject) -> None:
    """Compare the fast backend with the reference."""
    reference, inputs, ids = subject.twin(backend="reference"), subject.inputs(), _thirds()
    expect_close(subject(inputs), reference(inputs), "computed the fast way")
    expect_close(
        subject(inputs, document_ids=ids), reference(inputs, document_ids=ids), "computed the fast way in documents"
    )


def saved_is_loaded(subject: Subject) -> None:
    """Load the parameters into a module with other parameters, and expect the same bits."""
    inputs, twin = subject.inputs(), subject.twin()
    with torch.no_grad():
        for parameter in twin.module.parameters():
            parameter.add_(1)
    twin.module.load_state_dict(subject.module.state_dict())
    expect_near(twin(inputs), subject(inputs), "after saving and loading", rtol=0, atol=0)


def default_dtype_is_that_of_others(subject: Subject) -> None:
    """Compute with another default dtype of torch, and expect the same bits in the same dtype."""
    subject.module.float()
    inputs, before = subject.inputs(), torch.get_default_dtype()
    inputs = inputs.float() if inputs.is_floating_point() else inputs
    outputs = []
    try:
        for dtype in (torch.float32, torch.float64):
            torch.set_default_dtype(dtype)
            outputs.append(subject(inputs))
    finally:
        torch.set_default_dtype(before)
    usual, other = outputs
    when = "while torch's default dtype is float64"
    expect(other.dtype == usual.dtype, f"{when} the output is {other.dtype}, where {usual.dtype} is expected")
    expect_near(other, usual, when, rtol=0, atol=0)


def _thirds() -> Tensor:
    ids = torch.arange(3, dtype=torch.long, device="cpu").repeat_interleave(TOKENS // 3)
    return ids.expand(BATCH, -1)
