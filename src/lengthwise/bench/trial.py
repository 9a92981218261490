"""Who can run on this machine, and what to say of who cannot."""

import torch

from lengthwise.bench.contestants import RIVALS, backend
from lengthwise.bench.inputs import Inputs, draw
from lengthwise.bench.kinds import KINDS, prepare
from lengthwise.bench.results import Results
from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative import BACKENDS

_LONGEST = 1024


def able(results: Results, name: str) -> list[str]:
    """The kinds that a contestant can do, in this dtype; a note says which it cannot, and why."""
    config = results.config
    # A compiler makes kernels for a length, so on the GPU one is tried that is wanted anyway.
    few = draw(config, min(_LONGEST, *config.lengths) if config.device == "cuda" else 4)
    reasons = {kind: why for kind in KINDS if (why := _trial(name, kind, few))}
    for why in dict.fromkeys(reasons.values()):
        kinds = [kind for kind in reasons if reasons[kind] == why]
        of = "" if kinds == [*KINDS] else f" of {' and '.join(kinds)}"
        note = f"is left out{of}: {why}"
        if f"{backend(name)} {note}" not in results.notes:  # what is said of a backend holds without skipping too
            results.notes.append(f"{name} {note}")
    return [kind for kind in KINDS if kind not in reasons]


def _trial(name: str, kind: str, few: Inputs) -> str:
    """Why a contestant cannot do it; nothing where it can."""
    if name not in RIVALS and backend(name) not in BACKENDS:
        return f"this installation has no backend called {backend(name)!r}."
    try:
        prepare(kind, name, few)()
        if few.query.is_cuda:
            torch.cuda.synchronize()
    except Exception as error:  # kernels can be wrong in any way on a machine that they do not know
        return reason(error, few.query.device.type)
    return ""


def reason(error: Exception, device: str) -> str:
    """What went wrong, in a sentence."""
    if out_of_memory(error):
        return "there is not enough memory."
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, NotImplementedError):  # what torch says of an operator that has no kernel for a device
        return f"it does not run on {device}."
    first = next(iter(str(error).splitlines()), "").strip()
    return type(error).__name__ + (f" ({first})." if first else ".")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory was short; torch has an error of its own for that on the GPU only."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error)
