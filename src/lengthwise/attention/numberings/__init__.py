"""Numbering parts give tokens their numbers, for the position part. Each has its own file; a new one adds one line."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry

if TYPE_CHECKING:
    from lengthwise.attention.parts import Numbering

NUMBERINGS: "Registry[type[Numbering]]" = Registry(
    "numbering part",
    {
        "counted": "lengthwise.attention.numberings.counted:Counted",
        "randomised": "lengthwise.attention.numberings.randomised:Randomised",
        "shifted": "lengthwise.attention.numberings.shifted:Shifted",
        "coupled": "lengthwise.attention.numberings.coupled:Coupled",
        "abacus": "lengthwise.attention.numberings.abacus:Abacus",
        "predicted": "lengthwise.attention.numberings.predicted:Predicted",
    },
)
