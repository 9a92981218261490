"""Configurations of the models."""

from dataclasses import dataclass
from typing import Literal, get_args

from lengthwise.attention.mechanism import Mechanism
from lengthwise.errors import InputError, check_size

MODEL_TYPE = "lengthwise"
"""Name by which Hugging Face finds the classes for a decoder."""


@dataclass(frozen=True)
class DecoderConfig:
    """Settings of a :class:`Decoder`; ``Decoder(config)`` builds it.

    Raises:
        InputError: for sizes that are not positive or not divisible, and for names that do not exist.
    """

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012 - read by the experiments' configuration

    vocab_size: int
    """Number of different tokens."""
    kind: Literal["decoder"] = "decoder"
    """Kind of the model; the task sets it."""
    layers: int = 2
    """Number of blocks."""
    dim: int = 64
    """Width of the residual stream."""
    heads: int = 2
    """Query heads per layer; must divide dim."""
    kv_heads: int | None = None
    """Key and value heads per layer; must divide heads, and equals heads by default."""
    mechanism: str = "threshold-relative"
    """Attention mechanism: weights, position and output joined by '+', each with its options in brackets."""
    causal: bool = True
    """False for an encoder, whose tokens see all tokens. An encoder labels tokens, or reads a prompt and predicts one
    symbol."""
    feed_forward_dim: int | None = None
    """Inner width of the SwiGLU; 8/3 of dim, rounded up to a multiple of 32, by default (paper-faithful: twice dim)."""
    tied_head: bool = False
    """True if the head shares its matrix with the embedding."""
    dropout: float | None = None
    """Dropout on attention weights (threshold-relative: logits); 0 by default (paper-faithful: 0.01, and also on the
    embeddings and inside the SwiGLU)."""
    paper_faithful: bool = False
    """Build the model of the code of arXiv 2503.23174: its initialisation, residuals added to the normalised stream,
    and biases in the output projection and the SwiGLU."""
    backend: str = "auto"
    """Backend of the attention: 'auto', or a name."""
    context: int | None = None
    """Length of a training sequence, for position parts that need it; an experiment sets it [tokens]."""
    reach: int | None = None
    """Length of the longest sequence, for position parts that need it; an experiment sets it [tokens]."""
    marks: int | None = None
    """Largest mark in the longest sequence, for numberings that read marks; an experiment sets it."""

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "layers", "dim", "heads", "kv_heads", "feed_forward_dim", "context", "reach", "marks")
        _check_sizes(self, **dict.fromkeys(sizes, 1))
        if self.heads % (self.kv_heads or self.heads):
            raise InputError(
                f"heads must be a multiple of kv_heads; got heads {self.heads} and kv_heads {self.kv_heads}."
            )
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"dropout is a probability below 1; got {self.dropout}.")
        object.__setattr__(self, "mechanism", str(Mechanism.parse(self.mechanism)))  # the canonical name


@dataclass(frozen=True)
class SetReaderConfig:
    """Settings of a :class:`SetReader`; ``SetReader(config)`` builds it. The defaults are those of arXiv 2410.01104.

    Raises:
        InputError: for sizes that are not positive or not divisible, names that do not exist, and position parts.
    """

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012 - read by the experiments' configuration

    item_features: int
    """Number of features of an item."""
    query_features: int
    """Number of features of a query."""
    classes: int
    """Number of different answers; 1 if an answer is a number."""
    kind: Literal["set-reader"] = "set-reader"
    """Kind of the model; the task sets it."""
    dim: int = 128
    """Width of all hidden layers."""
    heads: int = 1
    """Attention heads; must divide dim."""
    mechanism: str = "softmax"
    """Attention mechanism: weights and, if wanted, output, joined by '+', each with its options in brackets."""
    linear: bool = False
    """True if items, query and answer are coded by matrices without biases, as in arXiv 2602.04752, and not by
    perceptrons."""
    residual: bool = False
    """True if the encoded query is added to the attended values."""
    projection: bool = False
    """True if attention ends in an output projection."""
    input_precision: Literal["float32", "bfloat16"] = "float32"
    """Number format that items and queries are rounded to first; bfloat16, with eight bits, as in a TPU's products."""
    backend: str = "auto"
    """Backend of the attention: 'auto', or a name."""

    def __post_init__(self) -> None:
        _check_sizes(self, item_features=1, query_features=1, classes=1, dim=1, heads=1)
        object.__setattr__(self, "mechanism", str(_across(self.mechanism)))


