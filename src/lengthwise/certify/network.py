"""A decoder as functions of single tokens' vectors: what it computes where attention returns one value per head."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention import Mechanism
from lengthwise.attention.call import heads_of
from lengthwise.attention.weights.newest_kept import HARD
from lengthwise.attention.weights.threshold_relative import ThresholdRelative
from lengthwise.errors import InputError
from lengthwise.models import Decoder
from lengthwise.models.backbone import Block
from lengthwise.ops import threshold_relative_attention

CERTIFIABLE = ("newest-kept", "threshold-relative")
"""Weights parts of networks that can be certified."""
NOBODY = -1
"""Stands for the token that a head attends to where its query keeps no key."""
UNIT = 2.0**-24
"""Largest relative error of one rounded operation in float32."""
ROWS = 16
"""Matrix products with fewer rows may sum in another order than those of a whole sequence."""


class Projections(NamedTuple):
    """What a layer's attention reads, for each vector of its input."""

    normalised: Float[Tensor, "vectors dim"]
    query: Float[Tensor, "vectors heads head_dim"]
    key: Float[Tensor, "vectors heads head_dim"]
    value: Float[Tensor, "vectors heads head_dim"]


class Layer:
    """One block of a decoder."""

    def __init__(self, block: Block) -> None:
        weights = block.attention.weights
        assert isinstance(weights, ThresholdRelative)
        self.block, self.weights = block, weights
        self.has_output = str(block.attention.mechanism.output) != "none"
        self.heads = block.attention.sizes.heads
        self.strict = weights.strict
        self.threshold = weights.threshold
        self.scale = float(block.attention.sizes.head_dim) ** -0.5

    def project(self, vectors: Float[Tensor, "vectors dim"]) -> Projections:
        """Compute queries, keys and values of vectors, each as in a sequence."""
        attention, count = self.block.attention, len(vectors)
        normalised = self.block.attention_norm(_padded(vectors)[None])
        query, key, value = attention.projected(normalised, normalised)
        query, key = self.weights.prepare(query, key, value)
        of_heads = (heads_of(of, self.heads)[0].transpose(0, 1)[:count] for of in (query, key, value))
        return Projections(normalised[0, :count], *of_heads)

    def attend(
        self, of: Projections, vector: Int[Tensor, " rows"], attended: Int[Tensor, "rows heads"]
    ) -> Float[Tensor, "rows heads head_dim"]:
        """Compute what each head gets from the one vector that it attends to, by the operator itself."""
        query, head = of.query[vector], torch.arange(self.heads, dtype=torch.long, device="cpu")
        key, value = (each[attended.clamp(min=0), head] for each in (of.key, of.value))
        result = threshold_relative_attention(
            query[:, :, None],
            key[:, :, None],
            value[:, :, None],
            torch.full((*query.shape[:2], 1), HARD, dtype=torch.float32, device="cpu"),
            threshold=self.threshold,
            backend=self.weights.backend,
            largest_key_norm=1.01 / self.scale,
        )[:, :, 0]
        return result.masked_fill((attended == NOBODY)[..., None], 0)

    def finish(
        self,
        vectors: Float[Tensor, "vectors dim"],
        of: Projections,
        vector: Int[Tensor, " rows"],
        attended: Int[Tensor, "rows heads"],
    ) -> Float[Tensor, "rows dim"]:
        """Compute the layer's outputs for tokens with these vectors, whose heads attend to these vectors."""
        found = _padded(self.attend(of, vector, attended)).transpose(0, 1)[None]
        stream, normalised = (_padded(each[vector])[None] for each in (vectors, of.normalised))
        projected = self.block.attention.project(found, normalised)
        return self.block.after_attention(stream, normalised, projected)[0, : len(vector)]


class Network:
    """A decoder of layers of hard attention, token by token.

    Raises:
        InputError: for a model that such a network cannot be.
    """

    def __init__(self, model: Decoder) -> None:
        refuse(model)
        self.model = model
        self.soft = Mechanism.parse(model.config.mechanism).weights.name != "newest-kept"
        """True if the gates of the model are those that it was trained with, and not zero."""
        self.layers = [Layer(block) for block in model.blocks if isinstance(block, Block)]
        self.tokens: Float[Tensor, "vocab dim"] = model.embedding.weight.detach()

    def roundings(self, vectors: Float[Tensor, "vectors dim"]) -> Float[Tensor, " vectors"]:
        """Bound the rounding of the difference between two logits, in any order of summation."""
        normalised, head = self.model.norm(vectors).double().abs(), self.model.head.weight.double().abs()
        return 2 * rounding(head.shape[1]) * (normalised @ head.T).amax(-1)

    def logits(self, vectors: Float[Tensor, "vectors dim"]) -> Float[Tensor, "vectors vocab"]:
        """Compute the logits after the last layer."""
        return self.model.head(self.model.norm(_padded(vectors)[None]))[0, : len(vectors)]


def rounding(terms: int) -> float:
    """Bound the error of a float32 sum of products in any order, relative to the sum of the terms' absolute values."""
    return terms * UNIT / (1 - terms * UNIT)


def certifiable(name: str) -> Mechanism:
    """Return the mechanism of that name; raise InputError if no network of it is a finite automaton."""
    mechanism = Mechanism.parse(name)
    if mechanism.weights.name not in CERTIFIABLE:
        raise InputError(
            f"{name!r} cannot be certified: its weights spread over any number of tokens, so that it is no finite "
            "automaton. Train 'newest-kept' or 'threshold-relative[anneal=12,margin=0.1]'."
        )
    if str(mechanism.position) != "nope" or str(mechanism.numbering) != "counted":
        raise InputError(
            f"{name!r} cannot be certified: a position makes every token another one. Drop "
            f"'{mechanism.position if str(mechanism.position) != 'nope' else mechanism.numbering}'."
        )
    return mechanism


def refuse(model: object) -> None:
    """Raise InputError for a model that is no decoder of hard attention on the CPU."""
    if not isinstance(model, Decoder):
        raise InputError(f"Only a decoder can be certified; this is a {type(model).__name__}.")
    certifiable(model.config.mechanism)
    if not model.config.causal:
        raise InputError("An encoder cannot be certified: its tokens see what comes later.")
    found = {(parameter.dtype, parameter.device.type) for parameter in model.parameters()}
    if found != {(torch.float32, "cpu")}:
        said = ", ".join(sorted(f"{dtype} on {device}".removeprefix("torch.") for dtype, device in found))
        raise InputError(f"A certificate is about float32 weights on the CPU; these are {said}.")


def _padded(rows: Tensor) -> Tensor:
    """Append rows of zeros, so that matrix products sum as in a long sequence."""
    return F.pad(rows, (0, 0) * (rows.ndim - 1) + (0, max(0, ROWS - len(rows))))
