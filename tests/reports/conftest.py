"""Experiments made up to look like real ones, without training anything."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lengthwise.analysis import summarise
from lengthwise.evaluation.point import Layer, Measured, Point
from lengthwise.evaluation.spread import Dispersion, Spread
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.record import Experiment, Run, Trained
from lengthwise.naming import split as named
from lengthwise.reports import write_report

Make = Callable[..., Experiment]

LENGTHS = (128, 256, 512, 1024, 2048, 4096)
MECHANISMS = ("threshold-relative", "softmax+rope", "softmax+alibi+layer-norm")
REACH = {"threshold-relative": math.inf, "softmax+rope": 300, "softmax+alibi+layer-norm": 1500}
"""Tokens at which half of the sequences are right."""
EASE = {"validation": 1.0, "dense": 3.0, "sparse": 0.5}
SETS = (16, 64, 256, 512, 1024, 2048, 4096, 16384)
GAINS = {"softmax+layer-norm": 0.04, "softmax+standardise": -0.03}
"""How much of a fixed gain a mechanism has over softmax where it has the most room."""
COMMAND = "lengthwise compare flip-flop -a threshold-relative -a softmax+rope --seeds 2"


def _wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    share, scale = successes / trials, 1 + z**2 / trials
    middle = (share + z**2 / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _share_of(count: int, total: int) -> Measured:
    return Measured(count / total, *_wilson(count, total), count, total)


def _point(split: str, length: int, share: float, sequences: int) -> Point:
    exact, scored = round(share * sequences), sequences * length // 10
    correct = round(scored * (0.5 + 0.5 * share**0.25))
    loss = 1.4 * (1 - correct / scored) + 1e-4
    return Point(
        split=split,
        length=length,
        sequences=sequences,
        values={
            "exact_match": _share_of(exact, sequences),
            "token_accuracy": _share_of(correct, scored),
            "loss": Measured(loss, loss, loss, loss * scored, scored),
        },
        seconds=0.5,
    )


def _share(mechanism: str, split: str, length: int, seed: int) -> float:
    plain, options = named(split)
    reach = REACH.get(mechanism, 800) * EASE.get(plain, 1.0) * (1 + 0.4 * seed)
    reach *= 0.5 ** max(0, int(options.get("operands", 3)) - 3)
    return 1 / (1 + (length / reach) ** 3)


def _layer(mechanism: str, length: int, seed: int, depth: int) -> Layer:
    """Uniform weights on values without a mean, more or less, and less so in deeper layers."""
    noise = random.Random(f"{mechanism} {length} {seed} {depth}").gauss
    deviation = 2 * length ** (-0.5 / depth) * math.exp(noise(0, 0.05))
    spread = Spread(256, deviation, deviation * 1.1, 0.02 * math.log(length) + noise(0, 0.004), deviation**2 + 0.01)
    return Layer(spread, Dispersion(1 - 2 / length**0.5 + noise(0, 0.002), length**-0.7, 1 / length, length**-1.5))


def _set_point(mechanism: str, split: str, length: int, seed: int, layers: int = 1) -> Point:
    noise = random.Random(f"{mechanism} {length} {seed}").gauss
    share = 0.1 + 0.88 / (1 + (length / 700) ** 1.3)
    share += 4 * GAINS.get(mechanism, 0.0) * share * (1 - share) + noise(0, 0.008)
    point = _point(split, length, share, 1000)
    wrong, ordered = 1000 - point.values["exact_match"].numerator, round(900 / (1 + (length / 3000) ** 1.1))
    dispersion = round(wrong * ordered / 1000)
    causes = {"right_key": ordered, "dispersion": dispersion, "ordering": wrong - dispersion}
    values = {name: of for name, of in point.values.items() if name != "token_accuracy"}
    return replace(
        point,
        values=values | {name: _share_of(count, 1000) for name, count in causes.items()},
        layers=tuple(_layer(mechanism, length, seed, depth) for depth in range(1, layers + 1)),
    )


def _sets(experiment: Experiment, layers: int = 1) -> Experiment:
    """The same experiment, but its points are what set tasks leave."""

    def point(run: Run, length: int) -> Point:
        return _set_point(run.mechanism, "validation", length, run.config.seed, layers)

    lengths = experiment.config.base.evaluate.lengths
    runs = tuple(replace(run, points=tuple(point(run, length) for length in lengths)) for run in experiment.runs)
    return replace(experiment, runs=runs)


def _run(folder: Path, config: RunConfig, full: bool) -> Run:
    mechanism, rate, seed = config.model.mechanism, config.train.learning_rate, config.seed
    pace = 40 + 15 * MECHANISMS.index(mechanism) if mechanism in MECHANISMS else 50
    bad = abs(math.log10(rate / 1e-3))
    metrics = [
        {"step": step, "loss": 0.7 * math.exp(-step / pace) * (1.2 + math.sin(step * (1 + seed))) + 1e-5 * pace}
        for step in range(10, config.train.steps + 1, 10)
    ]
    validation = _point(
        "validation", config.train.length, _share(mechanism, "validation", 128, seed) * (1 - bad / 2), 512
    )
    points = [
        _point(
            split,
            length,
            _share(mechanism, split, length, seed),
            config.evaluate.sequences_at(config.build_task(), length, split, trained_at=config.train.length),
        )
        for split in config.evaluate.splits
        for length in config.evaluate.lengths
        if full
    ]
    return Run(
        folder=folder / f"{mechanism}-{rate:g}-{seed}",
        config=config,
        environment={
            "lengthwise": "0.1.0",
            "torch": "2.9.0+cpu",
            "python": "3.11.2",
            "commit": "4f2a91c",
            "host": "ada",
        },
        trained=Trained(parameters=100_032, seconds=61.3 + seed, tokens_per_second=40_117.0, validation=validation),
        points=tuple(points),
        failure=None,
        metrics=tuple(metrics),
    )


def _experiment(
    folder: Path,
    mechanisms: tuple[str, ...] = MECHANISMS,
    rates: tuple[float, ...] = (1e-3, 3e-3),
    seeds: int = 2,
    splits: tuple[str, ...] = tuple(EASE),
    lengths: tuple[int, ...] = LENGTHS,
    task: str = "flip-flop",
    sequences: int | dict[str, int] = 512,
    train: dict[str, int] | None = None,
) -> Experiment:
    """A finished comparison in which every mechanism goes on with its first learning rate."""
    train = train or ({"shortest": 5, "length": 16} if task == "argmax-retrieval" else {})
    config = ComparisonConfig.read(
        {
            "base": {
                "task": task,
                "train": train,
                "evaluate": {"splits": splits, "lengths": lengths, "sequences": sequences},
            },
            "mechanisms": mechanisms,
            "learning_rates": rates,
            "seeds": seeds,
        }
    )
    runs = tuple(
        _run(folder, config.run(mechanism, rate, seed), full=rate == rates[0])
        for mechanism in mechanisms
        for rate in rates
        for seed in range(seeds)
        if rate == rates[0] or seed == 0
    )
    return Experiment(folder, COMMAND, config, runs, dict.fromkeys(mechanisms, rates[0]))


def _fail(experiment: Experiment, index: int, sentence: str) -> Experiment:
    """The same experiment, but one of its runs failed."""
    run = replace(experiment.runs[index], failure=sentence, trained=None, points=())
    return replace(experiment, runs=(*experiment.runs[:index], run, *experiment.runs[index + 1 :]))


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A maker of experiments, each in a folder of its own."""
    return lambda **changes: _experiment(tmp_path_factory.mktemp("experiment"), **changes)


