"""The Trainer of transformers trains our models, and goes on from its own checkpoints."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, DataCollatorWithFlattening, Trainer, TrainingArguments

from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM

WORDS, LENGTH = 7, 12


class Cycles(torch.utils.data.Dataset[dict[str, Any]]):
    """Sequences in which each token is the one before it plus a step, which the first two tokens show."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, Any]:
        tokens = [(index + place * (1 + index % 3)) % WORDS for place in range(LENGTH - index % 4)]
        return {"input_ids": tokens, "labels": tokens}


@pytest.fixture
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trainer(folder: Path, steps: int, **settings: Any) -> Trainer:
    torch.manual_seed(0)
    model = LengthwiseForCausalLM(LengthwiseConfig(vocab_size=WORDS, dim=16, heads=2, tied_head=True))
    how = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=16,
        learning_rate=0.01,
        lr_scheduler_type="constant",
        logging_steps=5,
        save_steps=15,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
        **settings,
    )
    return Trainer(model=model, args=how, train_dataset=Cycles(), data_collator=DataCollatorWithFlattening())


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")
def test_a_training_learns_and_is_resumed(tmp_path: Path) -> None:
    # The name that transformers 5.23 has, and the one that it had before.
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    whole = trainer(tmp_path / "whole", 30, **{name: True})
    whole.train()
    losses = [line["loss"] for line in whole.state.log_history if "loss" in line]
    assert losses[-1] < 0.8 * losses[0]
    assert whole.model.model.backbone.gradient_checkpointing
    trainer(tmp_path / "parts", 15).train()
    resumed = trainer(tmp_path / "parts", 30)
    resumed.train(resume_from_checkpoint=True)
    for name, weight in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], weight)
    held = AutoModelForCausalLM.from_pretrained(tmp_path / "parts" / "checkpoint-30")
    prompt = torch.tensor([[0, 2, 4, 6, 1, 3, 5, 0]], dtype=torch.long, device="cpu")
    torch.testing.assert_close(held(prompt).logits, resumed.model.eval()(prompt).logits)
