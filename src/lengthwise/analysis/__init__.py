"""Analysis: from the folder of an experiment to tables, intervals, p-values and rulings, as data for reports."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.analysis.design import Design
    from lengthwise.analysis.loading import LoadedComparison, LoadedRun
    from lengthwise.analysis.scoring import score
    from lengthwise.analysis.summary import Summary, summarise

__all__ = ["Design", "LoadedComparison", "LoadedRun", "Summary", "load", "score", "summarise"]

__getattr__, __dir__ = on_demand(__name__)


def load(folder: str | PathLike[str]) -> "LoadedRun | LoadedComparison":
    """Read the folder of a run or of a comparison, finished or not.

    Reading needs the extra ``experiments``; data frames need the extra ``dataframe``.

    >>> comparison = lengthwise.load("runs/compare-flip-flop")
    >>> comparison.config.mechanisms
    ('threshold-relative', 'softmax+rope')
    >>> comparison.to_dataframe().query("metric == 'exact_match'").groupby("mechanism").length.max()
    mechanism
    softmax+rope          32
    threshold-relative    32
    Name: length, dtype: int64
    >>> comparison.summary.claims[0].ruling
    'undecided'
    >>> run = comparison.run("softmax+rope", seed=0)
    >>> [point.length for point in run.points]
    [16, 32]
    >>> run.model().training
    False

    Args:
        folder: a folder written by ``lengthwise run`` or ``lengthwise compare``.

    Returns:
        A run with its configuration, task, points, summary and model, or a comparison with all its runs.

    Raises:
        InputError: if the folder holds neither a run nor a comparison, or a file in the folder is damaged.
    """
    from lengthwise.analysis.loading import read

    return read(Path(folder))
