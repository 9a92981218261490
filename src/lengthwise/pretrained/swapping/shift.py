"""Proof, on the swapped layers themselves, that a shift of all positions moves nothing; or how much it moves.

A model that rotates queries and keys hands them to the mechanism rotated. If these enter by products of whole rotated
pairs, attention depends on distances alone. A mechanism that looks at single components sees absolute positions, which
softmax in the same place did not see.
"""

from contextlib import ExitStack
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from lengthwise.attention.parts import Weights
from lengthwise.errors import InputError
from lengthwise.pretrained.swapping.halves import HALVING
from lengthwise.pretrained.swapping.layer import NAME, READING, Reading
from lengthwise.pretrained.swapping.proof import Trial, evaluating, moved

SHIFT = 5
"""Number of positions by which all tokens are shifted."""
ROUNDING = torch.finfo(torch.float32).eps ** 0.5
"""The largest movement that counts as rounding, for norms compute in float32 in a model of any dtype."""


@torch.no_grad()
def prove_shift(trial: Trial) -> float:
    """Prove that a shift of all positions moves nothing, or measure by how much.

    Each swapped layer reads its input of the trial sequence twice, rotated as at the first and as at later positions.
    The layer computes in float64, because a rotation in 16 bits depends on distances alone only up to coarse rounding.

    Returns:
        By how much the shift moves a layer's output at most, as a share of its size.

    Raises:
        InputError: if the output moves, although the part's traits say that keys enter by products alone, or although
            each half of a head should hold whole rotated pairs.
    """
    inputs = _inputs(trial)
    found = [_moved(layer, *inputs[layer]) for layer in trial.place.layers]
    at = int(torch.tensor(found, dtype=torch.float64, device="cpu").argmax())  # not-a-number counts as the largest
    largest = found[at]
    part: Any = trial.place.layers[0].get_submodule(f"{NAME}.weights")
    if not largest <= ROUNDING and _relative(part):
        raise InputError(
            f"a shift of all positions changes outputs (attention layer {trial.place.numbers[at]}: by {largest:.2g} of "
            f"their size, where rounding explains {ROUNDING:.2g}); if a part looks at single components of keys, its "
            "traits say so: keys_enter_by_products=False"
        )
    return largest


def _relative(part: Weights) -> bool:
    """True if a part must not see absolute positions."""
    return part.traits.keys_enter_by_products or isinstance(part, HALVING)


def _inputs(trial: Trial) -> dict[nn.Module, tuple[Tensor, int]]:
    """Return the input of each swapped layer, and the number of components that are rotated in its heads."""
    taken: dict[nn.Module, tuple[Tensor, int]] = {}

    def take(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        taken[module] = named["hidden_states"], named["position_embeddings"][0].shape[-1]

    with ExitStack() as hooks:
        for layer in trial.place.layers:
            hooks.callback(layer.register_forward_pre_hook(take, with_kwargs=True).remove)
        trial.alone()
    return taken


def _moved(layer: nn.Module, hidden: Float[Tensor, "1 tokens dim"], turned: int) -> float:
    """Compute by how much a shift moves the output of one layer, as a share of its size."""
    mechanism: Any = layer.get_submodule(NAME)
    if mechanism.replaces_positions:
        return 0.0
    device = torch.device("cpu") if hidden.device.type == "mps" else hidden.device  # which has no float64
    hidden = hidden.to(device, torch.float64)
    tensors = chain(layer.named_parameters(), layer.named_buffers())
    exact = {name: tensor.to(device, torch.float64) for name, tensor in tensors}

    def output(shift: int) -> Tensor:
        places = torch.arange(shift, shift + hidden.shape[1], dtype=torch.float64, device=device)
        rates = torch.arange(1, turned // 2 + 1, dtype=torch.float64, device=device) / turned  # none too slow to show
        angles = torch.outer(places, rates).repeat(1, 2)[None]
        given = {"hidden_states": hidden, "position_embeddings": (angles.cos(), angles.sin()), "attention_mask": None}
        found: Tensor = functional_call(layer, exact, (), given | {READING: Reading(None, False)})[0]
        return found

    with evaluating(layer):
        return moved(output(SHIFT), output(0))
