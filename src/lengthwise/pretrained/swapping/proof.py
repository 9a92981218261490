"""Proof, on the model itself, that a swap left the model whole: causal, and the same with padding and with a cache.

A mask that is dropped silently makes a model look better than it is. So a swapped model reads a few random tokens
before anyone uses it. Compared are the outputs of every swapped layer and of the whole model, token by token.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache

from lengthwise.attention.precision import in_float32
from lengthwise.errors import InputError
from lengthwise.pretrained.swapping.families import Place

TOKENS, PADDING = 12, 4
"""Length of the trial sequence, and number of padding tokens beside it."""
CHUNKS = (7, 1, 3, 1, 4)
"""A cache is filled in these steps [tokens]; together they are the trial sequence and its padding."""

Outputs = list[Float[Tensor, "batch tokens width"]]


@dataclass(frozen=True)
class Trial:
    """A model that reads the trial sequence in several ways."""

    place: Place
    ids: Int[Tensor, "2 tokens"]
    """Two sequences with their padding's worth of tokens; the second one is the trial sequence."""

    @classmethod
    def of(cls, place: Place) -> "Trial":
        """Draw the tokens; no random state of the program is touched."""
        table: Any = place.model.get_input_embeddings()
        drawn = torch.randint(
            table.num_embeddings,
            (2, TOKENS + PADDING),
            generator=torch.Generator("cpu").manual_seed(0),
            dtype=torch.long,
            device="cpu",
        )
        return cls(place, drawn.to(table.weight.device))

    @property
    def tolerance(self) -> float:
        """The largest difference that counts as rounding, as a share of an output's size: half of the digits.

        Norms compute in float32 in a model of any dtype.
        """
        coarse = max(torch.finfo(parameter.dtype).eps for parameter in self.place.model.parameters())
        return float(max(coarse, torch.finfo(torch.float32).eps) ** 0.5)

    def alone(self) -> Outputs:
        """Read the trial sequence by itself."""
        return self._run(self.ids[1:, :TOKENS])

    def changed(self) -> Outputs:
        """Read the trial sequence with another second half."""
        half = TOKENS // 2
        return self._run(torch.cat([self.ids[1:, :half], self.ids[:1, half:TOKENS]], 1))

    def padded(self, *, left: bool, steps: tuple[int, ...] = (TOKENS + PADDING,), numbered: bool = True) -> Outputs:
        """Read the trial sequence with padding, beside a sequence without any, and drop the padding's outputs.

        Several ``steps`` read so many tokens at a time, with a cache. ``numbered`` gives positions with the mask.
        """
        shift = PADDING if left else 0
        ids, mask = self.ids.clone(), torch.ones_like(self.ids)
        ids[1] = self.ids[1].roll(shift)
        own = slice(shift, shift + TOKENS)
        mask[1] = 0
        mask[1, own] = 1
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        cache, found, start = DynamicCache(config=self.place.model.config) if len(steps) > 1 else None, [], 0
        for step in steps:
            now = slice(start, start + step)
            start += step
            named = {"attention_mask": mask[:, :start], "past_key_values": cache}
            named |= {"position_ids": positions[:, now]} if numbered else {}
            found.append(self._run(ids[:, now], **named))
        joined = [torch.cat(parts, 1) for parts in zip(*found, strict=True)]
        return [output[1:, own] for output in joined]

    def _run(self, ids: Tensor, **named: Any) -> Outputs:
        taken: Outputs = []

        def take(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            taken.append(output[0])

        with ExitStack() as hooks, evaluating(self.place.model), torch.no_grad():
            for layer in self.place.layers:
                hooks.callback(layer.register_forward_hook(take).remove)
            read = self.place.model(ids, **{"use_cache": named.get("past_key_values") is not None} | named)
        return [*taken, read.last_hidden_state]


@dataclass(frozen=True)
class Softmax:
    """What the model computes with its own softmax."""

    alone: Outputs
    left: Outputs
    right: Outputs

    @classmethod
    def of(cls, trial: Trial) -> "Softmax":
        """Read the trial sequence with and without padding.

        Raises:
            InputError: if an output is not finite.
        """
        found = cls(trial.alone(), trial.padded(left=True), trial.padded(left=False))
        for outputs, how in [
            (found.alone, ""),
            (found.left, " with padding on the left"),
            (found.right, " with padding on the right"),
        ]:
            if not _finite(outputs):
                raise InputError(
                    f"The model's own outputs are not finite{how}, so a swap cannot be compared; load the model in "
                    "another dtype, or with another attn_implementation."
                )
        return found


def prove_same(trial: Trial, own: Softmax) -> None:
    """Prove that the model with softmax from this library computes what it computed with its own.

    Raises:
        InputError: if the outputs differ by more than rounding.
    """
    ours = Softmax.of(trial)
    for how in ("alone", "left", "right"):
        _compare(trial, getattr(ours, how), getattr(own, how), "with softmax for softmax, the model's outputs change")


def prove_whole(trial: Trial) -> None:
    """Prove that no later token moves an earlier output, and that padding and a cache change nothing.

    Raises:
        InputError: if a check fails; the sentence says which.
    """
    alone, half = trial.alone(), TOKENS // 2
    if not _finite(alone):
        raise InputError("with this mechanism, the model's outputs are not finite")
    checks: list[tuple[Callable[[], Outputs], int, str]] = [
        (trial.changed, half, "a later token moves an earlier output"),
        (lambda: trial.padded(left=True), TOKENS, "padding on the left changes outputs"),
        (lambda: trial.padded(left=False), TOKENS, "padding on the right changes outputs"),
        (
            lambda: trial.padded(left=True, numbered=False),
            TOKENS,
            "padding on the left changes outputs where no position_ids are given",
        ),
        (lambda: trial.padded(left=True, steps=CHUNKS), TOKENS, "reading with a cache changes outputs"),
    ]
    for read, tokens, sentence in checks:
        _compare(trial, [of[:, :tokens] for of in read()], [of[:, :tokens] for of in alone], sentence)


def _finite(outputs: Outputs) -> bool:
    return all(bool(output.isfinite().all()) for output in outputs)


def moved(found: Float[Tensor, "batch tokens width"], expected: Float[Tensor, "batch tokens width"]) -> float:
    """Return the largest difference of an output at one token, as a share of the outputs' size."""
    one, other = in_float32(found).to(expected.device), in_float32(expected)
    size = other.square().sum(-1).mean().sqrt()
    return float((one - other).norm(dim=-1).max() / size.clamp(min=torch.finfo(torch.float32).tiny))


def _compare(trial: Trial, found: Outputs, expected: Outputs, sentence: str) -> None:
    names = [*(f"attention layer {number}" for number in trial.place.numbers), "the whole model"]
    for name, one, other in zip(names, found, expected, strict=True):
        share = moved(one, other)
        if not share <= trial.tolerance:  # not-a-number is refused, too
            raise InputError(
                f"{sentence} ({name}: by {share:.2g} of their size, where rounding explains {trial.tolerance:.2g})"
            )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put all modules into evaluation mode, and each back into its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
