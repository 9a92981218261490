"""Vanishing variance in any module: how the spread of attention outputs over inputs changes with length."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.errors import InputError
from lengthwise.evaluation.spread import COMPONENT, Spread, SpreadMeter
from lengthwise.probes.causality import changed_behind, same, token_axes
from lengthwise.probes.tap import Tap
from lengthwise.statistics.estimate import Estimate
from lengthwise.statistics.slopes import deviation_slope

Batch = Tensor | tuple[Any, ...] | Mapping[str, Any]
"""One call's arguments: a single argument, a tuple, or a mapping by name."""


@dataclass(frozen=True)
class LayerVariance:
    """The attention outputs of one layer."""

    name: str
    """Dotted path of the attention module."""
    measured: str
    """What was taken as the attention output, in words."""
    lengths: tuple[int, ...]
    spreads: tuple[Spread, ...]
    """One spread per length."""
    slope: Estimate
    """Slope of the log standard deviation, averaged over components, against log length."""
    fixed_slope: Estimate
    """The same slope for component 0 alone."""


def variance(
    module: nn.Module,
    inputs: Iterable[Batch] | Mapping[int, Iterable[Batch]],
    *,
    lengths: Sequence[int] | None = None,
    seed: int = 0,
) -> list[LayerVariance]:
    r"""Measure the spread of a module's attention outputs over inputs, at every length (arXiv 2504.02827).

    For each attention layer and length :math:`N`, the function measures the standard deviation over inputs of each
    component of the output, averaged over components; the mean over all inputs and components; and the variance over
    components, averaged over inputs. For each layer it also fits the slope of the :math:`\log` standard deviation
    against :math:`\log N`, with a 95 % interval. The points of this line come from the same inputs and are correlated,
    so the interval is a bootstrap over inputs, and not the interval of a regression.

    The attention output is the input of the layer's output projection: the attended values of all heads side by side.
    If the projection is not found or is hidden, as in ``torch.nn.MultiheadAttention``, it is the output of the
    attention module. The module runs unchanged, in evaluation mode and without gradients. Memory holds one row per
    input, layer and length.

    Args:
        module: any module in which :func:`~lengthwise.pretrained.finding.find_attention` finds attention.
        inputs: *either* batches, together with ``lengths``: each batch is one call, and the output at ``N`` tokens is
            row ``N - 1``. This is valid only for a causal module, which is tested on the first batch whose tokens
            differ. *Or* a mapping from length to batches: each length has its own calls, and the output is the last
            row. A batch is the module's argument, a tuple of its arguments, or a mapping of its arguments by name; the
            first axis counts the inputs.
        lengths: the lengths in tokens, ascending.
        seed: the seed of the bootstrap's draws.

    Returns:
        The layers in the order in which the module calls them.

    Raises:
        InputError: if there is no attention, no input, a single input, or an output shorter than a length; if the
            module is not causal, and the inputs are not given by length.
    """
    with Tap(module) as tap:
        if isinstance(inputs, Mapping):
            if lengths is not None:
                raise InputError("The lengths are those of the mapping; give no others.")
            lengths = sorted(inputs)
            parts = [_rows(tap, module, inputs[length], [-1]) for length in lengths]
            if not all(parts) or len({len(taken) for part in parts for taken in part.values()}) > 1:
                raise InputError("Give the same number of inputs at every length.")
            rows = {name: torch.cat([part[name] for part in parts], dim=1) for name in parts[0]} if parts else {}
        elif lengths is None or list(lengths) != sorted({length for length in lengths if length > 0}):
            raise InputError(
                "Give positive lengths, shortest first, as in lengths=[64, 128, 256], or give the inputs by length."
            )
        else:
            rows = _rows(tap, module, inputs, [length - 1 for length in lengths], at_once=True)
    if not rows or len(next(iter(rows.values()))) < 2:
        raise InputError("A spread over inputs needs two inputs or more.")
    return [describe(name, tap.measured(name), lengths, taken, seed) for name, taken in rows.items()]


def describe(
    name: str, measured: str, lengths: Sequence[int], rows: Float[Tensor, "inputs lengths components"], seed: int
) -> LayerVariance:
    """Compute the statistics of one layer's outputs."""
    spreads = []
    for taken in rows.unbind(1):
        meter = SpreadMeter()
        meter.add(taken)
        spreads.append(meter.result())
    outputs = rows.double().cpu().numpy()
    fixed = outputs[..., COMPONENT : COMPONENT + 1]
    return LayerVariance(
        name=name,
        measured=measured,
        lengths=tuple(lengths),
        spreads=tuple(spreads),
        slope=deviation_slope(outputs, lengths, seed=seed),
        fixed_slope=deviation_slope(fixed, lengths, seed=seed),
    )


def _rows(
    tap: Tap, module: nn.Module, batches: Iterable[Batch], rows: Sequence[int], at_once: bool = False
) -> dict[str, Tensor]:
    """Read rows of all inputs, by layer; ``at_once`` says that rows before the last stand for shorter inputs."""
    parts: list[dict[str, Tensor]] = []
    tested = not at_once
    for batch in batches:
        state = torch.get_rng_state()
        parts.append(tap.read(rows, _call(module, batch)))
        if not tested:
            first = {name: part[:, :1] for name, part in parts[-1].items()}
            tested = _check_causal(tap, module, batch, rows[0], first, state)
    if parts and not tested and len(rows) > 1:
        raise InputError(
            "All tokens of the inputs are alike, so it cannot be tested whether a token sees those that follow it; "
            "give other inputs, or the inputs by length, as in {64: batches, 256: batches}."
        )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _check_causal(
    tap: Tap, module: nn.Module, batch: Batch, row: int, before: dict[str, Tensor], state: Tensor
) -> bool:
    """Read a row again with other tokens after it, and raise :class:`InputError` if the row changes.

    If it is unclear which axis of the arguments counts tokens, one unchanged axis is enough. Return False if the tokens
    after the row cannot be changed.
    """
    changing = ""
    for axis in token_axes(module):
        changed = changed_behind(batch, axis, row)
        if changed is None:
            continue
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            after = tap.read([row], _call(module, changed))
        changing = next((name for name, rows in before.items() if not same(rows, after[name])), "")
        if not changing:
            return True
    if changing:
        raise InputError(
            f"In {changing} a token sees the tokens that follow it, so one call cannot give every length; give the "
            "inputs by length, as in {64: batches, 256: batches}."
        )
    return False


def _call(module: nn.Module, batch: Batch) -> Callable[[], object]:
    if isinstance(batch, Mapping):
        return lambda: module(**batch)
    return lambda: module(*batch) if isinstance(batch, tuple) else module(batch)
