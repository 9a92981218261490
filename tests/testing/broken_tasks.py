"""Tasks that break their promises, each in one way."""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.tasks import Answered, Metric, Task, Tokens


class Whole(Task):
    """The next token is this one plus 1, modulo 8."""

    unit = "tokens"
    example = "sequence"
    model = "decoder"
    stride = 1
    sizes: ClassVar[dict[str, Any]] = {"vocab_size": 8}
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        inputs = torch.randint(8, (batch_size, length), generator=generator)
        return Tokens(inputs, (inputs + 1) % 8, torch.ones_like(inputs, dtype=torch.bool), inputs[:, :0])


class Larger(Whole):
    """The vocabulary is smaller than the tokens are."""

    sizes: ClassVar[dict[str, Any]] = {"vocab_size": 7}


class Global(Whole):
    """Tokens come from torch's own generator."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch = super().sample(generator, batch_size, length, split)
        return batch._replace(inputs=torch.randint(8, batch.inputs.shape))


class Counting(Whole):
    """Every batch begins where the last one ended."""

    drawn = 0

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch, self.drawn = super().sample(generator, batch_size, length, split), self.drawn + 1
        return batch._replace(inputs=(batch.inputs + self.drawn) % 8)


class Varied(Whole):
    """There are many examples of a length, where the task speaks of one."""

    def has_one_example(self, length: int) -> bool:
        return True


class Short(Whole):
    """On one split, sequences are half as long."""

    splits = ("train", "validation", "half")

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        return super().sample(generator, batch_size, length // 2 if split == "half" else length, split)


class Unscored(Whole):
    """Nothing is scored in some examples."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch = super().sample(generator, batch_size, length, split)
        return batch._replace(scored=batch.scored & (torch.arange(batch_size) > 0)[:, None])


class Marked(Whole):
    """Marks grow with the length, and the task says that they do not."""

    def largest_mark(self, length: int) -> int | None:
        return 8

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch = super().sample(generator, batch_size, length, split)
        return batch._replace(marks=torch.arange(length).expand(batch_size, -1))


class Constant(Whole):
    """The answer is always 3."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch = super().sample(generator, batch_size, length, split)
        return batch._replace(targets=torch.full_like(batch.targets, 3))


class Soft(Whole):
    """The next token is this one plus 1 or plus 2, modulo 8."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch = super().sample(generator, batch_size, length, split)
        first, second = (F.one_hot((batch.inputs + plus) % 8, 8) for plus in (1, 2))
        return batch._replace(targets=(first + second) / 2)


class Improper(Soft):
    """The probabilities of its answers sum to 2."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch = super().sample(generator, batch_size, length, split)
        return batch._replace(targets=2 * batch.targets)


class ConstantSoft(Soft):
    """The answer is always the same distribution."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        batch = super().sample(generator, batch_size, length, split)
        return batch._replace(targets=torch.full_like(batch.targets, 1 / 8))


class AnyLength(Whole):
    """It takes a length of 0."""

    def check_length(self, length: int) -> None:
        pass


class Distance(Metric):
    """How far answers are from the right ones; it claims that farther is better."""

    name = "distance"
    unit = "steps"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        said, right = answered.reply.logits[0].argmax(-1), answered.reply.answers[0]
        return answered.per_example((said - right).abs()), answered.scored


class Backwards(Whole):
    """Its metric says that the farther, the better."""

    metrics = (Distance(),)


class OneNumber(Distance):
    """One number for the whole batch."""

    name = "one"
    better = "lower"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        return tuple(numbers.sum()[None] for numbers in super().of(answered))  # type: ignore[return-value]


class Summed(Whole):
    """Its metric gives one number for all examples."""

    metrics = (OneNumber(),)
