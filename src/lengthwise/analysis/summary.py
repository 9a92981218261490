"""Everything that an experiment has shown, as one tree of plain data: ``summary.json``."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lengthwise import files
from lengthwise.analysis.attention import Slope, Trace, home, slopes, traces
from lengthwise.analysis.causes import Shares, causes
from lengthwise.analysis.claims import RULE, Claim, claims
from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import MANY, Grid, Value, grid, values
from lengthwise.analysis.settings import configuration, environment
from lengthwise.analysis.tables import COLUMNS, Table, claim_rows, dataframe, value_rows
from lengthwise.analysis.training import Curve, Failed, Training, curves, failures, training
from lengthwise.errors import InputError
from lengthwise.experiments.record import Experiment

if TYPE_CHECKING:
    import pandas

FILE = "summary.json"
SCHEMA = 1
"""Version of the format; it rises with every change of it."""
REMEDY = "Write it anew with lengthwise report FOLDER."


@dataclass(frozen=True)
class Summary:
    """What an experiment has shown. Reports show this and nothing else.

    Lengths are in tokens or items (``design.unit``). Numbers of a metric are in the metric's unit; shares go from 0 to
    1. None, which is null in JSON, stands where there is no finite number.
    """

    schema: int
    """Version of the format."""
    written: str
    """When the summary was made, in UTC, as in 2026-01-31T12:00."""
    command: str
    """How to repeat the experiment."""
    design: Design
    values: tuple[Value, ...]
    """Every metric of every run at a chosen learning rate, in the order of mechanisms, seeds, points and metrics."""
    grids: tuple[Grid, ...]
    """The means over seeds: one grid for each metric, the main one first."""
    rule: str
    """How claims are decided, in words."""
    claims: tuple[Claim, ...]
    """In the order of splits and mechanisms."""
    causes: tuple[Shares, ...]
    """Why sets were answered wrongly; empty where the task does not know."""
    traces: tuple[Trace, ...]
    """Statistics of attention."""
    slopes: tuple[Slope, ...]
    """How fast the outputs of attention lose their variance with the length."""
    drift_from: int
    """The length that the drift of the global mean is counted from."""
    training: tuple[Training, ...]
    """One for each mechanism, in their order."""
    curves: tuple[Curve, ...]
    """The training loss, one curve for each run at a chosen learning rate."""
    runs: int
    """How many runs the experiment has, whatever became of them."""
    failures: tuple[Failed, ...]
    settings: str
    """The configuration as TOML: every setting, given or default."""
    environment: dict[str, tuple[str, ...]]
    """Where the runs ran: versions, commit, host and more by name; several values where runs differ."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a ``summary.json``.

        Raises:
            InputError: if it is missing or damaged, or has another version of the format.
        """
        held = files.read_json(path, dict[str, Any], REMEDY)
        if held.get("schema") != SCHEMA:
            raise InputError(f"{path} has the format {held.get('schema')!r}, and {SCHEMA} is known here. {REMEDY}")
        return files.read_json(path, cls, REMEDY)

    def write(self, path: Path) -> None:
        """Write ``summary.json``, whole or not at all.

        Raises:
            RunError: if it cannot be written.
        """
        files.write(path, self.to_json())

    def to_json(self) -> str:
        """Give the whole summary as JSON."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @property
    def many(self) -> bool:
        """True if there are more mechanisms than lines can be told apart, or sentences read."""
        return len(self.design.mechanisms) > MANY

    @property
    def main(self) -> Grid:
        """The grid of the main metric."""
        return self.grids[0]

    def rows(self, table: Table = "values") -> list[dict[str, Any]]:
        """List the rows of a tidy table by column.

        Args:
            table: ``values``, a row for each mechanism, seed, split, length and metric, with the columns of
                :class:`~lengthwise.analysis.grids.Value`; or ``claims``, a row for each claim and length, with the
                columns of :class:`~lengthwise.analysis.claims.Difference`, what became of the claim, and whether the
                length decides it.
        """
        return value_rows(self.values) if table == "values" else claim_rows(self.claims)

    def to_dataframe(self, table: Table = "values") -> "pandas.DataFrame":
        """Make a pandas data frame of a table, see :meth:`rows`; what is None there is NaN here.

        Raises:
            InputError: if pandas is not installed.
        """
        return dataframe(table, self.rows(table))

    def to_csv(self) -> str:
        """Give the table of values as CSV, with a line of names; what is None is empty."""
        return files.as_csv(COLUMNS["values"], self.rows())


def summarise(experiment: Experiment) -> Summary:
    """Compute everything that reports show of an experiment, finished or not."""
    asked = Design.of(experiment.config)
    return Summary(
        schema=SCHEMA,
        written=f"{datetime.now(UTC):%Y-%m-%dT%H:%M}",
        command=experiment.command,
        design=asked,
        values=values(experiment, asked),
        grids=tuple(grid(experiment, asked, metric) for metric in asked.metrics),
        rule=RULE,
        claims=claims(experiment, asked),
        causes=causes(experiment, asked),
        traces=traces(experiment, asked),
        slopes=slopes(experiment, asked),
        drift_from=home(asked),
        training=training(experiment, asked),
        curves=curves(experiment, asked),
        runs=len(experiment.runs),
        failures=failures(experiment),
        settings=configuration(experiment),
        environment=environment(experiment),
    )
