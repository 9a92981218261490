"""Two trained models on the same sequences: McNemar's exact test, which says nothing of training anew."""

from dataclasses import dataclass

from lengthwise.evaluation.point import Point


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


def discordance(seed: int, mine: Point, theirs: Point) -> Discordance | None:
    """Of two points of one split and length; None where one of them does not know which sequences were right."""
    ours, others = mine.outcomes, theirs.outcomes
    if ours is None or others is None or len(ours) != len(others):
        return None
    return Discordance(seed, len(ours), int((ours & ~others).sum()), int((others & ~ours).sum()))
