"""The resolved configuration and the environment of an experiment, written down."""

import json
from collections.abc import Mapping
from typing import Any

from lengthwise.experiments.record import Experiment


def toml(tree: Mapping[str, Any], path: str = "") -> str:
    """A tree of plain values as TOML; a value that is None is a comment, since TOML has none."""
    lines, tables = [], []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            tables.append(toml(value, f"{path}.{key}" if path else key))
        else:
            lines.append(f"# {key} is not set" if value is None else f"{key} = {json.dumps(value, ensure_ascii=False)}")
    heading = [f"[{path}]"] if path and lines else []
    return "\n\n".join(block for block in ("\n".join(heading + lines), *tables) if block)


def environment(experiment: Experiment) -> dict[str, list[str]]:
    """What is known of where the runs ran: by name, the different values in the order of the runs."""
    found: dict[str, list[str]] = {}
    for run in experiment.runs:
        for key, value in run.environment.items():
            values = found.setdefault(key, [])
            if (shown := str(value)) not in values:
                values.append(shown)
    return found
