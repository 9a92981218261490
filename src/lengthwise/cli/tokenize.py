"""``lengthwise tokenize``: a corpus in tokens, before a run needs it."""

from typing import Annotated

import typer

from lengthwise.cli.console import console
from lengthwise.cli.stopping import stoppable


def tokenize(
    corpus: Annotated[
        str, typer.Argument(help="python-library, the path of a file or a folder of texts, or hub:NAME.")
    ],
    tokenizer: Annotated[
        str, typer.Option(help="bytes, bpe-N for N byte pairs trained on the corpus, or the path of a tokenizer.json.")
    ] = "bytes",
    download: Annotated[bool, typer.Option("--download", help="Fetch a data set of the Hugging Face hub.")] = False,
) -> None:
    """Write a CORPUS in tokens. A run on text does the same when it begins; this shows the progress, and can download.

    A stop keeps what is written, and the same command carries on.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from lengthwise.text import corpora
    from lengthwise.text.token_file import written

    found = corpora.find(corpus, download=download)
    columns = TextColumn("{task.description}"), MofNCompleteColumn(), BarColumn(), TimeElapsedColumn()
    with stoppable(lambda: "The same command carries on."), Progress(*columns, console=console) as progress:
        characters = progress.add_task("characters", total=None)
        held = written(found, tokenizer, lambda more: progress.update(characters, advance=more))
    facts = held.facts
    console.print(f"{facts.corpus} in {facts.tokenizer.partition(' ')[0][:16]}, SHA-256 {facts.sha256[:16]}")
    for split, tokens in held.splits.items():
        count, total, longest = len(tokens.lengths), len(tokens.stream), max(tokens.lengths, default=0)
        console.print(f"{split:>12} {count:>9,} documents {total:>13,} tokens, longest {longest:,}")
    console.print(f"{facts.characters_per_token:.2f} characters per token, in {held.folder}", soft_wrap=True)
