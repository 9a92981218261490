"""The run of a probe, from its settings to its findings."""

import time
from collections.abc import Callable
from typing import Any

from transformers import PreTrainedModel

from lengthwise.errors import RunError
from lengthwise.pretrained.source import find
from lengthwise.probes.config import ProbeConfig
from lengthwise.probes.language_model import LanguageModelProbe
from lengthwise.probes.lengths import lengths
from lengthwise.probes.results import Findings
from lengthwise.probes.windows import Windows, draw


def begin(config: ProbeConfig) -> tuple[PreTrainedModel, Windows, Findings]:
    """Load the model, draw the windows, and return both with empty findings.

    Raises:
        InputError: if the model, the lengths or the text cannot be used.
    """
    source = find(config.model, download=config.download)
    at = lengths(source, config)
    windows = draw(config, source.tokenizer, source.vocab_size, at[-1], source.causal)
    model = source.load(config.precision, config.device)
    facts = {
        "name": source.name,
        "class": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "positions": source.positions,
        "dtype": config.precision,
    }
    notes = []
    if len(windows) < config.windows:
        notes.append(f"The text fills {len(windows)} windows of {at[-1]:,} tokens, not {config.windows}.")
    return model, windows, Findings(facts, at, windows.source, config.windows, config.seed, notes=notes)


def measure(
    model: PreTrainedModel, windows: Windows, findings: Findings, advance: Callable[[float], Any] = lambda done: None
) -> None:
    """Measure window after window; each window is added to ``findings`` as soon as it is complete.

    ``advance`` is called after each layer, with the share of a window that was read since the last call.

    Raises:
        InputError: if no attention is found in the model.
        RunError: if the model gives numbers that are not finite, or if memory runs out.
    """
    began, step = time.perf_counter(), 0.0
    try:
        with LanguageModelProbe(model, lambda: advance(step)) as probe:
            findings.measured, findings.causal, findings.at_once = probe.measured, probe.causal, probe.at_once
            findings.notes += probe.notes
            step = 1 / (len(probe.measured) * probe.passes(findings.lengths))
            for index in range(len(windows)):
                findings.windows.append(probe.read(windows, index, findings.lengths))
                findings.seconds = time.perf_counter() - began
    except RuntimeError as error:
        if "memory" not in str(error) or isinstance(error, RunError):
            raise
        raise RunError(
            f"There is not enough memory for {findings.lengths[-1]:,} tokens; shorten --lengths, or try bfloat16."
        ) from None
