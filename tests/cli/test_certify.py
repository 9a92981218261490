"""``lengthwise certify``: from a trained run to a proof, to its check, and to what is no proof."""

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lengthwise.certify.checker import BrokenError, replay
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.start import trained_weights
from lengthwise.models import build
from lengthwise.training.checkpoint import Checkpoint

Call = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("undrawn")
SMALL = [
    *("--steps", "100", "--length", "8", "--lengths", "8", "--learning-rate", "1e-2", "--set", "model.dim=16"),
    *("--set", "model.layers=1", "--set", "model.heads=2", "--set", "train.batch_size=8"),
    *("--set", "evaluate.sequences=8", "--set", "train.device=cpu"),
]
ANNEALED = "threshold-relative[anneal=12]"


@pytest.fixture
def begin(lengthwise: Call, tmp_path: Path) -> Call:
    """Train a small decoder, and return its folder."""

    def run(task: str, *options: str, mechanism: str = ANNEALED) -> Path:
        folder = tmp_path / f"{task}-{len(options)}"
        answer = lengthwise("run", task, "-a", mechanism, *SMALL, *options, "--out", folder)
        assert answer.code == 0, answer.error
        return folder

    return run


@pytest.fixture
def proved(begin: Call, lengthwise: Call) -> Path:
    """A run that is proved right."""
    folder: Path = begin("tomita-2")
    answer = lengthwise("certify", folder)
    assert answer.code == 0, answer.out
    assert "Proved: it answers rightly after every sequence of tomita-2, whatever its length." in answer.out
    assert "logits differ by" in answer.out  # from those of the limit
    return folder


def test_a_proof_is_written_and_verified(proved: Path, lengthwise: Call) -> None:
    certificate = json.loads((proved / "certificate.json").read_text(encoding="utf-8"))
    assert certificate["verdict"] == "proved"
    assert certificate["model"]["mechanism"] == ANNEALED
    assert certificate["model"]["sha256"] == trained_weights(proved).sha256
    assert certificate["agreement"]["largest"] < 0.1
    assert 0 < certificate["soft_margin"] < certificate["smallest_margin"]
    assert len(certificate["assumptions"]) == 2
    answer = lengthwise("certify", "--verify", proved / "certificate.json")
    assert answer.code == 0, answer.out
    assert answer.out.startswith("Verified: proved; for gates as trained, no margin is below ")
    here = replay(proved / "certificate.json", trained_weights(proved).weights).soft_margin
    assert here == pytest.approx(certificate["soft_margin"], rel=0.02)  # by code of its own


def test_the_limit_is_proved_to_the_last_bit(begin: Call, lengthwise: Call) -> None:
    folder = begin("tomita-2", mechanism="newest-kept")
    answer = lengthwise("certify", folder)
    assert answer.code == 0, answer.out
    assert "the same bits on" in answer.out
    assert lengthwise("certify", "--verify", folder / "certificate.json").out.startswith("Verified: proved; for gates")


def test_gates_that_were_not_annealed_are_no_gates_of_zero(begin: Call, lengthwise: Call) -> None:
    folder = begin("tomita-2", mechanism="threshold-relative")
    answer = lengthwise("certify", folder)
    assert answer.code == 1
    certificate = folder / "certificate.json"
    claimed = json.loads(certificate.read_text(encoding="utf-8")) | {"verdict": "proved", "soft_margin": None}
    certificate.write_text(json.dumps(claimed), encoding="utf-8")
    verified = lengthwise("certify", "--verify", certificate)
    assert verified.code == 1
    assert "does not hold for the gates that the network has" in verified.out + verified.error
    assert "Undecided. Its limit is proved, but not the network with the gates that it has. Layer 1" in answer.out
    assert "Anneal them further." in answer.out


def test_the_page_shows_the_automaton_and_what_training_saw(proved: Path) -> None:
    page = (proved / "certificate.html").read_text(encoding="utf-8")
    assert "<h1>tomita-2: proved</h1>" in page
    assert page.count('class="node"') == 3  # the start, and the two states of (10)*
    assert "&lt;begin&gt; 1" in page
    coverage = json.loads((proved / "certificate.json").read_text(encoding="utf-8"))["coverage"]
    assert 100 * 8 < coverage["tokens"] <= 100 * 8 * 9  # lengths vary
    assert coverage["states"] > 1


