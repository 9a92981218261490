"""Arithmetic: the formats of written numbers, the distributions of all tasks, and what a part of an example tells."""

import math
import random
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import accumulate, combinations, groupby

import pytest
import torch
from scipy.stats import chi2_contingency, chisquare
from tests.tasks.solvers.arithmetic import binary, expression, text, value

from lengthwise.errors import InputError
from lengthwise.tasks import Tokens, load
from lengthwise.tasks.arithmetic.bits import whole, written
from lengthwise.tasks.arithmetic.calculation import Calculation
from lengthwise.tasks.arithmetic.digits import carried, product
from lengthwise.tasks.arithmetic.multiplication import Multiplication
from lengthwise.testing import Check, parametrize_tasks
from lengthwise.testing.solving import answers_are_those_of

FORMATS = [
    *("base=10", "reverse=false", "reverse_operands=false,end=true", "pad=false", "pad=false,reverse=false"),
    *("base=2,pad=false", "hints=alphabetical,end=true", "hints=alphabetical,hint_symbols=15,reverse=false"),
    *("hints=random,hint_symbols=20,pad=false,reverse_operands=false", "base=16,hints=random,end=true,reverse=false"),
]
CALCULATIONS = [
    *((f"addition[operands={operands}", split) for operands in (2, 5) for split in ("train", "validation", "carries")),
    *((f"multiplication[second={second}", split) for second in (3, 0) for split in ("train", "validation")),
]


def drawn(name: str, length: int, split: str = "train", examples: int = 400) -> Tokens:
    batch = load(name).sample(torch.Generator().manual_seed(0), examples, length, split)
    assert isinstance(batch, Tokens)
    return batch


def sources(batch: Tokens, begin: int) -> list[list[int]]:
    return [row[1 : row.index(begin + 1)] for row in batch.inputs.tolist()]


def first_answers(batch: Tokens) -> list[int]:
    return [row[scored][0].item() for row, scored in zip(batch.targets, batch.scored, strict=True)]


def assert_uniform(values: Sequence[Hashable], kinds: int) -> None:
    """That the values are of so many kinds, all alike often."""
    counts = Counter(values)
    assert len(counts) == kinds
    assert chisquare(list(counts.values())).pvalue > 0.001


@pytest.mark.parametrize("which", FORMATS)
@pytest.mark.parametrize(("task", "split"), CALCULATIONS)
def test_a_calculation_is_written_as_its_format_says(task: str, which: str, split: str) -> None:
    """The operands are read, and the whole sequence, with its marks, is written again from Python's integers."""
    found, digits = load(f"{task},{which}]"), 4
    assert isinstance(found, Calculation)
    base, ends = found.options.base, found.options.end or not found.options.pad
    equals, end, length = base + 1, base + 2, digits if isinstance(found, Multiplication) else 3 * digits + 3
    hinted = (found.options.hints != "none") * found.options.hint_symbols
    assert found.sizes["vocab_size"] == base + 2 + ends + hinted
    batch = drawn(f"{task},{which}]", length, split, examples=50)
    sequences = torch.cat([batch.inputs, batch.targets[:, -1:]], 1).tolist()
    for row, marks, scored in zip(sequences, batch.marks.tolist(), batch.scored.tolist(), strict=True):
        question = row[: row.index(equals)]
        numbers = operands(question, found.options)
        if isinstance(found, Multiplication):
            result, second = math.prod(numbers), found.options.second or digits
            widths = [digits, second, digits + second]
        else:
            result, more = sum(numbers), len(in_base(len(numbers) - 1, base))
            widths = [digits] * len(numbers) + [digits + more]
        hints = hints_of(question, found.options, largest=found.digits(length)[-1])
        wanted: list[tuple[int, int]] = []
        for index, (number, width) in enumerate(zip([*numbers, result], widths, strict=True)):
            sign = [(equals if index == len(numbers) else base, 0)] if index else []
            wanted += sign + columns(number, width, found.options, hints, operand=index < len(numbers))
        wanted += [(end, 0)] if ends else []
        written, places = [token for token, _ in wanted], [mark for _, mark in wanted]
        assert row[: len(wanted)] == written
        assert marks[: len(wanted)] == places[: len(marks)]
        assert set(row[len(wanted) :]) <= {end if ends else equals}
        assert [place for place, asked in enumerate(scored, 1) if asked] == [*range(len(question) + 1, len(wanted))]


