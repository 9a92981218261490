"""Options of parts: each does something, and a mechanism's name gives it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lengthwise import Attention, Decoder, DecoderConfig
from lengthwise.attention import Mechanism
from lengthwise.attention.part import Part
from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.tables import TABLES
from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.naming import options_of
from lengthwise.ops.rowwise import entmax
from lengthwise.options import Option, spelled

PARTS = [(kind, name, each) for kind, table in TABLES.items() for name in table for each in options_of(table, name)]
SPECIAL = {"alpha": 1.75, "beta_fast": 1.5, "beta_slow": 0.1, "threshold": 1.0, "neighbours": 4}
"""Values that make a difference, where others round to the same or fit no head of this width."""


def another(option: Option) -> str:
    """A value that is not the default one."""
    if option.kind is bool:
        return spelled(not option.default)
    if option.among:
        return next(word for word in option.among if word != option.default)
    ideas = [SPECIAL.get(option.name, 2 * option.default + 1), option.default * 0.5 + 0.1, option.default + 2]
    for idea in ideas:
        try:
            return spelled(option.check(idea, "it"))
        except InputError:
            continue
    raise AssertionError(option)


def outcome(mechanism: str) -> list[Tensor]:
    """What a decoder is made of after training, says, and adds to the loss, whose parts are not what they begin as."""
    torch.manual_seed(0)
    config = DecoderConfig(
        vocab_size=5, mechanism=mechanism, layers=2, dim=64, heads=4, context=48, reach=120, marks=60
    )
    model = Decoder(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 5)
    tokens = torch.randint(5, (2, 60), generator=torch.Generator().manual_seed(1))
    parts = [module for module in model.modules() if isinstance(module, Part)]
    for part in parts:
        part.follow(1.0)
    with torch.no_grad():
        logits = model.train()(tokens).logits
    return [
        *model.parameters(),
        *model.buffers(),
        logits,
        *(part.penalty for part in parts if part.penalty is not None),
    ]


@pytest.mark.parametrize(
    ("kind", "name", "option"),
    [(kind, name, each) for kind, name, each in PARTS if name != "calibrated"],
    ids=[f"{name}-{each.name}" for _, name, each in PARTS if name != "calibrated"],
)
def test_every_option_makes_a_difference(kind: str, name: str, option: Option) -> None:
    part = f"{name}[{option.name}={another(option)}]"
    weights = {"weights": "{}", "numbering": "softmax+rope+{}"}.get(kind, "softmax+{}")
    plain, changed = outcome(weights.format(name)), outcome(weights.format(part))
    pairs = zip(plain, changed, strict=False)
    same = [one.shape == other.shape and torch.equal(one, other) for one, other in pairs]
    assert len(plain) != len(changed) or not all(same)


def test_calibration_keeps_what_is_as_many_deviations_above_the_mean() -> None:
    sums, counts = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).double(), torch.ones(4).long()
    kept = []
    for deviations in (-2.0, 0.0, 1.0):
        part = POSITIONS.load("calibrated")(Sizes(4, 1, 1, 4, context=4), deviations=deviations)
        part.calibrate(sums, counts)
        kept.append(int((part.table[0, :-1] > -1).sum()))
    assert kept == [4, 2, 1]


@pytest.mark.parametrize(
    ("names", "canonical"),
    [
        (("rope[base=5e5]+top-k[kept=9]", "top-k[kept=9]+rope[base=500000]"), "top-k[kept=9]+rope[base=500000]"),
        (("top-k[kept=9]+rope[base=5e+5]",), "top-k[kept=9]+rope[base=500000]"),
        (("softmax+rope[base=1e4]", "rope+softmax", "softmax+none+rope"), "softmax+rope"),
        (("layer-norm[eps=.000001]@heads+softmax",), "softmax+layer-norm[eps=1e-6]@heads"),
        (("softmax+layer-norm[eps=1e-5]@width",), "softmax+layer-norm"),
        (("softmax+yarn[mscale=0.5,truncate=false,base=5e5]",), "softmax+yarn[base=500000,mscale=0.5,truncate=false]"),
        (("randomised[room=8]+alibi+log-n[s=0.43]",), "log-n[s=0.43]+alibi+randomised[room=8]"),
    ],
)  # fmt: skip
def test_a_mechanism_has_one_name(names: tuple[str, ...], canonical: str) -> None:
    for name in (*names, canonical):
        assert str(Mechanism.parse(name)) == canonical
        assert Mechanism.parse(name) == Mechanism.parse(canonical)
    assert DecoderConfig(vocab_size=5, dim=16, mechanism=names[0]).mechanism == canonical


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("softmax[x=1]", "softmax has no options; drop 'x'"),
        ("top-k[kpet=9]+rope", "There is no option of top-k called 'kpet'; did you mean 'kept'?"),
        (
            "softmax+yarn[bsae=9]",
            "The options of yarn are base, factor, beta_fast, beta_slow, mscale, truncate",
        ),
        ("top-k[kept=0]", "The option kept of top-k is a whole number, at least 1; got 0"),
        ("softmax+yarn[beta_slow=40]", "beta_slow of yarn is below beta_fast, 32; got 40"),
        ("softmax+t5[max_distance=16]", "max_distance of t5 is larger than half the buckets, 16; got 16"),
        ("dape-v2[kernel=4]+alibi", "kernel of dape-v2 is an odd number; got 4"),
        ("distance-only[threshold=1]", "distance-only has no options"),
        ("softmax[kept=9]+rope", "softmax has no options"),
        ("softmax+rope[base=2]+alibi[bias_max=4]", r"two position parts, 'rope\[base=2\]' and 'alibi\[bias_max=4\]'"),
        ("softmax+layer-norm@heads[eps=1]", "There is no placement called"),
    ],
)
def test_a_wrong_option_in_a_mechanism_is_answered(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Mechanism.parse(name)


def test_in_python_options_are_keywords() -> None:
    assert vars(WEIGHTS.load("top-k")(Sizes(8, 2, 2, 4), kept=9).options)["kept"] == 9
    assert vars(POSITIONS.load("rope")(Sizes(8, 2, 2, 4)).options)["base"] == 10_000
    with pytest.raises(InputError, match="There is no option of TopK called 'kpet'; did you mean 'kept'"):
        WEIGHTS.load("top-k")(Sizes(8, 2, 2, 4), kpet=9)
    with pytest.raises(InputError, match="Softmax has no options"):
        WEIGHTS.load("softmax")(Sizes(8, 2, 2, 4), kept=9)
    with pytest.raises(InputError, match="The option alpha of AsEntmax is a number, at least"):
        WEIGHTS.load("as-entmax")(Sizes(8, 2, 2, 4), alpha=1)


def test_what_it_is_trained_as_has_the_options_that_both_have() -> None:
    trained = Mechanism.parse("top-1+yarn[base=5e5,mscale=0.5]+layer-norm[eps=1e-6]").trained_as
    assert str(trained) == "softmax+rope[base=500000]+layer-norm[eps=1e-6]"
    trained = Mechanism.parse("adaptive-temperature[flat=1]+alibi[bias_max=4]").trained_as
    assert str(trained) == "softmax+alibi[bias_max=4]"
    assert str(Mechanism.parse("top-k[kept=3]+calibrated[deviations=1]").learns_from) == "top-k[kept=3]+sinusoidal"


def test_a_layer_takes_options_in_its_name() -> None:
    attention = Attention(32, heads=4, mechanism="rope[base=5e5]+top-k[kept=2]")
    hidden = torch.randn(1, 9, 32)
    assert str(attention.mechanism) == "top-k[kept=2]+rope[base=500000]"
    frequencies = attention.position.frequencies(8, torch.device("cpu"), torch.float64)
    torch.testing.assert_close(frequencies, 5e5 ** -(torch.arange(4) / 4).double())
    assert vars(attention.weights.options)["kept"] == 2
    assert attention(hidden).shape == hidden.shape


def test_top_k_keeps_as_many_as_it_is_told() -> None:
    for kept in (1, 3, 9):
        attention = Attention(16, heads=2, mechanism=f"top-k[kept={kept}]").double()
        weights = []
        attention.weights.register_forward_hook(lambda part, call, _: weights.append(part.probabilities(call[0])))  # noqa: B023
        attention(torch.randn(1, 12, 16).double())
        assert ((weights[0] > 0).sum(-1) == torch.arange(1, 13).clamp(max=kept)).all()


@pytest.mark.parametrize("keys", [1, 2, 7, 300, 30_000])
@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("alpha", [1.01, 1.2, 1.75, 2.0])
def test_entmax_of_any_alpha_is_what_bisection_finds(keys: int, spread: float, alpha: float) -> None:
    z = torch.randn(20, keys, generator=torch.Generator().manual_seed(keys)).double() * spread + 5
    power, scaled = 1 / (alpha - 1), (z - z.amax(-1, keepdim=True)) * (alpha - 1)
    low, high = torch.full_like(z[:, :1], -1), torch.zeros_like(z[:, :1])
    for _ in range(80):
        middle = (low + high) / 2
        above = (scaled - middle).clamp(min=0).pow(power).sum(-1, keepdim=True) > 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    torch.testing.assert_close(entmax(z, alpha), (scaled - low).clamp(min=0).pow(power), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("keys", [2, 50, 4_000])
def test_entmax_of_alpha_2_is_sparsemax(keys: int) -> None:
    """By sorting, as its paper has it; also where Newton's steps are most: each drops a few keys alone."""
    far = -(2.0 ** -torch.arange(keys).double() * 20)
    for z in (torch.randn(keys, generator=torch.Generator().manual_seed(0)).double(), far, far * 1e-3):
        descending = z.sort(descending=True).values
        sums, count = descending.cumsum(0), torch.arange(1, keys + 1)
        size = int((1 + count * descending > sums).sum())
        expected = (z - (sums[size - 1] - 1) / size).clamp(min=0)
        torch.testing.assert_close(entmax(z, 2.0), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("alpha", [1.1, 1.3, 1.5, 1.8, 2.0])
def test_entmax_of_any_alpha_has_the_right_gradient(alpha: float) -> None:
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda scores: entmax(scores, alpha), (z,))


