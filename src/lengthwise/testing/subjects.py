"""The modules that are checked: an attention layer or, for parts that act before the first layer, a small decoder."""

from abc import ABC, abstractmethod
from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lengthwise.attention.cache import KeyValueCache, LayerCache
from lengthwise.attention.mechanism import Mechanism
from lengthwise.attention.multi_head import Attention
from lengthwise.models.config import DecoderConfig
from lengthwise.models.decoder import Decoder

BATCH, TOKENS, DIM, HEADS, KV_HEADS = 3, 150, 32, 4, 2
CONTEXT = 60
"""Length of a training sequence; the checks read longer sequences [tokens]."""
WORDS = 7


class Subject(ABC):
    """A module that reads sequences by a mechanism, with parameters moved away from their initial values.

    Many parts do nothing with their initial values. All tensors are in float64, where the order of summation changes
    the result far less than any mistake.
    """

    causal: bool

    def __init__(self, mechanism: Mechanism, **settings: Any) -> None:
        torch.manual_seed(0)
        self.mechanism = mechanism
        self.module, parts = self.build(settings)
        self.module.double().eval()
        with torch.no_grad():
            for part in parts:
                for parameter in part.parameters():
                    parameter.add_(torch.randn_like(parameter) / 10)

    @abstractmethod
    def build(self, settings: dict[str, Any]) -> tuple[nn.Module, list[nn.Module]]:
        """Make the module, and return it with the mechanism's parts in it."""

    @abstractmethod
    def inputs(self, tokens: int = TOKENS) -> Tensor:
        """Draw inputs, (batch, tokens, ...)."""

    @abstractmethod
    def cache(self) -> Any:
        """Make an empty cache."""

    @abstractmethod
    def __call__(
        self, inputs: Tensor, *, document_ids: Int[Tensor, "batch tokens"] | None = None, cache: Any = None
    ) -> Float[Tensor, "batch tokens width"]:
        """Read the inputs."""

    def twin(self, **settings: Any) -> Self:
        """Make the same module again, with other ``settings``."""
        return type(self)(self.mechanism, **settings)


class Layer(Subject):
    """One attention layer, from hidden states to hidden states."""

    module: Attention

    def build(self, settings: dict[str, Any]) -> tuple[Attention, list[nn.Module]]:
        """Make the layer; by default, it is causal if the mechanism supports causal attention."""
        self.causal = settings.setdefault("causal", self.mechanism.traits.causal)
        layer = Attention(DIM, HEADS, KV_HEADS, self.mechanism, context=CONTEXT, reach=TOKENS, **settings)
        return layer, [layer.position, layer.weights, layer.project.output]

    def inputs(self, tokens: int = TOKENS) -> Float[Tensor, "batch tokens dim"]:
        """Draw hidden states."""
        return torch.randn(BATCH, tokens, DIM, dtype=torch.float64, device="cpu")

    def cache(self) -> LayerCache:
        """Make an empty cache."""
        return LayerCache()

    def __call__(self, inputs: Tensor, **said: Any) -> Tensor:
        """Attend."""
        return self.module(inputs, **said)


class Model(Subject):
    """A decoder of two layers, from tokens to logits. Marks are the tokens modulo 3."""

    module: Decoder
    causal = True

    def build(self, settings: dict[str, Any]) -> tuple[Decoder, list[nn.Module]]:
        """Make the model."""
        config = DecoderConfig(
            vocab_size=WORDS,
            dim=DIM,
            heads=HEADS,
            mechanism=str(self.mechanism),
            context=CONTEXT,
            reach=TOKENS,
            marks=TOKENS,
            **settings,
        )
        model = Decoder(config)
        return model, [part for part in (model.numbering, model.position) if part is not None]

    def inputs(self, tokens: int = TOKENS) -> Int[Tensor, "batch tokens"]:
        """Draw tokens."""
        return torch.randint(WORDS, (BATCH, tokens), dtype=torch.long, device="cpu")

    def cache(self) -> KeyValueCache:
        """Make an empty cache."""
        return KeyValueCache()

    def __call__(self, inputs: Tensor, **said: Any) -> Tensor:
        """Compute the logits of the next tokens."""
        return self.module(inputs, marks=inputs % 3, **said).logits
