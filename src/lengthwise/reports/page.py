"""The page: everything of a report in one file that needs no network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lengthwise import files
from lengthwise.experiments.record import Experiment
from lengthwise.reports import claims, drawing, figures, palette, sentences, text
from lengthwise.reports.causes import shares
from lengthwise.reports.claim_sentences import rulings
from lengthwise.reports.palette import Colour
from lengthwise.reports.rendering import render
from lengthwise.reports.settings import configuration, environment
from lengthwise.reports.summary import grid, many, training
from lengthwise.reports.traces import by_statistic, home, slopes, traces
from lengthwise.reports.words import beats, less, meaning, words
from lengthwise.tasks.metrics import Cause

FILTERS: dict[str, Callable[..., object]] = {
    "percent": text.percent,
    "number": text.number,
    "quantity": text.quantity,
    "difference": text.difference,
    "headed": text.headed,
    "meaning": meaning,
    "signed": text.signed,
    "multiple": text.multiple,
    "p_value": text.p_value,
    "title_of": text.title,
    "run_name": sentences.name,
}
"""How templates say numbers and names."""


def write(experiment: Experiment) -> Path:
    """Write the page and its figures; returns the page's path."""
    known = _known(experiment)
    of_metric = figures.heat if known["many"] else figures.metric
    charts = {of.metric.name: of_metric(experiment, of) for of in (known["main"], *known["others"])}
    charts["training_loss"] = figures.training_loss(experiment)
    for name, figure, of in (
        ("paired", figures.paired, known["claims"]),
        ("causes", figures.causes, known["causes"]),
        ("attention", figures.attention, known["traces"]),
    ):
        if of and not (known["many"] and name == "paired"):  # which would be hundreds of panels
            charts[name] = figure(experiment, of)
    known["figures"] = drawing.draw(charts, experiment.folder / "figures")
    path = experiment.folder / "report.html"
    files.write(path, render("report.html", known, filters=FILTERS, colours=_colours(experiment)))
    return path


def _known(experiment: Experiment) -> dict[str, Any]:
    """What the templates fill in, but for the figures."""
    config, found = experiment.config, claims.claims(experiment)
    return {
        "experiment": experiment,
        "config": config,
        "many": many(experiment),
        "words": words(experiment),
        "lengths": sorted(set(config.base.evaluate.lengths)),
        "verdicts": sentences.verdicts(experiment),
        "main": grid(experiment, experiment.task.main),
        "others": [grid(experiment, of) for of in experiment.task.metrics[1:] if not isinstance(of, Cause)],
        "loss": experiment.task.loss,
        "claims": found,
        "rule": claims.RULE,
        "rulings": rulings(experiment, found),
        "causes": shares(experiment),
        "traces": traces(experiment),
        "by_statistic": by_statistic(traces(experiment)),
        "slopes": slopes(experiment),
        "home": home(experiment),
        "training": training(experiment),
        "failed": [run for run in experiment.runs if run.failure],
        "settings": configuration(experiment),
        "environment": environment(experiment),
        "dashes": [palette.dash(index) for index in range(len(config.mechanisms))],
        "shapes": [palette.shape(index) for index in range(len(config.mechanisms))],
        "counted": text.counted,
        "spread": text.spread,
        "steps": text.steps,
        "beats": beats,
        "less": less,
    }


def _colours(experiment: Experiment) -> dict[str, Colour]:
    named = {f"cause-{part}": colour for part, colour in palette.CAUSES.items()}
    named |= {f"shade-{index}": colour for index, colour in enumerate(palette.SHADES)}
    mechanisms = range(len(experiment.config.mechanisms))
    return named | {f"mechanism-{index}": palette.colour(index) for index in mechanisms}
