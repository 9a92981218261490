"""Promises of a task about its batches: shapes, seeds, lengths, sizes, marks and answers."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks import Batch, LabelledSets, Sets, Task, Tokens
from lengthwise.testing.check import expect

EXAMPLES = 32
BATCHES = {"decoder": Tokens, "set-reader": Sets, "set-matcher": LabelledSets, "inverted-transformer": LabelledSets}
"""What a model of each kind reads."""


def draw(task: Task, length: int, split: str, seed: int = 0) -> Batch:
    """Draw a batch of examples."""
    return task.sample(torch.Generator().manual_seed(seed), EXAMPLES, length, split)


def drawn(task: Task, lengths: Sequence[int]) -> Iterator[tuple[str, Batch, int]]:
    """Yield a description, a batch and its length for all splits and lengths."""
    for split in task.splits:
        for length in lengths:
            yield f"on the split {split!r} at length {length}", draw(task, length, split), length


def lengths_are_known(task: Task, lengths: Sequence[int]) -> None:
    """Check valid lengths, and the length 0."""
    expect(bool(lengths), "check_length refuses every length that was tried")
    for length in lengths:
        task.check_length(length)
    try:
        task.check_length(0)
    except InputError:
        return
    expect(False, "check_length accepts a length of 0, which no example can have, where an InputError is expected")


def batches_have_their_shapes(task: Task, lengths: Sequence[int]) -> None:
    """Draw batches, and check the shapes and dtypes of their tensors."""
    wanted = BATCHES[task.model]
    for at, batch, length in drawn(task, lengths):
        expect(
            isinstance(batch, wanted),
            f"{at} sample gives {type(batch).__name__}, where a model of the kind {task.model!r} reads "
            f"{wanted.__name__}",
        )
        first = batch[0].shape
        # A sequence is as long as its inputs, or has one more token, the last target.
        wanted_tokens = task.tokens(length)
        widths = (wanted_tokens, wanted_tokens - 1) if isinstance(batch, Tokens) else (wanted_tokens,)
        expect(
            first[0] == EXAMPLES and first[1] in widths,
            f"{at} the inputs have the shape {tuple(first)}, where {EXAMPLES} examples of {widths[0]} are expected",
        )
        shapes = {"targets": batch.targets.shape, "scored": batch.scored.shape}
        one_each = first[:2] if isinstance(batch, Tokens) else first[:1]
        for name, shape in shapes.items():
            expect(shape[: len(one_each)] == one_each, f"{at} {name} has the shape {tuple(shape)}")
        expect(batch.scored.dtype == torch.bool, f"{at} scored is {batch.scored.dtype}, where bool is expected")


def same_seed_gives_same_batch(task: Task, lengths: Sequence[int]) -> None:
    """Draw twice with one seed, with other draws and another global seed in between; and once with another seed.

    Where a task says that there is only one example of the length, two seeds must give this example.
    """
    for split in task.splits:
        before = torch.random.get_rng_state()
        first = draw(task, lengths[-1], split)
        left_alone = torch.equal(before, torch.random.get_rng_state())
        expect(left_alone, "sample draws from torch's global generator, not from the one that it is given")
        other = draw(task, lengths[-1], split, seed=1)
        torch.manual_seed(1)
        again = draw(task, lengths[-1], split)
        at = f"on the split {split!r}"
        expect(_same(first, again), f"{at} the same generator state gives two different batches; a task keeps no state")
        if task.has_one_example(lengths[-1]):
            expect(_same(first, other), f"{at} two seeds give two batches, where has_one_example is True")
        else:
            expect(not _same(first, other), f"{at} two seeds give the same batch")


def _same(first: Batch, second: Batch) -> bool:
    return all(one.shape == other.shape and torch.equal(one, other) for one, other in zip(first, second, strict=True))


def something_is_scored(task: Task, lengths: Sequence[int]) -> None:
    """Check that each example has a scored prediction."""
    for at, batch, _ in drawn(task, lengths):
        least = int(batch.scored.sum(1).min())
        expect(least > 0, f"{at} an example has no scored prediction; a longer one may have some (lengths=)")


def sizes_agree_with_batches(task: Task, lengths: Sequence[int]) -> None:
    """Compare tokens, targets, features and classes with the model's sizes."""
    for at, batch, _ in drawn(task, lengths):
        if isinstance(batch, Tokens):
            kinds = task.sizes["vocab_size"]
            _expect_in_range(batch.inputs, kinds, f"{at} the inputs", "vocab_size")
            if batch.targets.is_floating_point() and batch.targets.ndim == 2:
                expect(batch.answers.isfinite().all(), f"{at} the scored targets are not all finite")
            elif batch.targets.is_floating_point():
                _expect_distributions(batch.answers, kinds, f"{at} the scored targets")
            else:
                _expect_in_range(batch.answers, kinds, f"{at} the scored targets", "vocab_size")
            continue
        if isinstance(batch, Sets):
            widths = {"item_features": batch.items, "query_features": batch.query}
        elif task.model == "inverted-transformer":
            widths = {"observed": batch.items, "horizon": batch.targets}
        else:
            widths = {"item_features": batch.items}
        for size, features in widths.items():
            width = features.shape[-1]
            expect(width == task.sizes[size], f"{at} there are {width} numbers where {size} says {task.sizes[size]}")
            expect(features.isfinite().all(), f"{at} the {size} are not all finite")
        if batch.targets.is_floating_point():
            expect(
                isinstance(batch, LabelledSets) or task.sizes["classes"] == 1,
                f"{at} the answers are numbers, where classes says that there are several",
            )
            expect(batch.targets.isfinite().all(), f"{at} the targets are not all finite")
        else:
            _expect_in_range(batch.targets, task.sizes["classes"], f"{at} the targets", "classes")
        if isinstance(batch, LabelledSets):
            continue
        # -1 stands for no holder.
        _expect_in_range(batch.holder + 1, batch.items.shape[1] + 1, f"{at} the holders + 1", "the number of items")


