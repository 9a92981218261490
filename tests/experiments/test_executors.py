"""On a Ray cluster and under SLURM, runs end with the same bits as in processes of this machine, whoever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lengthwise.attention import Mechanism
from lengthwise.errors import InputError, RunError
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.evaluating import More, evaluate_more, extended
from lengthwise.experiments.executors import EXECUTORS
from lengthwise.experiments.executors.attempt import TOKEN, Attempt, Lost, Outcome
from lengthwise.experiments.executors.executor import Executor, Job, Queue
from lengthwise.experiments.executors.remote import Remote
from lengthwise.experiments.executors.worker import LOCKED
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.key import RunKey
from lengthwise.experiments.record import Experiment
from lengthwise.files import last_line
from lengthwise.lock import HOLDER, LockedError, is_locked
from lengthwise.naming import build, read
from lengthwise.training.loop import Progress

STEPS = 300
BASE: dict[str, Any] = {
    "task": "flip-flop",
    "model": {"dim": 16, "layers": 1, "dropout": 0.1},
    "train": {"length": 8, "steps": STEPS, "batch_size": 4, "log_every": 5, "checkpoint_every": 20, "device": "cpu"},
    "evaluate": {"lengths": [8], "sequences": 4},
}
Begin = Callable[[str], Executor]


def asked(**more: Any) -> ComparisonConfig:
    return ComparisonConfig.read(
        {"base": BASE, "mechanisms": ["softmax+rope"], "learning_rates": [1e-3], "seeds": 2} | more
    )


def nothing(queue: Queue) -> None:
    pass


def ends(experiment: Experiment) -> list[Any]:
    """What must be the same to the bit: the final weights and what was measured."""
    assert not [run.failure for run in experiment.runs if run.failure]
    return [
        (
            (run.folder / "checkpoint" / f"step-{STEPS:08}" / "model.safetensors").read_bytes(),
            [(point.split, point.length, point.values) for point in run.points],
        )
        for run in experiment.runs
    ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The ends in processes of this machine."""
    return ends(compare(asked(), tmp_path_factory.mktemp("here"), processes=2, resume=True, on_change=nothing))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes with room for one run each, beside the head, which has none."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - its name; by default, 15, they wait for others
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def _slurm(folder: Path) -> None:
    """Write stand-ins for SLURM's commands, which begin each job at once, on this machine."""
    jobs = folder / "jobs"
    jobs.mkdir()
    number = f"$(cat {folder}/next 2>/dev/null || echo 100)"
    scripts = {
        # A job's number is its order; submitit asks for the state by sacct, and ends a job by scancel.
        "sbatch": f"#!/bin/bash\nn={number}\necho $((n + 1)) > {folder}/next\n"
        f'exec {sys.executable} {folder}/sbatch.py "$1" "$n"\n',
        "srun": "#!/bin/bash\nwhile [[ $1 == --* ]]; do case $1 in --output|--error) shift 2;; *) shift;; esac; done\n"
        'exec "$@"\n',
        "scancel": f'#!/bin/bash\nkill -TERM -- -$(cat {jobs}/"$1")\n',
        "sacct": f"#!/bin/bash\necho 'JobID|State|NodeList'\nfor file in {jobs}/*; do\n"
        'if kill -0 $(cat "$file") 2>/dev/null; then state=RUNNING; else state=FAILED; fi\n'
        'echo "$(basename $file)|$state|here"\ndone\n',
    }
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    (folder / "sbatch.py").write_text(
        "import os, re, subprocess, sys\nnull = subprocess.DEVNULL\n"
        "script, number = open(sys.argv[1]).read(), sys.argv[2]\n"
        "array = re.search(r'--array=0-(\\d+)', script)\n"
        "for index in range(int(array[1]) + 1) if array else [None]:\n"
        "    name = number if index is None else f'{number}_{index}'\n"
        "    env = os.environ | {'SLURM_JOB_ID': name.replace('_', '0'), 'SLURM_NTASKS': '1'}\n"
        "    if index is not None:\n"
        "        env |= {'SLURM_ARRAY_JOB_ID': number, 'SLURM_ARRAY_TASK_ID': str(index)}\n"
        "    job = subprocess.Popen(['bash', sys.argv[1]], env=env, start_new_session=True, stdout=null, stderr=null)\n"
        f"    open(f'{jobs}/{{name}}', 'w').write(str(job.pid))\n"
        "print('Submitted batch job', number)\n",
        encoding="utf-8",
    )


