"""Probing a Hugging Face language model: how its attention changes as the text before a token grows."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from lengthwise.errors import InputError, LengthwiseError, RunError, first_sentence
from lengthwise.evaluation.spread import Dispersion
from lengthwise.probes.causality import same
from lengthwise.probes.perplexity import token_losses
from lengthwise.probes.results import Window
from lengthwise.probes.tap import Tap
from lengthwise.probes.weights import tapping_weights
from lengthwise.probes.windows import Windows

_TRIAL = 8
"""Tokens of the passes that find out what kind of model it is."""
_CANDIDATES = 256
"""Number of tokens from which the replacement for another token is chosen."""


class LanguageModelProbe:
    """A model with hooks during a ``with`` block; the model is unchanged after the block.

    A causal model's output at position ``N - 1`` depends on its first ``N`` tokens alone, so one pass over the longest
    length gives all shorter lengths. If the model is not causal, or if its rotary factors depend on the length, each
    length needs its own pass, and the output is the last token's. A trial finds out whether the model is causal: it
    changes the last token and compares the attention outputs before it. The probe needs the memory of one pass over
    one window.

    ``called`` is called after each attention layer has been read.
    """

    def __init__(self, model: PreTrainedModel, called: Callable[[], None] = lambda: None) -> None:
        self._model, self._tap = model, Tap(model, called)
        self._context = ExitStack()
        self._body: Any = None

    def __enter__(self) -> Self:
        with ExitStack() as context:
            context.enter_context(self._tap)
            self._weights = context.enter_context(tapping_weights(self._model, self._tap))
            context.enter_context(torch.inference_mode())
            self._try()
            self._context = context.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    @property
    def notes(self) -> list[str]:
        """Sentences that say what cannot be measured, and why."""
        notes = []
        if self.causal and not self.at_once:
            notes.append("Its rotary factors depend on the length, so every length needs its own pass.")
        if self.hidden:
            notes.append(
                f"Entropy, sink and largest weight are unavailable in {len(self.hidden)} of {len(self.measured)} "
                "layers, whose weights are hidden: they attend neither by torch's SDPA through transformers' "
                "interface, nor by a mechanism of this library that has weights."
            )
        return [*notes, *([f"Perplexity by position is unavailable: {self.headless}."] if self.headless else [])]

    def passes(self, lengths: Sequence[int]) -> int:
        """Return the number of passes through the model for one window."""
        return 1 if self.at_once else len(lengths)

    def read(self, windows: Windows, index: int, lengths: Sequence[int]) -> Window:
        """Measure one window.

        Raises:
            RunError: if the model gives numbers that are not finite, or has too few positions.
        """
        groups = [lengths] if self.at_once else [[length] for length in lengths]
        reads = [self._read(windows.cut(index, group[-1]), group) for group in groups]
        outputs = {name: torch.cat([taken[name] for taken, _, _ in reads]) for name in reads[0][0]}
        dispersions = {name: [one for _, seen, _ in reads for one in seen[name]] for name in reads[0][1]}
        for name, taken in outputs.items():
            if not taken.isfinite().all():
                raise RunError(f"{name} gives numbers that are not finite; another --dtype may help.")
        return Window(outputs, dispersions, reads[-1][2])

    def _read(
        self, tokens: Int[Tensor, "1 length"], lengths: Sequence[int]
    ) -> tuple[dict[str, Tensor], dict[str, list[Dispersion]], Tensor | None]:
        tokens = tokens.to(self._model.device)
        if self.causal and not self.at_once:
            self._run(tokens[:, :1], ())  # a short text resets dynamic factors, which else stay at the longest text
        taken = self._run(tokens, [length - 1 for length in lengths])
        losses = None
        if not self.headless and tokens.shape[1] > 1:
            losses = token_losses(self._body[0][0], tokens[0], self._logits, self._vocab_size).cpu()
        return {name: rows[0] for name, rows in taken.items()}, dict(self._weights.taken), losses

    def _run(self, tokens: Int[Tensor, "1 length"], rows: Sequence[int]) -> dict[str, Tensor]:
        """Run the model and return its attention outputs; the output of the model's body is kept in ``_body``."""
        self._weights.rows, self._weights.taken = rows, {}
        body = self._model.base_model
        options = {"use_cache": False} if hasattr(self._model.config.get_text_config(), "use_cache") else {}
        try:
            return self._tap.read(rows, lambda: setattr(self, "_body", body(input_ids=tokens, **options)))
        except IndexError:  # from a table of positions
            raise RunError(f"The model cannot read {tokens.shape[1]:,} tokens: it has fewer positions.") from None
        finally:
            self._weights.rows = ()

    def _try(self) -> None:
        """Find out whether the model is causal, shows its weights, and has a head for the next token."""
        try:
            self._vocab_size = len(self._model.get_input_embeddings().get_parameter("weight"))
            tokens = torch.arange(_TRIAL, dtype=torch.long, device=self._model.device)[None] % self._vocab_size
            other = tokens.clone()
            other[0, -1] = self._unlike(tokens[0, -1])
            before = self._run(tokens, range(_TRIAL))
        except LengthwiseError:
            raise
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            raise InputError(
                f"{type(self._model).__name__} does not read text alone: {first_sentence(error)}."
            ) from None
        self.hidden = [name for name in before if name not in self._weights.taken]
        """Layers whose attention weights are hidden."""
        self.measured = {name: self._tap.measured(name) for name in before}
        """What the probe takes as the attention output, in words, by layer in the order of the calls."""
        after = self._run(other, range(_TRIAL))
        self.causal = all(same(before[name][:, :-1], after[name][:, :-1]) for name in before)
        """True if no token sees the tokens that follow it."""
        self.at_once = self.causal and not _depends_on_length(self._model)
        """True if one pass over the longest length gives all shorter lengths."""
        self.headless = self._find_head(other)
        """The reason why the model does not predict the next token; empty if it does."""

    def _unlike(self, token: Tensor) -> Tensor:
        """Return the token whose embedding differs most from that of ``token``; some tokens share an embedding."""
        weight = self._model.get_input_embeddings().get_parameter("weight")
        return (weight[:_CANDIDATES].float() - weight[token].float()).norm(dim=-1).argmax()

    def _find_head(self, read: Tensor) -> str:
        """Find a function from some hidden states to logits, and test it on the tokens just read.

        Returns:
            The reason why there is no such function; empty if there is one.
        """
        head = self._model.get_output_embeddings()
        if head is None:
            return "the model has no head for language"
        if not self.causal:
            return "the model does not predict the next token: its tokens see the tokens that follow"
        whole, halves = self._model(input_ids=read).logits[0], self._body[0][0].split(_TRIAL // 2)
        for make in (self._as_the_model_does, head):
            self._logits: Callable[[Tensor], Tensor] = make
            try:
                parts = [self._logits(hidden) for hidden in halves]
            except Exception:  # a model may need anything from its own body, and fail in any way
                continue
            if same(whole, torch.cat(parts)):
                return ""
        return "the model's head cannot be asked for a part of its logits"

    def _as_the_model_does(self, hidden: Float[Tensor, "some dim"]) -> Float[Tensor, "some vocab"]:
        """Compute logits through the whole model, whose body returns ``hidden``; this keeps scaling and the like."""
        body, output = self._model.base_model, self._body
        some = type(output)(**{**output, "last_hidden_state": hidden[None]})
        body.forward = lambda *_, **__: some  # the instance's attribute hides its class's method
        try:
            return self._model(input_ids=torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)).logits[0]
        finally:
            del body.forward


def _depends_on_length(model: PreTrainedModel) -> bool:
    """Return True if the length of the text determines the rotary factors (dynamic NTK, LongRoPE)."""
    kinds = (getattr(part, "rope_type", None) for part in model.modules())
    named = [kind for found in kinds for kind in (found.values() if isinstance(found, dict) else [found])]
    return any(isinstance(kind, str) and ("dynamic" in kind or kind == "longrope") for kind in named)
