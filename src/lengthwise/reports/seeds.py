"""How many seeds the claims of a comparison need, which is known before anything is trained."""

from lengthwise.analysis.design import Design
from lengthwise.reports.text import counted
from lengthwise.reports.words import beats


def seeds_needed(design: Design) -> str | None:
    """One sentence on the fewest seeds that can decide, and on what those of ``design`` can; None without a claim."""
    if design.seeds_needed is None:
        return None
    first, all_of_them = design.seeds_needed
    elsewhere = (
        f", and at least {all_of_them} at {counted(len(design.secondary), 'shorter length')} beyond "
        f"{design.training_length:,}"
        if design.secondary
        else ""
    )
    can = (
        "so that it can only tell its trained models apart"
        if design.seeds < first
        else "enough at the longest alone"
        if design.seeds < all_of_them
        else "which is enough"
    )
    return (
        f"Whether {design.mechanisms[0]}, trained anew, {beats(design.main)} another mechanism takes at least "
        f"{first} seeds to decide at {design.primary:,} {design.unit}, the longest length{elsewhere}; this "
        f"comparison has {design.seeds}, {can}."
    )
