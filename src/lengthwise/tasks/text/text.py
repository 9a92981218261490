"""Text: the next token, in training on windows of packed documents, in evaluation after more and more of a document.

*Training*: a window of ``length`` tokens begins anywhere in the training documents, which stand one after the other,
each behind an end token. Where a window holds several documents, no token sees another document (``packed``).

*Evaluation*: a window lies within one document of the split, at a random place of a random document, and every document
has a window before one has two. The second half of a window is scored, so that the score at length n is that of tokens
with n / 2 to n - 1 tokens before them; the lengths 256, 512, 1,024 … are the loss by position, each position once.
A document shorter than the window has no window; so longer windows come from longer documents.

With ``window``, the model sees ``window`` tokens and no more, and the last ``stride`` of them are scored: places in the
same documents, with as many tokens before them as without a window, or as a window needs. A model that holds beyond its
training length beats its own sliding window of the training length: ``validation[window=256]``.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.options import Value, option
from lengthwise.tasks.batch import Tokens
from lengthwise.tasks.drawing import integers, shuffled, uniform
from lengthwise.tasks.metrics.bits_per_byte import BitsPerByte
from lengthwise.tasks.metrics.metric import Metric
from lengthwise.tasks.metrics.perplexity import Perplexity
from lengthwise.tasks.task import Task
from lengthwise.text import tokenizers
from lengthwise.text.token_file import TokenFile, token_file
from lengthwise.text.tokenizers import Tokenizer


class Text(Task):
    """The next token of a text."""

    unit: ClassVar[str] = "tokens"
    example: ClassVar[str] = "window"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 1
    shortest: ClassVar[int] = 2
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    metrics: ClassVar[tuple[Metric, ...]] = (BitsPerByte(), Perplexity())

    class Options(Task.Options):
        corpus: str = option("python-library", text=True)
        """python-library, the path of a file or a folder of texts, or hub:NAME for a data set of the hub."""
        tokenizer: str = option("bytes", text=True)
        """bytes, bpe-N for N byte pairs trained on the corpus, or the path of a tokenizer.json."""
        packed: bool = True
        """True if documents in the same training window are kept apart."""
        window: int = option(0, at_least=0)
        """In evaluation, the tokens that the model sees; 0 for all."""
        stride: int = option(32, at_least=1)
        """With a window, the tokens at its end that are scored."""

    options: Options

    def __init__(self, **options: Value) -> None:
        super().__init__(**options)
        if self.options.tokenizer != tokenizers.BYTES:
            vars(self)["metrics"] = (BitsPerByte(lambda: self._file.bytes_of), Perplexity())

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary."""
        return {"vocab_size": tokenizers.vocabulary(self.options.tokenizer)}

    @property
    def data_sha256(self) -> str:
        """Hash of the tokenizer and of all documents."""
        return self._file.facts.sha256

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the corpus."""
        return self._file.tokenizer

    @property
    def end(self) -> int:
        """The end token, which the name of the tokenizer tells without the corpus."""
        found = tokenizers.find(self.options.tokenizer)
        return 0 if found is None else found.end  # special tokens are the first of the byte pairs that are trained here

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every token in its tokenizer."""
        return self.tokenizer.names

    def spell(self, tokens: Sequence[int]) -> str:
        """Write tokens as the text that they stand for."""
        return self.tokenizer.decode(tokens)

    @property
    def _file(self) -> TokenFile:
        return token_file(self.options.corpus, self.options.tokenizer)

    def tokens(self, length: int) -> int:
        """Return the number of tokens that the model reads at once."""
        return self.options.window or length

    def check_length(self, length: int) -> None:
        """Refuse, in evaluation with a window, what does not fit into it."""
        super().check_length(length)
        window, stride = self.options.window, self.options.stride
        if window and stride >= window:
            raise InputError(f"A window of {window} tokens scores fewer than {window} of them; got stride={stride}.")
        if length < window:
            raise InputError(f"A window of {window} tokens does not fit into a length of {length}.")

    def check_data(self, split: str, length: int) -> None:
        """Refuse lengths that fewer than two documents of an evaluation split have, or all training documents.

        Raises:
            InputError: for such a length, or if an evaluation split has fewer than two documents.
        """
        super().check_data(split, length)
        texts = self._file.splits[split]
        if split == self.splits[0]:
            if len(texts.stream) <= length:
                raise InputError(
                    f"The training documents of {self.options.corpus} have {len(texts.stream):,} tokens in all, too "
                    f"few for a window of {length:,}; give a larger corpus, or a shorter train.length."
                )
            return
        if (documents := len(texts.lengths)) < 2:
            raise InputError(
                f"The {split} split of {self.options.corpus} has {documents} of the two documents that an evaluation "
                "needs; give a corpus with more documents."
            )
        if (second := int(np.sort(texts.lengths)[-2])) <= length:
            raise InputError(
                f"A length of {length:,} needs two documents of more than {length:,} tokens in the {split} split of "
                f"{self.options.corpus}, whose second longest has {second:,}; give shorter lengths, or a corpus with "
                "longer documents or more of them."
            )

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Tokens:
        """Draw windows: of all documents for training, within documents in other splits.

        Returns:
            A batch of (batch_size, length) tokens, or (batch_size, window) with a window in evaluation.
        """
        self.check_data(split, length)
        if split == self.splits[0]:
            return self._packed(generator, batch_size, length)
        texts = self._file.splits[split]
        longer = torch.from_numpy((texts.lengths > length).nonzero()[0])
        rounds = -(-batch_size // len(longer))
        chosen = shuffled(generator, longer.expand(rounds, -1)).flatten()[:batch_size].numpy()
        free = texts.lengths[chosen] - length
        start = texts.starts[chosen] + (uniform(generator, batch_size).numpy() * free).astype(np.int64)
        width, scored = length, length - length // 2
        if self.options.window:
            width = self.options.window
            scored = min(self.options.stride, scored)
            first = max(length // 2, width - scored)  # the window begins no earlier than the text
            choices = length - scored - first + 1
            start += first + (uniform(generator, batch_size).numpy() * choices).astype(np.int64) + scored - width
        tokens, documents = texts.windows(start, width + 1)
        asked = torch.zeros(batch_size, width, dtype=torch.bool, device="cpu")
        asked[:, width - scored :] = True
        return self._batch(tokens, documents, asked)

    def _packed(self, generator: torch.Generator, batch_size: int, length: int) -> Tokens:
        texts = self._file.splits[self.splits[0]]
        starts = integers(generator, len(texts.stream) - length, batch_size).numpy()
        tokens, documents = texts.windows(starts, length + 1)
        if not self.options.packed:
            documents = documents[:, :0]
        return self._batch(tokens, documents, torch.ones(batch_size, length, dtype=torch.bool, device="cpu"))

    def _batch(self, tokens: np.ndarray, documents: np.ndarray, scored: Tensor) -> Tokens:
        inputs, targets, apart = (torch.from_numpy(part) for part in (tokens[:, :-1], tokens[:, 1:], documents[:, :-1]))
        return Tokens(inputs, targets, scored, marks=inputs[:, :0], documents=apart)
