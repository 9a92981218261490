"""Making a task from its name, with sentences for what is missing in a user's own task."""

from lengthwise.errors import InputError
from lengthwise.models.config import CONFIGS
from lengthwise.naming import build, read
from lengthwise.registry import unknown
from lengthwise.tasks import TASKS
from lengthwise.tasks.metrics.metric import Loss, Metric, check_metric
from lengthwise.tasks.task import Task


def load(name: str) -> Task:
    """Make the task called ``name``, as in ``flip-flop[ignore=0.9]``.

    A task of your own is named by its module and class, as in ``my_tasks:Mine``.

    Raises:
        InputError: if there is no such task, if it does not have these options, or if it lacks an attribute that every
            task has.
    """
    named = read(TASKS, name)
    task, name = TASKS.load(named.name), named.name
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise InputError(f"{name!r} is not a task: it must be a subclass of Task, from lengthwise.tasks.")
    missing = [member for member in Task.__annotations__ if member != "options" and not hasattr(task, member)]
    missing += sorted(task.__abstractmethods__)
    if missing:
        raise InputError(
            f"{name!r} is an incomplete task: it has no {missing[0]!r}, which lengthwise.tasks.Task explains."
        )
    if task.model not in CONFIGS:
        raise InputError(f"{name!r} is learnt by {task.model!r}. {unknown('kind of model', task.model, CONFIGS)}")
    if len(task.splits) < 2:
        raise InputError(
            f"{name!r} has the splits {task.splits!r}; a task needs at least two, the second for validation."
        )
    _check_metrics(name, task)
    return build(TASKS, named)


def _check_metrics(name: str, task: type[Task]) -> None:
    if not (task.metrics and all(isinstance(metric, Metric) for metric in task.metrics)):
        raise InputError(f"{name!r} has the metrics {task.metrics!r}; a task has a tuple of at least one Metric().")
    if not isinstance(task.loss, Loss):
        raise InputError(f"{name!r} has the loss {task.loss!r}, which is not a Loss(), from lengthwise.tasks.")
    for metric in (*task.metrics, task.loss):
        check_metric(metric, f"The metric {type(metric).__name__} of {name!r}")
    kinds = {metric.name: type(metric) for metric in (task.loss, *task.metrics)}
    if len({metric.name for metric in task.metrics}) < len(task.metrics) or not issubclass(
        kinds[task.loss.name], type(task.loss)
    ):
        raise InputError(f"Two metrics of {name!r} have the same name; they are {', '.join(sorted(kinds))}.")
