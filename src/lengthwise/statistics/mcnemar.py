"""Two trained models on the same sequences: McNemar's exact test, which says nothing of training anew."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Discordance:
    """Where two trained models differ: the sequences that one of them alone has right."""

    seed: int
    """That both were trained with."""
    sequences: int
    """That both were asked."""
    mine: int
    """Right by my model alone."""
    theirs: int
    """Right by theirs alone."""

    @property
    def p(self) -> float:
        """Two-sided, exact: each of these sequences is as likely to be the other's if the two models are alike.

        McNemar, Psychometrika 12, 1947. The sequences are what varies, so that it speaks of these two models on more
        sequences of the same kind, whichever way a further seed would come out. 1 where the two never differ.
        """
        from scipy.stats import binomtest

        differing = self.mine + self.theirs
        return float(binomtest(self.mine, differing).pvalue) if differing else 1.0


def discordance(seed: int, mine: np.ndarray | None, theirs: np.ndarray | None) -> Discordance | None:
    """Count where two models differ, from whether each has each sequence right, (sequences,) of bool.

    None where one of them is not known, or where the sequences are not the same.
    """
    if mine is None or theirs is None or len(mine) != len(theirs):
        return None
    return Discordance(seed, len(mine), int((mine & ~theirs).sum()), int((theirs & ~mine).sum()))
