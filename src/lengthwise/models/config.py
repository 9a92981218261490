"""Sizes of the models."""

from dataclasses import dataclass
from typing import Literal

from lengthwise.attention.mechanism import Mechanism
from lengthwise.errors import InputError


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a :class:`Decoder`; ``Decoder(config)`` builds it.

    Raises:
        InputError: for sizes that are not positive or do not divide, and for names that do not exist.
    """

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012 - read by the experiments' configuration

    vocab_size: int
    """Number of different tokens."""
    kind: Literal["decoder"] = "decoder"
    """Which model this is; the task decides."""
    layers: int = 2
    """Number of blocks."""
    dim: int = 64
    """Width of the residual stream."""
    heads: int = 2
    """Query heads per layer; divides dim."""
    kv_heads: int | None = None
    """Key and value heads per layer; divides heads, which it is by default."""
    mechanism: str = "threshold-relative"
    """Attention mechanism: weights, position and output joined with '+', each with its options in brackets."""
    feed_forward_dim: int | None = None
    """Inner width of the SwiGLU; 8/3 of dim, rounded up to a multiple of 32, by default (paper-faithful: twice dim)."""
    tied_head: bool = False
    """Whether the head shares its matrix with the embedding."""
    dropout: float | None = None
    """Dropout on attention weights (threshold-relative: logits); 0 by default (paper-faithful: 0.01)."""
    paper_faithful: bool = False
    """Build the model of the code of arXiv 2503.23174: residuals add to the normalised stream, its initialisation."""
    backend: str = "auto"
    """Which implementation of the attention runs: 'auto', or a backend by name."""
    context: int | None = None
    """Tokens of a training sequence, for position parts that have to know; an experiment says so by itself."""
    reach: int | None = None
    """Tokens of the longest sequence the model has to hold, for position parts that have to know; as context."""
    marks: int | None = None
    """The largest mark of a token in the longest sequence, for numberings that read marks; as context."""

    def __post_init__(self) -> None:
        for name in (
            "vocab_size",
            "layers",
            "dim",
            "heads",
            "kv_heads",
            "feed_forward_dim",
            "context",
            "reach",
            "marks",
        ):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1; got {value}.")
        if self.dim % self.heads:
            raise InputError(f"dim must be a multiple of heads; got dim {self.dim} and heads {self.heads}.")
        if self.heads % (self.kv_heads or self.heads):
            raise InputError(
                f"heads must be a multiple of kv_heads; got heads {self.heads} and kv_heads {self.kv_heads}."
            )
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"dropout is a probability below 1; got {self.dropout}.")
        object.__setattr__(self, "mechanism", str(Mechanism.parse(self.mechanism)))  # the one name that it has


@dataclass(frozen=True)
class SetReaderConfig:
    """Sizes of a :class:`SetReader`; ``SetReader(config)`` builds it. The defaults are those of arXiv 2410.01104.

    Raises:
        InputError: for sizes that are not positive or do not divide, names that do not exist, and positions in a set.
    """

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012 - read by the experiments' configuration

    item_features: int
    """Numbers that an item consists of."""
    query_features: int
    """Numbers that a query consists of."""
    classes: int
    """Number of different answers."""
    kind: Literal["set-reader"] = "set-reader"
    """Which model this is; the task decides."""
    dim: int = 128
    """Width of everything inside."""
    heads: int = 1
    """Attention heads; divides dim."""
    mechanism: str = "softmax"
    """Attention mechanism: weights, and output where wanted, joined with '+', each with its options in brackets."""
    residual: bool = False
    """Whether the encoded query is added to what attention returns."""
    projection: bool = False
    """Whether attention ends in an output projection."""
    input_precision: Literal["float32", "bfloat16"] = "float32"
    """What items and queries are rounded to before they are read; bfloat16, with eight bits, as in a TPU's products."""
    backend: str = "auto"
    """Which implementation of the attention runs: 'auto', or a backend by name."""

    def __post_init__(self) -> None:
        for name in ("item_features", "query_features", "classes", "dim", "heads"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if self.dim % self.heads:
            raise InputError(f"dim must be a multiple of heads; got dim {self.dim} and heads {self.heads}.")
        mechanism = Mechanism.parse(self.mechanism)
        for part, plain in ((mechanism.position, "nope"), (mechanism.numbering, "counted")):
            if part.name != plain:
                raise InputError(f"A set has no order, and {self.mechanism!r} names a position; drop '{part}'.")
        object.__setattr__(self, "mechanism", str(mechanism))


ModelConfig = DecoderConfig | SetReaderConfig
