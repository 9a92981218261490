"""A mechanism's name, taken apart: ``softmax+rope+layer-norm`` is weights, position and output."""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.placement import Placement, read_placement
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.tables import TABLES, Kind
from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.naming import Named, build, carried, read, split
from lengthwise.own_code import imported
from lengthwise.registry import unknown

if TYPE_CHECKING:
    from lengthwise.attention.parts import Embedding, Numbering, Output, Position, Sizes, Weights
    from lengthwise.attention.traits import WeightsTraits

NOPE, NONE, COUNTED = Named("nope"), Named("none"), Named("counted")
"""The position, the output and the numbering that need not be named."""


@dataclass(frozen=True)
class Mechanism:
    """The parts of an attention mechanism, by name, with their options.

    ``Mechanism.parse("softmax+rope")`` reads the parts joined by ``+`` in any order, each with its options in brackets
    where they are not the default ones, as in ``top-k[kept=9]+rope[base=5e5]``; what is not named is ``nope`` (no
    position), ``counted`` (positions from 0 on) and ``none`` (the output as it is). An output part stands before the
    output projection, over all heads side by side; ``layer-norm@heads`` treats head by head, ``layer-norm@projected``
    stands after the projection. ``str`` gives the one name back that all names of the same mechanism have in common:
    parts in the order of the fields, options as :mod:`lengthwise.naming` writes them, nothing that would be so anyway.
    A part of your own is named by its module and class: ``my_parts:SoftCap``.
    """

    weights: Named
    position: Named = NOPE
    output: Named = NONE
    placement: Placement | None = None
    """Of the output part; None where it stands where such a part does."""
    numbering: Named = COUNTED

    @classmethod
    def parse(cls, name: str) -> "Mechanism":
        """Read a name; raises :class:`InputError` with the nearest right names where a part does not exist."""
        parts = read_name(name)
        if "placement" in parts and parts["placement"] == _usual_placement(parts["output"]):
            del parts["placement"]
        return cls(**parts)

    def __post_init__(self) -> None:
        for kind, table in TABLES.items():
            part: Named = getattr(self, kind)
            table.load(part.name).Options(**dict(part.options))  # which refuses options that contradict each other
        if self._biased and not self.traits.takes_bias:
            raise InputError(
                f"'{self.weights}' cannot take the bias that '{self.position}' adds to the scores; "
                f"use '{self.weights}' without it, or with a position that turns queries and keys, such as 'rope'."
            )
        if OUTPUTS.load(self.output.name).traits.by_head and self.placement not in (None, "heads"):
            raise InputError(f"'{self.output}' treats head by head; drop '@{self.placement}'.")

    def __str__(self) -> str:
        named = [self.weights, *(part for part in (self.position, self.numbering) if part not in (NOPE, COUNTED))]
        if self.output != NONE:
            named.append(self.output)
        name = "+".join(map(str, named))
        return name if self.placement is None else f"{name}@{self.placement}"

    @property
    def traits(self) -> "WeightsTraits":
        """The traits of the weights part."""
        return WEIGHTS.load(self.weights.name).traits

    @property
    def _position(self) -> "type[Position]":
        return POSITIONS.load(self.position.name)

    @property
    def trained_as(self) -> "Mechanism":
        """The mechanism whose trained weights this one is used with; itself, unless one of its parts names another.

        Options go over as far as the other part has them: ``yarn[base=5e5]`` is trained as ``rope[base=5e5]``.
        """
        return self._replaced("trained_as") or self

    @property
    def learns_from(self) -> "Mechanism | None":
        """The mechanism of the trained model that parts of this one learn from before training; None where none does.

        It is that of :attr:`trained_as` in all else.
        """
        return self.trained_as._replaced("learns_from")

    def _replaced(self, relation: Literal["trained_as", "learns_from"]) -> "Mechanism | None":
        """Return the mechanism with the parts that its own parts name; None if they name no part."""
        others = {kind: getattr(table.load(getattr(self, kind).name), relation) for kind, table in TABLES.items()}
        parts: dict[str, Any] = {
            kind: carried(TABLES[kind], getattr(self, kind), name) for kind, name in others.items() if name
        }
        return replace(self, **parts) if parts else None

    def check_layer(self, *, causal: bool) -> None:
        """Refuse what an attention layer by itself cannot do.

        Raises:
            InputError: for weights that have to look ahead, or cannot, and for a position in the embeddings.
        """
        if causal and not self.traits.causal:
            raise InputError(
                f"'{self.weights}' cannot be kept from looking ahead: it is for encoders, with causal=False."
            )
        if not causal and not self.traits.bidirectional:
            raise InputError(f"'{self.weights}' is only ever causal; drop causal=False.")
        if self != self.in_layers:
            part = self.position if self._embedded else self.numbering
            raise InputError(
                f"'{part}' acts before the first layer of a model, which an attention layer by itself does not have; "
                "use a model, such as Decoder."
            )

    @property
    def in_layers(self) -> "Mechanism":
        """The mechanism without what a model does before its layers."""
        return replace(self, position=NOPE if self._embedded else self.position, numbering=COUNTED)

    def build_before_layers(self, sizes: "Sizes") -> "tuple[Numbering | None, Embedding | None]":
        """The numbering part, where tokens are not just counted, and the position part, where it acts on embeddings."""
        numbering = build(NUMBERINGS, self.numbering, sizes)
        position: Any = None
        if self._embedded:
            position = build(POSITIONS, self.position, replace(sizes, context=numbering.numbers(sizes)))
        return numbering if self.numbering != COUNTED else None, position

    @property
    def _embedded(self) -> bool:
        from lengthwise.attention.parts import Embedding

        return issubclass(self._position, Embedding)

    @property
    def _biased(self) -> bool:
        from lengthwise.attention.parts import Bias

        return issubclass(self._position, Bias)

    def build(self, sizes: "Sizes", **of_weights: Any) -> "tuple[Position, Weights, Output]":
        """The three modules; ``of_weights`` are further arguments of the weights part."""
        return (
            build(POSITIONS, self.position, sizes),
            build(WEIGHTS, self.weights, sizes, **of_weights),
            build(OUTPUTS, self.output, self.shape(sizes), sizes.dim),
        )

    def shape(self, sizes: "Sizes") -> tuple[int, ...]:
        """Of what an output part learns where it stands."""
        width = sizes.heads * sizes.head_dim
        return {"width": (width,), "heads": (sizes.heads, sizes.head_dim), "projected": (sizes.dim,)}[self.stands]

    @property
    def stands(self) -> Placement:
        """Where the output part stands."""
        return self.placement or _usual_placement(self.output)


