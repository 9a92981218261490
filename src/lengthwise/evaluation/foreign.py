"""Models that are not of this package: any callable from tokens to logits, or from text to text.

:class:`FromTokens` is called like a model of this package, by the batches of a task. :func:`reply_in_text` asks a
callable for texts, and turns its texts into a reply.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor, nn

from lengthwise.attention import KeyValueCache
from lengthwise.errors import InputError
from lengthwise.models import ModelOutput
from lengthwise.tasks import Batch, Task, Tokens
from lengthwise.tasks.batch import Reply

Predict = Callable[..., Any]
"""From tokens (batch, length) of int64 to logits (batch, length, classes), or to an object that holds them as
``logits``; for a task of sets, from items and queries to logits (batch, classes), or from items to numbers or logits
(batch, items, classes)."""
Write = Callable[[Sequence[str]], Sequence[str]]
"""From prompts to answers, both as text."""
OUTPUTS = {
    "decoder": "vocab_size",
    "set-reader": "classes",
    "set-matcher": "classes",
    "inverted-transformer": "horizon",
}
"""The size of each kind of model that says how many numbers it returns in the last place."""
END = "<end>"
"""Name of the end token of every task that has one."""
UNKNOWN = -1
SURE = 100.0
"""Logit of a token that a text has, among logits of 0."""


class FromTokens(nn.Module):
    """A callable in the place of a model. It reads the whole sequence at every call."""

    def __init__(self, predict: Predict, classes: int) -> None:
        super().__init__()
        self.predict, self.classes = predict, classes

    def forward(
        self,
        *inputs: Tensor,
        marks: Tensor | None = None,
        select: Bool[Tensor, "batch tokens"] | None = None,
        cache: KeyValueCache | None = None,
    ) -> ModelOutput:
        """Call the predictor, and check what it returns.

        Raises:
            InputError: if that is no tensor of logits of the right shape, or not finite.
        """
        new = inputs[0].shape[1]
        if cache is not None:
            inputs = (cache[0].extend("tokens", inputs[0], axis=1),)
            cache[0].tokens = inputs[0].shape[1]
        logits = self._checked(self._said(inputs), inputs)
        if cache is not None:
            logits = logits[:, -new:]
        chosen = logits if select is None else logits[select]
        return ModelOutput(chosen, chosen)

    def _said(self, inputs: Sequence[Tensor]) -> Any:
        name = getattr(self.predict, "__name__", type(self.predict).__name__)
        if isinstance(self.predict, type):
            raise InputError(f"{name} is a class; name a function, or a model that was made of the class.")
        try:
            takes = self.predict.forward if isinstance(self.predict, nn.Module) else self.predict
            inspect.signature(takes).bind(*inputs)
        except TypeError as error:
            given = "tokens" if len(inputs) == 1 else f"{len(inputs)} tensors, such as items and a query"
            raise InputError(f"This task gives {given}, and {name} cannot be called with that: {error}.") from None
        except ValueError:
            pass  # a function in C does not say what it takes
        return self.predict(*(tensor.clone() for tensor in inputs))  # it may write into its own

    def _checked(self, said: Any, inputs: Sequence[Tensor]) -> Tensor:
        logits = getattr(said, "logits", said)
        wanted = tuple(inputs[0].shape[: 2 if len(inputs) == 1 else 1])  # one reply per token, or per set
        shown = f"{wanted} with {self.classes} classes or more in the last place"
        if not isinstance(logits, Tensor) or not logits.is_floating_point():
            kind = type(logits).__name__ if not isinstance(logits, Tensor) else f"a tensor of {logits.dtype}"
            raise InputError(f"The predictor returned {kind}; return logits of shape {shown}.")
        if logits.shape[:-1] != wanted or logits.shape[-1] < self.classes:
            raise InputError(
                f"The predictor returned logits of shape {tuple(logits.shape)}; return logits of shape {shown}."
            )
        if not bool(logits.isfinite().any(-1).all()) or bool(logits.isnan().any()):
            raise InputError(f"The predictor returned logits that are not numbers, for inputs of shape {wanted}.")
        return logits.detach()


@torch.no_grad()
def check_looks_back(model: FromTokens, batch: Batch) -> None:
    """Refuse a predictor that reads the answers: in one pass over a sequence, they are the next inputs.

    Later tokens are replaced by those of another sequence of the batch. A predictor that answers by chance is let pass.

    Raises:
        InputError: if predictions for earlier tokens change.
    """
    if not isinstance(batch, Tokens) or not batch.continued or len(batch.inputs) < 2:
        return
    seen = int(batch.scored.int().argmax(1).min()) + 1
    changed = torch.cat([batch.inputs[:, :seen], batch.inputs.roll(1, 0)[:, seen:]], 1)
    if torch.equal(batch.inputs, changed):
        return
    said, again, other = (model(of).logits[:, :seen].float() for of in (batch.inputs, batch.inputs, changed))
    near = partial(torch.allclose, rtol=1e-2, atol=1e-2)
    if near(said, again) and not near(said, other):
        raise InputError(
            "The predictor's logits depend on later tokens, which hold the answers; mask later tokens, or score "
            "it by generation (decode='greedy') or from text."
        )


def reply_in_text(task: Task, write: Write, batch: Batch) -> Reply:
    """Ask for texts: the prompt is everything before the first scored answer, and the answer everything from there.

    A text is read as names of tokens with spaces between. The end of a text stands for the end token, if the task has
    one.

    Raises:
        InputError: if the answers of the task do not come last, or if the texts are not one for each prompt.
    """
    if not isinstance(batch, Tokens) or not batch.continued or not _comes_last(batch):
        raise InputError(
            f"The answers of {task.title} do not come last in a sequence, so a model of text cannot give them; "
            "score it from tokens."
        )
    first = batch.scored.int().argmax(1).tolist()
    inputs = batch.inputs.tolist()
    prompts = [task.spell(row[: start + 1]) for row, start in zip(inputs, first, strict=True)]
    said = write(prompts)
    texts = [] if isinstance(said, str) or not isinstance(said, Iterable) else list(said)
    if len(texts) != len(prompts) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"The predictor must return one text for each of {len(prompts)} prompts, as a list.")
    known = {name: token for token, name in enumerate(task.names)}
    tokens = []
    for row, text in enumerate(texts):
        right = batch.targets[row][batch.scored[row]].tolist()
        read = [known.get(word, UNKNOWN) for word in text.split()]
        if task.names[right[-1]] == END and right[-1:] != read[-1:]:
            read.append(right[-1])
        if len(read) > len(right):
            read[len(right) - 1] = UNKNOWN  # what comes after the end of the right answer makes its last token wrong
        padded = [*read, *[UNKNOWN] * len(right)][: len(right)]
        pairs = zip(padded, right, strict=True)
        tokens += [(wanted + 1) % len(known) if token == UNKNOWN else token for token, wanted in pairs]
    logits = SURE * F.one_hot(torch.tensor(tokens, dtype=torch.long, device="cpu"), len(known)).float()
    return Reply((logits,), (batch.answers,))


def _comes_last(batch: Tokens) -> bool:
    """Return True if, in each sequence, the scored places have no gap."""
    return bool((batch.scored.int().diff(dim=1) != 0).sum(1).le(2).all())


def classes_of(task: Task) -> int:
    """Return the number of classes that a model of the task chooses from."""
    return int(task.sizes[OUTPUTS[task.model]])
