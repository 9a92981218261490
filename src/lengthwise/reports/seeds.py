"""The number of seeds that the claims of a comparison need, known before anything is trained."""

from lengthwise.analysis.design import Design
from lengthwise.reports.text import counted
from lengthwise.reports.words import beats


def seeds_needed(design: Design) -> str | None:
    """Return two sentences on the seeds that can decide the claims and on those of ``design``; None without a claim."""
    if design.seeds_needed is None:
        return None
    first, all_of_them = design.seeds_needed
    elsewhere = (
        f", and at least {all_of_them} seeds at {counted(len(design.secondary), 'shorter length')} beyond "
        f"{design.training_length:,}"
        if design.secondary
        else ""
    )
    can = (
        "enough to compare its own trained models only"
        if design.pairs < first
        else "enough for the longest length only"
        if design.pairs < all_of_them
        else "enough"
    )
    return (
        f"At least {first} seeds are needed to decide whether {design.mechanisms[0]}, trained again, "
        f"{beats(design.main)} another mechanism at {design.primary:,} {design.unit}, the longest "
        f"length{elsewhere}. This comparison has {counted(design.pairs, 'seed')}: {can}."
    )
