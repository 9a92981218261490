"""Where the runs of a comparison work: in processes of this machine, on a Ray cluster, or as jobs of SLURM.

An executor has one method, :meth:`~lengthwise.experiments.executors.executor.Executor.run`. An executor is
imported when it is asked for, and so is the package that it needs.
"""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry

if TYPE_CHECKING:
    from lengthwise.experiments.executors.executor import Executor

EXECUTORS: "Registry[type[Executor]]" = Registry(
    "executor",
    {
        "processes": "lengthwise.experiments.executors.processes:Processes",
        "ray": "lengthwise.experiments.executors.ray:Ray",
        "slurm": "lengthwise.experiments.executors.slurm:Slurm",
    },
)
