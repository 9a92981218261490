"""The inputs of a benchmark: what a freshly initialised layer gives to its attention."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, rms_norm

from lengthwise.bench.config import BenchConfig


class Inputs(NamedTuple):
    """The operator's arguments, and the gradient of its output."""

    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    log_forget: Float[Tensor, "batch heads queries"]
    gradient: Float[Tensor, "batch heads queries head_dim"]

    @property
    def grouped(self) -> bool:
        """True if several query heads share a key head."""
        return self.query.shape[1] != self.key.shape[1]

    def last_token(self) -> "Inputs":
        """Return the inputs of a decoding step: the last query against all keys."""
        query, gate, gradient = (x[:, :, -1:].contiguous() for x in (self.query, self.log_forget, self.gradient))
        return Inputs(query, self.key, self.value, gate, gradient)


def draw(config: BenchConfig, length: int, seed: int = 0) -> Inputs:
    """Draw RMS-normalised queries and keys, standard normal values, and gates that are sigmoids of standard normals."""
    generator = torch.Generator(config.device).manual_seed(seed)
    dtype = getattr(torch, config.dtype)

    def normal(*shape: int) -> Tensor:
        return torch.randn(config.batch, *shape, generator=generator, dtype=torch.float32, device=config.device)

    def normalised(heads: int) -> Tensor:
        return rms_norm(normal(heads, length, config.head_dim), (config.head_dim,), eps=1e-6)

    kv_heads = config.kv_heads or config.heads
    query, key = (normalised(heads).to(dtype) for heads in (config.heads, kv_heads))
    value = normal(kv_heads, length, config.head_dim).to(dtype)
    gates = logsigmoid(normal(config.heads, length))
    return Inputs(query, key, value, gates, normal(config.heads, length, config.head_dim).to(dtype))
