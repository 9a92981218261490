"""A tiny comparison that was trained."""

from pathlib import Path

import pytest

from lengthwise.experiments.comparison import compare
from lengthwise.experiments.settings import read_comparison

TINY = {
    "task": "flip-flop",
    "mechanisms": ["threshold-relative", "softmax+rope"],
    "learning_rates": [1e-3],
    "model": {"dim": 16, "layers": 1, "heads": 2},
    "train": {"length": 16, "steps": 4, "batch_size": 4, "device": "cpu"},
    "evaluate": {"lengths": [16, 32], "sequences": 8},
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison of two mechanisms with one seed."""
    folder = tmp_path_factory.mktemp("analysis") / "runs" / "compare-flip-flop"
    compare(read_comparison(TINY), folder, processes=1, resume=False)
    return folder