def on(*names: Any) -> pytest.MarkDecorator:
    """The executors of a test, each of which takes half a minute or more."""
    return pytest.mark.parametrize("begin", names, indirect=True)


@pytest.fixture
def begin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Begin:
    """``begin("retries=0")`` makes the executor, with more options."""
    name = request.param
    if name == "ray":
        address = request.getfixturevalue("cluster").address
        return lambda more: build(EXECUTORS, read(EXECUTORS, f"ray[address={address},{more}]"), None)
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    if name == "slurm":
        folder = tmp_path_factory.mktemp("slurm")
        _slurm(folder)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return lambda more: build(EXECUTORS, read(EXECUTORS, f"slurm[{more}]"), None)
    return lambda more: build(EXECUTORS, read(EXECUTORS, f"slurm[cluster=local,{more}]"), 2)


def process_of(run: Path) -> int | None:
    """The process that works on a run and has trained for a while."""
    line = last_line(run / "metrics.jsonl", Progress)
    try:
        held = json.loads((run / HOLDER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return None if line is None or not 25 <= line.step < STEPS else int(held["process"])


class Killer:
    """Kills the process of the first run that it meets at work, once."""

    def __init__(self, how: Callable[[int], None] = lambda process: os.kill(process, signal.SIGKILL)) -> None:
        self.how, self.killed = how, 0

    def __call__(self, queue: Queue) -> None:
        until = time.monotonic() + 20
        while queue.active and not self.killed and time.monotonic() < until:
            for job in queue.active:
                if not self.killed and (process := process_of(job.folder)) is not None:
                    self.how(process)
                    self.killed = process


@on(pytest.param("ray", marks=pytest.mark.long), pytest.param("slurm", marks=pytest.mark.cluster))
def test_a_killed_worker_is_tried_again(begin: Begin, expected: list[Any], tmp_path: Path) -> None:
    killer = Killer()
    experiment = compare(asked(), tmp_path, on=begin("retries=1"), resume=True, on_change=killer)
    assert killer.killed
    assert ends(experiment) == expected
    assert not list(tmp_path.rglob(TOKEN))


@pytest.mark.cluster
@on("slurm[cluster=local]")
def test_without_retries_a_killed_worker_is_named(begin: Begin, expected: list[Any], tmp_path: Path) -> None:
    experiment = compare(asked(), tmp_path, on=begin("retries=0"), resume=True, on_change=Killer())
    [failure] = [run.failure for run in experiment.runs if run.failure]
    assert "of the run" in failure
    assert ends(compare(asked(), tmp_path, on=begin("retries=0"), resume=True, on_change=nothing)) == expected


@pytest.mark.cluster
@on("slurm", "ray")
def test_stopped_runs_keep_a_checkpoint_and_carry_on(begin: Begin, expected: list[Any], tmp_path: Path) -> None:
    def stop(process: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(asked(), tmp_path, on=begin("retries=1"), resume=True, on_change=Killer(stop))
    assert not [path for path in tmp_path.rglob(".lock") if is_locked(path.parent)]  # nobody works on
    assert list(tmp_path.rglob("model.safetensors"))
    experiment = compare(asked(), tmp_path, on=begin("retries=1"), resume=True, on_change=nothing)
    assert ends(experiment) == expected


@on(pytest.param("slurm[cluster=local]", marks=pytest.mark.long), pytest.param("ray", marks=pytest.mark.cluster))
def test_later_evaluations_and_own_modules(begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the command is found by the workers, and what it fails with is said with its line."""
    (tmp_path / "my_failing_tasks.py").write_text(
        "from lengthwise.tasks.recall.flip_flop import FlipFlop\n"
        "class Failing(FlipFlop):\n"
        "    def sample(self, generator, batch_size, length, split='train'):\n"
        "        if length > 8:\n"
        "            raise ValueError('too long for it')\n"
        "        return super().sample(generator, batch_size, length, split)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = asked(base=BASE | {"task": "my_failing_tasks:Failing"}, seeds=1)
    folder = Path("out")
    experiment = compare(config, folder, on=begin("retries=1"), resume=True, on_change=nothing)
    assert not experiment.runs[0].failure
    more = extended(folder, More(lengths=(16,)))
    experiment = evaluate_more(folder, more, on=begin("retries=1"))
    said = "my_failing_tasks.py, line 5, fails with ValueError: too long for it; correct it there."
    assert experiment.runs[0].failure == said

    run = experiment.runs[0].folder  # as the folder of a single run
    alone = evaluate_more(run, extended(run, More(splits=("dense",))), on=begin("retries=0"))
    assert [run.failure for run in alone.runs] == [said]
    assert ("dense", 8) in {(point.split, point.length) for point in alone.runs[0].points}


@pytest.mark.cluster
def test_after_a_killed_command(cluster: Any, expected: list[Any], tmp_path: Path) -> None:
    """Ray ends the workers of a program that is gone."""
    settings = tmp_path / "settings.json"
    settings.write_text(asked().model_dump_json(), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from lengthwise.experiments.comparison import compare\n"
        "from lengthwise.experiments.config import ComparisonConfig\n"
        "from lengthwise.experiments.executors.ray import Ray\n"
        f"config = ComparisonConfig.model_validate_json(Path({str(settings)!r}).read_text())\n"
        f"compare(config, Path({str(tmp_path / 'out')!r}), on=Ray(address={cluster.address!r}), resume=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    runs = [tmp_path / "out" / "runs" / "softmax+rope" / "rate-0.001" / f"seed-{seed}" for seed in range(2)]
    while not any(map(process_of, runs)):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    on = build(EXECUTORS, read(EXECUTORS, f"ray[address={cluster.address}]"), None)
    assert ends(compare(asked(), tmp_path / "out", on=on, resume=True, on_change=nothing)) == expected


@pytest.mark.cluster
def test_a_node_that_dies(cluster: Any, expected: list[Any], tmp_path: Path) -> None:
    """The other node does its work."""
    lost = next(iter(cluster.worker_nodes))
    killer = Killer(lambda process: cluster.remove_node(lost, allow_graceful=False))
    on = build(EXECUTORS, read(EXECUTORS, f"ray[address={cluster.address},retries=1]"), None)
    experiment = compare(asked(), tmp_path, on=on, resume=True, on_change=killer)
    cluster.add_node(num_cpus=1)
    assert killer.killed
    assert ends(experiment) == expected


# What all executors on other machines do, without any.


KEY = RunKey(Mechanism.parse("softmax"), 1e-3, 0)


class Scripted(Remote):
    """Gives each attempt the next of some outcomes."""

    script: Sequence[Outcome | Lost]

    def __init__(self, *script: Outcome | Lost, at_once: int | None = None, **options: object) -> None:
        super().__init__(at_once, **options)
        self.script, self.sent, self.most, self.stopped = list(script), dict[Job, Attempt](), 0, False

    def submit(self, attempts: Sequence[tuple[Job, Attempt]]) -> None:
        self.sent |= attempts
        self.most = max(self.most, len(self.sent))

    def ended(self) -> Sequence[tuple[Job, Outcome | Lost]]:
        job = next(iter(self.sent))
        del self.sent[job]
        outcome, *self.script = self.script
        if outcome == Outcome(0, "node"):
            (job.folder / "trained.json").write_text("{}", encoding="utf-8")
        return [(job, outcome)]

    def stop(self) -> None:
        self.stopped = True


def jobs(folder: Path, number: int) -> list[Job]:
    made = [Job(KEY, folder / str(index), evaluate=False) for index in range(number)]
    for job in made:
        job.folder.mkdir()
    return made


DONE, GONE = Outcome(0, "node"), Lost("The node of the run died.")


def test_the_lost_are_tried_again_as_often_as_asked(tmp_path: Path) -> None:
    one, two = jobs(tmp_path, 2)
    on = Scripted(GONE, GONE, DONE, GONE, DONE, at_once=1, retries=1)
    seen: list[tuple[int, int, int]] = []
    on.run([one, two], lambda queue: seen.append((len(queue.waiting), len(queue.active), len(queue.done))))
    failure = RunFolder(one.folder).failure
    assert failure == "The node of the run died. It was tried 2 times; --resume tries again."
    assert RunFolder(two.folder).failure is None
    assert on.most == 1
    assert on.stopped
    assert {sum(numbers) for numbers in seen} == {2}
    assert seen[-1] == (0, 0, 2)


def test_a_failure_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    one, two = jobs(tmp_path, 2)
    Scripted(Outcome(1, "node", "It failed so."), DONE).run([one, two], nothing)
    assert RunFolder(one.folder).failure == "It failed so."
    assert not (one.folder / TOKEN).exists()


def test_a_folder_that_is_held_is_told_after_the_others(tmp_path: Path) -> None:
    one, two = jobs(tmp_path, 2)
    with pytest.raises(LockedError):
        Scripted(Outcome(LOCKED, "node"), DONE).run([one, two], nothing)
    assert (two.folder / "trained.json").exists()


def test_results_that_are_not_seen_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Remote, "seen_after", 0)
    [job] = jobs(tmp_path, 1)
    Scripted(Outcome(0, "node7", "elsewhere")).run([job], nothing)
    assert str(RunFolder(job.folder).failure).startswith("node7 has finished, but its results cannot be seen from here")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token": "another"}, "does not see the folder .*; choose one that all nodes share with --out"),
        ({"folder": Path("/nowhere")}, "does not see the folder /nowhere; choose one"),
        ({"directory": Path("/nowhere")}, "does not see the folder /nowhere; start the command where"),
        ({"versions": ("0.0.1", "1.0")}, "and this command runs lengthwise 0.0.1 with torch 1.0; start the command"),
    ],
)
def test_a_worker_that_sees_something_else_refuses(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    [job] = jobs(tmp_path, 1)
    attempt = Attempt.of(job, again=False)
    outcome = Attempt(**(vars(attempt) | change))()
    assert outcome.refused
    with pytest.raises(RunError, match=sentence):
        Scripted(outcome).run([job], nothing)


def test_an_attempt_does_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = RunFolder(tmp_path / "0")
    folder.claim(RunConfig.read(BASE | {"train": BASE["train"] | {"steps": 4}}), resume=False)
    assert Attempt.of(Job(KEY, folder.path, evaluate=True), again=False)().code == 0
    assert folder.finished
    assert (folder.path / "log.txt").exists()


def test_names_and_options() -> None:
    assert str(read(EXECUTORS, "ray[address=10.0.0.1:6379,cpus=2,gpus=0.25]")) == (
        "ray[cpus=2,address=10.0.0.1:6379,gpus=0.25]"
    )
    with pytest.raises(InputError, match="did you mean 'slurm'"):
        read(EXECUTORS, "slrum")
    with pytest.raises(InputError, match="processes has no options"):
        read(EXECUTORS, "processes[cpus=1]")
    with pytest.raises(InputError, match="minutes of slurm is a whole number, at least 1"):
        read(EXECUTORS, "slurm[minutes=0]")


@pytest.mark.parametrize(("on", "extra"), [("ray", "ray"), ("slurm", "slurm")])
def test_a_missing_package_is_named_with_its_extra(on: str, extra: str, tmp_path: Path) -> None:
    module = {"ray": "ray", "slurm": "submitit"}[on]
    command = ["lengthwise", "compare", "flip-flop", "-a", "softmax", "--on", on, "--out", str(tmp_path / "out")]
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv = {command}; from lengthwise.cli import main; main()"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert answer.returncode == 2
    assert f"This command needs {module}; install it with pip install 'lengthwise[{extra}]'." in answer.stderr
    assert not (tmp_path / "out").exists()
