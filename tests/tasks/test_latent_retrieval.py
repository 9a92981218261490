"""Latent retrieval: what its vectors hold, solved apart by inverting the fixed matrices."""

import torch

from lengthwise.tasks import Sets
from lengthwise.tasks.sets.latent_retrieval import LatentRetrieval, _matrices


def decoded(task: LatentRetrieval, items: torch.Tensor, *, query: bool = False) -> torch.Tensor:
    """The coefficients of the latents and, in items, of the payloads."""
    first, second, first_q, second_q, embedding = _matrices(task.options.first, task.options.second)
    basis = torch.cat([first_q, second_q] if query else [first, second, embedding])
    return torch.linalg.lstsq(basis.mT, items.flatten(0, -2).mT).solution.mT.unflatten(0, items.shape[:-1])


def test_the_holder_has_the_latents_of_the_query_and_the_answer_is_its_payload() -> None:
    task = LatentRetrieval(first=3, second=5)
    batch = task.sample(torch.Generator().manual_seed(0), 200, 16, "validation")
    assert isinstance(batch, Sets)
    of_items, of_query = decoded(task, batch.items), decoded(task, batch.query, query=True)
    latents, payload = of_items[..., :8], of_items[..., 8:]
    assert (latents.abs() - 1).abs().max() < 0.2, "latents are -1 and 1, up to noise"
    rows = torch.arange(200)
    assert torch.equal(latents[rows, batch.holder].sign(), of_query.sign())
    assert torch.equal(payload.argmax(-1)[rows, batch.holder], batch.targets)
    assert abs(latents.sign().mean().item()) < 0.02, "every bit is as often 1 as -1"
    assert batch.targets.bincount(minlength=10).min() > 5


def test_a_contrast_differs_in_one_variable_alone() -> None:
    task = LatentRetrieval(first=3, second=5)
    for factor, (mine, others) in enumerate([(slice(0, 3), slice(3, 8)), (slice(3, 8), slice(0, 3))]):
        found = task.contrast(torch.Generator().manual_seed(factor), 500, factor)
        query = decoded(task, found.query, query=True).sign()
        alike, other = (decoded(task, of)[:, :8].sign() for of in (found.alike, found.other))
        assert torch.equal(alike[:, mine], query[:, mine])
        assert torch.equal(alike[:, others], other[:, others])
        assert abs((other[:, mine] * query[:, mine]).mean().item()) < 0.06, "independent of the query"
        assert abs((alike[:, others] * query[:, others]).mean().item()) < 0.06
