"""The table of contents of a page: anchors at the headings, and links to the anchors."""

import re

from markupsafe import Markup

HEADING = re.compile(r"<h2>(.*?)</h2>", re.DOTALL)


def contents(body: Markup) -> Markup:
    """Return a list of links to the second-level headings of a page's body."""
    links = [Markup('<li><a href="#{}">{}</a></li>').format(_anchor(title), title) for title in _titles(body)]
    return Markup('<nav aria-label="Contents"><ul>{}</ul></nav>').format(Markup("").join(links))


def anchored(body: Markup) -> Markup:
    """Return the body with an anchor at each second-level heading, the target of its link."""
    return Markup(HEADING.sub(lambda found: f'<h2 id="{_anchor(Markup(found[1]))}">{found[1]}</h2>', body))


def _titles(body: Markup) -> list[Markup]:
    return [Markup(title) for title in HEADING.findall(body)]


def _anchor(title: Markup) -> str:
    """Return the anchor of a heading: its words in lower case, joined by hyphens."""
    return "-".join(re.findall(r"\w+", title.striptags().lower()))
