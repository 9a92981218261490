"""The model card of an exported run: what was trained, what was measured, and how to repeat it."""

from collections.abc import Iterator

from lengthwise.experiments.record import Run
from lengthwise.models.config import DecoderConfig
from lengthwise.reports.markdown import table
from lengthwise.reports.text import quantity, spread
from lengthwise.statistics.estimate import Estimate
from lengthwise.tasks import Metric

_VERSIONS = ("lengthwise", "commit", "torch")


def card(run: Run, name: str) -> str:
    """Return the text of the card; ``name`` is that of the model's folder."""
    config = run.config
    assert isinstance(config.model, DecoderConfig)
    unit = config.build_task().unit
    about = (
        f"A decoder with the attention `{run.mechanism}`, trained by lengthwise on the task `{config.task}` at a "
        f"length of {config.train.length:,} {unit}."
    )
    parts = [
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\n"
        "tags:\n- lengthwise\n- length-generalization\n---",
        f"# {run.mechanism} on {config.task}",
        about,
        "```python\nimport lengthwise.huggingface\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'model = AutoModelForCausalLM.from_pretrained("{name}")\n'
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")\n```',
        "## Training",
        "\n".join(table(("setting", "value"), _settings(run, unit))),
        "## Results",
        *_results(run, unit),
        "## Repeat it",
        f"```sh\n{run.environment['command']}\n```",
        " · ".join(f"{fact} {run.environment[fact]}" for fact in _VERSIONS if fact in run.environment),
    ]
    return "\n\n".join(parts) + "\n"


def _settings(run: Run, unit: str) -> Iterator[tuple[str, str]]:
    config, model, train = run.config, run.config.model, run.config.train
    assert isinstance(model, DecoderConfig)
    yield "task", f"`{config.task}`"
    yield "attention", f"`{run.mechanism}`"
    yield "layers, width, heads", f"{model.layers}, {model.dim}, {model.heads}"
    if run.trained is not None:
        yield "parameters", f"{run.trained.parameters:,}"
    yield f"training length ({unit})", f"{train.length:,}"
    yield "steps × batch size", f"{train.steps:,} × {train.batch_size:,}"
    yield "peak learning rate", f"{train.learning_rate:g}"
    if config.data_sha256 is not None:
        yield "SHA-256 of the data", config.data_sha256
    if config.start_sha256 is not None:
        yield "begun with the weights of another run, SHA-256", f"`{config.start_sha256}`"
    yield "seed", str(config.seed) if config.data_seed is None else f"{config.seed} (data: {config.data_seed})"


def _results(run: Run, unit: str) -> Iterator[str]:
    if not run.points:
        yield "The run has not been evaluated."
        return
    metrics = run.config.build_task().measures
    rows = (
        (
            point.split,
            f"{point.length:,}",
            f"{point.sequences:,}",
            *(_cell(metric, point.values.get(name)) for name, metric in metrics.items()),
        )
        for point in run.points
    )
    heads = ("split", f"length ({unit})", "examples", *(metric.label for metric in metrics.values()))
    yield "\n".join(table(heads, rows))
    yield (
        "In brackets: 95 % intervals over examples of this one trained model. They do not say how other seeds would do."
    )


def _cell(metric: Metric, found: Estimate | None) -> str:
    if found is None or not found.known:
        return "–"
    interval = f" [{spread(found.low, found.high, metric.unit)}]" if found.bounded else ""
    return quantity(found.value, metric.unit) + interval
