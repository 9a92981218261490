"""A certificate on the terminal: the verdict in a sentence, and its facts."""

from rich.table import Table

from lengthwise.certify import Certificate
from lengthwise.tasks import Task

SHOWN = 40
"""Number of tokens of a counterexample that are shown."""


def sentence(certificate: Certificate, task: Task) -> str:
    """Return the verdict in words."""
    found = certificate.verdict
    if found.kind == "proved":
        return f"Proved: it answers rightly after every sequence of {task.title}, whatever its length."
    if found.kind == "undecided":
        return f"Undecided. {found.reason}"
    tokens = found.counterexample
    spelled = task.spell(tokens[-SHOWN:]) if len(tokens) <= SHOWN else f"… {task.spell(tokens[-SHOWN:])}"
    assert found.expected is not None
    assert found.said is not None
    said = task.spell_answer(found.said) if found.said in _answers(certificate) else f"{found.said}, which is none"
    of = f"these {len(tokens)} tokens: {spelled}"
    wrong = f"no shorter input is answered wrongly than {of}" if found.shortest else f"it answers wrongly after {of}"
    return f"Refuted: {wrong}. The right answer is {task.spell_answer(found.expected)}; it says {said}."


def facts(certificate: Certificate) -> list[tuple[str, str]]:
    """Return the facts of a certificate, each with its name."""
    found, agreed, covered = certificate.verdict, certificate.agreement, certificate.coverage
    of_layers = [
        (f"layer {layer}: smallest score", f"{score:.2g}, rounding at most {rounding:.2g}")
        for layer, (score, rounding) in enumerate(zip(found.smallest_scores, found.rounding, strict=True), 1)
    ]
    told = [("network", f"{certificate.config.mechanism}, {certificate.config.layers} layers")]
    if agreed is not None:
        same = "the same bits" if not agreed.different else f"logits differ by {agreed.largest:.2g} at most"
        told += [
            ("states, answers checked", f"{found.states:,}, {found.transitions:,}"),
            ("smallest margin of logits", f"{found.smallest_margin:.3g}"),
            ("with gates as trained, in any rounding", _soft(certificate)),
            *of_layers,
            ("network and machine", f"{same} on {agreed.prefixes:,} prefixes"),
        ]
    if covered is not None:
        told.append(
            ("states that training visited", f"{covered.states:,} of {found.states:,}, in {covered.tokens:,} tokens")
        )
    return [*told, ("time", f"{found.seconds:.2f} s")]


def _soft(certificate: Certificate) -> str:
    """Say what holds for the gates that the network was trained with."""
    found = certificate.verdict
    if found.soft_margin is None:
        return found.soft_reason
    return f"at least {found.soft_margin:.3g}" if found.soft_margin > 0 else "a margin may be negative"


def table(certificate: Certificate) -> Table:
    """Return the facts of a certificate."""
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(style="dim")
    for name, fact in facts(certificate):
        shown.add_row(name, fact)
    return shown


def _answers(certificate: Certificate) -> set[int]:
    return {answer for answer in certificate.task.answers if answer is not None}