def test_a_part_of_ones_own_has_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "parts_with_options.py").write_text(
        "from lengthwise.attention.parts import Output\n"
        "from lengthwise.attention.weights.top_k import TopK\n"
        "from lengthwise.options import option\n"
        "class Times(Output):\n"
        "    class Options(Output.Options):\n"
        "        by: float = option(2.0, above=0)\n"
        "    def forward(self, attended, hidden=None):\n"
        "        return attended * self.options.by\n"
        "class Fewer(TopK):\n"
        "    class Options(TopK.Options):\n"
        "        kept: int = option(2, at_least=1)\n",
        encoding="utf-8",
    )
    name = "parts_with_options:Fewer[kept=5]+parts_with_options:Times[by=1]@heads"
    own, house = (Attention(16, heads=2, mechanism=each) for each in (name, "top-k"))
    own.load_state_dict(house.state_dict())
    hidden = torch.randn(2, 9, 16)
    assert torch.equal(own(hidden), house(hidden))
    assert str(own.mechanism) == name
    with pytest.raises(InputError, match=r"option by of parts_with_options:Times is a number, above 0; got 0"):
        Mechanism.parse("softmax+parts_with_options:Times[by=0]")


@pytest.mark.parametrize("name", ["top-k[kept=9]", "softmax+alibi[bias_max=4]", "softmax+layer-norm[eps=0.1]"])
def test_compiled_as_eager(name: str, build: Callable[..., Attention]) -> None:
    attention, hidden = build(name), torch.randn(2, 30, 32, dtype=torch.float64)
    torch.testing.assert_close(torch.compile(attention, fullgraph=True, backend="aot_eager")(hidden), attention(hidden))
