"""Tasks draw any number of examples of any length. Each task has its own file; a new task adds one line here."""

from typing import TYPE_CHECKING

from lengthwise.errors import InputError
from lengthwise.naming import build, read
from lengthwise.registry import Registry
from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.tasks.batch import Batch, Sets, Tokens
    from lengthwise.tasks.metrics.metric import Answered, Loss, Metric, Share, ShareOfExamples
    from lengthwise.tasks.task import Task

__all__ = [
    "TASKS",
    "Answered",
    "Batch",
    "Loss",
    "Metric",
    "Sets",
    "Share",
    "ShareOfExamples",
    "Task",
    "Tokens",
    "find",
]

__getattr__, __dir__ = on_demand(__name__)

TASKS: "Registry[type[Task]]" = Registry(
    "task",
    {
        "copy": "lengthwise.tasks.copying.copy:Copy",
        "reverse": "lengthwise.tasks.copying.reverse:Reverse",
        "parity": "lengthwise.tasks.counting.parity:Parity",
        "local-count": "lengthwise.tasks.counting.local_count:LocalCount",
        "flip-flop": "lengthwise.tasks.recall.flip_flop:FlipFlop",
        "addition": "lengthwise.tasks.arithmetic.addition:Addition",
        "tomita-1": "lengthwise.tasks.languages.tomita:Tomita1",
        "tomita-2": "lengthwise.tasks.languages.tomita:Tomita2",
        "tomita-3": "lengthwise.tasks.languages.tomita:Tomita3",
        "tomita-4": "lengthwise.tasks.languages.tomita:Tomita4",
        "tomita-5": "lengthwise.tasks.languages.tomita:Tomita5",
        "tomita-6": "lengthwise.tasks.languages.tomita:Tomita6",
        "tomita-7": "lengthwise.tasks.languages.tomita:Tomita7",
        "dyck-bounded": "lengthwise.tasks.languages.dyck_bounded:DyckBounded",
        "aa-star": "lengthwise.tasks.languages.repetitions:AaStar",
        "aaaa-star": "lengthwise.tasks.languages.repetitions:AaaaStar",
        "abab-star": "lengthwise.tasks.languages.repetitions:AbabStar",
        "abcde-blocks": "lengthwise.tasks.languages.star_free:AbcdeBlocks",
        "one-d": "lengthwise.tasks.languages.star_free:OneD",
        "zero-twos": "lengthwise.tasks.languages.star_free:ZeroTwos",
        "dyck": "lengthwise.tasks.languages.dyck:Dyck",
        "alternation": "lengthwise.tasks.languages.alternation:Alternation",
        "group-word": "lengthwise.tasks.languages.group_word:GroupWord",
        "cycle-navigation": "lengthwise.tasks.languages.cycle_navigation:CycleNavigation",
        "argmax-retrieval": "lengthwise.tasks.recall.argmax_retrieval:ArgmaxRetrieval",
        "dictionary-lookup": "lengthwise.tasks.recall.dictionary_lookup:DictionaryLookup",
    },
)


def find(name: str) -> "Task":
    """Make the task called ``name``, as in ``flip-flop[ignore=0.9]``.

    A task of your own is named by its module and class, as in ``my_tasks:Mine``.

    Raises:
        InputError: if there is no such task, if it does not have these options, or if it lacks an attribute that every
            task has.
    """
    named = read(TASKS, name)
    task, name = TASKS.load(named.name), named.name
    from lengthwise.tasks.task import Task  # once the name is known to be right

    if not (isinstance(task, type) and issubclass(task, Task)):
        raise InputError(f"{name!r} is not a task: it must be a subclass of Task, from lengthwise.tasks.")
    missing = [member for member in Task.__annotations__ if member != "options" and not hasattr(task, member)]
    missing += sorted(task.__abstractmethods__)
    if missing:
        raise InputError(
            f"{name!r} is an incomplete task: it has no {missing[0]!r}, which lengthwise.tasks.Task explains."
        )
    if len(task.splits) < 2:
        raise InputError(
            f"{name!r} has the splits {task.splits!r}; a task needs at least two, the second for validation."
        )
    _check_metrics(name, task)
    return build(TASKS, named)


def _check_metrics(name: str, task: "type[Task]") -> None:
    from lengthwise.tasks.metrics.metric import Loss, Metric, check_metric

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
