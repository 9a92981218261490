"""Predicted numbers: what the second head says, what is asked of it, and decoding by what it says."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise import Decoder, DecoderConfig
from lengthwise.attention import KeyValueCache
from lengthwise.attention.numberings.predicted import Predicted
from lengthwise.errors import InputError
from lengthwise.evaluation import EvaluateConfig, evaluate_point
from lengthwise.experiments.config import RunConfig
from lengthwise.models import greedy
from lengthwise.tasks import Tokens
from lengthwise.tasks.arithmetic.addition import Addition
from lengthwise.tasks.batch import UNASKED, Reply
from lengthwise.tasks.metrics import CrossEntropy
from lengthwise.tasks.recall.flip_flop import FlipFlop
from lengthwise.training.config import TrainConfig
from lengthwise.training.loop import train
from lengthwise.training.seeds import generator


def decoder(mechanism: str = "softmax+learned+predicted", marks: int | None = 9) -> Decoder:
    """Untrained, with a second head that says something: it begins at 0."""
    torch.manual_seed(0)
    model = Decoder(DecoderConfig(vocab_size=12, dim=16, heads=2, mechanism=mechanism, marks=marks)).double().eval()
    if isinstance(model.numbering, Predicted):
        torch.nn.init.normal_(model.numbering.weight, generator=torch.Generator().manual_seed(0))
    return model


@pytest.fixture
def batch() -> Tokens:
    return Addition().sample(torch.Generator().manual_seed(0), 6, 15)


def test_the_loss_and_what_is_right_by_hand() -> None:
    """Two scored tokens of three classes each and marks of two, of which the second is not asked for."""
    tokens = torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.0, 3.0]], dtype=torch.float64)
    marks = torch.tensor([[0.0, 1.0], [5.0, 0.0]], dtype=torch.float64)
    reply = Reply((tokens, marks), (torch.tensor([0, 1]), torch.tensor([0, UNASKED])))
    first = -math.log(math.exp(2) / (math.exp(2) + 1 + math.e))
    second = -math.log(1 / (1 + 1 + math.exp(3)))
    mark = -math.log(1 / (1 + math.e))
    assert CrossEntropy().losses(reply).tolist() == pytest.approx([first + mark, second])
    assert reply.right.tolist() == [False, False], "a wrong mark, a wrong token"
    assert Reply(reply.logits, (torch.tensor([0, 2]), torch.tensor([1, UNASKED]))).right.tolist() == [True, True]


def test_one_head_is_asked_as_ever(batch: Tokens) -> None:
    """To the bit, loss and gradient."""
    model = decoder("softmax+learned+coupled")
    gradients = []
    for loss in (
        CrossEntropy().losses(batch.ask(model)).sum(),
        F.cross_entropy(
            model(batch.inputs, marks=batch.marks, select=batch.scored).logits, batch.answers, reduction="none"
        ).sum(),
    ):
        gradients.append([loss.detach(), *torch.autograd.grad(loss, list(model.parameters()))])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_what_is_asked_for(batch: Tokens) -> None:
    """Of 4 digits: the sum's first digit has mark 1, and the mark of its fifth, with which it ends, nobody reads."""
    assert batch.next_marks[batch.scored].view(6, 5).tolist() == 6 * [[1, 2, 3, 4, UNASKED]]
    reply = batch.ask(decoder())
    assert [said.shape for said in reply.logits] == [(30, 12), (30, 10)]
    assert CrossEntropy().losses(reply).isfinite().all()


def test_all_else_is_the_coupled_model(batch: Tokens) -> None:
    coupled, predicted = decoder("softmax+learned+coupled"), decoder()
    left = dict(predicted.named_parameters())
    assert left.pop("numbering.weight").shape == (10, 16)
    for name, parameter in coupled.named_parameters():
        assert torch.equal(parameter, left.pop(name)), name
    assert not left
    tokens = predicted(batch.inputs, marks=batch.marks).logits
    assert torch.equal(tokens, coupled(batch.inputs, marks=batch.marks).logits)
    assert not Decoder(predicted.config).numbering.weight.any()


def test_marks_are_numbers_counted_from_the_start(batch: Tokens) -> None:
    model: Any = decoder()
    model.train()
    seen: list[Tensor] = []
    model.norm.register_forward_hook(lambda *call: seen.append(call[-1].detach()))
    found = []
    for seed in range(40):
        torch.manual_seed(seed)
        shifts = model.numbering(batch.marks, batch.marks) - batch.marks
        assert (shifts == shifts[:, :1]).all()
        torch.manual_seed(seed)
        said = model(batch.inputs, marks=batch.marks).next_marks
        of_numbers = seen[-1] @ model.numbering.weight.T
        for row, start in enumerate(shifts[:, 0].tolist()):
            torch.testing.assert_close(said[row, :, : 10 - start], of_numbers[row, :, start:])
        torch.testing.assert_close(said.logsumexp(-1), of_numbers.logsumexp(-1))
        torch.manual_seed(seed)
        selected = model(batch.inputs, marks=batch.marks, select=batch.scored).next_marks
        torch.testing.assert_close(selected, said[batch.scored])
        found.append(shifts[:, 0])
    starts = torch.stack(found)
    assert set(starts.flatten().tolist()) == set(range(6)), "every start that leaves room for 4 digits"
    assert (starts != starts[:, :1]).any(), "of every sequence"


