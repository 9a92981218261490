"""The command line: one file per verb. Parses, calls, prints."""

import sys

import typer

from lengthwise.cli import bench, compare, list_, report, run
from lengthwise.cli.console import errors
from lengthwise.errors import LengthwiseError

app = typer.Typer(
    name="lengthwise",
    help="Train short, run long: does an attention mechanism hold beyond the length it was trained on?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("compare")(compare.compare)
app.command("bench")(bench.bench)
app.command("report")(report.report)
app.command("list")(list_.list_)

_EXTRAS = {"lightning_fabric", "scipy", "altair", "vl_convert", "jinja2"}


def main() -> None:
    """Entry point of the ``lengthwise`` command: errors are one sentence, and the exit code says that there was one."""
    try:
        app()
    except LengthwiseError as error:
        sentence = str(error)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRAS:
            raise
        sentence = f"This command needs {error.name}: pip install 'lengthwise[experiments]' brings it."
    else:
        return
    errors.print(f"[bold red]Error:[/] {sentence}", highlight=False, soft_wrap=True)
    sys.exit(2)
