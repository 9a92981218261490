"""Colours, dashes and shapes of the figures, which colour-blind readers can tell apart on white and on black.

Colours of mechanisms differ by at least 10 in CIEDE2000, for normal colour vision and for each of its three
deficiencies (Machado, Oliveira and Fernandes 2009). No more than eight colours were found that also differ from the
background, so colours repeat after eight mechanisms, with another dash.
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """A colour on white, and its counterpart on black."""

    light: str
    dark: str


MECHANISMS = (  # first the colours of Okabe and Ito without yellow and black, which white or black hides
    Colour("#0072b2", "#4c9df5"),
    Colour("#d55e00", "#ff8b45"),
    Colour("#009e73", "#2cc795"),
    Colour("#cc79a7", "#e59cc5"),
    Colour("#e9a103", "#fecc00"),
    Colour("#55b4ea", "#9bd8fb"),
    Colour("#747981", "#d7d6d4"),
    Colour("#5a289d", "#a17fb7"),
)
DASHES = ((1, 0), (6, 3), (2, 2))
"""Lengths of strokes and gaps of the first, the second and the third line with each colour (pixels)."""
SHAPES = (  # SVG paths from -1 to 1; their number is coprime to colours and dashes, so that 168 mechanisms differ
    "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z",
    "M-0.85,-0.85H0.85V0.85H-0.85Z",
    "M0,-1.2L1.2,0L0,1.2L-1.2,0Z",
    "M0,-1.1L1.15,0.9H-1.15Z",
    "M-0.4,-1.1H0.4V-0.4H1.1V0.4H0.4V1.1H-0.4V0.4H-1.1V-0.4H-0.4Z",
    "M0,1.1L1.15,-0.9H-1.15Z",
    "M-1.1,-0.55L-0.55,-1.1L0,-0.55L0.55,-1.1L1.1,-0.55L0.55,0L1.1,0.55L0.55,1.1L0,0.55L-0.55,1.1L-1.1,0.55L-0.55,0Z",
)
CAUSES = {  # these colours differ by lightness alone, since hues belong to mechanisms
    "right": Colour("#dfe3ea", "#333a46"),
    "dispersion": Colour("#a08bc9", "#8069b8"),
    "ordering": Colour("#453068", "#cbbcf0"),
}
STEPS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.95, 1 - 1e-9)
"""Shares at which the next shade begins; the last shade is for a share of exactly 1."""
SHADES = (
    Colour("#f5f6f8", "#1b1f25"),
    Colour("#e3edf6", "#1c2a37"),
    Colour("#c9ddee", "#1f374c"),
    Colour("#a7c9e3", "#234763"),
    Colour("#7fb0d6", "#275a80"),
    Colour("#3f86b9", "#4f93c6"),
    Colour("#1b6399", "#78b4e0"),
    Colour("#00416e", "#b5dcfa"),
)

INK = Colour("#1f2430", "#e8eaee")
SOFT = Colour("#5d6573", "#a2a9b5")
LINE = Colour("#e4e7ec", "#30353f")
PAPER = Colour("#ffffff", "#14171c")


def colour(index: int) -> Colour:
    """Return the colour of a mechanism, by its place in the comparison."""
    return MECHANISMS[index % len(MECHANISMS)]


def dash(index: int) -> tuple[int, int]:
    """Return the dash of a mechanism's line, by its place in the comparison."""
    return DASHES[index // len(MECHANISMS) % len(DASHES)]


def shape(index: int) -> str:
    """Return the shape of a mechanism's points, by its place in the comparison, as an SVG path from -1 to 1."""
    return SHAPES[index % len(SHAPES)]
