"""The decoder without its head, and what all models around it share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

from lengthwise.errors import InputError
from lengthwise.huggingface.cache import LengthwiseCache
from lengthwise.huggingface.configuration import LengthwiseConfig
from lengthwise.huggingface.masks import documents
from lengthwise.models import Decoder


class LengthwisePreTrainedModel(PreTrainedModel):
    """Base of the models: a decoder of this package, under the name ``model.decoder``."""

    config_class = LengthwiseConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["_Block"]
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values"]

    def _init_weights(self, module: nn.Module) -> None:
        """Leave the decoder's weights as its constructor draws them; draw those of other matrices."""
        if isinstance(module, nn.Linear) and not any(module is inner for inner in self.base_model.modules()):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class LengthwiseModel(LengthwisePreTrainedModel):
    """A decoder from tokens to hidden states."""

    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"head\.weight"]

    def __init__(self, config: LengthwiseConfig) -> None:
        super().__init__(config)
        self.decoder = Decoder(config.settings)
        del self.decoder.head
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of the tokens."""
        return self.decoder.embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the embedding of the tokens."""
        self.decoder.embedding = value

    def forward(
        self,
        input_ids: Int[Tensor, "batch new"] | None = None,
        attention_mask: Shaped[Tensor, "batch all"] | None = None,
        position_ids: Int[Tensor, "#batch new"] | None = None,
        past_key_values: LengthwiseCache | None = None,
        inputs_embeds: Float[Tensor, "batch new dim"] | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        **unused: Any,
    ) -> BaseModelOutputWithPast:
        """Compute the hidden states of the tokens, in the manner of transformers.

        With a cache (``past_key_values``, a :class:`LengthwiseCache`, for inference only), ``input_ids`` are the tokens
        that follow the cached ones; a call without gradients returns a cache unless ``use_cache`` is False.
        ``attention_mask`` is 1 for tokens and 0 for padding, cached tokens included. ``position_ids`` must count the
        tokens of each sequence from 0 on; without a mask and a cache, positions that begin again begin a packed
        document. ``inputs_embeds`` are vectors in place of those of the tokens. ``output_hidden_states`` asks for the
        embedding and the stream after every block, the last one normalised. Arguments that transformers passes to all
        models alike, and that change nothing here, are taken and left alone.

        Raises:
            InputError: for masks and positions that cannot be served, and for ``output_attentions``.
        """
        if output_attentions:
            raise InputError("output_attentions is not available; lengthwise probe measures the weights of a run.")
        if (input_ids is None) == (inputs_embeds is None):
            raise InputError("Give either input_ids or inputs_embeds.")
        if past_key_values is not None and not isinstance(past_key_values, LengthwiseCache):
            raise InputError(
                f"past_key_values must be a LengthwiseCache, from lengthwise.huggingface; got a "
                f"{type(past_key_values).__name__}."
            )
        if use_cache is None:
            use_cache = self.config.use_cache and not torch.is_grad_enabled()
        if use_cache and past_key_values is None and not torch.is_grad_enabled():
            past_key_values = LengthwiseCache()
        if inputs_embeds is not None:
            input_ids = torch.zeros_like(inputs_embeds[..., 0], dtype=torch.long)
        assert input_ids is not None
        batch, new = input_ids.shape
        held = 0 if past_key_values is None else past_key_values.held.tokens
        apart = documents(attention_mask, position_ids, batch=batch, new=new, held=held)
        with _streams(self.decoder, bool(output_hidden_states)) as streams:
            hidden, _ = self.decoder.read(
                input_ids,
                embedded=inputs_embeds,
                document_ids=apart,
                cache=None if past_key_values is None else past_key_values.of(batch),
            )
        return BaseModelOutputWithPast(
            last_hidden_state=hidden,
            past_key_values=past_key_values if use_cache else None,
            hidden_states=(*streams[:-1], hidden) if streams else None,
        )


@contextmanager
def _streams(decoder: Decoder, wanted: bool) -> Iterator[list[Tensor]]:
    """Collect the stream before the first block and after every block, if wanted."""
    streams: list[Tensor] = []
    hooks = []
    if wanted:
        first = decoder.blocks[0]
        hooks = [first.register_forward_pre_hook(lambda block, inputs: streams.append(inputs[0]))]
        hooks += [
            block.register_forward_hook(lambda block, inputs, stream: streams.append(stream))
            for block in decoder.blocks
        ]
    try:
        yield streams
    finally:
        for hook in hooks:
            hook.remove()
