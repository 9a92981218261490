"""What certificates say of the trained networks of an experiment, beside what was measured of them."""

from dataclasses import dataclass
from typing import Any

from lengthwise.certify.certificate import FILE, PAGE
from lengthwise.certify.certifying import Kind
from lengthwise.experiments.record import Experiment, Run
from lengthwise.experiments.start import trained_weights
from lengthwise.files import read_json


@dataclass(frozen=True)
class Proof:
    """The certificate of one network, or that it has none."""

    mechanism: str
    seed: int
    verdict: Kind | None
    """None if the network is not certified, or was trained further since."""
    page: str = ""
    """Path of the certificate's page, from the folder of the experiment."""
    reason: str = ""
    """Why it is undecided, in a sentence."""
    states: int = 0
    """States of the automaton that the network is."""
    smallest_margin: float = 0.0
    """Smallest difference between the logit of a right answer and the largest other one."""
    soft_margin: float | None = None
    """Bound below which no such difference lies for the gates that the network was trained with."""
    counterexample: int | None = None
    """Tokens of the input on which the network is wrong, if it is refuted."""


@dataclass(frozen=True)
class _Held:
    """What is read of a certificate."""

    verdict: Kind
    model: dict[str, Any]
    reason: str
    states: int
    smallest_margin: float
    soft_margin: float | None
    counterexample: dict[str, Any] | None = None


def proofs(experiment: Experiment) -> tuple[Proof, ...]:
    """Read the certificates of trained networks; networks of hard or annealed gates that have none are told, too."""
    if experiment.task.machine is None:
        return ()
    found = (_proof(run, experiment) for run in experiment.chosen_runs if run.trained is not None)
    return tuple(proof for proof in found if proof is not None)


def _proof(run: Run, experiment: Experiment) -> Proof | None:
    file = run.folder / FILE
    if not file.exists():
        expected = run.mechanism.startswith("newest-kept") or "anneal=" in run.mechanism
        return Proof(run.mechanism, run.config.seed, None) if expected else None
    held = read_json(file, _Held, "Certify the run again.")
    if held.model.get("sha256") != trained_weights(run.folder).sha256:
        return Proof(run.mechanism, run.config.seed, None)
    return Proof(
        run.mechanism,
        run.config.seed,
        held.verdict,
        (run.folder / PAGE).relative_to(experiment.folder).as_posix(),
        held.reason,
        held.states,
        held.smallest_margin,
        held.soft_margin,
        None if held.counterexample is None else len(held.counterexample["tokens"]),
    )