def test_the_table_answers_as_the_network_does(begin: Call, lengthwise: Call, tmp_path: Path) -> None:
    folder, table = begin("parity"), tmp_path / "parity_table.py"
    assert lengthwise("certify", folder, "--compile", table).code == 1
    module: dict[str, Any] = {}
    exec(table.read_text(encoding="utf-8"), module)
    config = RunFolder(folder).config
    batch = config.build_task().sample(torch.Generator().manual_seed(0), 64, 8, "validation")
    model = build(config.vary(model={"mechanism": "newest-kept"}).sized_model)
    trained_weights(folder).load_model(model)
    with torch.no_grad():
        said = model.eval()(batch[0]).logits.argmax(-1)
    for tokens, answers, scored in zip(batch[0].tolist(), said.tolist(), batch.scored.tolist(), strict=True):
        # A sequence goes on with the right answer, whatever the network says.
        assert [a for a in module["read"](tokens) if a is not None] == [
            a for a, s in zip(answers, scored, strict=True) if s
        ]


def test_a_wrong_network_is_refuted_by_the_shortest_input(begin: Call, lengthwise: Call) -> None:
    folder = begin("parity", mechanism="newest-kept")
    answer = lengthwise("certify", folder)
    assert answer.code == 1
    assert "Refuted: no shorter input is answered wrongly than these" in answer.out
    assert "tokens: <begin>" in answer.out
    assert lengthwise("certify", "--verify", folder / "certificate.json").out == "Verified: refuted.\n"


def test_a_search_that_ends_early_is_undecided(begin: Call, lengthwise: Call) -> None:
    folder = begin("tomita-2")
    answer = lengthwise("certify", folder, "--states", "2")
    assert answer.code == 1
    assert "Undecided. Layer 1 of 1: A layer has more than 2 states." in answer.out
    assert lengthwise("certify", "--verify", folder / "certificate.json").out.startswith("Verified: undecided")


def test_all_networks_of_a_comparison_are_certified_and_its_report_says_so(lengthwise: Call, tmp_path: Path) -> None:
    folder, small = tmp_path / "both", [*SMALL[:6], "--learning-rates", *SMALL[7:]]
    mechanisms = ["-a", "newest-kept", "-a", "softmax"]
    assert lengthwise("compare", "tomita-2", *mechanisms, *small, "--seeds", "2", "--out", folder).code == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "No network is certified yet" in page
    answer = lengthwise("certify", folder)
    assert answer.code == 0, answer.out
    assert answer.out.count("Proved: it answers rightly") == 2
    assert "newest-kept, seed 1\n" in answer.out
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "certified yet" not in page
    links = re.findall(r'href="(runs/newest-kept/\S+/certificate.html)">proved<', page)
    assert len(links) == 2
    assert all((folder / link).exists() for link in links)
    assert "--compile needs the folder of one of its runs" in lengthwise("certify", folder, "--compile", "x.py").error
    shutil.rmtree(folder / "runs" / "newest-kept")
    assert "has no trained run of newest-kept or threshold-relative" in lengthwise("certify", folder).error


def test_a_certificate_of_earlier_weights_is_none(proved: Path, lengthwise: Call) -> None:
    newest = Checkpoint.newest(proved / "checkpoint")
    assert newest is not None
    weights = load_file(newest.weights)
    weights["head.weight"][0, 0] += 1
    save_file(weights, newest.weights)
    assert lengthwise("report", proved).code == 0
    assert "No network is certified yet" in (proved / "report.html").read_text(encoding="utf-8")


def test_a_damaged_certificate_is_one_sentence_and_is_written_again(proved: Path, lengthwise: Call) -> None:
    for text in ("{}", "half of a fi", '{"verdict": "undecided", "model": {}, "task": {}}'):
        (proved / "certificate.json").write_text(text, encoding="utf-8")
        answer = lengthwise("report", proved)
        assert answer.code == 2
        assert "certificate.json" in answer.error
        assert "Certify the run again." in answer.error
    assert lengthwise("certify", proved).code == 0
    assert lengthwise("report", proved).code == 0


