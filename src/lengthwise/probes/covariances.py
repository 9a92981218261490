r"""Contrastive covariances: the subspaces of a head's keys that queries compare (arXiv 2602.04752).

A query :math:`q` comes with two keys: :math:`k^+` shares a feature with it, and :math:`k^-` differs from :math:`k^+` in
this feature alone. In :math:`\Delta C = E[q\, {k^+}^T] - E[q\, {k^-}^T]` everything cancels that the feature does not
decide. Its rank is the number of dimensions in which the head compares the feature, and its right singular vectors span
the subspace of keys that holds it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.errors import InputError


@dataclass(frozen=True)
class Subspace:
    """Where a feature lies in the queries and the keys of a head."""

    strengths: Float[Tensor, " dimensions"]
    """All singular values, largest first."""
    query: Float[Tensor, "query_dim rank"]
    """Orthonormal basis of the feature in queries."""
    key: Float[Tensor, "key_dim rank"]
    """Orthonormal basis of the feature in keys."""

    @property
    def rank(self) -> int:
        """Number of dimensions of the feature."""
        return self.key.shape[1]

    def exchanged(
        self, first: Float[Tensor, "*keys key_dim"], second: Float[Tensor, "*keys key_dim"]
    ) -> tuple[Float[Tensor, "*keys key_dim"], Float[Tensor, "*keys key_dim"]]:
        """Return keys that have exchanged their coefficients in the subspace, and nothing else."""
        across = (second - first) @ self.key @ self.key.mT
        return first + across, second - across


def contrastive_covariance(
    query: Float[Tensor, "pairs query_dim"],
    alike: Float[Tensor, "pairs key_dim"],
    other: Float[Tensor, "pairs key_dim"],
) -> Float[Tensor, "query_dim key_dim"]:
    r"""Estimate :math:`\Delta C` from queries, keys that share a feature with them, and keys that do not.

    Means are not subtracted, as in the authors' code.

    Raises:
        InputError: for numbers of queries and keys that are not the same, or 0.
    """
    if not len(query) == len(alike) == len(other) or not len(query):
        raise InputError(
            f"Each query needs a key that shares the feature and one that does not; got {len(query)} queries, "
            f"{len(alike)} and {len(other)} keys."
        )
    return query.mT @ (alike - other) / len(query)


def subspace(covariance: Float[Tensor, "query_dim key_dim"], share: float = 0.99) -> Subspace:
    """Return the smallest subspace that has ``share`` of the squared singular values of a covariance.

    Raises:
        InputError: for a covariance that is zero or not finite, and for a share outside of 0 to 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"share is a share of the squared singular values, above 0 and at most 1; got {share}.")
    if not covariance.isfinite().all() or not covariance.any():
        raise InputError("The covariance is zero or not finite: queries and keys do not depend on the feature.")
    left, strengths, right = torch.linalg.svd(covariance, full_matrices=False)
    held = strengths.square().cumsum(0) / strengths.square().sum()
    rank = min(int((held < share).sum()) + 1, len(strengths))
    return Subspace(strengths, left[:, :rank], right[:rank].mT)
