"""Which run is which, and where it lies."""

from pathlib import Path
from typing import Any

from lengthwise.attention import Mechanism
from lengthwise.cli.options import folder as default_folder
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig
from lengthwise.experiments.record import Experiment

BASE: dict[str, Any] = {
    "task": "flip-flop",
    "model": {"dim": 16, "layers": 1, "heads": 2},
    "train": {"length": 8, "steps": 4, "batch_size": 4},
    "evaluate": {"lengths": [8], "sequences": 4},
}


def run(folder: Path, *mechanisms: str) -> Experiment:
    settings = {"base": BASE, "mechanisms": mechanisms, "learning_rates": [1e-3], "seeds": 1}
    config = ComparisonConfig.read(settings)
    return compare(config, folder, processes=1, resume=True)


def times(folder: Path) -> dict[str, int]:
    return {path.parent.parent.parent.name: path.stat().st_mtime_ns for path in folder.rglob("trained.json")}


def test_a_name_that_is_too_long_for_a_folder_is_shortened(tmp_path: Path) -> None:
    options = ",".join(f"{name}=1.2345678901234567" for name in ("c0", "c1", "c2", "c3", "c4", "flat"))
    long = (
        f"adaptive-temperature[{options}]+yarn[base=12345.678901234567,beta_fast=33.345678901234567,mscale=1.23456789]"
    )
    long += "+layer-norm[eps=1.2345678901234567e-05]"
    assert len(str(Mechanism.parse(long))) > 255
    others = [long.replace("33.3", "34.4")]
    found = run(tmp_path, long, *others)
    assert [len(run.points) for run in found.runs] == [1, 1]
    folders = {path.name for path in (tmp_path / "runs").iterdir()}
    assert len(folders) == 2
    assert all(len(name.encode()) <= 255 for name in folders)
    assert len(default_folder("flip-flop", "flip-flop", f"{{}}-{long}-seed-0").name) == 255
    before = times(tmp_path)
    run(tmp_path, long, *others)
    assert times(tmp_path) == before
