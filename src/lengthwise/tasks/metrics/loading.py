"""Making a metric from its name."""

from lengthwise.errors import InputError
from lengthwise.tasks.metrics import METRICS
from lengthwise.tasks.metrics.metric import Metric, check_metric


def load_metric(name: str) -> Metric:
    """Make the metric called ``name``; a metric of your own is named by module and class: ``my_metrics:Distance``.

    Raises:
        InputError: if there is no such metric, or if it lacks an attribute that every metric has.
    """
    kind = METRICS.load(name)
    if not (isinstance(kind, type) and issubclass(kind, Metric)):
        raise InputError(f"{name!r} is not a metric: it must be a subclass of Metric, from lengthwise.tasks.")
    if kind.__abstractmethods__:
        raise InputError(
            f"{name!r} is an incomplete metric: it has no {min(kind.__abstractmethods__)!r}, which "
            "lengthwise.tasks.Metric explains."
        )
    metric = kind()
    check_metric(metric, f"The metric {name!r}")
    return metric
