"""Two trained models on the same sequences: McNemar's exact test, which says nothing about training again."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Discordance:
    """Where two trained models differ: counts of the sequences that exactly one of the two models answers correctly."""

    seed: int
    """Seed that both models were trained with."""
    sequences: int
    """Number of sequences that both models were evaluated on."""
    mine: int
    """Number of sequences that only my model answers correctly."""
    theirs: int
    """Number of sequences that only the other model answers correctly."""

    @property
    def p(self) -> float:
        """Two-sided, exact p-value: equally good models would win each discordant sequence with probability 0.5.

        McNemar, Psychometrika 12, 1947. The test treats the sequences as the random sample, so it speaks about these
        two trained models on more sequences of the same kind, and not about other seeds. The p-value is 1 if the two
        models never differ.
        """
        from scipy.stats import binomtest

        differing = self.mine + self.theirs
        return float(binomtest(self.mine, differing).pvalue) if differing else 1.0


def discordance(seed: int, mine: np.ndarray | None, theirs: np.ndarray | None) -> Discordance | None:
    """Count where two models differ; ``mine`` and ``theirs``, (sequences,) of bool, say which answers are correct.

    Returns None if the answers of one model are not known, or if the two models were given other sequences.
    """
    if mine is None or theirs is None or len(mine) != len(theirs):
        return None
    return Discordance(seed, len(mine), int((mine & ~theirs).sum()), int((theirs & ~mine).sum()))
