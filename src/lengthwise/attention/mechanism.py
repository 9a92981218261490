"""A mechanism and its name: ``softmax+rope+layer-norm`` names a weights, a position and an output part."""

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
"""The default position, output and numbering, which a name leaves out."""


@dataclass(frozen=True)
class Mechanism:
    """The parts of an attention mechanism, by name, with their options.

    ``Mechanism.parse("softmax+rope")`` reads parts joined by ``+`` in any order. Options stand in brackets unless they
    are the defaults, as in ``top-k[kept=9]+rope[base=5e5]``. Parts that are not named are ``nope`` (no position),
    ``counted`` (positions from 0 on) and ``none`` (unchanged output). An output part stands before the output
    projection, over all heads side by side; ``layer-norm@heads`` treats head by head, ``layer-norm@projected`` stands
    after the projection. ``str`` returns the canonical name, the same for all names of a mechanism: parts in the order
    of the fields, options as :mod:`lengthwise.naming` writes them, and no defaults. A part of your own is named by its
    module and class: ``my_parts:SoftCap``.
    """

    weights: Named
    position: Named = NOPE
    output: Named = NONE
    placement: Placement | None = None
    """Placement of the output part; None for the part's usual placement."""
    numbering: Named = COUNTED

    @classmethod
    def parse(cls, name: str) -> "Mechanism":
        """Read a name; raises :class:`InputError` with the nearest valid names if a part does not exist."""
        parts = read_name(name)
        if "placement" in parts and parts["placement"] == _usual_placement(parts["output"]):
            del parts["placement"]
        return cls(**parts)

    def __post_init__(self) -> None:
        for kind, table in TABLES.items():
            part: Named = getattr(self, kind)
            table.load(part.name).Options(**dict(part.options))  # refuses options that contradict each other
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
        """Refuse a mechanism that an attention layer by itself cannot run.

        Raises:
            InputError: for weights that do not support the direction ``causal``, and for a part that acts before a
                model's first layer.
        """
        if causal and not self.traits.causal:
            raise InputError(
                f"'{self.weights}' cannot be kept from looking ahead: it is only for encoders, with causal=False."
            )
        if not causal and not self.traits.bidirectional:
            raise InputError(f"'{self.weights}' supports only causal attention; drop causal=False.")
        if self != self.in_layers:
            part = self.position if self._embedded else self.numbering
            raise InputError(
                f"'{part}' acts before the first layer of a model, which an attention layer by itself does not have; "
                "use a model, such as Decoder."
            )

    @property
    def in_layers(self) -> "Mechanism":
        """The mechanism without the parts that act before a model's first layer."""
        return replace(self, position=NOPE if self._embedded else self.position, numbering=COUNTED)

    def build_before_layers(self, sizes: "Sizes") -> "tuple[Numbering | None, Embedding | None]":
        """Build the numbering part, unless tokens are counted, and the position part, if it acts on embeddings."""
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
        """Build the three modules; ``of_weights`` are further arguments of the weights part."""
        return (
            build(POSITIONS, self.position, sizes),
            build(WEIGHTS, self.weights, sizes, **of_weights),
            build(OUTPUTS, self.output, self.shape(sizes), sizes.dim),
        )

    def shape(self, sizes: "Sizes") -> tuple[int, ...]:
        """Return the shape of an output part's parameters, which depends on its placement."""
        width = sizes.heads * sizes.head_dim
        return {"width": (width,), "heads": (sizes.heads, sizes.head_dim), "projected": (sizes.dim,)}[self.stands]

    @property
    def stands(self) -> Placement:
        """Placement of the output part."""
        return self.placement or _usual_placement(self.output)


def read_name(name: str) -> dict[str, Any]:
    """Read a mechanism's name into the fields of :class:`Mechanism`.

    Parts of this library are not imported, so a mistyped name is refused at once.

    Raises:
        InputError: if a part does not exist, several parts of a kind or no weights are named, or a placement is not
            possible.
    """
    parts = _named_parts(name)
    if "weights" not in parts:
        raise InputError(
            f"{name!r} names no weights part; put one of {', '.join(WEIGHTS)} before it, as in 'softmax+{name}'."
        )
    return parts


def completed(name: str) -> str:
    """Return the name, completed with softmax if it names no weights part.

    Raises:
        InputError: as in :func:`read_name`.
    """
    return name if "weights" in _named_parts(name) else f"softmax+{name}"


def _named_parts(name: str) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for given in re.split(r"\+(?![^\[]*\])", name):  # does not split an option's value, such as 5e+5
        text, placement = read_placement(given)
        part, _ = split(text)
        kind = _kind_of_own(part) if ":" in part else _kind(part)
        if kind in parts:
            raise InputError(f"{name!r} names two {kind} parts, '{parts[kind]}' and '{text}'; it can have one.")
        parts[kind] = read(TABLES[kind], text)
        if placement is not None and (kind != "output" or part == "none"):
            raise InputError(f"{given!r} has a placement for {part!r}; only output parts like 'layer-norm' have one.")
        if placement is not None:
            parts["placement"] = placement
    return parts


def _kind(part: str) -> Kind:
    """Return the kind of a part of this library."""
    for kind, table in TABLES.items():
        if part in table:
            return kind
    known = [entry for table in TABLES.values() for entry in table]
    raise InputError(unknown("attention mechanism or part of one", part, known))


def _kind_of_own(part: str) -> Kind:
    """Return the kind of a user's own part."""
    from lengthwise.attention.parts import Numbering, Output, Position, Weights

    found = imported(part)
    bases: dict[Kind, type] = {"weights": Weights, "position": Position, "numbering": Numbering, "output": Output}
    for kind, base in bases.items():
        if isinstance(found, type) and issubclass(found, base):
            return kind
    names = ", ".join(base.__name__ for base in bases.values())
    raise InputError(f"{part!r} is not a part of a mechanism: it must be a subclass of one of {names}.")


def _usual_placement(output: Named) -> Placement:
    return "heads" if OUTPUTS.load(output.name).traits.by_head else "width"
