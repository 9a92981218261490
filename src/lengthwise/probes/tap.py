"""Hooks that read rows of the attention outputs of a module while it runs."""

from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lengthwise.attention.precision import in_float32
from lengthwise.errors import InputError
from lengthwise.pretrained.finding import AttentionLayer, find_attention


class Tap:
    """Hooks on every attention layer of a module during a ``with`` block, which puts the module in evaluation mode.

    A layer's attention output is the input of its output projection: the attended values of all heads side by side. If
    no projection is called, it is the output of the attention module. ``called`` is called after each layer has been
    read.
    """

    def __init__(self, module: nn.Module, called: Callable[[], None] = lambda: None) -> None:
        self.layers = {layer.name or type(layer.module).__name__: layer for layer in find_attention(module)}
        """Attention layers by name."""
        self._training = {part: part.training for part in module.modules()}
        self._module, self._called = module, called
        self._rows: Sequence[int] = ()
        self._taken: dict[str, Tensor] = {}
        self._hooks: list[RemovableHandle] = []
        self._fast = True

    def __enter__(self) -> Self:
        self._fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # it packs padded inputs into a nested tensor without rows
        self._module.eval()
        for name, layer in self.layers.items():
            self._hooks.append(self._watch(name, layer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        torch.backends.mha.set_fastpath_enabled(self._fast)
        for part, training in self._training.items():
            part.training = training

    @torch.no_grad()
    def read(
        self, rows: Sequence[int], run: Callable[[], object]
    ) -> dict[str, Float[Tensor, "inputs rows components"]]:
        """Let ``run`` call the module, and return the given rows of each layer's output, on the CPU.

        Rows are counted from 0. They are float64 if the output is float64, and float32 otherwise. The result is ordered
        by the calls of the layers; a repeated call of a layer gets the layer's name with the number of the call.

        Raises:
            InputError: if a layer's output has too few rows, or is not a tensor with rows.
        """
        self._rows, self._taken = rows, {}
        try:
            run()
        finally:
            self._rows = ()
        return self._taken

    def measured(self, name: str) -> str:
        """Return, in words, what is taken as a layer's attention output."""
        return self.layers[name.partition(" #")[0]].measured

    def _watch(self, name: str, layer: AttentionLayer) -> RemovableHandle:
        def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self._take(name, inputs[0])

        def behind(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            output = output[0] if isinstance(output, tuple | list) else output
            tokens_first = isinstance(module, nn.MultiheadAttention) and not module.batch_first
            self._take(name, output.transpose(0, 1) if tokens_first and output.ndim == 3 else output)

        if layer.projection is not None:
            return layer.projection.register_forward_pre_hook(before)
        return layer.module.register_forward_hook(behind)

    def _take(self, name: str, output: Any) -> None:
        if not self._rows:
            return
        if not isinstance(output, Tensor) or output.ndim < 2:
            raise InputError(f"{name} gives no rows of attention output that could be measured.")
        output = output if output.ndim > 2 else output[None]
        if max(self._rows) >= output.shape[1]:
            raise InputError(
                f"{name} gives {output.shape[1]:,} rows, fewer than the length of {max(self._rows) + 1:,}; "
                "lengths must not exceed the inputs, and outputs are (inputs, tokens, components)."
            )
        # A layer may give its heads in separate dimensions; they are flattened into one.
        taken = in_float32(output[:, list(self._rows)].flatten(2).detach()).cpu()
        self._taken[numbered(name, self._taken)] = taken
        self._called()


def numbered(name: str, taken: Collection[str]) -> str:
    """Return the name for the next call of a layer."""
    calls = sum(other == name or other.startswith(f"{name} #") for other in taken)
    return f"{name} #{calls + 1}" if calls else name
