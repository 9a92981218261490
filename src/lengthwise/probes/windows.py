"""The inputs of a probe: windows of text that do not overlap, or random tokens."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lengthwise.errors import InputError
from lengthwise.probes import prose
from lengthwise.probes.config import ProbeConfig

Facts = dict[str, str | int]
"""Facts about the origin of the windows, by name."""


@dataclass(frozen=True)
class Windows:
    """Sequences of tokens, each with the special tokens that the tokenizer puts around a text."""

    tokens: Int[Tensor, "windows longest"]
    """The tokens without ``suffix``; a shorter length keeps their beginning."""
    suffix: Int[Tensor, " suffix"]
    """The tokens that end a sequence of every length, such as BERT's [SEP]; empty for a causal model."""
    source: Facts
    """Where the windows come from."""

    def __len__(self) -> int:
        return len(self.tokens)

    def cut(self, window: int, length: int) -> Int[Tensor, "1 length"]:
        """Return a window of ``length`` tokens: the beginning of the window, and the suffix."""
        return torch.cat([self.tokens[window, : length - len(self.suffix)], self.suffix])[None]


def draw(
    config: ProbeConfig, tokenizer: PreTrainedTokenizerBase, vocab_size: int, longest: int, causal: bool
) -> Windows:
    """Draw the windows of a probe; a short text gives fewer windows than asked for, spread evenly over the text.

    Raises:
        InputError: if the text has too few tokens for two windows, or if the tokenizer or the model does not know them.
    """
    prefix, suffix = _around(tokenizer)
    suffix = [] if causal else suffix
    body = longest - len(prefix) - len(suffix)
    if body < 1:
        raise InputError(f"{longest} tokens leave no room between the tokenizer's own; give longer lengths.")
    bodies, source = (
        _random(config, tokenizer, vocab_size, body) if config.tokens == "random" else _text(config, tokenizer, body)
    )
    start = torch.tensor(prefix, dtype=torch.long, device="cpu").expand(len(bodies), -1)
    windows = Windows(torch.cat([start, bodies], dim=1), torch.tensor(suffix, dtype=torch.long, device="cpu"), source)
    largest = max([int(windows.tokens.max()), *suffix])
    if largest >= vocab_size:
        raise InputError(
            f"The tokenizer does not belong to the model: it gives token {largest:,}, and the model knows the first "
            f"{vocab_size:,}; save it with the tokenizer that it was trained with."
        )
    return windows


def _around(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the special tokens that the tokenizer puts before and after a text."""
    empty = tokenizer("")["input_ids"]
    if not empty:  # it adds nothing, and may have no token for a letter
        return [], []
    one = tokenizer("a")["input_ids"]
    same = next((place for place, (a, b) in enumerate(zip(empty, one, strict=False)) if a != b), len(empty))
    return empty[:same], empty[same:]


def _random(
    config: ProbeConfig, tokenizer: PreTrainedTokenizerBase, vocab_size: int, body: int
) -> tuple[Tensor, Facts]:
    """Draw tokens uniformly from the vocabulary without special tokens."""
    special = set(tokenizer.all_special_ids)
    special |= {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    allowed = [token for token in range(min(len(tokenizer), vocab_size)) if token not in special]
    plain = torch.tensor(allowed, dtype=torch.long, device="cpu")
    if not len(plain):
        raise InputError("The tokenizer has special tokens only; there is nothing to draw from.")
    generator = torch.Generator().manual_seed(config.seed)
    drawn = torch.randint(len(plain), (config.windows, body), generator=generator, dtype=torch.long, device="cpu")
    return plain[drawn], {"kind": "random tokens", "seed": config.seed}


def _text(config: ProbeConfig, tokenizer: PreTrainedTokenizerBase, body: int) -> tuple[Tensor, Facts]:
    source = prose.python_documentation() if config.text is None else prose.read(config.text)
    try:
        read = tokenizer(source.text, add_special_tokens=False)["input_ids"]
    except Exception as error:  # the package tokenizers has no class of its own
        raise InputError(
            f"The model's tokenizer cannot read {config.text or source.source} ({error}); give a --text that it "
            "can read, or use lengthwise probe --tokens random."
        ) from None
    tokens = torch.tensor(read, dtype=torch.long, device="cpu")
    count = min(config.windows, len(tokens) // body)
    if count < 2:
        raise InputError(
            f"The text {config.text or source.source} has {len(tokens):,} tokens, and two windows, the fewest that can "
            f"spread, need {2 * body:,}; give a longer text, or a shorter length."
        )
    apart = len(tokens) // count
    bodies = torch.stack([tokens[window * apart :][:body] for window in range(count)])
    facts: Facts = {"kind": "windows of text", "text": source.source, "characters": len(source.text)}
    return bodies, facts | {"sha256": source.sha256, "tokens": len(tokens)}
