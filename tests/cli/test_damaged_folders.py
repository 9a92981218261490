"""A file that holds something else than lengthwise writes is named in one sentence, whichever verb reads its folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lengthwise.cli.options import resolve, resolve_comparison
from lengthwise.errors import LengthwiseError
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.manifest import claim
from lengthwise.experiments.prerequisites import prerequisites
from lengthwise.experiments.run import evaluate_run, load_model, train_run
from lengthwise.lock import HOLDER, LockedError
from lengthwise.probes.config import ProbeConfig
from lengthwise.probes.folder import check

Call = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("undrawn")

RATE = 0.001
SMALL = {
    "model.dim": 16,
    "train.length": 8,
    "train.shortest": 8,
    "train.steps": 4,
    "train.batch_size": 4,
    "train.checkpoint_every": 2,
    "train.device": "cpu",
    "evaluate.lengths": [8, 16],
    "evaluate.sequences": 4,
}
SETTINGS = [f"{key}={json.dumps(value)}" for key, value in SMALL.items()]
INSIDE = f"runs/softmax/rate-{RATE}/seed-0"
STATE = "checkpoint/step-00000004/state.json"
READ = {
    "report": ("config.json", "trained.json", "failure.json", "metrics.jsonl", "evaluation.jsonl"),
    "run": ("config.json", "trained.json", "result.json", "metrics.jsonl", "evaluation.jsonl"),
    "train": ("config.json", "metrics.jsonl", STATE),
    "load": ("config.json", STATE),
    "compare": ("comparison.json", *(f"{INSIDE}/{name}" for name in ("config.json", "trained.json", "result.json"))),
    "report of a comparison": ("comparison.json", f"{INSIDE}/config.json", f"{INSIDE}/evaluation.jsonl"),
}
CONTENTS = ["[]", "{}", "3", '"x"', "null", '{"config": 3}', "[" * 100_000, "a key is gone", "a value is no value"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of one run, with all files that there can be."""
    folder = tmp_path_factory.mktemp("whole")
    compared = resolve_comparison("argmax-retrieval", None, SETTINGS, mechanisms=["softmax"], learning_rates=[RATE])
    claim(folder, "comparison.json", compared, resume=False)
    run = RunFolder(folder / INSIDE)
    run.claim(compared.run("softmax", RATE, 0), resume=False)
    train_run(run)
    evaluate_run(run)
    run.failure = "The power went."
    return folder


def _damage(path: Path, content: str) -> None:
    first, *others = (
        path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text(encoding="utf-8")]
    )
    if content.startswith("a "):
        tree = json.loads(first)
        key = next(iter(tree))
        tree = {**tree, key: [["no value"]]} if "value" in content else {k: v for k, v in tree.items() if k != key}
        content = json.dumps(tree)
    path.write_text("\n".join([content, *others, ""]), encoding="utf-8")


def _ask(verb: str, lengthwise: Callable[..., Any], folder: Path) -> str:
    """What the verb says that is wrong."""
    settings = [f"--set={setting}" for setting in SETTINGS]
    own = {
        "run": ["run", "argmax-retrieval", "-a", "softmax", "--learning-rate", RATE],
        "compare": ["compare", "argmax-retrieval", "-a", "softmax", "--learning-rates", RATE],
    }
    if verb == "load":
        with pytest.raises(LengthwiseError) as caught:
            load_model(folder)
        return str(caught.value)
    if verb == "train":
        for name in ("trained.json", "result.json"):
            (folder / name).unlink()
    if verb.startswith("report"):
        answer = lengthwise("report", folder)
    else:
        answer = lengthwise(*own["compare" if verb == "compare" else "run"], *settings, "--resume", "--out", folder)
    assert answer.code == 2, answer.out
    return str(answer.error)


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content[:20])
@pytest.mark.parametrize(("verb", "name"), [(verb, name) for verb, names in READ.items() for name in names])
def test_one_sentence(
    lengthwise: Callable[..., Any], whole: Path, tmp_path: Path, verb: str, name: str, content: str
) -> None:
    comparison = "compar" in verb
    shutil.copytree(whole if comparison else whole / INSIDE, tmp_path / "folder")
    _damage(tmp_path / "folder" / name, content)
    said = _ask(verb, lengthwise, tmp_path / "folder")
    assert f"{name} is damaged: " in said
    assert any(remedy in said for remedy in ("Delete", "put a copy"))
    assert said.strip().endswith(".")


