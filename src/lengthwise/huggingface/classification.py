"""Classification of sequences and of tokens."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutputWithPast, TokenClassifierOutput

from lengthwise.errors import InputError
from lengthwise.huggingface.configuration import LengthwiseConfig
from lengthwise.huggingface.model import LengthwiseModel, LengthwisePreTrainedModel


class _Classifier(LengthwisePreTrainedModel):
    """A decoder, and a matrix from hidden states to labels."""

    def __init__(self, config: LengthwiseConfig) -> None:
        super().__init__(config)
        self.model = LengthwiseModel(config)
        self.score = nn.Linear(config.dim, config.num_labels, bias=False)
        self.post_init()


class LengthwiseForTokenClassification(_Classifier):
    """A label for every token."""

    def forward(self, *arguments: Any, labels: Tensor | None = None, **named: Any) -> TokenClassifierOutput:
        """Compute the logits of the labels, and the loss if ``labels``, (batch, tokens), are given.

        Labels of -100 do not count. Other arguments are those of :meth:`LengthwiseModel.forward`.
        """
        read = self.model(*arguments, **named)
        logits = self.score(read.last_hidden_state)
        loss = None if labels is None else self.loss_function(logits, labels, self.config)
        return TokenClassifierOutput(loss=loss, logits=logits, hidden_states=read.hidden_states)


class LengthwiseForSequenceClassification(_Classifier):
    """A label for every sequence, from its last token that is no padding."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **named: Any,
    ) -> SequenceClassifierOutputWithPast:
        """Compute the logits of the labels, and the loss if ``labels``, (batch,) classes or numbers, are given.

        Other arguments are those of :meth:`LengthwiseModel.forward`.

        Raises:
            InputError: if sequences are padded, as the configuration's padding token tells, without an attention mask.
        """
        padding = self.config.pad_token_id
        seen = input_ids is not None and padding is not None and bool((input_ids == padding).any())
        if seen and attention_mask is None:
            raise InputError("The sequences hold padding tokens; give an attention_mask, which says where they are.")
        read = self.model(input_ids=input_ids, attention_mask=attention_mask, **named)
        hidden = read.last_hidden_state
        last = torch.full_like(hidden[:, 0, 0], hidden.shape[1] - 1, dtype=torch.long)
        if attention_mask is not None:
            index = torch.arange(attention_mask.shape[1], dtype=torch.long, device=hidden.device)
            last = (index * (attention_mask != 0)).argmax(1)
        rows = torch.arange(len(hidden), dtype=torch.long, device=hidden.device)
        logits = self.score(hidden[rows, last])
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return SequenceClassifierOutputWithPast(
            loss=loss, logits=logits, past_key_values=read.past_key_values, hidden_states=read.hidden_states
        )
