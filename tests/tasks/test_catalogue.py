"""What the tasks say of themselves, as the command line and the documentation show it."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from lengthwise.reports.tasks import page
from lengthwise.tasks import TASKS, Sets, Tokens, load
from lengthwise.tasks.catalogue import Entry, catalogue
from lengthwise.tasks.facts import FACTS
from lengthwise.tasks.families import families
from lengthwise.tasks.metrics import ExactMatch

ENTRIES = list(catalogue())
DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = 1500


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_says_what_it_is(entry: Entry) -> None:
    assert 5 < len(entry.summary) < 100
    assert "(arXiv" not in entry.summary, "the source stands at the end of the first line, by itself"
    assert all(option.meaning for option in entry.options)


def test_the_page_is_the_one_that_the_tasks_make() -> None:
    """If not: ``lengthwise list --tasks --markdown > docs/tasks.md``."""
    assert (DOCS / "tasks.md").read_text(encoding="utf-8") == page(ENTRIES)


def test_families_hold_each_task_once() -> None:
    found = families(TASKS)
    assert [name for names in found.values() for name in names] == [entry.name for entry in ENTRIES]
    assert sorted(entry.name for entry in ENTRIES) == sorted(TASKS)
    assert "Other tasks" not in found
    assert found["Arithmetic, digit by digit"][0] == "addition"


def test_facts_are_those_of_tasks() -> None:
    assert set(FACTS) == set(TASKS)


@pytest.mark.parametrize("name", [name for name, facts in FACTS.items() if facts.at <= 512])
def test_chance_is_how_often_the_most_frequent_answer_is_right(name: str) -> None:
    """An independent sample; ``selective-copying`` has 4,096 symbols, which takes long."""
    task, facts = load(name), FACTS[name]
    assert (facts.chance is None) == (not isinstance(task.main, ExactMatch))
    if facts.chance is None:
        return
    batch = task.sample(torch.Generator().manual_seed(1), EXAMPLES, facts.at, "validation")
    if isinstance(batch, Sets):
        answers = [(answer,) for answer in batch.targets.tolist()]
    else:
        assert isinstance(batch, Tokens)
        answers = [tuple(row[of].tolist()) for row, of in zip(batch.targets, batch.scored, strict=True)]
    ((_, most),) = Counter(answers).most_common(1)
    error = (facts.chance * (1 - facts.chance) / EXAMPLES) ** 0.5
    assert most / EXAMPLES == pytest.approx(facts.chance, abs=4 * error + 0.01)
