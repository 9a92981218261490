"""The claims that a comparison tests: each contestant against the mechanism named first, split by split."""

from dataclasses import dataclass

from lengthwise.evaluation.paired import Difference, Ruling, paired_differences, pairs_needed, rule
from lengthwise.experiments.record import Experiment, Run

RULE = (
    "The claim holds if the contestant is better at one length beyond the training length at least and worse at none, "
    "fails if it is worse at one at least and better at none, is mixed if it is both, and undecided if it is neither. "
    "Better and worse: the 95 % interval of the mean difference (Student) excludes 0, and the p-value of the exact "
    "sign-flip test, corrected after Holm over the lengths of that contestant and split, is below 0.05: about one "
    "contestant in twenty that differs in nothing is still called better or worse somewhere."
)


@dataclass(frozen=True)
class Claim:
    """That a contestant is right more often than the baseline on longer examples than it was trained on."""

    contestant: str
    baseline: str
    split: str
    training: int
    """The training length."""
    differences: tuple[Difference, ...]
    """Share of examples right, contestant less baseline; at every length with a pair, shortest first."""
    missing: tuple[int, ...]
    """Seeds without a pair at one of those lengths at least."""

    @property
    def beyond(self) -> tuple[Difference, ...]:
        """The differences beyond the training length, which the claim is about."""
        return tuple(d for d in self.differences if d.length > self.training)

    @property
    def ruling(self) -> Ruling:
        """What they say of the claim, by :data:`RULE`."""
        return rule([d.outcome for d in self.beyond])

    @property
    def pairs(self) -> tuple[int, int]:
        """The fewest and the most pairs at a length beyond the training length; only if there is one."""
        numbers = [d.pairs for d in self.beyond]
        return min(numbers), max(numbers)

    @property
    def needed(self) -> int:
        """The fewest pairs that can decide anything at so many lengths."""
        return pairs_needed(len(self.differences))


def claims(experiment: Experiment) -> list[Claim]:
    """One claim per contestant and split that has any pair beyond the training length."""
    baseline, *contestants = experiment.config.mechanisms
    splits = experiment.config.base.evaluate.splits
    found = [_claim(experiment, contestant, baseline, split) for split in splits for contestant in contestants]
    return [claim for claim in found if claim.beyond]


def _claim(experiment: Experiment, contestant: str, baseline: str, split: str) -> Claim:
    base = experiment.config.base
    ours, theirs = (_exact(experiment.finalists(name), split) for name in (contestant, baseline))
    shares: dict[int, list[float]] = {}
    for length, seed in sorted(ours.keys() & theirs.keys()):
        shares.setdefault(length, []).append(ours[length, seed] - theirs[length, seed])
    wanted = range(base.seed, base.seed + experiment.config.seeds)
    missing = [s for s in wanted if any((n, s) not in ours or (n, s) not in theirs for n in shares)]
    return Claim(contestant, baseline, split, base.train.length, paired_differences(shares), tuple(missing))


def _exact(runs: tuple[Run, ...], split: str) -> dict[tuple[int, int], float]:
    """Share of examples right, by length and seed."""
    return {(p.length, run.config.seed): p.exact_match for run in runs for p in run.points if p.split == split}
