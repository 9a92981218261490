"""The base classes of position parts, which encode where tokens stand."""

from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.part import Part
from lengthwise.attention.parts.sizes import Sizes
from lengthwise.attention.traits import PositionTraits
from lengthwise.ops.curve import Curve
from lengthwise.options import Value


class Position(Part):
    """Base of the position parts, each built from :class:`Sizes`."""

    traits: ClassVar[PositionTraits] = PositionTraits()

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(**options)


class Embedding(Position):
    """Base of the position parts that change the token embeddings."""

    def embed(
        self, stream: Float[Tensor, "batch tokens dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch tokens dim"]:
        """Add the positions to the token embeddings, once, before the first layer."""
        raise NotImplementedError


class Rotation(Position):
    """Base of the position parts that turn queries and keys."""

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Turn queries and keys by their positions; the cache holds turned keys."""
        raise NotImplementedError


class Bias(Position):
    """Base of the position parts that add a bias to the scores: a :class:`~lengthwise.attention.call.ScoreBias`."""

    @property
    def depends_on_scores(self) -> bool:
        """True if the bias cannot be computed before the scores."""
        return self.traits.depends_on_scores

    @property
    def learned(self) -> bool:
        """True if the bias has parameters that are trained."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def applies(self, call: Call) -> bool:
        """True if the bias changes the scores of this call."""
        return True

    def track(self, hidden: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch heads tokens"] | None:
        """Compute the number per token and head that the bias depends on, if any; the cache holds it."""
        return None

    def log_forget(self, call: Call) -> Float[Tensor, "batch heads keys"] | None:
        """Return one number for each key and head, if the bias is the sum of these between key and query, else None."""
        return None

    def by_distance(self, call: Call) -> Float[Tensor, "heads keys"] | None:
        """Return the bias at the distances from 0 to ``keys - 1``, if it depends on the distance alone, else None."""
        return None

    def curve(self, call: Call) -> Curve | None:
        """Return the bias as a function of relative distance, if it is one for each head, else None."""
        return None

    def of(self, call: Call) -> Float[Tensor, "#batch heads queries keys"]:
        """Compute the bias that is added to the scaled scores; its values at hidden keys do not matter."""
        raise NotImplementedError
