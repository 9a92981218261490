"""The steps of a benchmark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch

from lengthwise.bench.contestants import REFERENCE, SDPA, backend
from lengthwise.bench.inputs import draw
from lengthwise.bench.kinds import KINDS
from lengthwise.bench.memory import measurable, peak_bytes
from lengthwise.bench.results import Results
from lengthwise.bench.timing import time_in_turns
from lengthwise.errors import InputError, RunError
from lengthwise.ops.threshold_relative import BACKENDS


class Step(NamedTuple):
    """One thing to measure, and what to call it meanwhile."""

    title: str
    run: Callable[[], None]


@contextmanager
def threads(number: int) -> Iterator[None]:
    """As many threads of torch, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def plan(results: Results) -> list[Step]:
    """The steps that fill in ``results``, in order; whoever cannot run on this machine is left out with a note."""
    config = results.config
    able = [name for name in dict.fromkeys((SDPA, *config.contestants)) if _able(results, name)]
    if able == [SDPA] and set(config.contestants) - {SDPA}:
        raise InputError(" ".join(["Nobody is left to be measured.", *results.notes]))
    lengths = list(dict.fromkeys(config.lengths))
    if REFERENCE in able and max(lengths) > config.reference_limit:
        results.notes.append(
            f"reference is left out beyond {config.reference_limit:,} tokens, for its memory is quadratic in them; "
            "--reference-limit moves that."
        )
    if not measurable(config):
        results.notes.append("Peak memory is left out: it is known on Linux only.")
    steps = []
    for length in lengths:
        names = [name for name in able if name != REFERENCE or length <= config.reference_limit]
        steps += [Step(f"{length:,} tokens, {kind}", partial(_time, results, length, kind, names)) for kind in KINDS]
        if measurable(config):
            steps += [
                Step(f"{length:,} tokens, memory of {name}", partial(_memory, results, length, name)) for name in names
            ]
    return steps


def _able(results: Results, name: str) -> bool:
    """Whether a contestant runs on this machine, in this dtype: it is tried on a few tokens."""
    if name == SDPA:
        return True
    few, why = draw(results.config, 4), ""
    try:
        if backend(name) not in BACKENDS:
            raise InputError(f"this installation has no backend called {backend(name)!r}.")
        for kind, run in KINDS.items():
            run(name, few.last_token() if kind == "decode" else few)
    except InputError as error:
        why = str(error)
    except NotImplementedError:  # what torch says of an operator that has no kernel for a device
        why = f"it does not run on {results.config.device}."
    note = f"{backend(name)} is left out: {why}"
    if why and note not in results.notes:
        results.notes.append(note)
    return not why


def _time(results: Results, length: int, kind: str, names: list[str]) -> None:
    config, inputs = results.config, draw(results.config, length)
    if kind == "decode":
        inputs = inputs.last_token()
    results.seconds.setdefault(length, {})[kind] = time_in_turns(
        {name: partial(KINDS[kind], name, inputs) for name in names},
        config.rounds,
        config.budget,
        torch.cuda.synchronize if config.device == "cuda" else lambda: None,
    )


def _memory(results: Results, length: int, name: str) -> None:
    try:
        results.peak_bytes.setdefault(length, {})[name] = peak_bytes(results.config, name, length)
    except RunError as error:
        results.notes.append(str(error))
