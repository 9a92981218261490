"""A model as a single GGUF file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from lengthwise.probes import run
from lengthwise.probes.config import ProbeConfig

BYTES = 256
"""Tokens of a byte each; two of two bytes and two special ones follow."""


@pytest.fixture
def file(tmp_path: Path, build: Callable[[str], Any]) -> Path:
    """A Llama of one layer with fresh weights."""
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(48)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(BYTES + 4)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]  # GPT-2 writes the other bytes as other letters
    others = [byte for byte in range(BYTES) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(BYTES + place) for place in range(len(others))]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*letters, "ab", "cd", "<s>", "</s>"])
    writer.add_token_types([gguf.TokenType.NORMAL] * (BYTES + 2) + [gguf.TokenType.CONTROL] * 2)
    writer.add_token_merges(["a b", "c d"])
    writer.add_bos_token_id(BYTES + 2)
    writer.add_eos_token_id(BYTES + 3)
    generator = np.random.default_rng(0)
    sizes = {"attn_q": (32, 32), "attn_k": (16, 32), "attn_v": (16, 32), "attn_output": (32, 32)}
    sizes |= {"ffn_gate": (48, 32), "ffn_up": (48, 32), "ffn_down": (32, 48)}
    shapes: dict[str, tuple[int, ...]] = {f"blk.0.{name}": shape for name, shape in sizes.items()}
    shapes |= {"blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,), "output_norm": (32,), "token_embd": (BYTES + 4, 32)}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", generator.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "tiny.gguf"


def test_it_is_read_whole(file: Path) -> None:
    config = ProbeConfig.read({"model": str(file), "tokens": "random", "lengths": [8, 32], "windows": 5})
    model, windows, findings = run.begin(config)
    run.measure(model, windows, findings)
    assert findings.model["name"] == "tiny.gguf"
    assert findings.model["positions"] == 64
    assert findings.causal
    assert windows.tokens.max() == BYTES + 1  # no special ones
    (layer,) = findings.layers()
    assert layer.variance.name == "model.layers.0.self_attn"
    assert layer.dispersions is not None
    assert len(findings.perplexity()) == 1
    assert model.lm_head.weight.dtype == getattr(torch, config.precision)
