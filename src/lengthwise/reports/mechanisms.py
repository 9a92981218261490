"""The documentation's page of mechanisms, made of what the parts say of themselves."""

import re
from collections.abc import Iterator, Sequence

from lengthwise.attention.catalogue import EXAMPLE, Entry
from lengthwise.attention.tables import TITLES
from lengthwise.options import Option, spelled

MEANINGS = {
    "Route": "what a part acts on, and how fast that can be. Weights: fused, by torch's fused attention; kernel, by an "
    "operator of this library; scores, from all scores, in blocks of rows; linear, in time linear in the tokens. "
    "Positions: none; embedding, the token embeddings; turn, queries and keys, which leaves attention fused; bias, a "
    "bias known before the scores, added in blocks of rows; scores, a bias that depends on them. Numberings: numbers, "
    "the positions themselves. Outputs: values, the attended values.",
    "Reads": "causal, only ever; encoders, never; both, either way. Everything causal decodes with a cache.",
    "Evidence": "how the formula is known: code, its authors' code was read; paper, from the paper's text; "
    "third-party, from someone else's code; memory, not looked up; ours, this project's own.",
}
"""The columns that do not explain themselves."""


def page(entries: Sequence[Entry]) -> str:
    """The page, in Markdown."""
    return "\n".join(_lines(entries)) + "\n"


def _lines(entries: Sequence[Entry]) -> Iterator[str]:
    yield "# Mechanisms"
    yield ""
    yield "<!-- Made by `lengthwise list --mechanisms --markdown` from the parts' own docstrings. -->"
    yield ""
    yield "A mechanism is a *weights* part, a *position* part and an *output* part, joined by name, as in"
    yield "`softmax+rope+layer-norm`; a *numbering* part may say which numbers positions are. What is not named is"
    yield "`nope`, no position, `counted`, numbers from 0 on, and `none`, the attended values as they are."
    yield "Options stand in brackets behind a part's name where they are not at their defaults, as in"
    yield "`top-k[kept=9]+rope[base=5e5]`."
    yield "[Add your own](how-to-mechanism.md) in ten minutes."
    yield ""
    yield from (f"- **{word}**: {meaning}" for word, meaning in MEANINGS.items())
    yield (
        f"- **Parameters**: added to a layer {EXAMPLE.dim} wide with {EXAMPLE.heads} heads, trained at "
        f"{EXAMPLE.context} tokens."
    )
    for kind, title in TITLES.items():
        chosen = [entry for entry in entries if entry.kind == kind]
        yield ""
        yield f"## {title}"
        yield ""
        yield "| name | | source | parameters | route | reads | evidence |"
        yield "|---|---|---|---|---|---|---|"
        for entry in chosen:
            cells = [f"[`{entry.name}`](#{entry.name})", _prose(entry.summary), _source(entry.source)]
            cells += [f"{entry.parameters:,}", entry.route, entry.reads, entry.evidence]
            yield "| " + " | ".join(cells) + " |"
        for entry in chosen:
            yield ""
            yield f"### {entry.name}"
            for text in (entry.formula or entry.summary + ".", entry.details):
                if text:
                    yield ""
                    yield _prose(text)
            if entry.options:
                yield ""
                yield from map(_option, entry.options)


def _option(option: Option) -> str:
    """A line of a list: the default, the meaning, the values there are."""
    return f"- `{option.name}={spelled(option.default)}`: {_prose(option.meaning.rstrip('.'))} ({option.wanted})."


def _source(source: str) -> str:
    """With a link where it is a paper."""
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[\1](https://arxiv.org/abs/\1)", source)


def _prose(text: str) -> str:
    """From a docstring's markup to Markdown."""
    text = re.sub(r"^\.\. math::(.*(?:\n +.*)*)", r"$$\1$$", text, flags=re.MULTILINE)
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")
