"""One of each is added to a copy of the package: as few files change as the house promises, and what is new works.

What is added is the code of the how-to pages.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
COPIED = ["src/lengthwise", "tests/conftest.py", "tests/ops/conftest.py", "tests/ops/test_backends.py"]
FIRST = "import sys; from importlib.machinery import PathFinder; sys.meta_path.insert(0, PathFinder)"
"""What Python does first where the copy is, lest it find an editable installation before ``PYTHONPATH``."""
PROMISED = {"task": 2, "weights part": 2, "position part": 2, "metric": 2, "backend": 3}
"""How many files are new or changed."""
Code = Callable[..., str]


def add_task(package: Path, code: Code) -> None:
    write(package / "tasks/delay.py", code("how-to-task.md", "Delay"))
    insert(package / "tasks/__init__.py", '"delay": "lengthwise.tasks.delay:Delay",', before='"flip-flop": ')


def add_weights(package: Path, code: Code) -> None:
    write(package / "attention/weights/sparsemax.py", code("how-to-mechanism.md", "Sparsemax"))
    line = '"sparsemax": "lengthwise.attention.weights.sparsemax:Sparsemax",'
    insert(package / "attention/weights/__init__.py", line, before='"softmax": ')


def add_position(package: Path, code: Code) -> None:
    write(package / "attention/positions/logarithmic.py", code("how-to-mechanism.md", "Logarithmic"))
    line = '"logarithmic": "lengthwise.attention.positions.logarithmic:Logarithmic",'
    insert(package / "attention/positions/__init__.py", line, before='"alibi": ')


def add_metric(package: Path, code: Code) -> None:
    write(package / "tasks/metrics/distance.py", code("how-to-task.md", "Distance"))
    line = '"distance": "lengthwise.tasks.metrics.distance:Distance",'
    insert(package / "tasks/metrics/__init__.py", line, before='"loss": ')


def add_backend(package: Path, code: Code) -> None:
    room = package / "ops/threshold_relative"
    write(room / "tiny.py", code("how-to-backend.md"))
    insert(room / "__init__.py", "tiny, ", before="triton\nfrom")
    insert(room / "__init__.py", "tiny.BACKEND, ", before="triton.BACKEND")
    insert(package.parents[1] / "tests/ops/conftest.py", '"tiny", ', before='"blockwise"')


ADD = {
    "task": add_task,
    "weights part": add_weights,
    "position part": add_position,
    "metric": add_metric,
    "backend": add_backend,
}


def write(file: Path, text: str) -> None:
    assert not file.exists()
    file.write_text(text, encoding="utf-8")


def insert(file: Path, line: str, *, before: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, line + before, 1), encoding="utf-8")


def contents(folder: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, code_of_page: Code) -> tuple[Path, dict[str, set[Path]]]:
    """The folder with the copy, and the files that each addition has changed."""
    folder = tmp_path_factory.mktemp("house")
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    write(folder / "src/sitecustomize.py", FIRST)
    found = {}
    for kind, add in ADD.items():
        before = contents(folder)
        add(folder / "src/lengthwise", code_of_page)
        found[kind] = {path for path, content in contents(folder).items() if before.get(path) != content}
    return folder, found


@pytest.fixture(scope="module")
def python(changed: tuple[Path, dict[str, set[Path]]]) -> Callable[..., str]:
    """Runs Python where the copy with all additions is the package, and gives what it prints."""
    folder, _ = changed

    def run(*arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(folder / "src"), "COLUMNS": "200", "LENGTHWISE_TEST_GPU": ""}
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, encoding="utf-8", cwd=folder, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("kind", ADD)
def test_as_few_files_change_as_promised(changed: tuple[Path, dict[str, set[Path]]], kind: str) -> None:
    assert len(changed[1][kind]) == PROMISED[kind]


def test_what_is_new_is_listed(python: Callable[..., str]) -> None:
    listed = python("-m", "lengthwise", "list") + python("-m", "lengthwise", "list", "--tasks", "delay")
    for name, meaning in {
        "delay": "The answer to every token is the token a few places before it",
        "[places=2]": "Number of places between a token and its answer",
        "sparsemax": "Scores projected onto the simplex: exact zeros",
        "logarithmic": "A penalty that grows with the logarithm of distance, with a learned slope per head",
    }.items():
        assert re.search(rf"^ +{re.escape(name)} +{re.escape(meaning)}", listed, re.MULTILINE), listed


def test_what_is_new_is_trained_and_measured(
    python: Callable[..., str], changed: tuple[Path, dict[str, set[Path]]]
) -> None:
    small = "--steps 2 --length 16 --lengths 16,32 --set model.dim=16 --set train.batch_size=4 --out out"
    new = ["run", "delay[places=3]", "-a", "sparsemax+logarithmic", "--set", 'evaluate.metrics=["distance"]']
    python("-m", "lengthwise", *new, *small.split(), "--set", "evaluate.sequences=4")
    result = json.loads((changed[0] / "out/result.json").read_text(encoding="utf-8"))
    assert [(point["length"], set(point["values"])) for point in result["evaluation"]] == [
        (length, {"exact_match", "token_accuracy", "loss", "distance"}) for length in (16, 32)
    ]


def test_what_is_new_keeps_what_all_promise(python: Callable[..., str]) -> None:
    python(
        "-c",
        "from lengthwise.testing import check_mechanism, check_task\n"
        "check_task('delay')\n"
        "check_mechanism('sparsemax+logarithmic')",
    )


def test_the_tests_of_the_operator_know_the_new_backend(python: Callable[..., str]) -> None:
    chosen = "test_within_budget and tiny and float32 and 130"
    told = python("-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", "tests/ops", "-k", chosen)
    assert re.search(r"\b[1-9]\d* passed", told), told
    assert "failed" not in told
