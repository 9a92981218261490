"""``lengthwise certify``: prove a trained decoder right at every length, or find where it first is not."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise.cli.console import console
from lengthwise.errors import InputError


def certify(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Folder of a trained run.", show_default=False)
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Check a certificate.json against the weights of its run, by code of its own.",
            show_default=False,
        ),
    ] = None,
    states: Annotated[int, typer.Option(help="Largest number of states of a layer's machine.", min=1)] = 200_000,
    seconds: Annotated[float, typer.Option(help="Longest time of the search.", min=0)] = 600.0,
    prefixes: Annotated[
        int, typer.Option(help="Prefixes on which the network is compared with its machine.", min=0)
    ] = 20_000,
    compiled: Annotated[
        Path | None,
        typer.Option(
            "--compile",
            metavar="FILE",
            help="Write the network as a Python module: a table that gives the same answers.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Prove a trained decoder right at every length, or find the shortest input on which it is wrong.

    The network is certified in the limit of hard attention, newest-kept, and RUN/certificate.json is written. The
    command ends with status 0 if the network is proved right, and with 1 if it is not.
    """
    if (run is None) == (verify is None):
        raise InputError("Give the folder of a run, or --verify with the file of a certificate.")
    if run is not None:
        _certify(run, states, seconds, prefixes, compiled)
    elif verify is not None:
        _verify(verify)


def _certify(run: Path, states: int, seconds: float, prefixes: int, compiled: Path | None) -> None:
    from lengthwise import files
    from lengthwise.certify import Limits
    from lengthwise.certify.behaviour import as_python
    from lengthwise.certify.certificate import FILE
    from lengthwise.experiments.certifying import certify_run
    from lengthwise.reports.certificate import sentence, table, write_page
    from lengthwise.tasks import load

    certificate = certify_run(run, Limits(states=states, seconds=seconds), prefixes)
    task = load(certificate.task_name)
    said = sentence(certificate, task)
    console.print(said, highlight=False)
    console.print(table(certificate))
    console.print(f"Certificate: {run / FILE}, and {write_page(certificate, task, run)}", highlight=False)
    if compiled is not None and certificate.kind != "undecided":
        files.write(compiled, as_python(certificate.verdict, f"A decoder of {task.title} as a table. {said}"))
        console.print(f"Table: {compiled}", highlight=False)
    if certificate.kind != "proved":
        raise typer.Exit(1)


def _verify(file: Path) -> None:
    from lengthwise.certify.checker import BrokenError
    from lengthwise.experiments import certifying

    try:
        console.print(f"Verified: {certifying.verify(file)}.", highlight=False)
    except BrokenError as broken:
        console.print(f"Not verified. {broken}", highlight=False)
        raise typer.Exit(1) from None
