"""The loops of other packages train our models: adapters of PEFT, the SFTTrainer of TRL, and Accelerate's processes."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import AutoPeftModelForCausalLM, LoraConfig, get_peft_model
from tests.huggingface.pairs import CARRIED, make_pair
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from trl import SFTConfig, SFTTrainer

from lengthwise.attention.part import follow, taken_penalty
from lengthwise.attention.weights.threshold_relative import ThresholdRelative
from lengthwise.huggingface import (
    LengthwiseConfig,
    LengthwiseForCausalLM,
    LengthwiseForSequenceClassification,
    LengthwiseForTokenClassification,
)
from lengthwise.huggingface.following import FollowTraining
from lengthwise.huggingface.loading import LengthwisePreTrainedModel

DEPRECATED = pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed in v6:FutureWarning")
"""Names of transformers that the newest peft and trl still use."""


@DEPRECATED
@pytest.mark.parametrize("mechanism", CARRIED)
def test_every_linear_map_takes_an_adapter(mechanism: str, tokens: Tensor) -> None:
    """An adapter that is merged computes the same; one that a mechanism passed by would not."""
    make_pair.cache_clear()
    _, model = make_pair(mechanism)
    before = model(tokens).logits.detach()
    torch.manual_seed(0)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    # Sums may be taken in another order: a bias that is frozen may go to a kernel that gives it no gradient.
    torch.testing.assert_close(adapted(tokens).logits, before)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) / 4)
    said = adapted(tokens).logits.detach()
    assert not torch.allclose(said, before)
    torch.testing.assert_close(adapted.merge_and_unload()(tokens).logits, said)
    make_pair.cache_clear()


@DEPRECATED
@pytest.mark.parametrize("targets", ["all-linear", ["query", "value"]], ids=str)
def test_an_adapter_is_trained_saved_and_loaded(targets: Any, tokens: Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    LengthwiseForCausalLM(LengthwiseConfig(vocab_size=11, dim=16, heads=4)).save_pretrained(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    kept = {name: weight.clone() for name, weight in model.state_dict().items()}
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=targets, task_type="CAUSAL_LM"))
    optimiser = torch.optim.Adam([weight for weight in adapted.parameters() if weight.requires_grad], 0.02)
    losses = []
    for _ in range(20):
        losses.append(adapted(tokens, labels=tokens).loss)
        losses[-1].backward()
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < losses[0] - 0.01
    adapted.eval().save_pretrained(tmp_path / "adapter")
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    again = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter").eval()
    torch.testing.assert_close(again(tokens).logits, adapted(tokens).logits)
    said = again.generate(input_ids=tokens, max_new_tokens=4, do_sample=False)
    assert torch.equal(said, adapted.merge_and_unload().generate(tokens, max_new_tokens=4, do_sample=False))
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "model").state_dict()
    assert all(torch.equal(plain[name], weight) for name, weight in kept.items())


@pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")
def test_the_trainer_anneals_gates_and_adds_the_margin(tokens: Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LengthwiseForCausalLM(
        LengthwiseConfig(vocab_size=11, dim=16, heads=4, mechanism="threshold-relative[anneal=12,margin=2]")
    )
    weights = next(module for module in model.modules() if isinstance(module, ThresholdRelative))
    follow(model, 1.0)
    margin = model.train()(tokens, labels=tokens).loss - model.eval()(tokens, labels=tokens).loss
    assert margin > 0.1
    annealed = []

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **others: Any) -> None:
            annealed.append(float(weights.annealed))

    settings = TrainingArguments(tmp_path, max_steps=10, report_to=[], use_cpu=True, save_strategy="no")
    rows = Dataset.from_list([{"input_ids": row, "labels": row} for row in tokens.tolist()])
    Trainer(model, settings, train_dataset=rows, callbacks=[FollowTraining(), Watch()]).train()
    assert annealed[:4] == [0, 0, 0, 0]
    assert annealed[4:] == pytest.approx([2.4, 4.8, 7.2, 9.6, 12, 12])
    assert weights.penalty is None  # so that the model can be copied


def margined(kind: type[LengthwisePreTrainedModel], margin: float = 2) -> Any:
    torch.manual_seed(0)
    mechanism = f"threshold-relative[margin={margin}]"
    model = kind(LengthwiseConfig(vocab_size=11, dim=16, heads=4, mechanism=mechanism, pad_token_id=0))
    follow(model, 1.0)
    return model.train()


@pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")
def test_accumulated_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    """The margin of each part counts by the part's share of the labels."""
    lengths, generator = (12, 9, 12, 5, 12, 12, 7, 12), torch.Generator().manual_seed(1)
    rows = [torch.randint(1, 11, (12,), generator=generator).tolist() for _ in lengths]
    asked = [row[:n] + [-100] * (12 - n) for row, n in zip(rows, lengths, strict=True)]
    data = Dataset.from_list([{"input_ids": row, "labels": of} for row, of in zip(rows, asked, strict=True)])
    losses = {}
    for margin in (2, 0):
        for size, parts in ((8, 1), (2, 4)):
            trainer = Trainer(
                margined(LengthwiseForCausalLM, margin),
                TrainingArguments(
                    tmp_path, per_device_train_batch_size=size, gradient_accumulation_steps=parts, max_steps=1,
                    logging_steps=1, report_to=[], use_cpu=True, save_strategy="no",
                ),
                train_dataset=data,
                callbacks=[FollowTraining()],
            )  # fmt: skip
            trainer.train()
            losses[margin, parts] = next(log["loss"] for log in trainer.state.log_history if "loss" in log)
    whole, parts = losses[2, 1] - losses[0, 1], losses[2, 4] - losses[0, 4]
    assert whole > 0.1
    assert parts == pytest.approx(whole, rel=0.05)  # labels weigh the parts, pairs of tokens the whole


