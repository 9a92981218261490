"""The contents of a page: its headings as anchors, and links to them."""

import re

from markupsafe import Markup

HEADING = re.compile(r"<h2>(.*?)</h2>", re.DOTALL)


def contents(body: Markup) -> Markup:
    """A list of links to the second-level headings of a page's body."""
    links = [Markup('<li><a href="#{}">{}</a></li>').format(_anchor(title), title) for title in _titles(body)]
    return Markup('<nav aria-label="Contents"><ul>{}</ul></nav>').format(Markup("").join(links))


def anchored(body: Markup) -> Markup:
    """The body, in which these headings are what the links lead to."""
    return Markup(HEADING.sub(lambda found: f'<h2 id="{_anchor(Markup(found[1]))}">{found[1]}</h2>', body))


def _titles(body: Markup) -> list[Markup]:
    return [Markup(title) for title in HEADING.findall(body)]


def _anchor(title: Markup) -> str:
    """A name that stays as long as the heading does: its words, small, with hyphens."""
    return "-".join(re.findall(r"\w+", title.striptags().lower()))