@pytest.mark.parametrize("name", ["trained.json", "metrics.jsonl", "evaluation.jsonl", "result.json", STATE])
def test_the_remedy_helps(lengthwise: Callable[..., Any], whole: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(whole / INSIDE, folder)
    before = RunFolder(folder).points
    if name == STATE:
        shutil.rmtree((folder / name).parent)
        (folder / "trained.json").unlink()
    (folder / name).unlink(missing_ok=True)
    run = RunFolder(folder)
    train_run(run)
    evaluate_run(run)
    assert run.finished
    assert [(point.length, point.values) for point in run.points] == [(point.length, point.values) for point in before]
    assert lengthwise("report", folder).code == 0


def test_a_line_that_is_whole_is_never_dropped(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / INSIDE, tmp_path / "folder")
    metrics = tmp_path / "folder" / "metrics.jsonl"
    metrics.write_text("{\n" + metrics.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(LengthwiseError, match=r"Line 1 of .*metrics\.jsonl is damaged: it is no JSON"):
        RunFolder(tmp_path / "folder").read()


def test_a_point_says_of_each_sequence_whether_it_is_right(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / INSIDE, tmp_path / "folder")
    points = tmp_path / "folder" / "evaluation.jsonl"
    for right in ("f", "zz", "0000"):
        line = json.loads(points.read_text(encoding="utf-8").splitlines()[0]) | {"right": right}
        points.write_text(json.dumps(line) + "\n", encoding="utf-8")
        with pytest.raises(LengthwiseError, match=f"right is '{right}' and no 2 hexadecimal digits. Delete it"):
            RunFolder(tmp_path / "folder").read()


def test_what_is_damaged_in_a_teacher_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "folder")
    taught = resolve("flip-flop", None, ["model.mechanism=softmax+calibrated"])
    run.claim(taught, resume=False)
    first = prerequisites(taught).model
    assert first is not None
    run.first.claim(first, resume=False)
    (run.first.path / "trained.json").write_text("[]", encoding="utf-8")
    with pytest.raises(LengthwiseError, match=r"teacher/trained.json is damaged: it is \[\]: input should be"):
        train_run(run)


@pytest.mark.parametrize("content", ["[]", "{}", "3", '"x"', "null", '{"config": 3}', "{"])
def test_a_probe_names_what_it_held_before(tmp_path: Path, content: str) -> None:
    (tmp_path / "probe.json").write_text(content, encoding="utf-8")
    with pytest.raises(LengthwiseError, match=r"probe\.json is damaged: .* Delete it, or choose another folder"):
        check(tmp_path, ProbeConfig.read({"model": "any"}))


@pytest.mark.parametrize("content", ["[]", '{"process": []}', "{"])
def test_a_lock_needs_not_know_its_holder(tmp_path: Path, content: str) -> None:
    (tmp_path / HOLDER).write_text(content, encoding="utf-8")
    assert str(LockedError(tmp_path)).startswith("Another process is writing into")


def test_a_configuration_that_cannot_be_used_names_its_file(
    lengthwise: Callable[..., Any], whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole / INSIDE, tmp_path / "folder")
    config = tmp_path / "folder" / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"steps": 4', '"steps": "many"'), encoding="utf-8")
    said = lengthwise("report", tmp_path / "folder").error
    assert "config.json cannot be used: The setting train.steps cannot be 'many'" in said


def test_a_table_without_rows_is_not_written(whole: Path, tmp_path: Path, lengthwise: Call) -> None:
    folder = shutil.copytree(whole, tmp_path / "cut")
    (folder / INSIDE / "evaluation.jsonl").write_text('{"split": "vali', encoding="utf-8")
    answer = lengthwise("export", folder, "--csv")
    assert answer.code == 2
    assert f"{folder} has no results yet" in answer.error
