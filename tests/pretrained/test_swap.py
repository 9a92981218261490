"""A swapped model computes what the mechanism's formula says, between the model's own projections; or it is refused."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.pretrained.families import KINDS, left_padded, tiny, tokens
from torch import Tensor, nn
from transformers import AttentionInterface

from lengthwise import outputs
from lengthwise.errors import InputError
from lengthwise.pretrained import swap
from lengthwise.pretrained.finding import find_attention
from lengthwise.pretrained.swapping import layer as layer_module


def by_hand(model: Any, weights: Callable[[Tensor], Tensor], ids: Tensor) -> Tensor:
    """The logits of a model whose weights are computed from scaled scores (batch, heads, queries, keys) by hand."""

    def attend(
        module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, *, scaling: float, **others: Any
    ) -> Any:
        key, value = (of.repeat_interleave(query.shape[1] // key.shape[1], 1) for of in (key, value))
        return (weights(query @ key.mT * scaling) @ value).transpose(1, 2), None

    AttentionInterface.register("by-hand", attend)
    before = model.config._attn_implementation
    model.config._attn_implementation = "by-hand"
    try:
        return model(ids, use_cache=False).logits
    finally:
        model.config._attn_implementation = before


def causal(scores: Tensor) -> Tensor:
    return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)


def log_n(scores: Tensor) -> Tensor:
    seen = torch.arange(1, scores.shape[-1] + 1, dtype=scores.dtype, device=scores.device)
    return causal(scores * seen.log()[:, None]).softmax(-1)


def stick_breaking(scores: Tensor) -> Tensor:
    found = torch.zeros_like(scores)
    for query in range(scores.shape[-1]):
        left = torch.ones_like(scores[..., 0, 0])
        for key in reversed(range(query)):
            share = scores[..., query, key].sigmoid()
            found[..., query, key] = left * share
            left = left * (1 - share)
    return found


def alibi(scores: Tensor) -> Tensor:
    place = torch.arange(scores.shape[-1], dtype=scores.dtype, device=scores.device)
    slopes = torch.tensor([2.0 ** (-8 * head / 4) for head in (1, 2, 3, 4)], dtype=scores.dtype, device=scores.device)
    return causal(scores - slopes[:, None, None] * (place[:, None] - place)).softmax(-1)


def without_rotation(model: Any) -> Any:
    """The same model with all angles at 0."""
    still = copy.deepcopy(model)
    for name, buffer in still.named_buffers():
        if "inv_freq" in name:
            buffer.zero_()
    return still


@pytest.mark.parametrize("kind", KINDS)
def test_the_formula_between_the_models_own_projections(kind: str) -> None:
    model, ids = tiny(kind), tokens()
    own, names = model(ids).logits, dict(model.named_parameters())
    for name, other, weights in [
        ("log-n", model, log_n),
        ("stick-breaking", model, stick_breaking),
        ("stick-breaking+nope", without_rotation(model), stick_breaking),
        ("softmax+alibi", without_rotation(model), alibi),
    ]:
        expected = by_hand(other, weights, ids)
        with swap(model, name):
            torch.testing.assert_close(model(ids).logits, expected)
        assert (expected - own).abs().max() > 1e-3
        assert torch.equal(model(ids).logits, own)
    assert all(parameter is names[name] for name, parameter in model.named_parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_softmax_for_softmax(kind: str) -> None:
    """With padding on the left and on the right, and with packed documents."""
    model = tiny(kind)
    ids, mask = left_padded()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    packed = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 0, 1]], dtype=torch.long, device="cpu")
    reads: list[dict[str, Any]] = [
        {"attention_mask": mask, "position_ids": positions},
        {"attention_mask": mask.flip(1)},
        {"position_ids": packed.expand(2, -1), "use_cache": False},
    ]
    expected = [model(ids, **read).logits for read in reads]
    plain = model(ids).logits
    assert (plain - expected[-1]).abs().max() > 1e-3
    with swap(model, "softmax") as swapped:
        found = [model(ids, **read).logits for read in reads]
        positional = model.base_model(ids, mask, positions)[0]
    assert not [*swapped.mechanisms[0].parameters()]
    for read, one, other in zip(reads, found, expected, strict=True):
        shown = read.get("attention_mask", torch.ones_like(ids)).bool()
        torch.testing.assert_close(one[shown], other[shown])
    own = model.base_model(ids, mask, positions)[0]
    torch.testing.assert_close(positional[mask.bool()], own[mask.bool()])


def test_threshold_relative_starts_with_open_gates() -> None:
    model, ids = tiny("llama"), tokens()

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **others: Any) -> Any:
        query, key = (of * (of.square().mean(-1, keepdim=True) + 1e-6).rsqrt() for of in (query, key))
        key, value = (of.repeat_interleave(2, 1) for of in (key, value))
        scores = query @ key.mT / 8**0.5
        kept = (scores > -0.5) & torch.ones_like(scores).tril().bool()
        count = kept.flip(-1).cumsum(-1).flip(-1)  # kept keys from each key to the query
        logits = (scores + math.log(1 / (1 + math.exp(-6))) * count).masked_fill(~kept, -torch.inf)
        return (logits.softmax(-1).nan_to_num() @ value).transpose(1, 2), None

    AttentionInterface.register("by-hand", attend)
    other = tiny("llama")
    other.config._attn_implementation = "by-hand"
    with swap(model, "threshold-relative[threshold=-0.5]"):
        torch.testing.assert_close(model(ids).logits, other(ids, use_cache=False).logits)


def test_an_undone_swap_leaves_nothing() -> None:
    model, ids, mask = tiny("qwen3"), *left_padded()
    modules, state, config = dict(model.named_modules()), set(model.state_dict()), model.config.to_dict()
    hooks = [len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules()]
    own = model(ids, attention_mask=mask).logits
    first = swap(model, "threshold-relative+layer-norm@projected", layers=[0, -1])
    second = swap(model, "softmax+forgetting", layers=[1])
    model.train()
    new = {name for name in model.state_dict() if name not in state}
    assert {name.split("self_attn.")[1] for name in new} == {
        *(f"mechanism.weights.forget.{of}" for of in ("weight", "bias")),
        *(f"mechanism.position.forget.{of}" for of in ("weight", "bias")),
        *(f"mechanism.output.{of}" for of in ("scale", "shift")),
    }
    assert all(parameter.dtype == torch.float64 for parameter in model.parameters())
    assert len(find_attention(model)) == 3
    changed = model(ids, attention_mask=mask).logits
    assert (changed - own).abs().max() > 1e-3
    first.undo()
    first.undo()
    second.undo()
    model.eval()
    assert dict(model.named_modules()) == modules
    assert set(model.state_dict()) == state
    assert model.config.to_dict() == config
    assert [len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules()] == hooks
    assert torch.equal(model(ids, attention_mask=mask).logits, own)


def test_a_copy_has_a_mechanism_of_its_own() -> None:
    model, ids = tiny("llama"), tokens()
    swap(model, "scalable-softmax")
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.model.layers[0].self_attn.mechanism.weights.scale.zero_()
    assert not torch.equal(model(ids).logits, twin(ids).logits)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(model(ids).logits, twin(ids).logits)


def test_attention_weights_and_layers_left_alone() -> None:
    model, ids = tiny("llama", attn_implementation="eager"), tokens()
    with pytest.raises(InputError, match=r"The model's own outputs are not finite with padding on the left"):
        swap(model, "softmax")  # eager attention computes in float32, where masks of float64 are infinite
    own = model.float()(ids, output_attentions=True).attentions
    with swap(model, "softmax", layers=[0, 2]):
        torch.testing.assert_close(model(ids, output_attentions=True).attentions, own)
    with swap(model, "hadamard+nope"), pytest.raises(InputError, match="Hadamard has no attention weights to return"):
        model(ids, output_attentions=True)


def test_sliding_layers_stay_and_others_are_swapped() -> None:
    """Gemma 3 has both; its sliding layers keep their own window, mask and cache."""
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    model, (ids, mask) = tiny("gemma3_text", layer_types=kinds, sliding_window=4), left_padded()
    own = model(ids, attention_mask=mask).logits
    with pytest.raises(InputError, match=r"layers\.0\.self_attn sees a sliding window of 4 tokens.* by layers="):
        swap(model, "stick-breaking")
    with swap(model, "softmax", layers=[1]):
        torch.testing.assert_close(model(ids, attention_mask=mask).logits[mask.bool()], own[mask.bool()])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+alibi", "t2r+nope", "differential"])
def test_16_bits(mechanism: str, dtype: torch.dtype) -> None:
    model, ids = tiny("llama").to(dtype), tokens()
    own = model(ids).logits
    with swap(model, mechanism) as swapped:
        assert all(parameter.dtype == dtype for parameter in swapped.mechanisms[0].parameters())
    assert torch.equal(model(ids).logits, own)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("LooksAhead", r"a later token moves an earlier output \(attention layer 0: by"),
        ("SeesPadding", "padding on the left changes outputs"),
        ("CountsAll", "padding on the right changes outputs"),
        ("ForgetsItsCache", "reading with a cache changes outputs"),
        ("LooksAtComponents", r"a shift of all positions changes outputs \(attention layer \d: by"),
        ("NotFinite", "with this mechanism, the model's outputs are not finite"),
        ("Fails", "does not fit between this model's projections"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_mechanism_that_breaks_a_promise_is_not_swapped_in(part: str, sentence: str, dtype: torch.dtype) -> None:
    model, ids = tiny("llama").to(dtype), tokens()
    own, config, state = model(ids).logits, model.config.to_dict(), torch.random.get_rng_state()
    model.train()
    with pytest.raises(InputError, match=f"'tests.pretrained.broken:{part}' .*{sentence}"):
        swap(model, f"tests.pretrained.broken:{part}")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert model.config.to_dict() == config
    assert torch.equal(model.eval()(ids).logits, own)


@pytest.mark.parametrize("lost", ["document_ids", "scaling"])
def test_wiring_that_loses_something_is_found(lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("qwen2")
    if lost == "document_ids":
        monkeypatch.setattr(layer_module, "document_ids", lambda *arguments, **named: None)
    else:
        forward = layer_module.SwappedMechanism.forward
        monkeypatch.setattr(
            layer_module.SwappedMechanism,
            "forward",
            lambda self, query, key, value, reading, scaling: forward(self, query, key, value, reading, scaling / 2),
        )
    with pytest.raises(InputError, match="with softmax for softmax, the model's outputs change"):
        swap(model, "threshold-relative")


def test_calls_that_cannot_be_followed() -> None:
    from transformers import DynamicCache, StaticCache

    model, ids = tiny("llama"), tokens()
    own = DynamicCache()
    with torch.no_grad():
        model(ids, past_key_values=own)
    layer = model.model.layers[0].self_attn
    swap(model, "stick-breaking")
    square = torch.ones(2, 1, 9, 9, dtype=torch.bool, device="cpu").tril()
    holes = torch.tensor([[1, 1, 0, 1, 1, 1, 1, 1, 1]] * 2, dtype=torch.long, device="cpu")
    calls: list[tuple[dict[str, Any], str]] = [
        ({"attention_mask": square}, r"attention_mask must be \(batch, tokens\)"),
        ({"attention_mask": {"full_attention": square}}, r"takes attention_mask as \(batch, tokens\)"),
        ({"attention_mask": holes}, "padding inside a sequence"),
        (
            {"position_ids": 3 * torch.arange(9, dtype=torch.long, device="cpu")[None]},
            "must count on .* give attention_m",
        ),
        ({"past_key_values": own}, "holds the tokens of another model"),
        ({"past_key_values": StaticCache(model.config, 20)}, "cannot use a StaticCache"),
    ]
    for named, sentence in calls:
        with torch.no_grad(), pytest.raises(InputError, match=sentence):
            model(ids, **named)
    with pytest.raises(InputError, match="A cache serves inference"):
        model(ids, past_key_values=DynamicCache())
    assert model(ids).past_key_values is None  # under gradients
    rotation = model.model.rotary_emb(
        model.model.embed_tokens(ids), torch.arange(9, device="cpu", dtype=torch.long)[None]
    )
    with pytest.raises(InputError, match="runs inside its whole model"):
        layer(model.model.embed_tokens(ids), position_embeddings=rotation)


@pytest.mark.parametrize(
    ("mechanism", "sentence"),
    [
        ("threshold-relativ", "did you mean 'threshold-relative'"),
        ("softmax+log-n", "names two weights parts"),
        ("differential-v2", "needs 2 queries per head"),
        ("softmax+learned", "acts before the first layer"),
        ("softmax+calibrated", "learns from a trained model first"),
        ("doubly-normalised", "cannot be kept from looking ahead"),
        ("softmax+yarn", "pass reach="),
    ],
)
def test_mechanisms_that_do_not_fit(mechanism: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        swap(tiny("llama"), mechanism)


def test_reach_and_context() -> None:
    model = tiny("llama")
    with swap(model, "softmax+yarn", reach=256) as swapped:
        assert swapped.mechanisms[0].sizes.reach == 4 * swapped.mechanisms[0].sizes.context


def test_models_that_are_refused(build: Callable[[str], Any]) -> None:
    softcapped = tiny("gemma2", attn_logit_softcapping=50.0)
    quantised = tiny("llama")
    quantised.model.layers[1].self_attn.k_proj.weight = nn.Parameter(
        torch.zeros(16, 32, dtype=torch.uint8, device="cpu"), requires_grad=False
    )
    strange = tiny("llama")
    strange.model.layers[1].self_attn.__class__ = type("OtherAttention", (type(strange.model.layers[1].self_attn),), {})
    both_ways = tiny("gemma3_text", use_bidirectional_attention=True)
    with torch.device("meta"):
        empty = tiny("llama")
    for model, sentence in [
        (nn.Linear(3, 3), "takes a model of transformers.*got a Linear"),
        (build("gpt2"), "a model of type 'gpt2' may do more, and is refused"),
        (build("bert"), "a model of type 'bert' may do more"),
        (build("sliding"), r"layers\.0\.self_attn sees a sliding window of 6 tokens, which a swap would drop"),
        (softcapped, "caps its scores at 50.0, which a swap would drop"),
        (both_ways, "attends in both directions"),
        (quantised, r"layers\.1\.self_attn has quantised weights"),
        (strange, "is a OtherAttention; swap knows LlamaAttention"),
        (empty, "has no weights yet"),
    ]:
        with pytest.raises(InputError, match=sentence):
            swap(model, "threshold-relative")
    model = tiny("llama")
    for layers, sentence in [([3], "no attention layer 3: the model has 3"), ([], "at least one layer")]:
        with pytest.raises(InputError, match=sentence):
            swap(model, "softmax", layers=layers)
    with swap(model, "softmax", layers=[1]):
        with pytest.raises(InputError, match=r"layers\.1\.self_attn has a swapped mechanism already"):
            swap(model, "softmax")
        with pytest.raises(InputError, match="has swapped attention already; undo that first"):
            outputs.insert(model, "layer-norm")
    with outputs.insert(model, "layer-norm"), pytest.raises(InputError, match="has inserted output parts already"):
        swap(model, "softmax")