def test_selected_and_chunked_are_the_whole(batch: Tokens) -> None:
    model = decoder()
    with torch.no_grad():
        whole = model(batch.inputs, marks=batch.marks)
        cache, parts = KeyValueCache(), []
        for inputs, marks in zip(batch.inputs.split(3, 1), batch.marks.split(3, 1), strict=True):
            parts.append(model(inputs, marks=marks, cache=cache))
        for head, split in zip(whole, zip(*parts, strict=True), strict=True):
            torch.testing.assert_close(torch.cat(split, 1), head)
        for reply in (batch.ask(model), batch.ask(model, chunk=4)):
            for head, said in zip((whole.logits, whole.next_marks), reply.logits, strict=True):
                torch.testing.assert_close(said, head[batch.scored])


def test_each_sequence_and_document_by_itself(batch: Tokens) -> None:
    model = decoder()
    whole = model(batch.inputs, marks=batch.marks)
    for row in range(6):
        alone = model(batch.inputs[row : row + 1], marks=batch.marks[row : row + 1])
        torch.testing.assert_close(tuple(head[row : row + 1] for head in whole), alone)
    ids = torch.arange(6).repeat_interleave(14)[None]
    packed = model(batch.inputs.reshape(1, -1), marks=batch.marks.reshape(1, -1), document_ids=ids)
    for head, separate in zip(packed, whole, strict=True):
        torch.testing.assert_close(head.view_as(separate), separate)


def test_nothing_comes_from_what_follows(batch: Tokens) -> None:
    model = decoder()
    before = model(batch.inputs, marks=batch.marks)
    inputs, marks = batch.inputs.clone(), batch.marks.clone()
    inputs[:, 8:], marks[:, 8:] = 3, 7
    for head, changed in zip(before, model(inputs, marks=marks), strict=True):
        assert torch.equal(head[:, :8], changed[:, :8])
        assert not torch.equal(head[:, 8:], changed[:, 8:])


def test_compiled_saved_and_in_other_precisions(batch: Tokens, tmp_path: Path) -> None:
    torch._dynamo.reset()
    model = decoder()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    said = model(batch.inputs, marks=batch.marks)
    torch.testing.assert_close(compiled(batch.inputs, marks=batch.marks), said)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again = Decoder(model.config).double().eval()
    again.load_state_dict(torch.load(tmp_path / "model.pt"))
    assert all(torch.equal(a, b) for a, b in zip(again(batch.inputs, marks=batch.marks), said, strict=True))
    for dtype in (torch.bfloat16, torch.float32):
        in_it = model.to(dtype)(batch.inputs, marks=batch.marks)
        assert in_it.logits.dtype == in_it.next_marks.dtype == dtype


def test_gradients_reach_the_trunk_through_either_head(batch: Tokens) -> None:
    model = decoder("softmax+rope+predicted")
    model.train()
    for head in ("logits", "next_marks"):
        model.zero_grad()
        getattr(model(batch.inputs, marks=batch.marks, select=batch.scored), head).square().sum().backward()
        gradient = model.embedding.weight.grad
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0
    assert model.numbering.weight.grad.isfinite().all()


EQUALS = 11
TRAIN = TrainConfig(length=12, shortest=6, steps=500, batch_size=64, learning_rate=5e-3, warmup=0.02, device="cpu")
EVALUATE = EvaluateConfig(sequences=200)


@pytest.fixture(scope="module")
def adder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    """It has learnt to add numbers of up to 3 digits, not without mistakes."""
    torch.manual_seed(0)
    config = DecoderConfig(vocab_size=12, dim=32, heads=4, mechanism="softmax+learned+predicted", marks=6)
    model = Decoder(config)
    train(model, Addition(), TRAIN, seed=0, folder=tmp_path_factory.mktemp("run"))
    return model.eval()


@pytest.fixture(scope="module", params=["as trained", "numbers in doubt"])
def judged(request: pytest.FixtureRequest, adder: Decoder) -> Decoder:
    """The same model, or one whose second head is mistaken now and then."""
    model: Any = copy.deepcopy(adder).double()
    if request.param == "numbers in doubt":
        weight = model.numbering.weight.data
        weight += 0.75 * weight.std() * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    return model


def drawn(length: int) -> Tokens:
    """The very sequences that are evaluated on."""
    return Addition().sample(generator("evaluation", "validation", length, 0), 200, length, "validation")


def right(model: Decoder, batch: Tokens) -> tuple[Tensor, Tensor]:
    """Of every token that is scored, whether it is as it should be, and its mark; True of all others."""
    said = model(batch.inputs, marks=batch.marks)
    tokens, marks = said.logits.argmax(-1), said.next_marks.argmax(-1)
    asked = batch.scored & (batch.next_marks != UNASKED)
    return (tokens == batch.targets) | ~batch.scored, (marks == batch.next_marks) | ~asked