@dataclass(frozen=True)
class InvertedTransformerConfig:
    """Settings of an :class:`InvertedTransformer`; ``InvertedTransformer(config)`` builds it.

    Raises:
        InputError: for sizes that are not positive or not divisible, names that do not exist, position parts, and
            weights that are for causal attention only.
    """

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012 - read by the experiments' configuration

    observed: int
    """Number of observed values of a variate."""
    horizon: int
    """Number of values of a variate to forecast."""
    kind: Literal["inverted-transformer"] = "inverted-transformer"
    """Kind of the model; the task sets it."""
    layers: int = 2
    """Number of blocks; 0 for a linear forecast of each variate by itself."""
    dim: int = 64
    """Width of the stream."""
    heads: int = 4
    """Attention heads; must divide dim."""
    mechanism: str = "softmax"
    """Attention mechanism: weights and, if wanted, output, joined by '+', each with its options in brackets."""
    feed_forward_dim: int | None = None
    """Inner width of the perceptron; dim by default."""
    backend: str = "auto"
    """Backend of the attention: 'auto', or a name."""

    def __post_init__(self) -> None:
        _check_sizes(self, observed=1, horizon=1, layers=0, dim=1, heads=1, feed_forward_dim=1)
        mechanism = _without_order(self.mechanism)
        mechanism.check_layer(causal=False)
        object.__setattr__(self, "mechanism", str(mechanism))


@dataclass(frozen=True)
class SetMatcherConfig:
    """Settings of a :class:`SetMatcher`; ``SetMatcher(config)`` builds it.

    Raises:
        InputError: for sizes that are not positive or not divisible, names that do not exist, position parts, and
            weights that cannot serve several queries of another set.
    """

    __pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # noqa: RUF012 - read by the experiments' configuration

    item_features: int
    """Number of features of an item."""
    classes: int
    """Number of different answers; the last one is that an item has no partner."""
    kind: Literal["set-matcher"] = "set-matcher"
    """Kind of the model; the task sets it."""
    dim: int = 64
    """Width of all hidden layers."""
    heads: int = 1
    """Attention heads; must divide dim."""
    mechanism: str = "softmax"
    """Attention mechanism: weights and, if wanted, output, joined by '+', each with its options in brackets."""
    reweighted: bool = True
    """True if attention is reweighted by matchability; False for plain cross-attention."""
    backend: str = "auto"
    """Backend of the attention: 'auto', or a name."""

    def __post_init__(self) -> None:
        _check_sizes(self, item_features=1, classes=2, dim=1, heads=1)
        mechanism = _across(self.mechanism)
        mechanism.check_layer(causal=False)
        object.__setattr__(self, "mechanism", str(mechanism))


def _check_sizes(config: "ModelConfig", **least: int) -> None:
    """Refuse sizes that are given and too small, and a number of heads that does not divide ``dim``."""
    for name, smallest in least.items():
        size = getattr(config, name)
        if size is not None:
            check_size(name, size, smallest)
    if config.dim % config.heads:
        raise InputError(f"dim must be a multiple of heads; got dim {config.dim} and heads {config.heads}.")


def _across(name: str) -> Mechanism:
    """Parse the mechanism of a model in which queries read a set that they are not in."""
    mechanism = _without_order(name)
    if not mechanism.traits.cross:
        raise InputError(
            f"'{mechanism.weights}' needs queries that are among the tokens they read, and the query of a set is not; "
            "use other weights, such as 'softmax'."
        )
    return mechanism


def _without_order(name: str) -> Mechanism:
    """Parse the mechanism of a model of sets, which has no positions."""
    mechanism = Mechanism.parse(name)
    for part, plain in ((mechanism.position, "nope"), (mechanism.numbering, "counted")):
        if part.name != plain:
            raise InputError(f"A set has no order, and {name!r} names a position; drop '{part}'.")
    return mechanism


ModelConfig = DecoderConfig | SetReaderConfig | InvertedTransformerConfig | SetMatcherConfig
CONFIGS: dict[str, type[ModelConfig]] = {config.kind: config for config in get_args(ModelConfig)}
"""The settings of each kind of model."""
