"""A mechanism's name, taken apart: ``softmax+rope+layer-norm`` is weights, position and output."""

from dataclasses import dataclass
from typing import Any

from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.parts import Output, Position, Sizes, Weights
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS
from lengthwise.errors import InputError
from lengthwise.registry import Registry, unknown


@dataclass(frozen=True)
class Mechanism:
    """The parts of an attention mechanism, by name.

    ``Mechanism.parse("softmax+rope")`` reads the parts joined by ``+`` in any order; what is not named is ``nope``
    (no position) and ``none`` (the output as it is). ``str`` gives the shortest name back.
    """

    weights: str
    position: str = "nope"
    output: str = "none"

    @classmethod
    def parse(cls, name: str) -> "Mechanism":
        """Read a name; raises :class:`InputError` with the nearest right names where a part does not exist."""
        parts: dict[str, str] = {}
        for part in name.split("+"):
            kinds = [kind for kind, table in _TABLES.items() if part in table]
            if not kinds:
                known = [entry for table in _TABLES.values() for entry in table]
                raise InputError(unknown("attention mechanism or part of one", part, known))
            if kinds[0] in parts:
                raise InputError(
                    f"{name!r} names two {kinds[0]} parts, {parts[kinds[0]]!r} and {part!r}; it can have one."
                )
            parts[kinds[0]] = part
        if "weights" not in parts:
            raise InputError(
                f"{name!r} says nothing of how scores become weights; put one of {', '.join(WEIGHTS)} before it, "
                f"as in 'softmax+{name}'."
            )
        return cls(**parts)

    def __post_init__(self) -> None:
        if POSITIONS.load(self.position).biased and not WEIGHTS.load(self.weights).takes_bias:
            raise InputError(
                f"{self.weights!r} cannot take the bias that {self.position!r} adds to the scores; "
                f"use {self.weights!r} without it, or with a position that turns queries and keys, such as 'rope'."
            )

    def __str__(self) -> str:
        optional = [self.position] * (self.position != "nope") + [self.output] * (self.output != "none")
        return "+".join([self.weights, *optional])

    def build(self, sizes: Sizes, **of_weights: Any) -> tuple[Position, Weights, Output]:
        """The three modules; ``of_weights`` are further arguments of the weights part."""
        return (
            POSITIONS.load(self.position)(sizes),
            WEIGHTS.load(self.weights)(sizes, **of_weights),
            OUTPUTS.load(self.output)(sizes),
        )


_TABLES: dict[str, Registry[Any]] = {"weights": WEIGHTS, "position": POSITIONS, "output": OUTPUTS}
