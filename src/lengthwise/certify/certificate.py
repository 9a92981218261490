"""The file of a certificate: what it is about, what it assumes, what was found, and the machine that shows it."""

from dataclasses import asdict, dataclass
from typing import Any

from lengthwise.attention.weights import WEIGHTS
from lengthwise.certify.behaviour import Coverage
from lengthwise.certify.certifying import Kind, Verdict
from lengthwise.certify.extraction import Found, Level
from lengthwise.certify.network import certifiable
from lengthwise.certify.walking import Agreement
from lengthwise.models import DecoderConfig
from lengthwise.tasks.machine import MooreMachine

FILE, PAGE = "certificate.json", "certificate.html"
"""A certificate and its page, in the folder of a run."""
ROUNDED = (
    "The network computes in float32: every product and sum is rounded, in any order, and elementary functions are "
    "right to a few units of the last place."
)
ASSUMPTIONS = (
    "The network computes in float32, and no score of a query and a key is off by more than the rounding bound.",
    "What it computes for a token depends on the token's vector and on the vectors that its heads attend to, and on no "
    "other token. The comparison of network and machine says on how many prefixes this was seen, and what differed.",
)
OF_TASK = "The sequence is one of the task: each token is one that the machine of the task allows."


@dataclass(frozen=True)
class Certificate:
    """A verdict with all that is needed to check it."""

    task_name: str
    task: MooreMachine
    config: DecoderConfig
    sha256: str
    """Hash of the file of the weights."""
    verdict: Verdict
    agreement: Agreement | None
    """None if the machine was not found."""
    coverage: Coverage | None = None
    """How much of the machine occurred in the training, if this is known."""

    @property
    def kind(self) -> Kind:
        """Proved, refuted or undecided."""
        return self.verdict.kind

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the verdict assumes: less where rounding in any order was enclosed."""
        enclosed = self.verdict.soft_margin is not None and self.verdict.soft_margin > 0
        return (ROUNDED, OF_TASK) if enclosed else (*ASSUMPTIONS, OF_TASK)

    def tree(self) -> dict[str, Any]:
        """Return the certificate as JSON."""
        of = self.verdict
        found: dict[str, Any] = {
            "seconds": round(of.seconds, 3),
            "reason": of.reason,
            "states": of.states,
            "transitions": of.transitions,
            "smallest_margin": of.smallest_margin,
            "soft_margin": of.soft_margin,
            "soft_reason": of.soft_reason,
            "smallest_scores": of.smallest_scores,
            "rounding": of.rounding,
        }
        if of.kind == "refuted":
            found["counterexample"] = {
                "tokens": of.counterexample,
                "shortest": of.shortest,
                "expected": of.expected,
                "said": of.said,
            }
        return {
            "verdict": of.kind,
            "assumptions": self.assumptions,
            **found,
            "agreement": None if self.agreement is None else self.agreement._asdict(),
            "coverage": None if self.coverage is None else self.coverage._asdict(),
            **about(self.task_name, self.task, self.config, self.sha256),
            "levels": [_level(level) for level in of.levels],
        }


def about(task_name: str, task: MooreMachine, config: DecoderConfig, sha256: str) -> dict[str, Any]:
    """Return what a certificate says of its network and of its task, as JSON.

    Raises:
        InputError: if no network of the mechanism can be certified.
    """
    mechanism = certifiable(config.mechanism)
    options: Any = WEIGHTS.load(mechanism.weights.name).Options(**dict(mechanism.weights.options))
    return {
        "model": {
            "sha256": sha256,
            "mechanism": config.mechanism,
            "output": str(mechanism.output),
            "heads": config.heads,
            "head_dim": config.dim // config.heads,
            "strict": options.strict,
            "threshold": options.threshold,
            "paper_faithful": config.paper_faithful,
        },
        "task": {"name": task_name, **asdict(task)},
    }


def layers_of(tree: dict[str, Any]) -> list[Found]:
    """Return what the certificate of a search that ended early holds of its layers."""
    return [
        Found(
            [tuple(recipe) for recipe in level["recipes"]],
            level["under"],
            [{int(token): (to, made) for token, (to, made) in row.items()} for row in level["moves"]],
        )
        for level in tree["levels"]
    ]


def _level(level: Level) -> dict[str, Any]:
    """Return what a reader needs to follow one layer: states below, moves, how vectors are made, and what is merged."""
    return {
        "under": level.under,
        "moves": [{token: [to, made] for token, (to, (made, _)) in row.items()} for row in level.machine.moves],
        "recipes": level.recipes,
        "merged": level.merged,
    }
