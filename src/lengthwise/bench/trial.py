"""Trials that find out which contestants can run on this machine, with sentences about those that cannot."""

import torch

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import RIVALS, backend
from lengthwise.bench.results import Results
from lengthwise.bench.subject import subject
from lengthwise.errors import InputError, too_large
from lengthwise.ops.threshold_relative import BACKENDS

_LONGEST = 1024


def able(results: Results, name: str) -> list[str]:
    """Return the kinds that a contestant can do in this dtype; a note says which kinds it cannot do, and why."""
    config, kinds_of = results.config, subject(results.config).kinds
    # A compiler makes kernels for one length, so on the GPU the trial uses a length that is measured anyway.
    few = min(_LONGEST, *config.lengths) if config.device == "cuda" else 4
    reasons = {kind: why for kind in kinds_of if (why := _trial(config, name, kind, few))}
    for why in dict.fromkeys(reasons.values()):
        kinds = [kind for kind in reasons if reasons[kind] == why]
        of = "" if kinds == [*kinds_of] else f" of {' and '.join(kinds)}"
        note = f"is left out{of}: {why}"
        owner = name if config.model else backend(name)
        if f"{owner} {note}" not in results.notes:  # a note about a backend also holds for its -no-skipping
            results.notes.append(f"{name} {note}")
    return [kind for kind in kinds_of if kind not in reasons]


def _trial(config: BenchConfig, name: str, kind: str, few: int) -> str:
    """Return the reason why a contestant cannot do a kind on so few tokens; empty if it can."""
    if not config.model and name not in RIVALS and backend(name) not in BACKENDS:
        return f"this installation has no backend called {backend(name)!r}."
    try:
        measured = subject(config)
        measured.prepare(kind, name, measured.draw(config, few))()
        if config.device == "cuda":
            torch.cuda.synchronize()
    except Exception as error:  # on an unknown machine a kernel may fail in any way
        return reason(error, config.device)
    return ""


def reason(error: Exception, device: str) -> str:
    """Describe an error in one sentence."""
    if too_large(error):
        return "there is not enough memory."
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, NotImplementedError):  # torch's error for an operator without a kernel for the device
        return f"it does not run on {device}."
    first = next(iter(str(error).splitlines()), "").strip()
    return type(error).__name__ + (f" ({first})." if first else ".")
