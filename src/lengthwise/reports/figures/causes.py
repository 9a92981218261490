"""Right and wrong answers at every length, with wrong answers split by their cause."""

import altair as alt

from lengthwise.analysis.causes import Shares, by_place
from lengthwise.analysis.summary import Summary
from lengthwise.reports import palette
from lengthwise.reports.figures.parts import MARGIN, WIDTH, Chart, Rows, arranged, only
from lengthwise.reports.text import counted, percent, plural

COLUMNS = 3
NAMES = {"right": "right", "dispersion": "wrong by dispersion", "ordering": "wrong by ordering"}
"""Names of the parts of a bar, from the bottom."""


def causes(summary: Summary) -> tuple[Chart, Rows]:
    """Draw bars stacked to 100 %, a panel for each mechanism and split."""
    shares, unit = by_place(summary.causes), summary.design.unit
    places = [(split, mechanism) for split, of in shares.items() for mechanism in of]
    columns = min(COLUMNS, len(places))
    panels = [
        _panel(summary, split, mechanism, first=index % columns == 0, several=len(shares) > 1).properties(
            width=WIDTH // columns - MARGIN, height=180
        )
        for index, (split, mechanism) in enumerate(places)
    ]
    rows = [
        row
        for split, mechanism in places
        for length, share in shares[split][mechanism].items()
        for row in _rows(share, f"{length:,} {unit}", {"split": split, "mechanism": mechanism, "length": length})
    ]
    return arranged(panels, columns), rows


def _rows(share: Shares, size: str, where: dict[str, object]) -> Rows:
    parts = [getattr(share, part) for part in NAMES]
    said = [f"{where['mechanism']}, {where['split']}", f"{size}, {counted(share.seeds, 'seed')}"]
    said += [f"{name} {percent(part)} %" for name, part in zip(NAMES.values(), parts, strict=True)]
    said += [f"heaviest key right in {percent(share.right_key)} %"]
    return [
        where
        | {"part": name, "share": parts[i], "bottom": sum(parts[:i]), "top": sum(parts[: i + 1])}
        | {"said": " · ".join(said)}
        for i, name in enumerate(NAMES.values())
    ]


def _panel(summary: Summary, split: str, mechanism: str, first: bool, several: bool) -> Chart:
    heading = [mechanism, f"on {split} data"] if several else mechanism
    percents = alt.Axis(labelExpr="100 * datum.value + ' %'", values=[0, 0.25, 0.5, 0.75, 1])
    lengths = alt.Axis(
        labelExpr="format(datum.value, ',d')", labelAngle=0, labelOverlap="greedy", labelSeparation=5, grid=False
    )
    name = plural(summary.design.example) if first else ""
    colour = alt.Scale(domain=[*NAMES.values()], range=[palette.CAUSES[part].light for part in NAMES])
    return (
        only(alt.Chart(title=heading), split=split, mechanism=mechanism)
        .mark_bar()
        .encode(
            alt.X(
                "length:O",
                axis=lengths,
                scale=alt.Scale(paddingInner=0.15, paddingOuter=0.1),
                title=summary.design.unit,
            ),
            alt.Y("bottom:Q", scale=alt.Scale(domain=[0, 1]), axis=percents, title=name),
            alt.Y2("top:Q"),
            alt.Color("part:N", scale=colour),
            description="said:N",
        )
    )
