"""The kernels of the forgetting transformer (arXiv 2503.02130) in flash-linear-attention, where it is installed."""

from functools import partial

import torch
from torch import Tensor

from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Sequence, Token
from lengthwise.errors import InputError


def sequence(inputs: Inputs) -> Sequence:
    """Its layout is (batch, tokens, heads, head_dim)."""
    _check(inputs)
    from fla.ops.forgetting_attn import parallel_forgetting_attn

    return Sequence(
        parallel_forgetting_attn,
        tuple(_tokens_first(tensor) for tensor in inputs[:4]),
        _tokens_first(inputs.gradient),
    )


def token(inputs: Inputs) -> Token:
    """Its layout is (1, batch, heads, head_dim) and (1, all keys, kv_heads, head_dim); it sums up gates every time."""
    _check(inputs)
    from fla.ops.attn.decoding import attn_decoding_one_step

    batch, _, keys, _ = inputs.key.shape
    query = inputs.last_token().query.transpose(1, 2).reshape(1, batch, inputs.query.shape[1], -1)
    cached = [_tokens_first(tensor).flatten(0, 1)[None] for tensor in (inputs.key, inputs.value, inputs.log_forget)]
    bounds = torch.arange(0, (batch + 1) * keys, keys, dtype=torch.long, device=query.device)
    return partial(attn_decoding_one_step, query, *cached, cu_seqlens=bounds)


def _check(inputs: Inputs) -> None:
    """Raise :class:`InputError` where the kernels are not there, or cannot run."""
    if inputs.query.device.type != "cuda":
        raise InputError("its kernels run on CUDA only.")
    try:
        import fla  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "fla":
            raise
        raise InputError(
            "flash-linear-attention is not installed; 'pip install fla-core' brings its kernels."
        ) from None


def _tokens_first(tensor: Tensor) -> Tensor:
    """(batch, heads, tokens, ...) as (batch, tokens, heads, ...)."""
    return tensor.transpose(1, 2).contiguous()
