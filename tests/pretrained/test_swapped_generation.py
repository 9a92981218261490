"""``generate`` with a swapped model and its cache gives what it gives without the cache; and a swapped model trains."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.pretrained.families import WORDS, left_padded, tiny, tokens
from torch import Tensor
from transformers import DynamicCache, Trainer, TrainingArguments

from lengthwise.pretrained import load_swapped, swap

MECHANISMS = (
    *("threshold-relative", "stick-breaking+nope", "softmax+forgetting", "selective", "inline", "log-n"),
    *("differential", "threshold-differential"),
)
SOME = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"], "sliding_window": 4}


def continued(model: Any, ids: Tensor, **how: Any) -> Tensor:
    said = model.generate(ids, max_new_tokens=6, do_sample=False, **how)
    assert isinstance(said, Tensor)
    return said


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("kind", "layers"), [("llama", None), ("gpt_neox", [0, 2]), ("gemma3_text", [1])])
def test_with_and_without_a_cache(kind: str, layers: list[int] | None, mechanism: str) -> None:
    model, (ids, mask) = tiny(kind, **(SOME if kind == "gemma3_text" else {})), left_padded()
    swap(model, mechanism, layers=layers)
    for beams in (1, 3):
        named = {"attention_mask": mask, "num_beams": beams}
        assert torch.equal(continued(model, ids, **named), continued(model, ids, **named, use_cache=False))
    alone = continued(model, ids[1:, 4:], use_cache=False)
    assert torch.equal(continued(model, ids, attention_mask=mask)[1:, 4:], alone)


@pytest.mark.parametrize("mechanism", ["threshold-relative", "selective"])
def test_guesses_can_be_taken_back(mechanism: str) -> None:
    model, ids = tiny("qwen3"), tokens(1).repeat(1, 2)
    swap(model, mechanism, layers=[0, 1])
    assert torch.equal(continued(model, ids, prompt_lookup_num_tokens=3), continued(model, ids, use_cache=False))


def test_a_cache_of_no_configuration_and_swapped_last_layers() -> None:
    """Its layers are made when they are first written."""
    model, ids = tiny("llama"), tokens()
    swap(model, "stick-breaking", layers=[-1])
    cache = DynamicCache()
    with torch.no_grad():
        read = [model(part, past_key_values=cache).logits for part in ids.split([4, 1, 4], 1)]
        torch.testing.assert_close(torch.cat(read, 1), model(ids, use_cache=False).logits)


class Counting(torch.utils.data.Dataset[dict[str, Any]]):
    """Sequences that count."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, Any]:
        counted = [(index + place) % WORDS for place in range(12)]
        return {"input_ids": counted, "labels": counted}


@pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")
@pytest.mark.parametrize("checkpointing", [True, False])
def test_the_trainer_trains_the_mechanism(tmp_path: Path, checkpointing: bool) -> None:
    model = tiny("llama").float()
    mechanism = swap(model, "threshold-relative+rms-norm").mechanisms[1]
    before = {name: parameter.clone() for name, parameter in mechanism.named_parameters()}
    # The name that transformers 5.23 has, and the one that it had before.
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    how = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=8,
        max_steps=4,
        learning_rate=1e-2,
        **{name: checkpointing},
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(model=model, args=how, train_dataset=Counting())
    trainer.train()
    assert all(not torch.equal(parameter, before[name]) for name, parameter in mechanism.named_parameters())
    trainer.save_model(str(tmp_path / "trained"))
    twin = load_swapped(tmp_path / "trained")
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in twin.state_dict().items())


@pytest.mark.long
@pytest.mark.parametrize(
    "mechanism", ["threshold-relative", "log-n+layer-norm@projected", "softmax+forgetting", "differential"]
)
def test_one_compiled_graph(mechanism: str) -> None:
    model, (ids, mask) = tiny("llama").float(), left_padded()
    swap(model, mechanism)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(ids, use_cache=False).logits, model(ids).logits)
        found = compiled(ids, attention_mask=mask, use_cache=False).logits
        torch.testing.assert_close(found[mask.bool()], model(ids, attention_mask=mask).logits[mask.bool()])
