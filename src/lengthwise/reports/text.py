"""Numbers as text: one rounding for the page, the figures' tooltips, the sentences and the terminal."""

from collections.abc import Sequence


def percent(share: float) -> str:
    """Return a share from 0 to 1 in per cent with one decimal, without the per cent sign.

    Only shares of exactly 1 and 0 give ``100.0`` and ``0.0``: 0.9997 gives ``99.9``, and 0.0001 gives ``0.1``.
    """
    if share > 1 - 1e-9:  # the mean of exact shares may be off by rounding
        return "100.0"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}" if share > 1e-9 else "0.0"


def number(value: float, unit: str) -> str:
    """Return a metric's number without its unit: a share in per cent, any other number with three digits or whole."""
    return percent(value) if unit == "%" else _digits(value)


def quantity(value: float, unit: str) -> str:
    """Return a metric's number with its unit, as in ``98.2 %`` and ``0.693 nats``."""
    return f"{number(value, unit)} {unit}".strip()


def brief(value: float, unit: str) -> str:
    """Return a metric's number with its unit for a line of progress, as in ``98.2%``."""
    return f"{percent(value)}%" if unit == "%" else quantity(value, unit)


def spread(low: float, high: float, unit: str) -> str:
    """Return a range of a metric's numbers without the unit, as in ``98.2–100.0``, or ``−0.12 to 1.30`` below 0."""
    return f"{number(low, unit)}{'–' if low >= 0 else ' to '}{number(high, unit)}"


def steps(unit: str) -> str:
    """Return the unit of a difference between two numbers of a metric."""
    return "points" if unit == "%" else unit


def difference(value: float, unit: str) -> str:
    """Return a difference between two numbers of a metric with its sign; shares differ by percentage points."""
    if unit == "%" or not value:
        return points(value)
    return f"{'+' if value > 0 else '−'}{_digits(abs(value))}"


def points(share: float) -> str:
    """Return a difference of shares in percentage points with one decimal and its sign, as in ``+3.1`` and ``−0.4``."""
    return f"{100 * share:+.1f}".replace("-", "−") if share else "0.0"


def signed(number: float) -> str:
    """Return a number with three decimals and its sign, as in ``−0.482``."""
    return f"{number:+.3f}".replace("-", "−")


def p_value(p: float) -> str:
    """Return a p-value with two digits."""
    return "below 0.001" if p < 0.001 else f"{p:.2g}"


def times(length: int, training: int) -> str:
    """Return a length as a multiple of the training length, in words."""
    return "its training length" if length == training else f"{multiple(length / training)} times its training length"


def multiple(times: float) -> str:
    """Return a factor with three digits or as a whole number."""
    return f"{times:.3g}" if times < 999.5 else f"{times:,.0f}"


def _digits(value: float) -> str:
    """Return a number with three digits or as a whole number, as in ``2.00``, ``0.0123`` and ``−1,024``."""
    shown = f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")
    return shown.replace("-", "−")


def joined(items: Sequence[str]) -> str:
    """Return a list in words: ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def plural(noun: str) -> str:
    """Return the plural of a noun."""
    return noun if noun == "series" else f"{noun}s"


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, as in ``1 seed`` and ``3 seeds``."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def title(split: str) -> str:
    """Return a split's name as a heading, with its options after a comma."""
    plain, _, options = split.partition("[")
    plain = plain.replace("-", " ").replace("_", " ").capitalize()
    return f"{plain}, {options.removesuffix(']')}" if options else plain


def headed(words: str) -> str:
    """Return words with a capital first letter, to begin a sentence or a heading."""
    return words[:1].upper() + words[1:]
