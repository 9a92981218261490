"""What is broken is found, and told in one sentence; what is whole passes."""

import re
from pathlib import Path

import pytest
import torch

from lengthwise.errors import InputError
from lengthwise.testing import (
    Check,
    check_mechanism,
    check_task,
    mechanism_checks,
    parametrize_mechanisms,
    parametrize_tasks,
    task_checks,
)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def broken(checks: list[Check]) -> dict[str, str]:
    """What each broken promise raises."""
    found = {}
    for check in checks:
        try:
            check()
        except AssertionError as error:
            found[check.promise] = str(error)
    return found


@pytest.mark.parametrize(
    ("part", "promise"),
    [
        ("LooksAhead", "a later token changes no earlier output"),
        ("LooksAheadInValues", "a later token changes no earlier output"),
        ("LooksAheadInValues", "no gradient reaches a later token"),
        ("ForgetsTheCache", "a cache changes no output"),
        ("CountsPadding", "padding changes no output"),
        ("CountsPadding", "packed documents give what separate ones give"),
        ("SumsToTwo", "the weights of a query sum to 1"),
        ("PrefersTheFirst", "the order of the keys makes no difference"),
        ("ReadsKeys", "keys enter through products alone"),
        ("SharpInSecret", "no gradient reaches a later token"),
        ("FastIsWrong", "the fast way gives what the reference gives"),
        ("SharperInUse", "training mode and evaluation mode give the same"),
        ("OfTheBatch", "a batch gives what its sequences give one by one"),
        ("OfTheDefault", "the output does not depend on torch's default dtype"),
        ("NotSaved", "a module that is saved and loaded gives the same bits"),
        ("FromTheEnd", "a cache changes no output"),
    ],
)
def test_a_broken_mechanism_is_caught(part: str, promise: str) -> None:
    name = f"broken_parts:{part}" if part != "FromTheEnd" else "softmax+sinusoidal+broken_parts:FromTheEnd"
    sentence = broken(list(mechanism_checks(name)))[promise]
    assert part in sentence
    assert promise in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    with pytest.raises(AssertionError, match=part):
        check_mechanism(name)


def test_the_sentence_says_where_and_what_is_expected() -> None:
    sentence = broken(list(mechanism_checks("broken_parts:LooksAhead")))["a later token changes no earlier output"]
    found = re.search(r"token (\d+) in sequence (\d) has a component (\S+), where (\S+) is expected", sentence)
    assert found is not None
    assert int(found[1]) < 100
    assert float(found[3]) != float(found[4])


@pytest.mark.parametrize(
    ("task", "promise"),
    [
        ("Larger", "batches agree with the sizes of the model"),
        ("Global", "the same seed gives the same batch"),
        ("Counting", "the same seed gives the same batch"),
        ("Varied", "the same seed gives the same batch"),
        ("Short", "batches have their shapes on every split"),
        ("Unscored", "every example has a scored prediction"),
        ("Marked", "marks are as large as it says"),
        ("Constant", "no one answer is always right"),
        ("Improper", "batches agree with the sizes of the model"),
        ("ConstantSoft", "no one answer is always right"),
        ("AnyLength", "it knows its lengths"),
        ("Backwards", "right answers are better than wrong ones"),
        ("Summed", "metrics judge every example"),
    ],
)
def test_a_broken_task_is_caught(task: str, promise: str) -> None:
    checks = {check.promise: check for check in task_checks(f"broken_tasks:{task}")}
    with pytest.raises(AssertionError, match=promise) as caught:
        checks[promise]()
    assert task in str(caught.value)
    assert str(caught.value).endswith(".")
    with pytest.raises(AssertionError, match=task):
        check_task(f"broken_tasks:{task}")


def test_a_whole_task_passes() -> None:
    check_task("broken_tasks:Whole")
    check_task("broken_tasks:Whole", lengths=[5, 9])
    check_task("broken_tasks:Whole", solve=lambda tokens: [(token + 1) % 8 for token in tokens])


def test_a_whole_task_with_soft_answers_passes() -> None:
    def solve(tokens: list[int]) -> list[list[float]]:
        return [[0.5 if (other - token) % 8 in (1, 2) else 0.0 for other in range(8)] for token in tokens]

    check_task("broken_tasks:Soft", solve=solve)
    with pytest.raises(AssertionError, match="the solver says"):
        check_task("broken_tasks:Soft", solve=lambda tokens: [[1 / 8] * 8 for _ in tokens])


@parametrize_tasks("flip-flop[ignore=0.1]", "addition[base=2,reverse=false]")
def test_our_tasks_keep_their_promises(check: Check) -> None:
    """With options; :mod:`tests.tasks.test_suite` checks all tasks without."""
    check()


@parametrize_mechanisms("layer-norm")
def test_one_part_is_joined_to_softmax(check: Check) -> None:
    assert check.of == "softmax+layer-norm"
    check()


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'softmax'"):
        check_mechanism("sofmax")
    with pytest.raises(InputError, match="did you mean 'flip-flop'"):
        check_task("flipflop")


def test_another_error_says_during_which_check_it_came() -> None:
    def run() -> None:
        raise ZeroDivisionError("of the part")

    with pytest.raises(ZeroDivisionError) as caught:
        Check("softmax", "it does", run)()
    assert caught.value.__notes__ == ["This happened in the check of 'softmax' that it does."]


def test_random_numbers_go_on_as_if_nothing_had_been_drawn() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check_task("flip-flop")
    next(mechanism_checks("softmax"))()
    assert torch.equal(torch.rand(2), expected)
