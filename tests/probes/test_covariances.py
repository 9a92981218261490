"""Contrastive covariances find the dimensions in which queries and keys are compared."""

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.probes.covariances import contrastive_covariance, subspace


def test_the_rank_is_the_number_of_compared_dimensions() -> None:
    torch.manual_seed(0)
    shared, noise = torch.linalg.qr(torch.randn(16, 16))[0].split([3, 13], 1)
    feature = torch.randn(40_000, 3)
    query = feature @ shared.mT + torch.randn(40_000, 13) @ noise.mT
    alike, other = (of @ shared.mT for of in (feature, torch.randn(40_000, 3)))
    found = subspace(contrastive_covariance(query, alike, other))
    assert found.rank == 3
    torch.testing.assert_close(found.key @ found.key.mT, shared @ shared.mT, atol=0.03, rtol=0)
    torch.testing.assert_close(found.query @ found.query.mT, shared @ shared.mT, atol=0.05, rtol=0)


def test_the_covariance_is_the_difference_of_two_means_of_products() -> None:
    query, alike, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]), torch.tensor([[1.0]])
    assert contrastive_covariance(query, alike, other).tolist() == [[2.0], [4.0]]


def test_exchanged_keys_differ_in_the_subspace_alone() -> None:
    found = subspace(torch.diag(torch.tensor([5.0, 4.0, 0.01, 0.0])))
    assert found.rank == 2
    first, second = torch.arange(4.0), torch.arange(4.0) + 10
    one, two = found.exchanged(first, second)
    assert one.tolist() == pytest.approx([10, 11, 2, 3])
    assert two.tolist() == pytest.approx([0, 1, 12, 13])


def test_bad_input_is_answered() -> None:
    with pytest.raises(InputError, match="3 queries, 2 and 3 keys"):
        contrastive_covariance(torch.ones(3, 2), torch.ones(2, 2), torch.ones(3, 2))
    with pytest.raises(InputError, match="zero or not finite"):
        subspace(torch.zeros(2, 2))
    with pytest.raises(InputError, match=r"share of the squared singular values.*got 2"):
        subspace(torch.ones(2, 2), share=2)
