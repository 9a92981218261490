"""Progress bars: step, loss, speed and time left, for one run and for many at once."""

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

from lengthwise.cli.console import console
from lengthwise.files import last_line

if TYPE_CHECKING:
    from lengthwise.evaluation import Point
    from lengthwise.experiments.config import ComparisonConfig, RunConfig
    from lengthwise.experiments.processes import Job, Queue
    from lengthwise.training.loop import Progress as Step


class _Live:
    """A rich progress display as a context."""

    def __init__(self) -> None:
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()


class RunProgress(_Live):
    """One run: a bar for training, one for evaluation."""

    def __init__(self, config: "RunConfig") -> None:
        super().__init__()
        evaluate = config.evaluate
        self._unit = config.build_task().unit
        self._train = self.bars.add_task("training", total=config.train.steps, detail="")
        self._evaluate = self.bars.add_task("evaluation", total=len(evaluate.lengths) * len(evaluate.splits), detail="")

    def trained(self, step: "Step") -> None:
        """A logged step."""
        self.bars.update(self._train, completed=step.step, detail=_speed(step.loss, step.tokens_per_second, self._unit))

    def evaluated(self, point: "Point") -> None:
        """A point of the sweep."""
        detail = f"{point.split} at {point.length:,} {self._unit}: {point.exact_match:.1%}"
        self.bars.update(self._evaluate, advance=1, detail=detail)
        console.print(
            f"{point.split:>12} {point.length:>7,} {self._unit}  exact match {point.exact_match:7.1%}", highlight=False
        )


class ComparisonProgress(_Live):
    """Many runs: a bar for each that is under way, and one for all."""

    def __init__(self, config: "ComparisonConfig") -> None:
        super().__init__()
        self._config = config
        self._unit = config.base.build_task().unit
        self._all = self.bars.add_task("all runs", total=None, detail="")
        self._tasks: dict[Job, TaskID] = {}

    def changed(self, queue: "Queue") -> None:
        """Show what the queue and the folders of its runs say."""
        from lengthwise.training.loop import Progress as Step

        self.bars.update(self._all, completed=len(queue.done), total=queue.total)
        for job in queue.active:
            if job not in self._tasks:
                self._tasks[job] = self.bars.add_task(_name(job), total=self._config.base.train.steps, detail="")
            line = last_line(job.folder / "metrics.jsonl", Step)
            if line:
                evaluating = (job.folder / "trained.json").exists()
                detail = "evaluating" if evaluating else _speed(line.loss, line.tokens_per_second, self._unit)
                self.bars.update(self._tasks[job], completed=line.step, detail=detail)
        for job in queue.done:
            if job in self._tasks:
                self.bars.remove_task(self._tasks.pop(job))
                failed = (job.folder / "failure.json").exists()
                console.print(Text.assemble(("failed", "red") if failed else "done", f"  {_name(job)}"))


def _name(job: "Job") -> str:
    mechanism, rate, seed = job.folder.parts[-3:]
    return f"{mechanism}  {rate.replace('-', ' ', 1)}  {seed.replace('-', ' ')}"


def _speed(loss: float, per_second: float, unit: str) -> str:
    return f"loss {loss:.4f}  {per_second:,.0f} {unit}/s"
