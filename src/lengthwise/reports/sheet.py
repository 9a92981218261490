"""The style sheet of a page, with the colours of its figures turned for the dark scheme."""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from lengthwise.reports import palette
from lengthwise.reports.palette import Colour

TEMPLATES = Path(__file__).parent / "templates"


def sheet(colours: Mapping[str, Colour]) -> Markup:
    """The style sheet; the page's own colours and those in ``colours`` are its variables, by name."""
    colours = {"ink": palette.INK, "soft": palette.SOFT, "line": palette.LINE, "paper": palette.PAPER, **colours}
    light = "".join(f"--{name}: {colour.light}; " for name, colour in colours.items())
    dark = "".join(f"--{name}: {colour.dark}; " for name, colour in colours.items())
    turned = "".join(
        f'svg [{kind}="{colour.light}"] {{ {kind}: {colour.dark}; }}\n'
        for colour in dict.fromkeys(colours.values())
        for kind in ("fill", "stroke")
    )
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return Markup(
        f":root {{ {light}}}\n{style}\n@media (prefers-color-scheme: dark) {{\n:root {{ {dark}}}\n{turned}}}\n"
    )
