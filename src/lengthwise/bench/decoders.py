"""Whole decoders: what a forward pass and a training step of ours take with any mechanism, beside transformers' Llama.

All have the same sizes, RMSNorm, SwiGLU and an untied head. A training step is forward, cross-entropy, backward, and
the fused AdamW.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import LLAMA
from lengthwise.errors import InputError
from lengthwise.models import Decoder, DecoderConfig

FORWARD, STEP = KINDS = ("forward", "training step")
VOCABULARY = 16_384


class Tokens(NamedTuple):
    """The settings of a benchmark, and the tokens that the decoders read."""

    config: BenchConfig
    tokens: Int[Tensor, "batch length+1"]


def draw(config: BenchConfig, length: int, seed: int = 0) -> Tokens:
    """Draw random tokens: one more than the length, since each of the others predicts the next."""
    generator = torch.Generator(config.device).manual_seed(seed)
    shape = (config.batch, length + 1)
    return Tokens(config, torch.randint(VOCABULARY, shape, generator=generator, dtype=torch.long, device=config.device))


def prepare(kind: str, contestant: str, inputs: Tokens) -> Callable[[], object]:
    """Build a decoder, and return the function to time.

    Raises:
        InputError: if the decoder cannot have these sizes, or if transformers is missing for Llama.
    """
    config, tokens = inputs
    torch.manual_seed(0)
    model = (_llama if contestant == LLAMA else _ours)(contestant, config, tokens.shape[1] - 1)
    model = model.to(config.device, getattr(torch, config.dtype))
    read, answers = tokens[:, :-1], tokens[:, 1:].flatten()
    if kind == FORWARD:
        return lambda: _forward(model, read)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step() -> None:
        F.cross_entropy(model(read).logits.flatten(0, 1).float(), answers).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


@torch.no_grad()
def _forward(model: nn.Module, tokens: Tensor) -> Tensor:
    logits: Tensor = model(tokens).logits
    return logits


def _ours(mechanism: str, config: BenchConfig, length: int) -> nn.Module:
    return Decoder(
        DecoderConfig(
            vocab_size=VOCABULARY,
            dim=config.heads * config.head_dim,
            layers=config.layers,
            heads=config.heads,
            kv_heads=config.kv_heads,
            mechanism=mechanism,
            context=length,
            reach=length,
        )
    )


def _llama(name: str, config: BenchConfig, length: int) -> nn.Module:
    try:
        from transformers import LlamaConfig, LlamaForCausalLM
    except ModuleNotFoundError:
        raise InputError("it needs transformers: pip install 'lengthwise[huggingface]'.") from None
    dim = config.heads * config.head_dim
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=dim,
            intermediate_size=-(-8 * dim // 96) * 32,  # as in our decoder
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads or config.heads,
            max_position_embeddings=length,
            tie_word_embeddings=False,
            use_cache=False,
            attn_implementation="sdpa",
        )
    )