def read_name(name: str) -> dict[str, Any]:
    """The parts that a mechanism's name names, and the placement, as :class:`Mechanism` has them.

    Parts of this library are not imported, so a mistyped name is answered at once.

    Raises:
        InputError: where a part does not exist, none or several of a kind are named, or a placement cannot be.
    """
    parts = _named_parts(name)
    if "weights" not in parts:
        raise InputError(
            f"{name!r} says nothing of how scores become weights; put one of {', '.join(WEIGHTS)} before it, "
            f"as in 'softmax+{name}'."
        )
    return parts


def completed(name: str) -> str:
    """A mechanism's name, or that of some of its parts with softmax for weights, where it names none.

    Raises:
        InputError: as :func:`read_name`.
    """
    return name if "weights" in _named_parts(name) else f"softmax+{name}"


def _named_parts(name: str) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for given in re.split(r"\+(?![^\[]*\])", name):  # no option's value, as in 5e+5, is taken apart
        text, placement = read_placement(given)
        part, _ = split(text)
        kind = _kind_of_own(part) if ":" in part else _kind(part)
        if kind in parts:
            raise InputError(f"{name!r} names two {kind} parts, '{parts[kind]}' and '{text}'; it can have one.")
        parts[kind] = read(TABLES[kind], text)
        if placement is not None and (kind != "output" or part == "none"):
            raise InputError(f"{given!r} says where {part!r} stands; only output parts such as 'layer-norm' can.")
        if placement is not None:
            parts["placement"] = placement
    return parts


def _kind(part: str) -> Kind:
    """Which kind of part this one is."""
    for kind, table in TABLES.items():
        if part in table:
            return kind
    known = [entry for table in TABLES.values() for entry in table]
    raise InputError(unknown("attention mechanism or part of one", part, known))


def _kind_of_own(part: str) -> Kind:
    """The same of a user's own part."""
    from lengthwise.attention.parts import Numbering, Output, Position, Weights

    found = imported(part)
    bases: dict[Kind, type] = {"weights": Weights, "position": Position, "numbering": Numbering, "output": Output}
    for kind, base in bases.items():
        if isinstance(found, type) and issubclass(found, base):
            return kind
    names = ", ".join(base.__name__ for base in bases.values())
    raise InputError(f"{part!r} is no part of a mechanism: it has to be a subclass of one of {names}.")


def _usual_placement(output: Named) -> Placement:
    return "heads" if OUTPUTS.load(output.name).traits.by_head else "width"
