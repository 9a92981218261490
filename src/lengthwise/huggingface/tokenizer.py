"""The tokenizer of a task, as transformers reads it, and that of the folder of a run."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lengthwise.files import write
from lengthwise.huggingface.runs import is_run_folder
from lengthwise.tasks import Task
from lengthwise.tasks.text.text import Text
from lengthwise.text.tokenizers import FILE, definition_of


class LengthwiseTokenizer(PreTrainedTokenizerFast):
    """What ``AutoTokenizer`` opens for our models. It reads runs; what it opens is of a class of transformers."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *arguments: Any, **options: Any) -> Any:
        """Open the tokenizer of a folder, of the hub, or of the task of a run.

        Raises:
            InputError, RunError: as :func:`write_tokenizer` does, for a run.
        """
        where = pretrained_model_name_or_path
        if not is_run_folder(where):
            return PreTrainedTokenizerFast.from_pretrained(where, *arguments, **options)
        from lengthwise.experiments.folder import RunFolder  # late: reading a Hugging Face model needs no experiments

        with TemporaryDirectory() as made:
            write_tokenizer(RunFolder(Path(where)).config.build_task(), Path(made))
            tokenizer = PreTrainedTokenizerFast.from_pretrained(made, *arguments, **options)
        tokenizer.name_or_path = str(where)
        return tokenizer


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
