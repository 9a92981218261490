"""What is written down of where a result comes from."""

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

from lengthwise.experiments import environment as module
from lengthwise.experiments.environment import environment


@pytest.mark.parametrize("installed", [{"triton": "3.4.0", "fla-core": "0.3.2"}, {}])
def test_versions_of_what_computes_on_a_gpu(installed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package not in installed:
            raise importlib.metadata.PackageNotFoundError(package)
        return installed[package]

    monkeypatch.setattr(importlib.metadata, "version", version)
    facts = environment()
    assert facts["triton"] == installed.get("triton", "not installed")
    assert facts.get("fla-core") == installed.get("fla-core")


@pytest.mark.parametrize(
    ("place", "tracked", "ours"),
    [
        ("src/lengthwise/experiments", True, True),
        (".venv/lib/python3.12/site-packages/lengthwise/experiments", False, False),
        ("vendored/lengthwise/experiments", True, False),
        ("src/lengthwise/experiments", False, False),
    ],
)
def test_the_commit_is_that_of_our_own_source_tree(
    place: str, tracked: bool, ours: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / place / "environment.py"
    file.parent.mkdir(parents=True)
    file.write_text("", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("the user's own", encoding="utf-8")

    def git(*arguments: str) -> str:
        name = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()

    git("init", "-q")
    git("add", "notes.txt", *([str(file)] if tracked else []))
    git("commit", "-qm", "begun")
    monkeypatch.setattr(module, "__file__", str(file))
    assert environment()["commit"] == (git("rev-parse", "--short=12", "HEAD") if ours else "none (installed package)")
