"""Attention is found in modules of many makes, with the projections that end it."""

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from lengthwise import Attention, Decoder, DecoderConfig
from lengthwise.errors import InputError
from lengthwise.pretrained.finding import find_attention

Build = Callable[..., Any]


@pytest.mark.parametrize(
    ("kind", "names", "path"),
    [
        ("llama", [f"model.layers.{i}.self_attn" for i in range(3)], "o_proj"),
        ("gpt2", [f"transformer.h.{i}.attn" for i in range(2)], "c_proj"),
        ("bert", [f"bert.encoder.layer.{i}.attention" for i in range(3)], "output.dense"),
    ],
)
def test_hugging_face(build: Build, kind: str, names: list[str], path: str) -> None:
    model = build(kind)
    layers = find_attention(model)
    assert [layer.name for layer in layers] == names
    for layer in layers:
        assert layer.projection is model.get_submodule(f"{layer.name}.{path}")
        assert layer.measured == f"the input of {path}"
        assert (layer.heads, layer.widths) == (4, (32, 32))


def test_torch_and_ours(plain: Build) -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 2, enable_nested_tensor=False)
    first = find_attention(encoder)[0]
    assert (first.name, first.projection, first.heads) == ("layers.0.self_attn", None, 2)
    assert first.measured == "its output"  # its projection is not called as a module

    ours = find_attention(Decoder(DecoderConfig(vocab_size=5, heads=4, layers=2)))
    assert [layer.name for layer in ours] == ["blocks.0.attention", "blocks.1.attention"]
    assert ours[0].path == "project.matrix"

    alone = find_attention(Attention(8, heads=2))
    assert [(layer.name, layer.widths) for layer in alone] == [("", (8, 8))]
    assert find_attention(plain(1))[0].heads is None  # it does not say


def test_attention_without_a_projection_is_taken_as_a_whole() -> None:
    class SoftAttention(nn.Module):
        pass

    class AttentionBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.mlp = SoftAttention(), nn.Linear(3, 3)

    (layer,) = find_attention(nn.Sequential(AttentionBlock()))
    assert (layer.name, layer.path, layer.widths) == ("0.inner", None, None)


def test_a_projection_in_a_list() -> None:
    class CrossAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.to_out = nn.ModuleList([nn.Linear(3, 5), nn.Dropout()])

    (layer,) = find_attention(CrossAttention())
    assert (layer.path, layer.widths) == ("to_out", (3, 5))


def test_no_attention() -> None:
    with pytest.raises(InputError, match="Sequential has no attention that can be found"):
        find_attention(nn.Sequential(nn.Linear(3, 3)))
