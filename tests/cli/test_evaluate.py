"""Evaluating later: more lengths, splits and metrics of what is trained, and nothing twice."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise.cli import options
from lengthwise.cli.progress import RunProgress
from lengthwise.evaluation import Point
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, load_model, train_run

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")

METRIC = '''
from lengthwise.tasks import Metric

class Wrong(Metric):
    """How many answers are wrong."""
    name, unit, better = "wrong", "answers", "lower"

    def of(self, answered):
        return answered.per_example(1 - answered.reply.right.double()), answered.scored

class Broken(Metric):
    """A metric that fails."""
    name, unit, better = "broken", "", "lower"

    def of(self, answered):
        return 1 / 0
'''


def settings(mechanism: str, lengths: str = "8,16") -> list[str]:
    small = {"train.steps": 3, "train.length": 8, "train.batch_size": 4, "train.device": '"cpu"', "model.dim": 16}
    small |= {"model.layers": 1, "evaluate.sequences": 4, "model.mechanism": json.dumps(mechanism)}
    evaluated = [f"evaluate.lengths=[{lengths}]", 'evaluate.splits=["validation"]']
    return [f"{key}={value}" for key, value in small.items()] + evaluated


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = RunFolder(tmp_path_factory.mktemp("whole") / "run")
    folder.claim(options.resolve("flip-flop", None, settings("softmax+yarn")), resume=False)
    train_run(folder)
    evaluate_run(folder)
    return folder.path


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def lines(folder: Path) -> list[str]:
    return (folder / "evaluation.jsonl").read_text(encoding="utf-8").splitlines()


def test_more_is_added_without_training(lengthwise: Call, run: Path) -> None:
    before, weights = lines(run), {path: path.read_bytes() for path in run.rglob("*.safetensors")}
    answer = lengthwise("evaluate", run, "--lengths", "32", "--split", "sparse")
    assert answer.code == 0, answer.error
    assert "Report: " in answer.out
    assert lines(run)[:2] == before
    folder = RunFolder(run)
    assert [(p.length, p.split) for p in folder.read().points] == [
        (length, split) for length in (8, 16, 32) for split in ("validation", "sparse")
    ]
    assert folder.finished
    assert (run / "report.html").exists()
    assert weights == {path: path.read_bytes() for path in run.rglob("*.safetensors")}
    written = lines(run)
    assert lengthwise("evaluate", run, "--lengths", "32").code == 0
    assert lines(run) == written, "nothing is measured twice"


def test_a_list_of_an_options_values_is_a_split_for_each(lengthwise: Call, run: Path) -> None:
    answer = lengthwise("evaluate", run, "--split", "validation[ignore=0.1|0.9]")
    assert answer.code == 0, answer.error
    splits = ["validation", "validation[ignore=0.1]", "validation[ignore=0.9]"]
    assert [p.split for p in RunFolder(run).read().points] == 2 * splits
    assert "Exact match by tokens and ignore on flip-flop, validation data" in answer.out
    for option in ("size=3:1", "ignore=0.1:0.5", "size=2:4"):
        answer = lengthwise("evaluate", run, "--split", f"validation[{option}]")
        assert answer.code == 2
        assert "range" in answer.error or "no option" in answer.error


def test_a_longer_evaluation_is_the_same_model(lengthwise: Call, run: Path) -> None:
    assert load_model(run).config.reach == 16
    assert lengthwise("evaluate", run, "--lengths", "64").code == 0
    held = json.loads((run / "config.json").read_text(encoding="utf-8"))["config"]["model"]
    assert (held["context"], held["reach"]) == (8, 16)
    assert load_model(run).config.reach == 16


def test_a_folder_that_does_not_say_how_far_it_reaches_stays_the_same_model(lengthwise: Call, run: Path) -> None:
    held = json.loads((run / "config.json").read_text(encoding="utf-8"))
    for name in ("context", "reach", "marks"):
        held["config"]["model"][name] = None
    del held["config"]["evaluate"]["metrics"]
    (run / "config.json").write_text(json.dumps(held), encoding="utf-8")
    assert lengthwise("evaluate", run, "--lengths", "64").code == 0
    assert load_model(run).config.reach == 16


def test_a_resumed_run_may_be_evaluated_otherwise(lengthwise: Call, run: Path) -> None:
    before = lines(run)

    def resumed(*more: str, lengths: str = "8,16") -> Any:
        given = [f"--set={each}" for each in (*settings("softmax+yarn", lengths), *more)]
        return lengthwise("run", "flip-flop", *given, "--out", run, "--resume")

    assert resumed(lengths="16,128").code == 0
    assert lines(run)[:2] == before
    assert len(lines(run)) == 3
    assert [point.length for point in RunFolder(run).read().points] == [16, 128]
    assert len(RunFolder(run).points) == 3  # what is no longer asked for is kept
    assert resumed().code == 0
    assert len(lines(run)) == 3
    assert resumed("evaluate.sequences=2").code == 0
    assert [json.loads(line)["sequences"] for line in lines(run)] == [4, 4, 4, 2, 2]
    assert [point.sequences for point in RunFolder(run).read().points] == [2, 2]
    answer = resumed("model.reach=4096")
    assert answer.code == 2
    assert "model.reach is 16 there, 4096 here" in answer.error


def test_a_metric_is_measured_where_it_is_not_yet(
    lengthwise: Call, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "later_metrics.py").write_text(METRIC, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = RunFolder(run).points
    answer = lengthwise("evaluate", run, "--metric", "later_metrics:Wrong")
    assert answer.code == 0, answer.error
    after = RunFolder(run).read().points
    for old, new in zip(before, after, strict=True):
        assert new.values == old.values | {"wrong": new.values["wrong"]}
        assert (new.layers, new.right) == (old.layers, old.right)
        right = old.values["token_accuracy"]
        assert new.values["wrong"].numerator == right.weight - right.numerator
    assert '<h2 id="wrong">Wrong</h2>' in (run / "report.html").read_text(encoding="utf-8")
    assert len(lines(run)) == 4
    assert lengthwise("evaluate", run, "--lengths", "32").code == 0
    assert len(lines(run)) == 5
    answer = lengthwise("evaluate", run, "--metric", "later_metrics:Broken")
    assert answer.code == 2
    assert "later_metrics.py, line 16, fails with ZeroDivisionError" in answer.error
    assert RunFolder(run).finished, "what cannot be measured is not asked for"


WRONG = {
    "no such split": (["--split", "sparce"], "There is no split of flip-flop called 'sparce'; did you mean 'sparse'?"),
    "no such length": (["--lengths", "7"], "its length must be even and 4 or more, got 7"),
    "no such metric": (
        ["--metric", "exact_mach"],
        "There is no metric called 'exact_mach'; did you mean 'exact_match'?",
    ),
    "measured anyway": (["--metric", "exact_match"], "The metric 'exact_match' is measured anyway; drop 'exact_match'"),
    "of sets": (["--metric", "ordering"], "A task of sequences has no item that holds the answer"),
    "no metric": (["--metric", "lengthwise.tasks:Task"], "is not a metric: it must be a subclass of Metric"),
    "no whole metric": (["--metric", "lengthwise.tasks:Share"], "is an incomplete metric: it has no 'of'"),
    "not of the evaluation": (["--set", "train.steps=9"], "train is fixed once a run begins"),
    "no such setting": (["--set", "evaluate.sequence=9"], "did you mean 'evaluate.sequences'"),
}


@pytest.mark.parametrize(("given", "sentence"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_is_said_and_changes_nothing(
    lengthwise: Call, whole: Path, given: list[str], sentence: str
) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    answer = lengthwise("evaluate", whole, *given)
    assert answer.code == 2
    assert sentence in answer.error
    assert before == {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("task", "mechanism", "longer", "sentence"),
    [
        ("flip-flop", "softmax+rope+randomised", "32", "'randomised' has numbers for 16 tokens, and a sequence has 32"),
        ("addition", "softmax+learned+coupled", "60", "'coupled' has numbers for marks up to"),
    ],
)
def test_a_length_that_a_numbering_cannot_hold_is_said(
    lengthwise: Call, tmp_path: Path, task: str, mechanism: str, longer: str, sentence: str
) -> None:
    lengths = "8,16" if task == "flip-flop" else "12,18"
    given = [each.replace("train.length=8", "train.length=12") if task == "addition" else each
             for each in settings(mechanism, lengths)]  # fmt: skip
    folder = RunFolder(tmp_path / "run")
    folder.claim(options.resolve(task, None, given), resume=False)
    answer = lengthwise("evaluate", folder.path, "--lengths", lengths)
    assert "is not trained yet; carry on with lengthwise run --resume first" in answer.error
    train_run(folder)
    answer = lengthwise("evaluate", folder.path, "--lengths", longer)
    assert answer.code == 2
    assert f"The model cannot hold a length of {longer}: {sentence}" in answer.error


def test_of_a_comparison_the_finalists_are_evaluated(lengthwise: Call, tmp_path: Path) -> None:
    given = [f"--set={each}" for each in settings("softmax") if not each.startswith("model.mechanism")]
    command: list[Any] = [
        "compare",
        "flip-flop",
        "-a",
        "softmax",
        "-a",
        "softmax+alibi",
        "--learning-rates",
        "1e-3,1e-2",
        *given,
    ]
    command += ["--out", tmp_path / "both"]
    assert lengthwise("evaluate", tmp_path / "both").code == 2
    assert lengthwise(*command).code == 0
    files = {path: path.read_bytes() for path in tmp_path.rglob("evaluation.jsonl")}
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("trained.json")}
    assert (len(files), len(trained)) == (2, 4)
    answer = lengthwise("evaluate", tmp_path / "both", "--lengths", "32", "--split", "dense", "--jobs", 1)
    assert answer.code == 0, answer.error
    assert trained == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("trained.json")}
    for path, before in files.items():
        assert path.read_bytes().startswith(before)
        assert len(path.read_bytes().splitlines()) == 6
    assert len(list(tmp_path.rglob("evaluation.jsonl"))) == 2
    rows = [line.split("\t") for line in lengthwise("runs", tmp_path).out.splitlines()]
    assert rows[0][2] == "2 of 2 runs finished"
    answer = lengthwise(*command, "--resume")  # which asks for less again
    assert answer.code == 0, answer.error
    assert [len(path.read_bytes().splitlines()) for path in files] == [6, 6]


def test_what_is_stopped_is_carried_on(lengthwise: Call, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(progress: RunProgress, point: Point) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(RunProgress, "evaluated", stop)
        answer = lengthwise("evaluate", run, "--lengths", "32,64")
    assert answer.code == 130
    assert "Repeat the command to measure the missing points." in answer.error
    before = lines(run)
    assert len(before) == 3
    assert not RunFolder(run).finished
    assert lengthwise("runs", run.parent).out.split("\t")[2] == "trained, 3 of 4 points evaluated"
    assert lengthwise("evaluate", run, "--lengths", "32,64").code == 0
    assert lines(run)[:3] == before
    assert len(lines(run)) == 4
