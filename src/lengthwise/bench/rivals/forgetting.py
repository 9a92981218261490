"""The kernels of the forgetting transformer (arXiv 2503.02130), from flash-linear-attention if it is installed."""

from functools import partial

import torch
from torch import Tensor

from lengthwise.bench.inputs import Inputs
from lengthwise.bench.rivals import Sequence, Token
from lengthwise.errors import InputError


def sequence(inputs: Inputs) -> Sequence:
    """Prepare attention over a sequence, in the kernel's layout (batch, tokens, heads, head_dim)."""
    _check(inputs)
    from fla.ops.forgetting_attn import parallel_forgetting_attn

    return Sequence(
        parallel_forgetting_attn,
        tuple(_tokens_first(tensor) for tensor in inputs[:4]),
        _tokens_first(inputs.gradient),
    )


def token(inputs: Inputs) -> Token:
    """Prepare a decoding step, in the layouts (1, batch, heads, head_dim) and (1, all keys, kv_heads, head_dim).

    The kernel sums up the gates in every call.
    """
    _check(inputs)
    from fla.ops.attn.decoding import attn_decoding_one_step

    batch, _, keys, _ = inputs.key.shape
    query = inputs.last_token().query.transpose(1, 2).reshape(1, batch, inputs.query.shape[1], -1)
    cached = [_tokens_first(tensor).flatten(0, 1)[None] for tensor in (inputs.key, inputs.value, inputs.log_forget)]
    bounds = torch.arange(0, (batch + 1) * keys, keys, dtype=torch.long, device=query.device)
    return partial(attn_decoding_one_step, query, *cached, cu_seqlens=bounds)


def _check(inputs: Inputs) -> None:
    """Raise :class:`InputError` if the kernels are not installed or cannot run."""
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
    """Return (batch, heads, tokens, ...) as contiguous (batch, tokens, heads, ...)."""
    return tensor.transpose(1, 2).contiguous()
