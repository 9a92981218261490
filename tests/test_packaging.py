"""What the package says it needs is what its source imports."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lengthwise

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = {"vl_convert_python": "vl_convert", "automata_lib": "automata"}
"""Modules that are not called as their distribution is."""
RIVALS = {"fla", "click", "pydantic_core", "pytest"}
"""A rival that benchmarks take where it happens to be, what typer and pydantic are made of, and what tests run with."""


def modules(requirements: list[str]) -> set[str]:
    names = {re.split(r"[^\w-]", requirement)[0].replace("-", "_").lower() for requirement in requirements}
    return {MODULES.get(name, name) for name in names} - {"lengthwise"}


BASE = modules(PROJECT["dependencies"])
OPTIONAL = PROJECT["optional-dependencies"]
EXTRAS = modules(
    [
        line
        for extra in ("experiments", "huggingface", "harness", "dataframe", "datasets", "triton", "ray", "slurm")
        for line in OPTIONAL[extra]
    ]
)


def test_every_place_tells_one_version() -> None:
    """It is written in ``lengthwise.__version__``, where the build takes it from; two files for people repeat it."""
    assert PROJECT["dynamic"] == ["version"]
    assert importlib.metadata.version("lengthwise") == lengthwise.__version__
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    newest = re.search(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [found and found[1] for found in (cited, newest)] == [lengthwise.__version__] * 2


def test_every_import_is_declared() -> None:
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(str(node.module).partition(".")[0])
    assert imported - set(sys.stdlib_module_names) - {"lengthwise"} - RIVALS <= BASE | EXTRAS
    assert imported >= BASE


@pytest.mark.parametrize(
    "verb",
    [
        *(["--help"], ["list"], ["list", "--settings"]),
        pytest.param(["bench", "--lengths", "64", "--rounds", "1", "-c", "blockwise"], marks=pytest.mark.long),
    ],
    ids=" ".join,
)
def test_the_command_line_works_without_extras(verb: list[str]) -> None:
    """As in an environment that has nothing but what the dependencies bring."""
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in sorted(EXTRAS))
    code = f"import sys; {blocked}sys.argv = {['lengthwise', *verb]}; from lengthwise.cli import main; main()"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert answer.returncode == 0, answer.stderr


def test_an_older_python_is_told_in_a_sentence(tmp_path: Path) -> None:
    """The Makefile asks the Python it is given before pip can."""
    old = tmp_path / "python3.10"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); $2"\n', encoding="utf-8"
    )
    old.chmod(0o755)
    answer = subprocess.run(["make", "-C", ROOT, "python", f"PYTHON={old}"], capture_output=True, encoding="utf-8")
    assert answer.returncode
    assert "needs Python 3.11 or newer" in answer.stderr
    assert "Traceback" not in answer.stderr
