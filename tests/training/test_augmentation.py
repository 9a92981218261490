"""Shuffled and mixed examples of an encoder, and the loss that aligns them."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.models import Decoder, DecoderConfig
from lengthwise.tasks import Tokens, load
from lengthwise.tasks.batch import Reply
from lengthwise.training.augmentation import divergence, mixing, shuffled
from lengthwise.training.loop import train, training_batch
from lengthwise.training.seeds import generator

TASK = load("flagged-pair").for_encoder()
BEGIN, SEPARATOR = 12, 13


def config(task: str = "flagged-pair", causal: bool = False, **train: Any) -> RunConfig:
    model = {"mechanism": "softmax+learned", "causal": causal, "dim": 16, "layers": 3, "heads": 2}
    return RunConfig.read({"task": task, "model": model, "train": {"length": 16, "batch_size": 12, **train}})


def encoder(layers: int, mechanism: str = "softmax") -> Decoder:
    config = DecoderConfig(**TASK.sizes, dim=16, heads=2, layers=layers, causal=False, mechanism=mechanism)
    return Decoder(config).eval()


def batch(rows: int, length: int = 16) -> Tokens:
    drawn = TASK.sample(torch.Generator().manual_seed(0), rows, length, "train")
    assert isinstance(drawn, Tokens)
    return drawn


def blocks(row: Tensor, size: int) -> list[tuple[int, ...]]:
    source = row.tolist()[1:-1]
    return [tuple(source[start : start + size]) for start in range(0, len(source), size)]


@pytest.mark.parametrize("size", [2, 4, 6])
def test_every_third_example_has_its_blocks_in_another_order(size: int) -> None:
    before = batch(300)
    after = shuffled(torch.Generator().manual_seed(1), before, TASK.source_places(16), size)
    moved = (after.inputs != before.inputs).any(1)
    assert set(moved.nonzero()[:, 0].tolist()) <= set(range(1, 300, 3))
    assert moved.sum() > 40, "half of them, with two blocks"
    for one, other in zip(before.inputs, after.inputs, strict=True):
        assert (one[0], one[-1]) == (other[0], other[-1]) == (BEGIN, SEPARATOR)
        old, new = blocks(one, size), blocks(other, size)
        assert sorted(old) == sorted(new)
        if 16 % size:
            assert old[-1] == new[-1], "what fills no block stays at the end"
    assert torch.equal(before.targets, after.targets)
    flags = (after.inputs[1::3] == 10).int().argmax(1)
    assert (flags > 8).any(), "shuffling shows the flag in the second half"


def test_a_mixed_example_takes_tokens_of_another_with_the_same_label() -> None:
    model, drawn = encoder(layers=3), batch(60)
    streams: list[Tensor] = []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda module, arguments: streams.append(arguments[0].detach()))
    acted = set()
    for seed in range(12):
        streams.clear()
        with torch.no_grad():
            drawn.ask(model)
            with mixing(torch.Generator().manual_seed(seed), model, drawn, 0.4):
                drawn.ask(model)
        plain, mixed = streams[:3], streams[3:]
        # The hook of the mixing comes after those of this test, so that its effect shows in the next block.
        acted.add(next((block for block in range(3) if not torch.equal(plain[block], mixed[block])), 3))
        drawn.ask(model)
        assert torch.equal(streams[-1], plain[-1]), "nothing is left behind"
    assert acted == {1, 2, 3}


def test_mixing_by_hand() -> None:
    model, drawn = encoder(layers=1), batch(60)
    seen: list[Tensor] = []
    with torch.no_grad(), mixing(torch.Generator().manual_seed(3), model, drawn, 0.4):
        hook = model.blocks[0].register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
        drawn.ask(model)
        hook.remove()
        before, (after,) = model.embedding(drawn.inputs), seen
    taken = 0
    for row in range(60):
        changed = [place for place in range(18) if not torch.equal(before[row, place], after[row, place])]
        assert not changed or row % 3 == 2
        taken += len(changed)
        partners = [other for other in range(60) if drawn.answers[other] == drawn.answers[row]]
        assert any(all(torch.equal(after[row, place], before[other, place]) for place in changed) for other in partners)
    assert taken > 50


def test_an_example_without_a_partner_stays() -> None:
    model, drawn = encoder(layers=1), batch(3)
    drawn = drawn._replace(targets=torch.arange(3)[:, None].expand_as(drawn.targets))
    with torch.no_grad():
        expected = drawn.ask(model).logits[0]
        with mixing(torch.Generator().manual_seed(0), model, drawn, 0.9):
            assert torch.equal(drawn.ask(model).logits[0], expected)


def test_settings_choose_the_batches() -> None:
    plain, both = config(), config(shuffle=2)
    one, other = (training_batch(TASK, of.train, 0, 5) for of in (plain, both))
    assert isinstance(one, Tokens)
    assert isinstance(other, Tokens)
    assert torch.equal(one.inputs[::3], other.inputs[::3])
    assert not torch.equal(one.inputs[1::3], other.inputs[1::3])


def test_divergence_against_its_definition() -> None:
    logits = 2 * torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    answers = (torch.zeros(5, dtype=torch.long),)
    found = divergence(*(Reply((of,), answers) for of in logits))
    for row, (one, other) in enumerate(zip(*logits.softmax(-1).tolist(), strict=True)):
        forth = sum(p * math.log(p / q) for p, q in zip(one, other, strict=True))
        back = sum(q * math.log(q / p) for p, q in zip(one, other, strict=True))
        assert found[row].item() == pytest.approx((forth + back) / 2)


@pytest.mark.parametrize("settings", [{"shuffle": 2}, {"mix": 0.5}])
def test_a_step_of_aligned_training_by_hand(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Under so large a weight, a step moves the parameters along the gradient of the divergence alone."""
    of = config(**settings, align=1e6, steps=1, learning_rate=1e-3, weight_decay=0.0, clip_norm=0.0, batch_size=30)
    torch.manual_seed(0)
    model, plain = encoder(2, "softmax+alibi"), training_batch(TASK, config(batch_size=30).train, 0, 0)
    nn.init.normal_(model.head.weight)  # its start near 0 leaves almost no divergence
    before = [parameter.detach().clone() for parameter in model.parameters()]
    batch = training_batch(TASK, of.train, 0, 0)
    assert torch.equal(plain.scored, batch.scored)
    assert isinstance(batch, Tokens)
    with mixing(generator(0, "mix", 0), model, batch, of.train.mix):
        changed = batch.ask(model)
    expected = torch.autograd.grad(divergence(changed, plain.ask(model)).mean(), list(model.parameters()))
    train(model, TASK, of.train, seed=0, folder=tmp_path)
    moved = torch.cat([(b - after.detach()).flatten() for b, after in zip(before, model.parameters(), strict=True)])
    gradient = torch.cat([of.flatten() for of in expected])
    certain = gradient.abs() > 1e-4
    assert certain.sum() > 1000
    assert (moved.sign() == gradient.sign())[certain].all(), "AdamW's first step goes along the sign"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"causal": True, "shuffle": 2}, "an example of flagged-pair is none here"),
        ({"shuffle": 9}, "train.shuffle puts blocks of 9 tokens in another order, and a source of"),
        ({"task": "n-back", "mix": 0.5}, "act on sources that an encoder answers with one symbol"),
        ({"mix": 0.5, "accumulate": 2}, "train.mix needs whole batches"),
        ({"shuffle": 2, "align": 1.0, "accumulate": 2}, "train.align needs whole batches"),
        ({"align": 1.0}, "set one of these"),
    ],
)
def test_what_cannot_be_augmented_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        config(**settings)