def _expect_in_range(numbers: Tensor, below: int, what: str, limit: str) -> None:
    expect(not numbers.is_floating_point(), f"{what} are {numbers.dtype}, where integers are expected")
    least, most = int(numbers.min()), int(numbers.max())
    expect(0 <= least <= most < below, f"{what} go from {least} to {most}, where {limit} allows 0 to {below - 1}")


def _expect_distributions(answers: Tensor, kinds: int, what: str) -> None:
    expect(
        answers.dim() == 2 and answers.shape[1] == kinds,
        f"{what} have the shape {tuple(answers.shape)}, where {kinds} probabilities each are expected, by vocab_size",
    )
    sums = answers.double().sum(1)
    expect(
        answers.min() >= 0 and bool((sums - 1).abs().max() < 1e-5),
        f"{what} are no distributions: the least probability is {float(answers.min()):.4g}, and their sums go from "
        f"{float(sums.min()):.6g} to {float(sums.max()):.6g}",
    )


def marks_are_known(task: Task, lengths: Sequence[int]) -> None:
    """Compare the marks with the task's largest mark."""
    for at, batch, length in drawn(task, lengths):
        largest = task.largest_mark(length)
        if not isinstance(batch, Tokens) or not batch.marks.shape[1]:
            expect(largest is None, f"{at} there are no marks, where largest_mark says {largest}")
            continue
        expect(batch.marks.shape == batch.inputs.shape, f"{at} marks has the shape {tuple(batch.marks.shape)}")
        expect(largest is not None, f"{at} there are marks, where largest_mark says that there are none")
        _expect_in_range(batch.marks, (largest or 0) + 1, f"{at} the marks", "largest_mark")


def no_one_answer_is_always_right(task: Task, lengths: Sequence[int]) -> None:
    """Check that no constant answer is always right."""
    for at, batch, _ in drawn(task, lengths):
        first = batch.answers[:1]
        differ = (batch.answers != first).any()
        expect(differ, f"{at} {first[0].tolist()} is right everywhere: chance level is 100 %")
