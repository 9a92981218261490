"""Solvers of the tasks that count."""

from collections import Counter
from itertools import groupby

from tests.tasks.solvers.solver import Solver, between


def parity(tokens: list[int]) -> list[int]:
    return [between(tokens, 2).count(1) % 2, 4]


def local_count(tokens: list[int]) -> list[int]:
    return [index for _, run in groupby(tokens[1:]) for index, _ in enumerate(run)]


def _most_frequent(source: list[int]) -> int:
    (first, often), *others = Counter(source).most_common(2)
    assert all(often > number for _, number in others)
    return first


def bin_majority(tokens: list[int]) -> list[int]:
    return [_most_frequent(between(tokens, 2)), 4]


def interleaved_majority(tokens: list[int]) -> list[int]:
    streams: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for place, bit in enumerate(between(tokens, 2)):
        streams[place % 3].append(bit)
    return [*map(_most_frequent, streams.values()), 4]


def most_frequent_letter(tokens: list[int]) -> list[int]:
    return [_most_frequent(between(tokens, 26)), 28]


def count(tokens: list[int]) -> list[int]:
    first, last = between(tokens, 256)
    return [*range(first, last + 1), 258]


def histogram(tokens: list[int]) -> list[int]:
    seen: Counter[int] = Counter()
    labels = []
    for symbol in tokens[1:]:
        seen[symbol] += 1
        labels.append(min(seen[symbol], 10))
    return labels


def local_field(tokens: list[int]) -> list[float]:
    scale = sum(1 / distance**2 for distance in range(1, 17)) ** 0.5
    fields = []
    for place in range(16, len(tokens)):
        before = [1 if tokens[place - distance] else -1 for distance in range(1, 17)]
        alternating = [spin / distance * (1, -1)[distance % 2 == 0] for distance, spin in enumerate(before, start=1)]
        fields.append(sum(alternating) / scale)
    return fields


def string_equality(tokens: list[int]) -> list[int]:
    text = "".join(map(str, between(tokens, 2)))
    half = len(text) // 2
    return [int(text == text[half:] * 2), 4]


def even_pairs(tokens: list[int]) -> list[int]:
    bits = between(tokens, 2)
    pairs = [(bits[place], bits[place + 1]) for place in range(len(bits) - 1)]
    return [(pairs.count((0, 1)) + pairs.count((1, 0))) % 2, 4]


SOLVERS: dict[str, Solver] = {
    "parity": parity,
    "local-count": local_count,
    "bin-majority": bin_majority,
    "majority": most_frequent_letter,
    "interleaved-majority": interleaved_majority,
    "mode": most_frequent_letter,
    "count": count,
    "histogram": histogram,
    "local-field": local_field,
    "string-equality": string_equality,
    "even-pairs": even_pairs,
}
