"""A mechanism inside an attention layer of transformers, which keeps its projections, and what leads there.

The layer computes queries, keys and values as before, with its biases, norms and rotation, and calls the attention
function that its configuration names. That function hands them to the mechanism, which is a submodule of the layer. A
mask made for softmax is of no use to a mechanism, so a hook on the model passes on the documents and the padding, and a
hook on the layer passes on its input and its cache.
"""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import Cache
from transformers.modeling_utils import AttentionInterface

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.mechanism import Mechanism
from lengthwise.attention.parts import Sizes
from lengthwise.attention.self_attention import self_attention
from lengthwise.errors import InputError
from lengthwise.pretrained.cache import LengthwiseCacheLayer, own_layer
from lengthwise.pretrained.documents import counted, document_ids
from lengthwise.pretrained.swapping.halves import HALVING, in_whole_pairs

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "mechanism"
"""Name of the mechanism as a submodule of the attention layer."""
FUNCTION = "lengthwise"
"""Name of the attention function in the table of transformers."""
READING = "lengthwise_reading"
"""Name of the argument that passes from the model through its layers to the attention function."""


@dataclass(frozen=True)
class Reading:
    """What the mechanism of a layer needs to know of a forward pass, besides queries, keys and values."""

    documents: Int[Tensor, "batch tokens"] | None
    """Document ids of the new tokens; None if each sequence is one document without padding."""
    weighs: bool
    """True to return attention weights."""
    hidden: Float[Tensor, "batch tokens dim"] | None = None
    """The layer's input."""
    cache: LayerCache | None = None
    turned: int = 0
    """Number of components of each head that the layer rotates, by pairs (m, m + turned / 2)."""


class SwappedMechanism(nn.Module):
    """The parts of a mechanism between the projections of an attention layer of transformers."""

    def __init__(self, mechanism: Mechanism, sizes: Sizes, *, replaces_positions: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.mechanism, self.sizes, self.replaces_positions = mechanism, sizes, replaces_positions
        self.position, self.weights, self.output = mechanism.build(sizes, backend="auto", dropout=dropout)
        self.placement = mechanism.stands  # looked up once: torch cannot compile the look-up
        self.halves = isinstance(self.weights, HALVING)

    def forward(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        value: Float[Tensor, "batch kv_heads tokens head_dim"],
        reading: Reading,
        scaling: float,
    ) -> tuple[Float[Tensor, "batch tokens width"], Float[Tensor, "batch heads tokens keys"] | None]:
        """Compute the attended values, all heads side by side, and the weights if they are wanted.

        Scores are ``scaling * q k``, as in the layer before the swap.
        """
        assert reading.hidden is not None
        factor = scaling * query.shape[-1] ** 0.5
        if factor != 1:
            query = query * factor
        if self.halves and reading.turned:
            query, key = in_whole_pairs(query, reading.turned), in_whole_pairs(key, reading.turned)
        taken: list[Tensor] = []
        with self._taking(taken) if reading.weighs else nullcontext():
            attended = self_attention(
                self.position,
                self.weights,
                reading.hidden,
                query,
                key,
                value,
                document_ids=reading.documents,
                cache=reading.cache,
            )
        joined = attended.transpose(1, 2)
        if self.placement == "heads":
            joined = self.output(joined, reading.hidden)
        joined = joined.flatten(2)
        if self.placement == "width":  # an output part behind the layer's own projection follows later
            joined = self.output(joined, reading.hidden)
        return joined, taken[0] if taken else None

    def _taking(self, taken: list[Tensor]) -> RemovableHandle:
        if not self.weights.traits.weighs:
            name = type(self.weights).__name__
            raise InputError(f"{name} has no attention weights to return; drop output_attentions.")
        return self.weights.watched_by(lambda call: taken.append(self.weights.probabilities(call)))

    def extra_repr(self) -> str:
        """Describe the mechanism and the widths, for ``print``."""
        return f"{self.mechanism}, {self.sizes}"


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, scaling: float, **others: Any
) -> tuple[Tensor, Tensor | None]:
    """Attend by the mechanism of a layer: the attention function that transformers calls.

    Raises:
        InputError: for a layer without a mechanism, and for a call that does not come from the model. It has no padding
            and no documents, and guesses neither.
    """
    reading = others.get(READING)
    if reading is None:
        raise InputError(
            "Swapped attention runs inside its whole model, which knows the padding; call the model, not a layer of it."
        )
    attended: tuple[Tensor, Tensor | None] = module.get_submodule(NAME)(query, key, value, reading, scaling)
    return attended


