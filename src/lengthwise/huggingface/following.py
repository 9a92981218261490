"""A callback for the Trainer of transformers, and loops built on it: mechanisms that follow the training."""

from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lengthwise.attention.part import follow


class FollowTraining(TrainerCallback):
    """Tells the mechanism before each step how much of the training is done: ``Trainer(callbacks=[FollowTraining()])``.

    ``threshold-relative[anneal=12]`` and ``newest-kept`` need it to anneal their gates. Other mechanisms ignore it.
    """

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Tell the model what share of all steps is done after the coming one."""
        model = others["model"]
        assert isinstance(model, nn.Module)
        follow(model, (state.global_step + 1) / state.max_steps)
