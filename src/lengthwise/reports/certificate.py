"""A certificate on the terminal."""

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
    return (
        f"Refuted: no shorter input is answered wrongly than these {len(tokens)} tokens: {spelled}. "
        f"The right answer is {task.spell_answer(found.expected)}; it says {said}."
    )


def table(certificate: Certificate) -> Table:
    """Return the facts of a certificate."""
    found, agreed = certificate.verdict, certificate.agreement
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(style="dim")
    shown.add_row("network", f"{certificate.config.mechanism}, {certificate.config.layers} layers")
    shown.add_row("states, answers checked", f"{found.states:,}, {found.transitions:,}")
    shown.add_row("smallest margin of logits", f"{found.smallest_margin:.3g}")
    for layer, (score, rounding) in enumerate(zip(found.smallest_scores, found.rounding, strict=True), 1):
        shown.add_row(f"layer {layer}: smallest score", f"{score:.2g}, rounding at most {rounding:.2g}")
    if agreed is not None:
        same = "the same bits" if not agreed.different else f"{agreed.different:,} differ, by {agreed.largest:.2g}"
        shown.add_row("network and machine", f"{same} on {agreed.prefixes:,} prefixes")
    shown.add_row("time", f"{found.seconds:.2f} s")
    return shown


def _answers(certificate: Certificate) -> set[int]:
    return {answer for answer in certificate.task.answers if answer is not None}
