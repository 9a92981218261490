"""The figures of a report as Vega-Altair charts with their rows of data, one file per figure."""

from lengthwise.reports.figures.attention import attention
from lengthwise.reports.figures.causes import causes
from lengthwise.reports.figures.heat import heat
from lengthwise.reports.figures.loss import training_loss
from lengthwise.reports.figures.metric import metric
from lengthwise.reports.figures.paired import paired
from lengthwise.reports.figures.plane import plane

__all__ = ["attention", "causes", "heat", "metric", "paired", "plane", "training_loss"]
