"""The configuration and the environment of an experiment, as text."""

from lengthwise.configuration import to_toml
from lengthwise.experiments.record import Experiment
from lengthwise.experiments.settings import write_comparison


def configuration(experiment: Experiment) -> str:
    """Return every setting, given or default, as the text of a TOML file for ``--config``."""
    return to_toml(write_comparison(experiment.config))


def environment(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Return the environments of all runs: by name, the different values in the order of the runs."""
    found: dict[str, dict[str, None]] = {}
    for run in experiment.runs:
        for key, value in run.environment.items():
            found.setdefault(key, {})[str(value)] = None
    return {key: tuple(values) for key, values in found.items()}
