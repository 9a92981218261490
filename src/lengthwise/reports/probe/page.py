"""The page of a probe: one file that needs no network."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from lengthwise.configuration import to_toml
from lengthwise.reports import rendering, text
from lengthwise.reports.probe.figures import FIRST, LAST
from lengthwise.reports.probe.sentences import interval, perplexity, verdicts
from lengthwise.reports.probe.summary import Summary, trend


def render(
    summary: Summary, figures: Mapping[str, Markup], config: Mapping[str, Any], environment: Mapping[str, str]
) -> str:
    """Return the page, with its figures as SVG elements."""
    known = {
        "summary": summary,
        "findings": summary.findings,
        "verdicts": verdicts(summary),
        "figures": figures,
        "settings": to_toml(config),
        "environment": environment,
        "counted": text.counted,
    }
    filters: Mapping[str, Callable[..., object]] = {"interval": interval, "trend": trend, "perplexity": perplexity}
    colours = {"first": FIRST, "last": LAST}
    return rendering.render("probe.html", known, written=datetime.now(UTC), filters=filters, colours=colours)
