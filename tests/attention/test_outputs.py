"""Output parts against their formulas, and where they stand."""

import math

import pytest
import torch

from lengthwise import Attention
from lengthwise.attention import Mechanism
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.errors import InputError


def gelu(x: torch.Tensor) -> torch.Tensor:
    return x * (1 + ((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3)).tanh()) / 2


FORMULAS = {
    "none": lambda x: x,
    "layer-norm": lambda x: (x - x.mean(-1, True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt() * 2 + 3,
    "layer-norm-gelu": lambda x: gelu(
        (x - x.mean(-1, True)) / (x.var(-1, correction=0, keepdim=True) + 1e-3).sqrt() * 2 + 3
    ),
    "rms-norm": lambda x: x / (x.square().mean(-1, True) + 1e-5).sqrt() * 2,
    "standardise": lambda x: (x - x.mean(-1, True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt(),
    "scale": lambda x: x * 2,
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("shape", [(12,), (3, 4)])
def test_formula(name: str, shape: tuple[int, ...]) -> None:
    part = OUTPUTS.load(name)(shape, 6).double()
    with torch.no_grad():
        for parameter, value in zip(part.parameters(), (2, 3), strict=False):
            parameter.fill_(value)
    x = torch.randn(2, 5, *shape, dtype=torch.float64) * 7 + 1
    torch.testing.assert_close(part(x), FORMULAS[name](x))


@pytest.mark.parametrize(("name", "gates"), [("gate", (3, 4)), ("head-gate", (3, 1))])
def test_gates_by_hand(name: str, gates: tuple[int, int]) -> None:
    part = OUTPUTS.load(name)((3, 4), 6).double()
    attended, hidden = torch.randn(2, 5, 3, 4, dtype=torch.float64), torch.randn(2, 5, 6, dtype=torch.float64)
    logits = (hidden @ part.gate.weight.T).reshape(2, 5, *gates)
    torch.testing.assert_close(part(attended, hidden), attended / (1 + (-logits).exp()))


def test_where_it_stands() -> None:
    torch.manual_seed(0)
    hidden, plain = torch.randn(2, 9, 12, dtype=torch.float64), Attention(12, heads=3, mechanism="softmax").double()
    attended = torch.linalg.solve(plain.project.matrix.weight, plain(hidden).mT).mT
    norm = FORMULAS["standardise"]
    expected = {
        "softmax+standardise": plain.project.matrix(norm(attended)),
        "softmax+standardise@heads": plain.project.matrix(norm(attended.unflatten(-1, (3, 4))).flatten(-2)),
        "softmax+standardise@projected": norm(plain(hidden)),
    }
    for mechanism, output in expected.items():
        attention = Attention(12, heads=3, mechanism=mechanism).double()
        attention.load_state_dict(plain.state_dict())
        torch.testing.assert_close(attention(hidden), output)


def test_heads_learn_each_for_itself() -> None:
    attention = Attention(12, heads=3, mechanism="softmax+layer-norm@heads")
    assert {tuple(p.shape) for p in attention.project.output.parameters()} == {(3, 4)}


@pytest.mark.parametrize("name", ["softmax+layer-norm@heads", "softmax+rope+rms-norm@projected", "softmax+scale"])
def test_names_go_there_and_back(name: str) -> None:
    assert str(Mechanism.parse(name)) == name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("softmax+layer-norm@head", "did you mean 'heads'"),
        ("softmax@heads", "only output parts"),
        ("softmax+none@heads", "only output parts"),
    ],
)
def test_wrong_place_is_answered(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Mechanism.parse(name)
