"""The table of a probe for the terminal."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lengthwise.reports.bare import bare
from lengthwise.reports.probe.sentences import interval, perplexity, verdicts
from lengthwise.reports.probe.summary import Summary, trend
from lengthwise.reports.text import joined

STYLES = {-1: "bold red", 0: "dim", 1: "bold green"}


def table(summary: Summary) -> Group:
    """Return a table of layers, a table of perplexity by position, and the sentences."""
    parts = [_layers(summary), *([_perplexity(summary)] if summary.buckets else [])]
    said = (Text(sentence) for sentence in verdicts(summary))
    return Group(*(line for part in parts for line in (part, "")), *said)


def _layers(summary: Summary) -> Table:
    first, last = summary.lengths[0], summary.lengths[-1]
    name = summary.layers[0].variance.name
    measured = list(dict.fromkeys(summary.findings.measured.values()))
    table = bare(
        f"Attention by layer, at {first:,} and at {last:,} tokens, over {len(summary.findings.windows)} windows",
        f"Layer 0 is {name}; measured: {joined(measured)}. Slope: log deviation against log tokens, with "
        "a bootstrap interval over windows. Two numbers in a cell belong to the two lengths; global variance is the "
        "ratio of the variance at the two lengths.",
    )
    table.collapse_padding = True  # eight columns fit into 80 characters
    weights = ("entropy\n/ log n", "first\ntoken", "largest\nweight") if summary.shown else ()
    for heading in ("", "\nslope", "95 %\ninterval", "\ndeviation", "global\nvariance", *weights):
        table.add_column(heading, justify="right", overflow="fold")
    for number, layer in enumerate(summary.layers):
        variance = layer.variance
        slope, _, bounds = interval(variance.slope).partition(" ")
        cells = [Text(str(number)), Text(slope, STYLES[trend(variance.slope)]), Text(bounds)]
        cells.append(_ends([at.deviation for at in variance.spreads], ".2g"))
        cells.append(_ratio([at.global_variance for at in variance.spreads]))
        for of in ("entropy", "first", "largest") if layer.dispersions else ():
            cells.append(_ends([getattr(at, of) for at in layer.dispersions or ()], ".2f"))
        table.add_row(*cells)
    return table


def _perplexity(summary: Summary) -> Table:
    table = bare(
        "Perplexity by position",
        "Perplexity of the next token after a number of tokens, with a 95 % interval over windows.",
    )
    for heading in ("tokens before", "perplexity", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for bucket in summary.buckets:
        table.add_row(f"{bucket.first:,}–{bucket.last:,}", *map(Text, perplexity(bucket)))
    return table


def _ends(values: Sequence[float], form: str) -> Text:
    """Return the first and the last value, which a narrow terminal breaks into two lines."""
    return Text(" ".join(format(value, form) for value in (values if len(values) == 1 else (values[0], values[-1]))))


def _ratio(values: Sequence[float]) -> Text:
    """Return the ratio of the last value to the first."""
    return Text(f"×{values[-1] / values[0]:.2f}" if values[0] else "–")
