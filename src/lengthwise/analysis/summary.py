"""The summary of an experiment, ``summary.json``: all results as one tree of plain data."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lengthwise import files
from lengthwise.analysis.arms import Arms, arms
from lengthwise.analysis.attention import Slope, Trace, home, slopes, traces
from lengthwise.analysis.causes import Shares, causes
from lengthwise.analysis.claims import RULE, Claim, claims
from lengthwise.analysis.design import Design
from lengthwise.analysis.effective import Effective, effective
from lengthwise.analysis.grids import MANY, Grid, Value, grid, values
from lengthwise.analysis.literature import Literature, literature
from lengthwise.analysis.planes import Plane, plane_rows, planes
from lengthwise.analysis.proofs import Proof, proofs
from lengthwise.analysis.settings import configuration, environment
from lengthwise.analysis.tables import COLUMNS, Table, claim_rows, dataframe, rows_of
from lengthwise.analysis.training import Curve, Failed, Training, curves, failures, training
from lengthwise.analysis.variance import Variance, variances
from lengthwise.errors import InputError
from lengthwise.experiments.record import Experiment

if TYPE_CHECKING:
    import pandas

FILE = "summary.json"
SCHEMA = 5
"""Version of the format; every change of the format raises the version."""
REMEDY = "Write the summary again with lengthwise report FOLDER."


@dataclass(frozen=True)
class Summary:
    """All results of an experiment. Reports show a summary and nothing else.

    Lengths are in tokens or items (``design.unit``). Numbers of a metric are in the metric's unit; shares go from 0 to
    1. None (null in JSON) replaces a number that is not finite.
    """

    schema: int
    """Version of the format."""
    written: str
    """Time at which the summary was made, in UTC, for example 2026-01-31T12:00."""
    command: str
    """Command that repeats the experiment."""
    design: Design
    values: tuple[Value, ...]
    """Every metric of every run at a chosen learning rate, in the order of mechanisms, seeds, points and metrics."""
    grids: tuple[Grid, ...]
    """Means over seeds: one grid for each metric, the main metric first."""
    planes: tuple[Plane, ...]
    """The main metric against the length and an option of the task, for the splits that differ in this option alone."""
    rule: str
    """Rule by which claims are decided, in words."""
    claims: tuple[Claim, ...]
    """Claims in the order of splits and mechanisms."""
    effective: tuple[Effective, ...]
    """Effective lengths, in the order of splits and mechanisms; empty if no length beyond the training length is
    evaluated."""
    literature: Literature
    """Published results about the task."""
    causes: tuple[Shares, ...]
    """Causes of wrong answers; empty if the task does not measure causes."""
    traces: tuple[Trace, ...]
    """Statistics of attention."""
    slopes: tuple[Slope, ...]
    """Slopes of the standard deviation of attention outputs against the length."""
    drift_from: int
    """Length from which the drift of the global mean is measured."""
    variances: tuple[Variance, ...]
    """Sources of variance, in the order of splits, mechanisms and lengths; empty if no seeds are crossed."""
    proofs: tuple[Proof, ...]
    """Certificates of the networks that can have one, in the order of mechanisms and seeds."""
    training: tuple[Training, ...]
    """Training of each mechanism, in the order of mechanisms; empty if the models were trained elsewhere."""
    curves: tuple[Curve, ...]
    """Training loss, one curve for each run at a chosen learning rate."""
    runs: int
    """Number of runs: finished, unfinished and failed."""
    failures: tuple[Failed, ...]
    settings: str
    """Configuration as TOML: every setting, given or default."""
    environment: dict[str, tuple[str, ...]]
    """Environment of the runs: versions, commit, host and more by name; several values if runs differ."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a ``summary.json``.

        Raises:
            InputError: if the file is missing or damaged, or has another version of the format.
        """
        held = files.read_json(path, dict[str, Any], REMEDY)
        if held.get("schema") != SCHEMA:
            raise InputError(f"{path} has format {held.get('schema')!r}; this version reads format {SCHEMA}. {REMEDY}")
        return files.read_json(path, cls, REMEDY)

    def write(self, path: Path) -> None:
        """Write ``summary.json`` atomically: a stopped process leaves no partial file.

        Raises:
            RunError: if the file cannot be written.
        """
        files.write(path, self.to_json())

    def to_json(self) -> str:
        """Return the whole summary as JSON."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @property
    def many(self) -> bool:
        """True if there are too many mechanisms for one line in a figure and one sentence each."""
        return len(self.design.mechanisms) > MANY

    @property
    def main(self) -> Grid:
        """The grid of the main metric."""
        return self.grids[0]

    def rows(self, table: Table = "values") -> list[dict[str, Any]]:
        """Return the rows of a tidy table, each row as a dictionary by column.

        Args:
            table: ``values`` has a row for each mechanism, seed, split, length and metric, with the columns of
                :class:`~lengthwise.analysis.grids.Value`. ``effective`` has a row for each mechanism and split, with
                the columns of :class:`~lengthwise.analysis.effective.Effective`. ``claims`` has a row for each claim
                and length, with the columns of :class:`~lengthwise.analysis.claims.Difference`, the ruling of the
                claim, and whether the length decides the claim. ``planes`` has a row for each mechanism, value of the
                option and length, with the means over seeds and the ends of :class:`~lengthwise.analysis.grids.Cell`.
        """
        if table == "claims":
            return claim_rows(self.claims)
        if table == "planes":
            return plane_rows(self.planes)
        return rows_of(self.values if table == "values" else self.effective)

    def to_dataframe(self, table: Table = "values") -> "pandas.DataFrame":
        """Make a pandas data frame of a table, see :meth:`rows`; None becomes NaN.

        Raises:
            InputError: if pandas is not installed.
        """
        return dataframe(table, self.rows(table))

    def to_csv(self) -> str:
        """Return the table of values as CSV with a header line; None becomes an empty field."""
        return files.as_csv(COLUMNS["values"], self.rows())


def summarise(experiment: Experiment) -> Summary:
    """Compute the summary of an experiment, finished or not."""
    design = Design.of(experiment.config)
    models = arms(experiment)
    return replace(
        of_models(
            models,
            design,
            command=experiment.command,
            settings=configuration(experiment),
            environment=environment(experiment),
        ),
        claims=claims(models, design),
        literature=literature(design, experiment.config.base.model),
        proofs=proofs(experiment),
        training=training(experiment, design),
        curves=curves(experiment, design),
        runs=len(experiment.runs),
        failures=failures(experiment),
    )


def of_models(
    models: Arms, design: Design, *, command: str, settings: str, environment: dict[str, tuple[str, ...]]
) -> Summary:
    """Compute the summary of what was measured of models, without their training, and so without a claim about it."""
    grids = tuple(grid(models, design, metric) for metric in design.metrics)
    return Summary(
        schema=SCHEMA,
        written=f"{datetime.now(UTC):%Y-%m-%dT%H:%M}",
        command=command,
        design=design,
        values=values(models, design),
        grids=grids,
        planes=planes(grids[0], design),
        rule=RULE,
        claims=(),
        effective=effective(models, design),
        literature=literature(design, None),
        causes=causes(models, design),
        traces=traces(models, design),
        slopes=slopes(models, design),
        drift_from=home(design),
        variances=variances(models, design),
        proofs=(),
        training=(),
        curves=(),
        runs=0,
        failures=(),
        settings=settings,
        environment=environment,
    )
