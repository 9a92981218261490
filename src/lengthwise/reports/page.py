"""The page: everything of a report in one file that needs no network."""

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lengthwise import files
from lengthwise.experiments.record import Experiment
from lengthwise.reports import drawing, figures, palette, sentences, text
from lengthwise.reports.settings import environment, toml
from lengthwise.reports.summary import Grid, grid, training

TEMPLATES = Path(__file__).parent / "templates"


def write(experiment: Experiment) -> Path:
    """Write the page and its figures as PNG; returns the page's path."""
    exact, tokens = grid(experiment, "exact_match"), grid(experiment, "token_accuracy")
    charts = {
        "exact_match": figures.accuracy(experiment, exact, "exact match (% of sequences)"),
        "token_accuracy": figures.accuracy(experiment, tokens, "accuracy (% of scored tokens)"),
        "training_loss": figures.training_loss(experiment),
    }
    pictures = {name: drawing.draw(chart, rows) for name, (chart, rows) in charts.items() if rows}
    for name, (_, png) in pictures.items():
        files.write(experiment.folder / "figures" / f"{name}.png", png)
    path = experiment.folder / "report.html"
    files.write(path, _render(experiment, exact, tokens, {name: Markup(svg) for name, (svg, _) in pictures.items()}))
    return path


def _render(experiment: Experiment, exact: Grid, tokens: Grid, pictures: dict[str, Markup]) -> str:
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"percent": text.percent, "title_of": text.title, "run_name": sentences.name}
    config = experiment.config
    return templates.get_template("report.html").render(
        experiment=experiment,
        config=config,
        verdicts=sentences.verdicts(experiment),
        grids={"exact_match": exact, "token_accuracy": tokens},
        figures=pictures,
        training=training(experiment),
        failed=[run for run in experiment.runs if run.failure],
        settings=toml(config.model_dump(mode="json")),
        environment=environment(experiment),
        shapes=[palette.shape(index) for index in range(len(config.mechanisms))],
        written=datetime.now(UTC),
        style=_style(len(config.mechanisms)),
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
        counted=text.counted,
        spread=text.spread,
    )


def _style(mechanisms: int) -> Markup:
    """The style sheet, with the figures' colours turned for the dark scheme."""
    colours = {"ink": palette.INK, "soft": palette.SOFT, "line": palette.LINE, "paper": palette.PAPER}
    colours |= {f"mechanism-{index}": palette.colour(index) for index in range(mechanisms)}
    light = "".join(f"--{name}: {colour.light}; " for name, colour in colours.items())
    dark = "".join(f"--{name}: {colour.dark}; " for name, colour in colours.items())
    turned = "".join(
        f'svg [{kind}="{colour.light}"] {{ {kind}: {colour.dark}; }}\n'
        for colour in dict.fromkeys(colours.values())
        for kind in ("fill", "stroke")
    )
    sheet = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return Markup(
        f":root {{ {light}}}\n{sheet}\n@media (prefers-color-scheme: dark) {{\n:root {{ {dark}}}\n{turned}}}\n"
    )
