"""The documentation site: `make docs` builds it. Nothing here, and no page, takes anything from a network."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

import lengthwise

ROOT = Path(__file__).parents[1]

project = "lengthwise"
author = "The lengthwise authors"
version = release = lengthwise.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["**/.ipynb_checkpoints"]
nitpicky = True
show_warning_types = True

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"lengthwise {version}"
html_copy_source = False
html_show_copyright = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # as GitHub gives them
nb_execution_mode = "off"  # `make notebooks` runs them and keeps what they print
nb_render_markdown_format = "myst"

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "exclude-members": "model_config"}
python_display_short_literal_types = True
python_maximum_signature_line_length = 88
napoleon_use_rtype = False
napoleon_numpy_docstring = False

nitpick_ignore_regex = [(r"py:.*", r"(?!lengthwise\b).*")]  # names of other packages have no page here


def _take_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put a page of the repository's root, such as the README, where a page here includes it.

    Its links count from the root; they come to count from this folder.
    """

    def text(found: re.Match[str]) -> str:
        page = (ROOT / found[1]).read_text(encoding="utf-8")
        return re.sub(r"\]\((?!https?:|#)([^)]+)\)", lambda link: f"]({_from_docs(link[1])})", page)

    source[0] = re.sub(r"^```\{include\} \.\./(\w+\.md)\n```$", text, source[0], flags=re.MULTILINE)


def _from_docs(target: str) -> str:
    if "/" not in target and target.endswith(".md"):
        return "index.md" if target == "README.md" else target.lower()  # the page that takes it in
    return target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"


def _point_inside(app: Sphinx, doctree: nodes.document) -> None:
    """Let a link to a folder of the source lead to that room's page of the reference, where it has one.

    A link to a file is a download. The name of another folder stays without a link.
    """
    for link in list(doctree.findall(addnodes.pending_xref)):
        place = (ROOT / "docs" / link["reftarget"]).resolve()
        if link.get("refdomain") is None and place.is_dir():
            page = f"api/{place.name}"
            if page in app.env.found_docs:
                link["refdomain"], link["reftarget"], link["reftargetid"] = "doc", page, None
            else:
                link.replace_self(link.children)


def _once(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Describe a public name in one place: in the outermost package that has it."""
    name = name.rpartition(".")[2]
    package = app.env.current_document.autodoc_module
    while package := package.rpartition(".")[0]:
        outer = sys.modules[package]
        if name in getattr(outer, "__all__", ()) and getattr(outer, name) is value:
            return True
    return None


def _colon(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Leave a colon in the sentence about a variable alone; napoleon takes what stands before it for a type."""
    if what in ("attribute", "data", "property") and lines:
        lines[0] = f": {lines[0]}"  # no type, and then the sentence


def _only_prose(app: Sphinx, env: Any, link: addnodes.pending_xref, shown: nodes.Element) -> nodes.Element | None:
    """Ask for no page of a type that only stands in a signature; a name in a sentence needs its page."""
    place: nodes.Node | None = link
    while place is not None and not isinstance(place, addnodes.desc_signature):
        place = place.parent
    return None if place is None else shown


def _one_navigation(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Draw the navigation once for all pages of source of one depth; drawing it for each took half of the build."""
    if page.startswith("_modules/"):
        draw, depth = context["toctree"], page.count("/")

        def drawn(**wanted: Any) -> str:
            if depth not in _NAVIGATIONS:
                _NAVIGATIONS[depth] = draw(**wanted)
            return _NAVIGATIONS[depth]

        context["toctree"] = drawn


_NAVIGATIONS: dict[int, str] = {}


def _nothing_from_elsewhere(app: Sphinx, error: Exception | None) -> None:
    """Warn of a page that would load something from another host."""
    for page in Path(app.outdir).rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text(encoding="utf-8"))
        for tag in tags:
            if re.search(r"""(?:src|href)=["']?(?:https?:)?//""", tag):
                logging.getLogger(__name__).warning("%s loads %s", page.name, tag)


def _math(as_block: bool) -> tuple[Callable[[Any, nodes.Element], None], None]:
    """Formulas as MathML, which browsers show by themselves; a script would have to be fetched."""

    def visit(writer: Any, node: nodes.Element) -> None:
        writer.body.append(tex2mathml(node.astext(), as_block=as_block))
        raise nodes.SkipNode

    return visit, None


def setup(app: Sphinx) -> None:
    """Tell Sphinx of all this."""
    app.connect("source-read", _take_in)
    app.connect("doctree-read", _point_inside)
    app.connect("missing-reference", _only_prose)
    app.connect("html-page-context", _one_navigation, priority=400)  # before the theme
    app.connect("build-finished", _nothing_from_elsewhere)
    app.connect("autodoc-skip-member", _once)
    app.connect("autodoc-process-docstring", _colon, priority=400)  # before napoleon
    app.add_html_math_renderer("mathml", _math(as_block=False), _math(as_block=True))
