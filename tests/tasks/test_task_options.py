"""Options of tasks: what they change, and that a run has them in its name and its examples."""

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.models import build
from lengthwise.tasks import Batch, Sets, Task, Tokens, load
from lengthwise.tasks.arithmetic.addition import Addition
from lengthwise.tasks.recall.flip_flop import IGNORE, FlipFlop


def drawn(task: Task, length: int, split: str = "train", batch: int = 400) -> Batch:
    return task.sample(torch.Generator().manual_seed(0), batch, length, split)


def test_flip_flop_ignores_as_often_as_it_is_told() -> None:
    task = FlipFlop(ignore=0.9)
    assert task.options == load("flip-flop[ignore=0.9]").options
    shares = {}
    for split in task.splits:
        instructions = drawn(task, 512, split).inputs[:, 2:-1:2]
        shares[split] = (instructions == IGNORE).double().mean().item()
    assert shares == pytest.approx({"train": 0.9, "validation": 0.9, "dense": 0.1, "sparse": 0.98}, abs=0.01)
    for ignore in (0, 1):
        instructions = drawn(FlipFlop(ignore=ignore), 512).inputs[:, 2:-1:2]
        assert (instructions == IGNORE).double().mean() == ignore


def test_the_default_value_gives_the_default_task() -> None:
    for given, plain in ((FlipFlop(ignore=0.8), FlipFlop()), (Addition(base=10, reverse=True), Addition())):
        assert all(torch.equal(one, other) for one, other in zip(drawn(given, 12), drawn(plain, 12), strict=True))


@pytest.mark.parametrize("base", [2, 3, 10, 16])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("split", Addition.splits)
def test_sums_are_right_in_any_base_and_either_way_round(base: int, reverse: bool, split: str) -> None:
    digits, task = 6, Addition(base=base, reverse=reverse)
    batch = drawn(task, 3 * digits + 3, split)
    assert isinstance(batch, Tokens)
    sequences = torch.cat([batch.inputs, batch.targets[:, -1:]], 1)
    assert sequences.max() < task.sizes["vocab_size"]
    for row in sequences.tolist():
        assert (row[digits], row[2 * digits + 1]) == (base, base + 1)
        numbers = row[:digits], row[digits + 1 : 2 * digits + 1], row[2 * digits + 2 :]
        ordered = [number if reverse else number[::-1] for number in numbers]
        assert all(0 <= digit < base for number in ordered for digit in number)
        first, second, total = (sum(d * base**place for place, d in enumerate(number)) for number in ordered)
        assert first + second == total
        if split == "carries":
            assert all(a + b == base - 1 for a, b in zip(ordered[0][1:], ordered[1][1:], strict=True))
    marks = [1, 2, 3, 4, 5, 6, 7] if reverse else [7, 6, 5, 4, 3, 2, 1]
    operand = [mark for mark in marks if mark < 7]
    assert batch.marks[0].tolist() == [*operand, 0, *operand, 0, *marks][:-1]
    assert task.largest_mark(3 * digits + 3) == batch.marks.max()


@pytest.mark.parametrize("classes", [2, 10, 30])
def test_argmax_has_as_many_classes_as_it_is_told(classes: int) -> None:
    task = load(f"argmax-retrieval[classes={classes}]")
    batch = drawn(task, 20)
    assert isinstance(batch, Sets)
    assert batch.items.shape[2] == task.sizes["item_features"] == 1 + classes
    assert set(batch.targets.tolist()) == set(range(classes))


@pytest.mark.parametrize("bits", [1, 4, 9])
def test_lookup_can_use_every_key_of_any_width(bits: int) -> None:
    task = load(f"dictionary-lookup[bits={bits},values=3]")
    for length in {1, 2, 2 ** (bits // 2), 2**bits - 1, 2**bits}:
        batch = drawn(task, length, batch=50)
        assert isinstance(batch, Sets)
        numbers = ((batch.items[..., :bits] > 0) * 2.0 ** torch.arange(bits)).sum(-1)
        assert all(len(row.unique()) == length for row in numbers)
        assert batch.items.shape[2] == bits + 3
        assert batch.query.shape[1] == bits
        assert batch.targets.max() < 3
    with pytest.raises(InputError, match=f"1 to {2**bits} pairs"):
        task.check_length(2**bits + 1)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("flip-flop[ignor=0.9]", "There is no option of flip-flop called 'ignor'; did you mean 'ignore'?"),
        ("flip-flop[ignore=2]", "The option ignore of flip-flop is a number, at least 0 and at most 1; got 2."),
        ("addition[base=1]", "The option base of addition is a whole number, at least 2; got 1."),
        ("addition[reverse=no]", "The option reverse of addition is true or false; got no."),
        ("flop-flip[ignore=0.9]", "There is no task called 'flop-flip'"),
        ("flip-flop[ignore=0.9", "is no name with options"),
    ],
)
def test_a_wrong_option_is_answered(name: str, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        load(name)
    assert sentence in str(refusal.value)
    with pytest.raises(InputError) as refusal:
        RunConfig.read({"task": name})
    assert sentence in str(refusal.value)


def test_in_python_too() -> None:
    with pytest.raises(InputError, match="There is no option of FlipFlop called 'ignor'; did you mean 'ignore'"):
        FlipFlop(ignor=0.9)
    with pytest.raises(InputError, match="The option ignore of FlipFlop is a number"):
        FlipFlop(ignore="often")


def test_a_run_holds_the_canonical_name_and_the_sizes_that_follow() -> None:
    run = RunConfig.read(
        {"task": "addition[reverse=true,base=2e0]", "train": {"length": 12}, "evaluate": {"lengths": [12]}}
    )
    assert run.task == "addition[base=2]"
    assert run.model.vocab_size == 4
    assert run.build_task().options == Addition(base=2).options
    task, model = run.build_task(), build(run.sized_model)
    reply = task.sample(torch.Generator(), 2, 12, "train").ask(model)
    assert task.loss.losses(reply).isfinite().all()
    assert RunConfig.read(run.model_dump(mode="json")) == run
    with pytest.raises(InputError, match=r"model.vocab_size is 4, but addition needs 12"):
        run.vary(task="addition")
