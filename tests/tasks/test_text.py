"""Text: windows of packed documents in training, places in one document in evaluation, bits counted by byte."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lengthwise.errors import InputError
from lengthwise.evaluation import EvaluateConfig
from lengthwise.evaluation.sweep import evaluate_point
from lengthwise.experiments.check import check
from lengthwise.experiments.config import RunConfig
from lengthwise.models import Decoder, DecoderConfig
from lengthwise.tasks import Task, Tokens, load
from lengthwise.tasks.metrics import load_metric
from lengthwise.text.token_file import opened, token_file


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of 60 documents with 40 to 640 different words."""
    monkeypatch.setenv("LENGTHWISE_CACHE", str(tmp_path / "cache"))
    opened.cache_clear()
    random, folder = np.random.default_rng(0), tmp_path / "texts"
    folder.mkdir()
    for number in range(60):
        words = random.integers(0, 10**6, 40 + 10 * number)
        (folder / f"{number:02}.txt").write_text(f"{number} " + " ".join(map(str, words)), encoding="utf-8")
    return str(folder)


def text(corpus: str, *options: str) -> Task:
    return load(f"text[{','.join([f'corpus={corpus}', *options])}]")


def draw(task: Task, rows: int, length: int, split: str, seed: int = 0) -> Tokens:
    source, plain = task.drawn_by(split)
    batch = source.sample(torch.Generator().manual_seed(seed), rows, length, plain)
    assert isinstance(batch, Tokens)
    return batch


def test_training_windows_are_of_training_documents_kept_apart(corpus: str) -> None:
    task = text(corpus)
    batch = draw(task, 64, 200, "train")
    stream = task.spell(np.asarray(token_file(corpus, "bytes").splits["train"].stream).tolist())
    for tokens in batch.inputs:
        assert task.spell(tokens.tolist()) in stream
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert batch.scored.all()
    assert torch.equal(batch.documents.diff(dim=1) == 1, batch.inputs[:, 1:] == 256)
    assert (batch.documents[:, 0] != batch.documents[:, -1]).any()


