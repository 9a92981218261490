"""What the literature says about the task of an experiment, with the evaluated lengths that stand nearest to it.

Training lengths differ between papers and experiments. So a published length and an evaluated one are near if they are
about the same multiple of the longest training length.
"""

import math
from dataclasses import dataclass

from lengthwise.analysis.design import Design
from lengthwise.models import DecoderConfig, ModelConfig
from lengthwise.naming import split
from lengthwise.tasks.facts import EVIDENCE, FACTS, Published, Setting

NEAR = 1.3
"""An evaluated length stands for a published one if their multiples differ by this factor at most."""


@dataclass(frozen=True)
class Place:
    """The test lengths of published figures, and the evaluated length that stands for them."""

    lengths: tuple[int, int]
    """Shortest and longest test length (unit of the task)."""
    times: tuple[float, float]
    """The same as multiples of the longest training length of the source."""
    nearest: int | None
    """The evaluated length; None if there is none near."""


@dataclass(frozen=True)
class Result:
    """A published result with figures."""

    paper: str
    evidence: str
    """How we know the figures, in words."""
    task: str
    """The task there, with its options in brackets."""
    places: tuple[Place, ...]
    shares: dict[str, tuple[float, ...]]
    """By model, the share of examples whose whole answer is right, at each place."""
    setting: Setting
    """What was trained there."""
    of: str
    """The model that has the setting."""
    recipe: str
    """The recipe of this library with the setting."""


@dataclass(frozen=True)
class Literature:
    """Published results about a task; nothing if the library knows none."""

    says: tuple[str, ...]
    """Results without figures, each with how we know it."""
    results: tuple[Result, ...]
    """Results with figures."""
    here: Setting | None
    """What the experiment trains; None if it trains no decoder, or the models were trained elsewhere."""


def literature(design: Design, model: ModelConfig | None) -> Literature:
    """Look up the published results about the task of an experiment.

    Args:
        design: the design of the experiment.
        model: the model that the experiment trains; None if its models were trained elsewhere.
    """
    facts = FACTS.get(split(design.task)[0])
    found = () if facts is None else facts.published
    here = None
    if isinstance(model, DecoderConfig) and design.training_steps is not None:
        here = Setting(design.training_length, model.layers, model.dim, design.training_steps)
    return Literature(
        says=tuple(f"{of.says} ({EVIDENCE[of.evidence]})" for of in found if of.source is None),
        results=tuple(result for of in found if (result := _result(of, design)) is not None),
        here=here,
    )


def _result(of: Published, design: Design) -> Result | None:
    if of.source is None:
        return None
    at = sorted({figure.lengths for figure in of.figures})
    shares = {(figure.model, figure.lengths): figure.share for figure in of.figures}
    models = dict.fromkeys(figure.model for figure in of.figures)
    return Result(
        paper=of.source.paper,
        evidence=EVIDENCE[of.evidence],
        task=of.source.task,
        places=tuple(_place(lengths, of.source.setting.longest, design) for lengths in at),
        shares={name: tuple(shares[name, lengths] for lengths in at) for name in models},
        setting=of.source.setting,
        of=of.source.of,
        recipe=of.source.recipe,
    )


def _place(lengths: tuple[int, int], trained: int, design: Design) -> Place:
    """Find the evaluated length nearest to the middle of the published ones.

    The training length stands for no length beyond, and no length beyond for it.
    """
    middle = sum(lengths) / 2 / trained
    beyond = lengths[1] > trained
    away = {
        length: abs(math.log(length / design.training_length / middle))
        for length in design.lengths
        if (length > design.training_length) == beyond
    }
    nearest = min(away, key=lambda length: away[length], default=None)
    return Place(
        lengths=lengths,
        times=(lengths[0] / trained, lengths[1] / trained),
        nearest=nearest if nearest is not None and away[nearest] <= math.log(NEAR) else None,
    )
