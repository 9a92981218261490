"""The results of a probe in sentences."""

import math
from statistics import fmean, median

from lengthwise.probes.perplexity import Bucket
from lengthwise.reports.probe.summary import Summary, trend
from lengthwise.reports.text import counted, joined, percent, signed
from lengthwise.statistics.bootstrap import FEWEST
from lengthwise.statistics.estimate import Estimate, exponential

TRENDS = {-1: "falls", 0: "shows no certain trend", 1: "rises"}


def verdicts(summary: Summary) -> list[str]:
    """Return sentences on the variance of all layers and of the first, the weights and the perplexity, then notes."""
    found = [_variance(summary), _first(summary), _weights(summary), _perplexity(summary)]
    few = len(summary.findings.windows) < FEWEST
    notes = [f"Intervals are left out, because an interval needs {FEWEST} windows or more."] if few else []
    return [sentence for sentence in found if sentence] + notes + summary.findings.notes


def interval(slope: Estimate) -> str:
    """Return a slope with its interval, as in ``−0.12 [−0.20, −0.03]``, or a dash if the slope is unknown."""
    bounds = f" [{signed(slope.low)}, {signed(slope.high)}]" if slope.bounded else ""
    return f"{signed(slope.value)}{bounds}" if slope.known else "–"


def perplexity(bucket: Bucket) -> tuple[str, str]:
    """Return the perplexity of a bucket and its interval, or a dash if the interval is unknown."""
    value, low, high = (exponential(nats) for nats in (bucket.loss.value, bucket.loss.low, bucket.loss.high))
    form = ",.2f" if value < 1000 else ",.0f" if value < 1e9 else ".2e"
    said = [f"{number:{form}}" if math.isfinite(number) else "over 1e308" for number in (value, low, high)]
    return said[0], f"[{said[1]}, {said[2]}]" if bucket.loss.bounded else "–"


def _variance(summary: Summary) -> str:
    known = [layer.variance.slope for layer in summary.layers if layer.variance.slope.known]
    if not known:
        return ""
    outcomes = [f"{what} in {summary.counted(sign)}" for sign, what in TRENDS.items() if summary.counted(sign)]
    first, *rest = outcomes
    first = f"{first} of {counted(len(summary.layers), 'layer')}"
    steepest, flattest = (pick(slope.value for slope in known) for pick in (min, max))
    return (
        f"From {summary.lengths[0]:,} to {summary.lengths[-1]:,} tokens, over {len(summary.findings.windows)} windows, "
        f"the deviation of the attention output {joined([first, *rest])}: slopes from {signed(steepest)} to "
        f"{signed(flattest)}, median {signed(median(slope.value for slope in known))}."
    )


def _first(summary: Summary) -> str:
    layer = summary.layers[0].variance
    if not layer.slope.known:
        return ""
    return (
        f"In the first layer the deviation {TRENDS[trend(layer.slope)]}: {layer.spreads[0].deviation:.3g} at "
        f"{layer.lengths[0]:,} tokens, {layer.spreads[-1].deviation:.3g} at {layer.lengths[-1]:,}, slope "
        f"{interval(layer.slope)}."
    )


def _weights(summary: Summary) -> str:
    if not summary.shown or len(summary.lengths) < 2:
        return ""
    ends = [[layer.dispersions[end] for layer in summary.shown if layer.dispersions] for end in (0, -1)]
    names = ("entropy", "first", "largest", "resolution")
    entropy, first, largest, resolution = ([fmean(getattr(of, name) for of in end) for end in ends] for name in names)
    return (
        f"The mean over layers of entropy / log n goes from {entropy[0]:.2f} to {entropy[1]:.2f}, the first token's "
        f"weight from {percent(first[0])} to {percent(first[1])} %, the largest weight from {percent(largest[0])} to "
        f"{percent(largest[1])} %, attention resolution from {resolution[0]:.2g} to {resolution[1]:.2g}."
    )


def _perplexity(summary: Summary) -> str:
    positions = summary.findings.model["positions"]
    within = [bucket for bucket in summary.buckets if positions is None or bucket.last <= positions]
    beyond = summary.buckets[len(within) :]
    said = [_at(bucket) for bucket in (within[-1:] + beyond)]
    if not said:
        return ""
    made = f" The model was made for {positions:,} positions." if beyond else ""
    return f"Perplexity is {joined(said)}.{made}"


def _at(bucket: Bucket) -> str:
    return f"{perplexity(bucket)[0]} after {bucket.first:,} to {bucket.last:,} tokens"
