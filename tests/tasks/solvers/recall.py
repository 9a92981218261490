"""Solvers of the tasks that look something up."""

from itertools import pairwise

from tests.tasks.solvers.solver import Solver, between


def n_back(tokens: list[int]) -> list[int]:
    return tokens[1:-2]


def induction(tokens: list[int]) -> list[int]:
    return [following for symbol, following in pairwise(tokens[1:-1]) if symbol == tokens[-1]]


def flag_retrieval(tokens: list[int]) -> list[int]:
    return [tokens[tokens.index(10) + 1], 13]


def flagged_pair(tokens: list[int]) -> list[int]:
    source = between(tokens, 12)
    assert len(source) % 2 == 0
    marks = source[::2]
    assert sorted(marks) == [10] + [11] * (len(marks) - 1)
    return [source[2 * marks.index(10) + 1], 14]


def unique_retrieval(tokens: list[int]) -> list[int]:
    context, query = between(tokens, 5), tokens[-2]
    assert context.count(query) == 1
    return [context[context.index(query) + 1], 7]


def non_unique_retrieval(tokens: list[int]) -> list[int]:
    context, query = between(tokens, 5), tokens[-2]
    assert context.count(query) > 1
    return [context[context.index(query) + 1], 7]


def n_gram_lookup(tokens: list[int]) -> list[int]:
    """The n-gram is found as a word in a string."""
    text, gram = ("".join(map(chr, part)) for part in (between(tokens, 27), tokens[-4:-1]))
    return [ord(text.split(gram, 1)[1][0]), 29]


def argmin_first_argmax(tokens: list[int]) -> list[int]:
    source = between(tokens, 100)
    return [min(source) if 64 in source else source[0] if 50 in source else max(source), 102]


def selective_copying(tokens: list[int]) -> list[int]:
    return [*(symbol for symbol in between(tokens, 15) if symbol != 14), 17]


def recalled(shown: list[int], asked: list[int], width: int) -> list[int]:
    """Pairs of a key of ``width`` symbols and a value; then their keys, among symbols that are in no key."""
    units = [shown[start : start + width + 1] for start in range(0, len(shown), width + 1)]
    values = {tuple(key): value for *key, value in units}
    symbols = {symbol for key in values for symbol in key}
    windows = [tuple(asked[start : start + width]) for start in range(len(asked))]
    found = [window for window in windows if window in values]
    assert sorted(found) == sorted(values)
    assert sum(symbol in symbols for symbol in asked) == width * len(values)
    return [values[key] for key in found]


def mqar(tokens: list[int]) -> list[int]:
    return recalled(tokens[1:9], tokens[9:], 1)


def forgetting_mqar(tokens: list[int]) -> list[int]:
    return recalled(tokens[1:13], tokens[13:], 1)


def compositional_mqar(tokens: list[int]) -> list[int]:
    return recalled(tokens[1:13], tokens[13:], 2)


def mqmtar(tokens: list[int]) -> list[int]:
    """Symbols are parsed from left to right: a space, a unit of six symbols, or a query of three."""
    source, values, answer = between(tokens, 259), dict[tuple[int, int], list[int]](), list[int]()
    while source:
        if source[0] == 258:
            answer += [258, *values[source[1], source[2]]]
            source = source[3:]
        elif source[0] == 256:
            source = source[1:]
        else:
            first, second, colon, *value, space = source[:6]
            assert (colon, space) == (257, 256)
            assert (first, second) not in values
            values[first, second] = value
            source = source[6:]
    return [*answer, 261]


def noisy_recall(tokens: list[int]) -> list[int]:
    values, answers = dict[int, int](), []
    for key, value in zip(tokens[::2], [*tokens[1::2], -1], strict=True):
        if key < 8 and value == -1:
            answers.append(values[key])
        elif key < 8:
            assert key not in values
            values[key] = value
        else:
            assert min(key, value) >= 16
    return answers


def fuzzy_recall(tokens: list[int]) -> list[int]:
    """A hidden token belongs to the value of the key before; the first value of each key is shown."""
    values, answers, key, place = dict[tuple[int, ...], list[int]](), list[int](), list[int](), 0
    for before, token in pairwise([15, *tokens, -1]):
        if 0 <= token < 7:
            key = [*key, token] if 0 <= before < 7 else [token]
            place = 0
        elif 7 <= token < 15:
            values.setdefault(tuple(key), []).append(token)
        elif token == -1:
            answers.append(values[tuple(key)][place])
            place += 1
    return answers + values[tuple(key)][place:]


SOLVERS: dict[str, Solver] = {
    "n-back": n_back,
    "induction": induction,
    "flag-retrieval": flag_retrieval,
    "flagged-pair": flagged_pair,
    "unique-retrieval": unique_retrieval,
    "non-unique-retrieval": non_unique_retrieval,
    "n-gram-lookup": n_gram_lookup,
    "argmin-first-argmax": argmin_first_argmax,
    "selective-copying": selective_copying,
    "mqar": mqar,
    "forgetting-mqar": forgetting_mqar,
    "compositional-mqar": compositional_mqar,
    "mqmtar": mqmtar,
    "noisy-recall": noisy_recall,
    "fuzzy-recall": fuzzy_recall,
}
