"""The output of a model."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class ModelOutput(NamedTuple):
    """The output of every model of this package."""

    logits: Float[Tensor, "*rows classes"]
    """Logits of the next token after each token, or of the answer to each set; or numbers, such as a forecast."""
    hidden: Float[Tensor, "*rows dim"]
    """Hidden states that the logits are computed from."""
    next_marks: Float[Tensor, "*rows marks"] | None = None
    """Logits of the mark of the next token; None unless the numbering part predicts marks."""
