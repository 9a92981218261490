"""The configuration and the environment of an experiment, written down."""

from lengthwise.configuration import to_toml
from lengthwise.experiments.record import Experiment
from lengthwise.experiments.settings import write_comparison


def configuration(experiment: Experiment) -> str:
    """Write every setting, given or default, as the TOML file that ``--config`` takes."""
    return to_toml(write_comparison(experiment.config))


def environment(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """Collect what is known of where the runs ran: by name, the different values in the order of the runs."""
    found: dict[str, dict[str, None]] = {}
    for run in experiment.runs:
        for key, value in run.environment.items():
            found.setdefault(key, {})[str(value)] = None
    return {key: tuple(values) for key, values in found.items()}
