"""Scoring models that are not of this package on a task: the same intervals, effective lengths and report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any, Literal, get_args

from lengthwise.analysis.arms import Evaluated
from lengthwise.analysis.design import Design
from lengthwise.analysis.summary import Summary, of_models
from lengthwise.configuration import to_toml
from lengthwise.errors import InputError
from lengthwise.evaluation.config import Decode, EvaluateConfig
from lengthwise.evaluation.foreign import (
    FromTokens,
    Predict,
    Write,
    check_looks_back,
    classes_of,
    reply_in_text,
)
from lengthwise.evaluation.point import Point
from lengthwise.evaluation.sweep import drawn, measure
from lengthwise.experiments.dataset import check_set, read_batches, read_dataset
from lengthwise.experiments.environment import environment
from lengthwise.naming import read
from lengthwise.tasks import TASKS, Batch, Metric, Task, load
from lengthwise.tasks.metrics import Cause

Reads = Literal["tokens", "text"]


def score(
    task: str | Task,
    predict: Predict | Write | Mapping[str, Predict | Write],
    *,
    lengths: Sequence[int],
    splits: Sequence[str] = (),
    reads: Reads = "tokens",
    trained_at: int | None = None,
    on_point: Callable[[str, Point], None] = lambda name, point: None,
    **settings: Any,
) -> Summary:
    """Evaluate one or several models on the examples on which every model of this package is evaluated.

    >>> import torch
    >>> def guess(tokens):  # one logit for every token and class
    ...     return torch.rand(*tokens.shape, 5)
    >>> summary = score("flip-flop", guess, lengths=[16, 32], sequences=64)
    >>> [row["length"] for row in summary.rows() if row["metric"] == "exact_match"]
    [16, 32]

    Args:
        task: a task, or its name with options in brackets.
        predict: a callable, or several by name. It maps tokens (batch, length) of int64 to logits (batch, length,
            classes), or to an object that has them as ``logits``; a task of sets gives items and queries, and takes
            logits (batch, classes). With ``reads="text"``, it maps a list of prompts to a list of answers.
        lengths: lengths to evaluate, in the task's unit.
        splits: distributions of the task; by default, the validation split.
        reads: what the callables read and return: tokens and logits, or texts.
        trained_at: the length at which the models were trained, to which effective lengths refer; by default, the
            shortest of ``lengths``.
        on_point: is told every point as soon as it is measured, with the model's name.
        settings: other settings of :class:`~lengthwise.evaluation.EvaluateConfig`, such as ``sequences=512``.

    Returns:
        The summary; ``lengthwise.reports.write_report(summary, folder)`` writes the page.

    Raises:
        InputError: for a task, a length or a split that does not exist, for ``trained_at`` that is none of the lengths,
            and for a callable that returns another shape, or numbers that are not finite, or that reads later tokens
            where these hold the answers.
    """
    name, task = (str(read(TASKS, task)), load(task)) if isinstance(task, str) else (task.name, task)
    config = EvaluateConfig.read({"lengths": lengths, "splits": splits or (task.splits[1],), **settings})
    config.check(task)
    config.check_metrics(task)
    task = task.with_metrics(*config.load_metrics())
    if "chunk" in settings:
        raise InputError("A model that is not of this package reads a sequence at once; drop chunk.")
    if "decode" in settings and reads == "text":
        raise InputError("A model of text reads its own answers; drop decode.")
    batches = partial(drawn, task, config, trained_at=trained_at or min(config.lengths))
    named = predict if isinstance(predict, Mapping) else {getattr(predict, "__name__", "model"): predict}
    return score_on(
        name,
        task,
        named,
        batches,
        config,
        reads=reads,
        trained_at=trained_at,
        on_point=on_point,
        settings=config.model_dump(mode="json"),
    )


def score_folder(
    folder: Path,
    predict: Mapping[str, Predict | Write],
    *,
    reads: Reads = "tokens",
    trained_at: int | None = None,
    on_point: Callable[[str, Point], None] = lambda name, point: None,
) -> Summary:
    """Do as :func:`score` on the test sets of a folder that ``lengthwise data`` has written.

    Raises:
        InputError: if the folder holds no test sets, or test sets of another format, or if a file has changed.
    """
    data = read_dataset(folder)
    task, sets = load(data.task), {(of.split, of.length): of for of in data.sets}
    lengths, splits = (tuple(dict.fromkeys(of)) for of in ((s.length for s in data.sets), (s.split for s in data.sets)))
    config = EvaluateConfig.read({"lengths": lengths, "splits": splits})
    config.check(task)
    for of in data.sets:
        check_set(folder, of)

    def batches(split: str, length: int) -> Iterator[Batch]:
        return read_batches(folder, sets[split, length], task, config.tokens_at_once)

    return score_on(
        data.task,
        task,
        predict,
        batches,
        config,
        reads=reads,
        trained_at=trained_at,
        on_point=on_point,
        settings=config.model_dump(mode="json", exclude_unset=True),  # the folder decides the rest
    )


def score_on(
    name: str,
    task: Task,
    predict: Mapping[str, Predict | Write],
    batches: Callable[[str, int], Iterator[Batch]],
    config: EvaluateConfig,
    *,
    reads: Reads,
    trained_at: int | None,
    on_point: Callable[[str, Point], None],
    settings: Mapping[str, Any],
) -> Summary:
    """Do as :func:`score`, on the batches of each split and length; ``settings`` are those that the report shows."""
    if reads not in get_args(Reads):
        raise InputError(f"reads is one of {', '.join(get_args(Reads))}; got {reads!r}.")
    if not predict:
        raise InputError("There is no model to score; give a callable, or several by name.")
    if trained_at is not None and trained_at not in config.lengths:
        raise InputError(
            f"trained_at is {trained_at}, which is not among the lengths {', '.join(map(str, config.lengths))}; add "
            "it, because effective lengths compare with what a model does there."
        )
    measures = _measures(task, reads)
    if reads == "tokens" and config.decode != "greedy":
        length, split = config.points[0]
        batch = next(batches(split, length))
        for model in predict.values():
            check_looks_back(FromTokens(model, classes_of(task)), batch)
    points: dict[str, list[Point]] = {model: [] for model in predict}
    for length, split in config.points:
        for called, of in predict.items():
            model = FromTokens(of, classes_of(task))
            answer = methodcaller("generate" if config.decode == "greedy" else "ask", model)
            reply = partial(reply_in_text, task, of) if reads == "text" else answer
            decode: Decode = "greedy" if reads == "text" else config.decode
            found = measure(
                model,
                task,
                batches(split, length),
                reply,
                split=split,
                length=length,
                decode=decode,
                measures=measures,
            )
            points[called].append(found)
            on_point(called, found)
    design = Design.of_models(name, task, tuple(predict), config, trained_at or min(config.lengths), measures)
    told = environment()
    return of_models(
        {model: (Evaluated(0, None, tuple(of)),) for model, of in points.items()},
        design,
        command=told.pop("command"),
        settings=to_toml({"task": name, "evaluate": settings}),
        environment={key: (value,) for key, value in told.items()},
    )


def _measures(task: Task, reads: Reads) -> dict[str, Metric]:
    """Return the metrics that need no attention weights; a text has no loss."""
    of = {name: metric for name, metric in task.measures.items() if not isinstance(metric, Cause)}
    return {name: metric for name, metric in of.items() if reads == "tokens" or metric is not task.loss}
