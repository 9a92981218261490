"""Tasks draw any number of examples of any length. Each task has its own file; a new task adds one line here."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry
from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.tasks.batch import Batch, LabelledSets, Sets, Tokens
    from lengthwise.tasks.loading import load
    from lengthwise.tasks.metrics.metric import Answered, Loss, Metric, Share, ShareOfExamples
    from lengthwise.tasks.task import Task

__all__ = [
    "TASKS",
    "Answered",
    "Batch",
    "LabelledSets",
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
        "unique-copy": "lengthwise.tasks.copying.unique_copy:UniqueCopy",
        "repeat-copy": "lengthwise.tasks.copying.repeat_copy:RepeatCopy",
        "sort": "lengthwise.tasks.copying.sort:Sort",
        "duplicate-string": "lengthwise.tasks.copying.duplicate_string:DuplicateString",
        "missing-duplicate": "lengthwise.tasks.copying.missing_duplicate:MissingDuplicate",
        "odds-first": "lengthwise.tasks.copying.odds_first:OddsFirst",
        "stack-manipulation": "lengthwise.tasks.copying.stack_manipulation:StackManipulation",
        "string-edit": "lengthwise.tasks.copying.string_edit:StringEdit",
        "parity": "lengthwise.tasks.counting.parity:Parity",
        "local-count": "lengthwise.tasks.counting.local_count:LocalCount",
        "bin-majority": "lengthwise.tasks.counting.bin_majority:BinMajority",
        "majority": "lengthwise.tasks.counting.majority:Majority",
        "interleaved-majority": "lengthwise.tasks.counting.interleaved_majority:InterleavedMajority",
        "mode": "lengthwise.tasks.counting.mode:Mode",
        "count": "lengthwise.tasks.counting.count:Count",
        "histogram": "lengthwise.tasks.counting.histogram:Histogram",
        "local-field": "lengthwise.tasks.counting.local_field:LocalField",
        "string-equality": "lengthwise.tasks.counting.string_equality:StringEquality",
        "even-pairs": "lengthwise.tasks.counting.even_pairs:EvenPairs",
        "flip-flop": "lengthwise.tasks.recall.flip_flop:FlipFlop",
        "n-back": "lengthwise.tasks.recall.n_back:NBack",
        "induction": "lengthwise.tasks.recall.induction:Induction",
        "flag-retrieval": "lengthwise.tasks.recall.flag_retrieval:FlagRetrieval",
        "flagged-pair": "lengthwise.tasks.recall.flagged_pair:FlaggedPair",
        "unique-retrieval": "lengthwise.tasks.recall.unique_retrieval:UniqueRetrieval",
        "non-unique-retrieval": "lengthwise.tasks.recall.non_unique_retrieval:NonUniqueRetrieval",
        "n-gram-lookup": "lengthwise.tasks.recall.n_gram_lookup:NGramLookup",
        "argmin-first-argmax": "lengthwise.tasks.recall.argmin_first_argmax:ArgminFirstArgmax",
        "selective-copying": "lengthwise.tasks.recall.selective_copying:SelectiveCopying",
        "mqar": "lengthwise.tasks.recall.mqar:Mqar",
        "forgetting-mqar": "lengthwise.tasks.recall.forgetting_mqar:ForgettingMqar",
        "compositional-mqar": "lengthwise.tasks.recall.compositional_mqar:CompositionalMqar",
        "mqmtar": "lengthwise.tasks.recall.mqmtar:Mqmtar",
        "noisy-recall": "lengthwise.tasks.recall.noisy_recall:NoisyRecall",
        "fuzzy-recall": "lengthwise.tasks.recall.fuzzy_recall:FuzzyRecall",
        "addition": "lengthwise.tasks.arithmetic.addition:Addition",
        "successor": "lengthwise.tasks.arithmetic.successor:Successor",
        "multiplication": "lengthwise.tasks.arithmetic.multiplication:Multiplication",
        "binary-addition": "lengthwise.tasks.arithmetic.binary_addition:BinaryAddition",
        "binary-multiplication": "lengthwise.tasks.arithmetic.binary_multiplication:BinaryMultiplication",
        "square-root": "lengthwise.tasks.arithmetic.square_root:SquareRoot",
        "modular-arithmetic": "lengthwise.tasks.arithmetic.modular_arithmetic:ModularArithmetic",
        "modular-arithmetic-brackets": (
            "lengthwise.tasks.arithmetic.modular_arithmetic_brackets:ModularArithmeticBrackets"
        ),
        "solve-equation": "lengthwise.tasks.arithmetic.solve_equation:SolveEquation",
        "listops": "lengthwise.tasks.arithmetic.listops:Listops",
        "pairadd": "lengthwise.tasks.arithmetic.pairadd:Pairadd",
        "argmax-retrieval": "lengthwise.tasks.sets.argmax_retrieval:ArgmaxRetrieval",
        "dictionary-lookup": "lengthwise.tasks.sets.dictionary_lookup:DictionaryLookup",
        "latent-retrieval": "lengthwise.tasks.sets.latent_retrieval:LatentRetrieval",
        "contextual-retrieval": "lengthwise.tasks.sets.contextual_retrieval:ContextualRetrieval",
        "set-matching": "lengthwise.tasks.sets.set_matching:SetMatching",
        "coupled-series": "lengthwise.tasks.sets.coupled_series:CoupledSeries",
        "set-complement": "lengthwise.tasks.sets.set_complement:SetComplement",
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
        "text": "lengthwise.tasks.text.text:Text",
    },
)
