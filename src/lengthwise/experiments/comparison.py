"""Comparisons: each mechanism is tuned at the training length alone, then evaluated beyond it with every seed.

A comparison's folder holds ``comparison.json``, and its runs, each in a folder of its own (:meth:`RunKey.folder`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from lengthwise.errors import InputError
from lengthwise.evaluation import Point
from lengthwise.experiments.check import check
from lengthwise.experiments.config import ComparisonConfig
from lengthwise.experiments.executors.executor import Executor, Job, Queue
from lengthwise.experiments.executors.processes import Processes, end_if_worker
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.manifest import claimed, read_manifest, settled
from lengthwise.experiments.prerequisites import take_over, waves
from lengthwise.experiments.record import Experiment, Run
from lengthwise.files import check_folder
from lengthwise.lock import locked

FILE = "comparison.json"


def compare(
    config: ComparisonConfig,
    folder: Path,
    *,
    processes: int = 1,
    on: Executor | None = None,
    resume: bool,
    on_change: Callable[[Queue], None] = lambda queue: None,
) -> Experiment:
    """Train and evaluate everything that ``folder`` does not hold yet, and read the folder.

    The runs work ``on`` an executor, by default in ``processes`` processes of this machine at a time.

    What is evaluated may differ from what the folder holds, and replaces it; points that are there are not measured
    again.

    First every mechanism is trained at every learning rate with the first seed. While the rate that validates best lies
    at an end of those tried, the next rate beyond that end is tried, too, as far as the bracket goes. Then the best
    rate goes on to all seeds and to the evaluation. A mechanism that is used with the weights of another of them takes
    over what that one has learnt, since training it would end with the same weights. A folder can be carried on with
    other mechanisms, rates or seeds: every run is a folder of its own, and those it has are used.

    A mechanism whose parts learn from the trained model of another one trains that model, too, unless the other one is
    among them: then it takes that model over.

    Raises:
        InputError: if one of the runs cannot be, before anything is written.
        RunError: if another process writes into the folder.
    """
    end_if_worker()
    check_folder(folder)
    config = settled(folder, FILE, config)
    for mechanism in config.mechanisms:
        for rate in config.learning_rates:
            if not RunFolder(config.key(mechanism, rate, config.runs - 1).folder(folder)).begun:
                check(config.run(mechanism, rate, config.runs - 1))
    executor = Processes(processes) if on is None else on
    may_change = ("mechanisms", "learning_rates", "bracket", "seeds", "data_seeds", "base.evaluate")
    with executor, claimed(folder, FILE, config, resume=resume, may_change=may_change):
        _work(config, folder, executor, on_change)
    return read_experiment(folder)


def _work(config: ComparisonConfig, folder: Path, on: Executor, on_change: Callable[[Queue], None]) -> None:
    """Tune, choose the best learning rates, and train and evaluate them with every seed."""

    def claimed_job(mechanism: str, rate: float, seed: int, evaluate: bool) -> Job:
        key = config.key(mechanism, rate, seed)
        job = Job(key, key.folder(folder), evaluate)
        RunFolder(job.folder).claim(config.run(mechanism, rate, seed), resume=True)
        return job

    def work(jobs: Sequence[Job]) -> None:
        """Run unfinished jobs in waves, prerequisites first."""
        for wave in waves((job for job in jobs if not _over(job)), lambda job: job.key):
            for job in wave:
                with locked(job.folder):
                    take_over(job.key, folder)
            on.run(wave, on_change)

    if len(config.rates) == 1:
        chosen = dict.fromkeys(config.mechanisms, config.learning_rates[0])
    else:
        due = [(mechanism, rate) for rate in config.learning_rates for mechanism in config.mechanisms]
        while due:
            work([claimed_job(mechanism, rate, 0, evaluate=False) for mechanism, rate in due])
            trials = _trials(config, folder)
            chosen = choose(config, trials)
            due = [pair for mechanism, best in chosen.items() for pair in _beyond(config, trials, mechanism, best)]
    finalists = [
        claimed_job(mechanism, rate, seed, evaluate=True)
        for seed in range(config.runs)
        for mechanism, rate in chosen.items()
    ]
    work(finalists)


def _trials(config: ComparisonConfig, folder: Path) -> list[Run]:
    """Read the runs of all learning rates that were tried with the first seed."""
    places = (
        RunFolder(config.key(mechanism, rate, 0).folder(folder))
        for mechanism in config.mechanisms
        for rate in config.rates
    )
    return [place.read() for place in places if place.begun]


def _beyond(config: ComparisonConfig, trials: Sequence[Run], mechanism: str, best: float) -> list[tuple[str, float]]:
    """Return the rates to try next: those beyond an end of the tried rates, if the best rate lies there."""
    tried = [config.rates.index(run.learning_rate) for run in trials if run.mechanism == mechanism]
    at, ends = config.rates.index(best), (min(tried), max(tried))
    beyond = {at + step for step, end in zip((-1, 1), ends, strict=True) if at == end}
    return [(mechanism, config.rates[place]) for place in sorted(beyond) if 0 <= place < len(config.rates)]


def choose(config: ComparisonConfig, trials: Sequence[Run]) -> dict[str, float]:
    """Choose the learning rate of each mechanism, by validation data of the training length.

    The best main metric wins; among equal ones the lowest loss.

    Raises:
        InputError: if one of the trials was validated before the task had that metric.
    """
    chosen, task = {}, config.base.build_task()

    def order(trial: Point) -> tuple[float, float]:
        return task.main.ahead(0, trial.value(task.main)), trial.value(task.loss)

    for mechanism in config.mechanisms:
        trained = [(run.trained.validation, run) for run in trials if run.mechanism == mechanism and run.trained]
        if trained:
            _, best = min(trained, key=lambda pair: order(pair[0]))
            chosen[mechanism] = best.learning_rate
    return chosen


def read_experiment(folder: Path) -> Experiment:
    """Read the folder of a comparison, or of a single run, finished or not.

    Raises:
        InputError: if the folder holds neither.
    """
    alone = RunFolder(folder)
    if alone.begun:
        run = alone.read()
        config = ComparisonConfig(base=run.config, mechanisms=(run.mechanism,), learning_rates=(run.learning_rate,))
        chosen = {run.mechanism: run.learning_rate}
        return Experiment(folder, run.environment["command"], config, (run,), chosen)
    if not (folder / FILE).exists():
        raise InputError(
            f"{folder} holds no run and no comparison; give a folder that lengthwise run or compare has written."
        )
    begun, environment = read_manifest(folder / FILE, ComparisonConfig)
    config = begun.settled()
    runs = [at.read() for key in config.run_keys if (at := RunFolder(key.folder(folder))).begun]
    trials = [run for run in runs if (run.config.seed, run.config.data_seed) == config.seeds_of(0)]
    return Experiment(folder, environment["command"], config, tuple(runs), choose(config, trials))


def _over(job: Job) -> bool:
    folder = RunFolder(job.folder)
    return folder.finished or (folder.trained is not None and not job.evaluate)
