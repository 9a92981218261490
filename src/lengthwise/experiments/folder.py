"""The folder of a run, and who may write into it.

``config.json`` (resolved, with the environment), ``start.json`` if training starts from trained weights,
``metrics.jsonl``, ``validation.jsonl`` if the training is validated, ``checkpoint/``, ``trained.json`` once training is
over, ``evaluation.jsonl`` point by point, ``result.json`` once all points that are asked for are there,
``failure.json`` if it failed, ``log.txt`` if another process did the run; ``teacher/``, a run by itself, where parts of
the model learn from a trained one first.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from lengthwise.configuration import keys
from lengthwise.errors import InputError
from lengthwise.evaluation.point import Point
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.environment import environment
from lengthwise.experiments.manifest import read_manifest
from lengthwise.experiments.record import Failure, Result, Run, Trained
from lengthwise.experiments.start import Start
from lengthwise.files import append_line, check_folder, keep_lines, read_json, read_lines, write_json
from lengthwise.lock import locked
from lengthwise.models.config import MODEL_TYPE, DecoderConfig
from lengthwise.training.loop import Progress, Validation

FILE = "config.json"
FIRST = "teacher"
"""In a run's folder, the folder of the run that has to come first."""
C = TypeVar("C", RunConfig, ComparisonConfig)


def settled(folder: Path, file: str, config: C) -> C:
    """Return the configuration with the sizes of the model that the folder holds, where the settings leave them out."""
    path = folder / file
    return config.settled(read_manifest(path, type(config))[0]) if path.exists() else config.settled()


def claim(folder: Path, file: str, config: C, *, resume: bool, may_change: Collection[str] = ()) -> None:
    """Write the settled ``config`` into ``file`` of ``folder``, or check that it already stands there.

    With ``resume``, the settings named in ``may_change``, alone or as a section, may differ from those begun with, and
    replace them.

    Raises:
        InputError: if the folder holds another configuration, or the same one and ``resume`` was not asked for.
    """
    if _changes(folder, file, config, resume=resume, may_change=may_change):
        tree = settled(folder, file, config).model_dump(mode="json")
        write_json(folder / file, {**_for_hugging_face(config), "config": tree, "environment": environment()})


def _for_hugging_face(config: RunConfig | ComparisonConfig) -> dict[str, str]:
    """Return what makes Hugging Face's Auto classes open a run's folder, where the run trains a decoder."""
    decodes = isinstance(config, RunConfig) and isinstance(config.model, DecoderConfig)
    return {"model_type": MODEL_TYPE} if decodes else {}


@contextmanager
def claimed(folder: Path, file: str, config: C, *, resume: bool, may_change: Collection[str] = ()) -> Iterator[None]:
    """Do as :func:`claim`, and keep other processes from writing into ``folder`` meanwhile.

    Raises:
        InputError: as :func:`claim`; the folder then stays as it is.
        RunError: if another process writes there.
    """
    _changes(folder, file, config, resume=resume, may_change=may_change)
    with locked(folder):
        claim(folder, file, config, resume=resume, may_change=may_change)
        yield


def _changes(folder: Path, file: str, config: C, *, resume: bool, may_change: Collection[str]) -> bool:
    """Return True if ``folder`` has to be written; raise if it holds something else."""
    check_folder(folder)
    path = folder / file
    if not path.exists():
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise InputError(f"{folder} is not empty and holds no {file}; choose another folder with --out.")
        return True
    settings = keys(type(config))
    # A setting that is newer than the folder is, there, what it is by default.
    begun = _flat(read_manifest(path, type(config))[0].settled().model_dump(mode="json"), settings)
    here = _flat(settled(folder, file, config).model_dump(mode="json"), settings)
    differing = [key for key, value in here.items() if begun.get(key) != value]
    forbidden = [key for key in differing if not any(f"{key}.".startswith(f"{name}.") for name in may_change)]
    if forbidden:
        key = forbidden[0]
        raise InputError(
            f"{folder} belongs to other settings: {key} is {begun.get(key)!r} there, {here[key]!r} here. "
            "Choose another folder with --out, or give the settings it was begun with."
        )
    if not resume:
        raise InputError(f"{folder} already holds this; add --resume to carry on, or choose another folder with --out.")
    return bool(differing)


def _flat(tree: Any, settings: Collection[str], prefix: str = "") -> dict[str, Any]:
    """Return the values of a tree by dotted key. The value of one of ``settings`` stays whole, even if it is a tree."""
    if not isinstance(tree, dict) or prefix in settings:
        return {prefix: tree}
    return {
        key: value
        for name, inner in tree.items()
        for key, value in _flat(inner, settings, f"{prefix}.{name}".lstrip(".")).items()
    }


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
