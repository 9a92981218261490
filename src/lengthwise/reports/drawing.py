"""Charts written to files in the style of the report."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from lengthwise import files
from lengthwise.reports.figures.parts import Rows
from lengthwise.reports.palette import INK, LINE, PAPER, SOFT

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
AXIS = {
    "aria": False,
    "domain": False,
    "gridColor": LINE.light,
    "labelColor": SOFT.light,
    "labelFontSize": 11,
    "labelPadding": 8,
    "ticks": False,
    "titleColor": SOFT.light,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "titlePadding": 12,
}
LEGEND = {
    "aria": False,
    "columnPadding": 24,
    "columns": 3,
    "labelColor": INK.light,
    "labelFontSize": 13,
    "labelLimit": 0,
    "offset": 16,
    "orient": "top",
    "symbolOpacity": 1,
    "symbolSize": 90,
    "symbolStrokeWidth": 2,
    "title": None,
}
TITLE = {"anchor": "start", "frame": "group", "color": INK.light, "fontSize": 14, "fontWeight": 600, "offset": 26}
STYLE = {"font": FONT, "padding": 4, "view": {"stroke": None}, "axis": AXIS, "legend": LEGEND, "title": TITLE}


FOR_THE_EYE = {"said", "place", "rank", "shade", "shown", "bottom", "top"}
"""Fields of rows that only control where and how a mark is drawn."""


def draw(charts: Mapping[str, tuple[Any, Rows]], folder: Path) -> dict[str, Markup]:
    """Draw charts of the data called ``rows`` into files in a folder; return their SVG elements for a page, by name.

    Each chart with rows gives ``NAME.svg``, ``NAME.pdf`` and ``NAME.png`` (two image pixels per pixel) on white with a
    legend, ``NAME.vl.json``, the Vega-Lite specification with the data, and ``NAME.csv``, the numbers alone. The SVG
    element has no background and no legend, because the page has both; its texts are escaped.

    Raises:
        RunError: if a file cannot be written.
    """
    return {name: _draw(chart, rows, folder / name) for name, (chart, rows) in charts.items() if rows}


def _draw(chart: Any, rows: Rows, path: Path) -> Markup:
    """Draw one chart; chart and data are separate arguments, because Altair copies its own data again and again."""
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    chart = chart.to_dict()
    chart["datasets"] = chart.get("datasets", {}) | {"rows": rows}
    whole = chart | {"config": STYLE | {"background": PAPER.light}}
    svg: str = vl_convert.vegalite_to_svg(whole, vl_version=version)
    made: dict[str, str | bytes] = {
        "svg": svg,
        "pdf": vl_convert.svg_to_pdf(svg),
        "png": vl_convert.svg_to_png(svg, scale=2),
        "vl.json": json.dumps(whole, indent=1) + "\n",
        "csv": _table(rows),
    }
    for ending, content in made.items():
        files.write(path.with_name(f"{path.name}.{ending}"), content)
    bare = _without_legends(chart) | {"datasets": chart["datasets"]}
    bare |= {"config": STYLE | {"background": "transparent", "legend": {"disable": True}}}
    return Markup(vl_convert.vegalite_to_svg(bare, vl_version=version))


def _without_legends(part: Any) -> Any:
    """Return a specification without its legends, because the legends would override the style."""
    if isinstance(part, list):
        return [_without_legends(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {name: _without_legends(item) for name, item in part.items() if name not in ("legend", "datasets")}


def _table(rows: Rows) -> str:
    """Return the rows as CSV, without the fields that only control the drawing."""
    names = dict.fromkeys(name for row in rows for name in row)
    return files.as_csv([name for name in names if name not in FOR_THE_EYE], rows)