@pytest.mark.parametrize("kind", [LengthwiseForSequenceClassification, LengthwiseForTokenClassification])
def test_classifiers_learn_with_the_margin(kind: type[LengthwisePreTrainedModel], tokens: Tensor) -> None:
    labels = tokens % 2 if kind is LengthwiseForTokenClassification else tokens[:, 0] % 2
    losses = [margined(kind, margin)(tokens.clamp(min=1), labels=labels).loss for margin in (2, 0)]
    assert losses[0] - losses[1] > 0.1
    loss, _ = margined(kind)(tokens.clamp(min=1), labels=labels, return_dict=False)[:2]
    assert torch.equal(loss, losses[0])


@DEPRECATED
def test_a_margin_in_no_loss_is_told_and_a_model_can_be_copied(tokens: Tensor) -> None:
    model = margined(LengthwiseForCausalLM)
    with pytest.warns(UserWarning, match="The mechanism's margin is in no loss, because the model was given no labels"):
        model(tokens)
    copied = deepcopy(model)
    assert taken_penalty(copied) == 0
    assert taken_penalty(model) > 0.1
    model.gradient_checkpointing_enable()
    model(tokens, labels=tokens).loss.backward()
    deepcopy(model)


@DEPRECATED
@pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")
@pytest.mark.parametrize("packing", [False, True])
def test_trl_fine_tunes(packing: bool, tmp_path: Path) -> None:
    """Padded on the right, or packed, so that documents stand apart by their positions."""
    names = [*(f"w{number}" for number in range(10)), "<end>"]
    words = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="<end>")
    rows = [[(index + place * (1 + index % 3)) % 7 for place in range(6 + index % 5)] for index in range(32)]
    data = Dataset.from_list([{"text": " ".join(names[word] for word in row)} for row in rows])
    torch.manual_seed(0)
    trainer = SFTTrainer(
        model=LengthwiseForCausalLM(LengthwiseConfig(vocab_size=len(names), dim=16, heads=4)),
        args=SFTConfig(
            output_dir=str(tmp_path),
            max_steps=12,
            per_device_train_batch_size=8,
            learning_rate=0.02,
            max_length=16,
            packing=packing,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
        ),
        train_dataset=data,
        processing_class=tokenizer,
    )
    seen: list[dict[str, Any]] = []
    trainer.model.register_forward_pre_hook(lambda _, __, named: seen.append(named), with_kwargs=True)
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert losses[-1] < 0.9 * losses[0]
    assert all("position_ids" in one and int((one["position_ids"] == 0).sum()) > 1 for one in seen) == packing
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint-12")
    prompt = torch.tensor([[0, 1, 2, 3]], dtype=torch.long, device="cpu")
    torch.testing.assert_close(again(prompt).logits, trainer.model.eval()(prompt).logits)


LOOP = """
import json, sys
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from tests.huggingface.test_loops import DATA, fresh

accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(split_batches=True))
found = []
for mechanism in sys.argv[2:]:
    model = fresh(mechanism)
    loader = torch.utils.data.DataLoader(DATA, batch_size=8)
    model, optimiser, loader = accelerator.prepare(model, torch.optim.Adam(model.parameters(), 0.01), loader)
    found.append([])
    for tokens in loader:
        assert len(tokens) == 4
        loss = model(tokens, labels=tokens).loss
        accelerator.backward(loss)
        optimiser.step()
        optimiser.zero_grad()
        found[-1].append(accelerator.gather(loss.detach()).mean().item())
if accelerator.is_main_process:
    open(sys.argv[1], "w", encoding="utf-8").write(json.dumps(found))
accelerator.end_training()
"""
DATA = torch.randint(11, (64, 12), generator=torch.Generator().manual_seed(1), dtype=torch.long, device="cpu")


def fresh(mechanism: str) -> LengthwiseForCausalLM:
    torch.manual_seed(0)
    return LengthwiseForCausalLM(LengthwiseConfig(vocab_size=11, dim=16, heads=4, mechanism=mechanism)).double()


@pytest.mark.long
def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    """Two processes of Accelerate with half a batch each, beside a plain loop over whole batches."""
    loop, out, mechanisms = tmp_path / "loop.py", tmp_path / "losses.json", ["threshold-relative", "softmax+rope"]
    loop.write_text(LOOP, encoding="utf-8")
    launched = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, "-m", *launched, loop, out, *mechanisms],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
    )
    assert done.returncode == 0, done.stderr
    for mechanism, found in zip(mechanisms, json.loads(out.read_text(encoding="utf-8")), strict=True):
        model, losses = fresh(mechanism), []
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for tokens in DATA.split(8):
            loss = model(tokens, labels=tokens).loss
            losses.append(loss.item())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        # The loss of transformers is computed in float32, whatever the logits are.
        made = [torch.tensor(curve, dtype=torch.float32, device="cpu") for curve in (found, losses)]
        torch.testing.assert_close(*made)
