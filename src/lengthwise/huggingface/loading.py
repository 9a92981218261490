"""Loading and saving: checked names of weights, runs of this library, and weights that no file holds."""

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn
from transformers import PreTrainedModel

from lengthwise.errors import InputError
from lengthwise.huggingface.configuration import LengthwiseConfig
from lengthwise.huggingface.runs import is_run_folder, weights_of_run
from lengthwise.models.backbone import Backbone
from lengthwise.models.building import in_float32_by_default
from lengthwise.pretrained.loading import misfit

_HEADS = ("lm_head.", "score.")
"""Where the names of a head's weights begin; a model may take the rest from a model of another class."""


class LengthwisePreTrainedModel(PreTrainedModel):
    """Base of the Hugging Face models over our decoder."""

    config_class = LengthwiseConfig
    config: LengthwiseConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["Block"]
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values", "cache"]

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *arguments: Any, **options: Any) -> Self:
        """Load a model from a folder, from the hub, or from the folder of a run of this library.

        A head is new if the weights were saved by a model of another class, which has another head or none. With
        ``ignore_mismatched_sizes=True``, all weights of another shape are new.

        Raises:
            InputError: if the weights are those of another model, such as one of another mechanism or with a head of
                another shape, if a weight is missing, or if the run is not trained.
        """
        where, reported = pretrained_model_name_or_path, options.pop("output_loading_info", False)
        allowed = options.pop("ignore_mismatched_sizes", False)
        if where is not None and is_run_folder(where):
            if not isinstance(options.get("config"), LengthwiseConfig):
                config, options = LengthwiseConfig.from_pretrained(where, return_unused_kwargs=True, **options)
                options["config"] = config
            options["state_dict"], where = weights_of_run(Path(where)), None
        model, told = super().from_pretrained(
            where, *arguments, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
        new = () if told["missing_keys"] and cls.__name__ in cls._saved_by(where, options) else _HEADS
        if (problem := misfit(told, may_miss=new, may_know=_HEADS, sizes_may_differ=allowed)) is not None:
            shape = problem.endswith("another shape")
            remedy = "; pass ignore_mismatched_sizes=True to draw such weights anew" if shape else ""
            raise InputError(
                f"{pretrained_model_name_or_path} does not hold the weights of this model, whose mechanism is "
                f"{model.config.mechanism!r}: {problem}{remedy}."
            )
        return (model, told) if reported else model  # type: ignore[return-value]

    @classmethod
    def _saved_by(cls, where: Any, options: dict[str, Any]) -> list[str]:
        """Return the names of the classes that saved the weights; a configuration that was given need not name them."""
        if where is None:
            return []
        try:
            saved, _ = cls.config_class.get_config_dict(where, **options)
        except OSError:  # weights without a configuration, which was given
            return []
        return saved.get("architectures") or []

    def save_pretrained(self, save_directory: Any, *arguments: Any, **options: Any) -> None:
        """Save as all Hugging Face models do; a run's folder is refused, because its configuration would be lost."""
        if is_run_folder(save_directory):
            raise InputError(f"{save_directory} holds a run of lengthwise, which would be lost; choose another folder.")
        super().save_pretrained(save_directory, *arguments, **options)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Give a module that no file gave values the values that it is built with.

        Each part of a mechanism draws its own weights as it is built. So the backbone is built again.
        """
        backbone = next((inner for inner in self.modules() if isinstance(inner, Backbone)), None)
        names = {} if backbone is None else {inner: name for name, inner in backbone.named_modules()}
        if module not in names:
            super()._init_weights(module)
            return
        with in_float32_by_default():
            fresh = Backbone(self.config.decoder_config).get_submodule(names[module])
        own = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
        for name, values in (*fresh.named_parameters(recurse=False), *fresh.named_buffers(recurse=False)):
            if not getattr(own[name], "_is_hf_initialized", False):
                own[name].copy_(values)
