"""Position parts tell a mechanism where tokens stand. Each part has its own file; a new part adds one line here."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry

if TYPE_CHECKING:
    from lengthwise.attention.parts import Position

POSITIONS: "Registry[type[Position]]" = Registry(
    "position part",
    {
        "nope": "lengthwise.attention.positions.nope:Nope",
        "sinusoidal": "lengthwise.attention.positions.sinusoidal:Sinusoidal",
        "learned": "lengthwise.attention.positions.learned:Learned",
        "rope": "lengthwise.attention.positions.rope:Rope",
        "rope-interpolated": "lengthwise.attention.positions.stretched_rope:RopeInterpolated",
        "rope-ntk": "lengthwise.attention.positions.stretched_rope:RopeNtk",
        "yarn": "lengthwise.attention.positions.stretched_rope:Yarn",
        "p-rope": "lengthwise.attention.positions.p_rope:PRope",
        "xpos": "lengthwise.attention.positions.xpos:XPos",
        "alibi": "lengthwise.attention.positions.alibi:Alibi",
        "hard-alibi": "lengthwise.attention.positions.hard_alibi:HardAlibi",
        "nape": "lengthwise.attention.positions.nape:Nape",
        "t5": "lengthwise.attention.positions.t5:T5",
        "kerple": "lengthwise.attention.positions.kerple:Kerple",
        "sandwich": "lengthwise.attention.positions.sandwich:Sandwich",
        "bam": "lengthwise.attention.positions.bam:Bam",
        "fire": "lengthwise.attention.positions.fire:Fire",
        "forgetting": "lengthwise.attention.positions.forgetting:Forgetting",
        "cable": "lengthwise.attention.positions.cable:Cable",
        "cope": "lengthwise.attention.positions.cope:Cope",
        "calibrated": "lengthwise.attention.positions.calibrated:Calibrated",
    },
)