@pytest.mark.parametrize("length", [16, 101, 512])
def test_evaluation_windows_lie_in_one_document_and_their_second_half_is_scored(corpus: str, length: int) -> None:
    task = text(corpus)
    for split in ("validation", "test"):
        batch = draw(task, 40, length, split)
        assert (batch.documents == batch.documents[:, :1]).all()
        assert torch.equal(batch.scored, (torch.arange(length) >= length // 2).expand(40, -1))
        held = token_file(corpus, "bytes").splits[split]
        longer = (held.lengths > length).nonzero()[0]
        times = np.bincount(batch.documents[:, 0], minlength=len(held.lengths))
        assert times[longer].max() - times[longer].min() <= 1, "each document comes before one comes twice"
        assert times.sum() == times[longer].sum()


def test_a_sliding_window_scores_what_has_as_many_tokens_before_it(corpus: str) -> None:
    task = text(corpus)
    batch = draw(task, 300, 512, "validation[window=64,stride=16]")
    assert batch.inputs.shape == (300, 64)
    assert torch.equal(batch.scored, (torch.arange(64) >= 48).expand(300, -1))
    held = token_file(corpus, "bytes").splits["validation"]
    flat = task.spell([int(token) for token in held.stream])
    for tokens, document in zip(batch.inputs, batch.documents[:, 0], strict=True):
        begins = flat.index(task.spell(held.stream[held.starts[document] :][:9].tolist()))
        place = flat.index(task.spell(tokens.tolist())) - begins
        assert place + 1 + 48 >= 256, "half of the length stands before the first scored token"


def test_a_window_as_long_as_the_length_scores_the_same_places(corpus: str) -> None:
    task = text(corpus)
    batch = draw(task, 8, 64, "validation[window=64,stride=32]")
    plain = draw(task, 8, 64, "validation")
    assert torch.equal(batch.scored, plain.scored)
    assert torch.equal(batch.documents, plain.documents)


@pytest.mark.parametrize("length", [64, 70, 200])
def test_a_window_begins_no_earlier_than_the_text_does(corpus: str, length: int) -> None:
    """Within one document, and behind as many tokens as at any other length: at most the window, at least the rest."""
    task = text(corpus)
    batch = draw(task, 200, length, "validation[window=64,stride=16]")
    assert (batch.documents == batch.documents[:, :1]).all()
    assert (batch.documents >= 0).all()


def test_examples_of_one_document_are_no_independent_shares(corpus: str) -> None:
    task = text(corpus).with_metrics(load_metric("exact_match"))
    model = Decoder(DecoderConfig(**task.sizes, dim=8, heads=2, layers=1))
    point = evaluate_point(model, task, EvaluateConfig(sequences=40), "validation", 2)
    assert 0 <= point.values["exact_match"].value <= 1
    assert point.values["exact_match"].weight == 40
    assert point.right is None


@pytest.mark.parametrize("tokenizer", ["bytes", "bpe-300"])
def test_bits_per_byte_and_perplexity_are_those_of_the_text(corpus: str, tokenizer: str) -> None:
    torch.manual_seed(0)
    task = text(corpus, f"tokenizer={tokenizer}")
    model = Decoder(DecoderConfig(**task.sizes, mechanism="softmax+rope", dim=32, layers=1, context=64, reach=64))
    config = EvaluateConfig(lengths=(64,), sequences=24)
    point = evaluate_point(model, task, config, "validation", 64)
    nats = seen = 0.0
    spelled = []
    from lengthwise.evaluation.sweep import drawn

    for batch in drawn(task, config, "validation", 64):
        assert isinstance(batch, Tokens)
        with torch.no_grad():
            logits = model(batch.inputs).logits[batch.scored].double()
        nats += float(F.cross_entropy(logits, batch.targets[batch.scored], reduction="sum"))
        seen += int(batch.scored.sum())
        spelled += [task.spell(row[of].tolist()) for row, of in zip(batch.targets, batch.scored, strict=True)]
    found = {name: value.value for name, value in point.values.items()}
    assert found["perplexity"] == pytest.approx(math.exp(nats / seen), rel=1e-4)
    assert found["loss"] == pytest.approx(nats / seen, rel=1e-4)
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / sum(map(len, spelled)), rel=1e-4)


def test_windows_of_the_same_document_are_one_input_of_the_bootstrap(corpus: str) -> None:
    """A thousand windows of the same few documents say less than a thousand documents."""
    torch.manual_seed(0)
    task = text(corpus)
    model = Decoder(DecoderConfig(**task.sizes, mechanism="softmax+rope", dim=16, layers=1, context=64, reach=64))
    wide = [
        evaluate_point(model, task, EvaluateConfig(lengths=(32,), sequences=count, tokens=10**6), "validation", 32)
        for count in (400, 3200)
    ]
    widths = [point.values["bits_per_byte"].high - point.values["bits_per_byte"].low for point in wide]
    assert widths[1] > widths[0] / 8**0.5 * 1.5
    assert wide[1].sequences == 3200


def test_packed_documents_do_not_see_each_other(corpus: str) -> None:
    torch.manual_seed(0)
    model = Decoder(DecoderConfig(vocab_size=257, mechanism="softmax+rope", dim=32, layers=1, context=300, reach=300))
    batch = draw(text(corpus), 8, 300, "train", seed=3)
    logits = batch.ask(model.eval()).logits[0].view(8, 300, -1)
    for row, documents, said in zip(batch.inputs, batch.documents, logits, strict=True):
        second = documents == documents[-1]
        alone = model(row[second][None]).logits[0]
        torch.testing.assert_close(said[second], alone, atol=1e-4, rtol=1e-4)
    together = draw(text(corpus, "packed=false"), 8, 300, "train", seed=3)
    assert torch.equal(together.inputs, batch.inputs)
    assert not together.documents.numel()


def test_lengths_that_no_documents_have_are_refused_before_a_run(corpus: str) -> None:
    settings = {"task": f"text[corpus={corpus}]", "train": {"length": 32}, "evaluate": {"lengths": [32, 1_000_000]}}
    with pytest.raises(InputError, match=r"A length of 1,000,000 needs two documents .* whose second longest has"):
        check(RunConfig.read(settings))
    with pytest.raises(InputError, match="too few for a window of 1,000,000"):
        check(RunConfig.read(settings | {"train": {"length": 1_000_000}, "evaluate": {"lengths": [32]}}))
    for split, sentence in {
        "validation[window=64]": "A window of 64 tokens does not fit into a length of 32",
        "validation[window=16]": "scores fewer than 16 of them; got stride=32",
    }.items():
        with pytest.raises(InputError, match=sentence):
            RunConfig.read(settings | {"evaluate": {"lengths": [32], "splits": [split]}})


def test_few_documents_are_refused_with_their_remedy(corpus: str) -> None:
    """Shorter lengths would not help."""
    for file in sorted(Path(corpus).iterdir())[1:]:
        file.unlink()
    with pytest.raises(InputError, match=r"has 1 of the two documents .* give a corpus with more documents\."):
        text(corpus).check_data("test", 2)
    text(corpus).check_data("train", 2)


def test_a_run_knows_its_text(corpus: str) -> None:
    settings = {"task": f"text[corpus={corpus}]", "train": {"length": 32}, "evaluate": {"lengths": [32]}}
    begun = RunConfig.read(settings).settled()
    assert begun.data_sha256 == token_file(corpus, "bytes").facts.sha256
    check(begun)
    opened.cache_clear()
    (Path(corpus) / "61.txt").write_text("another document", encoding="utf-8")
    with pytest.raises(InputError, match="are not those with which this run began"):
        check(begun)
    assert RunConfig.read(settings).settled().data_sha256 != begun.data_sha256
