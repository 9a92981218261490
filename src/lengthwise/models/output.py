"""What a model returns."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class ModelOutput(NamedTuple):
    """What every model of this package returns."""

    logits: Float[Tensor, "*rows classes"]
    """Logits of the next token after each token, or of the answer to each set."""
    hidden: Float[Tensor, "*rows dim"]
    """What the logits are computed from."""
    next_marks: Float[Tensor, "*rows marks"] | None = None
    """Logits of the mark of the next token; None unless the numbering part predicts marks."""
