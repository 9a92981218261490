"""Threshold relative attention as torch operators, one for each fast backend."""

from functools import partial

from lengthwise.ops import operator
from lengthwise.ops.threshold_relative import reference
from lengthwise.ops.threshold_relative.problem import Problem

KIND = operator.Kind("threshold_relative", Problem, ("float", "float", "float", "float?"), reference.attend)
define = partial(operator.define, KIND)
