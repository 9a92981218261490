"""Settings of a benchmark."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from lengthwise.bench.contestants import DEFAULT, known
from lengthwise.configuration import EACH_ONCE, Config
from lengthwise.registry import unknown

# What is natural on a GPU: sequences that a CPU would take minutes for, and heads enough to fill its processors.
ON_CUDA = {
    "lengths": tuple(1024 * 2**power for power in range(8)),
    "contestants": DEFAULT["cuda"],
    "heads": 16,
    "dtype": "bfloat16",
    "budget": 2.0,
}


def _threads() -> int:
    import torch

    return torch.get_num_threads()


class BenchConfig(Config):
    """What is measured, on which inputs, for how long. Where nothing is said, it depends on the device."""

    lengths: Annotated[tuple[PositiveInt, ...], EACH_ONCE] = Field((512, 1024, 2048, 4096, 8192), min_length=1)
    """Tokens of a sequence; for decoding, keys in the cache."""
    contestants: Annotated[tuple[str, ...], EACH_ONCE] = DEFAULT["cpu"]
    """Who is measured, by name; torch's own attention always is."""
    batch: PositiveInt = 1
    """Sequences."""
    heads: PositiveInt = 4
    """Heads of the queries."""
    kv_heads: PositiveInt | None = None
    """Heads of the keys and values; as many as of the queries by default."""
    head_dim: PositiveInt = 64
    """Numbers in a query or a key."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of queries, keys and values; gates are float32."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where everything runs."""
    threads: PositiveInt = Field(default_factory=_threads)
    """Threads of torch on the CPU."""
    deterministic: bool = False
    """Whether torch is told to be: gradients that are the same bits each time, without atomic additions."""
    rounds: PositiveInt = 15
    """Turns that each contestant has, at most."""
    budget: PositiveFloat = 10.0
    """Seconds, per length and kind, after which no round begins; three rounds there always are."""
    reference_limit: PositiveInt = 2048
    """Most tokens for the reference, whose memory is quadratic in them."""

    @model_validator(mode="before")
    @classmethod
    def _on_the_device(cls, tree: Any) -> Any:
        return {**ON_CUDA, **tree} if isinstance(tree, dict) and tree.get("device") == "cuda" else tree

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in self.contestants:
            if name not in known():
                raise ValueError(unknown("contestant", name, known()))
        if self.heads % (self.kv_heads or self.heads):
            raise ValueError(f"heads must be a multiple of kv_heads; got {self.heads} and {self.kv_heads}.")
        import torch  # late: the help of the command line shows the defaults

        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("The device is 'cuda', but torch finds no such GPU here; use 'cpu'.")
        return self
