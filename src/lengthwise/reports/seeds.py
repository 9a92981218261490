"""How many seeds the claims of a comparison need, which is known before anything is trained."""

from lengthwise.experiments.config import ComparisonConfig
from lengthwise.reports.claims import primary_length
from lengthwise.reports.text import counted
from lengthwise.reports.words import beats
from lengthwise.statistics.paired import pairs_needed


def seeds_needed(config: ComparisonConfig) -> str | None:
    """One sentence on the fewest seeds that can decide, and on what those of ``config`` can; None without a claim."""
    task = config.base.build_task()
    training, primary = config.base.train.length, primary_length(config)
    if len(config.mechanisms) == 1 or primary <= training:
        return None
    secondary = sum(training < length < primary for length in set(config.base.evaluate.lengths))
    first, all_of_them = pairs_needed(1), pairs_needed(max(1, secondary))
    elsewhere = (
        f", and at least {all_of_them} at {counted(secondary, 'shorter length')} beyond {training:,}"
        if secondary
        else ""
    )
    can = (
        "so that it can only tell its trained models apart"
        if config.seeds < first
        else "enough at the longest alone"
        if config.seeds < all_of_them
        else "which is enough"
    )
    return (
        f"Whether {config.mechanisms[0]}, trained anew, {beats(task.main)} another mechanism takes at least "
        f"{first} seeds to decide at {primary:,} {task.unit}, the longest length{elsewhere}; this "
        f"comparison has {config.seeds}, {can}."
    )