@pytest.mark.long
def test_both_heads_learn(adder: Decoder) -> None:
    reply = drawn(12).ask(adder)
    tokens, marks = (F.cross_entropy(*pair) for pair in zip(reply.logits, reply.answers, strict=True))
    assert tokens < 0.5 * math.log(10)
    assert marks < 0.1 * math.log(7)


@pytest.mark.parametrize("length", [9, 12, 15])
def test_exact_needs_both_heads(judged: Decoder, length: int) -> None:
    batch = drawn(length)
    tokens, marks = right(judged, batch)
    point = evaluate_point(judged, Addition(), EVALUATE, "validation", length)
    assert point.values["exact_match"].numerator == (tokens & marks).all(1).sum()
    assert point.values["token_accuracy"].numerator == (tokens & marks)[batch.scored].sum()
    said = judged(batch.inputs, marks=batch.marks)
    losses = [
        F.cross_entropy(head[batch.scored], answers[batch.scored], reduction="sum").item()
        for head, answers in zip((said.logits, said.next_marks), (batch.targets, batch.next_marks), strict=True)
    ]
    assert point.values["loss"].value == pytest.approx(sum(losses) / int(batch.scored.sum()))


@pytest.mark.parametrize("length", [6, 9, 12, 15])
def test_decoding_is_as_evaluated(judged: Decoder, length: int) -> None:
    """By numbers of its own it writes the right answer, at the right numbers, exactly where evaluation says so."""
    batch = drawn(length)
    asked = int((batch.inputs[0] == EQUALS).nonzero()) + 1
    answer = torch.cat([batch.inputs, batch.targets[:, -1:]], 1)
    written, marks = greedy(judged, batch.inputs[:, :asked], length - asked, marks=batch.marks[:, :asked])
    decoded = (written == answer).all(1) & (marks[:, :-1] == batch.marks).all(1)
    assert torch.equal(decoded, torch.stack(right(judged, batch)).all(0).all(1))


def test_the_cases_are_there(adder: Any, judged: Any) -> None:
    """Right in both, in tokens alone, in marks alone, or, with the head as it was trained, in marks always."""
    tokens, marks = (torch.cat([right(judged, drawn(n))[head].all(1) for n in (6, 9, 12)]) for head in (0, 1))
    assert (tokens & marks).sum() > 20
    assert (~tokens & marks).sum() > 20
    if not torch.equal(adder.numbering.weight, judged.numbering.weight):
        assert (tokens & ~marks).sum() > 20


def test_decoding_through_the_cache_is_reading_anew(adder: Decoder) -> None:
    batch = drawn(12)
    tokens, marks = batch.inputs[:20, :8], batch.marks[:20, :8]
    written, numbered = greedy(adder, tokens, 4, marks=marks)
    for _ in range(4):
        said = adder(tokens, marks=marks)
        tokens = torch.cat([tokens, said.logits[:, -1:].argmax(-1)], 1)
        marks = torch.cat([marks, said.next_marks[:, -1:].argmax(-1)], 1)
    assert torch.equal(written, tokens)
    assert numbered is not None
    assert torch.equal(numbered, marks)
    again, _ = greedy(adder, batch.inputs[:20, :8], 4, marks=batch.marks[:20])
    assert torch.equal(again, written), "marks that it predicts are not read"


def test_decoding_without_a_second_head(batch: Tokens) -> None:
    """Marks have to reach as far as what is read, if there are any."""
    plain = decoder("softmax+rope")
    written, marks = greedy(plain, batch.inputs[:, :5], 4)
    assert marks is None
    assert torch.equal(written[:, 5:], plain(written[:, :-1]).logits[:, 4:].argmax(-1))
    coupled = decoder("softmax+learned+coupled")
    written, marks = greedy(coupled, batch.inputs[:, :11], 4, marks=batch.marks)
    assert marks is not None
    assert torch.equal(marks, batch.marks)
    assert torch.equal(written[:, 11:], coupled(written[:, :-1], marks=marks).logits[:, 10:].argmax(-1))
    with pytest.raises(InputError, match="a mark for each of 12 tokens; got 11, and only a numbering such as"):
        greedy(coupled, batch.inputs[:, :11], 4, marks=batch.marks[:, :11])


def test_wrong_uses_are_answered(batch: Tokens) -> None:
    with pytest.raises(InputError, match="needs marks, which say which tokens belong together, and got none"):
        decoder()(batch.inputs)
    with pytest.raises(InputError, match="'predicted' needs to know how large the marks"):
        decoder(marks=None)
    with pytest.raises(InputError, match="has numbers for marks up to 3, and a sequence has 4"):
        decoder(marks=3)(batch.inputs, marks=batch.marks)
    tree = {"model": {"mechanism": "softmax+learned+predicted"}}
    with pytest.raises(
        InputError, match=r"'predicted' numbers tokens by marks.* flip-flop gives none; 'addition' does"
    ):
        RunConfig.read({"task": "flip-flop", **tree})
    assert CrossEntropy().losses(FlipFlop().sample(torch.Generator(), 2, 8).ask(decoder("softmax"))).isfinite().all()
