"""What is written down of where a result comes from."""

import importlib.metadata

import pytest

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
