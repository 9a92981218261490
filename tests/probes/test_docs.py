"""What the documentation shows runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "probe.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL))
def test_python_runs(snippet: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, encoding="utf-8", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_commands_have_the_options_they_show() -> None:
    shown = set(re.findall(r"--[a-z]+", " ".join(re.findall(r"^lengthwise probe.*$", DOCUMENT, re.MULTILINE))))
    source = subprocess.run(
        [sys.executable, "-m", "lengthwise", "probe", "--help"], capture_output=True, encoding="utf-8"
    )
    assert shown
    assert shown <= set(re.findall(r"--[a-z]+", source.stdout))
