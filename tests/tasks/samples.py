"""Many examples of a task, and what can be said of their distribution."""

from collections import Counter, defaultdict

import torch
from scipy.stats import chisquare
from torch import Tensor

from lengthwise.tasks import Tokens, load
from lengthwise.tasks.transduction import Transduction


def sources_and_answers(name: str, length: int, rows: int = 4000, split: str = "train") -> tuple[Tensor, Tensor]:
    """Sources, and the scored answers up to the end token; all answers must have the same length."""
    task, plain = load(name).drawn_by(split)
    assert isinstance(task, Transduction)
    batch = task.sample(torch.Generator().manual_seed(0), rows, length, plain)
    assert isinstance(batch, Tokens)
    return batch.inputs[:, 1 : task.source_length(length) + 1], batch.answers.view(rows, -1)


def numbers(digits: Tensor, base: int) -> Tensor:
    """Each row of digits as one number."""
    return (digits * base ** torch.arange(digits.shape[1])).sum(1)


def is_uniform(values: Tensor, categories: int) -> bool:
    """True unless the values contradict a uniform distribution over 0 to ``categories - 1``."""
    observed = values.flatten().bincount(minlength=categories)
    assert len(observed) == categories
    return chisquare(observed.numpy()).pvalue > 0.001


def accuracy_by(keys: Tensor, answers: Tensor) -> float:
    """How often an answer is the most frequent one for its row of keys, as found in the other half of the examples."""
    seen: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    examples = list(zip(map(tuple, keys.tolist()), answers.tolist(), strict=True))
    half = len(examples) // 2
    for key, answer in examples[:half]:
        seen[key][answer] += 1
    guesses = {key: counts.most_common(1)[0][0] for key, counts in seen.items()}
    return sum(guesses.get(key, 0) == answer for key, answer in examples[half:]) / half
