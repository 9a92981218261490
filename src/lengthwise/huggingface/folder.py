"""A trained run as a folder that transformers opens without this package's experiments: weights, tokenizer, card."""

import json
import os
import shutil
from pathlib import Path

from lengthwise.analysis import Summary, summarise
from lengthwise.analysis.grids import Value
from lengthwise.errors import InputError
from lengthwise.experiments.comparison import read_experiment
from lengthwise.experiments.folder import RunFolder
from lengthwise.files import check_folder, explained, write
from lengthwise.huggingface.language_model import of_run
from lengthwise.reports.text import number, spread
from lengthwise.tasks import Task
from lengthwise.tasks.text.text import Text
from lengthwise.text.tokenizers import END, FILE, definition_of

CARD = """---
library_name: transformers
pipeline_tag: text-generation
tags: [lengthwise, length-generalisation]
---

# {mechanism} on {task}

A decoder of *lengthwise* with {parameters:,} parameters and the attention mechanism `{mechanism}`, trained on `{task}`
at {trained:,} {unit} or less.

```python
import lengthwise.huggingface
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{name}")
tokenizer = AutoTokenizer.from_pretrained("{name}")
```

## Measured

{table}

With 95 % intervals over the examples of this one model{data}. To repeat it:

```sh
{command}
```

{versions}.
"""


def write_folder(run: Path, out: Path) -> None:
    """Write a trained run in the form of transformers; ``out`` appears whole or not at all.

    Raises:
        InputError: if the run is not trained, its model is no language model, or ``out`` is not empty.
        RunError: if the folder cannot be written.
    """
    check_folder(out)
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; choose another folder with --out.")
    folder = RunFolder(run)
    model, task = of_run(run), folder.config.build_task()
    summary = summarise(read_experiment(run))
    writing = out.with_name(f".{out.name}.{os.getpid()}")
    with explained("write", out):
        try:
            model.save_pretrained(writing)
            _tokenizer(task, writing)
            write(writing / "README.md", _card(summary, task, model.num_parameters(), out.name))
            if out.exists():
                out.rmdir()
            writing.rename(out)
        finally:
            shutil.rmtree(writing, ignore_errors=True)


def _tokenizer(task: Task, folder: Path) -> None:
    """Write the tokenizer of a text; another task's reads the names of its tokens with blanks between them."""
    if isinstance(task, Text):
        definition, settings = definition_of(task.tokenizer), {"eos_token": END}
    else:
        from tokenizers import Tokenizer, models, pre_tokenizers

        made = Tokenizer(models.WordLevel({name: token for token, name in enumerate(task.names)}))
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        definition, settings = made.to_str(), {}
    write(folder / FILE, definition)
    write(folder / "tokenizer_config.json", json.dumps(settings | {"tokenizer_class": "PreTrainedTokenizerFast"}))


def _cell(value: Value, unit: str) -> str:
    if value.value is None:
        return "none"
    interval = "" if value.low is None or value.high is None else f" ({spread(value.low, value.high, unit)})"
    return number(value.value, unit) + interval


def _card(summary: Summary, task: Task, parameters: int, name: str) -> str:
    asked = summary.design
    main = asked.main
    head = f"| {main.label} ({main.unit}) | {' | '.join(f'{length:,} {asked.unit}' for length in asked.lengths)} |"
    lines = [head, f"|---|{'---|' * len(asked.lengths)}"]
    by_place = {(value.split, value.length): value for value in summary.values if value.metric == main.name}
    for split in asked.splits:
        cells = (by_place.get((split, length)) for length in asked.lengths)
        lines.append(f"| {split} | {' | '.join('' if cell is None else _cell(cell, main.unit) for cell in cells)} |")
    digest = task.data_sha256
    facts = {name: ", ".join(of) for name, of in summary.environment.items()}
    return CARD.format(
        mechanism=asked.mechanisms[0],
        task=asked.task,
        parameters=parameters,
        trained=asked.training_length,
        unit=asked.unit,
        name=name,
        table="\n".join(lines),
        data=f"; SHA-256 of the data: {digest}" if digest else "",
        command=summary.command,
        versions=", ".join(f"{fact} {facts[fact]}" for fact in ("lengthwise", "torch", "processor") if fact in facts),
    )