def replayed(folder: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """Verify the certificate of a run after a change."""
    file = folder / "certificate.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    change(tree)
    changed = folder / "changed.json"
    changed.write_text(json.dumps(tree), encoding="utf-8")
    return replay(changed, trained_weights(folder).weights).verdict


def test_every_changed_move_and_recipe_is_caught(proved: Path) -> None:
    replayed(proved, lambda tree: None)
    level = json.loads((proved / "certificate.json").read_text(encoding="utf-8"))["levels"][0]
    states, made = len(level["moves"]), len(level["recipes"])
    places = [(state, token, part) for state, row in enumerate(level["moves"]) for token in row for part in (0, 1)]
    assert len(places) > 4
    for state, token, part in places:

        def turn(tree: dict[str, Any], state: int = state, token: str = token, part: int = part) -> None:
            move = tree["levels"][0]["moves"][state][token]
            move[part] = (move[part] + 1) % (made if part else states)

        with pytest.raises(BrokenError):
            replayed(proved, turn)
    for at in range(made):

        def other(tree: dict[str, Any], at: int = at) -> None:
            recipe = tree["levels"][0]["recipes"][at]
            recipe[1] = -1 if recipe[1] != -1 else 0

        with pytest.raises(BrokenError, match="another vector"):
            replayed(proved, other)


def test_changed_verdicts_tasks_and_moves_that_are_missing_are_caught(proved: Path) -> None:
    def leave_out(tree: dict[str, Any]) -> None:
        tree["levels"][0]["moves"][1].popitem()

    with pytest.raises(BrokenError, match="the machine is proved"):
        replayed(proved, lambda tree: tree.update(verdict="refuted"))
    with pytest.raises(BrokenError, match="not those that the task allows"):
        replayed(proved, leave_out)
    with pytest.raises(BrokenError, match="the machine is refuted"):
        replayed(
            proved, lambda tree: tree["task"].update(answers=[0 if a == 1 else a for a in tree["task"]["answers"]])
        )


def test_a_layer_that_begins_elsewhere_or_is_left_out_is_caught(proved: Path) -> None:
    """A machine that begins in another state is that of an easier task; a network without its layers is another one."""

    def begin(tree: dict[str, Any], claim: str) -> None:
        tree["levels"][0][claim][0] = 1

    for claim in ("under", "merged"):
        with pytest.raises(BrokenError, match="does not begin in the state in which the machine below begins"):
            replayed(proved, partial(begin, claim=claim))
    with pytest.raises(BrokenError, match="The certificate has 0 layers, and the network 1"):
        replayed(proved, lambda tree: tree.update(levels=[]))


@pytest.mark.parametrize(("part", "what"), [("task", "task"), ("model", "network")])
def test_a_certificate_of_something_else_is_caught(part: str, what: str, proved: Path, lengthwise: Call) -> None:
    """Or a proof about an easy task would stand beside a run of a hard one."""
    file = proved / "certificate.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    tree[part] |= {"answers": [None]} if part == "task" else {"threshold": 0.5}
    file.write_text(json.dumps(tree), encoding="utf-8")
    answer = lengthwise("certify", "--verify", file)
    assert answer.code == 1
    assert f"Not verified. The certificate is about another {what} than that of the run." in answer.out


def test_changed_weights_are_caught(proved: Path, lengthwise: Call, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(proved, copy)
    newest = Checkpoint.newest(copy / "checkpoint")
    assert newest is not None
    weights = load_file(newest.weights)
    column = int(weights["head.weight"].abs().sum(0).argmax())
    weights["head.weight"][:, column] *= -1
    save_file(weights, newest.weights)
    answer = lengthwise("certify", "--verify", copy / "certificate.json")
    assert answer.code == 1
    assert "Not verified. The weights are not those that the certificate is about." in answer.out

    def with_its_hash(tree: dict[str, Any]) -> None:
        tree["model"]["sha256"] = newest.sha256

    weights["head.weight"] = torch.roll(weights["head.weight"], 1, 0)
    save_file(weights, newest.weights)
    with pytest.raises(BrokenError, match="the machine is refuted"):
        replayed(copy, with_its_hash)


def test_softer_gates_than_those_that_were_certified_are_caught(proved: Path) -> None:
    newest = Checkpoint.newest(proved / "checkpoint")
    assert newest is not None
    weights = load_file(newest.weights)
    weights["blocks.0.attention.weights.annealed"].zero_()
    save_file(weights, newest.weights)
    with pytest.raises(BrokenError, match=r"gates that the network has: layer 1|a margin of logits may be"):
        replayed(proved, lambda tree: tree["model"].update(sha256=newest.sha256))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Give the folder of a run, or --verify"),
        (["nowhere"], "nowhere holds no run"),
        (["--verify", "nowhere/certificate.json"], "nowhere holds no run"),
    ],
)
def test_what_is_asked_must_be_there(arguments: list[str], sentence: str, lengthwise: Call) -> None:
    assert sentence in lengthwise("certify", *arguments).error


def test_what_is_no_automaton_is_refused(begin: Call, lengthwise: Call) -> None:
    copy = begin("copy", "--steps", "2")
    assert "copy is no finite machine" in lengthwise("certify", copy).error
    softmax = begin("tomita-2", "--steps", "2", mechanism="softmax")
    assert "'softmax' cannot be certified" in lengthwise("certify", softmax).error
    (softmax / "certificate.json").write_text("{}", encoding="utf-8")
    assert "'softmax' cannot be certified" in lengthwise("certify", "--verify", softmax / "certificate.json").error
    hard = begin("tomita-2", "--steps", "2", "--length", "8")
    (hard / "certificate.json").write_text("{}", encoding="utf-8")
    assert "is no certificate that can be read" in lengthwise("certify", "--verify", hard / "certificate.json").error
