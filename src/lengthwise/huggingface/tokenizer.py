"""The tokenizer of a task, as transformers reads it."""

import json
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers

from lengthwise.files import write
from lengthwise.tasks import Task
from lengthwise.tasks.text.text import Text
from lengthwise.text.tokenizers import FILE, definition_of


def write_tokenizer(task: Task, folder: Path) -> None:
    """Write ``tokenizer.json`` and its settings: that of a text, or the names of a task's tokens, with blanks between.

    Raises:
        InputError: for a text whose corpus is not there.
        RunError: if a file cannot be written.
    """
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if isinstance(task, Text):
        definition = definition_of(task.tokenizer)
        settings["eos_token"] = task.tokenizer.names[task.tokenizer.end]
    else:
        made = Tokenizer(models.WordLevel({name: token for token, name in enumerate(task.names)}))
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        definition = made.to_str()
    write(folder / FILE, definition)
    write(folder / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")
