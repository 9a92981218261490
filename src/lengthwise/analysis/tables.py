"""Values and differences of a summary as tidy tables, with or without pandas."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from lengthwise.analysis.claims import Claim
from lengthwise.analysis.effective import Effective
from lengthwise.analysis.grids import Value
from lengthwise.errors import InputError

if TYPE_CHECKING:
    import pandas

Table = Literal["values", "effective", "claims", "planes"]
COLUMNS: dict[Table, tuple[str, ...]] = {
    "values": tuple(field.name for field in fields(Value)),
    "effective": tuple(field.name for field in fields(Effective)),
    "claims": (
        *("mine", "theirs", "split", "ruling", "length", "decides"),
        *("pairs", "mean", "low", "high", "p", "corrected_p", "outcome"),
    ),
    "planes": ("mechanism", "split", "option", "value", "length", "seeds", "examples", "mean", "low", "high"),
}
"""Columns of each table, in order."""


def rows_of(found: Sequence[Value] | Sequence[Effective]) -> list[dict[str, Any]]:
    """List one row for each value or effective length."""
    return [vars(each).copy() for each in found]


def claim_rows(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """List one row for each claim and length."""
    return [
        {
            "mine": claim.mine,
            "theirs": claim.theirs,
            "split": claim.split,
            "ruling": claim.ruling,
            "length": found.length,
            "decides": found.length == claim.primary,
            "pairs": found.pairs,
            "mean": found.mean,
            "low": found.interval.low if found.interval else None,
            "high": found.interval.high if found.interval else None,
            "p": found.p,
            "corrected_p": found.corrected_p,
            "outcome": found.outcome,
        }
        for claim in claims
        for found in claim.differences
    ]


def dataframe(table: Table, rows: Sequence[dict[str, Any]]) -> "pandas.DataFrame":
    """Make a pandas data frame of rows; None becomes NaN.

    Raises:
        InputError: if pandas is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise InputError(
            "A data frame needs pandas: install it with pip install 'lengthwise[dataframe]', or use Summary.rows() or "
            "lengthwise export FOLDER --csv, which work without pandas."
        ) from None
    frame = pandas.DataFrame(rows, columns=list(COLUMNS[table]))
    may_lack = ("low", "high", "value") if table != "effective" else ("low", "high", "length", "perfect")
    return frame.astype({name: float for name in may_lack if name in frame})
