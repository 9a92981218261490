"""The training loop. The data of a step is a function of (seed, step), so a resumed run sees the same data."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lengthwise.attention.part import follow, taken_penalty
from lengthwise.errors import RunError
from lengthwise.files import append_line, explained, keep_lines
from lengthwise.statistics.estimate import Estimate
from lengthwise.tasks import Batch, Task, Tokens
from lengthwise.tasks.drawing import integers
from lengthwise.training import checkpoint
from lengthwise.training.augmentation import divergence, mixing, shuffled
from lengthwise.training.average import average_of
from lengthwise.training.checkpoint import Checkpoint, Effort
from lengthwise.training.config import TrainConfig
from lengthwise.training.device import fabric, flushed_subnormals, threads
from lengthwise.training.schedule import learning_rate
from lengthwise.training.seeds import generator
from lengthwise.training.stopping import deferred_signals


@dataclass(frozen=True)
class Progress:
    """The record of a logged step: one line of ``metrics.jsonl``."""

    step: int
    """Optimiser steps done."""
    loss: float
    """Mean of the task's loss over the scored predictions of the batch (unit of the loss)."""
    learning_rate: float
    gradient_norm: float
    """Norm of the gradient before clipping."""
    tokens_per_second: float
    """Mean speed since training began or resumed (tokens or items per second)."""
    accuracy: float | None = None
    """Share of the scored predictions of the batch that are right; None if answers are numbers."""


@dataclass(frozen=True)
class Validation:
    """The main metric on validation data at the training length after a step: one line of ``validation.jsonl``."""

    step: int
    """Optimiser steps done; 0 is the untrained model."""
    value: float
    low: float
    high: float
    """``low`` and ``high`` are the ends of the 95 % interval over examples (unit of the metric)."""


@flushed_subnormals()
def train(
    model: nn.Module,
    task: Task,
    config: TrainConfig,
    *,
    seed: int,
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    validate: Callable[[nn.Module], Estimate] | None = None,
) -> Effort:
    """Train ``model`` in place, starting from the newest checkpoint in ``folder`` if there is one.

    Writes ``metrics.jsonl`` and ``checkpoint/`` into ``folder``, and ``validation.jsonl`` if there is a ``validate``,
    which is called before the first step and then every ``config.validate_every`` steps. With ``config.average``, the
    model ends with the averaged weights. The returned effort includes the training before the checkpoint from which it
    resumed. In the main thread, SIGINT (Ctrl-C) and SIGTERM take effect after the current step and its checkpoint.

    Raises:
        RunError: if the loss or a gradient stops being finite, a checkpoint is damaged, or the disk is full.
    """
    with explained("create", folder):
        folder.mkdir(parents=True, exist_ok=True)
    device = fabric(config)
    least = 2 if config.decayed == "matrices" else 0
    decayed = [parameter for parameter in model.parameters() if parameter.ndim >= least]
    others = [parameter for parameter in model.parameters() if parameter.ndim < least]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
        betas=(0.9, config.beta2),
        fused=device.device.type == "cpu",  # a loop over small tensors would cost more than its arithmetic
    )
    wrapped, wrapped_optimizer = device.setup(model, optimizer)
    wrapped.train()
    average = average_of(model, config)
    averaged, copies = (None, {}) if average is None else (average.model, average.copies)

    done, before = 0, Effort(0.0, 0)
    newest = Checkpoint.newest(folder / "checkpoint")
    if newest is not None:
        done, before = newest.step, newest.load(model, optimizer, copies)
    metrics = folder / "metrics.jsonl"
    keep_lines(metrics, Progress, lambda line: line.step <= done)  # later steps will be done again
    validations = folder / "validation.jsonl"
    keep_lines(validations, Validation, lambda line: 0 < done >= line.step)  # that before the first step comes again

    def validated(step: int) -> float:
        """Validate after a step, and return the seconds that it took; the training goes on with the same numbers."""
        if validate is None or not config.validate_every or step % config.validate_every:
            return 0.0
        start = time.perf_counter()
        with torch.random.fork_rng(devices=[device.device] if device.device.type == "cuda" else []):
            found = validate(averaged or model)
        append_line(validations, asdict(Validation(step, found.value, found.low, found.high)))
        wrapped.train()
        return time.perf_counter() - start

    if not done:
        validated(0)
        if not config.steps:
            checkpoint.save(folder / "checkpoint", 0, model, optimizer, before, copies)
    effort, began, tokens = before, time.perf_counter(), 0
    with threads(config), deferred_signals() as stopped:
        for step in range(done, config.steps):
            batches = _parts(training_batch(task, config, seed, step), config)
            scored = sum(int(batch.scored.sum()) for batch in batches)
            logged = step + 1 == config.steps or (step + 1) % config.log_every == 0
            rate = learning_rate(step, config)
            for group in optimizer.param_groups:
                group["lr"] = rate
            follow(model, (step + 1) / config.steps)
            loss, right = torch.zeros(2, dtype=torch.float32, device=device.device)
            for cpu_batch in batches:
                batch = cpu_batch.to(device.device)
                with _mixed(model, batch, config, seed, step):
                    reply = batch.ask(wrapped)
                part = task.loss.losses(reply).sum() / scored
                objective = part + taken_penalty(model) / len(batches)
                if config.align:
                    # The same generators draw the same examples, unchanged.
                    plain = training_batch(task, config.model_copy(update={"shuffle": 0}), seed, step)
                    unchanged = plain.to(device.device).ask(wrapped)
                    objective += config.align * divergence(reply, unchanged).mean()
                device.backward(objective)
                tokens += cpu_batch[0].shape[0] * cpu_batch[0].shape[1]
                loss += part.detach()
                if logged and not reply.numeric:
                    right += reply.right.sum() / scored
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm or math.inf)
            wrapped_optimizer.step()
            wrapped_optimizer.zero_grad()
            done = step + 1
            if average is not None and done % config.average_every == 0:
                average.update(model, done)
            last, stop = done == config.steps, stopped()
            if logged:
                passed = time.perf_counter() - began
                accuracy = None if reply.numeric else right.item()
                value = _finite(loss, norm, done)
                progress = Progress(done, value, rate, norm.item(), tokens / passed, accuracy)
                append_line(metrics, asdict(progress))
                on_progress(progress)
            began += validated(done)  # which is no training
            if last or stop or done % config.checkpoint_every == 0:
                _finite(loss, norm, done)  # never save a checkpoint of a diverged model
                effort = Effort(before.seconds + time.perf_counter() - began, before.tokens + tokens)
                checkpoint.save(folder / "checkpoint", done, model, optimizer, effort, copies)
            if stop:
                break
    if averaged is not None:
        model.load_state_dict(averaged.state_dict())
    return effort


