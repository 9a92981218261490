"""Tokenizers: from text to tokens, with an end token, and the number of bytes that each token stands for.

A tokenizer is called by ``bytes`` (every byte of UTF-8 is a token), by ``bpe-N`` (byte pairs, trained here on the
training documents, N tokens in all), or by the path of a ``tokenizer.json``, or of a folder that holds one.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lengthwise.errors import InputError

BYTES = "bytes"
BPE = re.compile(r"bpe-(\d+)")
END = "<|endoftext|>"
FILE = "tokenizer.json"
SMALLEST = 257
"""Tokens of the smallest vocabulary: the bytes and the end."""
LONGEST_WORD = 1_000
"""Bytes of a word, such as a genome without spaces, from which on it is cut: merging takes the square of its length."""


class Tokenizer(Protocol):
    """A vocabulary of tokens that texts are written in."""

    @property
    def vocab_size(self) -> int:
        """The largest token and one, the end token included: the number of tokens, if none is left out."""

    @property
    def end(self) -> int:
        """The token that stands before every document, and so ends the one before it."""

    @property
    def stamp(self) -> str:
        """A text that two tokenizers share if and only if they give the same tokens."""

    def encode(self, text: str) -> np.ndarray:
        """Return the tokens of a text, without an end token."""

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens; a character that is cut is shown as the replacement character."""

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every token, all different."""

    @property
    def bytes_of(self) -> np.ndarray:
        """The number of bytes of text that each token stands for, (vocab_size,); 0 for the end token."""


class Bytes:
    """The bytes of UTF-8: token *n* is the byte *n*, and 256 is the end."""

    vocab_size = SMALLEST
    end = 256
    stamp = BYTES

    def encode(self, text: str) -> np.ndarray:
        """Return the bytes of a text."""
        return np.frombuffer(text.encode(), np.uint8)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of bytes, in which the end token is left out."""
        return bytes(token for token in tokens if token < self.end).decode(errors="replace")

    @property
    def names(self) -> tuple[str, ...]:
        """The characters of ASCII, the hexadecimal numbers of other bytes, and the end."""
        return (*(chr(byte) if byte < 128 else f"<0x{byte:02X}>" for byte in range(self.end)), END)

    @property
    def bytes_of(self) -> np.ndarray:
        """One for every token but the end."""
        return (np.arange(self.vocab_size) < self.end).astype(np.float64)


class Saved:
    """A tokenizer of the package ``tokenizers``, with the end token that its configuration or its vocabulary names."""

    def __init__(self, definition: str, end: str | None = None) -> None:
        """Make the tokenizer that a ``tokenizer.json`` defines; without ``end``, a common end token is looked for.

        Raises:
            InputError: if the definition is damaged, or has no end token.
        """
        from tokenizers import Tokenizer as Definition

        try:
            self._tokenizer = Definition.from_str(definition)
        except Exception as error:  # the package raises plain exceptions
            raise InputError(f"The tokenizer cannot be read: {error}.") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.definition = definition
        names = [end] if end else [END, "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>", "[SEP]"]
        found = [token for name in names if (token := self._tokenizer.token_to_id(name)) is not None]
        if not found:
            raise InputError(f"The tokenizer has no end token; its vocabulary needs one of {', '.join(names)}.")
        self.end = found[0]

    @cached_property
    def vocab_size(self) -> int:
        """The largest token and one, added ones included; a vocabulary may leave numbers out."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def stamp(self) -> str:
        """Hash of the definition, and the end token."""
        return f"{hashlib.sha256(self.definition.encode()).hexdigest()} {self.end}"

    def encode(self, text: str) -> np.ndarray:
        """Return the tokens of a text, without special tokens around it."""
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.int64)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens; special tokens are left out."""
        return self._tokenizer.decode(list(tokens))

    @property
    def names(self) -> tuple[str, ...]:
        """The spelling of every token in the vocabulary, and of a number that it leaves out."""
        return tuple(self._tokenizer.id_to_token(token) or f"<{token}>" for token in range(self.vocab_size))

    @cached_property
    def bytes_of(self) -> np.ndarray:
        """The bytes behind each token, as its spelling in the vocabulary tells; 0 for special tokens."""
        special = {token for token, added in self._tokenizer.get_added_tokens_decoder().items() if added.special}
        single = '"ByteLevel"' in self.definition  # there, every character of a spelling stands for one byte
        within = json.loads(self.definition)["model"].get("continuing_subword_prefix") or ""  # ## of WordPiece, no text
        counts = np.zeros(self.vocab_size)
        for spelling, token in self._tokenizer.get_vocab().items():
            if token not in special:
                text = spelling.removeprefix(within)
                counts[token] = len(text) if single else _bytes(text)
        return counts


