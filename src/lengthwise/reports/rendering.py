"""Templates rendered to pages that need no network."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lengthwise.reports import palette
from lengthwise.reports.contents import anchored, contents
from lengthwise.reports.palette import Colour

TEMPLATES = Path(__file__).parent / "templates"


def render(
    template: str,
    known: Mapping[str, Any],
    *,
    written: datetime,
    filters: Mapping[str, Callable[..., object]],
    colours: Mapping[str, Colour],
) -> str:
    """Render a page; every value is escaped unless the value is markup.

    Args:
        template: file name of the template.
        known: values that the template fills in, by name.
        written: time of writing in UTC, shown in the last line of the page.
        filters: functions that the template calls, by name.
        colours: colours of the page's figures, by name.

    Raises:
        jinja2.UndefinedError: if the template uses a name that is not in ``known``.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"contents": contents, "anchored": anchored, **filters}
    return templates.get_template(template).render(
        known,
        written=written,
        style=_sheet(colours),
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
    )


def _sheet(colours: Mapping[str, Colour]) -> Markup:
    """Return the style sheet; its variables are the page's own colours and ``colours``, by name."""
    colours = {"ink": palette.INK, "soft": palette.SOFT, "line": palette.LINE, "paper": palette.PAPER, **colours}
    light = "".join(f"--{name}: {colour.light}; " for name, colour in colours.items())
    dark = "".join(f"--{name}: {colour.dark}; " for name, colour in colours.items())
    turned = "".join(
        f'svg [{kind}="{colour.light}"] {{ {kind}: {colour.dark}; }}\n'
        for colour in dict.fromkeys(colours.values())
        for kind in ("fill", "stroke")
    )
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n:root {{ {dark}}}\n{turned}}}\n"
    return Markup(f":root {{ {light}}}\n{style}\n{dark}")
