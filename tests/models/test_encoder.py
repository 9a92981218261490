"""The decoder without its mask, which is an encoder, and the tasks that an encoder can learn."""

from typing import Any

import pytest
import torch
from tests.tasks.lengths import accepted

from lengthwise.attention import KeyValueCache
from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.models import Decoder, DecoderConfig
from lengthwise.tasks import Tokens, load
from lengthwise.tasks.batch import Prompts
from lengthwise.testing.tasks import PROMISES


def encoder(task: str = "even-pairs", **settings: Any) -> Decoder:
    torch.manual_seed(0)
    sizes = {"dim": 16, "heads": 2, "mechanism": "softmax+rope", "causal": False, **settings}
    return Decoder(DecoderConfig(**load(task).sizes, **sizes)).double().eval()


def prompts(task: str, length: int) -> tuple[Prompts, Tokens]:
    """The examples for an encoder, and the same examples for a decoder."""
    drawn = [
        which.sample(torch.Generator().manual_seed(0), 8, length, "train")
        for which in (load(task).for_encoder(), load(task))
    ]
    assert isinstance(drawn[0], Prompts)
    assert isinstance(drawn[1], Tokens)
    return drawn[0], drawn[1]


@pytest.mark.parametrize("causal", [True, False])
def test_tokens_of_an_encoder_see_later_tokens(causal: bool) -> None:
    model = encoder(causal=causal)
    tokens = torch.tensor([[2, 0, 1, 0, 3]])
    changed = torch.tensor([[2, 0, 1, 1, 3]])
    first, second = (model(of).logits[0, :3] for of in (tokens, changed))
    assert torch.equal(first, second) == causal


def test_an_encoder_predicts_from_the_mean_of_all_tokens() -> None:
    model, tokens = encoder(), torch.randint(2, (3, 7))
    said, whole = model(tokens, average=True), model(tokens)
    torch.testing.assert_close(said.hidden, whole.hidden.mean(1))
    torch.testing.assert_close(said.logits, model.head(whole.hidden.mean(1)))


@pytest.mark.parametrize("task", ["even-pairs", "missing-duplicate", "unique-retrieval", "flag-retrieval"])
def test_a_prompt_ends_before_the_answer(task: str) -> None:
    prompt, whole = prompts(task, 8)
    place = int(whole.scored[0].int().argmax())
    assert prompt.inputs.shape[1] == place + 1 == load(task).for_encoder().tokens(8)
    assert torch.equal(prompt.inputs, whole.inputs[:, : place + 1])
    assert torch.equal(prompt.answers, whole.targets[:, place])
    assert prompt.scored.sum(1).tolist() == [1] * 8
    assert not prompt.continued
    holders = load(task).for_encoder().holders(prompt)
    assert holders is None or holders.shape == prompt.scored.shape


@pytest.mark.parametrize("task", ["missing-duplicate", "unique-retrieval", "n-back", "tomita-3"])
@pytest.mark.parametrize("promise", PROMISES)
def test_tasks_keep_their_promises_for_an_encoder(task: str, promise: str) -> None:
    PROMISES[promise](load(task).for_encoder(), [accepted(load(task), length) for length in (8, 17)])


@pytest.mark.parametrize("task", ["even-pairs", "n-back"])
def test_an_encoder_never_reads_in_chunks(task: str) -> None:
    batch = load(task).for_encoder().sample(torch.Generator().manual_seed(0), 4, 12, "train")
    model = encoder(task)
    with torch.no_grad():
        (chunked,), (whole,) = batch.ask(model, 3).logits, batch.ask(model).logits
        assert torch.equal(chunked, whole)
        assert torch.equal(batch.generate(model).logits[0], whole)
        with pytest.raises(InputError, match="bidirectional attention reads a sequence at once"):
            model(torch.tensor([[0, 1]]), cache=KeyValueCache())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"task": "copy"}, "An encoder answers with one symbol, and an answer of copy has up to 20 at a length of 20"),
        ({"task": "square-root", "train": {"length": 2}}, "answer of square-root has up to 10 at a length of 20"),
        ({"task": "flip-flop"}, "An encoder sees all tokens, and those of flip-flop show the answers"),
        ({"task": "even-pairs", "train": {"length": 20, "concatenate": 2}}, "is no source with its whole answer"),
        ({"task": "even-pairs", "model": {"mechanism": "stick-breaking"}}, "supports only causal attention"),
    ],
)
def test_what_an_encoder_cannot_learn_is_refused(settings: dict[str, Any], told: str) -> None:
    model = {"causal": False, "mechanism": "softmax", **settings.get("model", {})}
    evaluated = {"train": {"length": 20}, "evaluate": {"lengths": [20]}}
    with pytest.raises(InputError, match=told):
        Decoder(RunConfig.read({**evaluated, **settings, "model": model}).sized_model)  # type: ignore[arg-type]


def test_an_encoder_has_no_metrics_of_the_end() -> None:
    config = RunConfig.read({"task": "even-pairs", "model": {"causal": False, "mechanism": "softmax"}})
    assert list(config.build_task().measures) == ["exact_match", "token_accuracy", "loss"]
