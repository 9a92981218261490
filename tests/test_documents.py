"""What the project's own pages say: links, the order of the rooms, notebooks, the tools of the hooks."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def cells(notebook: Path, kind: str) -> list[dict[str, Any]]:
    held = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in held if cell["cell_type"] == kind]


def kinds_of_output(notebook: Path) -> list[set[str]]:
    return [{output["output_type"] for output in cell["outputs"]} for cell in cells(notebook, "code")]


def texts(page: Path) -> list[str]:
    if page.suffix == ".ipynb":
        return ["".join(cell["source"]) for cell in cells(page, "markdown")]
    return [page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """As on GitHub, where they count from the page's own folder."""
    prose = [re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL) for text in texts(page)]
    targets = [target for text in prose for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)]
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_the_architecture_shows_the_contract_of_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    layers = [[room.removeprefix("lengthwise.") for room in layer.split(" : ")] for layer in contract["layers"]]
    table = (
        (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("| room |")[2].partition("\n\n")[0]
    )
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines()[2:]]
    assert rows == layers
    upwards = [room for layer in reversed(layers) for room in layer]
    readme = re.findall(r"^\| \[`(\w+)/`\]\(src/", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert readme == [room for room in upwards if room in readme]


@pytest.mark.long
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    """In a folder of its own, with a kernel of this Python, and with fewer steps where a model is trained."""
    copy, text = tmp_path / notebook.name, notebook.read_text(encoding="utf-8")
    copy.write_text(re.sub(r'(\\"steps\\": |steps: int = )\d+', r"\g<1>8", text), encoding="utf-8")
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--startup_timeout=600", str(copy)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert kinds_of_output(copy) == kinds_of_output(notebook), "make notebooks keeps what they print now"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_keeps_what_it_printed_and_nothing_of_the_machine(notebook: Path) -> None:
    code = cells(notebook, "code")
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    kept = json.dumps(outputs)
    assert len(kept) < 50_000
    assert not re.search(r"(?<![\w/:.])/(?:home|tmp|usr|root|Users|var|work)/", kept)


def test_the_hooks_and_make_lint_use_the_same_tools() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe
    assert {hook["entry"].split()[0] for hook in hooks} == {
        line.split()[0].replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()
    }


def test_continuous_integration_runs_what_the_project_says() -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert ".ci/run" in [step.get("run") for step in flow["jobs"]["linux"]["steps"]]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    script, page = ((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "CONTRIBUTING.md"))
    made = [word for line in re.findall(r"^make (.*)$", script, re.MULTILINE) for word in line.split()]
    assert {word for word in made if re.fullmatch(r"[a-z][a-z-]*", word)} | set(
        re.findall(r"\bmake ([a-z-]+)", page)
    ) <= targets


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.stem
)
def test_an_issue_form_is_one_that_github_shows(form: Path) -> None:
    """Which it does for those with a name, a description, and fields that have a label and an id of their own."""
    held = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= held.keys()
    assert all(field["attributes"]["label"] for field in held["body"])
    assert len({field["id"] for field in held["body"]}) == len(held["body"])