def in_base(number: int, base: int) -> list[int]:
    """The digits of a number, least significant first."""
    return [number % base, *(in_base(number // base, base) if number >= base else [])]


def operands(question: list[int], options: Calculation.Options) -> list[int]:
    """The numbers between the signs, which may have hints."""
    groups = [list(group) for sign, group in groupby(question, lambda token: token == options.base) if not sign]
    order = -1 if options.reverse and options.reverse_operands else 1
    return [value([token for token in group if token < options.base][::order], options.base) for group in groups]


def hints_of(question: list[int], options: Calculation.Options, largest: int) -> list[int]:
    """The hints of all significances; a random first one is told by the least significant digit that is read first."""
    if options.hints == "none":
        return []
    first = options.base + 2 + (options.end or not options.pad)
    along = list(range(largest)) if options.reverse else list(range(largest))[::-1]
    offset = 0
    if options.hints == "random":
        lowest = 0 if options.reverse and options.reverse_operands else question.index(options.base) - 2
        offset = question[lowest] - first - along[0]
        assert 0 <= offset <= options.hint_symbols - largest
    return [first + offset + place for place in along]


def columns(
    number: int, width: int, options: Calculation.Options, hints: list[int], operand: bool
) -> list[tuple[int, int]]:
    """The tokens of a number with their marks, in the order of writing."""
    digits = in_base(number, options.base)
    digits += [0] * (width - len(digits)) if options.pad else []
    units = [[(digit, place)] for place, digit in enumerate(digits, 1)]
    if hints:
        units = [[(hint, place), unit[0]] for place, (hint, unit) in enumerate(zip(hints, units, strict=False), 1)]
    if not options.reverse or (operand and not options.reverse_operands):
        units.reverse()
    return [column for unit in units for column in unit]


@parametrize_tasks(
    "addition[operands=4,pad=false,hints=random,hint_symbols=40]",
    "addition[operands=3,base=2]",
    "multiplication[second=0,pad=false,reverse_operands=true]",
    "multiplication[hints=alphabetical,reverse=false,end=false]",
    "binary-addition[little_endian=true]",
    "binary-multiplication[little_endian=false]",
    "modular-arithmetic[multiply=false,modulus=7]",
    "modular-arithmetic-brackets[multiply=true,modulus=2]",
    "solve-equation[modulus=10]",
    "pairadd[base=3]",
    "successor[base=2]",
    "listops[depth=2,arguments=6]",
)
def test_other_formats_keep_the_promises(check: Check) -> None:
    check()


@pytest.mark.parametrize(
    ("name", "solve"),
    [
        ("binary-addition[little_endian=true]", binary(int.__add__, little_endian=True)),
        ("binary-multiplication[little_endian=false]", binary(int.__mul__, little_endian=False)),
        ("modular-arithmetic[multiply=false]", expression("+-")),
        ("modular-arithmetic-brackets[multiply=true]", expression("+-*()")),
    ],
)
def test_answers_under_options_are_those_of_the_solver(name: str, solve: object) -> None:
    answers_are_those_of(solve, load(name), [5, 7, 41])  # type: ignore[arg-type]


def test_addition_draws_what_it_always_drew() -> None:
    """Runs that were trained in the past can be evaluated on the same examples."""
    batch = drawn("addition", 9, "train", examples=2)
    assert batch.inputs.tolist() == [[4, 8, 10, 7, 0, 11, 1, 9], [3, 2, 10, 1, 3, 11, 4, 5]]
    assert batch.targets[:, -1].tolist() == [0, 0]


def test_operands_are_a_second_dimension() -> None:
    """In training 2 to 5 numbers are added; a model of that training is evaluated on any number of them."""
    task = load("addition[operands=5,end=true]")
    batch = drawn("addition[operands=5,end=true]", 33, examples=2000)
    assert_uniform([row.count(10) for row in batch.inputs.tolist()], kinds=4)
    assert (batch.targets[batch.scored] == 12).sum() == 2000
    for operands in (2, 7, 12):
        other, split = task.drawn_by(f"validation[operands={operands}]")
        assert other.sizes == task.sizes
        long = other.sample(torch.Generator(), 20, 33, split)
        assert isinstance(long, Tokens)
        assert (long.inputs == 10).sum(1).eq(operands - 1).all()
        assert long.inputs.shape[1] == other.tokens(33) - 1 == 11 * operands + 10 + 1 + (operands > 10)
    assert {"did_not_stop", "wrong_content"} <= set(task.measures)
    assert "did_not_stop" not in load("addition").measures


def test_a_carry_goes_through_all_digits_of_several_operands() -> None:
    for row in drawn("addition[operands=4]", 18, "carries").inputs.tolist():
        numbers = [row[6 * index : 6 * index + 5] for index in range(4)]
        first, *others = (sum(place) for place in zip(*numbers, strict=True))
        assert first >= 10
        assert set(others) == {9}


def test_a_run_of_nines_carries_on_into_any_digit() -> None:
    runs = []
    for source, answer in zip(*successors("carries"), strict=True):
        runs += [len(source) - len("".join(map(str, source)).rstrip("9"))]
        assert value(source) + 1 == value(answer[::-1])
    counts = Counter(runs)
    # A run is longer than it was drawn if the digit before is a 9 by chance.
    assert min(counts[run] for run in range(1, 7)) > 4000 / 6 * 0.7
    plain, _ = successors("validation")
    assert_uniform([digit for source in plain for digit in source], kinds=10)


def test_digits_of_one_significance_share_a_mark() -> None:
    assert drawn("successor", 3).marks[0].tolist() == [0, 3, 2, 1, 0, 1, 2, 3, 4]


def successors(split: str) -> tuple[list[list[int]], list[list[int]]]:
    batch = drawn("successor", 6, split, examples=4000)
    return sources(batch, 10), batch.targets[:, 7:14].tolist()


def test_written_numbers_have_their_distributions() -> None:
    hinted = drawn("addition[hints=random,hint_symbols=12]", 15, examples=2000)
    assert_uniform(hinted.inputs[:, 0].tolist(), kinds=8)  # 5 symbols in a row, among 12
    factors = drawn("multiplication[second=2,reverse_operands=true]", 4, examples=4000).inputs
    assert_uniform([len(str(value(row[3::-1]))) for row in factors.tolist()], kinds=4)
    assert_uniform([len(str(value(row[6:4:-1]))) for row in factors.tolist()], kinds=2)
    factors = drawn("multiplication[second=2,reverse_operands=true]", 4, "validation", examples=4000).inputs
    assert_uniform([value(row[6:4:-1]) for row in factors.tolist()], kinds=90)


def test_binary_numbers_have_their_distributions() -> None:
    numbers = [source[: source.index(2)] for source in sources(drawn("binary-addition", 9, examples=4000), 3)]
    assert_uniform([len(number) for number in numbers], kinds=6)
    assert_uniform([tuple(number) for number in numbers if len(number) == 1], kinds=2)
    assert_uniform([tuple(number) for number in numbers if len(number) == 4], kinds=8)
    numbers = [source[source.index(2) + 1 :] for source in sources(drawn("binary-multiplication", 8, examples=4000), 3)]
    assert_uniform([len(number) for number in numbers], kinds=6)
    for bits in (2, 3, 4):
        assert_uniform([tuple(number) for number in numbers if len(number) == bits], kinds=2**bits - 1)
    assert_uniform([tuple(source) for source in sources(drawn("square-root", 5, examples=4000), 2)], kinds=31)


def test_bits_of_any_number_are_read_as_they_are_written() -> None:
    numbers = [0, 1, 6, 2**62 + 1, 2**80 - 1]
    bits = written(numbers, 80)
    assert bits[2].tolist() == [*[0] * 77, 1, 1, 0]
    assert whole(bits) == numbers


@pytest.mark.parametrize("little_endian", [False, True])
def test_bits_of_one_significance_share_a_mark(little_endian: bool) -> None:
    """A mark tells the weight of its bit."""
    for operation, name in ((int.__add__, "binary-addition"), (int.__mul__, "binary-multiplication")):
        batch = drawn(f"{name}[little_endian={little_endian}]".lower(), 12)
        for row, marks in zip(batch.inputs.tolist(), batch.marks.tolist(), strict=True):
            weighed = [token << mark >> 1 if mark else -1 for token, mark in zip(row, marks, strict=True)]
            first, second, result, *_ = (list(part) for rest, part in groupby(weighed, lambda bit: bit < 0) if not rest)
            assert operation(sum(first), sum(second)) == sum(result)
    assert load("square-root").largest_mark(5) == 3
    assert drawn("square-root", 5).marks[0].tolist() == [0, 3, 2, 2, 1, 1, 0, 3, 2, 1]


def test_expressions_have_their_distributions() -> None:
    flat = sources(drawn("modular-arithmetic", 3, examples=4000), 8)
    assert_uniform([tuple(source) for source in flat], kinds=5 * 3 * 5)
    nested = drawn("modular-arithmetic-brackets", 6, examples=8000)
    assert_uniform([text(source, "+-()") for source in sources(nested, 9)], kinds=2 * 5 * 2 * 5)
    for name in ("modular-arithmetic-brackets", "solve-equation"):
        assert_uniform(first_answers(drawn(name, 33, examples=4000)), kinds=5)
    equations = [text(source, "+-()x=") for source in sources(drawn("solve-equation", 8, examples=6000), 11)]
    assert_uniform([each.index("x") for each in equations if each[1] != "-"], kinds=2)  # as in (1+-2)=4
    places = Counter(each.index("x") for each in equations if each[1] == "-")  # as in (-1+2)=1
    assert chisquare([places[2], places[4]], [places.total() * share for share in (2 / 3, 1 / 3)]).pvalue > 0.001


def test_all_pairs_are_marked_alike_often() -> None:
    marked = sources(drawn("pairadd", 5, examples=4000), 11)
    assert_uniform([tuple(place for place, token in enumerate(row) if token == 10) for row in marked], kinds=10)
    assert_uniform(first_answers(drawn("pairadd", 5, examples=4000)), kinds=10)


@pytest.mark.parametrize(
    "name", ["pairadd", "modular-arithmetic", "modular-arithmetic-brackets", "solve-equation", "square-root"]
)
@pytest.mark.parametrize("place", [1, -1])
def test_no_single_token_tells_the_answer(name: str, place: int) -> None:
    """The most frequent answer for a token at one end of the source, learnt from half of the examples."""
    batch, begin = drawn(name, 33, examples=8000), load(name).sizes["vocab_size"] - 3
    ends = [source[max(place - 1, -1)] for source in sources(batch, begin)]
    answers = [row[scored][-2].item() for row, scored in zip(batch.targets, batch.scored, strict=True)]
    best = {
        end: Counter(a for e, a in zip(ends[:4000], answers, strict=False) if e == end).most_common(1)[0][0]
        for end in set(ends)
    }
    right = sum(best[end] == answer for end, answer in zip(ends[4000:], answers[4000:], strict=True)) / 4000
    chance = max(Counter(answers).values()) / 8000
    assert right < chance + 0.04


def test_a_bag_of_digits_tells_little_about_a_pair() -> None:
    """The best answer for a bag of digits is the most frequent sum of its pairs."""
    batch = drawn("pairadd", 64, examples=300)
    right = 0
    for source, answer in zip(sources(batch, 11), first_answers(batch), strict=True):
        sums = Counter((a + b) % 10 for a, b in combinations([digit for digit in source if digit < 10], 2))
        right += sums.most_common(1)[0][0] == answer
    assert right / 300 < 0.2


@pytest.mark.parametrize(
    ("name", "length", "sentence"),
    [
        ("addition[operands=5]", 10, "An addition of n digits has 3 n \\+ 3 tokens"),
        ("addition[hints=random,hint_symbols=9]", 30, "A result of 10 digits needs as many hints, and there are 9"),
        ("multiplication[hints=alphabetical,hint_symbols=9,second=3]", 7, "A result of 10 digits needs as many hints"),
        ("binary-addition", 3, "BinaryAddition has 4 or more symbols, two signs and two bits; got a length of 3"),
        ("binary-multiplication", 2, "3 or more symbols, a sign and two bits; got a length of 2"),
        ("modular-arithmetic", 12, "has 1, 3, 5 or more symbols; got a length of 12"),
        ("solve-equation", 2, "has 3, 4, 5 or more symbols"),
        ("pairadd", 1, "has 2, 3, 4 or more digits"),
        ("listops", 3, "has 4, 5, 6 or more symbols"),
        ("listops[depth=2]", 123, "2 nested operators of 10 arguments has up to 122 symbols; got a length of 123"),
    ],
)
def test_impossible_lengths_are_answered(name: str, length: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load(name).check_length(length)


@pytest.mark.parametrize(
    ("base", "digits"), [(2, 700), (10, 300), (1000, 300), (2, 42), (2, 41), (2, 40), (2, 39), (10, 9)]
)
def test_digits_of_numbers_are_right(base: int, digits: int) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randint(base, (3, size), generator=generator) for size in (digits, digits // 2))
    first[0], second[0] = base - 1, base - 1
    for row, one, other in zip(product(first, second, base), first, second, strict=True):
        assert value(row.tolist()[::-1], base) == value(one.tolist()[::-1], base) * value(other.tolist()[::-1], base)
    summed = torch.nn.functional.pad(9 * first, (0, 5))
    for row, one in zip(carried(summed, base), first, strict=True):
        assert value(row.tolist()[::-1], base) == 9 * value(one.tolist()[::-1], base)


def shape(source: Sequence[int]) -> str:
    """An expression of listops without its digits and without the names of its operators."""
    return "".join("d" if symbol < 10 else "[" if symbol < 14 else "]" for symbol in source)


def arena(chance: random.Random, depth: int) -> str:
    """The shape of an expression as Long Range Arena draws it, of any length."""
    if depth == 0 or chance.random() > 0.25:
        return "d"
    return f"[{''.join(arena(chance, depth - 1) for _ in range(chance.randint(2, 5)))}]"


def test_expressions_of_listops_are_those_of_long_range_arena_that_have_the_length() -> None:
    chance = random.Random(0)
    kept = Counter(each for each in (arena(chance, 3) for _ in range(200_000)) if len(each) == 11)
    found = Counter(map(shape, sources(drawn("listops[depth=3,arguments=5]", 11, examples=4000), 15)))
    assert set(kept) <= set(found)
    assert len(found) > 20
    assert chi2_contingency([[kept[each] for each in found], [found[each] for each in found]]).pvalue > 0.001


def test_listops_has_every_length_up_to_the_longest() -> None:
    """The longest expression of two nested operators of 4 arguments has 4 + 4 · 4 digits and 5 operators."""
    for length in range(4, 27):
        for source in sources(drawn("listops[depth=2,arguments=4]", length, examples=8), 15):
            assert len(source) == length
            depths = accumulate({"[": 1, "]": -1, "d": 0}[each] for each in shape(source))
            assert max(depths) <= 2


def test_operators_and_digits_of_listops_are_uniform() -> None:
    symbols = [symbol for source in sources(drawn("listops", 20, examples=1000), 15) for symbol in source]
    assert_uniform([symbol for symbol in symbols if symbol < 10], kinds=10)
    assert_uniform([symbol for symbol in symbols if 10 <= symbol < 14], kinds=4)


def test_too_rare_expressions_are_answered() -> None:
    with pytest.raises(InputError, match="1222 symbols is too rare among those with 3 nested operators"):
        drawn("listops[depth=3]", 1222, examples=1)
