"""The steps of a benchmark."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch

from lengthwise.bench.arithmetic import measured_peak
from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import REFERENCE
from lengthwise.bench.kinds import FORWARD_AND_BACKWARD
from lengthwise.bench.memory import measurable, peak_bytes
from lengthwise.bench.results import Results
from lengthwise.bench.subject import subject
from lengthwise.bench.timing import Clock, GpuClock, Run, time_in_turns, wall_clock
from lengthwise.bench.trial import able, reason
from lengthwise.errors import InputError, RunError


class Step(NamedTuple):
    """One measurement, and the title that the progress bar shows during it."""

    title: str
    run: Callable[[], None]


@contextmanager
def conditions(config: BenchConfig) -> Iterator[None]:
    """Set torch's threads and determinism, and on CUDA in half precision its flash attention at every length.

    Without the last setting torch would choose another kernel at some lengths.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    flash = config.device == "cuda" and config.dtype != "float32"
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(config.threads)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it torch refuses matrix products
    torch.use_deterministic_algorithms(config.deterministic)
    try:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION) if flash else nullcontext():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def plan(results: Results) -> list[Step]:
    """Return the steps that fill in ``results``, in order.

    A contestant that cannot run on this machine is left out, and a note says why.

    Raises:
        InputError: if no contestant but the rival can run.
    """
    config = results.config
    kinds = {name: able(results, name) for name in dict.fromkeys((config.rival, *config.contestants))}
    if set(config.contestants) - {config.rival} and not any(kinds[name] for name in kinds if name != config.rival):
        raise InputError(" ".join(["Nobody is left to be measured.", *results.notes]))
    if kinds.get(REFERENCE) and max(config.lengths) > config.reference_limit:
        results.notes.append(
            f"reference is left out beyond {config.reference_limit:,} tokens, for its memory is quadratic in them; "
            "--reference-limit moves that."
        )
    memory = not config.model and measurable(config)
    if not config.model and not memory:
        results.notes.append("Peak memory is left out: it is known on Linux only.")
    steps = []
    if not config.model:
        steps.append(Step("the machine's own matrix product", partial(_peak, results)))
    if config.device == "cuda" and config.dtype == "float32" and not config.model:
        results.notes.append("sdpa is the kernel of torch's choice: its flash attention takes no float32.")
    for length in config.lengths:
        names = [name for name in kinds if name != REFERENCE or length <= config.reference_limit]
        for kind in subject(config).kinds:
            who = [name for name in names if kind in kinds[name]]
            steps.append(Step(f"{length:,} tokens, {kind}", partial(_time, results, length, kind, who)))
        if memory:
            steps += [
                Step(f"{length:,} tokens, memory of {name}", partial(_memory, results, length, name))
                for name in names
                if FORWARD_AND_BACKWARD in kinds[name]
            ]
    return steps


def _peak(results: Results) -> None:
    results.peak = measured_peak(_clock(results.config), results.config.device)


def _time(results: Results, length: int, kind: str, names: list[str]) -> None:
    config, inputs = results.config, subject(results.config).draw(results.config, length)
    ready = {name: run for name in names if (run := _ready(results, length, kind, name, inputs))}
    results.seconds.setdefault(length, {})[kind] = time_in_turns(ready, config.rounds, config.budget, _clock(config))


def _clock(config: BenchConfig) -> Clock:
    return GpuClock() if config.device == "cuda" else wall_clock


def _ready(results: Results, length: int, kind: str, name: str, inputs: Any) -> Run | None:
    """Prepare a contestant and run it once; return None if it fails, with a note, or failed at a shorter length."""
    if length >= results.ends.get((name, kind), length + 1):
        return None
    try:
        run = subject(results.config).prepare(kind, name, inputs)
        run()
        if results.config.device == "cuda":
            torch.cuda.synchronize()
    except Exception as error:  # a contestant that fails must not cost the measurements of the others
        results.ends[name, kind] = length
        why = reason(error, results.config.device)
        results.notes.append(f"{name} is left out of {kind} from {length:,} tokens on: {why}")
        return None
    return run


def _memory(results: Results, length: int, name: str) -> None:
    if name not in results.seconds[length].get(FORWARD_AND_BACKWARD, {}):
        return
    try:
        results.peak_bytes.setdefault(length, {})[name] = peak_bytes(results.config, name, length)
    except RunError as error:
        results.notes.append(str(error))
