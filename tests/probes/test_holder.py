"""Attention on the input that shows the answer, and the exchange of its weight."""

import pytest
import torch

from lengthwise.attention.core import AttentionCore
from lengthwise.errors import InputError
from lengthwise.models import Decoder, DecoderConfig, SetReader, SetReaderConfig
from lengthwise.probes.holder import looks
from lengthwise.tasks import load
from lengthwise.training.seeds import generator


def decoder(task: str, mechanism: str = "softmax+alibi") -> Decoder:
    torch.manual_seed(0)
    return Decoder(DecoderConfig(**load(task).sizes, dim=32, heads=2, layers=2, mechanism=mechanism, context=64))


def test_mass_entropy_and_variance_are_those_of_the_weights() -> None:
    task = load("dictionary-lookup")
    torch.manual_seed(0)
    reader = SetReader(SetReaderConfig(**task.sizes, dim=32, heads=2)).eval()
    found = looks(reader, task, 12, examples=20)
    core = next(module for module in reader.modules() if isinstance(module, AttentionCore))
    kept = []
    hook = core.weights.register_forward_pre_hook(lambda part, arguments: kept.append(arguments[0]))
    batch = task.sample(generator("evaluation", "validation", 12, 0), 20, 12, "validation")
    with torch.no_grad():
        right = batch.ask(reader).right
        (call,) = kept
        hook.remove()
        weights = call.scores().softmax(-1)[:, :, 0]
        values = call.attend(weights[:, :, None])[:, :, 0]
    holder = task.holders(batch)
    assert holder is not None
    assert torch.equal(found.right, right)
    torch.testing.assert_close(found.mass[:, 0], weights.gather(2, holder[:, None].expand(-1, 2, -1))[..., 0])
    entropy = -(weights * weights.log()).sum(-1) / torch.tensor(12.0).log()
    torch.testing.assert_close(found.entropy[:, 0], entropy)
    torch.testing.assert_close(found.variance[:, 0], values.var(-1, correction=0))


@pytest.mark.parametrize("task", ["flip-flop", "mqar[vocabulary=16,pairs=2]", "copy[symbols=5]"])
@pytest.mark.parametrize("mechanism", ["softmax+alibi", "threshold-relative", "stick-breaking"])
def test_an_exchange_keeps_the_weights_of_a_row_and_gives_the_holder_another(task: str, mechanism: str) -> None:
    model, of = decoder(task, mechanism), load(task)
    plain, most, least = (looks(model, of, 24, examples=16, exchange=kind) for kind in (None, "largest", "smallest"))
    torch.testing.assert_close(plain.entropy[:, 0], most.entropy[:, 0])
    torch.testing.assert_close(plain.entropy[:, 0], least.entropy[:, 0])
    assert (most.mass[:, 0] >= plain.mass[:, 0]).all()
    assert (least.mass[:, 0] <= plain.mass[:, 0]).all()
    assert (most.mass > least.mass).any()


def test_only_the_layers_that_are_asked_for_exchange() -> None:
    model, task = decoder("flip-flop"), load("flip-flop")
    plain = looks(model, task, 24, examples=16)
    second = looks(model, task, 24, examples=16, exchange="largest", layers=[1])
    assert torch.equal(plain.mass[:, 0], second.mass[:, 0])
    assert (second.mass[:, 1] > plain.mass[:, 1]).any()


def test_bad_input_is_answered() -> None:
    with pytest.raises(InputError, match="sort does not know which input shows an answer"):
        looks(decoder("sort"), load("sort"), 8)
    task = load("contextual-retrieval")
    with pytest.raises(InputError, match="contextual-retrieval does not know"):
        looks(SetReader(SetReaderConfig(**task.sizes)), task, 9)
    with pytest.raises(InputError, match="exchange is one of largest, smallest, or None; got 'Largest'"):
        looks(decoder("flip-flop"), load("flip-flop"), 24, exchange="Largest")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="There is no attention layer 7: the model has 2"):
        looks(decoder("flip-flop"), load("flip-flop"), 24, exchange="largest", layers=[7])
    with pytest.raises(InputError, match="no attention layer of this package"):
        looks(torch.nn.Linear(2, 2), load("flip-flop"), 8)
    with pytest.raises(InputError, match="'hadamard' gives no weights to keys"):
        looks(decoder("flip-flop", "hadamard"), load("flip-flop"), 24)
    with pytest.raises(InputError, match="Differential is not the sum of its values"):
        looks(decoder("flip-flop", "differential"), load("flip-flop"), 24, exchange="largest")
