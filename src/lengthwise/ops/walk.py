"""One walk over the keys: what the kernels of every device are given, whichever operator it comes from."""

import enum
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.ops.curve import Curve


class Rule(enum.IntEnum):
    """What a product of a query and a key weighs: ``Rule`` in ``native/arguments.h``."""

    THRESHOLD_RELATIVE = 0
    FORGETTING = 1
    STICK_BREAKING = 2
    DISTANCE_BIAS = 3
    SIGMOID = 4
    SOFTPICK = 5
    ENTMAX = 6
    RELATIVE_BIAS = 7


@dataclass(frozen=True)
class Walk:
    """A problem as the kernels see it."""

    rule: Rule
    query: Float[Tensor, "batch heads queries head_dim"]
    key: Float[Tensor, "batch kv_heads keys head_dim"]
    value: Float[Tensor, "batch kv_heads keys head_dim"]
    document_ids: Int[Tensor, "batch keys"] | None
    scale: float
    skip_tolerance: float
    log_forget: Float[Tensor, "batch heads queries"] | None = None
    """The gates of threshold relative attention."""
    forgotten: Float[Tensor, "batch heads keys"] | None = None
    """Float64: the running sums of forgetting attention."""
    bias: Float[Tensor, "batch heads biases"] | None = None
    """The bias of each distance; no numbers if there is none."""
    curve: Curve | None = None
    """The bias of relative distance; all of its tensors have a batch."""
    offset: Float[Tensor, "batch heads queries"] | None = None
    """What sigmoid attention adds to all scores of a query."""
    sink: Float[Tensor, "batch heads sinks"] | None = None
    """One more logit of a softmax for each query, of attending to nothing; no numbers if there is no sink."""
    limit: float = 0.0
    largest_key_norm: float | None = None
    strict: bool = False
