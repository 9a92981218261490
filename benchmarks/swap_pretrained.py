"""What a swap of attention alone does to a pretrained language model, before any training.

    python benchmarks/swap_pretrained.py MODEL [--mechanism threshold-relative …] [--tokens 512] [--windows 6]

MODEL is a folder or a GGUF file. Each mechanism is swapped into all layers, reads windows of the documentation that
comes with Python, and is taken out again. The table has the cross-entropy of the next token with its 95 % bootstrap
interval over windows, and the difference to the model's own attention, window by window.
"""

from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch import Tensor, nn

from lengthwise.attention.precision import in_float32
from lengthwise.pretrained import swap
from lengthwise.pretrained.source import find
from lengthwise.probes.config import ProbeConfig
from lengthwise.probes.windows import draw
from lengthwise.statistics.bootstrap import mean
from lengthwise.statistics.estimate import Estimate

MECHANISMS = (
    *("softmax", "softmax+nope", "softmax+alibi", "log-n", "log-n[s=0.16]", "stick-breaking"),
    *("threshold-relative", "threshold-relative[threshold=-8]"),
)


@torch.no_grad()
def losses(model: nn.Module, windows: Tensor) -> Tensor:
    """Compute the mean cross-entropy of each window [nats per token]."""
    found = []
    for window in windows:
        logits = in_float32(model(window[None]).logits[0, :-1])
        found.append(F.cross_entropy(logits, window[1:]))
    return torch.stack(found)


def cell(found: Estimate) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def main(
    folder: Annotated[str, typer.Argument(metavar="MODEL", help="A folder or a GGUF file.")],
    mechanism: Annotated[list[str] | None, typer.Option(help="Repeat for each.")] = None,
    tokens: Annotated[int, typer.Option(help="Tokens of a window.")] = 512,
    windows: Annotated[int, typer.Option(help="Windows.")] = 6,
) -> None:
    """Loss after a swap, before any training."""
    source = find(folder)
    model = source.load("float32", "cpu")
    drawn = draw(ProbeConfig(model=folder, windows=windows), source.tokenizer, source.vocab_size, tokens, source.causal)
    print(f"{len(drawn)} windows of {tokens} tokens; {drawn.source}")
    own = losses(model, drawn.tokens)
    print("| mechanism | loss | minus the model's own |\n|---|---|---|")
    print(f"| the model's own | {cell(mean(own.numpy()))} | |")
    for name in mechanism or MECHANISMS:
        with swap(model, name):
            swapped = losses(model, drawn.tokens)
        print(f"| `{name}` | {cell(mean(swapped.numpy()))} | {cell(mean((swapped - own).numpy()))} |", flush=True)
    again = losses(model, drawn.tokens)
    print(f"undone: {'the same' if torch.equal(again, own) else 'not the same'} losses")


if __name__ == "__main__":
    typer.run(main)
