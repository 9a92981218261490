"""Tiny random models of every family whose attention can be swapped, mostly in float64, without flat attention."""

from typing import Any

import torch
from torch import Tensor

WORDS = 70
KINDS = ("gemma", "gemma2", "gemma3_text", "gpt_neox", "llama", "mistral", "phi", "qwen2", "qwen3", "smollm3")


def tiny(kind: str, **settings: Any) -> Any:
    """A model of three layers in evaluation mode; ``settings`` change its configuration."""
    import transformers as hf

    same = {"vocab_size": WORDS, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "hidden_size": 32}
    same |= {"intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 64}
    kv = same | {"num_key_value_heads": 2}
    gemma = kv | {"head_dim": 16, "query_pre_attn_scalar": 20, "layer_types": ["full_attention"] * 3}
    classes: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "gemma": (hf.GemmaForCausalLM, hf.GemmaConfig, kv | {"head_dim": 16}),
        "gemma2": (hf.Gemma2ForCausalLM, hf.Gemma2Config, gemma | {"attn_logit_softcapping": None}),
        "gemma3_text": (hf.Gemma3ForCausalLM, hf.Gemma3TextConfig, gemma),
        "gpt_neox": (hf.GPTNeoXForCausalLM, hf.GPTNeoXConfig, same | {"rotary_pct": 0.5}),
        "llama": (hf.LlamaForCausalLM, hf.LlamaConfig, kv | {"attention_bias": True}),
        "mistral": (hf.MistralForCausalLM, hf.MistralConfig, kv | {"sliding_window": None}),
        "phi": (hf.PhiForCausalLM, hf.PhiConfig, kv | {"qk_layernorm": True}),
        "qwen2": (hf.Qwen2ForCausalLM, hf.Qwen2Config, kv),
        "qwen3": (hf.Qwen3ForCausalLM, hf.Qwen3Config, kv | {"head_dim": 16}),
        "smollm3": (hf.SmolLM3ForCausalLM, hf.SmolLM3Config, kv | {"no_rope_layers": [1, 0, 1]}),
    }
    model, config, given = classes[kind]
    torch.manual_seed(0)
    # Gemma keeps its scale of embeddings in float32, and attends in float32, where masks of float64 are infinite.
    made = model(config(**given | settings)).to(torch.float32 if "gemma" in kind else torch.float64).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            # Larger weights give attention that is not flat; biases and norms get values of their own.
            parameter.mul_(6) if parameter.ndim > 1 else parameter.add_(torch.randn_like(parameter) / 4)
    made.generation_config.eos_token_id = None  # every continuation has the same length
    return made


def tokens(rows: int = 2, length: int = 9) -> Tensor:
    """Random tokens without special ones."""
    generator = torch.Generator("cpu").manual_seed(1)
    return torch.randint(3, WORDS, (rows, length), generator=generator, dtype=torch.long, device="cpu")


def left_padded() -> tuple[Tensor, Tensor]:
    """Two prompts of 9 and 5 tokens, and their mask."""
    ids = tokens()
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    return ids, mask
