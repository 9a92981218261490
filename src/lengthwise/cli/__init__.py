"""The command line: one file per verb. Parses, calls, prints."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lengthwise import __version__
from lengthwise.cli.console import accept_any_encoding, errors
from lengthwise.cli.verbs import Verbs
from lengthwise.errors import LengthwiseError, too_large
from lengthwise.own_code import fault

app = typer.Typer(
    cls=Verbs,
    name="lengthwise",
    help="Train short, run long: does an attention mechanism generalise beyond its training length?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _lengthwise(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options of the command itself, before any verb."""


_EXTRAS = {
    **dict.fromkeys(
        ("lightning_fabric", "scipy", "altair", "vl_convert", "jinja2", "markupsafe", "automata"), "experiments"
    ),
    **dict.fromkeys(("transformers", "tokenizers", "gguf", "accelerate"), "huggingface"),
    "datasets": "datasets",
    "ray": "ray",
    "submitit": "slurm",
}
"""The extra that installs each module."""


def main() -> None:
    """Run the ``lengthwise`` command; an error prints one sentence and gives exit code 2."""
    accept_any_encoding()
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # so that a user's own modules can be imported
    try:
        app()
    except LengthwiseError as error:
        sentence = str(error)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        told = fault(error)
        if extra is None and told is None:
            raise
        sentence = told or f"This command needs {error.name}; install it with pip install 'lengthwise[{extra}]'."
    except Exception as error:
        if (told := fault(error)) is not None:
            sentence = told
        elif too_large(error):
            sentence = "This is too much for the machine; give shorter lengths, smaller batches or a smaller model."
        else:
            raise
    else:
        return
    errors.print(Text.assemble(("Error:", "bold red"), f" {sentence}"), highlight=False, soft_wrap=True)
    sys.exit(2)
