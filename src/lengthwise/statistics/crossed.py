"""Two crossed sources of variation, such as seeds of the weights and seeds of the data: how much each contributes.

A table of values y, one for each pair of a row and a column, is a mean, an effect of the row, an effect of the column,
and a rest, which holds their interaction and the noise. The components of variance come from the mean squares of a
two-way analysis of variance with one value in each cell (Searle, Casella and McCulloch, Variance Components, 1992).
"""

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-28
"""Share of the sum of all squares below which a rest is rounding of float64, and none."""


@dataclass(frozen=True)
class Components:
    """Variances of the effects of rows, of columns, and of the rest (square of the values' unit).

    An estimate below 0, which says that the effect is not seen behind the rest, is 0 here.
    """

    rows: float
    columns: float
    rest: float

    @property
    def deviations(self) -> tuple[float, float, float]:
        """Standard deviations (unit of the values)."""
        return self.rows**0.5, self.columns**0.5, self.rest**0.5


def components(table: np.ndarray) -> Components:
    """Estimate the components of variance of a table, (rows, columns), with two rows and two columns at least."""
    rows, columns = table.shape
    of_rows, of_columns = table.mean(1, keepdims=True), table.mean(0, keepdims=True)
    rest = np.square(table - of_rows - of_columns + table.mean()).sum() / ((rows - 1) * (columns - 1))
    if rest <= ROUNDING * np.square(table).sum():
        rest = 0.0
    between_rows = columns * of_rows.var(ddof=1)
    between_columns = rows * of_columns.var(ddof=1)
    return Components(
        rows=float(max(0.0, (between_rows - rest) / columns)),
        columns=float(max(0.0, (between_columns - rest) / rows)),
        rest=float(rest),
    )
