"""Progress on standard error: step, loss, speed and time left, for one run or for many runs.

A terminal shows bars; any other output, such as a log file, gets a plain line now and then.
"""

import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from lengthwise.cli.console import errors
from lengthwise.files import last_line
from lengthwise.reports.text import brief

if TYPE_CHECKING:
    from pathlib import Path

    from lengthwise.evaluation import Point
    from lengthwise.experiments.config import ComparisonConfig, RunConfig
    from lengthwise.experiments.executors.executor import Job, Queue
    from lengthwise.training.loop import Progress as Step


EVERY = 30.0
"""Seconds between two plain lines."""


class _Live:
    """A rich progress display as a context manager."""

    def __init__(self) -> None:
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=errors,
        )
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        if errors.is_terminal:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if errors.is_terminal:
            self.bars.stop()

    def _say(self, task: TaskID, detail: str) -> None:
        """Print the progress of ``task`` if there are no bars and the last line is older than ``EVERY``."""
        if errors.is_terminal or time.monotonic() - self._said < EVERY:
            return
        self._said = time.monotonic()
        bar = self.bars.tasks[self.bars.task_ids.index(task)]
        left = "" if bar.time_remaining is None else f", {timedelta(seconds=round(bar.time_remaining))} left"
        of = f"{bar.completed:,.0f} of {bar.total or 0:,.0f}"
        errors.print(f"{bar.description}: {of}  {detail}{left}", highlight=False, soft_wrap=True)


class RunProgress(_Live):
    """Progress of one run: a bar for training and a bar for evaluation."""

    def __init__(self, config: "RunConfig", points: int) -> None:
        super().__init__()
        task = config.build_task()
        self._unit, self._metric = task.unit, task.main
        self._train = self.bars.add_task("training", total=config.train.steps, detail="")
        self._evaluate = self.bars.add_task("evaluation", total=points, detail="")

    def trained(self, step: "Step") -> None:
        """Show a logged step."""
        detail = _speed(step.loss, step.tokens_per_second, self._unit)
        _move(self.bars, self._train, step.step, detail)
        self._say(self._train, detail)

    def evaluated(self, point: "Point") -> None:
        """Show a point of the sweep."""
        number = brief(point.value(self._metric), self._metric.unit)
        self.bars.update(self._evaluate, advance=1, detail=f"{point.split} at {point.length:,} {self._unit}: {number}")
        name = self._metric.name.replace("_", " ")
        errors.print(f"{point.split:>12} {point.length:>7,} {self._unit}  {name} {number:>7}", highlight=False)


class ComparisonProgress(_Live):
    """Progress of many runs: a bar for each active run, and a bar for all training and evaluation."""

    def __init__(self, config: "ComparisonConfig", folder: "Path") -> None:
        super().__init__()
        self._config = config
        self._unit = config.base.build_task().unit
        self._all = self.bars.add_task("all work, in %", total=100, detail="")
        self._runs = _compared(config, folder)
        self._tasks: dict[Job, TaskID] = {}

    def changed(self, queue: "Queue") -> None:
        """Show the state of the queue and of its runs' folders."""
        detail = f"{len(queue.done)} of {queue.total} runs done"
        _move(self.bars, self._all, 100 * _done_share(self._config, self._runs), detail)
        self._say(self._all, detail)
        for job in queue.active:
            if job not in self._tasks:
                self._tasks[job] = self.bars.add_task(_name(job), total=self._config.base.train.steps, detail="")
            if line := _last(job.folder / "metrics.jsonl"):
                evaluating = (job.folder / "trained.json").exists()
                detail = "evaluating" if evaluating else _speed(line.loss, line.tokens_per_second, self._unit)
                self.bars.update(self._tasks[job], completed=line.step, detail=detail)
        for job in queue.done:
            if job in self._tasks:
                self.bars.remove_task(self._tasks.pop(job))
                failed = (job.folder / "failure.json").exists()
                errors.print(Text.assemble(("failed", "red") if failed else "done", f"  {_name(job)}"))


def _move(bars: Progress, task: TaskID, completed: float, detail: str) -> None:
    """Move a bar; at the first move, earlier work is left out of the estimated speed."""
    if bars.tasks[bars.task_ids.index(task)].completed:
        bars.update(task, completed=completed, detail=detail)
    else:
        bars.reset(task, completed=int(completed), detail=detail)


def _done_share(config: "ComparisonConfig", runs: "list[Path]") -> float:
    """Return the share of a comparison's work that its folders hold, from 0 to 1."""
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.state import done_work, evaluation_work, training_work

    arms, tried = len(config.mechanisms), len(config.learning_rates) + config.runs - 1
    work = arms * (tried * training_work(config.base) + config.runs * evaluation_work(config.base))
    return min(1.0, sum(done_work(RunFolder(run), config.base) for run in runs) / work)


def _compared(config: "ComparisonConfig", folder: "Path") -> "list[Path]":
    """Return the folders of a comparison's runs."""
    return [key.folder(folder) for key in config.run_keys]


def _last(metrics: "Path") -> "Step | None":
    """Return the newest logged step of a run."""
    from lengthwise.training.loop import Progress as Step

    return last_line(metrics, Step)


def _name(job: "Job") -> str:
    key = job.key
    data = "" if key.data_seed is None else f"  data seed {key.data_seed}"
    return f"{key.mechanism}  rate {key.learning_rate}  seed {key.seed}{data}"


def _speed(loss: float, per_second: float, unit: str) -> str:
    return f"loss {loss:.4f}  {per_second:,.0f} {unit}/s"
