"""From a template to a page that needs no network."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lengthwise.reports.palette import Colour
from lengthwise.reports.sheet import TEMPLATES, sheet


def render(
    template: str,
    known: Mapping[str, Any],
    *,
    filters: Mapping[str, Callable[..., object]],
    colours: Mapping[str, Colour],
) -> str:
    """A page from what is known, which is escaped unless it is markup; ``colours`` are those of its figures, by name.

    Raises:
        jinja2.UndefinedError: if the template names what is not known.
    """
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= filters
    return templates.get_template(template).render(
        known,
        written=datetime.now(UTC),
        style=sheet(colours),
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
    )
