"""Random generators seeded by their purpose alone, so that no earlier random draw changes their numbers."""

import hashlib

import torch


def seed_of(*labels: str | int) -> int:
    """Return a 63-bit seed made from labels such as ``(0, "train", step)``; the same on every machine."""
    digest = hashlib.blake2b("/".join(map(str, labels)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*labels: str | int) -> torch.Generator:
    """Return a generator seeded by :func:`seed_of`."""
    return torch.Generator().manual_seed(seed_of(*labels))
