"""Strict attention, in which a query sees the keys before its own only: any backend, on keys shifted by one."""

import torch.nn.functional as F
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.modes import is_readable
from lengthwise.ops.threshold_relative.problem import Problem


def without_own_keys(problem: Problem) -> Problem:
    """Return the problem in which each query stands at the key before its own.

    Queries are aligned with the last keys, so it is enough to leave out the newest key. The first of all tokens has no
    earlier key, and its query is left out, too.

    Raises:
        InputError: on the CPU, for a document whose id comes back after another document, since a query would get the
            document of the key before it.
    """
    query, key, value, log_forget, documents, *_ = problem
    if documents is not None and documents.device.type == "cpu" and is_readable(documents):
        runs, distinct = ((ids.diff(dim=1) != 0).sum(1) for ids in (documents, documents.sort(1).values))
        if (runs != distinct).any():
            raise InputError("Strict attention needs documents of contiguous tokens; got an id that comes back later.")
    first = _unaligned(problem)
    return problem._replace(
        query=query[:, :, first:],
        key=key[:, :, :-1],
        value=value[:, :, :-1],
        log_forget=log_forget[:, :, first:],
        document_ids=None if documents is None else documents[:, :-1],
    )


def with_zeros(attended: Tensor, problem: Problem) -> Tensor:
    """Complete what was attended for :func:`without_own_keys`: the first query of each document gets zeros."""
    attended, documents = F.pad(attended, (0, 0, _unaligned(problem), 0)), problem.document_ids
    if documents is None:
        return attended
    begins = F.pad(documents[:, 1:] != documents[:, :-1], (1, 0), value=True)
    queries, keys = problem.query.shape[2], problem.key.shape[2]
    return attended.masked_fill(begins[:, None, keys - queries :, None], 0)


def _unaligned(problem: Problem) -> int:
    """Return the number of queries without any earlier key, packed documents aside: 1 if the first token is queried."""
    return int(0 < problem.query.shape[2] == problem.key.shape[2])