def training_batch(task: Task, config: TrainConfig, seed: int, step: int) -> Batch:
    """Sample the batch of a step, or of the earlier step whose batch comes again."""
    drawn_at = step % (config.examples // config.batch_size) if config.examples else step
    random, lengths = generator(seed, "train", drawn_at), config.lengths(task.stride)
    joined = int(integers(random, config.concatenate)) + 1 if config.concatenate > 1 else 1
    drawn = [lengths[int(which)] for which in integers(random, len(lengths), joined)]
    if config.concatenate > 1:
        return task.joined(random, config.batch_size, drawn, task.splits[0])
    batch = task.sample(random, config.batch_size, drawn[0], task.splits[0])
    if not config.shuffle or not isinstance(batch, Tokens):
        return batch
    return shuffled(random, batch, task.source_places(drawn[0]), config.shuffle)


def _mixed(model: nn.Module, batch: Batch, config: TrainConfig, seed: int, step: int) -> AbstractContextManager[None]:
    """Mix the examples of a step while the model reads them, if the settings say so."""
    if not config.mix or not isinstance(batch, Tokens):
        return nullcontext()
    return mixing(generator(seed, "mix", step), model, batch, config.mix)


def _parts(batch: Batch, config: TrainConfig) -> list[Batch]:
    """Split a batch into ``config.accumulate`` parts."""
    parts = [tensor.chunk(config.accumulate) for tensor in batch]
    return [type(batch)(*(of[place] for of in parts)) for place in range(len(parts[0]))]


def _finite(loss: Tensor, norm: Tensor, step: int) -> float:
    """Return the loss of a step; refuse one that is not finite, and a gradient whose norm is not."""
    for what, value in {"loss": loss.item(), "norm of the gradient": norm.item()}.items():
        if not math.isfinite(value):
            raise RunError(
                f"Training diverged: the {what} is {value} at step {step}. Lower train.learning_rate or raise "
                "train.warmup; the last good checkpoint is kept."
            )
    return loss.item()
