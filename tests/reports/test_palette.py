"""Colours are told apart, whatever cones an eye has: CIEDE2000 of what is seen after Machado et al. 2009."""

from itertools import combinations

import numpy as np
import pytest

from lengthwise.analysis.grids import MANY
from lengthwise.reports import palette

Lab = tuple[float, float, float]

FLOOR = 10
"""Of the difference between two colours: five to ten times what is just seen side by side."""
EYES = {  # from linear sRGB to linear sRGB, with one kind of cones missing
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
SCHEMES = ("light", "dark")


def lab(colour: str, eye: str) -> Lab:
    """CIELAB, under D65, of what an eye sees of a colour."""
    srgb = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(EYES[eye]) @ linear, 0, 1)
    xyz = TO_XYZ @ seen / TO_XYZ.sum(1)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(one: Lab, other: Lab) -> float:
    """The difference of two CIELAB colours, after Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.2 * _cos(4 * hue - 63)
    far = (lightness - 50) ** 2
    of_l = (l2 - l1) / (1 + 0.015 * far / np.sqrt(20 + far))
    of_c = (c2 - c1) / (1 + 0.045 * chroma)
    of_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    rotation *= np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    return np.sqrt(of_l**2 + of_c**2 + of_h**2 + rotation * of_c * of_h)


def _cos(degrees: float) -> float:
    return np.cos(np.radians(degrees))


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_that_of_its_authors(one: Lab, other: Lab, difference: float) -> None:
    assert ciede2000(one, other) == pytest.approx(difference, abs=1e-4)


def _differences(colours: tuple[palette.Colour, ...], scheme: str, eye: str) -> list[float]:
    seen = [lab(getattr(colour, scheme), eye) for colour in colours]
    return [ciede2000(one, other) for one, other in combinations(seen, 2)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("colours", [(*palette.MECHANISMS, palette.PAPER), (*palette.CAUSES.values(),)])
def test_colours_are_told_apart(colours: tuple[palette.Colour, ...], eye: str, scheme: str) -> None:
    assert min(_differences(colours, scheme, eye)) >= FLOOR


def test_lines_of_one_colour_differ_in_their_dash() -> None:
    looks = [(palette.colour(index), palette.dash(index)) for index in range(MANY)]
    assert len(set(looks)) == MANY
    points = {(palette.colour(i), palette.dash(i), palette.shape(i)) for i in range(168)}
    assert len(points) == 168


def test_a_colour_of_light_has_one_counterpart_in_the_dark() -> None:
    """The page turns colours by their value."""
    every = {*palette.MECHANISMS, *palette.CAUSES.values(), *palette.SHADES, palette.INK, palette.SOFT, palette.PAPER}
    assert len({colour.light for colour in every}) == len(every)
