"""The sizes that parts are built from."""

from dataclasses import dataclass
from typing import Literal

from lengthwise.errors import InputError


@dataclass(frozen=True)
class Sizes:
    """The sizes that a part is built from: the widths of an attention layer, and the lengths of sequences."""

    dim: int
    heads: int
    kv_heads: int
    head_dim: int
    layer: int = 0
    """Index of the layer, from 0."""
    context: int | None = None
    """Length of a training sequence, if known [tokens]."""
    reach: int | None = None
    """Length of the longest sequence that the model has to process, if known [tokens]."""
    marks: int | None = None
    """Largest mark of a token in the longest sequence, if known."""

    def need(self, name: Literal["context", "reach", "marks"], part: str) -> int:
        """Return a size that ``part`` needs.

        Raises:
            InputError: if the size is not known.
        """
        known = getattr(self, name)
        if known is None:
            told = {
                "context": "how long training sequences are, in tokens",
                "reach": "how long the longest sequence will be, in tokens",
                "marks": "how large the marks of the longest sequence will be",
            }
            raise InputError(f"{part!r} needs to know {told[name]}; pass {name}=.")
        return int(known)
