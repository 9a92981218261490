"""Inputs shortened by the attention that tokens receive: what is kept, of sequences, sets and text."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from lengthwise.errors import InputError
from lengthwise.models import DecoderConfig, InvertedTransformerConfig, SetReaderConfig, build
from lengthwise.probes.shortening.kept import check_shares, choices, kept
from lengthwise.probes.shortening.of_task import of_task, received_in, shortened
from lengthwise.probes.shortening.of_text import TOLD, of_text
from lengthwise.tasks import load
from lengthwise.tasks.sets.dictionary_lookup import DictionaryLookup

NEEDS_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU.")
FLIP_FLOP = DecoderConfig(vocab_size=5, layers=2, dim=16, heads=2, mechanism="softmax+rope")


def test_the_most_attended_are_kept_in_order() -> None:
    received = torch.tensor([0.1, 0.5, 0.2, 0.9, 0.3, 0.0])
    ends = torch.tensor([True, False, False, False, False, True])
    assert kept(received, ends, 0.5).tolist() == [0, 1, 3, 5]
    assert kept(received, ends, 0.01).tolist() == [0, 5]
    assert kept(received, ends, 1.0).tolist() == [0, 1, 2, 3, 4, 5]
    assert kept(received, torch.zeros(6, dtype=torch.bool), 0.01).tolist() == [3], "something is always kept"


def test_random_tokens_are_as_many_and_others() -> None:
    received, needed = [torch.arange(100.0)] * 3, [torch.arange(100) < 10] * 3
    by_attention, at_random = choices(received, needed, 0.2)
    for attended, drawn in zip(by_attention, at_random, strict=True):
        assert attended.tolist() == [*range(10), *range(82, 100)]
        assert len(drawn) == len(attended)
        assert drawn[:10].tolist() == list(range(10))
    assert len({tuple(drawn.tolist()) for drawn in [*at_random, by_attention[0]]}) == 4


@pytest.mark.parametrize("layer", [0, 1])
def test_received_is_the_sum_over_heads_and_queries(layer: int) -> None:
    torch.manual_seed(0)
    model: Any = build(FLIP_FLOP).eval()
    batch = load("flip-flop").sample(torch.Generator().manual_seed(0), 1, 12, "validation")
    seen: list[Any] = []
    weights = model.blocks[layer].attention.weights
    with weights.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0])):
        model(batch.inputs)
    (call,) = seen
    scores = (call.query @ call.key.mT / 8**0.5).masked_fill(torch.ones(11, 11).triu(1).bool(), -torch.inf)
    expected = scores.softmax(-1).sum((0, 1, 2))
    found = received_in(model, batch, "first" if layer == 0 else "last")
    torch.testing.assert_close(found, expected)
    assert found.sum().item() == pytest.approx(2 * 11), "each query of each head gives 1"
    model(batch.inputs)
    assert len(seen) == 1, "no hook is left"


def test_a_shortened_sequence_keeps_what_is_asked() -> None:
    batch: Any = load("flip-flop").sample(torch.Generator().manual_seed(1), 1, 64, "validation")
    model = build(FLIP_FLOP).eval()
    found = of_task(model, load("flip-flop"), [0.1, 1.0], layer="first", split="validation", length=64, examples=20)
    few, all_of_them = found.shortened
    assert (found.measured, found.unit, found.inputs, found.tokens) == ("exact match", "%", 20, 63.0)
    assert all_of_them.attention == all_of_them.random == found.full
    assert all_of_them.tokens == 63.0
    assert 6 < few.tokens < 63
    asked = batch.scored[0].nonzero()[:, 0]
    cut: Any = shortened(batch, asked)
    assert torch.equal(cut.targets[0], batch.targets[batch.scored])
    assert cut.scored.all()


class Marked(DictionaryLookup):
    """Dictionary lookup in which the query is the key with all bits set, so that attention is easily made right."""

    def sample(self, *arguments: Any) -> Any:
        batch = super().sample(*arguments)
        items, bits, each = batch.items.clone(), self.options.bits, torch.arange(len(batch.items))
        items[:, :, 0] = -1
        items[each, batch.holder, :bits] = 1
        return batch._replace(items=items, query=torch.ones_like(batch.query))


def test_attention_finds_the_item_that_is_asked_for() -> None:
    """A model whose attention is right by construction keeps its answers; random items lose the right one."""
    torch.manual_seed(0)
    task = Marked()
    model: Any = build(SetReaderConfig(26, 16, 10, dim=32)).eval()
    with torch.no_grad():
        for encoder, inputs in ((model.psi_x, 26), (model.psi_q, 16)):
            first, _, second = encoder
            first.weight.copy_(torch.eye(32)[:, :inputs])
            second.weight.copy_(torch.eye(32))
        first_bit = torch.zeros(32, 32)
        first_bit[0, 0] = 10.0
        model.attention.query.weight.copy_(first_bit)
        model.attention.key.weight.copy_(first_bit)
        model.attention.value.weight.copy_(torch.eye(32))
        first, _, second = model.phi
        for of in (model.psi_x[0], model.psi_x[2], model.psi_q[0], model.psi_q[2], first, second):
            of.bias.zero_()
        first.weight.copy_(torch.eye(32))
        second.weight.copy_(torch.eye(32)[16:26])
    found = of_task(model, task, [0.06, 0.5], layer="last", split="validation", length=32, examples=40)
    assert found.full.value == 1
    assert [row.attention.value for row in found.shortened] == [1, 1]
    few, half = found.shortened
    assert few.tokens == 2
    assert few.random.high < 0.5
    assert few.random.value < half.random.value < 1


def test_items_that_have_answers_of_their_own_are_all_kept() -> None:
    torch.manual_seed(0)
    task = load("coupled-series")
    model = build(InvertedTransformerConfig(**task.sizes, dim=16)).eval()
    found = of_task(model, task, [0.25], layer="first", split="validation", length=6, examples=8)
    (row,) = found.shortened
    assert row.tokens == 6
    assert row.attention == row.random == found.full


def test_text_keeps_its_last_tokens(build: Callable[[str], Any]) -> None:
    model = build("llama")
    windows = torch.randint(5, 65, (6, 60), generator=torch.Generator().manual_seed(0))
    found = of_text(model, windows, [0.25, 1.0], layer="last")
    few, whole = found.shortened
    assert whole.attention == whole.random == found.full
    assert (found.inputs, found.tokens, whole.tokens, few.tokens) == (6, 60, 60, 2 + round(0.25 * 26) + TOLD)
    labels = windows.clone()
    labels[:, :-TOLD] = -100
    assert found.full.value == pytest.approx(model(windows, labels=labels).loss.item(), rel=1e-5)
    assert few.attention != few.random


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NEEDS_A_GPU)])
def test_a_model_stays_as_it_was_on_its_device(build: Callable[[str], Any], device: str) -> None:
    """A model within a model may attend by another implementation than the whole."""
    model = build("llama").to(device)
    model.model.config = copy.deepcopy(model.config)
    model.model.config._attn_implementation = "lengthwise-probe-of-a-test"
    AttentionInterface.register("lengthwise-probe-of-a-test", sdpa_attention_forward)
    windows = torch.randint(5, 65, (2, 60), generator=torch.Generator().manual_seed(0))
    found = of_text(model, windows, [0.25], layer="last")
    assert found.full == of_text(model, windows.to(device), [0.25], layer="last").full
    assert model.config._attn_implementation == "sdpa"
    assert model.model.config._attn_implementation == "lengthwise-probe-of-a-test"


def test_shares_that_keep_nothing_or_more_than_all_are_refused() -> None:
    for wrong in ([], [0.0], [1.5], [float("nan")]):
        with pytest.raises(InputError, match=r"A share to keep lies above 0 and is at most 1, as in --keep 0.06; got"):
            check_shares(wrong)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    from lengthwise.experiments.config import RunConfig
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.run import train_run

    model = {"dim": 16, "layers": 1, "heads": 2, "mechanism": "softmax"}
    config = RunConfig.read({"task": "flip-flop", "model": model, "train": {"length": 16, "steps": 0}})
    folder = RunFolder(tmp_path / "run")
    folder.claim(config, resume=False)
    train_run(folder)
    return folder.path


def test_the_command_shortens_runs_and_language_models(
    run: Path, saved: Callable[[str], Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from lengthwise.cli.shorten import shorten

    shorten(str(run), [0.06, 0.5], examples=8)
    assert "Exact match, %, over 8 inputs" in capsys.readouterr().out
    text = tmp_path / "text.txt"
    text.write_text(" ".join(f"w{number * number % 60}" for number in range(2000)), encoding="utf-8")
    short = tmp_path / "short.txt"
    short.write_text("w1 w2 w3", encoding="utf-8")
    shorten(str(saved("llama")), [0.5], length=48, text=text, examples=4)
    assert "Loss of the last 32 tokens, nats, over 4 inputs" in capsys.readouterr().out
    for model, options, fragment in (
        (run, {"text": text}, "is a run, which reads examples of its task; drop --text"),
        (run, {"split": "sparce"}, "did you mean 'sparse'?"),
        (run, {"length": 7}, "even and 4 or more, got 7"),
        (saved("llama"), {"split": "dense"}, "is no trained run, and only a run's task has splits; drop --split"),
        ("nobody/has-this", {}, "on this machine; lengthwise probe --download fetches it from the hub"),
        (saved("llama"), {"length": 65, "text": text}, "; give a shorter length, or use lengthwise probe --beyond"),
        (saved("llama"), {"length": 64, "text": short}, "; give a longer text, or a shorter length"),
        (saved("llama"), {"length": 34}, "so --length is 35 or more; got 34"),
        (saved("bert"), {"length": 48, "text": text}, "does not predict the next token; give a causal language model"),
        (saved("encoder"), {"length": 48, "text": text}, "does not predict the next token"),
        (tmp_path / "none", {}, "none"),
    ):
        with pytest.raises(InputError, match=fragment):
            shorten(str(model), [0.5], **options)
