"""Checkpoints: whole or not there, and refused in one sentence where damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from lengthwise import Decoder, DecoderConfig
from lengthwise.errors import RunError
from lengthwise.training import checkpoint
from lengthwise.training.checkpoint import Checkpoint, Effort

EFFORT = Effort(seconds=1.5, tokens=60)


def trained(tied: bool = False, seed: int = 0, **settings: Any) -> tuple[Any, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = Decoder(DecoderConfig(vocab_size=5, layers=1, dim=8, heads=2, tied_head=tied, **settings))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randint(5, (2, 6))).logits.square().sum().backward()
    optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("tied", [False, True])
def test_everything_comes_back(tmp_path: Path, tied: bool) -> None:
    model, optimizer = trained(tied)
    checkpoint.save(tmp_path, 3, model, optimizer, EFFORT)
    expected = torch.rand(4)
    other, other_optimizer = trained(tied, seed=1)
    newest = Checkpoint.newest(tmp_path)
    assert newest is not None
    assert newest.step == 3
    assert newest.load(other, other_optimizer) == EFFORT
    assert torch.equal(torch.rand(4), expected)
    for (name, ours), (_, theirs) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(ours, theirs), name
        for moment, value in optimizer.state[ours].items():
            assert torch.equal(value, other_optimizer.state[theirs][moment]), (name, moment)


def test_the_average_is_what_inference_takes(tmp_path: Path) -> None:
    (model, optimizer), (averaged, _), (last, last_optimizer), (average, _) = (trained(seed=seed) for seed in range(4))
    saved = checkpoint.save(tmp_path, 3, model, optimizer, EFFORT, {"average": averaged})
    saved.load(last, last_optimizer, {"average": average})
    assert torch.equal(last.head.weight, model.head.weight)
    assert torch.equal(average.head.weight, averaged.head.weight)
    saved.load_model(last)
    assert torch.equal(last.head.weight, averaged.head.weight)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    model, optimizer = trained()
    (tmp_path / ".writing-00000001").mkdir()  # as a kill leaves behind
    for step in (1, 2, 10):
        checkpoint.save(tmp_path, step, model, optimizer, EFFORT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000010"]


@pytest.mark.parametrize("name", ["model", "optimizer", "random", "average"])
@pytest.mark.parametrize("left", [0, 20, -1])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, name: str, left: int) -> None:
    model, optimizer = trained()
    saved = checkpoint.save(tmp_path, 3, model, optimizer, EFFORT, copies={"average": model})
    path = saved.path / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(RunError, match=rf"damaged in {name}.safetensors: it has .* bytes of .*--resume"):
        saved.load(model, optimizer, copies={"average": model})


def test_a_missing_or_garbled_file_is_refused(tmp_path: Path) -> None:
    model, optimizer = trained()
    saved = checkpoint.save(tmp_path, 3, model, optimizer, EFFORT)
    path = saved.path / "model.safetensors"
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(RunError, match="cannot be read"):
        saved.load_model(model)
    path.unlink()
    with pytest.raises(RunError, match="cannot be read"):
        saved.load_model(model)


def test_a_lack_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, optimizer = trained()
    saved = checkpoint.save(tmp_path, 3, model, optimizer, EFFORT)

    def full(weights: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(model, "load_state_dict", full)
    with pytest.raises(torch.OutOfMemoryError):
        saved.load_model(model)


def test_a_moment_that_is_missing_is_damage(tmp_path: Path) -> None:
    model, optimizer = trained()
    state = optimizer.state.pop(model.head.weight)
    saved = checkpoint.save(tmp_path, 3, model, optimizer, EFFORT)
    assert saved.load(model, optimizer) == EFFORT
    assert model.head.weight not in optimizer.state, "it had none"
    optimizer.state[model.head.weight] = state
    told = json.loads((saved.path / "state.json").read_text(encoding="utf-8"))
    (saved.path / "state.json").write_text(json.dumps(told | {"without_moments": []}), encoding="utf-8")
    with pytest.raises(RunError, match=r"damaged in optimizer\.safetensors: it holds something else"):
        saved.load(model, optimizer)


def test_an_optimizer_of_another_model_is_refused(tmp_path: Path) -> None:
    (model, optimizer), (larger, other) = trained(), trained(paper_faithful=True)
    saved = checkpoint.save(tmp_path, 3, model, optimizer, EFFORT)
    mixed = checkpoint.save(tmp_path, 4, larger, other, EFFORT)
    moments = saved.path / "optimizer.safetensors"
    state = mixed.path / "state.json"
    told = json.loads(state.read_text(encoding="utf-8"))
    told["bytes"]["optimizer"] = moments.stat().st_size
    state.write_text(json.dumps(told), encoding="utf-8")
    shutil.copy2(moments, mixed.path)
    with pytest.raises(RunError, match=r"damaged in optimizer\.safetensors: it holds something else \('blocks"):
        mixed.load(larger, other)