AttentionInterface.register(FUNCTION, attend)


@dataclass(frozen=True)
class ModelHook:
    """A hook before the forward pass of the model that holds the layers: it reads the padding and the documents."""

    names: tuple[str, ...]
    """Names of the model's arguments, in their order."""
    layer: int
    """Index in the cache of a layer with a mechanism."""

    def before(self, model: "PreTrainedModel", arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Add a :class:`Reading` to the arguments, and positions where a mask is given without any.

        The model itself would count padding, too, which moves what a mechanism computes if it sees absolute positions.
        Under gradients, no cache is made unless one is given.
        """
        given = dict(zip(self.names, arguments, strict=False)) | named
        if READING in given:  # another swap in the same model has read them
            return None
        mask, cache = given.get("attention_mask"), given.get("past_key_values")
        if mask is not None and not isinstance(mask, Tensor):
            raise InputError("A model with swapped attention takes attention_mask as (batch, tokens), 0 for padding.")
        if cache is None and torch.is_grad_enabled():
            given["use_cache"] = False
        tokens = given.get("input_ids") if given.get("inputs_embeds") is None else given["inputs_embeds"]
        if tokens is None:
            return None  # the model refuses the call in its own words
        documents = document_ids(
            (tokens.shape[0], tokens.shape[1]),
            mask,
            given.get("position_ids") if mask is None else None,
            None if cache is None else self._held(cache),
            may_begin_later=True,  # the model rotates by the positions that it is given
        )
        if mask is not None and given.get("position_ids") is None:
            given["position_ids"] = counted(mask, tokens.shape[1]).to(tokens.device)
        weighs = given.get("output_attentions")
        given[READING] = Reading(documents, bool(model.config.output_attentions if weighs is None else weighs))
        return (), given

    def _held(self, cache: Cache) -> LayerCache | None:
        layer = cache.layers[self.layer] if self.layer < len(cache.layers) else None
        return layer.held[self.layer] if isinstance(layer, LengthwiseCacheLayer) else None


class LayerHook:
    """Hooks around an attention layer, which look up the mechanism in the layer that they are called with."""

    @staticmethod
    def before(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Move the cache from the layer to the reading, and add the layer's input and the width of its rotation.

        Where the mechanism has positions of its own, keep the layer from rotating.
        """
        given = dict(zip(("hidden_states",), arguments, strict=False)) | named
        name = "layer_past" if "layer_past" in given else "past_key_values"
        cache, reading = given.get(name), given.get(READING)
        given[name], own = None, None
        if cache is not None:
            if torch.is_grad_enabled():
                raise InputError(
                    "A cache serves inference; call the model under torch.no_grad() or without past_key_values."
                )
            own = own_layer(cache, int(module.layer_idx))  # type: ignore[arg-type]
        cosine, sine = given["position_embeddings"]
        turned = cosine.shape[-1] if getattr(module, "use_rope", True) else 0  # some layers of SmolLM3 do not rotate
        if module.get_submodule(NAME).replaces_positions:
            given["position_embeddings"], turned = (torch.ones_like(cosine), torch.zeros_like(sine)), 0
        if reading is not None:
            hidden = given["hidden_states"]
            documents = None if reading.documents is None else reading.documents.to(hidden.device)
            given[READING] = replace(reading, documents=documents, hidden=hidden, cache=own, turned=turned)
        return (), given

    @staticmethod
    def behind(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
        """Apply the output part behind the projection."""
        hidden = arguments[0] if arguments else named["hidden_states"]
        part = module.get_submodule(f"{NAME}.output")
        return part(output[0], hidden), *output[1:]
