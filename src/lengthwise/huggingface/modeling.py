"""Hugging Face models over our decoder: hidden states, a language model, and two classifiers."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor, nn
from transformers import Cache, DynamicCache, GenerationMixin
from transformers.modeling_layers import GenericForSequenceClassification, GenericForTokenClassification
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.utils import can_return_tuple

from lengthwise.attention.mechanism import Mechanism
from lengthwise.errors import InputError
from lengthwise.huggingface.configuration import LengthwiseConfig
from lengthwise.huggingface.loading import LengthwisePreTrainedModel
from lengthwise.huggingface.recording import recording
from lengthwise.models.backbone import Backbone
from lengthwise.models.building import in_float32_by_default
from lengthwise.pretrained.cache import CACHE, own_cache
from lengthwise.pretrained.documents import document_ids
from lengthwise.pretrained.penalty import add_penalty, with_penalty

_OTHER_PACKING = ("seq_idx", "cu_seq_lens_q", "cu_seq_lens_k")
"""Other ways to say where packed documents begin."""


class LengthwiseModel(LengthwisePreTrainedModel):
    """The decoder without its head, from tokens to hidden states.

    Raises:
        InputError: for a mechanism that learns from a trained model before its own training, if the weights are new.
    """

    def __init__(self, config: LengthwiseConfig) -> None:
        super().__init__(config)
        dtype = torch.get_default_dtype()
        with in_float32_by_default():
            self.backbone = Backbone(config.decoder_config)
        self.backbone.to(dtype)
        if not self.backbone.embedding.weight.is_meta:
            if Mechanism.parse(config.mechanism).learns_from is not None:
                raise InputError(
                    f"{config.mechanism!r} learns from a trained model first, which lengthwise run does; train it so, "
                    "and open the run's folder with from_pretrained."
                )
            for module in self.backbone.modules():
                module._is_hf_initialized = True  # type: ignore[assignment]  # each part has drawn its own weights
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of the tokens."""
        return self.backbone.embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the embedding of the tokens."""
        self.backbone.embedding = value

    @can_return_tuple
    def forward(
        self,
        input_ids: Int[Tensor, "batch tokens"] | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **others: Any,
    ) -> BaseModelOutputWithPast:
        """Compute the hidden states after the last norm.

        Args:
            input_ids: tokens; with a cache, those that follow the cached ones.
            attention_mask: (batch, tokens), cached ones included, 0 for padding, on the left or on the right.
            position_ids: counted from 0 in each document; each 0 begins a packed document.
            past_key_values: a cache of an earlier call, or an empty ``DynamicCache``; inference only.
            inputs_embeds: embeddings in place of tokens.
            use_cache: True to return a cache; by default, as the configuration says, where no gradient is kept.
            output_attentions: True to return each layer's attention weights by the definition of its mechanism, which
                takes memory that grows with the square of the length.
            output_hidden_states: True to return the embeddings, the output of each block, and of the last norm in place
                of the last block's.
            others: ``cache``, the name of ``past_key_values`` since transformers 5.24, and what other models take. Ways
                to pack documents that differ from ``position_ids`` are refused.

        Raises:
            InputError: for a cache, a mask or positions that the mechanisms cannot follow.
        """
        refused = [name for name in _OTHER_PACKING if others.get(name) is not None]
        if refused and position_ids is None:
            raise InputError(f"{refused[0]} packs documents in a way that is not known here; give position_ids.")
        given = inputs_embeds if input_ids is None else input_ids
        if given is None or (input_ids is not None and inputs_embeds is not None):
            raise InputError("Give either input_ids or inputs_embeds.")
        if past_key_values is None:
            past_key_values = others.get("cache")
        if use_cache is None:
            use_cache = self.config.use_cache
        if past_key_values is None and use_cache and self.config.causal and not torch.is_grad_enabled():
            past_key_values = DynamicCache()
        cache = None if past_key_values is None else own_cache(past_key_values, self.config.layers)
        ids = document_ids(
            (given.shape[0], given.shape[1]), attention_mask, position_ids, None if cache is None else cache[0]
        )
        hidden = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        weights = self.config.output_attentions if output_attentions is None else output_attentions
        with recording(self.backbone, hidden=bool(hidden), weights=bool(weights)) as record:
            last, _ = self.backbone.read(input_ids, embeddings=inputs_embeds, document_ids=ids, cache=cache)
        return BaseModelOutputWithPast(
            last_hidden_state=last,
            hidden_states=(*record.hidden, last) if hidden else None,
            attentions=tuple(record.weights) if weights else None,
            **{CACHE: past_key_values},
        )


class LengthwiseForCausalLM(LengthwisePreTrainedModel, GenerationMixin):
    """The decoder as a language model."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "model.backbone.embedding.weight"}

    def __init__(self, config: LengthwiseConfig) -> None:
        super().__init__(config)
        if not config.causal:
            raise InputError(
                "An encoder (causal=False) is no causal language model; open it with AutoModel, or with "
                "AutoModelForTokenClassification."
            )
        self.model = LengthwiseModel(config)
        self.lm_head = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Int[Tensor, "batch tokens"] | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Int[Tensor, "batch tokens"] | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **others: Any,
    ) -> CausalLMOutputWithPast:
        """Compute the logits of each next token.

        Args:
            input_ids: tokens, as in :meth:`LengthwiseModel.forward`.
            attention_mask: as there, 0 for padding.
            position_ids: as there; each 0 begins a packed document.
            past_key_values: as there, the cache of an earlier call.
            inputs_embeds: as there, embeddings in place of tokens.
            labels: the tokens themselves, with -100 where there is no loss; they are shifted by one here.
            use_cache: as there, True to return a cache.
            output_attentions: as there, True to return attention weights.
            output_hidden_states: as there, True to return hidden states.
            logits_to_keep: number of last tokens whose logits are wanted, or the tokens' indices; 0 for all.
            others: ``num_items_in_batch`` and ``shift_labels`` go to the loss.
        """
        read = self.model(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            **others,
        )
        kept = logits_to_keep if isinstance(logits_to_keep, Tensor) else slice(-logits_to_keep or None, None)
        logits = self.lm_head(read.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **others)
        loss = with_penalty(self, loss, labels=labels, **others)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            hidden_states=read.hidden_states,
            attentions=read.attentions,
            **{CACHE: getattr(read, CACHE)},
        )


def _with_penalty(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Add what the mechanism adds to the loss of a classifier of transformers."""

    @can_return_tuple
    @wraps(forward)
    def added(self: nn.Module, *inputs: Any, **others: Any) -> Any:
        return add_penalty(self, inputs, others, forward(self, *inputs, **others | {"return_dict": True}))

    return added


class LengthwiseForSequenceClassification(GenericForSequenceClassification, LengthwisePreTrainedModel):
    """The decoder with one answer for each sequence, from its last token that is not padding."""

    forward = _with_penalty(GenericForSequenceClassification.forward)


class LengthwiseForTokenClassification(GenericForTokenClassification, LengthwisePreTrainedModel):
    """The decoder, or an encoder, with one answer for each token."""

    forward = _with_penalty(GenericForTokenClassification.forward)
