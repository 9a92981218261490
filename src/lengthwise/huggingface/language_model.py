"""The language model: logits of the next token, the loss, and generation."""

import tempfile
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast

from lengthwise.errors import InputError
from lengthwise.experiments.folder import FILE
from lengthwise.experiments.run import load_model
from lengthwise.files import read_json
from lengthwise.huggingface.cache import LengthwiseCache
from lengthwise.huggingface.configuration import LengthwiseConfig, is_of_run, of_decoder
from lengthwise.huggingface.model import LengthwiseModel, LengthwisePreTrainedModel
from lengthwise.models import Decoder


class LengthwiseForCausalLM(LengthwisePreTrainedModel, GenerationMixin):
    """A decoder with its head."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"head.weight": "model.decoder.embedding.weight"}

    def __init__(self, config: LengthwiseConfig) -> None:
        super().__init__(config)
        self.model = LengthwiseModel(config)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.post_init()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *arguments: Any, **named: Any) -> Any:
        """Load a model: a folder or an id as transformers knows them, or the folder of a trained run.

        Raises:
            InputError: if the run is not trained yet.
        """
        path = Path(str(pretrained_model_name_or_path))
        file = path / FILE
        if not (file.is_file() and is_of_run(read_json(file, dict[str, Any]))):
            return super().from_pretrained(pretrained_model_name_or_path, *arguments, **named)
        with tempfile.TemporaryDirectory() as folder:
            of_run(path).save_pretrained(folder)
            named.pop("config", None)  # that of the run, which is in the folder
            return super().from_pretrained(folder, *arguments, **named)

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        return self.head

    def set_output_embeddings(self, value: nn.Linear) -> None:
        """Replace the head."""
        self.head = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: LengthwiseCache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        **others: Any,
    ) -> CausalLMOutputWithPast:
        """Compute the logits of the next token; most arguments are those of :meth:`LengthwiseModel.forward`.

        With ``labels``, (batch, new) tokens, the loss is the mean cross-entropy of each label but the first, given the
        tokens before it; labels of -100 do not count. ``logits_to_keep`` asks for the logits of so many last tokens, or
        of these tokens, and 0 for all.
        """
        read = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.head(read.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **others)
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=read.past_key_values, hidden_states=read.hidden_states
        )

    def _prepare_cache_for_generation(
        self, generation_config: GenerationConfig, model_kwargs: dict[str, Any], *arguments: Any, **named: Any
    ) -> None:
        """Give ``generate`` a cache of this package, unless the caller gives one or wants none."""
        wanted = generation_config.cache_implementation
        if wanted not in (None, "dynamic", "dynamic_full"):
            raise InputError(f"Models of lengthwise have a cache of their own; drop cache_implementation={wanted!r}.")
        if model_kwargs.get("past_key_values") is None and generation_config.use_cache is not False:
            model_kwargs["past_key_values"] = LengthwiseCache()


def of_run(folder: Path) -> LengthwiseForCausalLM:
    """Return the language model of a trained run.

    Raises:
        InputError: if the folder holds no trained decoder that reads tokens alone.
    """
    decoder = load_model(folder)
    if not isinstance(decoder, Decoder) or not decoder.config.causal:
        raise InputError(f"{folder} holds no language model: its model does not predict the next token of a sequence.")
    model = LengthwiseForCausalLM(of_decoder(decoder.config))
    head = "head.weight"
    weights = {f"model.decoder.{name}" if name != head else name: of for name, of in decoder.state_dict().items()}
    model.load_state_dict(weights)
    return model.eval()
