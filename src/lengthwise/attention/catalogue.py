"""A catalogue of all parts, read from their classes, for ``lengthwise list`` and the documentation."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from lengthwise.attention.mechanism import COUNTED, NONE, NOPE
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.parts import Bias, Embedding, Position, Rotation, Sizes
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.tables import TABLES, Kind
from lengthwise.attention.traits import Evidence
from lengthwise.attention.weights import WEIGHTS
from lengthwise.naming import options_of
from lengthwise.options import Option
from lengthwise.source import summary_and_source

EXAMPLE = Sizes(dim=64, heads=4, kv_heads=4, head_dim=16, layer=0, context=128, reach=4096, marks=100)
"""The example layer for which the catalogue counts added parameters."""


@dataclass(frozen=True)
class Entry:
    """The catalogue's entry for one part."""

    kind: Kind
    name: str
    summary: str
    """First line of its docstring, without the source."""
    source: str
    """The paper, as in ``arXiv 2104.09864``, or another name of the source; empty if the part needs none."""
    details: str
    """The rest of its docstring."""
    formula: str
    """The docstring of its module."""
    parameters: int
    """Number of parameters that it adds to the layer :data:`EXAMPLE`; a position in the embeddings adds them to the
    model."""
    route: str
    """How a weights part is computed (:data:`~lengthwise.attention.traits.WeightsRoute`), or what a position part acts
    on: the token embeddings (embedding), queries and keys (turn), the scores by a bias that is known before the scores
    (bias) or depends on the scores (scores), or nothing (none)."""
    reads: Literal["both", "causal", "encoders"]
    """Direction: ``causal`` = decoders only, ``encoders`` = bidirectional only, ``both`` = either. All but ``encoders``
    can use a cache."""
    evidence: Evidence
    options: tuple[Option, ...]


def catalogue() -> Iterator[Entry]:
    """Yield the entries of all parts, kind by kind, in the order of their tables."""
    for name in WEIGHTS:
        weights = WEIGHTS.load(name)
        reads: Literal["both", "causal", "encoders"]
        traits = weights.traits
        reads = "encoders" if not traits.causal else "both" if traits.bidirectional else "causal"
        yield _entry("weights", name, weights, weights(EXAMPLE), traits.route, reads)
    for name in POSITIONS:
        position = POSITIONS.load(name)
        yield _entry("position", name, position, position(EXAMPLE), _route(position))
    for name in NUMBERINGS:
        numbering = NUMBERINGS.load(name)
        yield _entry("numbering", name, numbering, numbering(EXAMPLE), "numbers")
    for name in OUTPUTS:
        output = OUTPUTS.load(name)
        shape = (EXAMPLE.heads, EXAMPLE.head_dim) if output.traits.by_head else (EXAMPLE.dim,)
        yield _entry("output", name, output, output(shape, EXAMPLE.dim), "values")


def _route(position: type[Position]) -> str:
    if issubclass(position, Bias):
        return "scores" if position.traits.depends_on_scores else "bias"
    return "embedding" if issubclass(position, Embedding) else "turn" if issubclass(position, Rotation) else "none"


def _entry(
    kind: Kind,
    name: str,
    part: Any,
    built: nn.Module,
    route: str,
    reads: Literal["both", "causal", "encoders"] = "both",
) -> Entry:
    first, _, rest = (inspect.getdoc(part) or "").partition("\n")
    summary, source = summary_and_source(first)
    return Entry(
        kind=kind,
        name=name,
        summary=summary,
        source=source,
        details=rest.strip(),
        formula="" if name in (NOPE.name, COUNTED.name, NONE.name) else (inspect.getmodule(part).__doc__ or "").strip(),
        parameters=sum(parameter.numel() for parameter in built.parameters()),
        route=route,
        reads=reads,
        evidence=part.traits.evidence,
        options=options_of(TABLES[kind], name),
    )
