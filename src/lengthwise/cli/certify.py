"""``lengthwise certify``: prove a trained decoder right at every length, or find where it first is not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lengthwise.cli.console import console, errors
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import InputError

if TYPE_CHECKING:
    from lengthwise.certify import Limits


def certify(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="Folder of a trained run, or of a comparison.", show_default=False),
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

    RUN/certificate.json is written, a page beside it, and the report again; of a comparison, every trained network is
    certified. The command ends with status 0 if all are proved right, and with 1 if not.
    """
    if (run is None) == (verify is None):
        raise InputError("Give the folder of a run, or --verify with the file of a certificate.")
    if verify is not None:
        _verify(verify)
    if run is not None:
        from lengthwise.certify import Limits

        limits = Limits(states=states, seconds=seconds)
        if several := (run / "comparison.json").exists():
            if compiled is not None:
                raise InputError(f"{run} is a comparison; --compile needs the folder of one of its runs.")
            proved = _certify_all(run, limits, prefixes)
        else:
            proved = _certify(run, limits, prefixes, compiled)
        if several or (run / "report.html").exists():
            _report_again(run)
        if not proved:
            raise typer.Exit(1)


def _certify(run: Path, limits: "Limits", prefixes: int, compiled: Path | None) -> bool:
    """Certify one run, and return True if it is proved."""
    from lengthwise import files
    from lengthwise.certify.behaviour import as_python
    from lengthwise.certify.certificate import FILE
    from lengthwise.experiments.certifying import certify_run
    from lengthwise.reports.certificate import sentence, table, write_page
    from lengthwise.tasks import load

    carries_on = "The same command carries on behind the last layer that is finished."
    with stoppable(lambda: carries_on), errors.status("certifying") as status:
        certificate = certify_run(run, limits, prefixes, status.update)
    task = load(certificate.task_name)
    said = sentence(certificate, task)
    console.print(said, highlight=False)
    console.print(table(certificate))
    console.print(f"Certificate: {run / FILE}, and {write_page(certificate, task, run)}", highlight=False)
    if compiled is not None and certificate.kind == "undecided":
        console.print(f"No table is written to {compiled}, because the verdict is undecided.", highlight=False)
    elif compiled is not None:
        files.write(compiled, as_python(certificate.verdict, f"A decoder of {task.title} as a table. {said}"))
        console.print(f"Table: {compiled}", highlight=False)
    return certificate.kind == "proved"


def _certify_all(folder: Path, limits: "Limits", prefixes: int) -> bool:
    """Certify every trained run of a comparison that can be, and return True if all are proved."""
    from lengthwise.attention import Mechanism
    from lengthwise.certify.network import CERTIFIABLE
    from lengthwise.experiments.comparison import read_experiment

    experiment = read_experiment(folder)
    trained = [run for run in experiment.chosen_runs if run.trained is not None]
    runs = [run for run in trained if Mechanism.parse(run.mechanism).weights.name in CERTIFIABLE]
    if not runs:
        raise InputError(f"{folder} has no trained run of {' or '.join(CERTIFIABLE)}, so nothing can be certified.")
    proved = []
    for run in runs:
        console.print(f"{run.mechanism}, seed {run.config.seed}", style="bold", markup=False, highlight=False)
        proved.append(_certify(run.folder, limits, prefixes, None))
    return all(proved)


def _report_again(folder: Path) -> None:
    """Write the report of a folder again, with what was proved."""
    from lengthwise.analysis import summarise
    from lengthwise.experiments.comparison import read_experiment
    from lengthwise.reports import write_report

    console.print(f"Report: {write_report(summarise(read_experiment(folder)), folder)}", soft_wrap=True)


def _verify(file: Path) -> None:
    from lengthwise.certify.checker import BrokenError
    from lengthwise.experiments import certifying

    try:
        found = certifying.verify(file)
        soft = f"; for gates as trained, no margin is below {found.soft_margin:.3g}" if found.soft_margin else ""
        console.print(f"Verified: {found.verdict}{soft}.", highlight=False)
    except BrokenError as broken:
        console.print(f"Not verified. {broken}", highlight=False)
        raise typer.Exit(1) from None
