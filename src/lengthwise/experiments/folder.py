"""The folder of a run.

``config.json`` (resolved, with the environment), ``start.json`` if training starts from trained weights,
``metrics.jsonl``, ``validation.jsonl`` if the training is validated, ``checkpoint/``, ``trained.json`` once training is
over, ``evaluation.jsonl`` point by point, ``result.json`` once all points that are asked for are there,
``failure.json`` if it failed, ``log.txt`` if another process did the run; ``teacher/``, a run by itself, where parts of
the model learn from a trained one first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lengthwise.evaluation.point import Point
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.manifest import claim, claimed, read_manifest, settled
from lengthwise.experiments.record import Failure, Result, Run, Trained
from lengthwise.experiments.start import Start
from lengthwise.files import append_line, keep_lines, read_json, read_lines, write_json
from lengthwise.training.loop import Progress, Validation

FILE = "config.json"
FIRST = "teacher"
"""In a run's folder, the folder of the run that has to come first."""


class RunFolder:
    """The folder of one run, to read and to write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def claim(self, config: RunConfig, *, resume: bool) -> None:
        """See :func:`claim`; what is evaluated may change."""
        claim(self.path, FILE, config, resume=resume, may_change=("evaluate",))

    @contextmanager
    def claimed(self, config: RunConfig, *, resume: bool) -> Iterator[None]:
        """See :func:`claimed`; what is evaluated may change."""
        with claimed(self.path, FILE, config, resume=resume, may_change=("evaluate",)):
            yield

    def settled(self, config: RunConfig) -> RunConfig:
        """See :func:`settled`."""
        return settled(self.path, FILE, config)

    @property
    def begun(self) -> bool:
        """True if the folder holds a run."""
        return (self.path / FILE).exists()

    @property
    def first(self) -> "RunFolder":
        """The folder of the run whose trained model the parts of this run's model learn from."""
        return RunFolder(self.path / FIRST)

    @property
    def config(self) -> RunConfig:
        """The resolved configuration."""
        return read_manifest(self.path / FILE, RunConfig)[0].settled()

    @property
    def start(self) -> Start | None:
        """What the model took over from its start; None in training from scratch, and before the training begins."""
        path = self.path / "start.json"
        return read_json(path, Start) if path.exists() else None

    @start.setter
    def start(self, start: Start) -> None:
        write_json(self.path / "start.json", asdict(start))

    @property
    def trained(self) -> Trained | None:
        """Results of the training; None before it has ended."""
        path = self.path / "trained.json"
        return read_json(path, Trained) if path.exists() else None

    @trained.setter
    def trained(self, trained: Trained) -> None:
        write_json(self.path / "trained.json", asdict(trained))

    @property
    def points(self) -> tuple[Point, ...]:
        """All measured points, one for each split and length, including lengths that the settings no longer ask for."""
        points = read_lines(self.path / "evaluation.jsonl", Point)
        return tuple({(point.split, point.length): point for point in points}.values())

    def mend(self) -> None:
        """Drop a point that a kill cut short."""
        keep_lines(self.path / "evaluation.jsonl", Point)

    def add_point(self, point: Point) -> None:
        """Append a point as soon as it is measured."""
        append_line(self.path / "evaluation.jsonl", asdict(point))

    def asked(self, config: RunConfig) -> tuple[Point, ...]:
        """Return the measured points that ``config`` asks for and that have its metrics, in its order."""
        evaluated = {(point.length, point.split): point for point in self.points}
        names = {metric.name for metric in config.metrics}
        found = (evaluated.get(place) for place in config.evaluate.points)
        return tuple(point for point in found if point is not None and names <= point.values.keys())

    def due(self, config: RunConfig) -> list[tuple[int, str]]:
        """Return length and split of each point that ``config`` asks for and that has to be measured.

        A point with another number of examples, decoded otherwise, or without one of the metrics, has to be measured
        again.
        """
        task, evaluate, trained_at = config.build_task(), config.evaluate, config.train.length
        names = task.measures.keys()
        evaluated = {(at.length, at.split, at.sequences, at.decode): at.values.keys() for at in self.points}

        def measured(length: int, split: str) -> bool:
            examples = evaluate.sequences_at(task, length, split, trained_at=trained_at)
            return names <= evaluated.get((length, split, examples, evaluate.decode), set())

        return [place for place in evaluate.points if not measured(*place)]

    @property
    def finished(self) -> bool:
        """True if every point is there that the evaluate settings ask for, and the result is written."""
        path = self.path / "result.json"
        return path.exists() and bool(read_json(path, Result)) and not self.due(self.config)

    def finish(self) -> None:
        """Write the result."""
        assert self.trained is not None
        write_json(self.path / "result.json", asdict(Result(self.trained, self.asked(self.config))))
        self.failure = None

    @property
    def failure(self) -> str | None:
        """The reason why the last attempt failed; None if it did not fail."""
        path = self.path / "failure.json"
        return read_json(path, Failure).message if path.exists() else None

    @failure.setter
    def failure(self, message: str | None) -> None:
        if message is None:
            (self.path / "failure.json").unlink(missing_ok=True)
        else:
            write_json(self.path / "failure.json", asdict(Failure(message)))

    @property
    def metrics(self) -> tuple[dict[str, Any], ...]:
        """The lines of metrics.jsonl, one for each logged step."""
        lines = {line.step: asdict(line) for line in read_lines(self.path / "metrics.jsonl", Progress)}
        return tuple(line for _, line in sorted(lines.items()))

    @property
    def validations(self) -> tuple[Validation, ...]:
        """The validations during the training, in the order of steps."""
        lines = {line.step: line for line in read_lines(self.path / "validation.jsonl", Validation)}
        return tuple(line for _, line in sorted(lines.items()))

    def read(self) -> Run:
        """Read the whole folder."""
        begun, told = read_manifest(self.path / FILE, RunConfig)
        config = begun.settled()
        return Run(
            folder=self.path,
            config=config,
            environment=told,
            trained=self.trained,
            points=self.asked(config),
            failure=self.failure,
            metrics=self.metrics,
            validations=self.validations,
        )
