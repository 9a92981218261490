"""The verbs of the command line. The module of a verb is imported when somebody calls the verb, and not before."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

VERBS = {
    "run": "Train one model on a TASK and evaluate it at every length.",
    "compare": "Compare attention mechanisms on a TASK: train short, evaluate long, over seeds, and end in a report.",
    "swap": "Swap the attention of a trained RUN for another mechanism, and fine-tune all weights (arXiv 2103.13076).",
    "evaluate": "Evaluate a trained RUN on more lengths, splits or metrics, without training it again.",
    "score": "Evaluate a model that is not of this package on a TASK: the same examples, intervals and report.",
    "data": "Write the examples on which models are evaluated on a TASK, with their hashes, for other programs and "
    "people.",
    "tokenize": "Write a CORPUS in tokens. A run on text does the same when it begins; this shows the progress, and "
    "can download.",
    "probe": "Measure how the attention of a causal or masked language MODEL changes with length, layer by layer.",
    "certify": "Prove a trained decoder right at every length, or find the shortest input on which it is wrong.",
    "shorten": "Keep the tokens that receive most attention, and evaluate the MODEL on them alone (arXiv 2303.07585).",
    "bench": "Measure time and memory of threshold relative attention and torch's own attention on this machine.",
    "report": "Write report.html with its figures and summary.json from the results in a folder, and print the tables.",
    "export": "Write the results of a run or a comparison as a table (--csv) or as a tree (--json), or a run's model.",
    "runs": "Show the runs and comparisons under a FOLDER: their state, and the main metric at the longest length.",
    "list": "Show the tasks, the recipes, the metrics and the parts of mechanisms.",
}
"""The first sentences of their docstrings, which the list of verbs shows."""


class Verbs(TyperGroup):
    """The verbs, each the function of its name in the module of its name."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=sentence) for name, sentence in VERBS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the verb that ``args`` begin with."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, verb(name) if command and name else None, rest


def verb(name: str) -> Any:
    """Import a verb and return it as a command."""
    function = f"{name}_" if name == "list" else name
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.command(name)(getattr(import_module(f"lengthwise.cli.{function}"), function))
    return typer.main.get_command(app)
