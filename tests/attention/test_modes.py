"""What a mechanism computes does not depend on the mode of a module: only random draws exist in training alone.

The checks of every mechanism hold attention layers to the same.
"""

import pytest
import torch

from lengthwise import Decoder, DecoderConfig
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.parts import Embedding
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS
from lengthwise.models import SetReader, SetReaderConfig

DRAWN = {
    "randomised": "the numbers of a training sequence are drawn anew for each batch",
    "shifted": "a training sequence begins at a start that is drawn for it",
    "coupled": "marks begin at a start that is drawn for each training sequence",
    "abacus": "as coupled",
    "predicted": "as coupled",
}
"""The numberings that draw in training, which is what they are for."""


@pytest.mark.parametrize("name", [name for name in POSITIONS if issubclass(POSITIONS.load(name), Embedding)])
def test_positions_before_the_layers_are_the_same_in_both_modes(name: str) -> None:
    assert modes_agree(f"softmax+{name}")


@pytest.mark.parametrize("name", list(NUMBERINGS))
def test_only_numberings_that_draw_depend_on_the_mode(name: str) -> None:
    assert modes_agree(f"softmax+learned+{name}" if name != "counted" else "softmax+learned") == (name not in DRAWN)


@torch.no_grad()
def modes_agree(mechanism: str) -> bool:
    torch.manual_seed(0)
    sizes = {"context": 60, "reach": 60, "marks": 60}
    model = Decoder(DecoderConfig(7, dim=16, heads=2, mechanism=mechanism, **sizes)).double()  # type: ignore[arg-type]
    tokens, marks = torch.randint(7, (2, 40)), torch.arange(40).expand(2, -1) % 20
    trained, used = (model.train(training)(tokens, marks=marks).logits for training in (True, False))
    return torch.equal(trained, used)


@torch.no_grad()
@pytest.mark.parametrize(
    "name", [name for name in WEIGHTS if (traits := WEIGHTS.load(name).traits).bidirectional and traits.cross]
)
def test_a_reader_of_sets_is_the_same_in_both_modes(name: str) -> None:
    torch.manual_seed(0)
    reader = SetReader(SetReaderConfig(5, 4, 3, dim=16, heads=2, mechanism=name)).double()
    items, query = torch.randn(2, 30, 5, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    assert torch.equal(reader.train()(items, query).logits, reader.eval()(items, query).logits)
