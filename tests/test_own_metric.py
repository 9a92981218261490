"""The page on adding a metric: its example works as it stands, from training to the page of the report."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fresh import python

pytestmark = pytest.mark.long

PAGE = (Path(__file__).parents[1] / "docs" / "how-to-task.md").read_text(encoding="utf-8")
TASK, METRIC = (
    text
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    if "class Delay" in text or "class Distance" in text
)
(COMMAND,) = re.findall(r"^lengthwise (compare my_metrics.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The comparison by a metric of one's own, with less to train, and what it prints."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "my_tasks.py").write_text(TASK, encoding="utf-8")
    (folder / "my_metrics.py").write_text(METRIC, encoding="utf-8")
    small = "--seeds 2 --steps 4 --learning-rates 1e-3,1e-2 --length 16 --lengths 16,32,64 --set model.dim=16 --out out"
    text = python(folder, "-m", "lengthwise", *COMMAND.split(), *small.split(), "--set", "evaluate.sequences=8")
    return folder, " ".join(text.split())


def _distances(folder: Path, mechanism: str) -> list[dict[int, float]]:
    """By length, seed by seed, at the chosen learning rate: the only one that is evaluated."""
    found = []
    for file in sorted((folder / "out" / "runs" / mechanism).glob("*/*/evaluation.jsonl")):
        points = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        found.append({point["length"]: point["values"]["distance"]["value"] for point in points})
        for point in points:
            distance = point["values"]["distance"]
            assert distance["value"] == pytest.approx(distance["numerator"] / distance["weight"])
            assert distance["low"] <= distance["value"] <= distance["high"]
            assert distance["weight"] == 8 * (point["length"] - 2)
            assert set(point["values"]) == {"distance", "exact_match", "loss"}
            assert point["right"] is None
    return found


def test_the_learning_rate_has_the_shortest_distance(judged: tuple[Path, str]) -> None:
    for mechanism in ("softmax+rope", "softmax+alibi"):
        distances = {}
        for file in (judged[0] / "out" / "runs" / mechanism).glob("*/seed-0/trained.json"):
            values = json.loads(file.read_text(encoding="utf-8"))["validation"]["values"]
            distances[file.parent.parent] = values["distance"]["value"], values["loss"]["value"]
        assert len(distances) == 2
        chosen = min(distances, key=distances.__getitem__)
        assert (chosen / "seed-1").exists()
        assert len(list(chosen.parent.glob("*/seed-1"))) == 1


def test_a_metric_of_ones_own_is_what_the_terminal_says(judged: tuple[Path, str]) -> None:
    folder, text = judged
    rope, alibi = (_distances(folder, name) for name in ("softmax+rope", "softmax+alibi"))
    assert "Distance on my_metrics:Near, steps" in text
    for name, seeds in (("softmax+rope", rope), ("softmax+alibi", alibi)):
        row = " ".join(f"{sum(seed[length] for seed in seeds) / 2:#.3g}" for length in (16, 32, 64))
        assert f" {name} {row} " in text
    assert "Distance of the others minus that of softmax+rope, steps, paired by seed" in text
    ahead = [sum(theirs[n] - mine[n] for mine, theirs in zip(rope, alibi, strict=True)) / 2 for n in (16, 32, 64)]
    row = " ".join(f"{of:+#.3g}".replace("-", "−") if of else "0.0" for of in ahead)
    assert f" softmax+alibi {row} " in text.split("paired by seed")[1]
    assert "softmax+rope against softmax+alibi, at 64 tokens: undecided. 2 pairs" in text
    assert "%" not in text.split("The claim holds")[0].replace("95 % interval", "interval")


def test_a_metric_of_ones_own_is_what_the_page_says(judged: tuple[Path, str]) -> None:
    folder, _ = judged
    page = html.unescape((folder / "out" / "report.html").read_text(encoding="utf-8"))
    seeds = _distances(folder, "softmax+rope")
    means = {length: sum(seed[length] for seed in seeds) / 2 for length in (16, 32, 64)}
    worse = next((length for length in (32, 64) if means[length] > 1.1 * means[16]), None)
    where = f"first 10 % worse at {worse}" if worse else "at no longer length 10 % worse"
    assert (
        f"has a distance of {means[16]:#.3g} steps at 16 tokens, its training length, and of {means[64]:#.3g} steps at "
        f"64 tokens, 4 times its training length, in the mean of 2 seeds, and is {where}."
    ) in page
    assert '<h2 id="distance">Distance</h2>' in page
    assert "The mean distance of answers from the right answers, over all scored tokens." in page
    assert "<strong>softmax+rope</strong> has a lower distance than another mechanism at" in page
    assert "95 % interval over sequences, by bootstrap" in page
    assert '<h2 id="exact-match">Exact match</h2>' in page
    shown = {path.stem for path in (folder / "out" / "figures").glob("*.svg")}
    assert shown == {"distance", "exact_match", "paired", "attention", "training_loss"}
    assert "distance (steps)" in (folder / "out" / "figures" / "distance.svg").read_text(encoding="utf-8")
    assert "steps ahead" in (folder / "out" / "figures" / "paired.svg").read_text(encoding="utf-8")


def test_runs_and_progress_say_a_metric_of_ones_own(judged: tuple[Path, str]) -> None:
    folder, _ = judged
    lines = python(folder, "-m", "lengthwise", "runs", "out").splitlines()
    rows = [line.split("\t") for line in lines if "finished" in line and "comparison" not in line]
    assert len(rows) == 4
    for name, mechanism, _, number in rows:
        seed = _distances(folder, mechanism)[int(name[-1])]
        assert number == f"{seed[64]:#.3g} steps (validation at 64)"
    small = "--steps 4 --length 16 --lengths 16 --set model.dim=16 --set evaluate.sequences=8 --out alone"
    command = [sys.executable, "-m", "lengthwise", "run", "my_metrics:Near", "-a", "softmax", *small.split()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=folder)
    assert re.search(r"validation +16 tokens  distance [0-9.]+ steps", done.stderr)