def _bytes(spelling: str) -> int:
    """Return the bytes of a token of SentencePiece, in which ▁ is a space and <0x0A> a byte."""
    if re.fullmatch(r"<0x[0-9A-F]{2}>", spelling):
        return 1
    return len(spelling.replace("▁", " ").encode())


def find(name: str) -> Tokenizer | None:
    """Find a tokenizer by its name; None for one that has to be trained.

    Raises:
        InputError: if there is no such tokenizer.
    """
    if name == BYTES:
        return Bytes()
    if size := BPE.fullmatch(name):
        if int(size[1]) < SMALLEST:
            raise InputError(f"A tokenizer of byte pairs has {SMALLEST} or more tokens; got {name!r}.")
        return None
    path = Path(name).expanduser()
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"There is no tokenizer {name!r}: give {BYTES}, bpe-4096 or another number of byte pairs, or the path of a "
            f"{FILE}."
        )
    try:
        definition, settings = file.read_text(encoding="utf-8"), file.with_name("tokenizer_config.json")
        facts = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"The tokenizer {name!r} cannot be read: {error}.") from None
    end = facts.get("eos_token") if isinstance(facts, dict) else facts
    end = end.get("content", end) if isinstance(end, dict) else end
    if not isinstance(end, str | None):
        raise InputError(f'{settings} names no end token; it is an object such as {{"eos_token": "{END}"}}.')
    return Saved(definition, end)


def vocabulary(name: str) -> int:
    """Return the ``vocab_size`` of a tokenizer, which need not have been trained yet."""
    size = BPE.fullmatch(name)
    found = find(name)
    return found.vocab_size if found is not None else int(size[1]) if size else 0


def trained(name: str, texts: Iterable[str]) -> Saved:
    """Train byte pairs on texts, as many tokens as the name says (arXiv 1508.07909, on bytes as in GPT-2).

    Raises:
        InputError: if the texts are too short for so many tokens.
    """
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Definition

    tokenizer: Any = Definition(models.BPE())
    parts = pre_tokenizers.Split(Regex(f".{{1,{LONGEST_WORD}}}"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(add_prefix_space=False), parts])
    tokenizer.decoder = decoders.ByteLevel()
    wanted = int(name.removeprefix("bpe-"))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=wanted, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    if (found := tokenizer.get_vocab_size()) < wanted:
        raise InputError(f"The corpus gives {found:,} byte pairs and no more; ask for bpe-{found} or fewer.")
    return Saved(tokenizer.to_str(), END)


def definition_of(tokenizer: Tokenizer) -> str:
    """Return the ``tokenizer.json`` of a tokenizer; the bytes are byte pairs without a merge, with the same numbers."""
    if isinstance(tokenizer, Saved):
        return tokenizer.definition
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Definition

    made: Any = Definition(models.BPE(vocab={character: byte for byte, character in _characters().items()}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(END, special=True)])
    return made.to_str()


def _characters() -> dict[int, str]:
    """Return the character by which the package ``tokenizers`` writes each byte: itself, or one from U+0100 on."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}