@pytest.fixture(scope="session")
def fail() -> Callable[[Experiment, int, str], Experiment]:
    return _fail


@pytest.fixture(scope="session")
def experiment(make: Make) -> Experiment:
    """Three mechanisms, two learning rates, two seeds, three splits; the second seed of softmax+rope failed."""
    experiment = make()
    index = next(i for i, run in enumerate(experiment.runs) if (run.mechanism, run.config.seed) == ("softmax+rope", 1))
    return _fail(experiment, index, "The loss became NaN at step 40; lower the learning rate.")


@pytest.fixture(scope="session")
def sized(make: Make) -> Experiment:
    """One run on test sets of different sizes, one of which is small."""
    sizes = {"validation": 1600, "dense": 40, "sparse": 16_000}
    return make(mechanisms=("softmax+rope",), rates=(1e-3,), seeds=1, lengths=(128, 512, 8192), sequences=sizes)


@pytest.fixture(scope="session")
def many(make: Make) -> Experiment:
    """Thirteen mechanisms with one seed on two splits: the third goes on for ever, the others are alike."""
    positions = ("rope", "nape", "t5", "kerple", "fire", "sandwich", "bam", "xpos", "yarn", "cope", "cable", "p-rope")
    names = tuple(f"softmax+{position}" for position in positions)
    names = (*names[:2], "threshold-relative", *names[2:])
    return make(mechanisms=names, rates=(1e-3,), seeds=1, splits=("validation", "sparse"))


@pytest.fixture(scope="session")
def swept(make: Make) -> Experiment:
    """Two mechanisms with two seeds on sums of up to three numbers, evaluated on two to six numbers."""
    splits = ("carries", *(f"validation[operands={operands}]" for operands in range(2, 7)))
    mechanisms = ("threshold-relative", "softmax+rope")
    task = {"task": "addition[operands=3]", "lengths": (33, 63, 123), "train": {"shortest": 9, "length": 33}}
    return make(mechanisms=mechanisms, rates=(1e-3,), splits=splits, **task)


@pytest.fixture(scope="session")
def alone(make: Make) -> Experiment:
    """One run: one mechanism, one learning rate, one seed."""
    return make(mechanisms=("softmax+rope",), rates=(1e-3,), seeds=1, splits=("validation",))


@pytest.fixture(scope="session")
def unfinished(make: Make) -> Experiment:
    """Nothing has been trained."""
    return replace(make(), runs=(), chosen={})


@pytest.fixture(scope="session")
def make_sets(make: Make) -> Any:
    """A maker of comparisons on sets; softmax comes first, and all but it and those with gains are its equals."""

    def make_sets(
        mechanisms: tuple[str, ...] = ("softmax", *GAINS, "softmax+rms-norm"), seeds: int = 10, layers: int = 1
    ) -> Any:
        task = {"task": "argmax-retrieval", "splits": ("validation",), "lengths": SETS, "rates": (1e-3,)}
        return _sets(make(mechanisms=mechanisms, seeds=seeds, **task), layers)

    return make_sets


@pytest.fixture(scope="session")
def sets(make_sets: Make) -> Experiment:
    """Four mechanisms on sets, ten seeds, of which softmax+layer-norm lacks the fourth."""
    experiment = make_sets()
    wanted = ("softmax+layer-norm", 3)
    index = next(i for i, run in enumerate(experiment.runs) if (run.mechanism, run.config.seed) == wanted)
    return _fail(experiment, index, "The loss became NaN at step 40; lower the learning rate.")


@pytest.fixture(scope="session")
def report(experiment: Experiment) -> Path:
    """The page of the experiment."""
    return write_report(summarise(experiment), experiment.folder)


@pytest.fixture(scope="session")
def sets_report(sets: Experiment) -> Path:
    """The page of the sets."""
    return write_report(summarise(sets), sets.folder)
