"""From charts to pictures, in the report's style."""

from typing import Any

import altair as alt
import vl_convert

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


def draw(chart: Any, rows: list[dict[str, Any]]) -> tuple[str, bytes]:
    """A chart of the data called ``rows``, as an SVG element and as PNG.

    The SVG has no background and no legend, both of which the page has, and its texts are escaped. The PNG is on white,
    at two pixels per pixel. Chart and data come separately, since Altair copies the data it knows again and again.
    """
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    chart = chart.to_dict()
    chart["datasets"] = chart.get("datasets", {}) | {"rows": rows}
    bare = chart | {"config": STYLE | {"background": "transparent", "legend": {"disable": True}}}
    svg: str = vl_convert.vegalite_to_svg(bare, vl_version=version)
    whole = chart | {"config": STYLE | {"background": PAPER.light}}
    png: bytes = vl_convert.vegalite_to_png(whole, vl_version=version, scale=2)
    return svg, png
