"""The page on adding a mechanism: its example works as it stands, in a folder of its own."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lengthwise.attention import Mechanism
from lengthwise.errors import InputError

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
PARTS, CHECKS, TASK = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(COMMAND,) = re.findall(r"^lengthwise (compare .*)$", PAGE, re.MULTILINE)
(OWN_TASK,) = re.findall(r"^lengthwise (run my_tasks.*)$", PAGE, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_parts.py").write_text(PARTS, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_parts_keep_their_promises(folder: Path) -> None:
    run(folder, "-c", CHECKS)


def test_sparsemax_is_a_projection(folder: Path) -> None:
    """The page's example computes what its paper says: by hand, the projections of (1, 0) and (1, 0.5) and (3, 0)."""
    code = (
        "import torch; from my_parts import Sparsemax; from lengthwise.attention.parts import Sizes; "
        "part = Sparsemax(Sizes(1, 1, 1, 1)); z = torch.tensor([[1, 0], [1, 0.5], [3, 0], [2, -torch.inf]]); "
        "print(part.of_scores(z, None).tolist())"
    )
    assert run(folder, "-c", code).strip() == "[[1.0, 0.0], [0.75, 0.25], [1.0, 0.0], [1.0, 0.0]]"


def test_command_compares_them(folder: Path) -> None:
    """As shown, with less to train; the work is done by processes that have to find the parts, too."""
    small = "--steps 4 --lengths 32,64 --length 32 --set evaluate.sequences=4 --out out"
    text = run(folder, "-m", "lengthwise", *shlex.split(COMMAND), *small.split(), "--set", "model.dim=16")
    assert "my_parts:Sparsemax+my_parts:Logarithmic" in text
    assert "softmax+alibi+my_parts:SoftCap[cap=3]" in text
    assert (folder / "out" / "report.html").exists()


@pytest.mark.parametrize("name", ["Sparser", "Delay", "Delay[places=3]"])
def test_command_runs_a_task_of_ones_own(tmp_path: Path, name: str) -> None:
    (tmp_path / "my_tasks.py").write_text(TASK, encoding="utf-8")
    small = "--steps 4 --lengths 32 --length 32 --set evaluate.sequences=4 --set model.dim=16 --out out"
    text = run(tmp_path, "-m", "lengthwise", *OWN_TASK.replace("Sparser", name).split(), *small.split())
    assert f"my_tasks:{name}" in text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("softmax+my_parts_that_are_not:SoftCap", "no module 'my_parts_that_are_not'"),
        ("softmax+math:SoftCap", "'math' has nothing called 'SoftCap'"),
        ("softmax+math:pi", "subclass of one of Weights, Position, Numbering, Output"),
    ],
)
def test_wrong_parts_are_answered(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Mechanism.parse(name)
