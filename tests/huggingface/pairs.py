"""Tiny Hugging Face models of every mechanism, with the decoders of ours that they were made from."""

import functools
from dataclasses import asdict
from typing import Any

import torch
from tests.attention.mechanisms import IN_MODELS, MECHANISMS

from lengthwise import Decoder, DecoderConfig
from lengthwise.attention import Mechanism
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM
from lengthwise.huggingface.runs import weights_of
from lengthwise.models import build

WORDS = 11
Pair = tuple[Decoder, LengthwiseForCausalLM]


def reads_marks(mechanism: str) -> bool:
    return NUMBERINGS.load(Mechanism.parse(mechanism).numbering.name).traits.reads_marks


CARRIED = [mechanism for mechanism in [*MECHANISMS, *IN_MODELS] if not reads_marks(mechanism)]
"""The mechanisms that a Hugging Face model can have."""


@functools.cache
def make_pair(mechanism: str, **settings: Any) -> Pair:
    """A decoder in float64 whose learned parts are not what they begin as, and the same as a Hugging Face model."""
    torch.manual_seed(0)
    sizes = {"vocab_size": WORDS, "dim": 16, "heads": 4, "kv_heads": 2, "context": 12, "reach": 48, "dropout": 0.0}
    decoder = build(DecoderConfig(**{**sizes, "mechanism": mechanism, **settings})).eval()
    assert isinstance(decoder, Decoder)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn_like(parameter) / 4)
    config = {name: value for name, value in asdict(decoder.config).items() if name not in ("kind", "marks")}
    model = LengthwiseForCausalLM.from_pretrained(
        None, config=LengthwiseConfig(**config), state_dict=weights_of(decoder), dtype=torch.float32
    )
    return decoder.double(), model.double()
