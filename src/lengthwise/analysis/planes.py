"""Planes: the main metric against the length and one more number, an option of the task, for each mechanism."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lengthwise.analysis.axes import Axis
from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import Cell, Grid


@dataclass(frozen=True)
class Plane:
    """Cells of the main metric in rows of an option's values and columns of lengths, for each mechanism."""

    axis: Axis
    """The option, its values, and the split of each value."""
    lengths: tuple[int, ...]
    """Evaluated lengths, shortest first."""
    rows: dict[str, tuple[tuple[Cell | None, ...], ...]]
    """By mechanism, a row for each value of the axis; None if a cell is not evaluated yet."""


def planes(main: Grid, design: Design) -> tuple[Plane, ...]:
    """Arrange the grid of the main metric by the values of every axis of the design."""
    return tuple(
        Plane(
            axis=axis,
            lengths=design.lengths,
            rows={name: tuple(main.rows[split][name] for split in axis.splits) for name in main.rows[axis.splits[0]]},
        )
        for axis in design.axes
    )


def plane_rows(found: Sequence[Plane]) -> list[dict[str, Any]]:
    """List one row for each cell of the planes, with the option and its value as columns."""
    return [
        {"mechanism": name, "split": plane.axis.split, "option": plane.axis.option, "value": value}
        | {"length": cell.length, "seeds": cell.seeds, "examples": cell.sequences}
        | {"mean": cell.mean, "low": cell.low, "high": cell.high}
        for plane in found
        for name, by_value in plane.rows.items()
        for value, cells in zip(plane.axis.values, by_value, strict=True)
        for cell in cells
        if cell is not None
    ]
