"""The batches of a task: inputs and answers, and the call of a model on them."""

from lengthwise.tasks.batch.labels import Labels, Prompts, WholeLabels
from lengthwise.tasks.batch.reply import UNASKED, Reply
from lengthwise.tasks.batch.sets import LabelledSets, Sets
from lengthwise.tasks.batch.tokens import Tokens

__all__ = ["UNASKED", "Batch", "LabelledSets", "Labels", "Prompts", "Reply", "Sets", "Tokens", "WholeLabels"]

Batch = Tokens | Sets | LabelledSets
