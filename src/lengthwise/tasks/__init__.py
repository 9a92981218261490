"""Tasks draw any number of examples of any length. Each task has its own file; a new task adds one line here."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry
from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.tasks.batch import Batch, Sets, Tokens
    from lengthwise.tasks.loading import load
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
    "load",
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
