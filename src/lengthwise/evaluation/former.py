"""Convert the points of older folders, which had a fixed field for each metric, to the present format."""

import math
from typing import Any

FORMER = {"exact": "exact_match", "correct": "token_accuracy"}
"""Old name of each of the two sums, and the metric computed from the sum."""


def as_now(tree: Any) -> Any:
    """Turn a point with a field for each metric into a point with metrics by name; return any other tree unchanged.

    Intervals that the old point did not hold become nan.

    Raises:
        ValueError: if the old point is damaged.
    """
    if not isinstance(tree, dict) or "values" in tree or "exact_match" not in tree:
        return tree
    try:
        return _converted(dict(tree))
    except KeyError as error:
        raise ValueError(f"it has no {error}") from None
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise ValueError(f"its numbers do not fit together ({error})") from None


def _converted(point: dict[str, Any]) -> dict[str, Any]:
    sequences, scored, causes = point["sequences"], point.pop("scored"), point.pop("causes", None)
    values = {}
    for (total, name), weight in zip(FORMER.items(), (sequences, scored), strict=True):
        low, high = point.pop(f"{name}_interval")
        values[name] = _measured(point.pop(name), low, high, point.pop(total), weight)
    loss = point.pop("loss")
    values["loss"] = _measured(loss, math.nan, math.nan, loss * scored, scored)
    for name, count in (causes or {}).items():
        values[name] = _measured(count / sequences, math.nan, math.nan, count, sequences)
    return point | {"values": values}


def _measured(value: Any, low: Any, high: Any, numerator: Any, weight: Any) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "numerator": numerator, "weight": weight}
