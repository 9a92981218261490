"""Settings of a benchmark."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from lengthwise.attention.mechanism import read_name
from lengthwise.bench.contestants import DEFAULT, LLAMA, SDPA, known
from lengthwise.configuration import EACH_ONCE, Config
from lengthwise.errors import InputError
from lengthwise.registry import unknown

# Defaults on a GPU: sequences that would take minutes on a CPU, and enough heads to fill the GPU's processors.
ON_CUDA: dict[str, Any] = {
    "lengths": tuple(1024 * 2**power for power in range(8)),
    "contestants": DEFAULT["cuda"],
    "heads": 16,
    "dtype": "bfloat16",
    "budget": 2.0,
}
# Whole decoders take seconds a step.
OF_MODELS: dict[str, Any] = {
    "lengths": (2048, 8192),
    "contestants": ("softmax+rope", "threshold-relative"),
    "heads": 8,
    "budget": 60.0,
}
LENGTHS = (512, 1024, 2048, 4096, 8192)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _field(default: Any, on_cuda: Any, on_cpu: Any = None, **more: Any) -> Any:
    """Declare a field whose default depends on the device; ``on_cuda`` and ``on_cpu`` are its texts in the help."""
    said = f"{default if on_cpu is None else on_cpu}, on CUDA {on_cuda}"
    extra = {"by_default": said} | more.pop("json_schema_extra", {})
    return Field(default, json_schema_extra=extra, **more)


def _check_mechanism(name: str) -> None:
    try:
        if name != LLAMA:
            read_name(name)
    except InputError as error:
        raise ValueError(str(error)) from None


class BenchConfig(Config):
    """Settings of a benchmark: contestants, inputs and time limits. Some defaults depend on the device."""

    model: bool = False
    """Measure whole decoders: the contestants are mechanisms beside llama, that of transformers, of the same sizes.
    Defaults: 2,048 and 8,192 tokens, 8 heads, softmax+rope and threshold-relative."""
    layers: PositiveInt = 8
    """Layers of a whole decoder."""
    lengths: Annotated[tuple[PositiveInt, ...], EACH_ONCE] = _field(
        LENGTHS, *(f"{doubling[0]}:{doubling[-1]}" for doubling in (ON_CUDA["lengths"], LENGTHS)), min_length=1
    )
    """Tokens of a sequence; in decoding, keys in the cache."""
    contestants: Annotated[tuple[str, ...], EACH_ONCE] = _field(
        DEFAULT["cpu"],
        *(", ".join(DEFAULT[device][1:]) for device in ("cuda", "cpu")),
        json_schema_extra={"option": ["--contestant", "-c"]},
    )
    """Contestants beside sdpa: native, triton, blockwise, each also with -no-skipping, forgetting, alibi,
    stick-breaking, fire, sigmoid, softpick, entmax, flex, fla-forgetting, reference. Repeatable."""
    batch: PositiveInt = 1
    """Number of sequences."""
    heads: PositiveInt = _field(4, ON_CUDA["heads"])
    """Heads of the queries."""
    kv_heads: PositiveInt | None = Field(None, json_schema_extra={"by_default": "as many as of the queries"})
    """Heads of the keys and values."""
    head_dim: PositiveInt = 64
    """Width of a head."""
    dtype: Literal["float32", "bfloat16", "float16"] = _field("float32", ON_CUDA["dtype"])
    """Dtype of queries, keys and values; gates are float32."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device that everything runs on."""
    threads: PositiveInt = Field(default_factory=_threads, json_schema_extra={"by_default": "torch's choice"})
    """Threads of torch on the CPU."""
    deterministic: bool = False
    """Compute gradients without atomic additions, so that each run gives the same bits."""
    rounds: PositiveInt = 15
    """Maximal number of turns of each contestant; the table shows medians."""
    budget: PositiveFloat = _field(10.0, f"{ON_CUDA['budget']:g}", "10")
    """Time for each length and kind, after which no round beyond the third begins [s]."""
    reference_limit: PositiveInt = 2048
    """Maximal number of tokens for the reference, whose memory is quadratic in the number of tokens."""

    @model_validator(mode="before")
    @classmethod
    def _on_the_device(cls, tree: Any) -> Any:
        if not isinstance(tree, dict):
            return tree
        of_device = ON_CUDA if tree.get("device") == "cuda" else {}
        return {**of_device, **(OF_MODELS if tree.get("model") else {}), **tree}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in self.contestants:
            if self.model:
                _check_mechanism(name)
            elif name not in known():
                raise ValueError(unknown("contestant", name, known()))
        if self.heads % (self.kv_heads or self.heads):
            raise ValueError(f"heads must be a multiple of kv_heads; got {self.heads} and {self.kv_heads}.")
        import torch  # late: the help of the command line shows the defaults

        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("The device is 'cuda', but torch finds no such GPU here; use 'cpu'.")
        return self

    @property
    def rival(self) -> str:
        """The contestant that the others are compared with."""
        return LLAMA if self.model else SDPA
