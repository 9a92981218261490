"""The end of a verb that has an experiment: its tables on the terminal, and its report."""

from typing import TYPE_CHECKING

from lengthwise.cli.console import console

if TYPE_CHECKING:
    from lengthwise.analysis import Summary
    from lengthwise.experiments.record import Experiment


def show(experiment: "Experiment") -> "Summary":
    """Print the tables, write the summary and the report into the experiment's folder, and say where the page is."""
    from lengthwise.analysis import summarise
    from lengthwise.reports import overview, write_report

    summary = summarise(experiment)
    console.print(overview(summary))
    console.print(f"Report: {write_report(summary, experiment.folder)}", soft_wrap=True)
    return summary
